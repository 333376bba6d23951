"""Stop reasons of the Messages API, in and out (native-wire 11, contract/other-apis 2)."""

from portico.dialects.finish import finish_reason
from portico.vocabulary import FinishReason

_OUT: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "error": "end_turn",
}
_OWN = frozenset(
    {
        "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal",
        "compaction", "model_context_window_exceeded",
    }
)  # fmt: skip


def decode_stop(native: object, *, has_tool_calls: bool) -> FinishReason:
    """Normalise a stop reason; unknown ones and none at all are "stop"."""
    known = native if isinstance(native, str) else None
    return finish_reason(known, has_tool_calls=has_tool_calls)


def encode_stop(reason: FinishReason, native: str | None) -> str:
    """The stop reason for a client: the upstream's own word where it is one of this dialect."""
    if native in _OWN and not (reason == "tool_calls" and native == "end_turn"):
        return native
    return _OUT[reason]
