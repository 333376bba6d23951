"""Hub events to Gemini chunks, as `streamGenerateContent?alt=sse` writes them."""

from portico.dialects.base import Envelope
from portico.dialects.gemini.errors import error_body
from portico.dialects.gemini.finish import to_native
from portico.dialects.gemini.response import call_part, image_part, is_signature, thought_part
from portico.dialects.gemini.usage import encode_usage
from portico.errors import GatewayError
from portico.jsonio import JsonObject, dumps
from portico.vocabulary import (
    Cost,
    ExtraDelta,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)


class ChunkEncoder:
    """One instance per stream.

    A call goes out whole, once the next thing begins: the dialect does not cut
    arguments. The reasons wait for the last chunk, where the usage is.
    """

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._calls: dict[int, _Call] = {}
        self._signatures: dict[str | None, str] = {}
        self._finishes: dict[int, Finish] = {}
        head = {"modelVersion": envelope.model, "responseId": envelope.generation_id}
        self._suffix = b"," + dumps(head)[1:] + b"\n\n"

    def feed(self, event: StreamEvent) -> bytes:
        """Bytes for one event; may be empty."""
        if isinstance(event, ToolCallDelta):
            if event.choice in self._calls:
                self._calls[event.choice].arguments.append(event.arguments)
            return b""
        if isinstance(event, ReasoningDelta):
            return self._reasoning(event)
        if isinstance(event, TextDelta | RefusalDelta):
            return self._parts([{"text": event.text}] if event.text else [], event.choice)
        if isinstance(event, ToolCallStart):
            before = self._close_call(event.choice)
            self._calls[event.choice] = _Call(event)
            return before
        if isinstance(event, ExtraDelta):
            return self._extra(event)
        if isinstance(event, Finish):
            self._finishes[event.choice] = event
            return self._close_call(event.choice)
        return b""

    def text(self, text: str) -> bytes:
        """More text of the only answer."""
        return self._parts([{"text": text}], 0)

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The last chunk: reasons and usage. There is no terminator."""
        candidates = [
            {
                "content": {"role": "model", "parts": self._last_parts(number)},
                "finishReason": to_native(finish.reason, finish.native_reason),
                "index": number,
            }
            for number, finish in sorted(self._finishes.items())
        ]
        body = {"candidates": candidates, "usageMetadata": encode_usage(usage or Usage())}
        return b"data: " + dumps(body)[:-1] + self._suffix

    def error(self, error: GatewayError) -> bytes:
        """The end of a stream that failed after it began."""
        return b"data: " + dumps(error_body(error)) + b"\n\n"

    def _last_parts(self, number: int) -> list[JsonObject]:
        signature = self._signatures.pop(None, None) if number == 0 else None
        return [{"text": ""} if signature is None else {"text": "", "thoughtSignature": signature}]

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        item = event.item
        if is_signature(item):
            assert item.data is not None, "a signature has data"
            self._signatures[item.id] = item.data
            return b""
        part = None if self._envelope.exclude_reasoning else thought_part(item)
        return self._parts([part] if part is not None else [], event.choice)

    def _extra(self, event: ExtraDelta) -> bytes:
        fields: JsonObject = event.fields
        parts = [image_part(image) for image in fields.get("images") or ()]
        parts += fields.get("content_parts") or ()
        return self._parts(parts, event.choice)

    def _close_call(self, choice: int) -> bytes:
        call = self._calls.pop(choice, None)
        if call is None:
            return b""
        start = call.start
        signature = self._signatures.pop(start.id, None)
        part = call_part(start.id, start.name, "".join(call.arguments), signature)
        return self._chunk([part], choice)

    def _parts(self, parts: list[JsonObject], choice: int) -> bytes:
        before = self._close_call(choice)
        return before + self._chunk(parts, choice) if parts else before

    def _chunk(self, parts: list[JsonObject], choice: int) -> bytes:
        candidate = {"content": {"role": "model", "parts": parts}, "index": choice}
        return b"data: " + dumps({"candidates": [candidate]})[:-1] + self._suffix


class _Call:
    """A call whose arguments are still coming."""

    def __init__(self, start: ToolCallStart) -> None:
        self.start = start
        self.arguments: list[str] = []
