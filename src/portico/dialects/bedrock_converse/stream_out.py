"""Hub events to the messages of a ConverseStream answer.

Blocks are strictly one after the other, whatever the upstream interleaves:
fragments of a tool call wait until the calls before it are complete.
"""

from portico.dialects.base import Envelope
from portico.dialects.bedrock_converse.citations import cited_block
from portico.dialects.bedrock_converse.errors import error_body, exception_of
from portico.dialects.bedrock_converse.finish import encode_stop
from portico.dialects.bedrock_converse.framing import write_event, write_exception
from portico.dialects.bedrock_converse.names import encode_tool_name
from portico.dialects.bedrock_converse.reasoning import encode_reasoning
from portico.dialects.bedrock_converse.response import own_blocks
from portico.dialects.bedrock_converse.turns import SERVER_BLOCKS
from portico.dialects.bedrock_converse.usage import encode_usage
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


class EventEncoder:
    """One instance per stream. Only the first answer is written: the dialect has one."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._usage: Usage | None = None
        self._service_tier: str | None = None
        self._finish: Finish | None = None
        self._began = False
        self._index = -1
        self._open: str | None = None
        self._ids = ToolIds()
        self._calls = SerialCalls(self._begin_call, self._fragment)

    def feed(self, event: StreamEvent) -> bytes:
        """Bytes for one event; may be empty."""
        if getattr(event, "choice", 0) != 0:
            return b""
        match event:
            case TextDelta() | RefusalDelta():
                return self.text(event.text)
            case ToolCallDelta():
                return self._calls.arguments(event)
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

    def text(self, text: str) -> bytes:
        """More text of the answer."""
        return self._continue("text", {"text": text}) if text else b""

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The stop reason, then usage; there is no terminator."""
        finish = self._finish or Finish(reason="stop")
        stop = {"stopReason": encode_stop(finish.reason, finish.native_reason)}
        counted: JsonObject = {
            "usage": encode_usage(usage or self._usage or Usage()),
            "metrics": {"latencyMs": 0},
            **extra,
        }
        if self._service_tier is not None:
            counted["serviceTier"] = {"type": self._service_tier}
        return b"".join(
            (
                self._begin(),
                self._calls.complete(),
                self._stop(),
                write_event("messageStop", stop),
                write_event("metadata", counted),
            )
        )

    def error(self, error: GatewayError) -> bytes:
        """The exception that ends the stream."""
        name = exception_of(error)
        return write_exception(name[0].lower() + name[1:], error_body(error))

    def _begin(self) -> bytes:
        if self._began:
            return b""
        self._began = True
        return write_event("messageStart", {"role": "assistant"})

    def _continue(self, kind: str, delta: JsonObject) -> bytes:
        """A delta of the open block if it is of this kind, else of a new one."""
        head = b"" if self._open == kind else self._next(kind)
        return head + write_event(
            "contentBlockDelta", {"contentBlockIndex": self._index, "delta": delta}
        )

    def _next(self, kind: str) -> bytes:
        """Close what is open; the block after it has the next index."""
        head = self._begin()
        if self._calls.writing:
            head += self._calls.complete()
        head += self._stop()
        self._index += 1
        self._open = kind
        return head

    def _stop(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        return write_event("contentBlockStop", {"contentBlockIndex": self._index})

    def _reasoning(self, item: Reasoning) -> bytes:
        """Text grows a block; a signature or a blob of its own completes one."""
        block = None if self._envelope.exclude_reasoning else encode_reasoning(item)
        if block is None:
            return b""
        content = block["reasoningContent"]
        if "redactedContent" in content:
            return self._continue("redacted", {"reasoningContent": content}) + self._stop()
        text = content["reasoningText"]
        out = b""
        for name in ("text", "signature"):
            if text.get(name):
                delta = {"reasoningContent": {name: text[name]}}
                out += self._continue("reasoning", delta)
        return out + self._stop() if text.get("signature") else out

    def _begin_call(self, call: ToolCallStart) -> bytes:
        out = self._next("toolUse")
        use = {"toolUseId": self._ids.call(call.id), "name": encode_tool_name(call.name)}
        body = {"contentBlockIndex": self._index, "start": {"toolUse": use}}
        return out + write_event("contentBlockStart", body)

    def _fragment(self, call: ToolCallStart, text: str) -> bytes:
        return self._continue("toolUse", {"toolUse": {"input": text}})

    def _extra(self, event: ExtraDelta) -> bytes:
        out = b""
        for block in own_blocks(event.fields.get(SERVER_BLOCKS)):
            out += self._server_block(block)
        annotations = event.fields.get("annotations")
        pages = (
            [a for a in annotations if isinstance(a, dict)] if isinstance(annotations, list) else []
        )
        cited = cited_block("", pages, event.fields.get("citations")).get("citationsContent")
        for citation in cited["citations"] if cited else ():
            out += self._continue("text", {"citation": citation})
        return out

    def _server_block(self, block: JsonObject) -> bytes:
        """A block of a tool that the provider ran, whole, in the pieces of a stream."""
        ((kind, body),) = list(block.items())[:1]
        inside = "input" if kind == "toolUse" else "content"
        start = {name: value for name, value in body.items() if name != inside}
        content = body.get(inside)
        delta: object = {"input": dumps(content).decode()} if kind == "toolUse" else content or []
        out = self._next("server")
        head = {"contentBlockIndex": self._index, "start": {kind: start}}
        out += write_event("contentBlockStart", head)
        return out + self._continue("server", {kind: delta}) + self._stop()
