"""Chat requests: what a client's body says, and the body for an upstream.

The upstream of the same dialect gets the client's own bytes, field by field:
only the model, the gateway's own fields and what the provider spells
differently are touched (contract/chat 1; "anything the client did not send is
not sent upstream").
"""

import re
from collections.abc import Collection
from typing import Literal

import msgspec

from portico.dialects.base import PARAMETERS, Quirks, RawFields, RequestHead
from portico.dialects.checks import (
    asked_models,
    check_metadata,
    check_output_cap,
    check_session_id,
    prompt_bytes,
    read_body,
)
from portico.dialects.fields import finished_body, raw
from portico.dialects.openai_chat.reasoning import decode_reasoning
from portico.dialects.plugins import (
    Plugin,
    check_preset,
    no_search,
    search_places,
    searches,
)
from portico.dialects.reasoning import EFFORT_PERCENT, nearest_effort
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, loads

Number = int | float

GATEWAY_FIELDS = (
    "models", "route", "provider", "plugins", "preset", "transforms", "usage", "session_id",
    "trace", "debug", "metadata", "include_reasoning", "cache_control", "prompt",
    "structured_outputs", "speed",
)  # fmt: skip
"""What this gateway understands itself and no provider is sent."""
_MARK = re.compile(
    rb'"(?:cache_control"|reasoning|annotations"|images"|content_parts"|output_items"|citations"|is_error")'
)
_GATEWAY_FIELDS = frozenset(GATEWAY_FIELDS)
_FOR_GATEWAYS = frozenset({"plugins", "transforms", "cache_control", "structured_outputs", "speed"})
_TIERS = {b'"fast"': raw("priority"), b'"standard"': raw("default")}
"""Names of service tiers that providers do not know, and the ones they do."""
_NO_OPTIONS = msgspec.Raw(b"{}")
_NOTHING: frozenset[str] = frozenset()
# spelt in another way, not dropped
_NEVER_DROPPED = frozenset(
    {"reasoning", "reasoning_effort", "include_reasoning", "max_tokens", "max_completion_tokens"}
)
_MESSAGE_GATEWAY_FIELDS = (
    "cache_control", "reasoning", "reasoning_content", "reasoning_details", "annotations", "images",
    "content_parts", "output_items", "citations", "is_error",
)  # fmt: skip
_PROMPT_FIELDS = ("messages", "prompt", "tools", "response_format")
_MODALITY = {
    "image_url": "image",
    "input_audio": "audio",
    "video_url": "video",
    "input_video": "video",
    "file": "file",
}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_CLASSIC = {"max": "high", "xhigh": "high", "minimal": "low"}
"""What the levels are to hosts of open models, which know three."""
_KNOWS_ALL_LEVELS = re.compile(r"(?:^|[/.])(?:gpt-\d|o\d|codex-|gemini|mistral|magistral)")
"""Models with more levels or fewer, whose providers say so themselves."""
_LEAST_BUDGET_TOKENS, _MOST_BUDGET_TOKENS = 1024, 128_000
_TRUE = msgspec.Raw(b"true")
_INCLUDE_USAGE = msgspec.Raw(b'{"include_usage":true}')
_Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class _Part(msgspec.Struct, gc=False):
    type: str = "text"
    image_url: msgspec.Raw = msgspec.Raw(b"")
    input_audio: msgspec.Raw = msgspec.Raw(b"")
    video_url: msgspec.Raw = msgspec.Raw(b"")
    input_video: msgspec.Raw = msgspec.Raw(b"")
    file: msgspec.Raw = msgspec.Raw(b"")


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part | str] | None = None


