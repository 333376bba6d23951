"""Custom tools, whose input is free text: as functions with one string, there and back.

No other dialect has them (contract/other-apis 1), so the hub holds a function,
and the tool as the client sent it beside it.
"""

from typing import Any

from portico.jsonio import JsonError, JsonObject, dumps, loads
from portico.vocabulary import Tool

CUSTOM = "custom"
"""Where the tool as it was sent stands in the `extra` of its function."""


def custom_tool(body: JsonObject) -> Tool:
    """The function that stands for a custom tool."""
    description = body.get("description")
    grammar = body.get("format") or {}
    if definition := grammar.get("definition"):
        rule = f"The input must follow this {grammar.get('syntax', '')} grammar:\n{definition}"
        description = f"{description}\n\n{rule}" if description else rule
    return Tool(
        name=body["name"],
        description=description,
        parameters={
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
            "additionalProperties": False,
        },
        extra={CUSTOM: body},
    )


def custom_names(tools: Any) -> frozenset[str]:
    """The names of the custom tools in a request's `tools`."""
    if not isinstance(tools, list):
        return frozenset()
    custom = (tool for tool in tools if isinstance(tool, dict) and tool.get("type") == CUSTOM)
    return frozenset(str(tool["name"]) for tool in custom if tool.get("name"))


def wrap_input(text: str) -> str:
    """Free text as the arguments of the function."""
    return dumps({"input": text}).decode()


def unwrap_input(arguments: str) -> str:
    """The free text inside arguments; what is not wrapped is the text itself."""
    try:
        parsed = loads(arguments)
    except JsonError:
        return arguments
    text = parsed.get("input") if isinstance(parsed, dict) else None
    return text if isinstance(text, str) else arguments
