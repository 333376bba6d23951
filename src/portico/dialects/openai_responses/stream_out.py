"""Hub events to the events of a Responses stream (contract/other-apis 1).

Items are strictly one after the other, whatever the upstream interleaves:
fragments of a tool call wait until the call before it is complete.
"""

from typing import Any

from portico.dialects.base import Envelope
from portico.dialects.openai_responses.answer import Asked
from portico.dialects.openai_responses.calls_out import CallItem, ClientToolItem, CustomCallItem
from portico.dialects.openai_responses.conversation import OTHER_ITEMS
from portico.dialects.openai_responses.errors import failed_response
from portico.dialects.openai_responses.feed import Feed, Manner
from portico.dialects.openai_responses.finish import encode_status
from portico.dialects.openai_responses.items import other_items
from portico.dialects.openai_responses.items_out import (
    ImageItem,
    MessageItem,
    OpenItem,
    ReadyItem,
    ReasoningItem,
)
from portico.dialects.openai_responses.parts import encode_annotation, encode_logprobs
from portico.dialects.openai_responses.usage import encode_usage
from portico.errors import GatewayError, StreamBroken
from portico.jsonio import JsonObject
from portico.sse import DONE
from portico.vocabulary import (
    Cost,
    ExtraDelta,
    Finish,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    StreamUsage,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)

_TAKEN = frozenset({"prompt", "output_text", "error_type"})
"""Names that mean something in a response object, beside those that stand in every one."""
_FAILED = {"code": "server_error", "message": "The provider ended with an error."}
_USUAL = Manner()


