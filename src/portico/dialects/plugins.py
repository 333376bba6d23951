"""Plugins that a request asks for: which can be had here, and how the rest is refused.

Contract/chat 8. OpenRouter itself, as a provider, is sent them as they are.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from portico.dialects.base import RawFields, RequestHead
from portico.dialects.fields import raw
from portico.dialects.healing import healed
from portico.errors import InvalidRequest, UpstreamRejected
from portico.jsonio import JsonObject, loads
from portico.vocabulary import ChatResponse, Tool

HEALING = "response-healing"
WEB = "web"
WEB_SEARCH = "openrouter:web_search"
"""The tool that does what the plugin `web` did."""

SERVED = frozenset({"auto-router", "context-compression", HEALING, "file-parser", WEB})
"""What is understood. A prompt that fits is not compressed, and one that does not is refused;
files are read by the model, whichever parser was named."""

_SERVER_TOOL = "openrouter:"


class Plugin(msgspec.Struct):
    """What every entry of `plugins` has; the rest is the plugin's own."""

    id: str
    enabled: bool | None = None


def check_preset(preset: str | None) -> None:
    """
    Raises:
        InvalidRequest: one is named.
    """
    if preset is not None:
        raise InvalidRequest("preset: this gateway has no presets")


def wanted_plugins(fields: RawFields) -> list[tuple[int, JsonObject]]:
    """The plugins that are switched on, with their places. `fields` are checked ones."""
    sent = fields.get("plugins")
    entries = loads(sent) if sent is not None else None
    return [
        (place, entry)
        for place, entry in enumerate(entries or ())
        if entry.get("enabled") is not False
    ]


def is_wanted(fields: RawFields, name: str) -> bool:
    """Whether the plugin `name` is switched on."""
    return any(entry.get("id") == name for _, entry in wanted_plugins(fields))


def check_plugins(fields: RawFields) -> None:
    """Refuse what nobody here can do for a provider; a search is left to its dialect.

    Raises:
        UpstreamRejected: a plugin that this gateway does not have.
    """
    for place, entry in wanted_plugins(fields):
        name = str(entry["id"])
        if name not in SERVED:
            known = ", ".join(sorted(SERVED))
            raise UpstreamRejected(
                f"plugins.{place}: this gateway has no plugin {name[:40]!r}. It has {known}."
            )


def wants_mending(head: RequestHead) -> bool:
    """Whether the client asked for JSON, and that it be mended."""
    fields = head.fields
    if head.outputs is not None or "plugins" not in fields:  # another API, or nothing asked
        return False
    return "response_format" in head.parameters and is_wanted(fields, HEALING)


def mended(response: ChatResponse) -> ChatResponse:
    """A whole answer with the JSON in its texts mended."""
    choices = tuple(
        msgspec.structs.replace(choice, content=healed(choice.content))
        if choice.content
        else choice
        for choice in response.choices
    )
    return msgspec.structs.replace(response, choices=choices)


def server_tools(tools: msgspec.Raw | None) -> Iterator[tuple[int, str]]:
    """Places and types of the tools that a gateway is asked to run by itself."""
    if tools is None or b'"' + _SERVER_TOOL.encode() not in bytes(tools):
        return
    entries: Sequence[JsonObject] = loads(tools)
    for place, tool in enumerate(entries):
        if str(tool.get("type", "")).startswith(_SERVER_TOOL):
            yield place, str(tool["type"])


def search_places(tools: msgspec.Raw | None) -> list[int]:
    """Return the places of the tools that ask for a search.

    Raises:
        UpstreamRejected: a gateway is asked to run another tool by itself.
    """
    asked = list(server_tools(tools))
    for place, name in asked:
        if name != WEB_SEARCH:
            raise nobody_runs(place, name)
    return [place for place, _ in asked]


def nobody_runs(place: int, name: str) -> UpstreamRejected:
    """The refusal of a tool that only a gateway could run, and this one does not."""
    return UpstreamRejected(
        f"tools.{place}: nobody runs a tool of type {name[:60]} at this provider"
    )


def searches(fields: RawFields) -> Iterator[Tool]:
    """The plugin `web` as the tool that it became: providers that search run it themselves.

    Raises:
        UpstreamRejected: another plugin cannot be had.
    """
    if "plugins" not in fields:
        return
    check_plugins(fields)
    if is_wanted(fields, WEB):
        yield Tool(name=WEB_SEARCH, type=WEB_SEARCH)


def spell_searches(fields: RawFields, spell: Callable[[JsonObject], JsonObject]) -> None:
    """Put the provider's own search in the place of the plugin and of the tool that ask for one.

    Args:
        fields: of a body for a provider of the client's dialect; changed in place.
        spell: the search of that dialect, from the entry of `tools` that asks for it.

    Raises:
        UpstreamRejected: a plugin or a tool that nobody runs here.
    """
    asked = search_places(fields.get("tools"))
    added = [{"type": tool.type} for tool in searches(fields)]
    if not (asked or added):
        return
    tools = [*(loads(fields.get("tools", b"null")) or ()), *added]
    fields["tools"] = raw([spell(t) if t.get("type") == WEB_SEARCH else t for t in tools])


def no_search(path: str) -> UpstreamRejected:
    """The refusal of a search at a provider that has none of its own."""
    return UpstreamRejected(
        f"{path}: this gateway has no search engine, and this provider does not search by itself. "
        "Leave it out, or call a model that does."
    )
