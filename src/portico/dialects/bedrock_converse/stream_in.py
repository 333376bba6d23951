"""Events of a Converse stream to hub events. Unknown events, blocks and deltas are skipped.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from portico.dialects.answers import chunk_object
from portico.dialects.base import Quirks
from portico.dialects.bedrock_converse.citations import citation_fields
from portico.dialects.bedrock_converse.conversation import is_server_tool
from portico.dialects.bedrock_converse.errors import exception_inside
from portico.dialects.bedrock_converse.finish import decode_stop
from portico.dialects.bedrock_converse.framing import EXCEPTION
from portico.dialects.bedrock_converse.names import decode_tool_name, reads_claude
from portico.dialects.bedrock_converse.reasoning import decode_reasoning
from portico.dialects.bedrock_converse.response import extras_of
from portico.dialects.bedrock_converse.turns import SERVER_BLOCKS
from portico.dialects.bedrock_converse.usage import decode_usage, tier_of
from portico.dialects.halves import Halves, loads_halves
from portico.errors import StreamBroken
from portico.jsonio import JsonObject
from portico.sse import ServerSentEvent
from portico.vocabulary import (
    ExtraDelta,
    Finish,
    ReasoningDelta,
    Start,
    StreamEvent,
    StreamUsage,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)


class EventDecoder:
    """One instance per stream. Text and reasoning blocks begin with their first delta.

    No id has to be made up here, so the seed is not used.
    """

    def __init__(self, quirks: Quirks, id_seed: str) -> None:
        self.done = False
        self.holding = False  # half a character waits for its other half
        self.extra: JsonObject = {}
        self._quirks = quirks
        self._claude = reads_claude(quirks.model)
        self._blocks: dict[Any, _Block] = {}
        self._calls = 0
        self._length = 0
        self._text_start = 0
        self._finished = False
        self._halves = Halves()

    def feed(self, event: ServerSentEvent) -> Sequence[StreamEvent]:
        """Translate one event; unknown kinds give nothing.

        Raises:
            UpstreamError: the event reports a failure.
            StreamBroken: it is not a JSON object.
        """
        body = chunk_object(loads_halves(event.data), self._quirks)
        name = event.name
        if not name and len(body) == 1:  # as server-sent events the name is a member
            ((name, body),) = body.items()
        if name.startswith(EXCEPTION):
            raise exception_inside(name.removeprefix(EXCEPTION), body)
        handler = self._HANDLERS.get(name)
        if handler is None:
            if name.endswith("Exception"):
                raise exception_inside(name, body)
            return ()
        return handler(self, body)

    def close(self) -> Sequence[StreamEvent]:
        """Nothing is due: the end was said.

        Raises:
            StreamBroken: the stream was cut.
        """
        if not self._finished:
            raise StreamBroken("the upstream closed the stream before it finished")
        return ()

    def _message_start(self, body: JsonObject) -> Sequence[StreamEvent]:
        return [Start()]

    def _block_start(self, body: JsonObject) -> Sequence[StreamEvent]:
        start = body.get("start") or {}
        block = self._blocks[body.get("contentBlockIndex")] = _Block(start)
        call = start.get("toolUse")
        if call is None or is_server_tool(call):
            return ()
        block.call, self._calls = self._calls, self._calls + 1
        name = decode_tool_name(call["name"])
        return [ToolCallStart(index=block.call, id=call["toolUseId"], name=name)]

    def _block_delta(self, body: JsonObject) -> Sequence[StreamEvent]:
        delta = body["delta"]
        index = body.get("contentBlockIndex")
        block = self._blocks.get(index)
        if block is None:
            block = self._blocks[index] = _Block({})
            self._text_start = self._length if "text" in delta else self._text_start
        match delta:
            case {"text": str(text)}:
                return self._text(text)
            case {"toolUse": {"input": str(fragment)}}:
                return block.arguments(fragment)
            case {"reasoningContent": dict(thought)}:
                item = decode_reasoning(thought, claude=self._claude)
                return () if item is None else [ReasoningDelta(item=item)]
            case {"citation": dict(citation)}:
                block.citations.append(citation)
            case {"toolResult": list(parts)}:
                block.results.extend(parts)
        return ()

    def _block_stop(self, body: JsonObject) -> Sequence[StreamEvent]:
        block = self._blocks.pop(body.get("contentBlockIndex"), None)
        return () if block is None else self._ended(block)

    def _message_stop(self, body: JsonObject) -> Sequence[StreamEvent]:
        if self._finished:
            return ()
        self._finished = True
        events: list[StreamEvent] = []
        if rest := self._halves.end():
            events.append(TextDelta(text=rest))
        for block in self._blocks.values():
            events.extend(self._ended(block))
        self._blocks = {}
        self.extra.update(extras_of(body))
        native = body.get("stopReason")
        reason = decode_stop(native, has_tool_calls=self._calls > 0)
        known = native if isinstance(native, str) else None
        return [*events, Finish(reason=reason, native_reason=known)]

    def _metadata(self, body: JsonObject) -> Sequence[StreamEvent]:
        """The last event; one that comes before the reason is not the end."""
        self.done = self._finished
        self.extra.update(extras_of(body))
        usage = decode_usage(body.get("usage") or {})
        return () if usage is None else [StreamUsage(usage=usage, service_tier=tier_of(body))]

    def _text(self, text: str) -> Sequence[StreamEvent]:
        text = self._halves.join(text)
        self.holding = self._halves.held
        self._length += len(text)
        return [TextDelta(text=text)] if text else ()

    def _ended(self, block: "_Block") -> Sequence[StreamEvent]:
        """What is due at the end of a block: citations, what the provider's tools did,
        arguments that were never sent."""
        if block.call is not None:
            return () if block.fragments else [ToolCallDelta(index=block.call, arguments="{}")]
        fields = citation_fields(block.citations, start=self._text_start, end=self._length)
        if (whole := block.server_block()) is not None:
            fields[SERVER_BLOCKS] = [whole]
        return [ExtraDelta(fields=fields)] if fields else ()

    _HANDLERS: ClassVar[
        dict[object, Callable[["EventDecoder", JsonObject], Sequence[StreamEvent]]]
    ] = {
        "messageStart": _message_start,
        "contentBlockStart": _block_start,
        "contentBlockDelta": _block_delta,
        "contentBlockStop": _block_stop,
        "messageStop": _message_stop,
        "metadata": _metadata,
    }


class _Block:
    """One open content block. `call` is its number among the client's tool calls."""

    __slots__ = ("call", "citations", "fragments", "results", "start")

    def __init__(self, start: JsonObject) -> None:
        self.start = start
        self.call: int | None = None
        self.fragments: list[str] = []
        self.citations: list[Any] = []
        self.results: list[Any] = []

    def arguments(self, fragment: str) -> Sequence[StreamEvent]:
        if fragment:
            self.fragments.append(fragment)
        if self.call is None or not fragment:  # a tool that the provider runs itself
            return ()
        return [ToolCallDelta(index=self.call, arguments=fragment)]

    def server_block(self) -> JsonObject | None:
        """The block as a whole answer would have it; None where it is none of the provider's."""
        if (call := self.start.get("toolUse")) is not None:
            return {"toolUse": {**call, "input": self._input()}}
        if (result := self.start.get("toolResult")) is not None:
            return {"toolResult": {**result, "content": self.results}}
        return None

    def _input(self) -> object:
        text = "".join(self.fragments)
        try:
            return loads_halves(text.encode()) if text else {}
        except ValueError:
            return {"arguments": text}
