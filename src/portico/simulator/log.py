"""What arrived at the simulator and what became of it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

End = Literal["complete", "cut", "aborted"]

_SHOWN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "http-referer",
        "idempotency-key",
        "traceparent",
        "transfer-encoding",
        "user-agent",
        "x-request-id",
        "x-title",
    }
)
_SECRET_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")


class Arrival(msgspec.Struct, kw_only=True):
    """One request; filled in while its answer goes out.

    Times are seconds of the event loop's clock (on Linux: of the machine's
    monotonic clock, so that processes may compare them). `body` is the
    request's, as text. `headers` holds a fixed list of harmless ones;
    `authorized` says whether a key came, never which.

    `first_byte_at_s` is None until something was sent. `ended` is None while
    the answer goes out or stalls; then exactly one of `finished_at_s` ("complete",
    "cut" by the script) and `aborted_at_s` ("aborted": the peer closed, half
    closed or reset the connection first) is set. `bytes_sent` are bytes of the
    body given to the network, framing not counted.
    """

    number: int
    method: str
    path: str
    model: str = ""
    stream: bool = False
    body: str = ""
    headers: dict[str, str] = {}
    authorized: bool = False
    received_at_s: float
    status: int = 0
    first_byte_at_s: float | None = None
    finished_at_s: float | None = None
    aborted_at_s: float | None = None
    ended: End | None = None
    bytes_sent: int = 0


def shown_headers(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Keep the headers that may be logged. Names are in lower case."""
    return {name: value for name, value in headers if name in _SHOWN_HEADERS}


def is_authorized(headers: Sequence[tuple[str, str]]) -> bool:
    """Whether any header brought a key."""
    return any(name in _SECRET_HEADERS and value for name, value in headers)


class ArrivalLog:
    """The newest `limit` arrivals, oldest first, and a way to wait for what is to come."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._arrivals: dict[int, Arrival] = {}
        self._waiting: list[tuple[Callable[[list[Arrival]], bool], asyncio.Future[None]]] = []

    @property
    def arrivals(self) -> list[Arrival]:
        """A new list of the live records."""
        return list(self._arrivals.values())

    def add(self, arrival: Arrival) -> None:
        """Append, and forget the oldest beyond the limit."""
        self._arrivals[arrival.number] = arrival
        if len(self._arrivals) > self._limit:
            del self._arrivals[next(iter(self._arrivals))]
        self.changed()

    def clear(self) -> None:
        """Forget all."""
        self._arrivals.clear()

    def changed(self) -> None:
        """Wake those whose condition has become true."""
        if not self._waiting:
            return
        arrivals = self.arrivals
        for condition, future in self._waiting:
            if not future.done() and condition(arrivals):
                future.set_result(None)

    async def until(self, condition: Callable[[list[Arrival]], bool], *, timeout_s: float) -> None:
        """Wait until `condition` holds for the arrivals.

        Raises:
            TimeoutError: it did not in time.
        """
        if condition(self.arrivals):
            return
        waiting = (condition, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(timeout_s):
                await waiting[1]
        finally:
            self._waiting.remove(waiting)
