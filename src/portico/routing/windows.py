"""Counts and measurements over a sliding window, in slots: bounded memory, no sorting.

The clock is an argument and may stand still, but not go back by more than a slot.
"""

from collections.abc import Callable
from math import exp, log

_LOWEST, _HIGHEST = 1e-4, 1e5
_BUCKETS = 240  # a bucket is 9 % wide: half of that is how exact a percentile is
_MOST_FRESH = 1_000
_LOG_LOWEST = log(_LOWEST)
_STEP = (log(_HIGHEST) - _LOG_LOWEST) / _BUCKETS


class _Slots:
    """Which slot a moment falls in; slots that have expired are cleared on the way.

    `begins_s` and `ends_s` are the bounds of the latest one, `current` its place.
    """

    def __init__(self, *, slot_s: float, slots: int, clear: Callable[[int], None]) -> None:
        self.begins_s = self.ends_s = float("-inf")
        self.current = 0
        self._clear = clear
        self._slot_s = slot_s
        self._slots = slots
        self._last = -1

    def at(self, now_s: float) -> int:
        if self.begins_s <= now_s < self.ends_s:
            return self.current
        number = int(now_s // self._slot_s)
        if number > self._last:
            for expired in range(max(self._last + 1, number - self._slots + 1), number + 1):
                self._clear(expired % self._slots)
            self._last, self.current = number, number % self._slots
            self.begins_s, self.ends_s = number * self._slot_s, (number + 1) * self._slot_s
        return number % self._slots


class Counts:
    """Good and bad results of the last `slot_s` x `slots` seconds."""

    def __init__(self, *, slot_s: float, slots: int) -> None:
        self._slots = _Slots(slot_s=slot_s, slots=slots, clear=self._clear)
        self._good = [0] * slots
        self._bad = [0] * slots

    def add(self, now_s: float, *, good: bool, times: int = 1) -> None:
        """Count a result, or several alike."""
        slots = self._slots
        place = slots.current if slots.begins_s <= now_s < slots.ends_s else slots.at(now_s)
        (self._good if good else self._bad)[place] += times

    def totals(self, now_s: float) -> tuple[int, int]:
        """Good and bad ones in the window."""
        self._slots.at(now_s)
        return sum(self._good), sum(self._bad)

    def share(self, now_s: float, *, minimum: int = 3) -> float | None:
        """Good ones in percent; None below `minimum` results."""
        good, bad = self.totals(now_s)
        return None if good + bad < minimum else 100.0 * good / (good + bad)

    def _clear(self, slot: int) -> None:
        self._good[slot] = self._bad[slot] = 0


class Histogram:
    """Positive measurements of the last `slot_s` x `slots` seconds, in logarithmic buckets."""

    def __init__(self, *, slot_s: float, slots: int) -> None:
        self._slots = _Slots(slot_s=slot_s, slots=slots, clear=self._clear)
        self._counts: list[dict[int, int]] = [{} for _ in range(slots)]
        self._fresh: list[float] = []  # of the current slot, not yet in its buckets

    def add(self, now_s: float, value: float) -> None:
        """Take in one measurement; what is out of range counts as the nearest bound."""
        slots, fresh = self._slots, self._fresh
        if slots.begins_s <= now_s < slots.ends_s and len(fresh) < _MOST_FRESH:
            fresh.append(value)
            return
        self._sort_in()
        self._count([value], slots.at(now_s))

    def _sort_in(self) -> None:
        if self._fresh:
            values, self._fresh = self._fresh, []
            self._count(values, self._slots.current)

    def _count(self, values: list[float], slot: int) -> None:
        buckets = self._counts[slot]
        for value in values:
            known = _LOWEST if value < _LOWEST else value if value < _HIGHEST else _HIGHEST
            bucket = int((log(known) - _LOG_LOWEST) / _STEP)
            bucket = bucket if bucket < _BUCKETS else _BUCKETS - 1
            buckets[bucket] = buckets.get(bucket, 0) + 1

    def total(self, now_s: float, *, latest: int | None = None) -> int:
        """How many measurements there are in the window, or in its `latest` slots."""
        return sum(sum(slot.values()) for slot in self._since(now_s, latest))

    def quantiles(
        self, now_s: float, shares: tuple[float, ...], *, latest: int | None = None
    ) -> tuple[float, ...] | None:
        """The values below which the given shares (ascending) lie; None without measurements.

        Of the whole window, or of its `latest` slots.
        """
        merged: dict[int, int] = {}
        for slot in self._since(now_s, latest):
            for bucket, count in slot.items():
                merged[bucket] = merged.get(bucket, 0) + count
        total = sum(merged.values())
        if not total:
            return None
        found: list[float] = []
        seen = 0
        for bucket in sorted(merged):
            seen += merged[bucket]
            while len(found) < len(shares) and seen >= shares[len(found)] * total:
                found.append(exp(_LOG_LOWEST + (bucket + 0.5) * _STEP))
        return tuple(found)

    def _since(self, now_s: float, latest: int | None) -> list[dict[int, int]]:
        """The slots to look at, the newest among them."""
        self._sort_in()
        newest = self._slots.at(now_s)
        if latest is None:
            return self._counts
        return [self._counts[newest - back] for back in range(latest)]

    def _clear(self, slot: int) -> None:
        self._counts[slot] = {}
