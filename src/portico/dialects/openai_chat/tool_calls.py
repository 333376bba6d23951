"""Tool calls as hosts of the family write them."""

from collections.abc import Sequence

from portico.dialects.fields import text_of
from portico.jsonio import JsonObject


def calls_of(value: object) -> Sequence[JsonObject]:
    """The calls of a message or delta; some hosts write a lone one without its list.

    Raises:
        TypeError: there is something, and no call.
    """
    if not value:
        return ()
    calls = [value] if isinstance(value, dict) else value
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise TypeError("tool calls are objects")
    return calls


def called_function(call: JsonObject) -> JsonObject:
    """The function of a call. A custom tool's free text stands in the place of arguments."""
    if isinstance(function := call.get("function"), dict):
        return function
    if isinstance(custom := call.get("custom"), dict):
        return {"name": custom.get("name"), "arguments": custom.get("input")}
    return {}


def called_name(call: JsonObject) -> str | None:
    """What is called. None: nothing that a client could carry out."""
    return text_of(called_function(call).get("name"))
