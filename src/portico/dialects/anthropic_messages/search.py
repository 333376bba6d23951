"""The search that this API runs itself, from the wish of another dialect or a gateway's client."""

from collections.abc import Mapping
from typing import Any

from portico.jsonio import JsonObject

_OPTIONS = ("max_uses", "allowed_domains", "blocked_domains", "user_location")


def own_search(asked: Mapping[str, Any]) -> JsonObject:
    """The tool, from the members of the one that asks for a search or from its `parameters`."""
    options = asked.get("parameters")
    chosen = {**asked, **options} if isinstance(options, dict) else asked
    wishes = {name: chosen[name] for name in _OPTIONS if chosen.get(name) is not None}
    return {"type": "web_search_20250305", "name": "web_search", **wishes}