class _Reasoning(msgspec.Struct):
    effort: _Effort | None = None
    max_tokens: Number | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class _Body(msgspec.Struct):
    """The fields this gateway understands, with the types it insists on."""

    model: str | None = None
    models: list[str] | None = None
    messages: list[_Message] | None = None
    prompt: str | list[str] | None = None
    stream: bool | None = None
    max_tokens: Number | None = None
    max_completion_tokens: Number | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    top_k: Number | None = None
    seed: Number | None = None
    stop: str | list[str] | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    response_format: JsonObject | None = None
    reasoning: _Reasoning | None = None
    reasoning_effort: _Effort | None = None
    include_reasoning: bool | None = None
    provider: JsonObject | None = None
    plugins: list[Plugin] | None = None
    preset: str | None = None
    metadata: JsonObject | None = None
    user: str | None = None
    session_id: str | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body.

    Raises:
        InvalidRequest: it is not a JSON object, or a field has a wrong type; the
            message names the path (`messages.0.role: ...`).
    """
    marked = _MARK.search(body) is not None  # will have to be read whole, to take marks out
    whole = ("messages", "tools") if marked else ()
    fields, typed = read_body(body, _decode_body, whole=whole)
    _check(typed)
    cap = (
        typed.max_completion_tokens if typed.max_completion_tokens is not None else typed.max_tokens
    )
    return RequestHead(
        models=(typed.model,)
        if typed.model and not typed.models
        else asked_models([*([typed.model] if typed.model else []), *(typed.models or [])]),
        stream=bool(typed.stream),
        fields=fields,
        prompt_bytes=prompt_bytes(fields, _PROMPT_FIELDS),
        max_output_tokens=None if cap is None else int(cap),
        parameters=frozenset(
            [name for name in fields if name in PARAMETERS and bytes(fields[name]) != b"null"]
        ),
        media=_media(typed.messages or []),
        marked=marked,
        preferences=typed.provider,
        exclude_reasoning=_excludes_reasoning(typed),
        user=typed.user,
        session_id=typed.session_id,
    )


def _check(body: _Body) -> None:
    if not body.messages and not body.prompt:
        raise InvalidRequest("messages: at least one message is required")
    if body.max_tokens is not None:
        check_output_cap("max_tokens", body.max_tokens)
    if body.max_completion_tokens is not None:
        check_output_cap("max_completion_tokens", body.max_completion_tokens)
    if body.models is not None and len(body.models) > 10:
        raise InvalidRequest("models: at most 10 models can be named")
    if body.session_id is not None:
        check_session_id(body.session_id)
    if body.metadata:
        check_metadata(body.metadata)
    if body.preset is not None:
        check_preset(body.preset)
    wish = body.reasoning.effort if body.reasoning else None
    if wish and body.reasoning_effort and wish != body.reasoning_effort:
        raise InvalidRequest("reasoning_effort: differs from reasoning.effort; send one of them")


def _media(messages: list[_Message]) -> tuple[tuple[str, int], ...]:
    """Modality and size in bytes of every part that is not text."""
    found: list[tuple[str, int]] = []
    for message in messages:
        if type(message.content) is list:
            found += [
                (modality, len(bytes(getattr(part, part.type))))
                for part in message.content
                if isinstance(part, _Part) and (modality := _MODALITY.get(part.type))
            ]
    return tuple(found)


def _excludes_reasoning(body: _Body) -> bool:
    if body.reasoning is not None and body.reasoning.exclude is not None:
        return body.reasoning.exclude
    return body.include_reasoning is False


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The body for an upstream of this dialect and what had to be dropped.

    Args:
        head: the request as it came.
        model: what the provider calls the model.
        supported: parameters the endpoint takes; empty means not known, and then
            nothing is dropped.
        quirks: how the provider spells things.
    """
    fields = dict(head.fields)
    fields["model"] = raw(model)
    if ("tools" in fields or "plugins" in fields) and quirks.reasoning_field != "reasoning":
        _check_served(fields, supported)
    if "messages" not in fields or bytes(fields["messages"]) == b"null":
        fields["messages"] = _prompt_as_message(fields["prompt"])
    return finish_body(
        fields, head.parameters, supported, quirks, stream=head.stream, marked=head.marked
    )


