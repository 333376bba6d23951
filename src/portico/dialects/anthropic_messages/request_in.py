"""Messages requests: what a client's body says, and the body for an upstream of this dialect.

The upstream of the same dialect gets the client's own bytes, member by
member: only the model, the gateway's own members and a missing output cap are
touched.
"""

import re
from typing import Any, Literal

import msgspec

from portico.dialects.anthropic_messages.families import family_of
from portico.dialects.anthropic_messages.search import own_search
from portico.dialects.anthropic_messages.thinking import is_foreign
from portico.dialects.base import Quirks, RawFields, RequestHead
from portico.dialects.checks import (
    asked_models,
    check_output_cap,
    check_session_id,
    prompt_bytes,
    read_body,
)
from portico.dialects.fields import finished_body, members_of, object_of, raw
from portico.dialects.plugins import Plugin, check_preset, spell_searches
from portico.dialects.reasoning import FOREIGN
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, dumps, loads

_GATEWAY_FIELDS = (
    "models", "fallbacks", "route", "provider", "plugins", "preset", "session_id", "trace", "user",
    "transforms", "usage",
)  # fmt: skip
_NAMES = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "thinking": "reasoning",
}
"""Members of this dialect and the parameters of listings that they are."""

_KEPT = frozenset({"max_tokens", "reasoning"})
_MOST_UNASKED_TOKENS = 32_000  # of output, where the client sets no limit
_NO_PROMPT = (
    "max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata",
    "service_tier", "container", "inference_geo",
)  # fmt: skip
"""Members that the count of tokens does not take."""

_PROMPT_FIELDS = ("system", "messages", "tools", "output_config")
_MODALITY = {"image": "image", "document": "file"}
_DATE = re.compile(r"(?:-latest|-20\d{6})$|\[[0-9a-z]+\]$")
_WINDOW = re.compile(r"\[[0-9a-z]+\]$")
_VERSION = re.compile(r"(?<=-)(\d{1,2})-(\d{1,2})(?=-|$)")
_MARKS = (FOREIGN.encode(), b'"signature":""', b'"signature": ""')


