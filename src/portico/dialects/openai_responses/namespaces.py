"""Tools in namespaces: for others functions with the namespace in their name, there and back.

Coding agents group the tools of each server they talk to (contract/other-apis 1).
"""

from collections.abc import Iterator
from typing import Any

from portico.dialects.fields import list_of, text_of
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


def names_of(tools: Any) -> list[str]:
    """The names elsewhere of tools, those in namespaces each by its own."""
    found: list[str] = []
    for body in list_of(tools):
        if isinstance(body, dict) and body.get("type") == NAMESPACE:
            inner = names_of(body.get("tools"))
            found += [namespaced(str(body.get("name")), name) for name in inner]
        elif isinstance(body, dict) and (name := text_of(body.get("name"))):
            found.append(name)
    return found


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
            names = [
                tool.get("name") for tool in list_of(body.get("tools")) if isinstance(tool, dict)
            ]
            for name in filter(None, map(text_of, names)):
                space = str(body.get("name"))
                found[namespaced(space, name)] = (space, name)
    return found
