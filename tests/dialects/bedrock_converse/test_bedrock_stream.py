"""Converse streams: goldens of what clients receive, odd streams, and the way out."""

import json
from pathlib import Path

import pytest
from tests.dialects.bedrock_converse.samples import CLAUDE, ENVELOPE

from portico.dialects import DIALECTS, relay_between
from portico.dialects.base import Quirks
from portico.dialects.bedrock_converse import DIALECT
from portico.dialects.bedrock_converse.framing import ConverseSplitter, write_exception
from portico.errors import StreamBroken, UpstreamRateLimited
from portico.eventstream import write_message
from portico.vocabulary import (
    ExtraDelta,
    Finish,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "bedrock"
CASES = sorted(
    path.name.removesuffix(".upstream.jsonl") for path in GOLDEN.glob("*.upstream.jsonl")
)
SURFACES = ("openai_chat", "anthropic_messages")


def frame(name: str, body: dict, kind: str = "event") -> bytes:
    headers = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    return write_message(headers, json.dumps(body).encode())


def upstream(case: str) -> bytes:
    """The lines of a golden, `{"<type>": {...}}` each, as the binary messages they stand for."""
    lines = (GOLDEN / f"{case}.upstream.jsonl").read_text().splitlines()
    pairs = [next(iter(json.loads(line).items())) for line in lines]
    return b"".join(
        frame(name, body, "exception" if name.endswith("Exception") else "event")
        for name, body in pairs
    )


def through(surface: str, stream: bytes, size: int) -> bytes:
    relay = relay_between(DIALECT, DIALECTS[surface], Quirks(model=CLAUDE), ENVELOPE)
    out = b"".join(relay.feed(stream[at : at + size]) for at in range(0, len(stream), size))
    if relay.error is None:
        out += relay.end()
    if relay.error is not None:
        return out + DIALECTS[surface].stream_encoder(ENVELOPE).error(relay.error)
    return out + relay.trailer(None)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("case", CASES)
def test_what_a_client_receives(case, surface, golden):
    golden(GOLDEN / f"{case}.{surface}.sse", through(surface, upstream(case), 1 << 20))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("case", CASES)
def test_output_does_not_depend_on_how_the_network_split_the_bytes(case, size):
    stream = upstream(case)

    assert through("openai_chat", stream, size) == through("openai_chat", stream, len(stream))


def test_the_goldens_are_there():
    assert len(CASES) >= 6


def events(*frames: bytes) -> list[StreamEvent]:
    splitter, decoder = ConverseSplitter(), DIALECT.stream_decoder(Quirks(model=CLAUDE), "seed")
    found: list[StreamEvent] = []
    for event in splitter.feed(b"".join(frames)):
        found.extend(decoder.feed(event))
    for event in splitter.close():
        found.extend(decoder.feed(event))
    return [*found, *decoder.close()]


START = frame("messageStart", {"role": "assistant"})
STOP = frame("messageStop", {"stopReason": "end_turn"})


def text(value: str, index: int = 0) -> bytes:
    return frame("contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": value}})


def test_a_call_without_arguments_has_an_empty_object():
    begin = {"toolUse": {"toolUseId": "t", "name": "f"}}
    found = events(
        START,
        frame("contentBlockStart", {"contentBlockIndex": 0, "start": begin}),
        frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": ""}}}),
        frame("contentBlockStop", {"contentBlockIndex": 0}),
        STOP,
    )

    assert [e for e in found if isinstance(e, ToolCallDelta)] == [
        ToolCallDelta(index=0, arguments="{}")
    ]
    assert found[-1] == Finish(reason="tool_calls", native_reason="end_turn")


def test_a_stream_without_usage_is_finished_all_the_same():
    assert events(START, text("Hi"), STOP)[-1] == Finish(reason="stop", native_reason="end_turn")


def test_a_block_that_is_never_stopped_gives_what_it_holds():
    cited = {"citation": {"title": "D", "location": {"documentPage": {"start": 1}}}}
    found = events(
        START,
        text("Hi"),
        frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": cited}),
        STOP,
    )

    assert ExtraDelta(fields={"citations": [cited["citation"]]}) in found


def test_unknown_events_and_deltas_are_skipped():
    strange = {"contentBlockIndex": 0, "delta": {"hologram": {}}}

    found = events(START, frame("pause", {}), frame("contentBlockDelta", strange), text("x"), STOP)

    assert [e.text for e in found if isinstance(e, TextDelta)] == ["x"]


