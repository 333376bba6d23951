"""Whole conversations: a chat body to the hub's request, and back.

Needed only where client and provider speak different dialects; between equal
ones the client's own bytes travel (`request.upstream_body`). Decoding and
encoding again is the identity on meaning: a test does it to every recorded
request.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from portico.dialects.base import PARAMETERS, Quirks, RequestHead
from portico.dialects.checks import misshapen
from portico.dialects.fields import list_of, raw, rest_of, text_of
from portico.dialects.openai_chat.portable import portable
from portico.dialects.openai_chat.reasoning import decode_reasoning, encode_item
from portico.dialects.openai_chat.request import GATEWAY_FIELDS, finish_body
from portico.dialects.plugins import WEB, WEB_SEARCH, check_plugins, is_wanted
from portico.dialects.reasoning import visible_text
from portico.dialects.tool_calls import id_text
from portico.errors import InvalidRequest, UpstreamRejected
from portico.jsonio import JsonObject, ShapeError, dumps, loads
from portico.vocabulary import (
    Audio,
    ChatRequest,
    File,
    Image,
    Message,
    Part,
    Reasoning,
    ReasoningWish,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    Unknown,
    Video,
)

Read = TypeVar("Read")

# Scalars that are the same on both sides and need no thought.
_PLAIN = (
    "temperature", "top_p", "top_k", "min_p", "top_a", "frequency_penalty", "presence_penalty",
    "repetition_penalty", "seed", "parallel_tool_calls", "response_format", "verbosity", "user",
)  # fmt: skip
_KNOWN = frozenset(
    {
        "model", "messages", "prompt", "stream", "stream_options", "max_tokens",
        "max_completion_tokens", "stop", "tools", "tool_choice", "reasoning", "reasoning_effort",
        *_PLAIN, *GATEWAY_FIELDS,
    }
) - {"cache_control"}  # fmt: skip  # some dialects have it
_MESSAGE_FIELDS = frozenset(
    {
        "role", "content", "name", "tool_calls", "tool_call_id", "refusal", "cache_control",
        "reasoning", "reasoning_content", "reasoning_details",
    }
)  # fmt: skip
_SEARCHES = frozenset(
    {
        "web_search", "web_search_2025_08_26", "web_search_preview",
        "web_search_preview_2025_03_11",
    }
)  # fmt: skip
"""Searches of the Responses API: an offer to the model, without which it answers all the same."""
_TOOL_FIELDS = frozenset({"type", "function", "cache_control"})
_TIERS = frozenset({"flex", "priority", "scale"})
_LOGPROBS = "message.output_text.logprobs"
"""What a Responses request asks for by it in `include`."""


def decode_request(head: RequestHead) -> ChatRequest:
    """Read the whole conversation of a checked request.

    Raises:
        InvalidRequest: a message or a tool is not shaped as its type asks.
    """
    body = {name: loads(raw) for name, raw in head.fields.items()}
    messages = _messages(body)
    tools = (*_each("tools", body.get("tools"), _tool), *_searches(head))
    try:
        choice, tools = _tool_choice(body.get("tool_choice"), tools)
    except ShapeError as error:
        raise InvalidRequest(f"tool_choice: {misshapen(error)}") from None
    stop = body.get("stop")
    plain: dict[str, Any] = {name: body.get(name) for name in _PLAIN}
    return ChatRequest(
        model=body.get("model"),
        messages=messages,
        stream=head.stream,
        max_tokens=head.max_output_tokens,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        tools=tools,
        tool_choice=choice,
        reasoning=_wish(body),
        extra=rest_of(body, _KNOWN),
        **plain,
    )


def encode_request(
    request: ChatRequest, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The chat body for an upstream, and the parameters that had to be dropped.

    Raises:
        UpstreamRejected: a tool of another dialect that only its own providers run.
    """
    own = request.dialect is None
    said = request.messages if own else portable([m for m in request.messages if _says(m)])
    messages = [_encode_message(message, own=own) for message in said]
    body: JsonObject = {"model": model, "messages": messages}
    for name in _PLAIN:
        if (value := getattr(request, name)) is not None:
            body[name] = value
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    tools = [tool for tool in request.tools if own or tool.type not in _SEARCHES]
    if tools:
        body["tools"] = [_encode_tool(tool, own=own) for tool in tools]
    elif not own:
        body.pop("parallel_tool_calls", None)
    if request.tool_choice is not None and (tools or own):
        body["tool_choice"] = _encode_tool_choice(request.tool_choice)
    if request.reasoning is not None:
        body["reasoning"] = _encode_wish(request.reasoning)
    body.update((request.extra or {}) if own else _shared_extras(request.extra or {}))
    fields = {name: raw(value) for name, value in body.items()}
    sent = frozenset(fields.keys() & PARAMETERS)
    finished, dropped = finish_body(fields, sent, supported, quirks, stream=request.stream)
    return finished, dropped | {tool.type for tool in request.tools if tool not in tools}