class _Message(msgspec.Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[JsonObject]


class _Fallback(msgspec.Struct, forbid_unknown_fields=True):
    model: str


class _Body(msgspec.Struct):
    """The members this gateway understands, with the types it insists on."""

    messages: list[_Message]
    model: str | None = None
    models: list[str] | None = None
    fallbacks: list[_Fallback] | None = None
    max_tokens: int | None = None
    system: str | list[JsonObject] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    tools: list[JsonObject] | None = None
    tool_choice: JsonObject | None = None
    thinking: JsonObject | None = None
    output_config: JsonObject | None = None
    metadata: JsonObject | None = None
    provider: JsonObject | None = None
    plugins: list[Plugin] | None = None
    preset: str | None = None
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
    _check(typed)
    user = typed.user or (typed.metadata or {}).get("user_id")
    return RequestHead(
        models=_models(typed),
        stream=bool(typed.stream),
        fields=fields,
        prompt_bytes=prompt_bytes(fields, _PROMPT_FIELDS),
        max_output_tokens=typed.max_tokens,
        parameters=_parameters(typed),
        media=_media(typed.messages),
        preferences=typed.provider,
        user=user if isinstance(user, str) else None,
        session_id=typed.session_id,
    )


def _check(body: _Body) -> None:
    if not body.messages:
        raise InvalidRequest("messages: at least one message is required")
    check_output_cap("max_tokens", body.max_tokens)
    if body.models and body.fallbacks:
        raise InvalidRequest("fallbacks: send either models or fallbacks")
    if len(body.fallbacks or ()) > 3:
        raise InvalidRequest("fallbacks: at most 3 models can be named")
    check_session_id(body.session_id)
    check_preset(body.preset)


def _models(body: _Body) -> tuple[str, ...]:
    names = [body.model] if body.model else []
    names += body.models or [fallback.model for fallback in body.fallbacks or ()]
    return asked_models(map(slug_of, names))


def slug_of(name: str) -> str:
    """The public slug of a name as the vendor's own clients write it; others stay.

    >>> slug_of("claude-sonnet-4-5-20250929"), slug_of("claude-3-5-haiku-latest")
    ('anthropic/claude-sonnet-4.5', 'anthropic/claude-3.5-haiku')
    >>> slug_of("claude-opus-4-8[1m]"), slug_of("acme/orca-2[1m]")
    ('anthropic/claude-opus-4.8', 'acme/orca-2')
    """
    if "/" in name:
        return _WINDOW.sub("", name)
    if not name.startswith("claude-"):
        return name
    bare = name
    while (shorter := _DATE.sub("", bare)) != bare:
        bare = shorter
    return "anthropic/" + _VERSION.sub(r"\1.\2", bare).removesuffix(".0")


def _parameters(body: _Body) -> frozenset[str]:
    sent = {_NAMES[name] for name in _NAMES if getattr(body, name) is not None}
    config = body.output_config or {}
    if config.get("format"):
        sent.add("response_format")
    if config.get("effort"):
        sent.add("verbosity")
    return frozenset(sent)


def _media(messages: list[_Message]) -> tuple[tuple[str, int], ...]:
    """Modality and size in bytes of every block that is neither text nor a document of text."""
    found: list[tuple[str, int]] = []
    for message in messages:
        blocks: list[Any] = list(message.content) if isinstance(message.content, list) else []
        while blocks:
            block = blocks.pop(0)
            if not isinstance(block, dict):
                continue
            kind = block.get("type")
            inner = block if kind == "tool_result" else object_of(block.get("source"))
            if kind == "tool_result" or inner.get("type") == "content":
                content = inner.get("content")
                blocks = [*(content if isinstance(content, list) else ()), *blocks]
            elif inner.get("type") == "text":
                continue
            elif isinstance(kind, str) and kind in _MODALITY:
                found.append((_MODALITY[kind], len(dumps(block))))
    return tuple(found)


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The body for an upstream of this dialect, and what had to be dropped."""
    fields, dropped = _fields_for(head, model, supported)
    if head.max_output_tokens is None:
        limit = quirks.output_limit_tokens or family_of(model).output_tokens
        fields["max_tokens"] = raw(min(limit, _MOST_UNASKED_TOKENS))
    return finished_body(fields, quirks), dropped


def count_body(head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks) -> bytes:
    """The body that asks an upstream of this dialect how many tokens the prompt has."""
    fields, _ = _fields_for(head, model, supported)
    for name in _NO_PROMPT:
        fields.pop(name, None)
    return finished_body(fields, quirks)


def _fields_for(
    head: RequestHead, model: str, supported: frozenset[str]
) -> tuple[RawFields, frozenset[str]]:
    """The client's own members, without the gateway's and what had to be dropped."""
    fields = dict(head.fields)
    user = fields.get("user")
    spell_searches(fields, own_search)
    for name in _GATEWAY_FIELDS:
        fields.pop(name, None)
    fields["model"] = raw(model)
    if user is not None and "metadata" not in fields:
        fields["metadata"] = raw({"user_id": head.user})
    dropped = (head.parameters & frozenset(_NAMES.values())) - supported - _KEPT
    dropped = dropped if supported else frozenset()
    for native, name in _NAMES.items():
        if name in dropped:
            fields.pop(native, None)
    if any(mark in bytes(fields["messages"]) for mark in _MARKS):
        messages = _without_foreign_thinking(loads(fields["messages"]))
        fields["messages"] = raw(messages)
        if _continues_unsigned(messages) and _has_budget(fields.get("thinking")):
            del fields["thinking"]
            fields.pop("context_management", None)  # it may be about thinking
            dropped |= {"reasoning"}
    return fields, dropped


def _has_budget(thinking: msgspec.Raw | None) -> bool:
    return bytes(members_of(thinking).get("type", b"")) == b'"enabled"'


def _continues_unsigned(messages: list[JsonObject]) -> bool:
    """A tool loop whose call was made without signed thinking: with a budget to think, the
    API refuses to go on."""
    caller = next((m for m in reversed(messages) if m["role"] == "assistant"), None)
    if caller is None or not _holds(messages[-1], "tool_result"):
        return False
    return _holds(caller, "tool_use") and not _holds(caller, "thinking", "redacted_thinking")


def _holds(message: JsonObject, *kinds: str) -> bool:
    content = message["content"]
    return isinstance(content, list) and any(block.get("type") in kinds for block in content)


def _without_foreign_thinking(messages: list[JsonObject]) -> list[JsonObject]:
    """Take out thinking that another family signed, or nobody: it would be refused."""
    for message in messages:
        content = message["content"]
        if isinstance(content, list):
            message["content"] = [block for block in content if not is_foreign(block)]
    return [message for message in messages if message["content"]]