@pytest.mark.parametrize("stream", [[], [START], [START, text("Hi")]])
def test_a_stream_that_never_finished_is_broken(stream):
    with pytest.raises(StreamBroken, match="before it finished"):
        events(*stream)


def test_an_error_in_the_headers_alone_is_told():
    headers = {":message-type": "error", ":error-code": "ThrottlingException",
               ":error-message": "Slow down"}  # fmt: skip

    with pytest.raises(UpstreamRateLimited) as told:
        events(START, write_message(headers, b""))

    assert "Slow down" in (told.value.raw or "")


def test_a_message_that_does_not_say_what_it_is_breaks_the_stream():
    with pytest.raises(StreamBroken):
        events(write_message({}, b"{}"))


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{", b"\xff", b'{"delta": 7}', b'{"a":"\\ud83d"}']
)
def test_a_payload_that_cannot_be_read_is_kept_as_a_broken_stream(payload):
    headers = {":event-type": "contentBlockDelta", ":message-type": "event"}
    relay = relay_between(DIALECT, DIALECTS["openai_chat"], Quirks(), ENVELOPE)

    relay.feed(write_message(headers, payload))

    assert isinstance(relay.error, StreamBroken)


def test_a_character_cut_in_two_is_joined():
    halves = [
        write_message(
            {":event-type": "contentBlockDelta", ":message-type": "event"},
            b'{"contentBlockIndex":0,"delta":{"text":"%s"}}' % half,
        )
        for half in (b"a\\ud83d", b"\\udc4bb")
    ]

    found = events(START, *halves, STOP)

    assert "".join(e.text for e in found if isinstance(e, TextDelta)) == "a👋b"


def test_the_same_events_as_server_sent_events_are_read_too():
    lines = [
        'data: {"messageStart":{"role":"assistant"}}',
        'data: {"contentBlockDelta":{"contentBlockIndex":0,"delta":{"text":"Hi"}}}',
        'data: {"messageStop":{"stopReason":"end_turn"}}',
    ]

    assert events("\n\n".join(lines).encode()) == events(START, text("Hi"), STOP)


# The way out


def written(*fed: StreamEvent) -> list[tuple[str, dict]]:
    encoder = DIALECT.stream_encoder(ENVELOPE)
    out = b"".join(encoder.feed(event) for event in fed) + encoder.trailer(None, None, {})
    return [(event.name, json.loads(event.data)) for event in ConverseSplitter().feed(out)]


def test_interleaved_calls_are_written_one_after_the_other():
    found = written(
        ToolCallStart(index=0, id="a", name="f"),
        ToolCallStart(index=1, id="b", name="g"),
        ToolCallDelta(index=0, arguments='{"x":'),
        ToolCallDelta(index=1, arguments="{}"),
        ToolCallDelta(index=0, arguments="1}"),
        Finish(reason="tool_calls"),
    )

    assert [name for name, _ in found] == [
        "messageStart",
        "contentBlockStart", "contentBlockDelta", "contentBlockDelta", "contentBlockStop",
        "contentBlockStart", "contentBlockDelta", "contentBlockStop",
        "messageStop", "metadata",
    ]  # fmt: skip
    inputs = [body["delta"]["toolUse"]["input"] for _, body in found if "delta" in body]
    assert inputs == ['{"x":', "1}", "{}"]
    assert found[-2][1] == {"stopReason": "tool_use"}


def test_a_failure_is_written_as_an_exception_of_the_stream():
    encoder = DIALECT.stream_encoder(ENVELOPE)

    (event,) = ConverseSplitter().feed(encoder.error(UpstreamRateLimited("slow")))

    assert event.name == "exception:throttlingException"
    assert json.loads(event.data) == {"message": "slow"}
    assert encoder.error(UpstreamRateLimited("slow")) == write_exception(
        "throttlingException", {"message": "slow"}
    )


@pytest.mark.parametrize("case", [case for case in CASES if "error" not in case])
def test_a_golden_written_by_this_dialects_encoder_is_the_same_answer(case):
    stream = upstream(case)
    relay = relay_between(DIALECT, DIALECT, Quirks(model=CLAUDE), ENVELOPE)
    again = relay.feed(stream) + relay.end() + relay.trailer(None)

    assert through("openai_chat", again, 7) == through("openai_chat", stream, 7)
