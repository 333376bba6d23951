"""Hub events to the events of a Messages stream (contract/other-apis 2).

Blocks are strictly one after the other, whatever the upstream interleaves: fragments
of a tool call wait until the calls before it are complete, and other content waits
until the calls that were begun before it are.
"""

from portico.dialects.anthropic_messages.errors import error_body
from portico.dialects.anthropic_messages.finish import encode_stop
from portico.dialects.anthropic_messages.response import (
    page_citation,
    stop_details,
    tool_use,
    usage_with_cost,
)
from portico.dialects.anthropic_messages.thinking import encode_block
from portico.dialects.anthropic_messages.turns import SERVER_BLOCKS
from portico.dialects.anthropic_messages.usage import encode_usage
from portico.dialects.base import Envelope
from portico.dialects.serial_calls import SerialCalls
from portico.dialects.tool_ids import ToolIds
from portico.errors import GatewayError
from portico.jsonio import JsonObject, dumps
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

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
"""What this dialect's clients are sent while they wait; they do not expect comments."""


class MessageEncoder:
    """One instance per stream. `message_start` waits for the first content.

    Only the first answer is written: the dialect has one.
    """

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._usage: Usage | None = None
        self._service_tier: str | None = None
        self._finish: Finish | None = None
        self._refusal: list[str] = []
        self._began = False
        self._index = -1
        self._open: str | None = None
        self._text_head = b""  # what every delta of the open text block begins with
        self._signature = ""
        self._signed = False
        self._ids = ToolIds()
        self._calls = SerialCalls(self._begin_call, self._fragment)
        self._later: list[StreamEvent] = []  # came while a call was half written

    def feed(self, event: StreamEvent) -> bytes:
        """Bytes for one event; may be empty."""
        if getattr(event, "choice", 0) != 0:
            return b""
        if isinstance(event, TextDelta | RefusalDelta):
            return self._said(event)
        match event:
            case ToolCallDelta():
                return self._arguments(event)
            case ReasoningDelta() | ExtraDelta() if self._must_wait():
                self._later.append(event)
            case ReasoningDelta():
                return self._reasoning(event.item)
            case ToolCallStart():
                return self._calls.start(event)
            case ExtraDelta():
                return self._extra(event)
            case StreamUsage():
                self._usage = event.usage
                self._service_tier = event.service_tier or self._service_tier
            case Finish():
                self._finish = self._finish or event
        return b""

    def _said(self, event: TextDelta | RefusalDelta) -> bytes:
        if isinstance(event, RefusalDelta):
            self._refusal.append(event.text)
        return self.text(event.text)

    def text(self, text: str) -> bytes:
        """More text of the answer."""
        if not text:
            return b""
        if self._open == "text":
            return self._text_head + dumps(text) + b"}}\n\n"
        if self._must_wait():
            self._later.append(TextDelta(text=text))
            return b""
        return self._open_text() + self._text_head + dumps(text) + b"}}\n\n"

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The stop reason with usage and price, and the terminator."""
        finish = self._finish or Finish(reason="stop")
        stop = encode_stop(finish.reason, finish.native_reason)
        delta: JsonObject = {
            "stop_reason": stop,
            "stop_sequence": None,
            "stop_details": stop_details(stop, "".join(self._refusal)),
            "container": None,
            **extra,
        }
        metadata = delta.pop("openrouter_metadata", None)
        last = {} if metadata is None else {"openrouter_metadata": metadata}
        counted = usage_with_cost(usage or self._usage, self._service_tier, cost)
        return b"".join(
            (
                self._begin(),
                self._calls.complete(),
                self._catch_up(),
                self._stop(),
                _event("message_delta", {"delta": delta, "usage": counted}),
                _event("message_stop", last),
            )
        )

    def error(self, error: GatewayError) -> bytes:
        """The error event; nothing follows it."""
        return b"event: error\ndata: " + dumps(error_body(error)) + b"\n\n"

    def _begin(self) -> bytes:
        if self._began:
            return b""
        self._began = True
        # clients fill their context meter from here: an estimate serves them, zero does not
        known = self._usage
        if known is None or not known.prompt_tokens:
            known = Usage(input_tokens=self._envelope.prompt_tokens)
        usage = {**encode_usage(known, self._service_tier), "output_tokens": 1}
        message: JsonObject = {
            "id": self._envelope.generation_id,
            "type": "message",
            "role": "assistant",
            "model": self._envelope.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "container": None,
            "usage": usage,
            "provider": self._envelope.provider,
        }
        return _event("message_start", {"message": message}) + PING

    def _start(self, block: JsonObject) -> bytes:
        """Close what is open and open `block`."""
        head = self._begin()
        if self._calls.writing:
            head += self._calls.complete()
        head += self._stop()
        self._index += 1
        self._open = str(block["type"])
        return head + _event("content_block_start", {"index": self._index, "content_block": block})

    def _open_text(self) -> bytes:
        out = self._start({"type": "text", "text": "", "citations": None})
        sample = self._delta({"type": "text_delta", "text": ""})
        self._text_head = sample.removesuffix(b'""}}\n\n')
        return out

    def _stop(self) -> bytes:
        if self._open is None:
            return b""
        out = b""
        if self._open == "thinking":
            out = self._delta({"type": "signature_delta", "signature": self._signature})
            self._signature, self._signed = "", False
        self._open = None
        return out + _event("content_block_stop", {"index": self._index})

    def _delta(self, delta: JsonObject) -> bytes:
        return _event("content_block_delta", {"index": self._index, "delta": delta})

    def _reasoning(self, item: Reasoning) -> bytes:
        """Text grows a thinking block; a signature or an opaque blob completes one."""
        if self._envelope.exclude_reasoning:
            return b""
        block = encode_block(item, self._envelope.origin)
        if block["type"] == "redacted_thinking":
            return self._start(block) + self._stop()
        out = b""
        if self._open != "thinking" or (self._signed and block["thinking"]):
            out = self._start({"type": "thinking", "thinking": "", "signature": ""})
        if block["thinking"]:
            out += self._delta({"type": "thinking_delta", "thinking": block["thinking"]})
        if item.data is not None or item.signature is not None:
            self._signature, self._signed = block["signature"], True
        return out

    def _must_wait(self) -> bool:
        """Whether a call is half written: what comes now is written after it."""
        return bool(self._later) or (self._calls.writing and not self._calls.whole)

    def _arguments(self, event: ToolCallDelta) -> bytes:
        out = self._calls.arguments(event)
        if self._later and event.arguments.endswith(("}", "]", '"')) and self._calls.whole:
            out += self._catch_up()
        return out

    def _catch_up(self) -> bytes:
        """Write what had to wait, in its order."""
        later, self._later = self._later, []
        return b"".join(map(self.feed, later))

    def _begin_call(self, call: ToolCallStart) -> bytes:
        return self._start(tool_use(self._ids.call(call.id), call.name, {}))

    def _fragment(self, call: ToolCallStart, text: str) -> bytes:
        return self._delta({"type": "input_json_delta", "partial_json": text})

    def _extra(self, event: ExtraDelta) -> bytes:
        out = b""
        blocks = event.fields.get(SERVER_BLOCKS)
        for block in blocks if isinstance(blocks, list) else ():
            if isinstance(block, dict) and "type" in block:
                out += self._start(block) + self._stop()
        if cited := _citations(event.fields):  # they belong to the text so far
            out += b"".join(map(self._citation, cited)) + self._stop()
        return out

    def _citation(self, citation: JsonObject) -> bytes:
        head = b"" if self._open == "text" else self._open_text()
        return head + self._delta({"type": "citations_delta", "citation": citation})


def _citations(fields: JsonObject) -> list[JsonObject]:
    """Cited pages, and documents in their own form."""
    pages, others = fields.get("annotations"), fields.get("citations")
    found = [
        page_citation(item)
        for item in (pages if isinstance(pages, list) else ())
        if isinstance(item, dict) and "url_citation" in item
    ]
    return found + (others if isinstance(others, list) else [])


def _event(name: str, fields: JsonObject) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + dumps({"type": name, **fields}) + b"\n\n"
