"""The gateway's answer against the recorded one: meaning, counts, cost, failures.

Rule names: `same.*` for meaning, `count.*` for usage, `cost.*` for the charge,
`failure.*` for errors, `sent.*` for what reached the upstream.
"""

import json
from collections.abc import Callable
from decimal import Decimal

import msgspec

from tests.conformance.accumulate import Call, Choice, JsonObject, Native
from tests.conformance.expect import (
    ExpectedUsage,
    allowed_statuses,
    expected_usage,
    finish_reason,
    native_finish_reasons,
)
from tests.conformance.findings import Findings, short
from tests.conformance.received import Received
from tests.conformance.shape import check_error_body, is_count, is_number


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """USD per million tokens, as declared for every model of the run."""

    prompt: Decimal
    completion: Decimal
    cache_read: Decimal
    cache_write: Decimal


def compare_answer(
    findings: Findings,
    native: Native,
    received: Received,
    prices: Prices,
    usage_of: Callable[[JsonObject], ExpectedUsage] = expected_usage,
) -> None:
    """Check that a complete answer arrived with the same meaning, counts and charge."""
    indexes = (sorted(native.choices), sorted(received.choices))
    findings.check(
        "same.choices", f"{indexes[0]} became {indexes[1]}", holds=indexes[0] == indexes[1]
    )
    for index, choice in native.choices.items():
        if index in received.choices:
            compare_content(findings, choice, received.choices[index])
            _compare_finish(findings, choice, received.choices[index])
    if not received.stream and native.system_fingerprint:
        found = received.bodies[0].get("system_fingerprint")
        same = found == native.system_fingerprint
        findings.check("same.system_fingerprint", short(found), holds=same)
    if isinstance(received.usage, dict):
        if native.usage is not None:
            compare_usage(findings, usage_of(native.usage), received.usage)
        else:
            # A reader that takes 0 for "unknown" would drop what had to be counted instead.
            total = received.usage.get("total_tokens")
            written = any(c.has_content() for c in native.choices.values() if not c.wanted_finish)
            holds = bool(total) or not written
            findings.check("count.estimate", f"total_tokens is {total!r}", holds=holds)
        compare_cost(findings, received.usage, prices)


def compare_content(findings: Findings, native: Choice, received: Choice) -> None:
    """Everything of one choice but its finish reason."""
    for name in ("text", "refusal", "reasoning", "signature", "audio"):
        wanted, found = getattr(native, name), getattr(received, name)
        findings.check(f"same.{name}", _difference(wanted, found), holds=wanted == found)
    same = native.encrypted == received.encrypted
    findings.check(
        "same.encrypted_reasoning", _counts(native.encrypted, received.encrypted), holds=same
    )
    _compare_calls(findings, native, received)
    for name in ("annotations", "images"):
        wanted, found = getattr(native, name), getattr(received, name)
        findings.check(f"same.{name}", _counts(wanted, found), holds=len(wanted) == len(found))
    for name in ("own", "citations", "signed_calls"):
        wanted, found = getattr(native, name), getattr(received, name)
        detail = f"{wanted} became {found}"
        holds = wanted is None or wanted == (found or type(wanted)())
        findings.check(f"same.{name}", detail, holds=holds)
    same = native.logprob_tokens == received.logprob_tokens
    found = _counts(native.logprob_tokens, received.logprob_tokens)
    findings.check("same.logprobs", found, holds=same)


def _difference(wanted: str, found: str) -> str:
    """Where two texts part."""
    at = next((i for i, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b), None)
    at = min(len(wanted), len(found)) if at is None else at
    return f"at {at}: {short(wanted[at:], limit=50)} became {short(found[at:], limit=50)}"


def _counts(wanted: list[object] | list[str], found: list[object] | list[str]) -> str:
    return f"{len(wanted)} became {len(found)}"


def _compare_calls(findings: Findings, native: Choice, received: Choice) -> None:
    """Names and arguments in order; ids where the upstream gave one.

    A legacy `function_call` may come through as itself or as a tool call.
    """
    wanted = native.calls
    if native.legacy_call is not None and not wanted:
        wanted = [native.legacy_call] if received.calls else []
        if not wanted:
            same = received.legacy_call is not None and _same_call(
                native.legacy_call, received.legacy_call
            )
            findings.check("same.function_call", "the call is lost or changed", holds=same)
    names = ([call.name for call in wanted], [call.name for call in received.calls])
    if names[0] != names[1]:
        findings.add("same.tool_calls", f"{short(names[0])} became {short(names[1])}")
        return
    for before, after in zip(wanted, received.calls, strict=True):
        same = _same_json(before.arguments, after.arguments)
        detail = f"{short(before.arguments)} became {short(after.arguments)}"
        findings.check("same.tool_arguments", detail, holds=same)
        same = after.id == before.id if before.id else after.id != ""
        findings.check("same.tool_id", f"{before.id!r} became {after.id!r}", holds=same)
    ids = [call.id for call in received.calls]
    repeated = [call.id for call in wanted if call.id]
    unique = len(set(ids)) == len(ids) or len(set(repeated)) < len(repeated)
    findings.check("same.tool_id.unique", short(ids), holds=unique)


