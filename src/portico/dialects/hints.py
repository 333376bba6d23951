"""How long a provider asks to wait: in headers, in bodies, in words (contract/errors-limits 7).

There is no clock here: a moment is turned into a wait by the `Date` of the answer
it came with, which also does away with clocks that differ.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from portico.jsonio import JsonObject

_SAID = re.compile(
    r"(?:try again|retry)\s+(?:in|after)\s+(\d[\w.]*(?:\s+(?:milliseconds|seconds?|minutes?)\b)?)",
    re.IGNORECASE,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(milliseconds|ms|seconds?|s|minutes?|m|hours?|h)?")
_UNIT_S = {"ms": 0.001, "milliseconds": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_TEXT = 4096
_OLDEST_MOMENT_S = 1e9  # a larger number is a moment, in seconds since the epoch
_OLDEST_MOMENT_MS = 1e12
_RESET = re.compile(r"x-ratelimit-reset(?P<of>-.+)?|anthropic-ratelimit(?P<kind>-.+)-reset")


def retry_after_s(status: int | None, headers: Mapping[str, str], body: object) -> float | None:
    """Return the seconds to wait, None if nothing says.

    What is said outright counts before what follows from the windows of a rate
    limit; those are looked at for 429 alone. Of several windows the longest one
    that is used up counts, else the shortest: then this request was larger than
    what is left of one of them.

    Args:
        status: of the answer, None inside one that began with 200.
        headers: of the answer, with lower-case names.
        body: the parsed JSON, or the text.
    """
    now_s = _moment_s(headers.get("date", ""))
    hint = _from_header(headers, now_s)
    if hint is None:
        hint = _from_body(body, now_s)
    if hint is None and status == 429:
        hint = _from_windows(headers, now_s)
    return hint


def _from_header(headers: Mapping[str, str], now_s: float | None) -> float | None:
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        if (number := _number(text)) is not None:
            return number * scale
        then_s = _moment_s(text)
        if then_s is not None and now_s is not None:
            return max(0.0, then_s - now_s)
    return None


def _from_body(body: object, now_s: float | None) -> float | None:
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, str):
        return _said(body)
    if not isinstance(body, dict):
        return None
    inner = body.get("error")
    detail = inner if isinstance(inner, dict) else body
    for found in (*_named(detail), *_named(body), *_retry_info(detail)):
        if found is not None:
            return found
    told = _table(_table(detail, "metadata"), "headers").get("X-RateLimit-Reset")
    if isinstance(told, str) and (wait_s := _wait_s(told, now_s)) is not None:
        return wait_s
    for text in (detail.get("message"), inner, body.get("message"), body.get("detail")):
        if isinstance(text, str) and (wait_s := _said(text)) is not None:
            return wait_s
    return None


def _named(table: JsonObject) -> Iterator[float | None]:
    """Fields that several providers have, and this gateway's own errors, from one behind it."""
    for name, scale in (("retry_after_ms", 0.001), ("retry_after", 1.0)):
        for place in (table, _table(_table(table, "metadata"), "availability")):
            number = _number(place.get(name))
            yield None if number is None else number * scale


def _retry_info(detail: JsonObject) -> Iterator[float | None]:
    """Google's `RetryInfo`, written as "34s" or "48.939935699s"."""
    rows = detail.get("details")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(delay := row.get("retryDelay"), str):
            yield _duration_s(delay)


def _from_windows(headers: Mapping[str, str], now_s: float | None) -> float | None:
    used_up: list[float] = []
    others: list[float] = []
    for name, text in headers.items():
        window = _RESET.fullmatch(name)
        wait_s = _wait_s(text, now_s) if window is not None else None
        if window is None or not wait_s:
            continue
        remaining = (
            f"anthropic-ratelimit{window['kind']}-remaining"
            if window["kind"]
            else f"x-ratelimit-remaining{window['of'] or ''}"
        )
        (used_up if _number(headers.get(remaining)) == 0 else others).append(wait_s)
    if used_up:
        return max(used_up)
    return min(others, default=None)


def _wait_s(text: str, now_s: float | None) -> float | None:
    """A window's reset: a duration, or a moment as a number or in words."""
    number = _number(text)
    if number is None:
        then_s = _moment_s(text)
        if then_s is None:
            return _duration_s(text)
    elif number < _OLDEST_MOMENT_S:
        return number
    else:
        then_s = number / 1000 if number >= _OLDEST_MOMENT_MS else number
    return None if now_s is None else max(0.0, then_s - now_s)


def _said(text: str) -> float | None:
    found = _SAID.search(text[:_LONGEST_TEXT])
    return None if found is None else _duration_s(found[1].rstrip("."))


def _duration_s(text: str) -> float | None:
    """ "6m0s", "120ms", "48.9s", "20 seconds"; a bare number is in seconds."""
    total_s, place = 0.0, 0
    text = text.strip().lower()
    while place < len(text):
        part = _PART.match(text, place)
        if part is None:
            return None
        unit = part[2] or "s"
        total_s += float(part[1]) * _UNIT_S[unit if unit in _UNIT_S else unit[0]]
        place = part.end()
    return total_s if text and isfinite(total_s) else None


def _moment_s(text: str) -> float | None:
    """Seconds since the epoch of an HTTP date, or of RFC 3339 ("2026-09-21T10:00:41Z")."""
    try:
        read = datetime.fromisoformat if text[:4].isdigit() else parsedate_to_datetime
        moment = read(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(value: object) -> float | None:
    """A finite number that is not below zero, also as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) and number >= 0 else None


def _table(table: JsonObject, name: str) -> dict[str, Any]:
    value = table.get(name)
    return value if isinstance(value, dict) else {}
