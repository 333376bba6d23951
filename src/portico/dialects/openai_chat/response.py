"""Whole answers of the OpenAI chat family: any provider's in, OpenRouter's out."""

from portico.dialects.answers import read_answer
from portico.dialects.base import Envelope, Quirks
from portico.dialects.failures import classify
from portico.dialects.fields import text_of
from portico.dialects.finish import finish_reason
from portico.dialects.openai_chat.annotations import clean_annotation
from portico.dialects.openai_chat.images import numbered_images
from portico.dialects.openai_chat.reasoning import (
    decode_reasoning,
    encode_item,
    split_content,
)
from portico.dialects.openai_chat.shortcut import text_answer
from portico.dialects.openai_chat.tool_calls import called_function
from portico.dialects.openai_chat.usage import decode_usage, encode_usage, find_usage
from portico.dialects.reasoning import merge, visible_text
from portico.dialects.tool_calls import arguments_text, made_up_id
from portico.errors import UpstreamUnavailable
from portico.jsonio import JsonObject, dumps
from portico.vocabulary import (
    ChatResponse,
    Choice,
    Cost,
    ToolCall,
    Usage,
)

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
        "tool_calls", "annotations", "images", "audio",
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
    return read_answer(body, quirks, _response)


def _response(body: JsonObject, quirks: Quirks) -> ChatResponse:
    choices = body.get("choices")
    if body.get("error") or not isinstance(choices, list) or not choices:
        raise classify(None, {}, body)
    usage = find_usage(body)
    outside = quirks.reasoning_outside_completion
    read = tuple(_choice(item, n, str(body.get("id"))) for n, item in enumerate(choices))
    if all(_is_void(choice) for choice in read) and not (usage or {}).get("completion_tokens"):
        raise UpstreamUnavailable("The provider's answer is empty, and does not say why.")
    return ChatResponse(
        choices=read,
        upstream_id=text_of(body.get("id")),
        upstream_model=text_of(body.get("model")),
        system_fingerprint=body.get("system_fingerprint"),
        service_tier=text_of(body.get("service_tier")),
        usage=decode_usage(usage, reasoning_outside_completion=outside) if usage else None,
        extra=_unknown(body, _BODY_FIELDS),
    )


def _is_void(choice: Choice) -> bool:
    """Whether there is nothing in it, not even a word on why it ended."""
    return choice.native_finish_reason is None and not any(
        (
            choice.content,
            choice.refusal,
            choice.reasoning,
            choice.tool_calls,
            choice.annotations,
            choice.images,
            choice.audio,
        )
    )


def _choice(body: JsonObject, position: int, id_seed: str) -> Choice:
    message = body.get("message") or body.get("delta") or {}
    text, thoughts, others = split_content(message.get("content"))
    calls = tuple(
        _tool_call(call, f"{id_seed}:{position}:{n}")
        for n, call in enumerate(message.get("tool_calls") or ())
    )
    native = body.get("finish_reason")
    extra = _unknown(message, _MESSAGE_FIELDS)
    if others:
        extra = {**(extra or {}), "content_parts": others}
    spoke = text if text or not calls else None
    return Choice(
        index=body.get("index", position),
        content=spoke if spoke is not None or calls else "",
        refusal=message.get("refusal") or None,
        reasoning=tuple(merge([*thoughts, *decode_reasoning(message)])),
        tool_calls=calls,
        annotations=tuple(map(clean_annotation, message.get("annotations") or ())),
        images=tuple(message.get("images") or ()),
        audio=message.get("audio"),
        logprobs=body.get("logprobs"),
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
        id=text_of(body.get("id")) or made_up_id(id_seed),
        name=text_of(function.get("name")) or "",
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
        message["reasoning_details"] = [encode_item(item, n) for n, item in enumerate(shown)]
    if choice.annotations:
        message["annotations"] = list(choice.annotations)
    if choice.images:
        message["images"] = numbered_images(choice.images)
    if choice.audio is not None:
        message["audio"] = choice.audio
    if choice.extra:
        message.update(choice.extra)
    return message
