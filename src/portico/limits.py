"""Spending limits: the windows they count in and the sentences that refuse a request.

Arithmetic only; the store decides and the clock is an argument. Windows start
at 00:00 UTC: daily every day, weekly on Monday, monthly on the 1st. A limit
without a reset counts everything the key ever spent.
"""

from datetime import date

from portico.money import format_usd
from portico.vocabulary import LimitReset, Spending

DAY_MS = 86_400_000

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_WORDS: dict[LimitReset | None, str] = {
    None: "total",
    "daily": "daily",
    "weekly": "weekly",
    "monthly": "monthly",
}


def utc_day(at_ms: int) -> int:
    """Return the number of the UTC day `at_ms` falls in, counted from 1970-01-01."""
    return at_ms // DAY_MS


def utc_time(at_ms: int) -> str:
    """Return the UTC time of day as "HHMM", the form prices by time of day are given in.

    >>> utc_time(1_790_000_000_000)
    '1413'
    """
    minutes = at_ms % DAY_MS // 60_000
    return f"{minutes // 60:02d}{minutes % 60:02d}"


def window_start_day(reset: LimitReset | None, now_ms: int) -> int | None:
    """Return the first UTC day of the window `now_ms` lies in; None: all time.

    >>> window_start_day("weekly", 1_790_000_000_000)  # Monday 2026-09-21, 14:13
    20717
    """
    day = utc_day(now_ms)
    match reset:
        case "daily":
            return day
        case "weekly":
            return day - (day + 3) % 7  # 1970-01-01 was a Thursday
        case "monthly":
            return day - date.fromordinal(_EPOCH_ORDINAL + day).day + 1
        case _:
            return None


def spent_picousd(spending: Spending, reset: LimitReset | None) -> int:
    """Return the part of `spending` that counts towards a limit with this reset."""
    match reset:
        case "daily":
            return spending.daily_picousd
        case "weekly":
            return spending.weekly_picousd
        case "monthly":
            return spending.monthly_picousd
        case _:
            return spending.total_picousd


def left_picousd(*, limit_picousd: int, spent_picousd: int, held_picousd: int) -> int:
    """Return what a new hold may take; negative after an overrun."""
    return limit_picousd - spent_picousd - held_picousd


def limit_message(
    *, name: str, reset: LimitReset | None, left_picousd: int, needed_picousd: int | None = None
) -> str:
    """Say that a key's limit refuses a request: what is left and what was asked for, if known.

    The first sentence is what clients of OpenRouter match on (errors-limits, section 6).

    >>> limit_message(name="ci", reset=None, left_picousd=3_100_000_000,
    ...               needed_picousd=12_000_000_000)
    'Key limit exceeded (total limit). Key "ci" has $0.0031 left; this request needs up to $0.0120.'
    """
    left = format_usd(max(0, left_picousd))
    said = f'Key limit exceeded ({_WORDS[reset]} limit). Key "{name}" has {left} left'
    if needed_picousd is None:
        return f"{said}."
    return f"{said}; this request needs up to {format_usd(needed_picousd)}."
