"""JSON Schemas as native structured outputs take them.

Every object must refuse other properties, and bounds of numbers and lengths are
refused (https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs);
they become words in the description, as the vendor's own clients do.
"""

from typing import Any

from portico.jsonio import JsonObject, dumps

_BOUNDS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties",
)  # fmt: skip
_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf")


def closed_schema(schema: JsonObject) -> JsonObject:
    """Return `schema` in the accepted subset; a schema that is in it comes back equal."""
    closed = dict(schema)
    for name in _MAPS:
        if isinstance(inner := closed.get(name), dict):
            closed[name] = {key: _inner(value) for key, value in inner.items()}
    for name in _LISTS:
        if isinstance(inner := closed.get(name), list):
            closed[name] = [_inner(value) for value in inner]
    if "items" in closed:
        closed["items"] = _inner(closed["items"])
    bounds = {name: closed.pop(name) for name in _BOUNDS if name in closed}
    if closed.get("minItems", 0) not in {0, 1}:
        bounds["minItems"] = closed.pop("minItems")
    if bounds:
        said = ", ".join(f"{name}: {dumps(value).decode()}" for name, value in bounds.items())
        before = closed.get("description")
        closed["description"] = f"{before}\n\n{{{said}}}" if before else f"{{{said}}}"
    kind = closed.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        closed["additionalProperties"] = False
    return closed


def _inner(value: Any) -> Any:
    return closed_schema(value) if isinstance(value, dict) else value
