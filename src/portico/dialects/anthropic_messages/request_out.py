"""Chat requests of the hub as bodies of the Messages API, and what had to be dropped."""

import re
from collections.abc import Sequence

from portico.dialects.anthropic_messages.caching import keep_last_breakpoints, mark
from portico.dialects.anthropic_messages.families import Family, family_of
from portico.dialects.anthropic_messages.schema import closed_schema
from portico.dialects.anthropic_messages.search import own_search
from portico.dialects.anthropic_messages.thinking import (
    Thinking,
    known_effort,
    plan_thinking,
    refused_samplers,
)
from portico.dialects.anthropic_messages.turns import Turns
from portico.dialects.base import PARAMETERS, Quirks
from portico.dialects.checks import misshapen
from portico.dialects.fields import encoded_body
from portico.errors import UpstreamRejected
from portico.jsonio import JsonObject, ShapeError
from portico.vocabulary import ChatRequest, Tool

NATIVE_EXTRAS = (
    "container", "context_management", "mcp_servers", "inference_geo", "cache_control",
)  # fmt: skip
"""Members of a request that the hub has no word for and this API understands."""

_REASONING = frozenset({"reasoning", "reasoning_effort", "include_reasoning"})
_DATED_TOOL = re.compile(r".*_20\d{6}$")
_SEARCHES = frozenset({"openrouter:web_search", "web_search", "web_search_preview"})
_TIERS = {"auto": "auto", "priority": "auto", "default": "standard_only"}
_CHOICES = {"auto": "auto", "required": "any", "none": "none", "named": "tool"}
_NEVER_TAKEN = (
    "min_p", "top_a", "frequency_penalty", "presence_penalty", "repetition_penalty", "seed",
)  # fmt: skip


