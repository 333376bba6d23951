"""Writes exchanges down while they pass through; nothing waits for it.

Which exchanges, the edge of the server says: it knows the keys and headers of
requests. What it says travels with the request's task in `WISH`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import Protocol

import msgspec

from portico.cassette.model import (
    Ended,
    Failure,
    Frame,
    Interaction,
    RecordedRequest,
    RecordedResponse,
    Side,
)
from portico.errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable
from portico.ports import DEADLINE_PASSED, Transport, UpstreamRequest, UpstreamResponse
from portico.vocabulary import Reservation


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """That an exchange be recorded: on which tape, and on which sides of the gateway."""

    tape: str
    upstream: bool = True
    client: bool = False


WISH: ContextVar[Wish | None] = ContextVar("portico.recording.wish", default=None)
"""What is wished for the request that this task serves."""

SECRETS: ContextVar[tuple[str, ...]] = ContextVar("portico.recording.secrets", default=())
"""What the client of the request that this task serves has shown: keys and cookies."""


class Recorder(Protocol):
    """Keeps exchanges on tapes."""

    def begin(self, tape: str) -> int:
        """Return the place of an exchange that begins now in the order of its tape."""
        ...

    def add(
        self, tape: str, place: int, interaction: Interaction, secrets: tuple[str, ...]
    ) -> None:
        """Keep an exchange that has ended. It holds secrets, `secrets` and others: none is
        to be written."""
        ...


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """The wall clock in milliseconds, and one that never goes back in seconds."""

    now_ms: Callable[[], int]
    clock_s: Callable[[], float]


class Take:
    """One exchange being recorded, whichever side it is on. `save` at the end, once.

    Costs a clock call and two appends per read.
    """

    def __init__(self, recorder: Recorder, wish: Wish, side: Side, clocks: Clocks) -> None:
        self.status = 0
        self.headers: tuple[tuple[str, str], ...] = ()
        self.ended: Ended = "aborted"
        self.failure: Failure | None = None
        self.message = ""
        self._recorder = recorder
        self._wish = wish
        self._side: Side = side
        self._clock_s = clocks.clock_s
        self._place = recorder.begin(wish.tape)
        self._secrets = SECRETS.get()
        self._recorded_ms = clocks.now_ms()
        self._started_s = clocks.clock_s()
        self._head_s: float | None = None
        self._parts: list[bytes] = []
        self._times_s: list[float] = []

    def head(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        """Status and headers are there."""
        self.status, self.headers = status, headers
        self._head_s = self._clock_s() - self._started_s

    def part(self, data: bytes) -> None:
        """A read of the body."""
        self._parts.append(data)
        self._times_s.append(self._clock_s() - self._started_s)

    def failed(self, error: BaseException) -> None:
        """The exchange ends with `error`."""
        if isinstance(error, UpstreamError):
            self.ended, self.message = "error", error.message
            self.failure = _kind(error)
        elif error.args and str(error.args[0]).startswith(DEADLINE_PASSED):
            why = str(error.args[0]).removeprefix(DEADLINE_PASSED)
            self.ended, self.message = "error", f"The provider {why}."
            self.failure = "timeout"
        else:
            self.ended = "aborted"

    def save(self, request: RecordedRequest) -> None:
        """Hand it over."""
        frames = tuple(
            Frame(size_bytes=len(part), at_s=at_s)
            for part, at_s in zip(self._parts, self._times_s, strict=True)
        )
        interaction = Interaction(
            request=request,
            response=RecordedResponse(
                status=self.status,
                headers=self.headers,
                body=b"".join(self._parts),
                duration_s=self._clock_s() - self._started_s,
                head_s=self._head_s,
                frames=frames,
                ended=self.ended,
                failure=self.failure,
                message=self.message,
            ),
            side=self._side,
            recorded_ms=self._recorded_ms,
        )
        self._recorder.add(self._wish.tape, self._place, interaction, self._secrets)


def _kind(error: UpstreamError) -> Failure:
    if isinstance(error, UpstreamTimeout):
        return "timeout"
    return "unavailable" if isinstance(error, UpstreamUnavailable) else "broken"


class RecordingTransport:
    """A `Transport` that records what passes through another one, where that is wished.

    Args:
        inner: carries the requests out.
        recorder: keeps what was recorded.
        clocks: to take times by.
        always: the wish where a request has none of its own.
    """

    def __init__(
        self, inner: Transport, recorder: Recorder, clocks: Clocks, *, always: Wish | None = None
    ) -> None:
        self._inner = inner
        self._recorder = recorder
        self._clocks = clocks
        self._always = always

    def open(
        self, request: UpstreamRequest, reservation: Reservation
    ) -> AbstractAsyncContextManager[UpstreamResponse]:
        """See `Transport.open`."""
        exchange = self._inner.open(request, reservation)
        wish = WISH.get() or self._always
        if wish is None or not wish.upstream:
            return exchange
        return _Exchange(exchange, request, Take(self._recorder, wish, "upstream", self._clocks))

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()


class _Exchange:
    """One request and its answer. What happens to it happens to the inner one."""

    def __init__(
        self,
        inner: AbstractAsyncContextManager[UpstreamResponse],
        request: UpstreamRequest,
        take: Take,
    ) -> None:
        self._inner = inner
        self._request = request
        self._take = take

    async def __aenter__(self) -> "_Response":
        take = self._take
        try:
            answer = await self._inner.__aenter__()
        except (UpstreamError, asyncio.CancelledError) as error:
            take.failed(error)
            self._save()
            raise
        take.head(answer.status, tuple(answer.headers.items()))
        return _Response(answer, take)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        take = self._take
        if take.ended == "aborted":
            if error is None:  # left at an end that the body itself told
                take.ended = "done"
            elif isinstance(error, asyncio.CancelledError):
                take.failed(error)
        try:
            await self._inner.__aexit__(kind, error, traceback)
        finally:
            self._save()

    def _save(self) -> None:
        request = self._request
        self._take.save(
            RecordedRequest(
                method=request.method, url=request.url, headers=request.headers, body=request.body
            )
        )


class _Response:
    """The inner answer; what is read of it is written down."""

    __slots__ = ("_inner", "_take", "headers", "status")

    def __init__(self, inner: UpstreamResponse, take: Take) -> None:
        self._inner = inner
        self._take = take
        self.status: int = inner.status
        self.headers: Mapping[str, str] = inner.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `UpstreamResponse.chunks`."""
        take = self._take
        try:
            async for data in self._inner.chunks():
                take.part(data)
                yield data
        except UpstreamError as error:
            take.failed(error)
            raise
        take.ended = "done"

    async def read(self, limit_bytes: int) -> bytes:
        """See `UpstreamResponse.read`."""
        take = self._take
        try:
            body = await self._inner.read(limit_bytes)
        except UpstreamError as error:
            take.failed(error)
            raise
        take.part(body)
        take.ended = "done"
        return body
