"""Events of a Messages stream to hub events.

https://docs.anthropic.com/en/docs/build-with-claude/streaming. Unknown events,
blocks and deltas are skipped or carried along, as the API asks.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from portico.dialects.answers import chunk_object
from portico.dialects.anthropic_messages.citations import citation_fields
from portico.dialects.anthropic_messages.errors import error_inside
from portico.dialects.anthropic_messages.finish import decode_stop
from portico.dialects.anthropic_messages.response import extras_of, refusal_of
from portico.dialects.anthropic_messages.thinking import FORMAT
from portico.dialects.anthropic_messages.turns import SERVER_BLOCKS
from portico.dialects.anthropic_messages.usage import decode_usage, merge_usage, tier_of
from portico.dialects.base import Quirks
from portico.dialects.halves import Halves, loads_halves
from portico.errors import StreamBroken
from portico.jsonio import JsonObject, dumps
from portico.sse import ServerSentEvent
from portico.vocabulary import (
    ExtraDelta,
    Finish,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    StreamUsage,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)


class MessageDecoder:
    """One instance per stream. `extra` gathers members of the message beside its content.

    No id has to be made up here, so the seed is not used.
    """

    def __init__(self, quirks: Quirks, id_seed: str) -> None:
        self.done = False
        self.holding = False  # half a character waits for its other half
        self.extra: JsonObject = {}
        self._quirks = quirks
        self._usage: JsonObject = {}
        self._blocks: dict[Any, _Block] = {}
        self._calls = 0
        self._length = 0
        self._finished = False
        self._halves = Halves()

    def feed(self, event: ServerSentEvent) -> Sequence[StreamEvent]:
        """Translate one event; unknown kinds give nothing.

        Raises:
            UpstreamError: the event reports a failure.
            StreamBroken: it is not a JSON object.
        """
        body = chunk_object(loads_halves(event.data), self._quirks)
        handler = self._HANDLERS.get(body.get("type", event.name))
        if handler is None:
            if body.get("error"):
                raise error_inside(body)
            return ()
        return handler(self, body)

    def close(self) -> Sequence[StreamEvent]:
        """Finish an answer that the terminator ended without a reason.

        Raises:
            StreamBroken: the stream was cut.
        """
        if self._finished:
            return ()
        if not self.done:
            raise StreamBroken("the upstream closed the stream before it finished")
        return self._finish(None)

    def _message_start(self, body: JsonObject) -> Sequence[StreamEvent]:
        """Some hosts send it twice; the later one counts."""
        message = body["message"]
        self._usage = merge_usage({}, message.get("usage"))
        self._blocks = {}
        self.extra.update(extras_of(message))
        return [Start(upstream_id=message.get("id"), model=message.get("model")), *self._counted()]

    def _block_start(self, body: JsonObject) -> Sequence[StreamEvent]:
        start = body["content_block"]
        block = _Block(start)
        self._blocks[body.get("index")] = block
        match block.kind:
            case "text":
                block.citations.extend(start.get("citations") or ())
                block.start = self._length
                return self._text(block, start.get("text"))
            case "thinking":
                return [
                    *_thought(text=start.get("thinking")),
                    *_thought(signature=start.get("signature")),
                ]
            case "redacted_thinking":
                return [ReasoningDelta(item=Reasoning(data=start["data"], format=FORMAT))]
            case "tool_use":
                block.call, self._calls = self._calls, self._calls + 1
                return [ToolCallStart(index=block.call, id=start["id"], name=start["name"])]
        return ()

    def _block_delta(self, body: JsonObject) -> Sequence[StreamEvent]:
        delta = body["delta"]
        block = self._blocks.get(body.get("index"))
        if block is None:  # a delta without a start: take it for what it says
            block = self._blocks[body.get("index")] = _Block({"type": "text"}, start=self._length)
        match delta.get("type"):
            case "text_delta":
                return self._text(block, delta["text"])
            case "input_json_delta":
                return self._arguments(block, delta["partial_json"])
            case "thinking_delta":
                return _thought(text=delta["thinking"])
            case "signature_delta":
                return _thought(signature=delta["signature"])
            case "citations_delta":
                block.citations.append(delta["citation"])
            case "compaction_delta":
                block.body["content"] = (block.body.get("content") or "") + (delta["content"] or "")
        return ()

    def _block_stop(self, body: JsonObject) -> Sequence[StreamEvent]:
        block = self._blocks.pop(body.get("index"), None)
        return () if block is None else self._ended(block)

    def _message_delta(self, body: JsonObject) -> Sequence[StreamEvent]:
        self._usage = merge_usage(self._usage, body.get("usage"))
        delta = body.get("delta") or {}
        self.extra.update({**extras_of(delta), **extras_of(body)})
        events = self._counted()
        if (refusal := refusal_of(delta.get("stop_details"))) is not None:
            events.append(RefusalDelta(text=refusal))
        if (native := delta.get("stop_reason")) is not None:
            events.extend(self._finish(str(native)))
        return events

    def _message_stop(self, body: JsonObject) -> Sequence[StreamEvent]:
        self.done = True
        return ()

    def _error(self, body: JsonObject) -> Sequence[StreamEvent]:
        raise error_inside(body)

    def _text(self, block: "_Block", text: str | None) -> Sequence[StreamEvent]:
        if not text:
            return ()
        text = self._halves.join(text)
        self.holding = self._halves.held
        self._length += len(text)
        block.size += len(text)
        return [TextDelta(text=text)] if text else ()

    def _arguments(self, block: "_Block", fragment: str) -> Sequence[StreamEvent]:
        block.size += len(fragment)
        if block.call is None:  # a tool that the provider runs itself
            block.fragments.append(fragment)
            return ()
        return [ToolCallDelta(index=block.call, arguments=fragment)]

    def _ended(self, block: "_Block") -> Sequence[StreamEvent]:
        """What is due at the end of a block: citations, arguments that were never sent."""
        if block.call is not None:
            if block.size:
                return ()
            arguments = dumps(block.body.get("input") or {}).decode()
            return [ToolCallDelta(index=block.call, arguments=arguments)]
        if block.kind == "text":
            fields = citation_fields(block.citations, start=block.start, end=self._length)
            return [ExtraDelta(fields=fields)] if fields else ()
        if block.kind in {"thinking", "redacted_thinking"}:
            return ()
        return [ExtraDelta(fields={SERVER_BLOCKS: [block.whole()]})]

    def _finish(self, native: str | None) -> list[StreamEvent]:
        if self._finished:
            return []
        self._finished = True
        events: list[StreamEvent] = []
        if rest := self._halves.end():
            events.append(TextDelta(text=rest))
        for block in self._blocks.values():
            events.extend(self._ended(block))
        self._blocks = {}
        reason = decode_stop(native, has_tool_calls=self._calls > 0)
        events.append(Finish(reason=reason, native_reason=native))
        return events

    def _counted(self) -> list[StreamEvent]:
        usage = decode_usage(self._usage)
        if usage is None:
            return []
        return [StreamUsage(usage=usage, service_tier=tier_of(self._usage))]

    _HANDLERS: ClassVar[
        dict[object, Callable[["MessageDecoder", JsonObject], Sequence[StreamEvent]]]
    ] = {
        "message_start": _message_start,
        "content_block_start": _block_start,
        "content_block_delta": _block_delta,
        "content_block_stop": _block_stop,
        "message_delta": _message_delta,
        "message_stop": _message_stop,
        "error": _error,
    }


class _Block:
    """One open content block. `call` is its number among the client's tool calls."""

    __slots__ = ("body", "call", "citations", "fragments", "kind", "size", "start")

    def __init__(self, body: JsonObject, *, start: int = 0) -> None:
        self.body = body
        self.kind = body["type"]
        self.call: int | None = None
        self.size = 0
        self.start = start
        self.citations: list[Any] = []
        self.fragments: list[str] = []

    def whole(self) -> JsonObject:
        """The block as a whole answer would have it."""
        if not self.fragments or not (text := "".join(self.fragments)):
            return self.body
        try:
            return {**self.body, "input": loads_halves(text.encode())}
        except ValueError:
            return {**self.body, "input": {"arguments": text}}


def _thought(*, text: str | None = None, signature: str | None = None) -> Sequence[StreamEvent]:
    if not text and not signature:
        return ()
    item = Reasoning(text=text or None, signature=signature or None, format=FORMAT)
    return [ReasoningDelta(item=item)]
