"""Tool calls as hosts of the family write them."""

from portico.jsonio import JsonObject


def called_function(call: JsonObject) -> JsonObject:
    """The function of a call. A custom tool's free text stands in the place of arguments."""
    if isinstance(function := call.get("function"), dict):
        return function
    if isinstance(custom := call.get("custom"), dict):
        return {"name": custom.get("name"), "arguments": custom.get("input")}
    return {}
