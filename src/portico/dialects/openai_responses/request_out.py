"""The hub's request as the body for an upstream of this dialect, and what had to be dropped."""

from collections.abc import Mapping
from typing import Any

from portico.dialects.base import PARAMETERS, Quirks
from portico.dialects.fields import encoded_body
from portico.dialects.openai_responses.client_tools import TOOL_SEARCH
from portico.dialects.openai_responses.conversation import ADDED, NATIVE_EXTRAS
from portico.dialects.openai_responses.custom import CUSTOM, custom_names
from portico.dialects.openai_responses.families import Family, family_of, known_effort
from portico.dialects.openai_responses.items import Items
from portico.dialects.openai_responses.namespaces import NAMESPACE, custom_within
from portico.dialects.openai_responses.reasoning import FORMAT
from portico.dialects.reasoning import nearest_effort
from portico.errors import UpstreamRejected
from portico.jsonio import JsonObject
from portico.vocabulary import ChatRequest, ReasoningWish, Tool

MIN_OUTPUT_TOKENS = 16
"""The smallest cap that the API takes."""

_DIALECT = "openai_responses"
_NEVER_TAKEN = (
    "top_k", "min_p", "top_a", "frequency_penalty", "presence_penalty", "repetition_penalty", "seed",
)  # fmt: skip
_SAMPLERS = ("temperature", "top_p")
_SHARED_EXTRAS = (
    "service_tier", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "safety_identifier",
)  # fmt: skip
"""Members of the chat dialect that mean the same here."""

_HOSTED = frozenset(
    {
        "web_search", "web_search_preview", "web_search_2025_08_26", "web_search_preview_2025_03_11",
        "file_search", "code_interpreter", "computer_use_preview", "mcp", "image_generation",
        "local_shell", "shell", "apply_patch", "tool_search", "namespace",
    }
)  # fmt: skip
_SEARCHES = frozenset({"openrouter:web_search"})
_SEARCH_OPTIONS = ("search_context_size", "user_location", "filters")
_SEALED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
_LEVELS = ("minimal", "low", "medium", "high", "xhigh")


