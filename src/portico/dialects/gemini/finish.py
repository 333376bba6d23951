"""Finish reasons of the Gemini API (native-wire 11)."""

from portico.vocabulary import FinishReason

# Clients of the Python SDK write the number of the enum instead of its name.
_BY_NUMBER = (
    "FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER",
    "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL", "MODEL_ARMOR",
)  # fmt: skip

_BY_NATIVE: dict[str, FinishReason] = {
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
            "MODEL_ARMOR", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
            "JAILBREAK",
        ),
        "content_filter",
    ),
    **dict.fromkeys(
        (
            "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS",
            "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE", "OTHER", "IMAGE_OTHER", "NO_IMAGE",
        ),
        "error",
    ),
}  # fmt: skip

_TO_NATIVE: dict[FinishReason, str] = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "error": "OTHER",
}


def native_word(value: object) -> str | None:
    """The reason's name; None where the answer has not ended.

    >>> native_word(1), native_word("SAFETY"), native_word("FINISH_REASON_UNSPECIFIED")
    ('STOP', 'SAFETY', None)
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = _BY_NUMBER[value] if 0 <= value < len(_BY_NUMBER) else str(value)
    if not isinstance(value, str) or value in {"", "FINISH_REASON_UNSPECIFIED"}:
        return None
    return value


def finish_reason(native: str, *, has_tool_calls: bool) -> FinishReason:
    """Normalise a native reason. Unknown ones are "stop"; a stop after calls is "tool_calls"."""
    reason = _BY_NATIVE.get(native.upper(), "stop")
    return "tool_calls" if reason == "stop" and has_tool_calls else reason


def to_native(reason: FinishReason, native: str | None) -> str:
    """The word for a client of this dialect: the upstream's own where it is one of the API's."""
    known = native is not None and (native in _BY_NATIVE or native == "STOP")
    return native if known and native is not None else _TO_NATIVE[reason]
