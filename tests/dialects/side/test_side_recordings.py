"""What hosts really answered, read and written again; the recordings are outside the tree."""

import gzip
import json
from base64 import b64decode

import pytest
from tests.conformance.schema import Schemas, load_schemas
from tests.conftest import SHARED

from portico.dialects import Envelope, Quirks
from portico.dialects.answers import restated
from portico.dialects.side import EMBEDDINGS, IMAGES, RERANK, SPEECH, TRANSCRIPTIONS
from portico.providers import PROVIDERS
from portico.vocabulary import Cost, Usage

RECORDS = SHARED / "corpus" / "records"
DESCRIPTION = SHARED / "openrouter" / "openapi.yaml"
ENVELOPE = Envelope(generation_id="gen-1", created_s=1, model="a/b", provider="A")
TEXT = {"model": "a/b", "input": "x"}
QUERY = {"model": "a/b", "query": "q", "documents": ["a", "b", "c", "d"]}
SOUND = {
    "model": "a/b",
    "input_audio": {"data": "AAAA", "format": "wav"},
    "response_format": "verbose_json",
}
OPENAIS_TOKENS = Usage(input_audio_tokens=37, output_tokens=12)


@pytest.fixture(scope="module")
def api() -> Schemas:
    if not DESCRIPTION.exists():
        pytest.skip("the API description is not here")
    return load_schemas(DESCRIPTION)


def whole_answers(name: str) -> list[bytes]:
    """The bodies of the good answers of a file that came in one piece."""
    path = RECORDS / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"the recordings are not at {path}")
    bodies = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for response in (json.loads(line)["response"] for line in lines):
            if response["status"] == 200 and "stream" not in response["headers"]["content-type"]:
                body = response["body"]
                bodies.append(body.encode() if isinstance(body, str) else json.dumps(body).encode())
    assert bodies
    return bodies


@pytest.mark.parametrize(
    ("name", "dialect", "provider", "request_body", "counted"),
    [
        ("openai.openai-embeddings", EMBEDDINGS, "openai", TEXT, [1, 7]),
        ("azure.openai-embeddings", EMBEDDINGS, "azure", TEXT, [8, 3]),
        ("mistral.openai-embeddings", EMBEDDINGS, "mistral", TEXT, [9, 9, 9]),
        ("ollama.openai-embeddings", EMBEDDINGS, "ollama", TEXT, [2]),
        ("voyage.openai-embeddings", EMBEDDINGS, "voyage", TEXT, [3, 3]),
        ("perplexity.openai-embeddings", EMBEDDINGS, "perplexity", TEXT, [3]),
        ("openrouter.openrouter-embeddings", EMBEDDINGS, "openrouter", TEXT, [3, 3, 3, 7]),
        ("cohere.cohere-embed", EMBEDDINGS, "cohere", TEXT, [3, 7]),
        ("cohere.rerank", RERANK, "cohere", QUERY, [Usage(), Usage()]),
        ("voyage.rerank", RERANK, "voyage", QUERY,
         [Usage(input_tokens=43, flat_charges=0), Usage(input_tokens=57, flat_charges=0)]),
        ("openrouter.openrouter-rerank", RERANK, "openrouter", QUERY, [Usage(), Usage()]),
        ("openai.audio-transcription", TRANSCRIPTIONS, "openai", SOUND, [Usage(audio_s=4)]),
        ("mistral.audio-transcription", TRANSCRIPTIONS, "mistral", SOUND,
         [Usage(input_tokens=3, input_audio_tokens=375, output_tokens=11, audio_s=3)]),
        ("cohere.audio-transcription", TRANSCRIPTIONS, "cohere", SOUND, [None]),
        ("openrouter.openrouter-audio-transcription", TRANSCRIPTIONS, "openrouter", SOUND,
         [OPENAIS_TOKENS]),
        ("xai.audio-transcription", TRANSCRIPTIONS, "xai", SOUND, [Usage(audio_s=4)]),
        ("openrouter.openrouter-images", IMAGES, "openrouter", {"model": "a/b", "prompt": "x"},
         [Usage(input_tokens=1125, output_image_tokens=1120)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_recorded_answers_are_counted_and_told_as_described(
    api, name, dialect, provider, request_body, counted
):
    form = PROVIDERS[provider].side_forms.get(dialect.side.name)
    quirks = Quirks(restate=form.answer if form else None)
    head = dialect.read_head(json.dumps(request_body).encode())
    path = {"speech": "/audio/speech", "transcriptions": "/audio/transcriptions"}
    found = []
    for recorded in whole_answers(name):
        body = restated(recorded, quirks)
        usage = dialect.decode_response(body, quirks).usage
        told = json.loads(dialect.rewrite_response(body, head, ENVELOPE, usage, Cost(), {}))
        assert api.answer(path.get(dialect.name, f"/{dialect.name}"), told) == []
        found.append(usage)

    expected = [Usage(input_tokens=one) if isinstance(one, int) else one for one in counted]
    assert found == expected


def test_recorded_vectors_of_a_host_that_packs_64_bits_are_the_numbers_that_it_meant():
    head = EMBEDDINGS.read_head(json.dumps({**TEXT, "dimensions": 4096}).encode())

    for body in whole_answers("vllm.openai-embeddings"):
        usage = EMBEDDINGS.decode_response(body, Quirks()).usage
        told = json.loads(EMBEDDINGS.rewrite_response(body, head, ENVELOPE, usage, Cost(), {}))
        vector = told["data"][0]["embedding"]
        assert len(vector) == 4096
        assert sum(x * x for x in vector) == pytest.approx(1, rel=0.01)


def test_recorded_sound_is_taken_out_of_json():
    (body,) = whole_answers("mistral.audio-speech")
    head = SPEECH.read_head(json.dumps(TEXT).encode())

    sound = SPEECH.rewrite_response(body, head, ENVELOPE, None, None, {})

    assert sound == b64decode(json.loads(body)["audio_data"])
    assert sound.startswith(b"ID3")
