"""Events of a Cohere stream to hub events: https://docs.cohere.com/v2/docs/streaming"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from portico.dialects.answers import chunk_object
from portico.dialects.base import Quirks
from portico.dialects.cohere_chat.citations import citation_fields
from portico.dialects.cohere_chat.errors import failure
from portico.dialects.cohere_chat.response import decode_logprobs
from portico.dialects.cohere_chat.thinking import TOOL_PLAN
from portico.dialects.cohere_chat.usage import decode_usage
from portico.dialects.fields import object_of, text_of
from portico.dialects.finish import finish_reason
from portico.dialects.halves import Halves, loads_halves
from portico.dialects.tool_calls import arguments_text, made_up_id
from portico.errors import StreamBroken
from portico.jsonio import JsonObject
from portico.sse import ServerSentEvent
from portico.vocabulary import (
    ExtraDelta,
    Finish,
    Reasoning,
    ReasoningDelta,
    Start,
    StreamEvent,
    StreamUsage,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)

_NULL = "null"


class EventDecoder:
    """One instance per stream."""

    def __init__(self, quirks: Quirks, id_seed: str) -> None:
        self.done = False
        self.holding = False  # half a character waits for its other half
        self.extra: JsonObject = {}
        self._quirks = quirks
        self._id_seed = id_seed
        self._calls: dict[object, _Call] = {}
        self._starts: dict[int, int] = {}
        self._length = 0
        self._halves = Halves()

    def feed(self, event: ServerSentEvent) -> Sequence[StreamEvent]:
        """Translate one event; unknown kinds give nothing.

        Raises:
            UpstreamError: the event reports a failure.
            StreamBroken: it is not a JSON object.
        """
        if event.data.strip() == b"[DONE]":
            return ()
        body = chunk_object(loads_halves(event.data), self._quirks)
        handler = self._HANDLERS.get(body.get("type", event.name))
        if handler is None:
            if "type" not in body and "message" in body:
                raise failure(None, {}, body)
            return ()
        return handler(self, body)

    def close(self) -> Sequence[StreamEvent]:
        """Nothing is due after the end of the message.

        Raises:
            StreamBroken: the stream was cut.
        """
        if not self.done:
            raise StreamBroken("the upstream closed the stream before it finished")
        return ()

    def _message_start(self, body: JsonObject) -> Sequence[StreamEvent]:
        return [Start(upstream_id=text_of(body.get("id")))]

    def _content_start(self, body: JsonObject) -> Sequence[StreamEvent]:
        self._starts[body.get("index") or 0] = self._length
        return self._content(body)

    def _content(self, body: JsonObject) -> Sequence[StreamEvent]:
        content = body["delta"]["message"]["content"]
        if thought := content.get("thinking"):
            return [ReasoningDelta(item=Reasoning(text=thought))]
        text = content.get("text") or ""
        if text or self.holding:
            text = self._halves.join(text)
            self.holding = self._halves.held
            self._length += len(text)
        logprobs = body.get("logprobs")
        if not text and not logprobs:
            return ()
        return [TextDelta(text=text, logprobs=decode_logprobs(_items(logprobs)))]

    def _tool_plan(self, body: JsonObject) -> Sequence[StreamEvent]:
        plan = body["delta"]["message"]["tool_plan"]
        return [ReasoningDelta(item=Reasoning(text=plan, id=TOOL_PLAN))] if plan else ()

    def _call_start(self, body: JsonObject) -> Sequence[StreamEvent]:
        fields = body["delta"]["message"]["tool_calls"]
        function = fields["function"]
        number = len(self._calls)
        call = self._calls[body.get("index")] = _Call(number)
        call_id = text_of(fields.get("id")) or made_up_id(f"{self._id_seed}:{number}")
        return [
            ToolCallStart(index=number, id=call_id, name=function["name"]),
            *call.more(arguments_text(function.get("arguments"))),
        ]

    def _call_delta(self, body: JsonObject) -> Sequence[StreamEvent]:
        call = self._calls[body.get("index")]
        function = body["delta"]["message"]["tool_calls"]["function"]
        return call.more(arguments_text(function.get("arguments")))

    def _call_end(self, body: JsonObject) -> Sequence[StreamEvent]:
        return self._calls[body.get("index")].end()

    def _citation(self, body: JsonObject) -> Sequence[StreamEvent]:
        citation = body["delta"]["message"]["citations"]
        fields = citation_fields([citation], self._starts)
        return [ExtraDelta(fields=fields)] if fields else ()

    def _message_end(self, body: JsonObject) -> Sequence[StreamEvent]:
        self.done = True
        delta = object_of(body.get("delta"))
        events: list[StreamEvent] = []
        if rest := self._halves.end():
            events.append(TextDelta(text=rest))
        events.extend(event for call in self._calls.values() for event in call.end())
        if (usage := decode_usage(delta.get("usage"))) is not None:
            events.append(StreamUsage(usage=usage))
        native = text_of(delta.get("finish_reason"))
        reason = finish_reason(native, has_tool_calls=bool(self._calls))
        events.append(Finish(reason=reason, native_reason=native))
        return events

    _HANDLERS: ClassVar[
        dict[object, Callable[["EventDecoder", JsonObject], Sequence[StreamEvent]]]
    ] = {
        "message-start": _message_start,
        "content-start": _content_start,
        "content-delta": _content,
        "tool-plan-delta": _tool_plan,
        "tool-call-start": _call_start,
        "tool-call-delta": _call_delta,
        "tool-call-end": _call_end,
        "citation-start": _citation,
        "message-end": _message_end,
    }


class _Call:
    """One tool call: closed with at least `{}`.

    What may become "null" waits: so the API says, now and then, that there are
    no arguments.
    """

    def __init__(self, index: int) -> None:
        self._index = index
        self._size = 0
        self._held = ""

    def more(self, fragment: str | None) -> list[StreamEvent]:
        if not fragment:
            return []
        if not self._size and _NULL.startswith(self._held + fragment):
            self._held += fragment
            return []
        fragment, self._held = self._held + fragment, ""
        self._size += len(fragment)
        return [ToolCallDelta(index=self._index, arguments=fragment)]

    def end(self) -> list[StreamEvent]:
        if self._size:
            return []
        self._held = ""
        return self.more("{}")


def _items(logprobs: object) -> object:
    """In a stream each event has one item, without a list around it."""
    return [logprobs] if isinstance(logprobs, dict) else logprobs
