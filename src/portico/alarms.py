"""Deadlines that are nearly always called off: one timer of the loop for all of the same length.

A timer of the loop is made and closed for many times what an entry in a dict costs, and every
request has several deadlines that only a few ever meet.
"""

import asyncio
from collections.abc import Callable

_LENGTHS = 32  # settings have a handful
_EARLY_S = 0.001  # the loop's clock is cut to milliseconds


class Alarms:
    """Rings for those that were not called off in time. One event loop at a time uses it."""

    def __init__(self) -> None:
        self._rows: dict[float, _Row] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that runs; asking asyncio for it each time costs a system call."""
        loop = self._loop
        if loop is None or loop.is_closed():
            loop = self._loop = asyncio.get_running_loop()
            self._rows.clear()
        return loop

    def after(self, seconds: float, callback: Callable[[], None]) -> "Alarm":
        """Call `callback` in `seconds` unless `cancel()` of what is returned comes first."""
        loop = self.loop
        row = self._rows.get(seconds) or self._new_row(seconds, loop)
        alarm = Alarm(row.waiting, loop.time() + seconds, callback)
        row.waiting[alarm] = None
        if row.timer is None:
            row.timer = loop.call_later(seconds, row.ring)
        return alarm

    def _new_row(self, seconds: float, loop: asyncio.AbstractEventLoop) -> "_Row":
        if len(self._rows) >= _LENGTHS:
            self._rows.clear()  # those that wait keep their row and its timer
        row = self._rows[seconds] = _Row(loop)
        return row


class Alarm:
    """One that has been set. `due_s` is by the loop's clock."""

    __slots__ = ("_waiting", "callback", "due_s")

    def __init__(
        self, waiting: "dict[Alarm, None]", due_s: float, callback: Callable[[], None]
    ) -> None:
        self.due_s = due_s
        self.callback = callback
        self._waiting = waiting

    def cancel(self) -> None:
        """Call it off; harmless when it has rung."""
        self._waiting.pop(self, None)


class _Row:
    """Alarms of one length, which are due in the order that they were set in."""

    __slots__ = ("loop", "timer", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiting: dict[Alarm, None] = {}
        self.timer: asyncio.TimerHandle | None = None

    def ring(self) -> None:
        """Call those that are due; the next one decides when to look again."""
        now_s = self.loop.time() + _EARLY_S
        due = []
        for alarm in self.waiting:
            if alarm.due_s > now_s:
                break
            due.append(alarm)
        for alarm in due:
            alarm.cancel()
        first = next(iter(self.waiting), None)
        self.timer = None if first is None else self.loop.call_at(first.due_s, self.ring)
        for alarm in due:
            alarm.callback()
