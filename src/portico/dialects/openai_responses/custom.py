"""Custom tools, whose input is free text: as functions with one string, there and back.

No other dialect has them (contract/other-apis 1), so the hub holds a function,
and the tool as the client sent it beside it.
"""

import re
from typing import Any

from portico.jsonio import JsonError, JsonObject, dumps, loads
from portico.vocabulary import Tool

CUSTOM = "custom"
"""Where the tool as it was sent stands in the `extra` of its function."""

_OPENING = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_CERTAIN = re.compile(
    r'(?:[^"\\]+|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*"
)
"""The beginning of a JSON string up to its end, or to an escape that is not whole."""
_CONTROL = re.compile(r"[\x00-\x1f]")


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
    reader = InputReader()
    return reader.feed(arguments) + reader.end()


class InputReader:
    """The free text inside arguments that grow. One instance per call.

    Models write JSON with faults: a line break as it is, an escape that is none, an end that
    is missing. The text is then what they meant as far as that can be told.
    """

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self._ended = False

    def feed(self, fragment: str) -> str:
        """More of the text, as far as it is certain."""
        if self._ended:
            return ""
        self._held += fragment
        if not self._inside:
            opening = _OPENING.match(self._held)
            if opening is None:
                return ""
            self._inside = True
            self._held = self._held[opening.end() :]
        return self._taken()

    def end(self) -> str:
        """The rest, when nothing more will come."""
        if not self._inside:
            return self._not_wrapped()
        rest = ""
        while not self._ended and self._held:  # what stands first cannot be read
            rest, self._held = rest + self._held[0], self._held[1:]
            rest += self._taken()
        return rest

    def _taken(self) -> str:
        certain = _CERTAIN.match(self._held)
        text = "" if certain is None else certain[0]
        self._held = self._held[len(text) :]
        self._ended = self._held.startswith('"')
        plain = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        return str(loads(f'"{plain}"'))

    def _not_wrapped(self) -> str:
        try:
            parsed = loads(self._held)
        except JsonError:
            return self._held
        text = parsed.get("input") if isinstance(parsed, dict) else None
        return text if isinstance(text, str) else self._held
