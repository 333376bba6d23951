"""Responses requests: what a client's body says, and the body for an upstream of this dialect.

The upstream of the same dialect gets the client's own bytes, member by
member; touched are the model, the gateway's own members and what asks for
storage, which this gateway has not (contract/other-apis 1).
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from portico.dialects.base import Quirks, RawFields, RequestHead
from portico.dialects.checks import (
    asked_models,
    check_output_cap,
    check_session_id,
    prompt_bytes,
    read_body,
)
from portico.dialects.fields import finished_body, raw
from portico.dialects.openai_responses.reasoning import FORMAT, is_foreign
from portico.dialects.openai_responses.search import own_search
from portico.dialects.plugins import Plugin, check_preset, spell_searches
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, dumps, loads

Number = int | float

_GATEWAY_FIELDS = (
    "models", "route", "provider", "plugins", "preset", "transforms", "usage", "session_id",
    "trace", "debug", "cache_control", "modalities", "image_config", "stop_server_tools_when",
)  # fmt: skip
_PARAMETERS = (
    "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "tools",
    "tool_choice", "parallel_tool_calls", "reasoning", "top_logprobs",
)  # fmt: skip
_TEXT_PARAMETERS = {"format": "response_format", "verbosity": "verbosity"}
_NEVER_DROPPED = frozenset({"reasoning", "max_tokens"})
_WISHES = frozenset({"max_tokens", "enabled", "exclude"})
_PROMPT = ("instructions", "input", "tools", "text")
_MODALITY = {
    "input_image": "image",
    "input_file": "file",
    "input_audio": "audio",
    "input_video": "video",
}
_MARK = re.compile(rb'"reasoning"|"cache_control"')
_FALSE = msgspec.Raw(b"false")


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None
    max_tokens: Number | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class _Format(msgspec.Struct):
    type: str | None = None
    name: str | None = None
    schema: JsonObject | None = None
    strict: bool | None = None


class _TextWish(msgspec.Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Body(msgspec.Struct):
    """The members this gateway understands, with the types it insists on."""

    input: str | list[JsonObject]
    model: str | None = None
    models: list[str] | None = None
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: Number | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    top_k: Number | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    top_logprobs: int | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    text: _TextWish | None = None
    reasoning: _Reasoning | None = None
    include: list[str] | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: object = None
    conversation: object = None
    metadata: JsonObject | None = None
    max_tool_calls: int | None = None
    service_tier: str | None = None
    truncation: str | None = None
    safety_identifier: str | None = None
    provider: JsonObject | None = None
    plugins: list[Plugin] | None = None
    preset: str | None = None
    user: str | None = None
    session_id: str | None = None
    prompt_cache_key: str | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body.

    Raises:
        InvalidRequest: it is not a JSON object, a member has a wrong type (the
            message names the path), or it asks for stored state.
    """
    fields, typed = read_body(body, _decode_body, whole=("input", "tools"))
    _check(typed)
    cap = typed.max_output_tokens
    return RequestHead(
        models=asked_models([*filter(None, [typed.model]), *(typed.models or ())]),
        stream=bool(typed.stream),
        fields=fields,
        prompt_bytes=prompt_bytes(fields, _PROMPT),
        max_output_tokens=None if cap is None else int(cap),
        parameters=_parameters(typed),
        media=tuple(_media(typed.input)),
        preferences=typed.provider,
        exclude_reasoning=bool(typed.reasoning and typed.reasoning.exclude),
        user=typed.user,
        session_id=typed.session_id,
    )


def _check(body: _Body) -> None:
    if not body.input:
        raise InvalidRequest("input: a text or at least one item is required")
    _check_stateless(body)
    check_output_cap("max_output_tokens", body.max_output_tokens)
    if body.models is not None and len(body.models) > 10:
        raise InvalidRequest("models: at most 10 models can be named")
    check_session_id(body.session_id)
    check_preset(body.preset)


