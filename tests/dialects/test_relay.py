"""One upstream stream in, one client stream out: goldens, and laws over every stream."""

import copy
import json
from pathlib import Path

import pytest
from tests.dialects.streaming import envelope, pieces_of, recorded_streams, relay_bytes
from tests.surfaces.natives import NATIVES

from portico.dialects import DIALECTS, Quirks, StreamRelay, relay_between
from portico.errors import (
    StreamBroken,
    UpstreamEmpty,
    UpstreamError,
    UpstreamOverloaded,
    UpstreamRejected,
    UpstreamUnavailable,
)

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.name.removesuffix(".upstream.sse") for path in GOLDEN.glob("*.upstream.sse"))
CHAT = DIALECTS["openai_chat"]
MESSAGES = DIALECTS["anthropic_messages"]


@pytest.mark.parametrize("profile", ["current", "2025"])
@pytest.mark.parametrize("case", CASES)
def test_stream_is_written_as_the_golden_says(case, profile, golden):
    upstream = (GOLDEN / f"{case}.upstream.sse").read_bytes()
    tail = "null_finish" if profile == "2025" else "repeat_finish"
    relay = relay_between(CHAT, CHAT, Quirks(), envelope(profile=profile, stream_tail=tail))

    actual = relay_bytes(relay, [upstream])

    golden(GOLDEN / f"{case}.{profile}.sse", actual)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1024])
@pytest.mark.parametrize("case", CASES)
def test_output_does_not_depend_on_how_the_network_split_the_bytes(case, size):
    upstream = (GOLDEN / f"{case}.upstream.sse").read_bytes()
    whole, split = (relay_between(CHAT, CHAT, Quirks(), envelope()) for _ in range(2))

    assert relay_bytes(split, pieces_of(upstream, size)) == relay_bytes(whole, [upstream])
    assert split.usage == whole.usage
    assert split.output_chars == whole.output_chars


def test_every_recorded_stream_is_the_same_at_every_split_and_by_both_ways():
    checked = 0
    for record, stream in recorded_streams("openai-chat"):
        general = StreamRelay(
            CHAT.stream_decoder(Quirks(), "gen-1"), CHAT.stream_encoder(envelope())
        )
        expected = relay_bytes(general, [stream])
        for size in (1, 2, 3, 7, 64, len(stream)):
            relay = relay_between(CHAT, CHAT, Quirks(), envelope(generation_id="gen-1"))
            relay._encoder = CHAT.stream_encoder(envelope())
            assert relay_bytes(relay, pieces_of(stream, size)) == expected, record["id"]
        checked += 1
    assert checked > 100


@pytest.mark.parametrize(
    ("tail", "finish_of_usage_chunk"),
    [
        ("repeat_finish", '"finish_reason":"stop","native_finish_reason":"stop"}],"usage"'),
        ("null_finish", '"finish_reason":null,"native_finish_reason":null}],"usage"'),
        ("empty_choices", '"choices":[],"usage"'),
    ],
)
def test_the_tail_takes_the_form_that_is_asked_for(tail, finish_of_usage_chunk):
    stream = (
        b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
        b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":20,"completion_tokens":4,"total_tokens":24}}\n\n'
        b"data: [DONE]\n\n"
    )
    relay = relay_between(CHAT, CHAT, Quirks(), envelope(stream_tail=tail))

    actual = relay_bytes(relay, [stream]).decode()

    assert finish_of_usage_chunk in actual
    assert '"cost":0.000032' in actual
    assert actual.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    "stream",
    [
        b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\ndata: {"choi',
        b'data: {"choices":5}\n\n',
        b"data: 17\n\n",
        b'data: {"choices":[{"index":0,"delta":{"content":"\xff\xfe"}}]}\n\n',
    ],
)
def test_a_stream_that_never_says_why_it_ended_is_broken(stream):
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    relay_bytes(relay, [stream])

    assert isinstance(relay.error, StreamBroken)


ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b": comment\n\n",
        b"data: [DONE]\n\n",
        ROLE,
        ROLE + b"data: [DONE]\n\n",
        ROLE + b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":0}}\n\n',
        b'data: {"choices":[{"index":0,"delta":"what?"}]}\n\n',
    ],
)
@pytest.mark.parametrize("surface", [CHAT, MESSAGES], ids=["chat", "messages"])
def test_a_stream_with_nothing_in_it_and_no_word_on_why_is_empty(stream, surface):
    relay = relay_between(CHAT, surface, Quirks(), envelope())

    out = relay.feed(stream) + relay.end()

    assert isinstance(relay.error, UpstreamEmpty)
    assert out == b""  # nothing that a client could not be spared


def event(kind, **fields):
    body = json.dumps({"type": kind, **fields}).encode()
    return b"event: " + kind.encode() + b"\ndata: " + body + b"\n\n"


BEGINNINGS = {
    "openai_chat": [ROLE],
    "anthropic_messages": [
        event("message_start", message={"id": "m", "model": "x", "content": [], "usage": {}}),
        event("ping"),
    ],
    "openai_responses": [
        event("response.created", response={"id": "r", "output": []}),
        event("response.in_progress", response={"id": "r", "output": []}),
    ],
}
FAILURES = {
    "openai_chat": b'data: {"error":{"message":"full","code":503}}\n\n',
    "anthropic_messages": event("error", error={"type": "overloaded_error", "message": "full"}),
    "openai_responses": event(
        "response.failed", response={"error": {"code": "server_error", "message": "full"}}
    ),
}


