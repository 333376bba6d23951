"""Whole answers of the OpenAI chat family: any provider's in, OpenRouter's out."""

import hashlib
from collections.abc import Sequence

import msgspec

from portico.dialects.answers import (
    empty_answer,
    read_answer,
    unreadable_answer,
    with_content,
    with_texts,
)
from portico.dialects.base import Envelope, Quirks
from portico.dialects.failures import classify
from portico.dialects.fields import text_of
from portico.dialects.finish import finish_reason
from portico.dialects.gathering import gathered
from portico.dialects.openai_chat.images import numbered_images
from portico.dialects.openai_chat.pieces import (
    annotations_of,
    images_of,
    index_of,
    logprobs_of,
    native_reason,
)
from portico.dialects.openai_chat.reasoning import (
    answered_reasoning,
    encode_item,
    split_content,
)
from portico.dialects.openai_chat.shortcut import text_answer
from portico.dialects.openai_chat.stream_in import ChunkDecoder
from portico.dialects.openai_chat.tool_calls import called_function, called_name, calls_of
from portico.dialects.openai_chat.usage import decode_usage, encode_usage, find_usage
from portico.dialects.reasoning import merge, visible_text
from portico.dialects.tool_calls import arguments_text, id_text, made_up_id
from portico.jsonio import JsonError, JsonObject, ShapeError, dumps
from portico.sse import SSEParser
from portico.vocabulary import ChatResponse, Choice, Cost, StreamEvent, ToolCall, Usage

_LEADING_BYTES = 64  # that may be blank before an event
_EVENTS = (b"data:", b"event:", b": ")