def _check_stateless(body: _Body) -> None:
    """Nothing is kept between requests: every one brings its whole conversation."""
    if body.store:
        raise InvalidRequest("store: responses are not stored; leave it out or send false")
    for name in ("previous_response_id", "conversation"):
        if getattr(body, name) is not None:
            raise InvalidRequest(
                f"{name}: responses are not stored; send the whole conversation in input"
            )
    if body.background:
        raise InvalidRequest("background: responses are not stored, so they cannot be fetched")
    for number, item in enumerate(body.input if isinstance(body.input, list) else ()):
        if item.get("type") == "item_reference":
            raise InvalidRequest(
                f"input.{number}: responses are not stored; send the item itself instead of its id"
            )
        if not isinstance(item.get("type") or item.get("role"), str):
            raise InvalidRequest(f"input.{number}: an item needs a type or a role")


def _parameters(body: _Body) -> frozenset[str]:
    sent = {name for name in _PARAMETERS if getattr(body, name) not in (None, [])}
    if body.max_output_tokens is not None:
        sent.add("max_tokens")
    if (text := body.text) is not None:
        if text.format is not None and text.format.type not in {None, "text"}:
            sent.add("response_format")
        if text.verbosity:
            sent.add("verbosity")
    return frozenset(sent)


def _media(items: str | list[JsonObject]) -> Iterator[tuple[str, int]]:
    """Modality and size in bytes of every part that is not text."""
    for item in items if isinstance(items, list) else ():
        for place in ("content", "output"):
            parts = item.get(place)
            for part in parts if isinstance(parts, list) else ():
                kind = part.get("type") if isinstance(part, dict) else None
                if isinstance(kind, str) and kind in _MODALITY:
                    yield _MODALITY[kind], len(dumps(part))


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The body for an upstream of this dialect, and what had to be dropped."""
    fields = dict(head.fields)
    native = quirks.reasoning_field == "reasoning"  # it understands this gateway's own members
    if not native:
        spell_searches(fields, own_search)
    for name in _GATEWAY_FIELDS if not native else ("models", "route", "provider", "preset"):
        fields.pop(name, None)
    for name in ("previous_response_id", "conversation", "background"):
        fields.pop(name, None)  # null or false
    fields["model"] = raw(model)
    fields["store"] = _FALSE
    if not native:
        _set_reasoning(fields)
        _set_input(fields, quirks.reasoning_format or FORMAT)
    dropped = head.parameters - supported - _NEVER_DROPPED if supported else frozenset()
    for name in dropped:
        fields.pop(name, None)
    _set_text(fields, dropped)
    return finished_body(fields, quirks), dropped


def _set_reasoning(fields: RawFields) -> None:
    """The wish to think without what only this gateway understands."""
    wish = loads(fields.get("reasoning", b"null"))
    if not wish or not wish.keys() & _WISHES:
        return
    rest = {name: value for name, value in wish.items() if name not in _WISHES}
    if rest.get("effort") is None and wish.get("enabled") is not None:
        rest["effort"] = "medium" if wish["enabled"] else "none"
    elif rest.get("effort") is None and wish.get("max_tokens"):
        rest["effort"] = "medium"
    fields["reasoning"] = raw(rest)


def _set_input(fields: RawFields, format: str) -> None:
    """Take out reasoning of other families and what only this gateway understands.

    The items keep their exact bytes unless there is something to take out.
    """
    if _MARK.search(bytes(fields["input"])) is None:
        return
    items = loads(fields["input"])
    if not isinstance(items, list):
        return
    kept = [_clean(item) for item in items if not is_foreign(item, format)]
    if kept != items:
        fields["input"] = raw(kept)


def _clean(item: Any) -> Any:
    """The item without members that providers do not know; the same one if it has none."""
    if not isinstance(item, dict):
        return item
    if item.get("type") == "reasoning":
        return {k: v for k, v in item.items() if k not in {"format", "signature"}}
    content = item.get("content")
    if not isinstance(content, list):
        return item
    parts = [
        {k: v for k, v in part.items() if k != "cache_control"} if isinstance(part, dict) else part
        for part in content
    ]
    return {**item, "content": parts}


def _set_text(fields: RawFields, dropped: frozenset[str]) -> None:
    names = {name for name, listed in _TEXT_PARAMETERS.items() if listed in dropped}
    if not names or "text" not in fields:
        return
    text = {name: value for name, value in loads(fields.pop("text")).items() if name not in names}
    if text:
        fields["text"] = raw(text)
