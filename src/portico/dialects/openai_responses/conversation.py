"""Whole Responses requests as the hub's request, for an upstream of another dialect."""

from collections.abc import Iterator
from typing import Any

import msgspec

from portico.dialects.base import RequestHead
from portico.dialects.checks import misshapen
from portico.dialects.fields import rest_of
from portico.dialects.openai_responses.answer import ADDING
from portico.dialects.openai_responses.client_tools import (
    ITEM,
    TOOL_SEARCH,
    called,
    client_tool,
    function_for,
    is_call,
    is_output,
    output_text,
)
from portico.dialects.openai_responses.custom import custom_tool, wrap_input
from portico.dialects.openai_responses.families import EFFORTS
from portico.dialects.openai_responses.namespaces import NAMESPACE, functions_of, namespaced
from portico.dialects.openai_responses.parts import decode_parts
from portico.dialects.openai_responses.reasoning import FORMAT, decode_item
from portico.dialects.openai_responses.shapes import check_choice, check_item, check_tool
from portico.dialects.plugins import searches
from portico.dialects.tool_calls import arguments_text
from portico.errors import InvalidRequest
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

ADDED = "added"
"""What marks a tool in its `extra` that an item has brought."""

OTHER_ITEMS = "output_items"
"""Where items of tools that the provider runs travel in a message."""

NATIVE_EXTRAS = (
    "include", "max_tool_calls", "metadata", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "safety_identifier", "service_tier", "top_logprobs", "truncation",
    "context_management", "moderation",
)  # fmt: skip
"""Members that only this dialect has, or that have no field of their own in the hub."""

_PLAIN = (
    "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "parallel_tool_calls",
)  # fmt: skip
_TOOL_FIELDS = frozenset({"type", "name", "description", "parameters", "strict"})
_WISH_FIELDS = frozenset({"effort", "summary", "max_tokens", "enabled", "exclude"})
_MODES = frozenset({"none", "auto", "required"})


def decode_request(head: RequestHead) -> ChatRequest:
    """Read the whole conversation of a checked request.

    Raises:
        InvalidRequest: an item or a tool is not shaped as its type asks; the message names
            its place.
    """
    body = {name: loads(raw) for name, raw in head.fields.items()}
    _check_shapes(body)
    try:
        messages = (*_instructions(body.get("instructions")), *_messages(body["input"]))
        tools = (*_all_tools(body), *searches(head.fields))
        choice, tools = _tool_choice(body.get("tool_choice"), tools)
        wish, rest = _wish(body.get("reasoning"))
    except ShapeError as error:
        raise InvalidRequest(f"input or tools cannot be read: {misshapen(error)}") from None
    text = body.get("text") or {}
    extra = {name: body[name] for name in NATIVE_EXTRAS if body.get(name) is not None}
    finders = [t for t in body.get("tools") or () if t.get("type") == TOOL_SEARCH]
    if finders and client_tool(finders[0]) is None:
        extra[TOOL_SEARCH] = finders[0]
    if rest:
        extra["reasoning"] = rest
    plain: dict[str, Any] = {name: body.get(name) for name in _PLAIN}
    return ChatRequest(
        model=body.get("model"),
        messages=messages,
        stream=head.stream,
        max_tokens=head.max_output_tokens,
        tools=tools,
        tool_choice=choice,
        response_format=_format(text.get("format")),
        reasoning=wish,
        verbosity=text.get("verbosity"),
        user=head.user,
        extra=extra or None,
        dialect="openai_responses",
        **plain,
    )


def _check_shapes(body: JsonObject) -> None:
    items = body["input"]
    for number, item in enumerate(items if isinstance(items, list) else ()):
        check_item(item, f"input.{number}")
        for place, tool in enumerate(item["tools"] if item.get("type") in ADDING else ()):
            check_tool(tool, f"input.{number}.tools.{place}")
    for number, tool in enumerate(body.get("tools") or ()):
        check_tool(tool, f"tools.{number}")
    check_choice(body.get("tool_choice"))


def _all_tools(body: JsonObject) -> Iterator[Tool]:
    """Those of the request, and those that items bring, which only this dialect adds later."""
    names: set[str] = set()
    for one in body.get("tools") or ():
        if one.get("type") == TOOL_SEARCH and client_tool(one) is None:
            continue  # all there is to find is offered to others anyway
        for tool in _tools(one):
            names.add(tool.name)
            yield tool
    items = body["input"]
    adding = [i for i in items if i.get("type") in ADDING] if isinstance(items, list) else []
    for one in (tool for item in adding for tool in item["tools"]):
        for tool in _tools(one):
            if tool.name not in names:
                names.add(tool.name)
                extra = {**(tool.extra or {}), ADDED: True}
                yield msgspec.structs.replace(tool, extra=extra)


def _instructions(text: str | None) -> Iterator[Message]:
    if text:
        yield Message(role="system", parts=decode_parts(text))


def _messages(items: Any) -> list[Message]:
    if isinstance(items, str):
        return [Message(role="user", parts=decode_parts(items))]
    reader = _Reader()
    for item in items:
        reader.add(item)
    return reader.messages()