def _same_call(before: Call, after: Call) -> bool:
    return before.name == after.name and _same_json(before.arguments, after.arguments)


def _same_json(before: str, after: str) -> bool:
    """Equal as JSON; no arguments and `{}` are the same. Text that is not JSON must be equal."""
    try:
        return bool(json.loads(before.strip() or "{}") == json.loads(after.strip() or "{}"))
    except ValueError:
        return before == after


def _compare_finish(findings: Findings, native: Choice, received: Choice) -> None:
    wanted = finish_reason(native)
    detail = f"{native.finish!r} should be {wanted!r}, is {received.finish!r}"
    findings.check("same.finish_reason", detail, holds=received.finish == wanted)
    allowed = native_finish_reasons(native)
    detail = f"{native.finish!r} became {received.native_finish!r}"
    findings.check("same.native_finish_reason", detail, holds=received.native_finish in allowed)


def compare_usage(findings: Findings, expected: ExpectedUsage, usage: JsonObject) -> None:
    """Token counts, by the rules of `expected_usage`."""
    prompt_details = _object(usage, "prompt_tokens_details")
    completion_details = _object(usage, "completion_tokens_details")
    found = {
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "cached_tokens": prompt_details.get("cached_tokens"),
        "cache_write_tokens": prompt_details.get("cache_write_tokens"),
        "audio_tokens": prompt_details.get("audio_tokens"),
        "reasoning_tokens": completion_details.get("reasoning_tokens"),
    }
    for name, count in found.items():
        allowed: set[int] = getattr(expected, name)
        holds = not allowed or count in allowed
        if not holds and expected.outside and name in {"prompt_tokens", "completion_tokens"}:
            holds = is_count(count) and count in {n + expected.outside for n in allowed}
        findings.check(f"count.{name}", f"{sorted(allowed)} became {count!r}", holds=holds)


def compare_cost(findings: Findings, usage: JsonObject, prices: Prices) -> None:
    """`cost` is the arithmetic of the counts it stands beside, at the declared prices.

    A reply without a single completion token may be free.
    """
    details = _object(usage, "prompt_tokens_details")
    counts = (
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        details.get("cached_tokens"),
        details.get("cache_write_tokens"),
    )
    if not all(is_count(count) for count in counts) or not is_number(usage.get("cost")):
        return  # reported as usage.* already
    prompt, completion, cached, written = (Decimal(count or 0) for count in counts)
    if cached + written > prompt:
        return  # the upstream's own counts do not fit together
    prompt_cost = (
        (prompt - cached - written) * prices.prompt
        + cached * prices.cache_read
        + written * prices.cache_write
    ) / 1_000_000
    completion_cost = completion * prices.completion / 1_000_000
    total = prompt_cost + completion_cost
    cost = usage["cost"]
    free = completion == 0 and cost == 0
    findings.check("cost.total", f"{cost!r}, should be {total}", holds=free or _is(cost, total))
    parts = _object(usage, "cost_details")
    for name, wanted in (
        ("upstream_inference_cost", total),
        ("upstream_inference_prompt_cost", prompt_cost),
        ("upstream_inference_completions_cost", completion_cost),
    ):
        found = parts.get(name)
        same = is_number(found) and _is(found, wanted)
        findings.check("cost.details", f"{name} {found!r}, should be {wanted}", holds=same)


def _is(found: float, wanted: Decimal) -> bool:
    """Equal up to the rounding of a double."""
    return abs(Decimal(found) - wanted) <= abs(wanted) * Decimal("1e-12")


def compare_failure(findings: Findings, native: Native, received: Received, *, sent: bool) -> None:
    """Check how a failed upstream surfaced.

    Before any content: an HTTP error of an allowed status. After content: the
    content, then an error chunk. `sent`: the upstream was asked and sent a body with its error.
    """
    if native.has_content() and received.stream and received.status == 200:
        found = received.bodies[-1] if received.bodies else {}
        is_error = isinstance(found.get("error"), dict)
        findings.check("failure.chunk", "the stream ends without an error chunk", holds=is_error)
        for index, choice in native.choices.items():
            if index in received.choices:
                _compare_beginning(findings, choice, received.choices[index])
        return
    status = native.failure.status if native.failure is not None else None
    allowed = sorted(allowed_statuses(status))
    detail = f"upstream {status} became {received.status}, allowed {allowed}"
    findings.check("failure.status", detail, holds=received.status in allowed)
    if received.status == 200:
        return
    check_error_body(findings, received)
    metadata = (received.error or {}).get("metadata") or {}
    if sent and status not in {None, 401, 402, 403}:
        raw = metadata.get("raw")
        findings.check("failure.raw", short(raw), holds=isinstance(raw, str) and raw != "")


def _compare_beginning(findings: Findings, native: Choice, received: Choice) -> None:
    for name in ("text", "reasoning"):
        wanted, found = getattr(native, name), getattr(received, name)
        findings.check(f"failure.{name}", _difference(wanted, found), holds=wanted == found)


def _object(fields: JsonObject, name: str) -> JsonObject:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}
