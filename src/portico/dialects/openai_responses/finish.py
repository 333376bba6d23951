"""How a response ended, in and out (contract/chat 5.1, other-apis 1)."""

from portico.dialects.finish import finish_reason
from portico.jsonio import JsonObject
from portico.vocabulary import FinishReason


def decode_status(response: JsonObject, *, has_tool_calls: bool) -> tuple[FinishReason, str]:
    """Return the normalised reason and the native one: the status, with its reason if it has one.

    An incomplete response that does not say why ran out of tokens.
    """
    native = str(response.get("status") or "completed")
    details = response.get("incomplete_details")
    why = details.get("reason") if isinstance(details, dict) else None
    if native == "incomplete" and why:
        native = f"incomplete:{why}"
    if native == "incomplete":
        return "length", native
    if native == "cancelled":
        return "error", native
    known = native.removeprefix("incomplete:")
    return finish_reason(known, has_tool_calls=has_tool_calls), native


def encode_status(reason: FinishReason) -> tuple[str, JsonObject | None]:
    """Return `status` and `incomplete_details` for a client."""
    if reason == "length":
        return "incomplete", {"reason": "max_output_tokens"}
    if reason == "content_filter":
        return "incomplete", {"reason": "content_filter"}
    return ("failed" if reason == "error" else "completed"), None
