"""Finish reasons as the upstreams of most dialects write them (contract/chat 5.1, native-wire 11)."""

from portico.vocabulary import FinishReason

_BY_NATIVE: dict[str, FinishReason] = {
    **dict.fromkeys(
        ("stop", "end_turn", "stop_sequence", "eos", "complete", "completed", "pause_turn"), "stop"
    ),
    **dict.fromkeys(
        (
            "length", "max_tokens", "model_length", "max_output_tokens", "context_length",
            "incomplete:max_output_tokens", "model_context_window_exceeded",
        ),
        "length",
    ),
    **dict.fromkeys(("tool_calls", "tool_use", "tool_call", "function_call"), "tool_calls"),
    **dict.fromkeys(
        (
            "content_filter", "content_filtered", "refusal", "sensitive", "safety", "recitation",
            "blocklist", "prohibited_content", "spii", "image_safety", "model_armor",
            "guardrail_intervened", "error_toxic",
        ),
        "content_filter",
    ),
    **dict.fromkeys(
        (
            "error", "failed", "network_error", "malformed_function_call", "unexpected_tool_call",
            "other", "timeout",
        ),
        "error",
    ),
}  # fmt: skip


def finish_reason(native: str | None, *, has_tool_calls: bool) -> FinishReason:
    """Normalise a native reason; unknown ones are "stop".

    A "stop" of an answer that contains tool calls becomes "tool_calls": several
    hosts say stop although they called a tool.
    """
    reason = _BY_NATIVE.get((native or "stop").lower(), "stop")
    return "tool_calls" if reason == "stop" and has_tool_calls else reason