def _shared_extras(extra: Mapping[str, Any]) -> JsonObject:
    """What of another dialect's own members this one has as well: the tier of an endpoint, and
    the log probabilities of the Responses API."""
    shared: JsonObject = {}
    if (tier := text_of(extra.get("service_tier"))) in _TIERS:
        shared["service_tier"] = tier
    if _LOGPROBS in list_of(extra.get("include")):
        shared["logprobs"] = True
        if extra.get("top_logprobs"):
            shared["top_logprobs"] = extra["top_logprobs"]
    return shared


def _searches(head: RequestHead) -> Iterator[Tool]:
    """The plugin `web` as the tool that it became: providers that search run it themselves.

    Raises:
        UpstreamRejected: another plugin cannot be had.
    """
    check_plugins(head.fields)
    if is_wanted(head.fields, WEB):
        yield Tool(name=WEB_SEARCH, type=WEB_SEARCH)


def _messages(body: JsonObject) -> tuple[Message, ...]:
    messages = body.get("messages")
    if not messages:
        prompt = body["prompt"]
        text = prompt if isinstance(prompt, str) else "\n".join(prompt)
        return (Message(role="user", parts=(Text(text=text),)),)
    return _each("messages", messages, _message)


def _each(path: str, items: Sequence[Any] | None, read: Callable[[Any], Read]) -> tuple[Read, ...]:
    """Read every item of a list.

    Raises:
        InvalidRequest: one of them cannot be read; the message begins with its path.
    """
    done: list[Read] = []
    for place, item in enumerate(items or ()):
        try:
            done.append(read(item))
        except InvalidRequest as error:
            raise InvalidRequest(f"{path}.{place}.{error.message}") from None
        except ShapeError as error:
            raise InvalidRequest(f"{path}.{place}: {misshapen(error)}") from None
    return tuple(done)


def _message(body: JsonObject) -> Message:
    role: Any = body["role"]  # one of the roles: the head was checked
    return Message(
        role="tool" if role == "function" else role,
        parts=_parts(body.get("content")),
        name=body.get("name"),
        tool_calls=_each("tool_calls", body.get("tool_calls"), _tool_call),
        tool_call_id=_name(body, "tool_call_id"),
        reasoning=tuple(decode_reasoning(body)),
        refusal=body.get("refusal"),
        cache_control=body.get("cache_control"),
        extra=rest_of(body, _MESSAGE_FIELDS),
    )


def _name(body: JsonObject, member: str) -> str | None:
    """What something is called; some clients number their calls."""
    value = body.get(member)
    name = id_text(value)
    if name is None and value:
        raise InvalidRequest(f"{member}: expected a text")
    return name


def _parts(content: str | Sequence[Any] | None) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(text=content),)
    return _each("content", content, _part)


def _part(part: str | JsonObject) -> Part:
    if isinstance(part, str):
        return Text(text=part)
    cache = part.get("cache_control")
    match part.get("type", "text"):
        case "text":
            return Text(
                text=part["text"],
                cache_control=cache,
                extra=rest_of(part, frozenset({"type", "text", "cache_control"})),
            )
        case "image_url":
            image = part["image_url"]
            image = {"url": image} if isinstance(image, str) else image
            return Image(url=image["url"], detail=image.get("detail"), cache_control=cache)
        case "input_audio":
            return Audio(data=part["input_audio"]["data"], format=part["input_audio"]["format"])
        case "video_url" | "input_video" as kind:
            return Video(url=part[kind]["url"])
        case "file":
            file = part["file"]
            return File(
                filename=file.get("filename"),
                data=file.get("file_data"),
                file_id=file.get("file_id"),
                cache_control=cache,
            )
        case kind:
            return Unknown(type=str(kind), fields=part)


def _tool_call(body: JsonObject) -> ToolCall:
    function = body.get("function") or {}
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else dumps(arguments or {}).decode()
    known = frozenset({"id", "type", "function", "index"})
    return ToolCall(
        id=_name(body, "id") or "",
        name=_name(function, "name") or "",
        arguments=text or "{}",
        extra=rest_of(body, known),
    )


def _tool(body: JsonObject) -> Tool:
    if body.get("type", "function") != "function":
        return Tool(
            name=body.get("name") or body["type"], type=body["type"], extra=rest_of(body, frozenset({"type"}))
        )  # fmt: skip
    function = body["function"]
    return Tool(
        name=function["name"],
        description=function.get("description"),
        parameters=function.get("parameters"),
        strict=function.get("strict"),
        cache_control=body.get("cache_control"),
        extra=rest_of(body, _TOOL_FIELDS),
    )


