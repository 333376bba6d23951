"""Events of a Responses stream to hub events (native-wire 3).

Each item is known by its `output_index`. What a server did not stream is taken
from the item's end, what it never began from the last response object.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from portico.dialects.answers import chunk_object
from portico.dialects.base import Quirks
from portico.dialects.halves import Halves, loads_halves
from portico.dialects.openai_responses.conversation import OTHER_ITEMS
from portico.dialects.openai_responses.errors import error_inside
from portico.dialects.openai_responses.finish import decode_status
from portico.dialects.openai_responses.parts import decode_annotation
from portico.dialects.openai_responses.reasoning import FORMAT, decode_item
from portico.dialects.openai_responses.response import drawn_image
from portico.dialects.openai_responses.usage import decode_usage
from portico.errors import StreamBroken
from portico.jsonio import JsonError, JsonObject, dumps
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

_TEXT = "response.output_text.delta"
_CALLS = frozenset({"function_call", "custom_tool_call"})
_Handler = Callable[["ResponseDecoder", JsonObject], Sequence[StreamEvent]]


class _TextDelta(msgspec.Struct, gc=False):
    type: Literal["response.output_text.delta"]
    delta: str
    output_index: int | None = None
    logprobs: list[Any] | None = None


_decode_text = msgspec.json.Decoder(_TextDelta).decode


class ResponseDecoder:
    """One instance per stream. `extra` stays empty: response objects say nothing further.

    No id has to be made up here, so the seed is not used.
    """

    def __init__(self, quirks: Quirks, id_seed: str) -> None:
        self.done = False
        self.holding = False  # half a character waits for its other half
        self.extra: JsonObject = {}
        self._quirks = quirks
        self._format = quirks.reasoning_format or FORMAT
        self._started = False
        self._finished = False
        self._items: dict[Any, _Item] = {}
        self._calls = 0
        self._images = 0
        self._length = 0
        self._halves = Halves()

    def feed(self, event: ServerSentEvent) -> Sequence[StreamEvent]:
        """Translate one event; unknown kinds give nothing.

        Raises:
            UpstreamError: the event reports a failure.
            StreamBroken: it is not a JSON object.
        """
        if event.data == b"[DONE]":
            self.done = True
            return ()
        if event.name == _TEXT and (added := self._added_text(event.data)) is not None:
            return added
        body = chunk_object(loads_halves(event.data), self._quirks)
        handler = self._HANDLERS.get(body.get("type") or event.name)
        if handler is None:
            if body.get("error"):
                raise error_inside(body)
            return ()
        return handler(self, body)

    def close(self) -> Sequence[StreamEvent]:
        """Nothing is due at the end of a finished stream.

        Raises:
            StreamBroken: the response was never completed.
        """
        if not self._finished:
            raise StreamBroken("the upstream closed the stream before it finished")
        return ()

    def _added_text(self, data: bytes) -> Sequence[StreamEvent] | None:
        """The commonest event, read by its type; None if it takes the general way."""
        if self._quirks.patch is not None:
            return None
        try:
            typed = _decode_text(data)
        except JsonError:  # half a character, or no such event after all
            return None
        return self._said(typed.output_index, typed.delta, typed.logprobs)

    def _created(self, body: JsonObject) -> Sequence[StreamEvent]:
        if self._started:
            return ()
        self._started = True
        response = body["response"]
        return [Start(upstream_id=response.get("id"), model=response.get("model"))]

    def _added(self, body: JsonObject) -> Sequence[StreamEvent]:
        return self._begin(body.get("output_index"), body["item"])

    def _begin(self, place: Any, fields: JsonObject) -> list[StreamEvent]:
        item = self._items[place] = _Item(fields)
        if item.kind in _CALLS:
            item.call, self._calls = self._calls, self._calls + 1
            return [ToolCallStart(index=item.call, id=fields["call_id"], name=fields["name"])]
        return []

    def _text_delta(self, body: JsonObject) -> Sequence[StreamEvent]:
        return self._said(body.get("output_index"), body["delta"], body.get("logprobs"))

    def _said(self, place: Any, delta: str, logprobs: Any) -> Sequence[StreamEvent]:
        item = self._items.get(place) or self._item({"output_index": place}, "message")
        item.streamed = True
        text = self._halves.join(delta)
        self.holding = self._halves.held
        item.length += len(text)
        if not text and not logprobs:
            return ()
        return [TextDelta(text=text, logprobs={"content": logprobs} if logprobs else None)]

    def _refusal_delta(self, body: JsonObject) -> Sequence[StreamEvent]:
        self._item(body, "message").refused = True
        return [RefusalDelta(text=body["delta"])] if body["delta"] else ()

    def _annotation(self, body: JsonObject) -> Sequence[StreamEvent]:
        item = self._item(body, "message")
        item.annotated = True
        known = decode_annotation(body["annotation"], offset=self._length)
        return [] if known is None else [ExtraDelta(fields={"annotations": [known]})]

    def _summary_delta(self, body: JsonObject) -> Sequence[StreamEvent]:
        self._item(body, "reasoning").summarised = True
        number = body.get("summary_index")
        thought = Reasoning(summary=body["delta"], format=self._format, index=number)
        return [ReasoningDelta(item=thought)] if body["delta"] else ()

    def _thought_delta(self, body: JsonObject) -> Sequence[StreamEvent]:
        self._item(body, "reasoning").streamed = True
        return [ReasoningDelta(item=Reasoning(text=body["delta"]))] if body["delta"] else ()

    def _arguments_delta(self, body: JsonObject) -> Sequence[StreamEvent]:
        item = self._item(body, "function_call")
        if item.call is None:
            return ()
        item.streamed = True
        return [ToolCallDelta(index=item.call, arguments=body["delta"])]

    def _input_delta(self, body: JsonObject) -> Sequence[StreamEvent]:
        """Free text becomes the only string of an object, escaped piece by piece."""
        item = self._item(body, "custom_tool_call")
        if item.call is None:
            return ()
        text = item.halves.join(body["delta"])
        opening = "" if item.streamed else '{"input":"'
        item.streamed = True
        return [ToolCallDelta(index=item.call, arguments=opening + _escaped(text))]

    def _item_done(self, body: JsonObject) -> Sequence[StreamEvent]:
        return self._ended(body.get("output_index"), body["item"])

    def _ended(self, place: Any, fields: JsonObject) -> list[StreamEvent]:
        """What is due at the end of an item: whatever was not streamed before."""
        known = self._items.get(place)
        if known is not None and known.ended:
            return []
        unnumbered = known is not None and known.kind in _CALLS and known.call is None
        began = self._begin(place, fields) if known is None or unnumbered else []
        item = self._items[place]
        item.ended = True
        match item.kind:
            case "message":
                return self._message_ended(item, fields)
            case "reasoning":
                return self._reasoning_ended(item, fields)
            case "function_call" | "custom_tool_call":
                return [*began, *_call_ended(item, fields)]
            case "image_generation_call" if fields.get("result"):
                image = drawn_image(fields, self._images)
                self._images += 1
                return [ExtraDelta(fields={"images": [image]})]
        return [ExtraDelta(fields={OTHER_ITEMS: [fields]})]

    def _message_ended(self, item: "_Item", fields: JsonObject) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if rest := self._halves.end():
            self.holding = False
            item.length += len(rest)
            events.append(TextDelta(text=rest))
        length = 0
        for part in fields.get("content") or ():
            text = part.get("text") or ""
            if text and not item.streamed:
                events.append(TextDelta(text=text))
            if part.get("refusal") and part.get("type") == "refusal" and not item.refused:
                events.append(RefusalDelta(text=part["refusal"]))
            if not item.annotated:
                events += _annotations(part, offset=self._length + length)
            length += len(text)
        self._length += max(length, item.length)
        return events

    def _reasoning_ended(self, item: "_Item", fields: JsonObject) -> list[StreamEvent]:
        return [
            ReasoningDelta(item=thought)
            for thought in decode_item(fields, self._format)
            if not (thought.summary is not None and item.summarised)
            and not (thought.text is not None and item.streamed)
        ]

    def _completed(self, body: JsonObject) -> Sequence[StreamEvent]:
        """The last object of a good stream; items that only it has are taken from it."""
        response = body["response"]
        output = response.get("output") or []
        events: list[StreamEvent] = list(self._created(body))
        for place, fields in enumerate(output):
            known = self._items.get(place)
            if known is None or not known.ended:
                events += self._ended(place, fields)
        if rest := self._halves.end():
            events.append(TextDelta(text=rest))
        usage = decode_usage(response.get("usage"), output)
        if usage is not None:
            events.append(StreamUsage(usage=usage, service_tier=response.get("service_tier")))
        reason, native = decode_status(response, has_tool_calls=self._calls > 0)
        events.append(Finish(reason=reason, native_reason=native))
        self._finished = self.done = True
        self.holding = False
        return events

    def _failed(self, body: JsonObject) -> Sequence[StreamEvent]:
        response = body.get("response")
        raise error_inside(response if isinstance(response, dict) else body)

    def _item(self, body: JsonObject, kind: str) -> "_Item":
        """The item an event belongs to; one that was never announced is taken for `kind`."""
        place = body.get("output_index")
        item = self._items.get(place)
        if item is None:
            item = self._items[place] = _Item({"type": kind})
        return item

    _HANDLERS: ClassVar[dict[object, _Handler]] = {
        _TEXT: _text_delta,
        "response.function_call_arguments.delta": _arguments_delta,
        "response.reasoning_summary_text.delta": _summary_delta,
        "response.reasoning_text.delta": _thought_delta,
        "response.created": _created,
        "response.output_item.added": _added,
        "response.output_item.done": _item_done,
        "response.output_text.annotation.added": _annotation,
        "response.refusal.delta": _refusal_delta,
        "response.custom_tool_call_input.delta": _input_delta,
        "response.completed": _completed,
        "response.incomplete": _completed,
        "response.failed": _failed,
        "response.cancelled": _failed,
        "error": _failed,
    }


class _Item:
    """One output item: what of it was streamed, and its number among the client's calls."""

    __slots__ = (
        "annotated", "call", "ended", "halves", "kind", "length", "refused", "streamed", "summarised",
    )  # fmt: skip

    def __init__(self, fields: JsonObject) -> None:
        self.kind = fields["type"]
        self.call: int | None = None
        self.ended = False
        self.streamed = False
        self.refused = False
        self.annotated = False
        self.summarised = False
        self.length = 0
        self.halves = Halves()


def _call_ended(item: _Item, fields: JsonObject) -> list[StreamEvent]:
    assert item.call is not None, "calls are numbered when they begin"
    if item.kind == "function_call":
        whole = "" if item.streamed else fields.get("arguments") or "{}"
        return [ToolCallDelta(index=item.call, arguments=whole)] if whole else []
    if item.streamed:
        rest = _escaped(item.halves.end()) + '"}'
    else:
        rest = '{"input":"' + _escaped(fields.get("input") or "") + '"}'
    return [ToolCallDelta(index=item.call, arguments=rest)]


def _annotations(part: JsonObject, *, offset: int) -> list[StreamEvent]:
    found = [decode_annotation(one, offset=offset) for one in part.get("annotations") or ()]
    known = [one for one in found if one is not None]
    return [ExtraDelta(fields={"annotations": known})] if known else []


def _escaped(text: str) -> str:
    """Text as it stands between the quotes of a JSON string."""
    return dumps(text)[1:-1].decode()
