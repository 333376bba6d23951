"""Streams in other newlines, with marks, comments and damage: the same for every API in text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.streaming import envelope, recorded_streams, relay_bytes

from portico.dialects import DIALECTS, Quirks, relay_between
from portico.errors import UpstreamError

APIS = {
    "openai-chat": "openai_chat",
    "anthropic-messages": "anthropic_messages",
    "gemini-generate": "gemini",
    "openai-responses": "openai_responses",
    "cohere-v2-chat": "cohere_chat",
}
CHAT = DIALECTS["openai_chat"]
WORDS = "Olá 🐟".encode()
CHUNK = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % WORDS
STREAM = (
    CHUNK * 3
    + b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    + b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":3}}\n\n'
    + b"data: [DONE]\n\n"
)


def through(dialect: str, stream: bytes) -> tuple[bytes, str | None]:
    relay = relay_between(DIALECTS[dialect], CHAT, Quirks(), envelope(generation_id="gen-1"))
    out = relay_bytes(relay, [stream])
    return out, None if relay.error is None else str(relay.error)


@pytest.mark.parametrize("api", APIS)
def test_newlines_marks_and_comments_change_nothing(api):
    checked = 0
    for record, recording in recorded_streams(api):
        stream = recording.replace(b"\r\n", b"\n")
        if b"\r" in stream or not stream.startswith((b"data:", b"event:")):
            continue
        expected = through(APIS[api], stream)
        commented = b": hello\n\n" + stream.replace(b"\n\n", b"\n\n: still here\n\n")
        for variant in (
            stream.replace(b"\n", b"\r\n"),
            stream.replace(b"\n", b"\r"),
            b"\xef\xbb\xbf" + stream,
            commented,
        ):
            assert through(APIS[api], variant) == expected, record["id"]
        checked += 1
    assert checked > 5


@given(st.data())
def test_a_chat_stream_with_damaged_bytes_ends_as_an_answer_or_an_upstream_error(data):
    stream = bytearray(STREAM)
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    relay_bytes(relay, [bytes(stream)])

    assert isinstance(relay.error, UpstreamError) or relay.finish is not None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_characters_of_four_bytes_survive_every_split(size):
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    out = relay_bytes(relay, [STREAM[i : i + size] for i in range(0, len(STREAM), size)])

    assert out.count(WORDS) == 3
    assert relay.error is None