_BODY_FIELDS = frozenset(
    {
        "id", "object", "created", "model", "provider", "choices", "usage", "system_fingerprint",
        "service_tier", "x_groq", "request_id", "error", "p",
    }
)  # fmt: skip
_CHOICE_FIELDS = frozenset(
    {"index", "message", "delta", "finish_reason", "native_finish_reason", "logprobs"}
)
_MESSAGE_FIELDS = frozenset(
    {
        "role", "content", "refusal", "reasoning", "reasoning_content", "reasoning_details",
        "reasoning_text", "thinking", "tool_calls", "annotations", "images", "audio",
    }
)  # fmt: skip


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read a 200 body.

    Raises:
        UpstreamError: it is an error object, not JSON, or holds no answer.
    """
    if quirks.patch is None:
        answer = text_answer(body, reasoning_outside_completion=quirks.reasoning_outside_completion)
        if answer is not None:
            return answer
    if body[:_LEADING_BYTES].lstrip().startswith(_EVENTS):
        return _streamed(body, quirks)
    return read_answer(body, quirks, _response)


def _streamed(body: bytes, quirks: Quirks) -> ChatResponse:
    """The answer of a host that streams unasked, or under the content type of JSON."""
    decoder, parser = ChunkDecoder(quirks, hashlib.sha256(body).hexdigest()), SSEParser()
    events: list[StreamEvent] = []
    try:
        for event in (*parser.feed(body), *parser.close()):
            events += decoder.feed(event)
        response = with_content(with_texts(gathered([*events, *decoder.close()])))
    except (*JsonError, *ShapeError) as error:
        raise unreadable_answer() from error
    return msgspec.structs.replace(response, extra=decoder.extra or None)


def _response(body: JsonObject, quirks: Quirks) -> ChatResponse:
    choices = body.get("choices")
    if choices == [] and not body.get("error"):
        raise empty_answer()
    if body.get("error") or not isinstance(choices, list) or not choices:
        raise classify(None, {}, body)
    usage = find_usage(body)
    outside = quirks.reasoning_outside_completion
    read = _choices(choices, str(body.get("id")))
    fingerprint = body.get("system_fingerprint")
    return ChatResponse(
        choices=read,
        upstream_id=text_of(body.get("id")),
        upstream_model=text_of(body.get("model")),
        system_fingerprint=fingerprint if isinstance(fingerprint, str) else None,
        service_tier=text_of(body.get("service_tier")),
        usage=decode_usage(usage, reasoning_outside_completion=outside) if usage else None,
        extra=_unknown(body, _BODY_FIELDS),
    )


def _choices(choices: Sequence[JsonObject], id_seed: str) -> tuple[Choice, ...]:
    """The answers, each under a number of its own."""
    numbers = [index_of(item.get("index"), n) for n, item in enumerate(choices)]
    if len(set(numbers)) < len(numbers):
        numbers = list(range(len(choices)))
    return tuple(
        _choice(item, number, id_seed) for item, number in zip(choices, numbers, strict=True)
    )


def _choice(body: JsonObject, number: int, id_seed: str) -> Choice:
    message = body.get("message") or body.get("delta") or {}
    text, thoughts, others = split_content(message.get("content"))
    calls = tuple(
        _tool_call(call, f"{id_seed}:{number}:{n}")
        for n, call in enumerate(calls_of(message.get("tool_calls")))
    )
    native = native_reason(body.get("finish_reason"))
    extra = _unknown(message, _MESSAGE_FIELDS)
    if others:
        extra = {**(extra or {}), "content_parts": others}
    spoke = text if text or not calls else None
    audio = message.get("audio")
    return Choice(
        index=number,
        content=spoke if spoke is not None or calls else "",
        refusal=text_of(message.get("refusal")),
        reasoning=tuple(merge([*thoughts, *answered_reasoning(message)])),
        tool_calls=calls,
        annotations=tuple(annotations_of(message.get("annotations"))),
        images=tuple(images_of(message.get("images"))),
        audio=audio if isinstance(audio, dict) else None,
        logprobs=logprobs_of(body.get("logprobs")),
        finish_reason=finish_reason(native, has_tool_calls=bool(calls)),
        native_finish_reason=native,
        extra=extra,
        choice_extra=_unknown(body, _CHOICE_FIELDS),
    )


def _unknown(body: JsonObject, known: frozenset[str]) -> JsonObject | None:
    return {k: v for k, v in body.items() if k not in known and v is not None} or None


def _tool_call(body: JsonObject, id_seed: str) -> ToolCall:
    function = called_function(body)
    return ToolCall(
        id=id_text(body.get("id")) or made_up_id(id_seed),
        name=called_name(body) or "",  # refused with the answer
        arguments=arguments_text(function.get("arguments")) or "{}",
    )


def encode_response(response: ChatResponse, envelope: Envelope, cost: Cost | None) -> bytes:
    """Write the answer in the key order of the profile's era."""
    choices = [_encode_choice(choice, envelope) for choice in response.choices]
    usage = encode_usage(response.usage or Usage(), cost, envelope.profile)
    body: JsonObject
    if envelope.profile == "2025":
        body = {
            "id": envelope.generation_id,
            "provider": envelope.provider,
            "model": envelope.model,
            "object": "chat.completion",
            "created": envelope.created_s,
            "choices": choices,
        }
        if response.system_fingerprint is not None:
            body["system_fingerprint"] = response.system_fingerprint
        body["usage"] = usage
    else:
        body = {
            "id": envelope.generation_id,
            "object": "chat.completion",
            "created": envelope.created_s,
            "model": envelope.model,
            "provider": envelope.provider,
            "system_fingerprint": response.system_fingerprint,
            "service_tier": response.service_tier,
            "choices": choices,
            "usage": usage,
        }
    if response.extra:
        body.update(response.extra)
    return dumps(body)


def _encode_choice(choice: Choice, envelope: Envelope) -> JsonObject:
    body: JsonObject = {} if envelope.profile == "2025" else {"index": choice.index}
    body["logprobs"] = choice.logprobs
    body["finish_reason"] = choice.finish_reason
    body["native_finish_reason"] = choice.native_finish_reason
    body["index"] = choice.index  # keeps its place where it has one
    body["message"] = _encode_message(choice, envelope)
    if choice.choice_extra:
        body.update(choice.choice_extra)
    return body


def _encode_message(choice: Choice, envelope: Envelope) -> JsonObject:
    message: JsonObject = {
        "role": "assistant",
        "content": choice.content,
        "refusal": choice.refusal,
        "reasoning": None,
    }
    shown = () if envelope.exclude_reasoning else choice.reasoning
    visible = [text for item in shown if (text := visible_text(item)) is not None]
    if visible:
        message["reasoning"] = "".join(visible)
    if choice.tool_calls:
        message["tool_calls"] = [
            {
                "type": "function",
                "index": number,
                "id": call.id,
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for number, call in enumerate(choice.tool_calls)
        ]
    if shown:
        message["reasoning_details"] = [
            encode_item(item, n, envelope.origin) for n, item in enumerate(shown)
        ]
    if choice.annotations:
        message["annotations"] = list(choice.annotations)
    if choice.images:
        message["images"] = numbered_images(choice.images)
    if choice.audio is not None:
        message["audio"] = choice.audio
    if choice.extra:
        message.update(choice.extra)
    return message
