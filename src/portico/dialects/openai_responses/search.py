"""The search that this API runs itself, from the wish of another dialect or a gateway's client."""

from collections.abc import Mapping
from typing import Any

from portico.jsonio import JsonObject

_OPTIONS = ("search_context_size", "user_location", "filters")


def own_search(asked: Mapping[str, Any]) -> JsonObject:
    """The tool, from the `parameters` of the one that asks for a search."""
    options = asked.get("parameters")
    wishes = options if isinstance(options, dict) else {}
    tool = {name: wishes[name] for name in _OPTIONS if wishes.get(name) is not None}
    if domains := wishes.get("allowed_domains"):
        tool["filters"] = {"allowed_domains": domains}
    location = tool.get("user_location")
    if isinstance(location, dict) and isinstance(inner := location.get("approximate"), dict):
        tool["user_location"] = {"type": "approximate", **inner}
    return {"type": "web_search", **tool}
