"""The tools a request declares, read without the conversation around them."""

from collections.abc import Iterator

from portico.jsonio import JsonError, JsonObject, loads


def declared_tools(raw: bytes) -> dict[str, JsonObject | None] | None:
    """Return the schema of each function by its name, from the JSON of a `tools` field.

    The forms of all surfaces are read: a function in a field of its own, flat,
    or with an `input_schema`. None if one of the tools is of another kind: it may
    bring calls under names that nobody declared.

    >>> declared_tools(b'[{"type":"function","function":{"name":"f","parameters":{}}}]')
    {'f': {}}
    >>> declared_tools(b'[{"name":"f","input_schema":{"type":"object"}}]')
    {'f': {'type': 'object'}}
    >>> declared_tools(b'[{"type":"web_search_20250305","name":"web_search"}]') is None
    True
    """
    try:
        tools = loads(raw)
    except JsonError:
        return None
    if not isinstance(tools, list):
        return None
    found = dict(_functions(tools))
    return found if len(found) == len(tools) else None


def _functions(tools: list[object]) -> Iterator[tuple[str, JsonObject | None]]:
    for tool in tools:
        if not isinstance(tool, dict) or tool.get("type") not in {None, "function", "custom"}:
            continue
        inner = tool.get("function")
        function = inner if isinstance(inner, dict) else tool
        schema = function.get("parameters", function.get("input_schema"))
        if tool.get("type") == "custom" and schema is None:
            continue  # OpenAI's custom tools take any text
        if isinstance(name := function.get("name"), str):
            yield name, schema if isinstance(schema, dict) else None
