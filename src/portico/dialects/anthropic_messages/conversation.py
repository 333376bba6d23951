"""Whole Messages requests as the hub's request, for an upstream of another dialect."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from portico.dialects.anthropic_messages.portable import parts_of, parts_of_block
from portico.dialects.anthropic_messages.request_out import NATIVE_EXTRAS
from portico.dialects.anthropic_messages.shapes import check_block, check_tool, check_wishes
from portico.dialects.anthropic_messages.thinking import decode_block
from portico.dialects.anthropic_messages.turns import SERVER_BLOCKS
from portico.dialects.base import RequestHead
from portico.dialects.checks import misshapen
from portico.dialects.fields import rest_of
from portico.dialects.plugins import searches
from portico.errors import InvalidRequest, UpstreamRejected
from portico.jsonio import JsonObject, ShapeError, dumps, loads
from portico.vocabulary import (
    ChatRequest,
    JsonFields,
    Message,
    Part,
    Reasoning,
    ReasoningWish,
    Tool,
    ToolCall,
    ToolChoice,
)

Blocks = Sequence[tuple[int, JsonObject]]

_EXTRAS = frozenset({*NATIVE_EXTRAS, "service_tier"})
_TOOL_FIELDS = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
_MODES: dict[str, Any] = {"auto": "auto", "any": "required", "none": "none", "tool": "named"}
_USER_CHARS = 64
_ADAPTIVE_EFFORT = "high"  # what the API does when thinking is adaptive and no effort is said


def decode_request(head: RequestHead) -> ChatRequest:
    """Read the whole conversation of a checked request, for an upstream of another dialect.

    Raises:
        InvalidRequest: a block or a tool is not shaped as its type asks; the message
            begins with its path.
        UpstreamRejected: no other API can be told of one.
    """
    body = {name: loads(raw) for name, raw in head.fields.items()}
    check_wishes(body)
    if body.get("mcp_servers"):
        raise UpstreamRejected("mcp_servers: no API but Anthropic's own connects to them")
    try:
        messages = (*_system(body.get("system")), *_messages(body["messages"]))
        tools = (*_tools(body.get("tools") or ()), *searches(head.fields))
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
        user=_short(head.user),
        extra=extra or None,
        dialect="anthropic_messages",
    )


def _short(user: str | None) -> str | None:
    """Who asks, in no more letters than other APIs take; agents send whole descriptions here."""
    if user is None or len(user) <= _USER_CHARS:
        return user
    return hashlib.sha256(user.encode()).hexdigest()[:_USER_CHARS]


def _system(system: Any) -> Iterator[Message]:
    if system:
        yield Message(role="system", parts=tuple(parts_of(system, "system")))


def _messages(messages: Sequence[JsonObject]) -> list[Message]:
    """The turns; a summary of the conversation stands for all that was said before it."""
    read: list[Message] = []
    for number, message in enumerate(messages):
        where = f"messages.{number}.content"
        blocks = _numbered(message["content"])
        at = max((n for n, block in blocks if _is_summary(block)), default=None)
        if at is not None:
            summary = tuple(parts_of_block(blocks[at][1], f"{where}.{at}"))
            read = [earlier for earlier in read if earlier.role == "system"]
            read.append(Message(role="user", parts=summary))
            blocks = blocks[at + 1 :]
            if not blocks:
                continue
        if message["role"] == "assistant":
            read.append(_assistant(blocks, where))
        elif message["role"] == "system":
            read.append(Message(role="system", parts=_parts(blocks, where)))
        else:
            read.extend(_user(blocks, where))
    return read


def _numbered(content: str | Sequence[JsonObject]) -> Blocks:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return list(enumerate(content))


def _is_summary(block: JsonObject) -> bool:
    return block.get("type") == "compaction" and block.get("content") is not None


def _user(blocks: Blocks, where: str) -> Iterator[Message]:
    """A turn of a user: each tool result is a message of its own, before the rest."""
    rest = []
    for number, block in blocks:
        if block.get("type") == "tool_result":
            yield _result(block, f"{where}.{number}")
        else:
            rest.append((number, block))
    if rest or not blocks:
        yield Message(role="user", parts=_parts(rest, where))


def _result(block: JsonObject, where: str) -> Message:
    check_block(block, where)
    return Message(
        role="tool",
        parts=tuple(parts_of(block.get("content") or "", f"{where}.content")),
        tool_call_id=block["tool_use_id"],
        cache_control=block.get("cache_control"),
        extra={"is_error": True} if block.get("is_error") else None,
    )


def _assistant(blocks: Blocks, where: str) -> Message:
    reasoning: list[Reasoning] = []
    calls: list[ToolCall] = []
    parts: list[Part] = []
    others: list[JsonObject] = []
    for number, block in blocks:
        place = f"{where}.{number}"
        match check_block(block, place):
            case "thinking" | "redacted_thinking":
                if (item := decode_block(block)) is not None:
                    reasoning.append(item)
            case "tool_use":
                calls.append(_call(block))
            case "text" | "image" | "document" | "search_result":
                parts.extend(parts_of_block(block, place))
            case "tool_result":
                raise InvalidRequest(f"{place}: results of tools belong into a user's turn")
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


def _parts(blocks: Blocks, where: str) -> tuple[Part, ...]:
    return tuple(
        part for number, block in blocks for part in parts_of_block(block, f"{where}.{number}")
    )


def _tools(tools: Sequence[JsonObject]) -> Iterator[Tool]:
    """The tools, without the search among them: where it is not known, all are told at once."""
    for number, tool in enumerate(tools):
        check_tool(tool, f"tools.{number}")
        if not str(tool.get("type")).startswith("tool_search_tool_"):
            yield _tool(tool)


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
