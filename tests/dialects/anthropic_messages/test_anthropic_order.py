"""The order of a Messages stream, whoever answers: blocks one after the other, whole, numbered."""

import json
from collections.abc import Iterator

import msgspec
import pytest
from tests.conftest import body_of, recorded
from tests.dialects.streaming import envelope
from tests.dialects.test_fidelity import APIS

from portico.dialects import DIALECTS, Dialect, Quirks, relay_between

MESSAGES = DIALECTS["anthropic_messages"]
ENVELOPE = msgspec.structs.replace(envelope(), prompt_tokens=812)
DELTAS = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
}
PROMPT_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def answered(dialect: Dialect, model: str, data: bytes) -> tuple[list[dict], bool]:
    """What a client of this dialect receives, pings aside, and whether it is a good answer."""
    relay = relay_between(dialect, MESSAGES, Quirks(model=model), ENVELOPE)
    out = b"".join(relay.feed(data[at : at + 997]) for at in range(0, len(data), 997))
    out += relay.end()
    out += relay.trailer(None) if relay.error is None else relay.fail(relay.error)
    events = []
    for block in filter(None, out.split(b"\n\n")):
        name, body = block.split(b"\n")
        event = json.loads(body.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        events.append(event)
    return [event for event in events if event["type"] != "ping"], relay.error is None


def faults(events: list[dict], *, good: bool, own: bool) -> Iterator[str]:
    """What is wrong with the order of events. `own`: they are the upstream's own bytes."""
    yield from faults_of_ends(events[0], events[-1], good=good)
    if "message_start" in [event["type"] for event in events[1:]]:
        yield "begins again"
    index, kind, written = -1, None, []
    for event in events[1:]:
        match event["type"]:
            case "content_block_start":
                if (kind, event["index"]) != (None, index + 1):
                    yield f"block {event['index']} begins in block {index}, which is {kind}"
                index, kind, written = event["index"], event["content_block"]["type"], []
            case "content_block_delta":
                written.append(event["delta"])
                if not fits(event, index, kind):
                    yield f"a delta for {event['index']} in block {index}, which is {kind}"
            case "content_block_stop":
                written.append(event)
                yield from faults_of_block(index, kind, written, good=good, own=own)
                kind = None
            case "message_delta":
                if (kind, bool(event["delta"]["stop_reason"])) != (None, True):
                    yield "no end of the last block, or no reason"


def fits(event: dict, index: int, kind: str | None) -> bool:
    fit = DELTAS.get(str(kind), {event["delta"]["type"]})
    return event["index"] == index and event["delta"]["type"] in fit


def faults_of_ends(first: dict, last: dict, *, good: bool) -> Iterator[str]:
    if last["type"] != ("message_stop" if good else "error"):
        yield f"ends with {last['type']}"
    if first["type"] == "message_start":
        usage = first["message"]["usage"]
        if not sum(usage.get(name) or 0 for name in PROMPT_COUNTS):
            yield "no count of the prompt"
    elif good:
        yield f"begins with {first['type']}"


def faults_of_block(
    index: int, kind: str | None, written: list[dict], *, good: bool, own: bool
) -> Iterator[str]:
    *written, end = written
    if end["index"] != index:
        yield f"block {end['index']} ends in block {index}"
    if kind == "thinking" and not own and written[-1]["type"] != "signature_delta":
        yield "thinking without its signature at the end"
    if kind == "tool_use" and good and not own:
        text = "".join(delta["partial_json"] for delta in written) or "{}"
        if not isinstance(json.loads(text), dict):
            yield f"arguments {text[:40]}"


@pytest.mark.parametrize("part", [1.0, 0.6])
@pytest.mark.parametrize("name", DIALECTS)
def test_every_recorded_stream_comes_in_order_whole_or_cut(name: str, part: float):
    dialect, checked = DIALECTS[name], 0
    for record in recorded(APIS[name]):
        if not record["stream"] or record["response"]["status"] != 200:
            continue
        data = body_of(record)
        events, good = answered(dialect, record.get("model") or "", data[: int(len(data) * part)])

        assert list(faults(events, good=good, own=dialect is MESSAGES)) == [], record["id"]
        checked += 1
    assert checked > 10
