"""Deadlines: of one attempt, on one timer, and of the first token over all attempts.

Nothing happens per chunk but an addition: a timer looks every now and then
whether something was read since it looked last.
"""

import asyncio
from types import TracebackType

from portico.alarms import Alarm, Alarms
from portico.dialects import SideApi
from portico.errors import UpstreamTimeout
from portico.planning import Planned
from portico.ports import DEADLINE_PASSED, Deadlines
from portico.routing.patience import first_token_s
from portico.vocabulary import Endpoint

_LOOKS_PER_SILENCE = 4


class Watch:
    """A context that ends what runs in it with `UpstreamTimeout` when a deadline passes.

    Until `begun()` the deadline is `first_s`; then, after each `reads += 1`, an
    idle time, found out within a quarter more. Without `first_s` there is no deadline
    before the first read, and silence counts from there. `total_s` counts from the start.
    While `sending` it is the client who is waited for: that is no silence, and
    does not count towards the total; `held_up` tells that it happened. `settling()`
    ends all deadlines: what remains is ours to do, not the provider's.
    """

    def __init__(self, deadlines: Deadlines, alarms: Alarms, *, first_s: float | None) -> None:
        self.reads = 0
        self.sending = False
        self.held_up = False
        self._deadlines = deadlines
        self._alarms = alarms
        self._first_s = first_s
        self._pause_s = deadlines.idle_s / _LOOKS_PER_SILENCE
        self._begun = False
        self._seen = 0
        self._silent_s = 0.0
        self._alarm: Alarm | None = None
        self._why = ""
        self._cancelling = 0

    def __enter__(self) -> "Watch":
        self._task = asyncio.current_task(self._alarms.loop)
        first_s, total_s = self._first_s, self._deadlines.total_s
        within_s = min(self._pause_s if first_s is None else first_s, total_s)
        then = self._look if first_s is None else self._end_first
        self._alarm = self._alarms.after(within_s, then)
        self._ends_s = self._alarm.due_s - within_s + total_s
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.settling()
        if not self._why or self._task is None:
            return
        # as asyncio.timeout does it: a cancellation by someone else wins over ours
        ours = self._task.uncancel() <= self._cancelling
        if ours and kind is asyncio.CancelledError:
            raise UpstreamTimeout(f"The provider {self._why}.") from None

    def begun(self) -> None:
        """The first token is here: from now on silence counts."""
        self._begun = True
        self.settling()
        self._look()

    def settling(self) -> None:
        """No deadline any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _look(self) -> None:
        silent = self._seen == self.reads and not self.sending and (self._begun or self.reads > 0)
        self._silent_s = self._silent_s + self._pause_s if silent else 0.0
        if self.sending:
            self.held_up = True
            self._ends_s += self._pause_s
        self._seen = self.reads
        left_s = self._ends_s - self._alarms.loop.time()
        if self._silent_s > self._deadlines.idle_s:
            self._end("fell silent in the middle of its answer")
        elif left_s <= 0:
            self._end("took longer than an answer may take")
        else:
            self._alarm = self._alarms.after(min(self._pause_s, left_s), self._look)

    def _end_first(self) -> None:
        self._end("sent no first token in time")

    def _end(self, why: str) -> None:
        if self._task is not None and not self._task.done():
            self._why = why
            self._cancelling = self._task.cancelling()
            self._task.cancel(DEADLINE_PASSED + why)


class Waiting:
    """How long one request waits for its first token, attempt by attempt.

    State: the time that all attempts have together, which grows with the patience
    that their endpoints need.
    """

    def __init__(
        self, deadlines: Deadlines, side: SideApi | None, planned: Planned, started_s: float
    ) -> None:
        self._deadlines = deadlines
        self._side = side
        self._stream = planned.head.stream
        self._measured = planned.conditions.health.known
        self._last = planned.route.candidates[-1].endpoint
        self._started_s = started_s
        self._together_s = deadlines.first_token_within_s

    def first_s(self, endpoint: Endpoint, now_s: float) -> float | None:
        """How long an attempt that begins now may wait for its first token; None: no less
        than for the whole answer, which is sent when it is finished."""
        deadlines = self._deadlines
        if self._side is not None:  # what it streams on the way is not waited for
            return self._side.within_s
        if not self._stream:
            return None
        first_s = first_token_s(
            endpoint,
            self._measured.get((endpoint.model, endpoint.tag)),
            usual_s=deadlines.first_byte_s,
            thinking_s=deadlines.thinking_first_byte_s,
            is_last=endpoint is self._last,
        )
        if first_s > deadlines.first_byte_s:
            self._together_s = max(self._together_s, 2 * first_s)
        return max(0.0, min(first_s, self._together_s - (now_s - self._started_s)))

    def is_over(self, now_s: float) -> bool:
        """Whether no further attempt may begin."""
        return now_s - self._started_s > self._together_s
