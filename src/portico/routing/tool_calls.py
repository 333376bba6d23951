"""Whether the tool calls of an answer can be used: the signal of `exacto` (contract/routing 6).

A call is broken if its arguments are no JSON object, if it calls a tool that was
not declared, or if the arguments break what is understood of the tool's schema.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from portico.jsonio import JsonError, JsonObject, loads

_DEEPEST = 16
_KINDS: Mapping[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool))
        or (isinstance(value, float) and value.is_integer())
    ),
}


def broken_call(
    calls: Sequence[tuple[str, str]], tools: Mapping[str, JsonObject | None]
) -> str | None:
    """Return what is wrong with the first broken call, None if all can be used.

    Args:
        calls: name and arguments, as JSON text, of each.
        tools: the schema of each declared tool by its name; None says nothing.
    """
    for name, text in calls:
        if name not in tools:
            return f"{name[:64]} is not one of the tools"
        try:
            arguments = loads(text or "{}")
        except JsonError:
            return f"the arguments of {name} are not JSON"
        if not isinstance(arguments, dict):
            return f"the arguments of {name} are not an object"
        if not conforms(arguments, tools[name]):
            return f"the arguments of {name} break its schema"
    return None


def conforms(value: object, schema: object, *, depth: int = 0) -> bool:
    """Whether a value keeps to a JSON Schema as far as it is understood.

    Understood are `type`, `enum`, `const`, `required`, `properties`,
    `additionalProperties: false`, `items`, `anyOf` and `oneOf` (as any). What is not
    is taken to be kept: a doubt never counts against an endpoint.
    """
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return True
    kinds = schema.get("type")
    named = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    checks = [_KINDS[kind] for kind in named if isinstance(kind, str) and kind in _KINDS]
    if checks and not any(check(value) for check in checks):
        return False
    if isinstance(allowed := schema.get("enum"), list) and value not in allowed:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    for word in ("anyOf", "oneOf"):
        options = schema.get(word)
        options = options if isinstance(options, list) else []
        if options and not any(conforms(value, option, depth=depth + 1) for option in options):
            return False
    if isinstance(value, dict):
        return _fields_conform(value, schema, depth)
    if isinstance(value, list):
        items = schema.get("items")
        return all(conforms(item, items, depth=depth + 1) for item in value)
    return True


def _fields_conform(value: JsonObject, schema: dict[str, Any], depth: int) -> bool:
    required = schema.get("required")
    if isinstance(required, list) and any(name not in value for name in required):
        return False
    known = schema.get("properties")
    if not isinstance(known, dict):
        return True
    if schema.get("additionalProperties") is False and not value.keys() <= known.keys():
        return "patternProperties" in schema
    return all(
        conforms(inner, known[name], depth=depth + 1)
        for name, inner in value.items()
        if name in known
    )
