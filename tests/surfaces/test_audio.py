"""`POST /audio/speech` and `/audio/transcriptions` over real sockets."""

import base64
import json

import httpx
import openai
import pytest

from tests.surfaces.conftest import Site
from tests.surfaces.upstream import Played, stream, whole

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
        ("/audio/speech", speak(instructions=5), "instructions"),
        ("/audio/speech", speak(input_references=[{"type": "image"}]), "input_references.0.type"),
        ("/audio/transcriptions", hear(input_audio={"data": "", "format": "mp3"}), "input_audio"),
        ("/audio/transcriptions", hear(input_audio={"data": "?", "format": "mp3"}), "input_audio"),
        (
            "/audio/transcriptions",
            hear(input_audio={"data": "data:audio/mp3;base64,AA==", "format": "mp3"}),
            "input_audio",
        ),
        ("/audio/transcriptions", hear(response_format="srt"), "response_format"),
        ("/audio/transcriptions", hear(prompt={"a": 1}), "prompt"),
        (
            "/audio/transcriptions",
            hear(timestamp_granularities=["line"]),
            "timestamp_granularities.0",
        ),
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

    wish = {"response_format": "verbose_json"} if "segments" in native else {}
    answer = site.post("/api/v1/audio/transcriptions", hear(model=model, language="en", **wish))

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


def events(*bodies: dict) -> Played:
    return stream(b"".join(b"data: %s\n\n" % json.dumps(body).encode() for body in bodies))


def delta(sound: bytes) -> dict:
    return {"type": "speech.audio.delta", "audio": base64.b64encode(sound).decode()}


def test_speech_by_the_token_is_counted_by_the_host_in_a_stream(site: Site):
    done = {"type": "speech.audio.done", "usage": {"input_tokens": 4, "output_tokens": 50}}
    site.upstream.play("gpt-4o-mini-tts", events(delta(SOUND[:100]), delta(SOUND[100:]), done))

    answer = site.post("/api/v1/audio/speech", speak(model="test/voice-tokens"))

    row = site.generation(answer)
    assert (answer.content, answer.headers["content-type"]) == (SOUND, "audio/pcm")
    assert site.upstream.last.json["stream_format"] == "sse"
    assert (row["tokens_prompt"], row["tokens_completion"]) == (4, 50)
    assert row["total_cost"] == pytest.approx(4 * 0.6e-6 + 50 * 12e-6)


@pytest.mark.parametrize(
    "broken",
    [
        events(delta(SOUND)),
        events({"type": "speech.audio.done", "usage": {}}),
        events(delta(SOUND), {"type": "error", "error": {"message": "full", "code": 503}}),
        events({"type": "speech.audio.delta", "audio": "?"}),
    ],
    ids=["cut", "no sound", "failure", "no base64"],
)
def test_a_stream_of_speech_that_is_not_whole_is_the_providers_failure(site: Site, broken):
    site.upstream.play("gpt-4o-mini-tts", broken)

    answer = site.post("/api/v1/audio/speech", speak(model="test/voice-tokens"))

    assert answer.status_code in {502, 503}
    assert site.generation(answer)["total_cost"] == 0


def test_speech_by_the_token_that_nobody_counted_is_estimated_from_the_text(site: Site):
    site.upstream.play("voice-plain", Played(parts=(SOUND,), kind="audio/pcm"))

    answer = site.post("/api/v1/audio/speech", speak(model="test/voice-uncounted", input="a" * 40))

    row = site.generation(answer)
    assert answer.content == SOUND
    assert (row["tokens_prompt"], row["tokens_completion"]) == (10, 60)
    assert row["total_cost"] == pytest.approx(10 * 0.6e-6 + 60 * 12e-6)


@pytest.mark.parametrize("sound", [b"{\x00\x01" * 40, b"   \x01\x02" * 40])
def test_sound_may_begin_like_json(site: Site, sound):
    site.upstream.play("voice-test", Played(parts=(sound,), kind="audio/pcm"))

    answer = site.post("/api/v1/audio/speech", speak())

    assert answer.content == sound