def encode_request(
    request: ChatRequest, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The Responses body for an upstream, and the names of what had to be dropped.

    Nothing is stored at the provider, so sealed reasoning is asked for wherever the
    model has it: without it, a conversation could not go on where it stopped.

    Args:
        request: in the hub's words.
        model: what the provider calls the model; its name tells how it thinks.
        supported: parameters the endpoint takes; empty means not known, and then
            nothing is dropped on its account.
        quirks: the family of its reasoning and its output limit.

    Raises:
        UpstreamRejected: what was asked for cannot be said: a tool that nobody
            runs here, no reasoning from a model that cannot but reason.
    """
    own = request.dialect == _DIALECT
    family = family_of(model)
    tools: list[JsonObject] = []
    for tool in request.tools:
        if own and ADDED in (tool.extra or {}):  # its item says it
            continue
        if (written := _tool(tool, own=own)) not in tools:  # all of a namespace are one
            tools.append(written)
    if own and isinstance(search := (request.extra or {}).get(TOOL_SEARCH), dict):
        tools.append(search)
    custom = custom_names(tools) | custom_within(tools)
    items = Items(format=quirks.reasoning_format or FORMAT, custom=custom, own=own)
    items.add(request.messages)
    dropped = items.dropped
    body: JsonObject = {"model": model, "input": items.items}
    if request.max_tokens is not None:
        body["max_output_tokens"] = max(request.max_tokens, MIN_OUTPUT_TOKENS)
    _set_tools(body, tools, request, supported, dropped)
    _set_reasoning(body, request, family, supported, quirks, dropped)
    _set_samplers(body, request, family, supported, dropped)
    _set_text(body, request, supported, dropped)
    _set_extras(body, request, family, dropped, own=own)
    if request.user is not None:
        body["user"] = request.user
    body["store"] = False
    if request.stream:
        body["stream"] = True
    return encoded_body(body, quirks), frozenset(dropped)


def _tool(tool: Tool, *, own: bool) -> JsonObject:
    extra = tool.extra or {}
    if isinstance(custom := extra.get(CUSTOM), dict):
        return _custom(custom)
    if own and isinstance(space := extra.get(NAMESPACE), dict):
        return space
    if tool.type == "function":
        body: JsonObject = {"type": "function", "name": tool.name}
        if tool.description is not None:
            body["description"] = tool.description
        body["parameters"] = tool.parameters or {"type": "object", "properties": {}}
        if tool.strict is not None or not own:  # elsewhere what is not said is not strict
            body["strict"] = bool(tool.strict)
        if "defer_loading" in extra:
            body["defer_loading"] = extra["defer_loading"]
        return body
    if tool.type in _HOSTED:
        return {"type": tool.type, **extra}
    if tool.type in _SEARCHES:
        return _search(extra.get("parameters"))
    raise UpstreamRejected(f"tools: nobody runs a tool of type {tool.type} at this provider")


def _custom(body: Mapping[str, Any]) -> JsonObject:
    """A custom tool; the chat dialect wraps its grammar once more."""
    tool = {"type": "custom", **body}
    form = tool.get("format")
    if isinstance(form, dict) and isinstance(inner := form.get("grammar"), dict):
        tool["format"] = {"type": "grammar", **inner}
    return tool


def _search(options: Any) -> JsonObject:
    wishes = options if isinstance(options, dict) else {}
    tool = {name: wishes[name] for name in _SEARCH_OPTIONS if wishes.get(name) is not None}
    if domains := wishes.get("allowed_domains"):
        tool["filters"] = {"allowed_domains": domains}
    location = tool.get("user_location")
    if isinstance(location, dict) and isinstance(inner := location.get("approximate"), dict):
        tool["user_location"] = {"type": "approximate", **inner}
    return {"type": "web_search", **tool}


def _set_tools(
    body: JsonObject,
    tools: list[JsonObject],
    request: ChatRequest,
    supported: frozenset[str],
    dropped: set[str],
) -> None:
    if tools and supported and "tools" not in supported:
        dropped.add("tools")
        return
    options = (request.extra or {}).get("web_search_options")
    if isinstance(options, dict) and request.dialect is None:
        tools = [*tools, _search(options)]
    if not tools:
        return
    body["tools"] = tools
    if request.tool_choice is not None:
        body["tool_choice"] = _choice(request, tools)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls
    for name in ("tool_choice", "parallel_tool_calls"):
        if supported and name not in supported and body.pop(name, None) is not None:
            dropped.add(name)


def _choice(request: ChatRequest, tools: list[JsonObject]) -> object:
    choice = request.tool_choice
    assert choice is not None, "checked by the caller"
    if choice.mode != "named":
        return choice.mode
    kind = next((tool["type"] for tool in tools if tool.get("name") == choice.name), None)
    if kind in {"function", "custom"} or (kind is None and choice.name not in _HOSTED):
        return {"type": kind or "function", "name": choice.name}
    return {"type": choice.name}


def _set_reasoning(
    body: JsonObject,
    request: ChatRequest,
    family: Family,
    supported: frozenset[str],
    quirks: Quirks,
    dropped: set[str],
) -> None:
    wish = request.reasoning
    rest = (request.extra or {}).get("reasoning") if request.dialect == _DIALECT else None
    said: JsonObject = dict(rest) if isinstance(rest, dict) else {}
    if wish is not None:
        if supported and "reasoning" not in supported and not family.sealed:
            dropped.add("reasoning")
            return
        said.update(_said(wish, request, family, quirks))
    if said:
        body["reasoning"] = said


def _said(wish: ReasoningWish, request: ChatRequest, family: Family, quirks: Quirks) -> JsonObject:
    """Effort and summary: who wishes to see thoughts is shown a summary of them."""
    effort = _effort(wish, request.max_tokens or quirks.output_limit_tokens)
    said: JsonObject = {}
    if effort is not None:
        known = known_effort(effort, family)
        if known is None and effort == "none":
            levels = ", ".join(family.efforts) or "its own choice"
            raise UpstreamRejected(
                f"reasoning: this model always reasons; take an effort of {levels}"
            )
        if known is not None:
            said["effort"] = known
    summary = wish.summary
    if summary is None and effort not in {None, "none"} and family.sealed:
        summary = None if wish.exclude or request.dialect == _DIALECT else "auto"
    if summary is not None and family.summarises:
        said["summary"] = summary
    return said


def _effort(wish: ReasoningWish, cap_tokens: int | None) -> str | None:
    """The level that is wished for, or the nearest to a budget (contract/chat 1.4)."""
    if wish.effort is not None:
        return wish.effort
    if wish.enabled is False:
        return "none"
    if wish.max_tokens is not None:
        return nearest_effort(wish.max_tokens, cap_tokens, _LEVELS)
    return "medium" if wish.enabled else None


def _set_samplers(
    body: JsonObject,
    request: ChatRequest,
    family: Family,
    supported: frozenset[str],
    dropped: set[str],
) -> None:
    """What the API does not have is dropped; models that think refuse the others too."""
    dropped.update(name for name in _NEVER_TAKEN if getattr(request, name) is not None)
    if request.stop:
        dropped.add("stop")
    thinks = not family.samplers and (body.get("reasoning") or {}).get("effort") != "none"
    for name in _SAMPLERS:
        if (value := getattr(request, name)) is None:
            continue
        if thinks or (supported and name not in supported):
            dropped.add(name)
        else:
            body[name] = value


def _set_text(
    body: JsonObject, request: ChatRequest, supported: frozenset[str], dropped: set[str]
) -> None:
    text: JsonObject = {}
    wish = request.response_format or {}
    if wish and supported and not supported & {"response_format", "structured_outputs"}:
        dropped.add("response_format")
    elif wish.get("type") == "json_schema" and isinstance(wish.get("json_schema"), dict):
        schema: Any = wish["json_schema"]
        text["format"] = {"type": "json_schema", "name": "answer", **schema}
    elif str(wish.get("type")) in {"json_object", "text"}:
        text["format"] = {"type": wish["type"]}
    elif wish:
        dropped.add("response_format")
    if request.verbosity is not None:
        if supported and "verbosity" not in supported:
            dropped.add("verbosity")
        else:
            text["verbosity"] = request.verbosity
    if text:
        body["text"] = text


def _set_extras(
    body: JsonObject, request: ChatRequest, family: Family, dropped: set[str], *, own: bool
) -> None:
    extra: Mapping[str, Any] = request.extra or {}
    chat = request.dialect is None
    for name in NATIVE_EXTRAS if own else _SHARED_EXTRAS if chat else ():
        if extra.get(name) is not None:
            body[name] = extra[name]
    include = list(body.get("include") or ())
    if family.sealed and not own and _SEALED not in include:
        include.append(_SEALED)
    if chat and extra.get("logprobs"):
        include.append(_LOGPROBS)
        if extra.get("top_logprobs") is not None:
            body["top_logprobs"] = extra["top_logprobs"]
    if include:
        body["include"] = include
    if chat:
        taken = {"structured_outputs", "logprobs", "top_logprobs", "web_search_options"}
        dropped.update((extra.keys() & PARAMETERS) - taken)
