"""Tools in namespaces: for others functions with the namespace in their name, there and back.

Coding agents group the tools of each server they talk to (contract/other-apis 1).
"""

from collections.abc import Iterator
from typing import Any

from portico.dialects.openai_responses.custom import CUSTOM, custom_names, custom_tool
from portico.jsonio import JsonObject
from portico.vocabulary import Tool

NAMESPACE = "namespace"
"""Where a namespace as it was sent stands in the `extra` of its functions; also what calls say."""

_BETWEEN = "__"


def namespaced(namespace: str, name: str) -> str:
    """The name by which other dialects know a tool."""
    return f"{namespace}{_BETWEEN}{name}"


def bare(namespace: str, name: str) -> str:
    """The name of a tool within its namespace."""
    return name.removeprefix(namespace + _BETWEEN)


def functions_of(body: JsonObject) -> Iterator[Tool]:
    """The functions of a namespace, and what stands for its custom tools; tools of other kinds
    have no form elsewhere."""
    for tool in body["tools"]:
        kind = tool.get("type", "function")
        if kind not in {"function", CUSTOM}:
            continue
        known = custom_tool(tool) if kind == CUSTOM else None
        yield Tool(
            name=namespaced(body["name"], tool["name"]),
            description=known.description if known else tool.get("description"),
            parameters=known.parameters if known else tool.get("parameters"),
            strict=tool.get("strict"),
            extra={NAMESPACE: body},
        )


def custom_within(tools: Any) -> frozenset[str]:
    """The names elsewhere of the custom tools in the namespaces of a request."""
    found: set[str] = set()
    for body in tools if isinstance(tools, list) else ():
        if isinstance(body, dict) and body.get("type") == NAMESPACE:
            names = custom_names(body.get("tools"))
            found.update(namespaced(str(body.get("name")), name) for name in names)
    return frozenset(found)


def names_within(tools: Any) -> dict[str, tuple[str, str]]:
    """Namespace and name of each tool in the namespaces of a request, by its name elsewhere."""
    found: dict[str, tuple[str, str]] = {}
    for body in tools if isinstance(tools, list) else ():
        if isinstance(body, dict) and body.get("type") == NAMESPACE:
            inner = body.get("tools")
            names = [tool.get("name") for tool in inner or () if isinstance(tool, dict)]
            for name in filter(None, names):
                space = str(body.get("name"))
                found[namespaced(space, name)] = (space, name)
    return found
