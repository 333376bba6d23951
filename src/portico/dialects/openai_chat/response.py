"""Whole answers of the OpenAI chat family: any provider's in, OpenRouter's out."""

from portico.dialects.answers import read_answer
from portico.dialects.base import Envelope, Quirks
from portico.dialects.failures import classify
from portico.dialects.finish import finish_reason
from portico.dialects.openai_chat.annotations import clean_annotation
from portico.dialects.openai_chat.reasoning import (
    decode_reasoning,
    encode_item,
    split_content,
)
from portico.dialects.openai_chat.tool_calls import called_function
from portico.dialects.openai_chat.usage import decode_usage, encode_usage, find_usage
from portico.dialects.reasoning import merge, visible_text
from portico.dialects.tool_calls import arguments_text, made_up_id
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
    return read_answer(body, quirks, _response)


def _response(body: JsonObject, quirks: Quirks) -> ChatResponse:
    choices = body.get("choices")
    if body.get("error") or not isinstance(choices, list) or not choices:
        raise classify(None, {}, body)
    usage = find_usage(body)
    outside = quirks.reasoning_outside_completion
    return ChatResponse(
        choices=tuple(_choice(item, n, str(body.get("id"))) for n, item in enumerate(choices)),
        upstream_id=body.get("id"),
        upstream_model=body.get("model"),
        system_fingerprint=body.get("system_fingerprint"),
        service_tier=body.get("service_tier"),
        usage=decode_usage(usage, reasoning_outside_completion=outside) if usage else None,
        extra={k: v for k, v in body.items() if k not in _BODY_FIELDS and v is not None},
    )


def _choice(body: JsonObject, position: int, id_seed: str) -> Choice:
    message = body.get("message") or body.get("delta") or {}
    text, thoughts, others = split_content(message.get("content"))
    calls = tuple(
        _tool_call(call, f"{id_seed}:{position}:{n}")
        for n, call in enumerate(message.get("tool_calls") or ())
    )
    native = body.get("finish_reason")
    extra = {k: v for k, v in message.items() if k not in _MESSAGE_FIELDS and v is not None}
    if others:
        extra["content_parts"] = others
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
        choice_extra={k: v for k, v in body.items() if k not in _CHOICE_FIELDS and v is not None},
    )


def _tool_call(body: JsonObject, id_seed: str) -> ToolCall:
    function = called_function(body)
    return ToolCall(
        id=body.get("id") or made_up_id(id_seed),
        name=function.get("name") or "",
        arguments=arguments_text(function.get("arguments")) or "{}",
    )


def encode_response(response: ChatResponse, envelope: Envelope, cost: Cost | None) -> bytes:
    """Write the answer in the key order of the profile's era."""
    choices = [_encode_choice(choice, envelope) for choice in response.choices]
    usage = encode_usage(response.usage or Usage(), cost, envelope.profile)
    head: JsonObject = {"id": envelope.generation_id}
    if envelope.profile == "2025":
        head |= {"provider": envelope.provider, "model": envelope.model}
        head |= {"object": "chat.completion", "created": envelope.created_s, "choices": choices}
        if response.system_fingerprint is not None:
            head["system_fingerprint"] = response.system_fingerprint
    else:
        head |= {"object": "chat.completion", "created": envelope.created_s}
        head |= {"model": envelope.model, "provider": envelope.provider}
        head |= {"system_fingerprint": response.system_fingerprint}
        head |= {"service_tier": response.service_tier, "choices": choices}
    return dumps({**head, "usage": usage, **(response.extra or {})})


def _encode_choice(choice: Choice, envelope: Envelope) -> JsonObject:
    finish: JsonObject = {
        "logprobs": choice.logprobs,
        "finish_reason": choice.finish_reason,
        "native_finish_reason": choice.native_finish_reason,
    }
    message = _encode_message(choice, envelope)
    if envelope.profile == "2025":
        return {**finish, "index": choice.index, "message": message, **(choice.choice_extra or {})}
    return {"index": choice.index, **finish, "message": message, **(choice.choice_extra or {})}


def _encode_message(choice: Choice, envelope: Envelope) -> JsonObject:
    shown = () if envelope.exclude_reasoning else choice.reasoning
    visible = [text for item in shown if (text := visible_text(item)) is not None]
    message: JsonObject = {
        "role": "assistant",
        "content": choice.content,
        "refusal": choice.refusal,
        "reasoning": "".join(visible) if visible else None,
    }
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
    for name in ("annotations", "images"):
        if values := getattr(choice, name):
            message[name] = list(values)
    if choice.audio is not None:
        message["audio"] = choice.audio
    return {**message, **(choice.extra or {})}
