"""Tool calls as upstreams write them: arguments as text or as an object, ids or none."""

import hashlib

from portico.jsonio import JsonError, JsonObject, dumps, loads


def arguments_text(value: object) -> str | None:
    """Arguments as JSON text; some hosts send them as an object. None: none in this piece."""
    if value is None or isinstance(value, str):
        return value
    return dumps(value).decode()


def arguments_object(text: str, *, wrapper: str) -> JsonObject:
    """Arguments as the object that an API insists on.

    What is no object, or no JSON, stands in one under the name `wrapper`.
    """
    try:
        parsed = loads(text)
    except JsonError:
        parsed = text
    return parsed if isinstance(parsed, dict) else {wrapper: parsed}


def id_text(value: object) -> str | None:
    """An id as text; some hosts number their calls. None: it has none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def made_up_id(seed: str) -> str:
    """An id for a call that has none: the same for the same seed."""
    return "call_" + hashlib.sha256(seed.encode()).hexdigest()[:24]
