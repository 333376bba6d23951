"""Whole answers of the Gemini API, in and out."""

import hashlib
from typing import Any

from portico.dialects.answers import answer_json, unreadable_answer, with_content, with_texts
from portico.dialects.base import Envelope, Quirks
from portico.dialects.gathering import gathered
from portico.dialects.gemini.finish import to_native
from portico.dialects.gemini.names import FORMAT
from portico.dialects.gemini.stream_in import ChunkDecoder
from portico.dialects.gemini.usage import encode_usage
from portico.dialects.reasoning import visible_text
from portico.dialects.tool_calls import arguments_object
from portico.errors import StreamBroken, UpstreamUnavailable
from portico.jsonio import JsonObject, ShapeError, dumps
from portico.vocabulary import ChatResponse, Choice, Cost, Reasoning, Usage


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read a 200 body: one answer, or the array that a stream without `alt=sse` is.

    Raises:
        UpstreamError: it is an error object, not JSON, or holds no answer.
    """
    parsed = answer_json(body)
    chunks = parsed if isinstance(parsed, list) else [parsed]
    first = chunks[0] if chunks and isinstance(chunks[0], dict) else {}
    seed = first.get("responseId") or hashlib.sha256(body).hexdigest()
    decoder = ChunkDecoder(quirks, str(seed))
    try:
        events = [event for chunk in chunks for event in decoder.chunk(chunk)]
        events.extend(decoder.close() if isinstance(parsed, list) else decoder.finish())
        return with_content(with_texts(gathered(events)))
    except StreamBroken as error:
        raise UpstreamUnavailable(error.message) from error
    except ShapeError as error:
        raise unreadable_answer() from error


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
    text = visible_text(item)
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
    body = arguments_object(arguments or "{}", wrapper="input")
    part: JsonObject = {"functionCall": {"name": name, "args": body, "id": call_id}}
    if signature is not None:
        part["thoughtSignature"] = signature
    return part