def _check_served(fields: RawFields, supported: frozenset[str]) -> None:
    """Refuse what a provider that is no gateway cannot be asked for; never in silence.

    Raises:
        UpstreamRejected: a plugin or a tool that nobody runs here.
    """
    asked = search_places(fields.get("tools"))
    if not any(searches(fields)) and not asked:
        return
    if "web_search_options" not in supported:
        raise no_search(f"tools.{asked[0]}" if asked else "plugins")
    fields.setdefault("web_search_options", _NO_OPTIONS)
    if asked:
        _take_out(fields, set(asked))


def _take_out(fields: RawFields, places: Collection[int]) -> None:
    """Offer the other tools only; nobody can choose among none."""
    left = [tool for place, tool in enumerate(loads(fields["tools"])) if place not in places]
    fields["tools"] = raw(left)
    if not left:
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            fields.pop(name, None)


def finish_body(
    fields: RawFields,
    sent: frozenset[str],
    supported: frozenset[str],
    quirks: Quirks,
    *,
    stream: bool,
    marked: bool = True,
) -> tuple[bytes, frozenset[str]]:
    """Spell top-level fields as the provider takes them; see `upstream_body`.

    `fields` is changed in place; `sent` are the parameters the client sent. `marked`: see
    `RequestHead`.
    """
    native = quirks.reasoning_field == "reasoning"
    if "reasoning" in fields or "reasoning_effort" in fields:
        _set_reasoning(fields, quirks)
    for name in fields.keys() & _GATEWAY_FIELDS:
        if not (native and name in _FOR_GATEWAYS):
            del fields[name]
    if not native and (tier := fields.get("service_tier")) is not None:
        fields["service_tier"] = _TIERS.get(bytes(tier), tier)
    if marked and not native:
        _strip_message_fields(fields, quirks)
    _set_output_cap(fields, quirks)
    _set_stream(fields, quirks, stream=stream)
    dropped = sent - supported - _NEVER_DROPPED if supported else _NOTHING
    for name in dropped:
        fields.pop(name, None)
    for name, other in quirks.renamed_parameters.items():
        if name in fields:
            fields[other] = fields.pop(name)
    return finished_body(fields, quirks), dropped


def _prompt_as_message(prompt: msgspec.Raw) -> msgspec.Raw:
    text = loads(prompt)
    content = text if isinstance(text, str) else "\n".join(text)
    return raw([{"role": "user", "content": content}])


def _set_output_cap(fields: RawFields, quirks: Quirks) -> None:
    """One cap under the provider's name for it; `max_completion_tokens` is the newer one."""
    older, newer = fields.pop("max_tokens", None), fields.pop("max_completion_tokens", None)
    cap = newer if newer is not None and bytes(newer) != b"null" else older
    if cap is not None and bytes(cap) != b"null":
        fields[quirks.output_cap_field] = cap


def _set_stream(fields: RawFields, quirks: Quirks, *, stream: bool) -> None:
    """Usage is always asked for: without it nothing could be counted."""
    fields.pop("stream_options", None)
    if stream:
        fields["stream"] = _TRUE
        if quirks.takes_stream_options:
            fields["stream_options"] = _INCLUDE_USAGE


def _set_reasoning(fields: RawFields, quirks: Quirks) -> None:
    """The wish to think, as the provider takes it; dropped where it takes none."""
    sent, sent_effort = fields.pop("reasoning", None), fields.pop("reasoning_effort", None)
    if quirks.reasoning_field == "reasoning":
        if sent is not None:
            fields["reasoning"] = sent
        if sent_effort is not None:
            fields["reasoning_effort"] = sent_effort
        return
    wish = msgspec.json.decode(sent, type=_Reasoning | None) if sent is not None else None
    wish = wish or _Reasoning()
    effort = loads(sent_effort) if sent_effort is not None else None
    effort = effort or wish.effort
    level = effort or _level(wish, _cap_tokens(fields, quirks))
    if level is None or quirks.reasoning_field is None:
        return
    if quirks.reasoning_field == "reasoning_effort":
        known = level if _KNOWS_ALL_LEVELS.search(_model(fields)) else _CLASSIC.get(level, level)
        fields["reasoning_effort"] = raw(known)
    elif quirks.reasoning_field == "thinking":
        fields["thinking"] = raw({"type": "disabled" if level == "none" else "enabled"})
    elif quirks.reasoning_field == "enable_thinking":
        fields["enable_thinking"] = raw(level != "none")
        budget = _budget_tokens(wish, effort, _cap_tokens(fields, quirks))
        if level != "none" and budget is not None:
            fields["thinking_budget"] = raw(budget)


