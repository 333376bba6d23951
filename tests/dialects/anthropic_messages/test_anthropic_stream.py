"""Messages streams to chat chunks: goldens, and laws over every recorded stream."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.streaming import envelope, pieces_of, recorded_streams, relay_bytes

from portico.dialects import DIALECTS, Quirks, StreamRelay, relay_between
from portico.errors import StreamBroken, UpstreamEmpty, UpstreamError, UpstreamOverloaded
from portico.sse import ServerSentEvent
from portico.vocabulary import ReasoningDelta, TextDelta, ToolCallDelta, Usage

GOLDEN = Path(__file__).parent.parent / "golden" / "anthropic"
CASES = sorted(path.name.removesuffix(".upstream.sse") for path in GOLDEN.glob("*.upstream.sse"))
CHAT, MESSAGES = DIALECTS["openai_chat"], DIALECTS["anthropic_messages"]
ENVELOPE = envelope()


def chat_relay() -> StreamRelay:
    return relay_between(MESSAGES, CHAT, Quirks(), ENVELOPE)


def events_of(stream: bytes) -> list:
    decoder = MESSAGES.stream_decoder(Quirks(), "seed")
    events = []
    for block in stream.split(b"\n\n"):
        data = block.partition(b"data:")[2].strip()
        if data and not decoder.done:
            events.extend(decoder.feed(ServerSentEvent("", data)))
    return events


def event(**body) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


START = event(type="message_start", message={"id": "msg_1", "model": "m", "usage": {}})
STOP = event(type="message_stop")


def finished(reason: str) -> bytes:
    return event(type="message_delta", delta={"stop_reason": reason}, usage={"output_tokens": 1})


@pytest.mark.parametrize("surface", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("case", CASES)
def test_a_stream_is_written_as_the_golden_says(case, surface, golden):
    upstream = (GOLDEN / f"{case}.upstream.sse").read_bytes()
    relay = relay_between(MESSAGES, DIALECTS[surface], Quirks(), ENVELOPE)

    actual = relay_bytes(relay, [upstream])

    golden(GOLDEN / f"{case}.{surface}.sse", actual)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("case", CASES)
def test_output_does_not_depend_on_how_the_network_split_the_bytes(case, size):
    upstream = (GOLDEN / f"{case}.upstream.sse").read_bytes()
    whole, split = chat_relay(), chat_relay()

    assert relay_bytes(split, pieces_of(upstream, size)) == relay_bytes(whole, [upstream])
    assert split.usage == whole.usage


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_every_recorded_stream_is_the_same_at_every_split_and_with_every_newline(newline):
    checked = 0
    for record, stream in recorded_streams("anthropic-messages"):
        expected = relay_bytes(chat_relay(), [stream])
        other = b"\xef\xbb\xbf: hello\n\n".replace(b"\n", newline) + stream.replace(
            b"\r\n", b"\n"
        ).replace(b"\n", newline)
        for size in (1, 2, 3, 7, 64):
            assert relay_bytes(chat_relay(), pieces_of(other, size)) == expected, record["id"]
        checked += 1
    assert checked > 50


def test_no_recorded_stream_breaks_and_none_is_empty():
    for record, stream in recorded_streams("anthropic-messages"):
        relay = chat_relay()
        out = relay_bytes(relay, [stream])
        assert relay.error is None, record["id"]
        assert relay.finish is not None, record["id"]
        assert relay.finish.native_reason is not None, record["id"]
        assert relay.usage is not None, record["id"]
        assert relay.output_chars or b"content_parts" in out or b"reasoning_details" in out, record[
            "id"
        ]


def test_text_arguments_signatures_and_usage_of_every_recorded_stream_arrive_whole():
    for record, stream in recorded_streams("anthropic-messages"):
        native = [json.loads(line[5:]) for line in stream.splitlines() if line.startswith(b"data:")]
        native = native[: next(n for n, b in enumerate(native) if b["type"] == "message_stop")]
        deltas = [body["delta"] for body in native if body["type"] == "content_block_delta"]
        kinds = {b["index"]: b["content_block"]["type"] for b in native if "content_block" in b}
        usage = {}
        for body in native:
            usage |= (body.get("message") or body).get("usage") or {}

        relay = chat_relay()
        relay_bytes(relay, [stream])
        events = events_of(stream)
        texts = "".join(e.text for e in events if isinstance(e, TextDelta))
        arguments = "".join(e.arguments for e in events if isinstance(e, ToolCallDelta))
        items = [e.item for e in events if isinstance(e, ReasoningDelta)]

        assert texts == "".join(d["text"] for d in deltas if d["type"] == "text_delta"), record[
            "id"
        ]
        sent = "".join(
            body["delta"]["partial_json"]
            for body in native
            if body["type"] == "content_block_delta"
            and body["delta"]["type"] == "input_json_delta"
            and kinds[body["index"]] == "tool_use"
        )
        assert arguments.replace("{}", "") == sent.replace("{}", ""), record["id"]
        assert "".join(i.text or "" for i in items) == "".join(
            d["thinking"] for d in deltas if d["type"] == "thinking_delta"
        ), record["id"]
        assert [i.signature for i in items if i.signature] == [
            d["signature"] for d in deltas if d["type"] == "signature_delta"
        ], record["id"]
        assert relay.usage is not None
        assert relay.usage.prompt_tokens == (
            usage["input_tokens"]
            + (usage.get("cache_read_input_tokens") or 0)
            + (usage.get("cache_creation_input_tokens") or 0)
        ), record["id"]
        assert relay.usage.completion_tokens == usage["output_tokens"], record["id"]


def test_tool_calls_are_numbered_without_gaps_and_end_with_an_object():
    stream = START
    for index, kind in enumerate(["server_tool_use", "tool_use", "text", "tool_use"]):
        block = {"type": kind, "id": f"id{index}", "name": f"f{index}", "text": "", "input": {}}
        stream += event(type="content_block_start", index=index, content_block=block)
        stream += event(type="content_block_stop", index=index)
    calls = [e for e in events_of(stream + finished("tool_use")) if isinstance(e, ToolCallDelta)]

    assert [(call.index, call.arguments) for call in calls] == [(0, "{}"), (1, "{}")]


def test_arguments_that_stand_in_the_start_of_a_block_are_not_lost():
    block = {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}}
    stream = START + event(type="content_block_start", index=0, content_block=block)

    calls = [e for e in events_of(stream + finished("tool_use")) if isinstance(e, ToolCallDelta)]

    assert [call.arguments for call in calls] == ['{"a":1}']


def test_a_later_usage_object_replaces_only_what_it_names():
    usage = {"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1}
    stream = event(type="message_start", message={"id": "m", "model": "m", "usage": usage})
    later = {
        "output_tokens": 9,
        "input_tokens": None,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    relay = chat_relay()

    relay.feed(stream + event(type="message_delta", delta={"stop_reason": "end_turn"}, usage=later))

    assert relay.usage == Usage(
        input_tokens=5, cache_read_tokens=7, output_tokens=9, reasoning_tokens=4
    )


def test_unknown_events_blocks_and_deltas_do_no_harm():
    stream = (
        START
        + event(type="keepalive", n=1)
        + event(type="content_block_start", index=0, content_block={"type": "hologram", "depth": 3})
        + event(type="content_block_delta", index=0, delta={"type": "depth_delta", "depth": 1})
        + event(type="content_block_stop", index=0)
        + event(type="content_block_delta", index=4, delta={"type": "text_delta", "text": "Hi"})
        + finished("end_turn")
        + STOP
    )
    relay = chat_relay()

    out = relay_bytes(relay, [stream])

    assert relay.error is None
    assert b'"content":"Hi"' in out
    assert b'"content_parts":[{"type":"hologram","depth":3}]' in out


def test_an_error_event_says_what_the_provider_said_and_keeps_the_text_before_it():
    relay = chat_relay()
    text = {"type": "text_delta", "text": "Hel"}

    out = relay.feed(
        START
        + event(type="content_block_delta", index=0, delta=text)
        + event(type="error", error={"type": "overloaded_error", "message": "Overloaded"})
    )

    assert b'"content":"Hel"' in out
    assert isinstance(relay.error, UpstreamOverloaded)
    assert relay.error.provider_code == "overloaded_error"


@pytest.mark.parametrize(
    "stream",
    [
        START
        + event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "H"}),
        START + b'data: {"type":"content_blo',
        START + event(type="content_block_start", index=0),
        START + event(type="content_block_start", index=[0], content_block={"type": "text"}),
        START + event(type="content_block_delta", index=0, delta="text"),
        event(type="message_start", message=None),
        b"data: 17\n\n",
        b"data: {\xff\xfe}\n\n",
    ],
)
def test_a_stream_that_never_says_why_it_ended_is_broken(stream):
    relay = chat_relay()

    relay_bytes(relay, [stream])

    assert isinstance(relay.error, StreamBroken)


@pytest.mark.parametrize(
    "stream",
    [b"", b"event: ping\ndata: {}\n\n", START, START + STOP],
    ids=["nothing", "a ping", "a beginning", "a beginning and an end"],
)
def test_a_stream_that_has_nothing_in_it_is_empty(stream):
    relay = chat_relay()

    relay_bytes(relay, [stream])

    assert isinstance(relay.error, UpstreamEmpty)


def test_a_stream_that_stops_without_a_reason_has_stopped():
    relay = chat_relay()
    block = event(type="content_block_start", index=0, content_block={"type": "text", "text": "H"})

    relay_bytes(relay, [START + block + STOP])

    assert relay.error is None
    assert relay.finish is not None
    assert (relay.finish.reason, relay.finish.native_reason) == ("stop", None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
names = st.sampled_from(
    ["message", "content_block", "delta", "usage", "index", "type", "error", "stop_reason"]
)
kinds = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "content_block_stop",
     "message_delta", "message_stop", "error", "text", "tool_use", "thinking", "text_delta",
     "input_json_delta", "signature_delta", "citations_delta", "compaction_delta"]
)  # fmt: skip
bodies = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "index": st.integers(0, 3) | json_values,
        "delta": json_values | st.dictionaries(names, json_values | kinds, max_size=4),
        "content_block": json_values | st.dictionaries(names, json_values | kinds, max_size=4),
        "message": json_values | st.dictionaries(names, json_values, max_size=4),
        "usage": json_values | st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), json_values),
        "error": json_values,
    },
)  # fmt: skip


@given(st.lists(bodies, max_size=8))
def test_whatever_comes_ends_as_an_answer_or_as_an_upstream_error(sent):
    for surface in DIALECTS.values():
        relay = relay_between(MESSAGES, surface, Quirks(), ENVELOPE)

        relay_bytes(relay, [b"".join(event(**body) for body in sent)])

        assert isinstance(relay.error, UpstreamError) or relay.finish is not None


@given(st.data())
def test_a_recorded_stream_with_a_damaged_byte_never_crashes(data):
    stream = bytearray((GOLDEN / "tool_calls_parallel.upstream.sse").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    relay = chat_relay()

    relay_bytes(relay, [bytes(stream)])

    assert isinstance(relay.error, UpstreamError) or relay.finish is not None
