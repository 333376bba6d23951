"""Whole answers of the Gemini API, in and out."""

import hashlib
from collections.abc import Iterable
from typing import Any

from portico.dialects.base import Envelope, Quirks
from portico.dialects.gemini.finish import to_native
from portico.dialects.gemini.names import FORMAT
from portico.dialects.gemini.stream_in import ChunkDecoder
from portico.dialects.gemini.usage import encode_usage
from portico.dialects.openai_chat.reasoning import merge
from portico.errors import StreamBroken, UpstreamUnavailable
from portico.jsonio import JsonError, JsonObject, dumps, loads
from portico.vocabulary import (
    ChatResponse,
    Choice,
    Cost,
    ExtraDelta,
    Finish,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    StreamUsage,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read a 200 body: one answer, or the array that a stream without `alt=sse` is.

    Raises:
        UpstreamError: it is an error object, not JSON, or holds no answer.
    """
    try:
        parsed: Any = loads(body)
    except JsonError as error:
        raise UpstreamUnavailable("the upstream's answer is not JSON") from error
    chunks = parsed if isinstance(parsed, list) else [parsed]
    first = chunks[0] if chunks and isinstance(chunks[0], dict) else {}
    seed = first.get("responseId") or hashlib.sha256(body).hexdigest()
    decoder = ChunkDecoder(quirks, str(seed))
    try:
        events = [event for chunk in chunks for event in decoder.chunk(chunk)]
        events.extend(decoder.close() if isinstance(parsed, list) else decoder.finish())
        return gathered(events)
    except StreamBroken as error:
        raise UpstreamUnavailable(error.message) from error
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise UpstreamUnavailable("the upstream's answer cannot be read") from error


def gathered(events: Iterable[StreamEvent]) -> ChatResponse:
    """The whole answer that a finished stream of events amounts to."""
    start, counted = Start(), None
    choices: dict[int, _Gathering] = {}
    for event in events:
        if isinstance(event, Start):
            start = event
        elif isinstance(event, StreamUsage):
            counted = event
        else:
            number: int = event.choice  # type: ignore[attr-defined]  # all but the two have it
            choices.setdefault(number, _Gathering()).add(event)
    return ChatResponse(
        choices=tuple(choices[number].choice(number) for number in sorted(choices)),
        upstream_id=start.upstream_id,
        upstream_model=start.model,
        service_tier=counted.service_tier if counted else None,
        usage=counted.usage if counted else None,
    )


class _Gathering:
    """One answer as its events come in."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._reasoning: list[Reasoning] = []
        self._calls: list[ToolCallStart] = []
        self._arguments: dict[int, str] = {}
        self._lists: dict[str, list[JsonObject]] = {}
        self._audio: JsonObject | None = None
        self._logprobs: JsonObject | None = None
        self._finish: Finish | None = None

    def add(self, event: StreamEvent) -> None:
        match event:
            case TextDelta():
                self._texts.append(event.text)
                self._logprobs = event.logprobs or self._logprobs
            case RefusalDelta():
                self._refusals.append(event.text)
            case ReasoningDelta():
                self._reasoning.append(event.item)
            case ToolCallStart():
                self._calls.append(event)
            case ToolCallDelta():
                before = self._arguments.get(event.index, "")
                self._arguments[event.index] = before + event.arguments
            case ExtraDelta():
                self._add_extra(event.fields)
            case Finish():
                self._finish = event

    def _add_extra(self, fields: JsonObject) -> None:
        for name, value in fields.items():
            if name == "audio":
                self._audio = value
            else:
                self._lists.setdefault(name, []).extend(value)

    def choice(self, number: int) -> Choice:
        text = "".join(self._texts)
        calls = tuple(
            ToolCall(id=call.id, name=call.name, arguments=self._arguments.get(call.index) or "{}")
            for call in self._calls
        )
        parts = self._lists.get("content_parts")
        return Choice(
            index=number,
            content=None if calls and not text else text,
            refusal="".join(self._refusals) or None,
            reasoning=tuple(merge(self._reasoning)),
            tool_calls=calls,
            annotations=tuple(self._lists.get("annotations", ())),
            images=tuple(self._lists.get("images", ())),
            audio=self._audio,
            logprobs=self._logprobs,
            finish_reason=self._finish.reason if self._finish else "stop",
            native_finish_reason=self._finish.native_reason if self._finish else None,
            extra={"content_parts": parts} if parts else None,
        )


def encode_response(response: ChatResponse, envelope: Envelope, cost: Cost | None) -> bytes:
    """Write the answer as the API would."""
    return dumps(
        {
            "candidates": [_encode_choice(choice, envelope) for choice in response.choices],
            "usageMetadata": encode_usage(response.usage or Usage()),
            "modelVersion": envelope.model,
            "responseId": envelope.generation_id,
        }
    )


def _encode_choice(choice: Choice, envelope: Envelope) -> JsonObject:
    shown = () if envelope.exclude_reasoning else choice.reasoning
    parts: list[JsonObject] = [p for item in shown if (p := thought_part(item)) is not None]
    signed = {item.id: item.data for item in choice.reasoning if is_signature(item)}
    own: Any = (choice.extra or {}).get("content_parts") or ()
    parts.extend(own)
    if text := choice.content or choice.refusal:
        parts.append({"text": text})
    parts.extend(image_part(image) for image in choice.images)
    if None in signed:
        if not text:
            parts.append({"text": ""})
        parts[-1]["thoughtSignature"] = signed[None]
    for call in choice.tool_calls:
        parts.append(call_part(call.id, call.name, call.arguments, signed.get(call.id)))
    return {
        "content": {"role": "model", "parts": parts},
        "finishReason": to_native(choice.finish_reason, choice.native_finish_reason),
        "index": choice.index,
    }


def is_signature(item: Reasoning) -> bool:
    """Whether an item is a blob that a Gemini model signed."""
    return item.data is not None and item.format == FORMAT


def thought_part(item: Reasoning) -> JsonObject | None:
    """Visible thinking as a part; None where there is nothing to see."""
    text = item.text if item.text is not None else item.summary
    own = item.signature if item.format == FORMAT else None
    if not text and own is None:
        return None
    part: JsonObject = {"text": text or "", "thought": True}
    if own is not None:
        part["thoughtSignature"] = own
    return part


def image_part(image: JsonObject) -> JsonObject:
    """An image of the answer as bytes where they are known, else by its URL."""
    nested = image.get("image_url")
    url = str(nested.get("url") if isinstance(nested, dict) else nested)
    mime, _, data = url.removeprefix("data:").partition(";base64,")
    if url.startswith("data:") and data:
        return {"inlineData": {"mimeType": mime, "data": data}}
    return {"fileData": {"fileUri": url}}


def call_part(call_id: str, name: str, arguments: str, signature: str | None) -> JsonObject:
    """A call with its arguments as an object."""
    try:
        parsed = loads(arguments or "{}")
    except JsonError:
        parsed = arguments
    body = parsed if isinstance(parsed, dict) else {"input": parsed}
    part: JsonObject = {"functionCall": {"name": name, "args": body, "id": call_id}}
    if signature is not None:
        part["thoughtSignature"] = signature
    return part
