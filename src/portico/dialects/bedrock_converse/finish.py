"""Stop reasons of Converse, in and out (native-wire 6 and 11)."""

from portico.dialects.finish import finish_reason
from portico.vocabulary import FinishReason

_OUT: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "error": "malformed_model_output",
}
_FAILED = frozenset({"malformed_model_output", "malformed_tool_use"})
_OWN = _FAILED | {
    "end_turn", "tool_use", "max_tokens", "stop_sequence", "guardrail_intervened",
    "content_filtered", "model_context_window_exceeded",
}  # fmt: skip


def decode_stop(native: object, *, has_tool_calls: bool) -> FinishReason:
    """Normalise a stop reason; unknown ones and none at all are "stop"."""
    if native in _FAILED:
        return "error"
    known = native if isinstance(native, str) else None
    return finish_reason(known, has_tool_calls=has_tool_calls)


def encode_stop(reason: FinishReason, native: str | None) -> str:
    """The stop reason for a client: the upstream's own word where it is one of this dialect."""
    if native in _OWN and not (reason == "tool_calls" and native == "end_turn"):
        return native
    return _OUT[reason]
