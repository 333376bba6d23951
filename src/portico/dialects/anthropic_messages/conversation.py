"""Whole Messages requests as the hub's request, for an upstream of another dialect."""

from collections.abc import Iterator, Sequence
from typing import Any

from portico.dialects.anthropic_messages.media import decode_document, decode_image
from portico.dialects.anthropic_messages.request_out import NATIVE_EXTRAS
from portico.dialects.anthropic_messages.thinking import decode_block
from portico.dialects.anthropic_messages.turns import SERVER_BLOCKS
from portico.dialects.base import RequestHead
from portico.dialects.checks import misshapen
from portico.dialects.fields import rest_of
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, ShapeError, dumps, loads
from portico.vocabulary import (
    ChatRequest,
    JsonFields,
    Message,
    Part,
    Reasoning,
    ReasoningWish,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    Unknown,
)

_EXTRAS = frozenset({*NATIVE_EXTRAS, "service_tier"})
_TOOL_FIELDS = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
_MODES: dict[str, Any] = {"auto": "auto", "any": "required", "none": "none", "tool": "named"}
_ADAPTIVE_EFFORT = "high"  # what the API does when thinking is adaptive and no effort is said


def decode_request(head: RequestHead) -> ChatRequest:
    """Read the whole conversation of a checked request.

    Raises:
        InvalidRequest: a block or a tool is not shaped as its type asks.
    """
    body = {name: loads(raw) for name, raw in head.fields.items()}
    try:
        messages = (*_system(body.get("system")), *_messages(body["messages"]))
        tools = tuple(_tool(tool) for tool in body.get("tools") or ())
        choice = _tool_choice(body.get("tool_choice"))
    except ShapeError as error:
        raise InvalidRequest(f"messages or tools cannot be read: {misshapen(error)}") from None
    config = body.get("output_config") or {}
    wish = _wish(body.get("thinking"), config.get("effort"))
    serial = (body.get("tool_choice") or {}).get("disable_parallel_tool_use")
    extra = {name: body[name] for name in body.keys() & _EXTRAS if body[name] is not None}
    return ChatRequest(
        model=body.get("model"),
        messages=messages,
        stream=head.stream,
        max_tokens=head.max_output_tokens,
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        top_k=body.get("top_k"),
        stop=tuple(body.get("stop_sequences") or ()),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=None if serial is None else not serial,
        response_format=_format(config.get("format")),
        reasoning=wish,
        verbosity=config.get("effort") if wish is None or wish.effort is None else None,
        user=head.user,
        extra=extra or None,
        dialect="anthropic_messages",
    )


def _system(system: Any) -> Iterator[Message]:
    if system:
        yield Message(role="system", parts=tuple(_parts(system)))


def _messages(messages: Sequence[JsonObject]) -> Iterator[Message]:
    for message in messages:
        content = message["content"]
        if message["role"] == "assistant":
            yield _assistant(content)
        elif message["role"] == "system":
            yield Message(role="system", parts=tuple(_parts(content)))
        else:
            yield from _user(content)


def _user(content: Any) -> Iterator[Message]:
    """A turn of a user: each tool result is a message of its own, before the rest."""
    if isinstance(content, str):
        yield Message(role="user", parts=(Text(text=content),))
        return
    rest = []
    for block in content:
        if block["type"] == "tool_result":
            yield _result(block)
        else:
            rest.append(block)
    if rest:
        yield Message(role="user", parts=tuple(_parts(rest)))


def _result(block: JsonObject) -> Message:
    return Message(
        role="tool",
        parts=tuple(_parts(block.get("content") or "")),
        tool_call_id=block["tool_use_id"],
        cache_control=block.get("cache_control"),
        extra={"is_error": True} if block.get("is_error") else None,
    )


def _assistant(content: Any) -> Message:
    if isinstance(content, str):
        return Message(role="assistant", parts=(Text(text=content),))
    reasoning: list[Reasoning] = []
    calls: list[ToolCall] = []
    parts: list[Part] = []
    others: list[JsonObject] = []
    for block in content:
        match block["type"]:
            case "thinking" | "redacted_thinking":
                if (item := decode_block(block)) is not None:
                    reasoning.append(item)
            case "tool_use":
                calls.append(_call(block))
            case "text" | "image" | "document":
                parts.extend(_parts([block]))
            case _:
                others.append(block)
    return Message(
        role="assistant",
        parts=tuple(parts),
        tool_calls=tuple(calls),
        reasoning=tuple(reasoning),
        extra={SERVER_BLOCKS: others} if others else None,
    )


def _call(block: JsonObject) -> ToolCall:
    cache = block.get("cache_control")
    return ToolCall(
        id=block["id"],
        name=block["name"],
        arguments=dumps(block.get("input") or {}).decode(),
        extra={"cache_control": cache} if cache else None,
    )


def _parts(content: str | Sequence[JsonObject]) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Text(text=content)
        return
    for block in content:
        yield _part(block)


def _part(block: JsonObject) -> Part:
    """One block; documents that say more than a file does stay as they are."""
    kind = block["type"]
    part: Part | None = None
    if kind == "text" and not block.get("citations"):
        part = Text(text=block["text"], cache_control=block.get("cache_control"))
    elif kind == "image":
        part = decode_image(block)
    elif kind == "document" and not (block.get("citations") or block.get("context")):
        part = decode_document(block)
    return part if part is not None else Unknown(type=str(kind), fields=block)


def _tool(body: JsonObject) -> Tool:
    kind = body.get("type") or "custom"
    if kind != "custom":
        rest = rest_of(body, frozenset({"type", "name"}))
        return Tool(name=body.get("name") or kind, type=kind, extra=rest)
    return Tool(
        name=body["name"],
        description=body.get("description"),
        parameters=body.get("input_schema"),
        strict=body.get("strict"),
        cache_control=body.get("cache_control"),
        extra=rest_of(body, _TOOL_FIELDS),
    )


def _tool_choice(value: JsonObject | None) -> ToolChoice | None:
    if value is None:
        return None
    mode = _MODES[value["type"]]
    return ToolChoice(mode=mode, name=value["name"] if mode == "named" else None)


def _wish(thinking: JsonObject | None, effort: str | None) -> ReasoningWish | None:
    """Thinking as a wish: a budget, or the effort that goes with adaptive thinking."""
    match (thinking or {}).get("type"):
        case "disabled":
            return ReasoningWish(enabled=False)
        case "enabled":
            return ReasoningWish(max_tokens=(thinking or {}).get("budget_tokens"))
        case "adaptive":
            return ReasoningWish(effort=effort or _ADAPTIVE_EFFORT)
    return None


def _format(value: JsonObject | None) -> JsonFields | None:
    if not value or value.get("type") != "json_schema":
        return None
    schema = {"name": "answer", "strict": True, "schema": value.get("schema")}
    return {"type": "json_schema", "json_schema": schema}