@pytest.mark.parametrize("surface", BEGINNINGS)
@pytest.mark.parametrize("upstream", BEGINNINGS)
def test_a_stream_that_has_only_begun_shows_the_client_nothing_yet(upstream, surface):
    relay = relay_between(DIALECTS[upstream], DIALECTS[surface], Quirks(), envelope())

    out = [relay.feed(data) for data in (*BEGINNINGS[upstream], FAILURES[upstream])]

    assert isinstance(relay.error, UpstreamOverloaded | UpstreamUnavailable)
    assert b"".join(out) == b""  # another endpoint can still be asked


def test_a_beginning_that_was_held_back_comes_before_the_content():
    relay = relay_between(MESSAGES, MESSAGES, Quirks(), envelope())
    block = {"type": "text", "text": ""}
    rest = [
        event("content_block_start", index=0, content_block=block),
        event("ping"),
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"}),
    ]

    out = [relay.feed(data) for data in (*BEGINNINGS["anthropic_messages"], *rest)]

    names = [line for data in out for line in data.split(b"\n") if line.startswith(b"event: ")]
    assert out[:2] == [b"", b""]
    assert names == [
        b"event: message_start",
        b"event: ping",
        b"event: content_block_start",
        b"event: ping",
        b"event: content_block_delta",
    ]


def test_a_stream_that_says_why_there_is_nothing_in_it_is_an_answer():
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'

    relay_bytes(relay, [ROLE + end + b"data: [DONE]\n\n"])

    assert relay.error is None


def test_an_error_after_text_keeps_the_text_that_came_in_the_same_read():
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    out = relay.feed(
        b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
        b'event: error\ndata: {"error":{"message":"bad call","status_code":400}}\n\n'
    )

    assert b'"content":"Hel"' in out
    assert isinstance(relay.error, UpstreamRejected)


def test_reasoning_is_left_out_when_the_client_excludes_it():
    relay = relay_between(CHAT, CHAT, Quirks(), envelope(exclude_reasoning=True))

    out = relay.feed(
        b'data: {"choices":[{"index":0,"delta":{"reasoning":"hm"}}]}\n\n'
        b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    )

    assert b"reasoning" not in out
    assert b"Hi" in out


def content_of(out: bytes) -> str:
    chunks = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def test_what_comes_after_the_terminator_is_not_relayed():
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    out = relay_bytes(
        relay,
        [
            b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
            b"data: [DONE]\n\n"
            b'data: {"choices":[{"index":0,"delta":{"content":" again"}}]}\n\n'
        ],
    )

    assert content_of(out) == "Hi"


def test_an_event_cut_off_after_the_terminator_is_not_read():
    upstream = (GOLDEN / "text.upstream.sse").read_bytes()
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    relay_bytes(relay, [upstream + b"data: [DON"])

    assert relay.error is None


@pytest.mark.parametrize(
    ("deltas", "text"),
    [
        (["a \\ud83d", "\\ude00 b"], "a 😀 b"),
        (["a", " \\ud83d\\ude00"], "a 😀"),
        (["\\ude00 b"], "\ufffd b"),
        (["a", "\\ud83d", "b"], "a\ufffdb"),
    ],
)
def test_a_character_cut_in_two_is_put_together(deltas, text):
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    out = b"".join(
        relay.feed(b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % d.encode())
        for d in deltas
    )

    assert relay.error is None
    assert content_of(out) == text


def test_a_custom_tool_call_becomes_a_function_call_with_its_text():
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    out = relay_bytes(
        relay,
        [
            b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1",'
            b'"type":"custom","custom":{"name":"patch","input":"*** Begin"}}]}}]}\n\n'
            b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
        ],
    )

    assert b'"function":{"name":"patch","arguments":""}' in out
    assert b'"function":{"arguments":"*** Begin"}' in out
    assert b'"finish_reason":"tool_calls"' in out


def test_citations_have_no_null_members():
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    out = relay.feed(
        b'data: {"choices":[{"index":0,"delta":{"annotations":[{"type":"url_citation",'
        b'"url_citation":{"url":"https://example.org","title":null}}]}}]}\n\n'
    )

    assert b'"url_citation":{"url":"https://example.org"}' in out


def wrong_texts(body):
    """The body with each of its texts, numbers and nulls replaced by what it cannot be."""
    places = [()]
    while places:
        place = places.pop()
        value = body
        for key in place:
            value = value[key]
        if isinstance(value, dict | list):
            keys = value if isinstance(value, dict) else range(len(value))
            places += [(*place, key) for key in keys]
        if place:
            for other in (None, 5, [], [1], {}, {"a": 1}, "x"):
                changed = copy.deepcopy(body)
                inner = changed
                for key in place[:-1]:
                    inner = inner[key]
                inner[place[-1]] = other
                yield changed


@pytest.mark.parametrize("surface", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("name", [name for name in NATIVES if name in DIALECTS])
def test_whatever_type_an_upstream_sends_its_answer_is_told_or_fails_as_its_own(name, surface):
    upstream, client = DIALECTS[name], DIALECTS[surface]
    told = 0
    for body in wrong_texts(json.loads(b"".join(NATIVES[name].whole().parts))):
        try:
            answer = upstream.decode_response(json.dumps(body).encode(), Quirks(model="m"))
        except UpstreamError:
            continue
        client.encode_response(answer, envelope(), None)
        told += 1

    assert told > 20
