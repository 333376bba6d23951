"""Tool calls as hosts of the family write them."""

import hashlib

from portico.jsonio import JsonObject, dumps


def called_function(call: JsonObject) -> JsonObject:
    """The function of a call. A custom tool's free text stands in the place of arguments."""
    if isinstance(function := call.get("function"), dict):
        return function
    if isinstance(custom := call.get("custom"), dict):
        return {"name": custom.get("name"), "arguments": custom.get("input")}
    return {}


def arguments_text(value: object) -> str | None:
    """Arguments as JSON text; some hosts send them as an object. None: none in this piece."""
    if value is None or isinstance(value, str):
        return value
    return dumps(value).decode()


def made_up_id(seed: str) -> str:
    """An id for a call that has none: the same for the same seed."""
    return "call_" + hashlib.sha256(seed.encode()).hexdigest()[:24]
