"""Finish reasons of Cohere's chat API, out (native-wire 11). In, they are in the common table."""

from portico.vocabulary import FinishReason

_OUT: dict[FinishReason, str] = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "ERROR",
    "error": "ERROR",
}
_OWN = frozenset({"STOP_SEQUENCE", "TIMEOUT", *_OUT.values()})


def to_native(reason: FinishReason, native: str | None) -> str:
    """The word for a client: the upstream's own where it is one of this dialect."""
    if native in _OWN and not (reason == "tool_calls" and native == "COMPLETE"):
        return native
    return _OUT[reason]
