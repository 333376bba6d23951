"""Hub events to the events of a Cohere stream.

Calls stand strictly one after the other, whatever the upstream interleaves:
clients of the dialect gather one at a time.
"""

from portico.dialects.base import Envelope
from portico.dialects.cohere_chat.citations import own_citations
from portico.dialects.cohere_chat.errors import error_body
from portico.dialects.cohere_chat.finish import to_native
from portico.dialects.cohere_chat.response import encode_logprobs, usage_with_cost
from portico.dialects.cohere_chat.thinking import TOOL_PLAN
from portico.dialects.reasoning import visible_text
from portico.dialects.serial_calls import SerialCalls
from portico.errors import GatewayError
from portico.jsonio import JsonObject, dumps
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


class EventEncoder:
    """One instance per stream. `message-start` waits for the first content.

    Only the first answer is written: the dialect has one.
    """

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._began = False
        self._index = -1
        self._open: str | None = None
        self._text_head = b""  # what every delta of the open text block begins with
        self._citations = 0
        self._calls = SerialCalls(self._begin_call, self._fragment, self._end_call)

    def feed(self, event: StreamEvent) -> bytes:
        """Bytes for one event; may be empty."""
        if getattr(event, "choice", 0) != 0:
            return b""
        match event:
            case TextDelta(logprobs=dict()):
                return self._block("text") + self._content(
                    {"text": event.text}, logprobs=encode_logprobs(event.logprobs)
                )
            case TextDelta() | RefusalDelta():
                return self.text(event.text)
            case ToolCallDelta():
                return self._calls.arguments(event)
            case ReasoningDelta():
                return self._reasoning(event.item)
            case ToolCallStart():
                return self._calls.start(event)
            case ExtraDelta():
                return b"".join(map(self._citation, own_citations(event.fields)))
            case StreamUsage():
                self._usage = event.usage
            case Finish():
                self._finish = self._finish or event
        return b""

    def text(self, text: str) -> bytes:
        """More text of the answer."""
        if not text:
            return b""
        head = b"" if self._open == "text" else self._block("text")
        return head + self._text_head + dumps(text) + b"}}}}\n\n"

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The finish reason with usage and price, and the terminator."""
        finish = self._finish or Finish(reason="stop")
        delta = {
            "finish_reason": to_native(finish.reason, finish.native_reason),
            "usage": usage_with_cost(usage or self._usage, cost),
        }
        return b"".join(
            (
                self._begin(),
                self._calls.complete(),
                self._stop(),
                _event("message-end", {"delta": delta}),
                DONE,
            )
        )

    def error(self, error: GatewayError) -> bytes:
        """The end of the message, with the error in it."""
        said = error_body(error)["message"]
        return _event("message-end", {"delta": {"finish_reason": "ERROR", "error": said}}) + DONE

    def _begin(self) -> bytes:
        if self._began:
            return b""
        self._began = True
        message: JsonObject = {
            "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": [],
        }  # fmt: skip
        fields = {"id": self._envelope.generation_id, "delta": {"message": message}}
        return _event("message-start", fields)

    def _block(self, kind: str) -> bytes:
        """Open a content block of a kind, unless it is open."""
        if self._open == kind:
            return b""
        head = self._begin() + self._calls.complete() + self._stop()
        self._open = kind
        self._index += 1
        out = head + self._indexed("content-start", {"content": {"type": kind, kind: ""}})
        sample = self._content({"text": ""})
        self._text_head = sample.removesuffix(b'""}}}}\n\n')
        return out

    def _stop(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        return _event("content-end", {"index": self._index})

    def _indexed(self, name: str, message: JsonObject, **more: object) -> bytes:
        return _event(name, {"index": self._index, **more, "delta": {"message": message}})

    def _content(self, content: JsonObject, *, logprobs: object = None) -> bytes:
        more = {} if logprobs is None else {"logprobs": logprobs}
        return self._indexed("content-delta", {"content": content}, **more)

    def _reasoning(self, item: Reasoning) -> bytes:
        text = visible_text(item)
        if self._envelope.exclude_reasoning or not text:
            return b""
        if item.id == TOOL_PLAN:
            delta = {"delta": {"message": {"tool_plan": text}}}
            return self._begin() + _event("tool-plan-delta", delta)
        return self._block("thinking") + self._content({"thinking": text})

    def _citation(self, citation: JsonObject) -> bytes:
        number, self._citations = self._citations, self._citations + 1
        start = {"index": number, "delta": {"message": {"citations": citation}}}
        return b"".join(
            (
                self._begin(),
                _event("citation-start", start),
                _event("citation-end", {"index": number}),
            )
        )

    def _begin_call(self, call: ToolCallStart) -> bytes:
        function = {"name": call.name, "arguments": ""}
        fields = {"id": call.id, "type": "function", "function": function}
        start = {"index": call.index, "delta": {"message": {"tool_calls": fields}}}
        return self._begin() + self._stop() + _event("tool-call-start", start)

    def _fragment(self, call: ToolCallStart, text: str) -> bytes:
        message = {"tool_calls": {"function": {"arguments": text}}}
        return _event("tool-call-delta", {"index": call.index, "delta": {"message": message}})

    def _end_call(self, call: ToolCallStart) -> bytes:
        return _event("tool-call-end", {"index": call.index})


def _event(name: str, fields: JsonObject) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + dumps({"type": name, **fields}) + b"\n\n"