class _Reader:
    """Puts items together to turns. One instance per request.

    What the model said in a row, thoughts, texts and calls, is one turn: chat
    dialects insist on it. Within a turn only the order of each kind is kept.
    """

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._turn: _Turn | None = None
        self._call_ids: dict[str, str] = {}  # of shells and patches, by the ids of their items

    def add(self, item: JsonObject) -> None:
        kind = item.get("type") or "message"
        if kind == "message" and item["role"] != "assistant":
            self._close()
            self._messages.append(_message(item))
        elif kind in {"function_call_output", "custom_tool_call_output"}:
            self._close()
            self._messages.append(_output(item))
        elif is_output(item):
            self._close()
            self._messages.append(self._client_output(item))
        else:
            if is_call(item) and item.get("id"):
                self._call_ids[item["id"]] = item["call_id"]
            if self._turn is None:
                self._turn = _Turn()
            self._turn.add(kind, item)

    def messages(self) -> list[Message]:
        self._close()
        return self._messages

    def _client_output(self, item: JsonObject) -> Message:
        """Some of these name the call by the id of its item."""
        named = item.get("call_id") or item["id"]
        return Message(
            role="tool",
            parts=decode_parts(output_text(item)),
            tool_call_id=self._call_ids.get(named, named),
            extra={ITEM: item},
        )

    def _close(self) -> None:
        if self._turn is not None:
            self._messages.append(self._turn.message())
        self._turn = None


class _Turn:
    """What the model said between two inputs."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._reasoning: list[Reasoning] = []
        self._calls: list[ToolCall] = []
        self._others: list[JsonObject] = []
        self._refusals: list[str] = []

    def add(self, kind: str, item: JsonObject) -> None:
        match kind:
            case "message":
                self._message(item.get("content"))
            case "reasoning":
                self._reasoning.extend(decode_item(item, FORMAT))
            case "function_call":
                self._calls.append(_call(item, arguments_text(item.get("arguments")) or "{}"))
            case "custom_tool_call":
                self._calls.append(_call(item, wrap_input(item.get("input") or "")))
            case _ if is_call(item):
                name, arguments = called(item)
                self._calls.append(
                    ToolCall(id=item["call_id"], name=name, arguments=arguments, extra={ITEM: item})
                )
            case _:
                self._others.append(item)

    def message(self) -> Message:
        return Message(
            role="assistant",
            parts=tuple(self._parts),
            tool_calls=tuple(self._calls),
            reasoning=tuple(self._reasoning),
            refusal="".join(self._refusals) or None,
            extra={OTHER_ITEMS: self._others} if self._others else None,
        )

    def _message(self, content: Any) -> None:
        if not isinstance(content, list):
            self._parts.extend(decode_parts(content))
            return
        for part in content:
            if part["type"] == "refusal":
                self._refusals.append(part["refusal"])
            else:
                self._parts.extend(decode_parts([part]))


def _message(item: JsonObject) -> Message:
    role = item["role"]
    return Message(role=role, parts=decode_parts(item["content"]))


def _call(item: JsonObject, arguments: str) -> ToolCall:
    space = item.get(NAMESPACE)
    return ToolCall(
        id=item["call_id"],
        name=namespaced(space, item["name"]) if space else item["name"],
        arguments=arguments,
        extra=rest_of(item, frozenset({"type", "id", "call_id", "name", "arguments", "input", "status"})),
    )  # fmt: skip


def _output(item: JsonObject) -> Message:
    output = item["output"]
    if not isinstance(output, str | list):  # some clients send an object
        output = dumps(output).decode()
    return Message(role="tool", parts=decode_parts(output), tool_call_id=item["call_id"])


def _tools(body: JsonObject) -> Iterator[Tool]:
    if body.get("type") == NAMESPACE:
        yield from functions_of(body)
    else:
        yield _tool(body)


def _tool(body: JsonObject) -> Tool:
    kind = body.get("type") or "function"
    if kind == "custom":
        return custom_tool(body)
    if (known := client_tool(body)) is not None:
        return function_for(known, body)
    if kind != "function":
        return Tool(
            name=body.get("name") or kind,
            type=kind,
            extra=rest_of(body, frozenset({"type"})),
        )
    return Tool(
        name=body["name"],
        description=body.get("description"),
        parameters=body.get("parameters"),
        strict=body.get("strict"),
        extra=rest_of(body, _TOOL_FIELDS),
    )


def _tool_choice(
    value: str | JsonObject | None, tools: tuple[Tool, ...]
) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    """The choice, and the tools that it leaves."""
    if value is None:
        return None, tools
    if isinstance(value, str):
        mode: Any = value if value in _MODES else "auto"
        return ToolChoice(mode=mode), tools
    if allowed := value.get("tools"):  # allowed_tools
        names = {tool.get("name") or tool.get("type") for tool in allowed}
        left = tuple(tool for tool in tools if tool.name in names)
        if not left:
            raise InvalidRequest("tool_choice: allowed_tools names none of the tools")
        return ToolChoice(mode="required" if value.get("mode") == "required" else "auto"), left
    if name := value.get("name"):
        return ToolChoice(mode="named", name=name), tools
    hosted = [tool for tool in tools if tool.type == value["type"]]
    return ToolChoice(mode="named", name=hosted[0].name if hosted else value["type"]), tools


def _wish(value: JsonObject | None) -> tuple[ReasoningWish | None, JsonObject]:
    """The wish to think, and what of it the hub has no word for."""
    if not value:
        return None, {}
    rest = rest_of(value, _WISH_FIELDS) or {}
    known = {name: value[name] for name in _WISH_FIELDS if value.get(name) is not None}
    if known.get("effort", "none") not in EFFORTS:
        raise InvalidRequest(f"reasoning.effort: expected one of {', '.join(EFFORTS)}")
    return (ReasoningWish(**known) if known else None), rest


def _format(value: JsonObject | None) -> JsonFields | None:
    """The wish for a form of the answer, as the chat dialect has it; text is no wish."""
    kind = (value or {}).get("type")
    if value is None or kind in {None, "text"}:
        return None
    if kind != "json_schema":
        return value
    return {
        "type": "json_schema",
        "json_schema": {name: inner for name, inner in value.items() if name != "type"},
    }
