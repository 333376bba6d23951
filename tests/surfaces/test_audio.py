"""`POST /audio/speech` and `/audio/transcriptions` over real sockets."""

import base64

import httpx
import openai
import pytest

from tests.surfaces.conftest import Site
from tests.surfaces.upstream import Played, whole

pytestmark = pytest.mark.io

SOUND = b"ID3" + bytes(range(256)) * 20
TEXT = "Ruby is a programming language."
BY_SECONDS = {"text": TEXT, "usage": {"type": "duration", "seconds": 3}}
BY_TOKENS = {
    "text": TEXT,
    "usage": {
        "type": "tokens",
        "input_tokens": 37,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 37},
        "output_tokens": 12,
        "total_tokens": 49,
    },
}
VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 2.5,
    "text": TEXT,
    "segments": [{"id": 0, "start": 0.0, "end": 2.5, "text": TEXT}],
}


def speak(**fields) -> dict:
    return {"model": "test/voice", "input": "Hello there", "voice": "ash", **fields}


def hear(**fields) -> dict:
    audio = {"data": base64.b64encode(SOUND).decode(), "format": "mp3"}
    return {"model": "test/ears", "input_audio": audio, **fields}


@pytest.mark.parametrize(
    ("wish", "kind", "sent"),
    [(None, "audio/pcm", "pcm"), ("mp3", "audio/mpeg", "mp3"), ("wav", "audio/wav", "wav")],
)
def test_speech_is_sound_and_pcm_by_default(site: Site, wish, kind, sent):
    site.upstream.play("voice-test", Played(parts=(SOUND,), kind=kind))

    answer = site.post("/api/v1/audio/speech", speak(**({"response_format": wish} if wish else {})))

    row = site.generation(answer)
    assert (answer.status_code, answer.content) == (200, SOUND)
    assert answer.headers["content-type"] == kind
    assert site.upstream.last.json["response_format"] == sent
    assert site.upstream.last.path == "/chat/v1/audio/speech"
    assert row["id"].startswith("gen-tts-")
    assert (row["api_type"], row["tokens_prompt"]) == ("tts", 11)
    assert row["total_cost"] == pytest.approx(11 * 15e-6)


def test_how_fast_to_speak_is_told_to_the_host(site: Site):
    site.upstream.play("voice-test", Played(parts=(SOUND,), kind="audio/pcm"))

    answer = site.post("/api/v1/audio/speech", speak(speed=1.25))

    assert answer.status_code == 200, answer.text
    assert site.upstream.last.json["speed"] == 1.25


def test_the_openai_client_hears(site: Site):
    site.upstream.play("voice-test", Played(parts=(SOUND,), kind="audio/mpeg"))

    with openai.OpenAI(base_url=site.root + "/v1", api_key=site.key) as client:
        heard = client.audio.speech.create(
            model="test/voice", voice="ash", input="Hello", response_format="mp3"
        )

    assert heard.read() == SOUND


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/audio/speech", speak(input=""), "input"),
        ("/audio/speech", speak(response_format="midi"), "response_format"),
        ("/audio/speech", speak(stream_format="sse"), "stream_format"),
        ("/audio/speech", speak(speed=0), "speed"),
        ("/audio/transcriptions", hear(input_audio={"data": "", "format": "mp3"}), "input_audio"),
        ("/audio/transcriptions", hear(input_audio={"data": "?", "format": "mp3"}), "input_audio"),
        (
            "/audio/transcriptions",
            hear(input_audio={"data": "data:audio/mp3;base64,AA==", "format": "mp3"}),
            "input_audio",
        ),
        ("/audio/transcriptions", hear(response_format="srt"), "response_format"),
        ("/audio/transcriptions", {"model": "test/ears"}, "input_audio"),
    ],
)
def test_what_is_wrong_is_named(site: Site, path, body, named):
    site.upstream.arrived.clear()

    answer = site.post("/api/v1" + path, body)

    assert answer.status_code == 400
    assert named in answer.json()["error"]["message"]
    assert site.upstream.arrived == []


@pytest.mark.parametrize("broken", [b"", b'{"error":{"message":"no"}}'])
def test_what_is_no_sound_is_the_providers_failure(site: Site, broken):
    site.upstream.play("voice-test", whole(broken))

    answer = site.post("/api/v1/audio/speech", speak())

    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/json"
    assert site.generation(answer)["total_cost"] == 0


@pytest.mark.parametrize(
    ("model", "upstream", "native", "usage", "cost"),
    [
        ("test/ears", "ears-test", BY_SECONDS, {"seconds": 3}, 3e-4),
        ("test/ears", "ears-test", VERBOSE, {"seconds": 2.5}, 3e-4),
        (
            "test/ears-tokens",
            "ears-tokens",
            BY_TOKENS,
            {"input_tokens": 37, "output_tokens": 12, "total_tokens": 49},
            37e-6 + 12 * 5e-6,
        ),
    ],
)
def test_a_transcription_is_charged_in_its_unit(
    site: Site, described, model, upstream, native, usage, cost
):
    site.upstream.play(upstream, whole(native))

    answer = site.post("/api/v1/audio/transcriptions", hear(model=model, language="en"))

    body, row = answer.json(), site.generation(answer)
    assert described("/audio/transcriptions", body) == []
    assert body["text"] == TEXT
    assert body["usage"] == {**usage, "cost": pytest.approx(cost)}
    assert (row["total_cost"], row["api_type"]) == (body["usage"]["cost"], "stt")
    assert body.get("segments") == native.get("segments")
    sent = site.upstream.last
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert SOUND in sent.body
    assert b'name="file"; filename="audio.mp3"' in sent.body
    assert b'name="language"\r\n\r\nen\r\n' in sent.body


def test_the_openai_client_sends_a_form(site: Site):
    site.upstream.play("ears-test", whole(BY_SECONDS))

    with openai.OpenAI(base_url=site.root + "/api/v1", api_key=site.key) as client:
        heard = client.audio.transcriptions.create(
            model="test/ears",
            file=("speech.wav", SOUND),
            temperature=0.5,
            timestamp_granularities=["segment"],
            response_format="verbose_json",
        )

    assert heard.text == TEXT
    sent = site.upstream.last.body
    assert b'filename="audio.wav"' in sent
    assert b'name="timestamp_granularities[]"\r\n\r\nsegment\r\n' in sent
    assert b'name="temperature"\r\n\r\n0.5\r\n' in sent
    assert SOUND in sent


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"nothing", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\nno name\r\n--x--", "multipart/form-data; boundary=x"),
        (b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--x--',
         "multipart/form-data; boundary=x"),
        (b"--x--", "multipart/form-data"),
        (b"--x\r\n" * 500 + b"--x--", "multipart/form-data; boundary=x"),
    ],
)  # fmt: skip
def test_a_bad_form_is_the_clients_mistake(site: Site, body, kind):
    answer = httpx.post(
        site.root + "/api/v1/audio/transcriptions",
        content=body,
        headers={"content-type": kind, "x-api-key": site.key},
    )

    assert answer.status_code == 400
    assert "form" in answer.json()["error"]["message"]