def _tool_choice(
    value: str | JsonObject | None, tools: tuple[Tool, ...]
) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    """The choice, and the tools that it leaves: `allowed_tools` names those."""
    if value is None:
        return None, tools
    if not isinstance(value, dict):
        if value in {"required", "any"}:
            return ToolChoice(mode="required"), tools
        return ToolChoice(mode="none" if value == "none" else "auto"), tools
    if value.get("type") != "allowed_tools":
        return ToolChoice(mode="named", name=_chosen(value)), tools
    allowed = value["allowed_tools"]
    names = {_chosen(tool) for tool in allowed["tools"]}
    left = tuple(tool for tool in tools if tool.name in names)
    if not left:
        raise ValueError("tool_choice: allowed_tools names none of the tools")
    return ToolChoice(mode="required" if allowed.get("mode") == "required" else "auto"), left


def _chosen(value: JsonObject) -> str:
    """The name of the tool that a choice points to."""
    name: str = (value.get("function") or value["custom"])["name"]
    return name


def _wish(body: JsonObject) -> ReasoningWish | None:
    wish = body.get("reasoning")
    effort = body.get("reasoning_effort")
    if wish is None and effort is None:
        shown = body.get("include_reasoning")
        return None if shown is None else ReasoningWish(exclude=not shown)
    wish = wish or {}
    return ReasoningWish(
        effort=wish.get("effort") or effort,
        max_tokens=wish.get("max_tokens"),
        exclude=bool(wish.get("exclude")),
        enabled=wish.get("enabled"),
        summary=wish.get("summary"),
    )


def _says(message: Message) -> bool:
    """Whether a turn says anything outside the dialect it came in."""
    return message.role != "assistant" or bool(
        message.parts or message.tool_calls or message.refusal
    )


def _encode_message(message: Message, *, own: bool) -> JsonObject:
    """`own`: what stands in `extra` is spelled in this dialect."""
    body: JsonObject = {"role": message.role, "content": _encode_content(message)}
    if message.name is not None:
        body["name"] = message.name
    if message.tool_calls:
        body["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
                **((call.extra or {}) if own else {}),
            }
            for call in message.tool_calls
        ]
    for name in ("tool_call_id", "refusal", "cache_control"):
        if (value := getattr(message, name)) is not None:
            body[name] = value
    if message.reasoning:
        visible = [text for item in message.reasoning if (text := visible_text(item))]
        if visible:
            body["reasoning"] = "".join(visible)
        if message.reasoning != (Reasoning(text=body.get("reasoning")),):  # more than plain text
            body["reasoning_details"] = [_encode_detail(item) for item in message.reasoning]
    return {**body, **((message.extra or {}) if own else {})}


def _encode_detail(item: Reasoning) -> JsonObject:
    """As it came: what the client did not say is not made up."""
    body = encode_item(item, item.index or 0)
    for name in ("format", "index"):
        if getattr(item, name) is None:
            del body[name]
    return body


def _encode_content(message: Message) -> object:
    """A lone plain text as a string: the form that every host takes."""
    parts = message.parts
    if not parts:
        return None if message.role == "assistant" else ""
    first = parts[0]
    if len(parts) == 1 and isinstance(first, Text) and not first.cache_control and not first.extra:
        return first.text
    return [_encode_part(part) for part in parts]


def _encode_part(part: Part) -> JsonObject:
    match part:
        case Text():
            body: JsonObject = {"type": "text", "text": part.text, **(part.extra or {})}
        case Image():
            image = {"url": part.url, **({"detail": part.detail} if part.detail else {})}
            body = {"type": "image_url", "image_url": image}
        case Audio():
            body = {
                "type": "input_audio",
                "input_audio": {"data": part.data, "format": part.format},
            }
        case Video():
            body = {"type": "video_url", "video_url": {"url": part.url}}
        case File():
            fields = {"filename": part.filename, "file_data": part.data, "file_id": part.file_id}
            body = {"type": "file", "file": {k: v for k, v in fields.items() if v is not None}}
        case Unknown():
            return part.fields
    if cache := getattr(part, "cache_control", None):
        body["cache_control"] = cache
    return body


def _encode_tool(tool: Tool, *, own: bool) -> JsonObject:
    if tool.type != "function" and not own:
        raise UpstreamRejected(f"tools: nobody runs a tool of type {tool.type} at this provider")
    if tool.type != "function":
        return {"type": tool.type, **(tool.extra or {})}
    function: JsonObject = {"name": tool.name}
    for name in ("description", "parameters", "strict"):
        if (value := getattr(tool, name)) is not None:
            function[name] = value
    body: JsonObject = {
        "type": "function",
        "function": function,
        **((tool.extra or {}) if own else {}),
    }
    if tool.cache_control is not None:
        body["cache_control"] = tool.cache_control
    return body


def _encode_tool_choice(choice: ToolChoice) -> object:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _encode_wish(wish: ReasoningWish) -> JsonObject:
    fields = {
        "effort": wish.effort,
        "max_tokens": wish.max_tokens,
        "enabled": wish.enabled,
        "summary": wish.summary,
        "exclude": wish.exclude or None,
    }
    return {name: value for name, value in fields.items() if value is not None}
