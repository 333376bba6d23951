"""Rules from a provider's words and counts to the contract's: finish reasons, usage, statuses.

Sources: the contract's finish and usage tables, checked against the recordings.
A set means that the recordings leave several answers right.
"""

import math

import msgspec

from tests.conformance.accumulate import Choice, JsonObject

_FINISH = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "STOP": "stop",
    "COMPLETE": "stop",
    "completed": "stop",
    "eos": "stop",
    "pause_turn": "stop",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "TOOL_CALL": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "max_output_tokens": "length",
    "incomplete:max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "ERROR_TOXIC": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "OTHER": "error",
    "ERROR": "error",
    "failed": "error",
    "error": "error",
}


def finish_reason(choice: Choice) -> str:
    """The contract's word: an unknown one is `stop`, and `stop` with calls is `tool_calls`."""
    reason = choice.wanted_finish or _FINISH.get(choice.finish or "", "stop")
    called = bool(choice.calls) or choice.legacy_call is not None
    return "tool_calls" if reason == "stop" and called else reason


def native_finish_reasons(choice: Choice) -> set[str | None]:
    """What `native_finish_reason` may be: the upstream's word untouched.

    An upstream that is a gateway itself also passes on its own upstream's word;
    either is untouched. No word may come out as null or as the empty string.
    """
    if choice.finish is None:
        return {None, ""}
    return {choice.finish, choice.native_finish} - (
        {None} if choice.native_finish is None else set()
    )


class ExpectedUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Allowed counts. An empty set means that the upstream did not say, so nothing is checked.

    `outside` counts tokens that the upstream's own total contains and its parts
    do not: whether they are shown as prompt, as completion or left out is open.
    """

    prompt_tokens: set[int] = set()
    completion_tokens: set[int] = set()
    cached_tokens: set[int] = set()
    cache_write_tokens: set[int] = set()
    reasoning_tokens: set[int] = set()
    audio_tokens: set[int] = set()
    outside: int = 0


def expected_usage(usage: JsonObject) -> ExpectedUsage:
    """Map the OpenAI-chat family's usage to the contract's counts.

    Reasoning is part of the completion everywhere but at xAI (and Grok hosted
    by others), where total = prompt + completion + reasoning gives it away.
    A part larger than its whole is not inside it, whatever the total says: then
    the whole may be given as reported or with the part added, but the part is
    never lost.
    """
    prompt = usage["prompt_tokens"]
    completion = count_of(usage.get("completion_tokens"))
    total = count_of(usage.get("total_tokens"))
    reasoning = _reasoning(usage)
    cached = _cached(usage)
    details = _object(usage, "prompt_tokens_details")
    audio = _some(count_of(details.get("audio_tokens")))
    prompts = {prompt, *(prompt + part for part in cached | audio if part > prompt)}
    outside = 0
    completions = set() if completion is None else {completion}
    if completion is not None and reasoning:
        if total == prompt + completion + reasoning:
            completions = {completion + reasoning}
        elif reasoning > completion:
            completions.add(completion + reasoning)
    if completion is not None and total is not None and completions == {completion}:
        outside = max(0, total - prompt - completion)
    return ExpectedUsage(
        prompt_tokens=prompts,
        completion_tokens=completions,
        cached_tokens=cached,
        cache_write_tokens=_some(
            count_of(details.get("cache_write_tokens")),
            count_of(usage.get("cache_creation_input_tokens")),
        ),
        reasoning_tokens=set() if reasoning is None else {reasoning},
        audio_tokens=audio,
        outside=outside,
    )


def _reasoning(usage: JsonObject) -> int | None:
    """Reasoning tokens, None where the upstream does not report them."""
    for name in ("completion_tokens_details", "completion_token_details"):
        count = count_of(_object(usage, name).get("reasoning_tokens"))
        if count is not None:
            return count
    return count_of(usage.get("reasoning_tokens"))


def _cached(usage: JsonObject) -> set[int]:
    """Every spelling of "read from the cache"; the largest, since an unused one may stay 0."""
    found = [
        count_of(_object(usage, "prompt_tokens_details").get("cached_tokens")),
        count_of(_object(usage, "prompt_token_details").get("cached_tokens")),
        count_of(usage.get("prompt_cache_hit_tokens")),
        count_of(usage.get("num_cached_tokens")),
        count_of(usage.get("cached_tokens")),
        count_of(usage.get("cache_read_input_tokens")),
    ]
    counts = [count for count in found if count is not None]
    return {max(counts)} if counts else {0}


def _some(*counts: int | None) -> set[int]:
    """The largest positive count; nothing to check without one."""
    positive = [count for count in counts if count]
    return {max(positive)} if positive else set()


def _object(fields: JsonObject, name: str) -> JsonObject:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def count_of(value: object) -> int | None:
    """A whole number of tokens; some hosts write them as floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None


def allowed_statuses(upstream: int | None) -> set[int]:
    """The HTTP statuses the gateway may answer when its only upstream failed with `upstream`.

    None: no answer, an unreadable one or an error without a status. The
    operator's own trouble (401, 402, 403) is never shown as the client's; and a
    model the provider does not know is either the client's mistake or the
    operator's.
    """
    if upstream is None:
        return {502, 503, 504}
    table = {
        400: {400, 413, 422, 502},
        401: {502},
        402: {502},
        403: {502},
        404: {400, 404, 502},
        408: {408, 502, 504},
        409: {400, 409, 502},
        413: {400, 413},
        422: {400, 422},
        424: {400, 422, 502},
        429: {429},
        503: {502, 503},
        504: {502, 504},
        524: {502, 504},
        529: {502, 503, 529},
    }
    if upstream in table:
        return table[upstream]
    return {400, 422, upstream} if upstream < 500 else {502, 503}
