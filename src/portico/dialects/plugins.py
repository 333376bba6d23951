"""Plugins that a chat request asks for: which can be had here, and how the rest is refused.

Contract/chat 8. OpenRouter itself, as a provider, is sent them as they are.
"""

from collections.abc import Iterator, Sequence

import msgspec

from portico.dialects.base import RawFields
from portico.errors import UpstreamRejected
from portico.jsonio import JsonObject, loads

HEALING = "response-healing"
WEB = "web"
WEB_SEARCH = "openrouter:web_search"
"""The tool that does what the plugin `web` did."""

SERVED = frozenset({"auto-router", "context-compression", HEALING, "file-parser", WEB})
"""What is understood. A prompt that fits is not compressed, and one that does not is refused;
files are read by the model, whichever parser was named."""

_SERVER_TOOL = "openrouter:"


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


def server_tools(tools: msgspec.Raw | None) -> Iterator[tuple[int, str]]:
    """Places and types of the tools that a gateway is asked to run by itself."""
    if tools is None or b'"' + _SERVER_TOOL.encode() not in bytes(tools):
        return
    entries: Sequence[JsonObject] = loads(tools)
    for place, tool in enumerate(entries):
        if str(tool.get("type", "")).startswith(_SERVER_TOOL):
            yield place, str(tool["type"])


def no_search(path: str) -> UpstreamRejected:
    """The refusal of a search at a provider that has none of its own."""
    return UpstreamRejected(
        f"{path}: this gateway has no search engine, and this provider does not search by itself. "
        "Leave it out, or call a model that does."
    )