def _level(wish: _Reasoning, cap_tokens: int | None) -> str | None:
    """The effort a wish without one amounts to; of a token budget, the nearest."""
    if wish.enabled is False:
        return "none"
    if wish.max_tokens:
        return nearest_effort(wish.max_tokens, cap_tokens)
    return "medium" if wish.enabled else None


def _budget_tokens(wish: _Reasoning, effort: str | None, cap_tokens: int | None) -> int | None:
    """Tokens to think with, always fewer than the whole answer may have (contract/chat 1.4).

    None: nothing was said of how much, or there is no room for the least.
    """
    if wish.max_tokens and effort is None:
        wanted = int(wish.max_tokens)
    elif effort in EFFORT_PERCENT and cap_tokens is not None:
        wanted = max(cap_tokens * EFFORT_PERCENT[effort] // 100, _LEAST_BUDGET_TOKENS)
    else:
        return None
    budget = min(wanted, _MOST_BUDGET_TOKENS, (cap_tokens or _MOST_BUDGET_TOKENS + 1) - 1)
    return budget if budget > 0 else None


def _cap_tokens(fields: RawFields, quirks: Quirks) -> int | None:
    """What the answer may have in all: the client's cap, else the endpoint's."""
    for name in ("max_completion_tokens", "max_tokens"):
        if (cap := loads(fields.get(name, b"null"))) is not None:
            return int(cap)
    return quirks.output_limit_tokens


def _model(fields: RawFields) -> str:
    return str(loads(fields.get("model", b"null"))).lower()


def _strip_message_fields(fields: RawFields, quirks: Quirks) -> None:
    """Take out what only this gateway understands; strict providers refuse it.

    The messages keep their exact bytes unless there is something to take out.
    """
    for name in ("messages", "tools"):
        sent = fields.get(name)
        if sent is None or _MARK.search(bytes(sent)) is None:
            continue
        items = loads(sent)
        for item in items:
            thought = _thought(item) if quirks.replayed_reasoning else ""
            _strip(item)
            if thought and quirks.replayed_reasoning == "reasoning_content":
                item["reasoning_content"] = thought
            elif thought:
                item["content"] = _with_thought(item.get("content"), thought)
        fields[name] = raw(items)


def _thought(item: JsonObject) -> str:
    """What an open model thought, as text: signed and opaque reasoning is another family's."""
    if item.get("role") != "assistant":
        return ""
    items = [one for one in decode_reasoning(item) if one.format in {None, "unknown"}]
    return "".join(one.text for one in items if isinstance(one.text, str) and not one.signature)


def _with_thought(content: object, thought: str) -> list[object]:
    """A content that begins with a `thinking` part, as Mistral writes it."""
    rest = [{"type": "text", "text": content}] if isinstance(content, str) and content else content
    part = {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}
    return [part, *(rest if isinstance(rest, list) else ())]


def _strip(item: JsonObject) -> None:
    for name in _MESSAGE_GATEWAY_FIELDS:
        item.pop(name, None)
    for key in ("content", "tool_calls"):
        for part in item.get(key) or () if isinstance(item.get(key), list) else ():
            if isinstance(part, dict):
                part.pop("cache_control", None)
                part.pop("citations", None)
