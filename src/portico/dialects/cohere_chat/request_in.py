"""Cohere requests: what a client's body says, and the body for an upstream of this dialect."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from portico.dialects.base import Quirks, RequestHead
from portico.dialects.checks import asked_models, check_session_id, prompt_bytes, read_body
from portico.dialects.fields import finished_body, raw
from portico.dialects.openai_chat.request import GATEWAY_FIELDS
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, dumps

PARAMETER_NAMES = {
    "temperature": "temperature", "p": "top_p", "k": "top_k", "max_tokens": "max_tokens",
    "stop_sequences": "stop", "seed": "seed", "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty", "tools": "tools", "tool_choice": "tool_choice",
    "response_format": "response_format", "logprobs": "logprobs", "thinking": "reasoning",
}  # fmt: skip
"""Members of this dialect and the parameters of listings that they are."""

_KEPT = frozenset({"max_tokens", "reasoning"})
_PROMPT = ("messages", "documents", "tools", "response_format")
_GATEWAY_FIELDS = frozenset({*GATEWAY_FIELDS, "user"})


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[JsonObject] | None = None


class _Body(msgspec.Struct):
    """The members this gateway understands, with the types it insists on."""

    messages: list[_Message]
    model: str | None = None
    models: list[str] | None = None
    stream: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    p: float | None = None
    k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop_sequences: list[str] | None = None
    logprobs: bool | None = None
    tools: list[JsonObject] | None = None
    tool_choice: Literal["REQUIRED", "NONE"] | None = None
    documents: list[JsonObject | str] | None = None
    response_format: JsonObject | None = None
    thinking: JsonObject | None = None
    provider: JsonObject | None = None
    user: str | None = None
    session_id: str | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body.

    Raises:
        InvalidRequest: it is not a JSON object, or a member has a wrong type; the
            message names the path (`messages.0.role: ...`).
    """
    fields, typed = read_body(body, _decode_body)
    if not typed.messages:
        raise InvalidRequest("messages: at least one message is required")
    if typed.max_tokens is not None and typed.max_tokens < 1:
        raise InvalidRequest(f"max_tokens: expected at least 1, got {typed.max_tokens}")
    check_session_id(typed.session_id)
    return RequestHead(
        models=asked_models(([typed.model] if typed.model else []) + (typed.models or [])),
        stream=bool(typed.stream),
        fields=fields,
        prompt_bytes=prompt_bytes(fields, _PROMPT),
        max_output_tokens=typed.max_tokens,
        parameters=frozenset(
            name for own, name in PARAMETER_NAMES.items() if getattr(typed, own) is not None
        ),
        media=tuple(_images(typed.messages)),
        preferences=typed.provider,
        user=typed.user,
        session_id=typed.session_id,
    )


def _images(messages: list[_Message]) -> Iterable[tuple[str, int]]:
    """Modality and size in bytes of every image."""
    for message in messages:
        for part in message.content if isinstance(message.content, list) else ():
            if part.get("type") == "image_url":
                yield "image", len(dumps(part))


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The client's own bytes with the upstream's model, and what had to be dropped."""
    dropped = head.parameters - supported - _KEPT if supported else frozenset()
    fields = {
        name: value
        for name, value in head.fields.items()
        if name not in _GATEWAY_FIELDS and PARAMETER_NAMES.get(name) not in dropped
    }
    fields["model"] = raw(model)
    return finished_body(fields, quirks), dropped