def encode_request(
    request: ChatRequest, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The body for an upstream, and the names of what had to be dropped.

    Raises:
        UpstreamRejected: the request asks for what this API cannot do at all: a
            tool that nobody runs, or thinking without room for it; or a part
            of it is not shaped as its type asks.
    """
    try:
        return _encode(request, model, supported, quirks)
    except ShapeError as error:
        raise UpstreamRejected(f"messages or tools cannot be read: {misshapen(error)}") from error


def _encode(
    request: ChatRequest, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    family = family_of(model)
    cap_tokens = request.max_tokens or quirks.output_limit_tokens or family.output_tokens
    thinking = plan_thinking(request, family, cap_tokens)
    if supported and not supported & _REASONING and thinking.active:
        thinking = Thinking(dropped=True)
    turns = Turns(system_anywhere=family.system_anywhere)
    turns.add(request.messages)
    dropped = turns.dropped
    if thinking.dropped:
        dropped.add("reasoning")

    body: JsonObject = {"model": model, "max_tokens": cap_tokens}
    if turns.system:
        body["system"] = _lone_text(turns.system)
    body["messages"] = turns.messages
    tools = [_tool(tool, family) for tool in request.tools]
    if tools and (not supported or "tools" in supported):
        body["tools"] = tools
        _set_tool_choice(body, request)
    elif tools:
        dropped |= {"tools"}
    if thinking.body is not None:
        body["thinking"] = thinking.body
    _set_samplers(body, request, family, thinking, dropped)
    _set_stop(body, request, dropped)
    _set_output(body, request, family, thinking, dropped)
    _set_extras(body, request, dropped)
    if request.stream:
        body["stream"] = True
    for name in _unsupported(body, supported):
        dropped.add(name)
    keep_last_breakpoints([*tools, *turns.blocks], automatic="cache_control" in body)
    return encoded_body(body, quirks), frozenset(dropped)


def _lone_text(blocks: Sequence[JsonObject]) -> object:
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return blocks[0]["text"]
    return blocks


def _tool(tool: Tool, family: Family) -> JsonObject:
    extra = tool.extra or {}
    if tool.type == "function":
        body: JsonObject = {"name": tool.name}
        if tool.description is not None:
            body["description"] = tool.description
        body["input_schema"] = tool.parameters or {"type": "object", "properties": {}}
        if tool.strict and family.structured:
            body["strict"] = True
        for name in ("defer_loading", "eager_input_streaming", "allowed_callers"):
            if name in extra:
                body[name] = extra[name]
        return mark(body, tool.cache_control)
    if _DATED_TOOL.fullmatch(tool.type):
        return {"type": tool.type, "name": tool.name, **extra}
    if tool.type in _SEARCHES:
        return own_search(extra)
    raise UpstreamRejected(f"tools: nobody runs a tool of type {tool.type} at this provider")


def _set_tool_choice(body: JsonObject, request: ChatRequest) -> None:
    choice = request.tool_choice
    if choice is None and request.parallel_tool_calls is not False:
        return
    mode = choice.mode if choice else "auto"
    native: JsonObject = {"type": _CHOICES[mode]}
    if choice is not None and mode == "named":
        native["name"] = choice.name
    if request.parallel_tool_calls is not None and mode != "none":
        native["disable_parallel_tool_use"] = not request.parallel_tool_calls
    body["tool_choice"] = native


def _set_samplers(
    body: JsonObject, request: ChatRequest, family: Family, thinking: Thinking, dropped: set[str]
) -> None:
    """Temperature is cut to 1; what the model or thinking refuses is dropped."""
    sent = {
        name: value
        for name in ("temperature", "top_p", "top_k")
        if (value := getattr(request, name)) is not None
    }
    refused = refused_samplers(sent, family, thinking)
    for name, value in sent.items():
        if name in refused:
            dropped.add(name)
        else:
            body[name] = min(max(value, 0), 1) if name == "temperature" else value


def _set_stop(body: JsonObject, request: ChatRequest, dropped: set[str]) -> None:
    dropped.update(name for name in _NEVER_TAKEN if getattr(request, name) is not None)
    if request.stop:
        kept = [text for text in request.stop if text.strip()]  # blank ones are refused
        if kept:
            body["stop_sequences"] = kept
        if len(kept) < len(request.stop):
            dropped.add("stop")


def _set_output(
    body: JsonObject, request: ChatRequest, family: Family, thinking: Thinking, dropped: set[str]
) -> None:
    """Effort and format of the answer, native where the model has them."""
    config: JsonObject = dict((request.extra or {}).get("output_config") or {})  # type: ignore[call-overload]  # as sent
    effort = thinking.effort
    if effort is None and request.verbosity is not None:
        effort = known_effort(request.verbosity, family)
        if effort is None:
            dropped.add("verbosity")
    if effort is not None:
        config["effort"] = effort
    wish = request.response_format or {}
    schema = wish.get("json_schema")
    if wish.get("type") == "json_schema" and isinstance(schema, dict) and family.structured:
        closed = closed_schema(schema.get("schema") or {"type": "object"})
        config["format"] = {"type": "json_schema", "schema": closed}
    elif wish and wish.get("type") != "text":
        dropped.add("response_format")
    if config:
        body["output_config"] = config


def _set_extras(body: JsonObject, request: ChatRequest, dropped: set[str]) -> None:
    extra = request.extra or {}
    for name in NATIVE_EXTRAS:
        if (value := extra.get(name)) is not None:
            body[name] = value
    tier = extra.get("service_tier")
    if tier == "standard_only" or tier in _TIERS:
        body["service_tier"] = _TIERS.get(str(tier), tier)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    dropped.update((extra.keys() & PARAMETERS) - {"structured_outputs"})


def _unsupported(body: JsonObject, supported: frozenset[str]) -> list[str]:
    """Take out what this endpoint does not list; return the names of what was there."""
    if not supported:
        return []
    out = []
    names = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "stop": "stop_sequences"}  # fmt: skip
    for name, native in names.items():
        if name not in supported and body.pop(native, None) is not None:
            out.append(name)
    config = body.get("output_config", {})
    if not supported & {"response_format", "structured_outputs"} and config.pop("format", None):
        out.append("response_format")
    if not config:
        body.pop("output_config", None)
    if "tool_choice" not in supported and body.pop("tool_choice", None) is not None:
        out.append("tool_choice")
    return out
