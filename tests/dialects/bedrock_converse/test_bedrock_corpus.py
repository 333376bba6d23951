"""Every recorded exchange with Converse: streams under any split, usage, requests there and back."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import body_of, recorded

from portico.dialects.base import Quirks
from portico.dialects.bedrock_converse import DIALECT
from portico.errors import UpstreamError
from portico.jsonio import dumps, loads
from portico.vocabulary import (
    ExtraDelta,
    Finish,
    ReasoningDelta,
    StreamEvent,
    StreamUsage,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)


def model_of(record: dict) -> str:
    request = record.get("request")
    if not request:
        return "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    return str(request["url"]).split("/model/")[1].split("/")[0].replace("%3A", ":")


def bytes_of(record: dict) -> bytes:
    body = body_of(record)
    return base64.b64decode(body) if record["response"]["body_encoding"] == "base64" else body


def good(*, streams: bool) -> Iterator[dict]:
    for record in recorded("bedrock-converse"):
        streamed = (
            record["response"]["headers"]
            .get("content-type", "")
            .startswith(("application/vnd.amazon.eventstream", "text/event-stream"))
        )
        if record["response"]["status"] == 200 and streamed == streams:
            yield record


def events_of(stream: bytes, size: int, model: str) -> list[StreamEvent]:
    splitter, decoder = DIALECT.splitter(), DIALECT.stream_decoder(Quirks(model=model), "seed")
    found: list[StreamEvent] = []
    for at in range(0, len(stream), size):
        for event in splitter.feed(stream[at : at + size]):
            found.extend(decoder.feed(event))
    for event in splitter.close():
        found.extend(decoder.feed(event))
    return [*found, *decoder.close()]


def plain_frames(stream: bytes) -> list[tuple[str, dict]]:
    """An independent reading: lengths only, headers by search."""
    found, at = [], 0
    while at < len(stream):
        total, headers = (int.from_bytes(stream[at + n : at + n + 4]) for n in (0, 4))
        head = stream[at + 12 : at + 12 + headers]
        name = head.split(b":event-type\x07")[1][2:].split(b"\r")[0]
        size = int.from_bytes(head.split(b":event-type\x07")[1][:2])
        found.append((name[:size].decode(), json.loads(stream[at + 12 + headers : at + total - 4])))
        at += total
    return found


def test_identical_events_for_every_split_of_every_recorded_stream():
    checked = 0

    for record in good(streams=True):
        stream = bytes_of(record)
        whole = events_of(stream, len(stream), model_of(record))
        for size in (1, 2, 3, 7, 64):
            assert events_of(stream, size, model_of(record)) == whole, (record["id"], size)
        assert any(isinstance(event, Finish) for event in whole)
        checked += 1

    assert checked >= 15


def test_text_calls_and_usage_of_every_recorded_stream_are_what_its_frames_say():
    checked = 0
    for record in good(streams=True):
        stream = bytes_of(record)
        if stream[0]:
            continue  # not binary
        frames = plain_frames(stream)
        events = events_of(stream, 7, model_of(record))
        deltas = [body["delta"] for name, body in frames if name == "contentBlockDelta"]
        starts = [body["start"] for name, body in frames if name == "contentBlockStart"]
        own = [
            s["toolUse"]
            for s in starts
            if s.get("toolUse", {}).get("type") != "server_tool_use" and "toolUse" in s
        ]
        (meta,) = [body for name, body in frames if name == "metadata"]
        (stop,) = [body for name, body in frames if name == "messageStop"]
        (usage,) = [event.usage for event in events if isinstance(event, StreamUsage)]
        (finish,) = [event for event in events if isinstance(event, Finish)]

        assert _text(events) == "".join(d.get("text", "") for d in deltas), record["id"]
        assert [(e.id, e.name) for e in events if isinstance(e, ToolCallStart)] == [
            (call["toolUseId"], call["name"]) for call in own
        ]
        assert finish.native_reason == stop["stopReason"]
        assert usage.prompt_tokens + usage.completion_tokens == meta["usage"]["totalTokens"]
        assert {e.index for e in events if isinstance(e, ToolCallDelta)} <= set(range(len(own)))
        checked += 1

    assert checked >= 12


def _text(events: list[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_the_usage_of_every_recorded_answer_adds_up():
    checked = 0

    for record in good(streams=False):
        body = json.loads(bytes_of(record))
        response = DIALECT.decode_response(bytes_of(record), Quirks(model=model_of(record)))
        usage, said = response.usage, body["usage"]
        assert usage is not None
        assert usage.prompt_tokens + usage.completion_tokens == said["totalTokens"], record["id"]
        assert usage.input_tokens == said["inputTokens"]
        assert usage.cache_read_tokens == said.get("cacheReadInputTokens", 0)
        assert usage.cache_write_tokens + usage.cache_write_1h_tokens == said.get(
            "cacheWriteInputTokens", 0
        )
        checked += 1

    assert checked >= 60


def test_nothing_of_a_recorded_answer_is_lost():
    checked = 0

    for record in good(streams=False):
        body = json.loads(bytes_of(record))
        response = DIALECT.decode_response(bytes_of(record), Quirks(model=model_of(record)))
        (choice,) = response.choices
        blocks = body["output"]["message"]["content"]
        texts = [b["text"] for b in blocks if "text" in b]
        cited = [
            part["text"]
            for b in blocks
            if "citationsContent" in b
            for part in b["citationsContent"].get("content", ())
        ]
        calls = [b["toolUse"] for b in blocks if "toolUse" in b]
        calls = [call for call in calls if call.get("type") != "server_tool_use"]

        assert (choice.content or "") == "".join([*texts, *cited]), record["id"]
        assert [(c.id, c.name, json.loads(c.arguments)) for c in choice.tool_calls] == [
            (call["toolUseId"], call["name"], call["input"]) for call in calls
        ]
        assert len(choice.reasoning) == sum("reasoningContent" in b for b in blocks)
        assert choice.native_finish_reason == body["stopReason"]
        checked += 1

    assert checked >= 60


def test_every_recorded_refusal_is_an_error_with_the_providers_own_word():
    kinds = set()

    for record in recorded("bedrock-converse"):
        response = record["response"]
        if response["status"] == 200:
            continue
        headers = {name.lower(): value for name, value in response["headers"].items()}
        error = DIALECT.decode_error(response["status"], headers, bytes_of(record))
        assert isinstance(error, UpstreamError)
        assert error.upstream_status == response["status"]
        assert json.loads(bytes_of(record))["message"] in (error.raw or "")
        kinds.add(error.provider_code)

    assert kinds <= {"ValidationException", None}


def test_every_recorded_request_means_the_same_there_and_back():
    checked = 0

    for record in recorded("bedrock-converse"):
        if not record.get("request"):
            continue
        body, model = record["request"]["body"], model_of(record)
        head = DIALECT.read_head(dumps({**body, "model": model, "stream": record["stream"]}))

        written, dropped = DIALECT.encode_request(
            DIALECT.decode_request(head), model, frozenset(), Quirks()
        )
        unchanged, _ = DIALECT.upstream_body(head, model, frozenset(), Quirks())

        assert dropped == frozenset(), record["id"]
        assert meaning(loads(written)) == meaning(body), record["id"]
        assert loads(unchanged) == body
        checked += 1

    assert checked >= 80


def meaning(body: dict) -> dict:
    """A body without what says nothing: empty members, defaults, and which name a wish has."""
    said = {name: value for name, value in body.items() if value not in ([], {}, None)}
    said["messages"] = _merged(body["messages"])
    tools = said.get("toolConfig")
    if tools:
        choice = tools.get("toolChoice") or {"auto": {}}
        said["toolConfig"] = {"tools": tools["tools"], "toolChoice": choice}
    fields = said.get("additionalModelRequestFields")
    if fields and isinstance(fields.get("reasoning_config"), dict):
        said["additionalModelRequestFields"] = {"thinking": fields["reasoning_config"]}
    output = said.get("outputConfig")
    if output:
        schema = output["textFormat"]["structure"]["jsonSchema"]
        said["outputConfig"] = {**schema, "schema": json.loads(schema["schema"])}
    return said


def _merged(messages: list[dict]) -> list[tuple[str, list[Any]]]:
    turns: list[tuple[str, list[Any]]] = []
    for message in messages:
        blocks = [_block(block) for block in message["content"] if block != {"text": ""}]
        if turns and turns[-1][0] == message["role"]:
            turns[-1][1].extend(blocks)
        else:
            turns.append((message["role"], blocks))
    for role, blocks in turns:
        if role == "user":
            blocks.sort(key=lambda block: "toolResult" not in block)
    return turns


def _block(block: dict) -> dict:
    """Text of a document is its bytes; the JSON of a result its text; success goes without saying."""
    if "document" in block and "text" in block["document"]["source"]:
        text = block["document"]["source"]["text"]
        if "citations" not in block["document"]:
            data = base64.b64encode(text.encode()).decode()
            return {"document": {**block["document"], "source": {"bytes": data}}}
    if "toolResult" not in block:
        return block
    result = {k: v for k, v in block["toolResult"].items() if (k, v) != ("status", "success")}
    inside = []
    for part in result["content"]:
        text = dumps(part["json"]).decode() if "json" in part else part.get("text")
        inside.append(part if text is None else {"text": text})
    return {"toolResult": {**result, "content": inside}}


def test_events_of_the_hub_survive_this_dialects_own_stream():
    """Decoded, written by the encoder, read again: the same answer."""
    from tests.dialects.bedrock_converse.samples import ENVELOPE

    checked = 0
    for record in good(streams=True):
        stream, model = bytes_of(record), model_of(record)
        events = events_of(stream, len(stream), model)
        encoder = DIALECT.stream_encoder(ENVELOPE)
        usage = usage_of(events)
        written = b"".join(encoder.feed(event) for event in events)
        written += encoder.trailer(usage, None, {})

        assert shape(events_of(written, 7, model)) == shape(events), record["id"]
        checked += 1

    assert checked >= 15


def usage_of(events: list[StreamEvent]) -> Usage | None:
    return next((event.usage for event in events if isinstance(event, StreamUsage)), None)


def shape(events: list[StreamEvent]) -> dict:
    calls: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, ToolCallStart):
            calls[event.index] = [event.id, event.name, ""]
        elif isinstance(event, ToolCallDelta):
            calls[event.index][2] += event.arguments
    items = [event.item for event in events if isinstance(event, ReasoningDelta)]
    return {
        "text": _text(events),
        "calls": calls,
        "thoughts": "".join(item.text or "" for item in items),
        "signatures": [
            item.signature or item.data for item in items if item.signature or item.data
        ],
        "extra": [event.fields for event in events if isinstance(event, ExtraDelta)],
        "usage": usage_of(events) or Usage(),
        "finish": [event for event in events if isinstance(event, Finish)],
    }


@pytest.mark.parametrize("count", [200])
def test_no_damage_to_a_recorded_stream_crashes(count):
    """Bytes are changed and cut all over: what comes is events, then at most an UpstreamError."""
    from random import Random

    from tests.dialects.bedrock_converse.samples import ENVELOPE

    from portico.dialects import DIALECTS, relay_between

    chance = Random(7)
    streams = [bytes_of(record) for record in good(streams=True)]
    broken = 0
    for _ in range(count):
        stream = bytearray(chance.choice(streams))
        for _ in range(chance.randint(1, 3)):
            stream[chance.randrange(len(stream))] = chance.randrange(256)
        cut = bytes(stream[: chance.randrange(1, len(stream) + 1)])
        relay = relay_between(DIALECT, DIALECTS["openai_chat"], Quirks(), ENVELOPE)
        size = chance.choice((1, 7, 64, len(cut)))
        for at in range(0, len(cut), size):
            relay.feed(cut[at : at + size])
            if relay.error or relay.done:
                break
        if relay.error is None:
            relay.end()
        if relay.error is None:
            assert relay.finish is not None
        else:
            broken += 1

    assert broken > count // 2
