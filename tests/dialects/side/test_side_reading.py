"""Laws of the APIs beside conversations: forms survive a round trip, nothing crashes a reader."""

import contextlib
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.dialects import Envelope, Quirks
from portico.dialects.side import EMBEDDINGS, IMAGES, RERANK, SPEECH, TRANSCRIPTIONS
from portico.dialects.side.forms import Part, form_type, read_form, transcription_json, write_form
from portico.errors import InvalidRequest, UpstreamError
from portico.jsonio import dumps
from portico.pricing import cost
from portico.vocabulary import Cost, Pricing

ALL = (EMBEDDINGS, IMAGES, RERANK, SPEECH, TRANSCRIPTIONS)
ENVELOPE = Envelope(generation_id="gen-1", created_s=1, model="a/b", provider="A")
names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["data", "embedding", "index", "relevance_score", "results", "text", "format",
             "usage", "seconds", "prompt_tokens", "b64_json", "duration", "content", "type"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
bodies = st.dictionaries(
    st.sampled_from(
        ["model", "models", "input", "query", "documents", "top_n", "prompt", "n", "voice",
         "input_audio", "response_format", "encoding_format", "input_references", "provider"]
    ),
    values,
)  # fmt: skip
PLAIN = {
    "embeddings": {"model": "a/b", "input": "x", "encoding_format": "base64"},
    "images": {"model": "a/b", "prompt": "x", "output_format": "png"},
    "rerank": {"model": "a/b", "query": "q", "documents": ["x", {"text": "y"}]},
    "speech": {"model": "a/b", "input": "x"},
    "transcriptions": {"model": "a/b", "input_audio": {"data": "AAAA", "format": "mp3"}},
}


@given(st.lists(st.builds(Part, name=names, data=st.binary(max_size=80)), min_size=1, max_size=5))
def test_a_form_reads_as_it_was_written(parts):
    body = write_form(parts)

    assert read_form(body, form_type(body)) == parts


def test_no_name_of_a_field_adds_another_field():
    name = 'x"\r\n\r\n1\r\n--mark\r\nContent-Disposition: form-data; name="model'

    body = write_form([Part(name=name, data=b"1")])

    assert body.count(b'name="') == 1
    assert body.count(b"\r\n") == 5


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_a_mistake(body):
    for data in (body, b"--x\r\n" + body + b"\r\n--x--"):
        with contextlib.suppress(InvalidRequest):
            transcription_json(data, "multipart/form-data; boundary=x")


@pytest.mark.parametrize("dialect", ALL, ids=lambda d: d.name)
@given(body=bodies)
def test_any_json_is_a_request_or_a_mistake(dialect, body):
    try:
        head = dialect.read_head(dumps(body))
        dialect.upstream_body(head, "m", frozenset(), Quirks())
    except InvalidRequest:
        return
    assert head.models
    assert not head.stream


@pytest.mark.parametrize("dialect", ALL, ids=lambda d: d.name)
@given(
    answer=st.dictionaries(st.sampled_from(["data", "results", "text", "usage", "meta"]), values)
)
def test_what_is_taken_for_an_answer_can_be_written(dialect, answer):
    head = dialect.read_head(dumps(PLAIN[dialect.name]))
    body = dumps(answer)
    try:
        response = dialect.decode_response(body, Quirks())
    except UpstreamError:
        return
    usage = response.usage or head.billed

    assert dialect.rewrite_response(body, head, ENVELOPE, usage, Cost(), {})


BY_TOKEN = Pricing(prompt_picousd=3, completion_picousd=5)
PRICES = {
    "embeddings": [Pricing(prompt_picousd=3, completion_picousd=0)],
    "images": [BY_TOKEN, Pricing(prompt_picousd=0, completion_picousd=0, request_picousd=7),
               Pricing(prompt_picousd=0, completion_picousd=0, output_image_picousd=7)],
    "rerank": [BY_TOKEN, Pricing(prompt_picousd=0, completion_picousd=0, request_picousd=7)],
    "speech": [BY_TOKEN, Pricing(prompt_picousd=3, completion_picousd=0)],
    "transcriptions": [
        BY_TOKEN, Pricing(prompt_picousd=0, completion_picousd=0, input_audio_picousd=7),
        Pricing(prompt_picousd=3, completion_picousd=0, input_audio_picousd=7),
    ],
}  # fmt: skip
GOOD = {
    "embeddings": {"data": [{"embedding": [1]}]},
    "images": {"data": [{"b64_json": "AAAA"}]},
    "rerank": {"results": [{"index": 0, "relevance_score": 1}]},
    "speech": {"audio_data": "AAAA"},
    "transcriptions": {"text": "x"},
}
odd_counts = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
)
odd_usages = st.dictionaries(
    st.sampled_from(
        ["prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens",
         "seconds", "prompt_audio_seconds", "search_units"]
    ),
    odd_counts,
) | odd_counts  # fmt: skip


@pytest.mark.parametrize("dialect", ALL, ids=lambda d: d.name)
@given(usage=odd_usages, duration=odd_counts)
def test_whatever_a_host_counts_what_has_a_price_is_neither_free_nor_worth_a_fortune(
    dialect, usage, duration
):
    head = dialect.read_head(dumps(PLAIN[dialect.name]))
    answer = {**GOOD[dialect.name], "usage": usage, "duration": duration}

    response = dialect.decode_response(dumps(answer), Quirks())

    for price in PRICES[dialect.name]:
        charged = dialect.side.charged(response.usage, 1, head.billed, price)
        assert charged.plausible
        assert 0 < cost(charged, price).total_picousd < 10**11


def test_a_long_text_to_embed_is_not_looked_at_letter_by_letter():
    body = json.dumps({"model": "m", "input": "x" * 1_000_000}).encode()
    tracemalloc.start()

    EMBEDDINGS.read_head(body)

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 6 * len(body)


def test_openrouter_gets_the_wish_in_its_own_words():
    reference = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    wish = {"prompt": "x", "aspect_ratio": "16:9", "input_references": [reference]}
    head = IMAGES.read_head(dumps({"model": "a/b", **wish}))
    quirks = Quirks(own_words=True)

    body, _ = IMAGES.upstream_body(head, "openai/gpt-image-1", frozenset(), quirks)

    assert json.loads(body) == {"model": "openai/gpt-image-1", **wish}
    assert IMAGES.side.url_name(head, "openai/gpt-image-1", quirks) == "images"