def test_sound_inside_json_is_taken_out(site: Site):
    site.upstream.play("voice-test", whole({"audio_data": base64.b64encode(SOUND).decode()}))

    answer = site.post("/api/v1/audio/speech", speak(response_format="mp3"))

    assert (answer.content, answer.headers["content-type"]) == (SOUND, "audio/mpeg")
    assert site.generation(answer)["total_cost"] == pytest.approx(11 * 15e-6)


MISTRALS = {
    "text": TEXT,
    "model": "voxtral",
    "language": None,
    "segments": [],
    "usage": {
        "prompt_audio_seconds": 3,
        "prompt_tokens": 3,
        "completion_tokens": 11,
        "total_tokens": 389,
        "prompt_tokens_details": {"audio_tokens": 375},
    },
}
ONLY_TOKENS = {"text": TEXT, "usage": {"input_tokens": 37, "output_tokens": 12}}
NONSENSE = {"text": TEXT, "usage": {"seconds": -4, "input_tokens": -1, "output_tokens": 1e30}}
ESTIMATED_S = 1  # of 5 kB


@pytest.mark.parametrize(
    ("model", "upstream", "native", "cost"),
    [
        ("test/ears", "ears-test", MISTRALS, 3e-4),
        ("test/ears", "ears-test", ONLY_TOKENS, ESTIMATED_S * 1e-4),
        ("test/ears", "ears-test", NONSENSE, ESTIMATED_S * 1e-4),
        ("test/ears", "ears-test", {"text": TEXT}, ESTIMATED_S * 1e-4),
        ("test/ears-tokens", "ears-tokens", MISTRALS, 378e-6 + 11 * 5e-6),
        ("test/ears-tokens", "ears-tokens", ONLY_TOKENS, 37e-6 + 12 * 5e-6),
        ("test/ears-tokens", "ears-tokens", BY_SECONDS, 30e-6 + 8 * 5e-6),
        ("test/ears-tokens", "ears-tokens", NONSENSE, 10e-6 + 8 * 5e-6),
    ],
)
def test_what_is_not_counted_in_the_unit_of_the_price_is_estimated_and_never_free(
    site: Site, described, model, upstream, native, cost
):
    site.upstream.play(upstream, whole(native))

    answer = site.post("/api/v1/audio/transcriptions", hear(model=model))

    body = answer.json()
    assert described("/audio/transcriptions", body) == []
    assert body.keys() == {"text", "usage"}
    assert site.generation(answer)["total_cost"] == body["usage"]["cost"] == pytest.approx(cost)


def test_a_host_that_tells_the_length_only_in_detail_is_asked_for_it(site: Site):
    site.upstream.play("whisper-groq", whole(VERBOSE))

    answer = site.post("/api/v1/audio/transcriptions", hear(model="test/ears-groq"))

    assert answer.json() == {"text": TEXT, "usage": {"seconds": 2.5, "cost": 0.0003}}
    assert b'name="response_format"\r\n\r\nverbose_json\r\n' in site.upstream.last.body


def test_options_for_the_host_do_not_change_what_is_charged(site: Site):
    site.upstream.play("voice-test", Played(parts=(SOUND,), kind="audio/pcm"))
    options = {"chat": {"input": "A long story", "speed": 2, "effects": "reverb"}}

    site.post("/api/v1/audio/speech", speak(speed=1, provider={"options": options}))

    sent = site.upstream.last.json
    assert (sent["input"], sent["speed"], sent["effects"]) == (speak()["input"], 1, "reverb")


def test_options_for_the_host_are_fields_of_its_form(site: Site):
    site.upstream.play("ears-test", whole(BY_SECONDS))
    options = {"chat": {"chunking_strategy": "auto", "model": "other"}, "acme": {"x": 1}}

    site.post("/api/v1/audio/transcriptions", hear(provider={"options": options}))

    sent = site.upstream.last.body
    assert b'name="chunking_strategy"\r\n\r\nauto\r\n' in sent
    assert sent.count(b'name="model"') == 1
    assert b'name="x"' not in sent


def test_a_form_with_a_file_too_large_is_refused(site: Site):
    answer = httpx.post(
        site.root + "/api/v1/audio/transcriptions",
        files={"file": ("a.wav", bytes(25 * 1024 * 1024 + 1))},
        data={"model": "test/ears"},
        headers={"x-api-key": site.key},
    )

    assert answer.status_code == 413
    assert answer.json()["error"]["metadata"]["error_type"] == "payload_too_large"