class ResponseEncoder:
    """One instance per stream. `response.created` waits for the first content.

    Only the first answer is written: the dialect has one.
    """

    def __init__(self, envelope: Envelope, manner: Manner = _USUAL) -> None:
        self._asked = Asked(envelope)
        self._hidden = envelope.exclude_reasoning
        self._origin = envelope.origin
        self._manner = manner
        self._feed = Feed(envelope, manner)
        self._output: list[JsonObject] = []
        self._open: OpenItem | None = None
        self._message: MessageItem | None = None  # the open item, if it is a message
        self._calls: dict[int, _Call] = {}
        self._usage: Usage | None = None
        self._service_tier: str | None = None
        self._finish: Finish | None = None

    def feed(self, event: StreamEvent) -> bytes:
        """Bytes for one event; may be empty."""
        if isinstance(event, TextDelta) and event.logprobs is None and event.choice == 0:
            return self.text(event.text)
        return b"" if getattr(event, "choice", 0) != 0 else self._general(event)

    def _general(self, event: StreamEvent) -> bytes:
        match event:
            case TextDelta():
                return self._text(event)
            case ToolCallDelta():
                return self._arguments(event)
            case ReasoningDelta():
                return b"" if self._hidden else self._reasoning(event.item)
            case ToolCallStart():
                return self._call(event)
            case RefusalDelta():
                return self._opened_message() + self._said().refusal(event.text)
            case ExtraDelta():
                return self._extra(event)
            case StreamUsage():
                self._usage = event.usage
                self._service_tier = event.service_tier or self._service_tier
            case Finish():
                self._finish = self._finish or event
        return b""

    def text(self, text: str) -> bytes:
        """More text of the answer."""
        if not text:
            return b""
        if self._message is not None:
            return self._message.text(text)
        return self._opened_message() + self._said().text(text)

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The end of what is open, the whole response with usage and price, and the terminator."""
        out = self._begin() + self.finished()
        response = self.response(usage, cost, extra)
        return out + self._feed.event(f"response.{response['status']}", response=response) + DONE

    def response(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> JsonObject:
        """The whole response, once everything is closed."""
        status, incomplete = self._ended()
        error = _FAILED if status == "failed" else None
        response = self._asked.response(
            status=status,
            output=self._output,
            usage=encode_usage(usage or self._usage or Usage(), cost),
            error=error,
            incomplete=incomplete,
            service_tier=self._service_tier,
        )
        if error is not None:
            response["error_type"] = "provider_unavailable"
        rest = {k: v for k, v in extra.items() if k not in response and k not in _TAKEN}
        return {**response, **rest}

    def error(self, error: GatewayError) -> bytes:
        """A response that failed, and the terminator. What is open stays as it is."""
        precise = self._manner.precise_codes
        response = failed_response(self._asked, error, output=self._output, precise=precise)
        return self._begin() + self._feed.event("response.failed", response=response) + DONE

    def finished(self) -> bytes:
        """Close what is open; it was cut off where the answer was not completed."""
        if self._open is not None and self._ended()[0] != "completed":
            self._open.cut()
        return self._close()

    def _ended(self) -> tuple[str, JsonObject | None]:
        finish = self._finish or Finish(reason="stop")
        return encode_status(finish.reason)

    def _begin(self) -> bytes:
        return self._feed.begin(self._asked)

    def _text(self, event: TextDelta) -> bytes:
        logprobs = encode_logprobs(event.logprobs)
        if not logprobs:
            return self.text(event.text)
        return self._opened_message() + self._said().text_with_logprobs(event.text, logprobs)

    def _opened_message(self) -> bytes:
        if self._message is not None:
            return b""
        out = self._begin() + self._close()
        place = len(self._output)
        item = MessageItem(self._feed, place, self._asked.item_id("msg", place))
        self._open = self._message = item
        return out + item.open()

    def _said(self) -> MessageItem:
        assert self._message is not None, "opened by the caller"
        return self._message

    def _reasoning(self, item: Reasoning) -> bytes:
        current = self._open
        if isinstance(current, ReasoningItem) and current.takes(item):
            return current.add(item)
        out = self._begin() + self._close()
        place = len(self._output)
        item_id = item.id or self._asked.item_id("rs", place)
        opened = ReasoningItem(
            self._feed, place, item_id, sealed=self._asked.sealed, origin=self._origin
        )
        self._open = opened
        return out + opened.open() + opened.add(item)

    def _call(self, event: ToolCallStart) -> bytes:
        """A call is written as it comes, unless the one before it is not complete."""
        call = self._calls[event.index] = _Call(event)
        if isinstance(self._open, CallItem):
            return self._advance()
        return self._begin() + self._close() + self._opened_call(call)

    def _advance(self) -> bytes:
        """From a call that is complete to the next that waits."""
        out = b""
        while waiting := self._waiting():
            if not isinstance(self._open, CallItem) or not self._open.complete:
                break
            out += self._close_one() + self._opened_call(waiting[0])
        return out

    def _waiting(self) -> "list[_Call]":
        return [call for call in self._calls.values() if call.item is None]

    def _opened_call(self, call: "_Call") -> bytes:
        place = len(self._output)
        space, name = self._asked.namespaces.get(call.name, (None, call.name))
        tool = self._asked.client_tools.get(call.name)
        item: CallItem
        if tool is not None:
            item_id = self._asked.item_id(tool.prefix, place)
            item = ClientToolItem(self._feed, place, item_id, call_id=call.id, tool=tool)
        else:
            form = CustomCallItem if call.name in self._asked.custom else CallItem
            item_id = self._asked.item_id(form.prefix, place)
            item = form(self._feed, place, item_id, call_id=call.id, name=name, namespace=space)
        self._open = call.item = item
        out = item.open() + b"".join(map(item.arguments, call.held))
        call.held = []
        return out

    def _arguments(self, event: ToolCallDelta) -> bytes:
        call = self._calls[event.index]
        if call.item is None:
            call.held.append(event.arguments)
            return b""
        if call.item is self._open:
            out = call.item.arguments(event.arguments)
            return out + self._advance() if len(self._calls) > 1 else out
        if event.arguments.strip():
            raise StreamBroken("the upstream went back to a tool call after other content")
        return b""

    def _extra(self, event: ExtraDelta) -> bytes:
        fields: dict[str, Any] = event.fields
        out = b""
        for item in other_items(fields.get(OTHER_ITEMS)):
            out += self._ready(item)
        for image in _images(fields.get("images")):
            out += self._begin() + self._close()
            place = len(self._output)
            drawn = ImageItem(self._feed, place, self._asked.item_id("ig", place), image)
            self._open = drawn
            out += drawn.open() + self._close()
        annotations = fields.get("annotations")
        for annotation in annotations if isinstance(annotations, list) else ():
            if (known := encode_annotation(annotation)) is not None:
                out += self._opened_message() + self._said().annotate(known)
        return out

    def _ready(self, item: JsonObject) -> bytes:
        out = self._begin() + self._close()
        place = len(self._output)
        item.setdefault("id", self._asked.item_id("item", place))
        ready = ReadyItem(self._feed, place, item)
        self._open = ready
        return out + ready.open() + self._close()

    def _close(self) -> bytes:
        """End the open item; after a call, also those that waited for it, in their order."""
        out = b""
        while self._open is not None:
            was_call = isinstance(self._open, CallItem)
            out += self._close_one()
            if was_call and (waiting := self._waiting()):
                out += self._opened_call(waiting[0])
        return out

    def _close_one(self) -> bytes:
        if self._open is None:
            return b""
        out = self._open.close()
        self._output.append(self._open.whole(self._open.end))
        self._open = self._message = None
        return out


class _Call:
    """A tool call: `item` once it is written, else `held` until those before it are complete."""

    def __init__(self, event: ToolCallStart) -> None:
        self.id = event.id
        self.name = event.name
        self.item: CallItem | None = None
        self.held: list[str] = []


def _images(images: Any) -> list[str]:
    """The base64 of images that came as data URLs."""
    found = []
    for image in images if isinstance(images, list) else ():
        url = image.get("image_url", {}).get("url") if isinstance(image, dict) else None
        if isinstance(url, str) and url.startswith("data:"):
            found.append(url.partition(",")[2])
    return found
