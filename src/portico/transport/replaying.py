"""Answers requests from recordings, below everything that thinks it talks to a provider."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from portico.cassette.encoding import decompressed
from portico.cassette.library import Library
from portico.cassette.matching import Matcher, chat_body, method, path
from portico.cassette.model import Cassette, Interaction, RecordedRequest, RecordedResponse
from portico.errors import StreamBroken, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from portico.ports import Transport, UpstreamRequest, UpstreamResponse
from portico.transport.recording import SECRETS
from portico.vocabulary import Reservation

_EVENT = re.compile(rb".+?(?:\r\n\r\n|\n\n|\r\r|\Z)", re.DOTALL)
NOT_REPLAYED = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding"})
"""Headers of the recorded connection, not of what is replayed: bodies are stored whole and
decompressed."""


_FAILURES: Mapping[str, type[UpstreamError]] = {
    "broken": StreamBroken,
    "timeout": UpstreamTimeout,
    "unavailable": UpstreamUnavailable,
}


class ReplayingTransport:
    """A `Transport` that touches no network.

    A request that was recorded several times is answered in the recorded
    order, and the last answer repeats. Answers that broke or were left break
    at the same byte.

    Args:
        cassettes: searched in order; or a library that is shared with others.
        match_on: what must be equal for a recording to answer a request.
        hint: appended to the message of a miss: what the user can do.
        pace: what recorded times are multiplied by: 0 does not wait at all.
    """

    def __init__(
        self,
        cassettes: Sequence[Cassette] | Library,
        *,
        match_on: Sequence[Matcher] = (method, path, chat_body),
        hint: str = "",
        pace: float = 0.0,
    ) -> None:
        if not isinstance(cassettes, Library):
            cassettes = Library(cassettes, match_on=match_on, hint=hint)
        self._library = cassettes
        self._pace = pace

    def open(self, request: UpstreamRequest, reservation: Reservation) -> "_Exchange":
        """See `Transport.open`.

        Raises:
            CassetteMiss: when the context is entered and no recording matches.
                The message says what the closest is and where it differs.
        """
        return _Exchange(self, request, self._pace)

    async def aclose(self) -> None:
        """Nothing is open."""

    def rewind(self) -> None:
        """Begin every sequence of repeated requests anew."""
        self._library.rewind()

    def knows(self, request: UpstreamRequest) -> bool:
        """Whether a recording answers `request`."""
        return self._library.knows(_asked(request), SECRETS.get())

    def find(self, request: UpstreamRequest) -> Interaction:
        """Return the recording that answers `request` now, and count it as used.

        Raises:
            CassetteMiss: there is none.
        """
        return self._library.find(_asked(request), SECRETS.get())


class EpisodesTransport:
    """Replays what was recorded and hands what was not to another transport."""

    def __init__(self, replaying: ReplayingTransport, other: Transport) -> None:
        self._replaying = replaying
        self._other = other

    def open(
        self, request: UpstreamRequest, reservation: Reservation
    ) -> AbstractAsyncContextManager[UpstreamResponse]:
        """See `Transport.open`."""
        chosen: Transport = self._replaying if self._replaying.knows(request) else self._other
        return chosen.open(request, reservation)

    async def aclose(self) -> None:
        """Close the other transport."""
        await self._other.aclose()


class _Exchange:
    """One request; the recording is looked up when the context is entered."""

    def __init__(
        self, transport: ReplayingTransport, request: UpstreamRequest, pace: float
    ) -> None:
        self._transport = transport
        self._request = request
        self._pace = pace

    async def __aenter__(self) -> "_Response":
        started_s = asyncio.get_running_loop().time()
        plain = replayable(self._transport.find(self._request).response)
        player = Player(plain, started_s, self._pace)
        await player.until_head()
        if not plain.status:
            raise player.broken()
        return _Response(plain, player)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None


def replayable(recorded: RecordedResponse) -> RecordedResponse:
    """The response with a plain body.

    Raises:
        UpstreamUnavailable: it was recorded compressed and cannot be read.
    """
    try:
        return decompressed(recorded)
    except ValueError as error:
        raise UpstreamUnavailable(f"The recording cannot be replayed: {error}.") from None


class Player:
    """Yields a recorded body in the reads it came in, at the recorded pace.

    Without recorded reads a stream comes event by event, anything else at
    once; the recorded duration is then waited for before the head.

    Args:
        response: with its plain body.
        started_s: when the request was made, on the loop's clock.
        pace: what recorded times are multiplied by.
    """

    def __init__(self, response: RecordedResponse, started_s: float, pace: float) -> None:
        self._response = response
        self._started_s = started_s
        self._pace = pace

    async def until_head(self) -> None:
        """Wait until status and headers are due."""
        response = self._response
        at_s = response.head_s
        if at_s is None and not response.frames:
            at_s = response.duration_s
        await self._until(at_s or 0.0)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body.

        Raises:
            UpstreamError: the recorded one broke here, or was left.
        """
        response = self._response
        at = 0
        for frame in response.frames:
            await self._until(frame.at_s)
            yield response.body[at : at + frame.size_bytes]
            at += frame.size_bytes
        if not response.frames:
            for piece in _events(response):
                yield piece
                await asyncio.sleep(0)
        if response.ended == "done":
            return
        if response.duration_s is not None:
            await self._until(response.duration_s)
        raise self.broken()

    def broken(self) -> UpstreamError:
        """How the recorded answer failed."""
        response = self._response
        if response.ended == "aborted":
            return StreamBroken("The recording ends here: its reader had left.")
        kind = _FAILURES.get(response.failure or "broken", StreamBroken)
        return kind(response.message or "The provider failed here when this was recorded.")

    async def _until(self, at_s: float) -> None:
        """Wait for a recorded moment. Others get their turn in any case."""
        if not self._pace:
            await asyncio.sleep(0)
            return
        due_s = self._started_s + at_s * self._pace
        await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))


class _Response:
    """A recorded answer."""

    __slots__ = ("_player", "_recorded", "headers", "status")

    def __init__(self, recorded: RecordedResponse, player: Player) -> None:
        self._recorded = recorded
        self._player = player
        self.status = recorded.status
        self.headers = _replayed_headers(recorded)

    def chunks(self) -> AsyncIterator[bytes]:
        """See `UpstreamResponse.chunks`. Others get their turn between two chunks."""
        return self._player.pieces()

    async def read(self, limit_bytes: int) -> bytes:
        """See `UpstreamResponse.read`."""
        if len(self._recorded.body) > limit_bytes:
            raise UpstreamUnavailable("the upstream's answer exceeds the size limit")
        return b"".join([piece async for piece in self._player.pieces()])


def _asked(request: UpstreamRequest) -> RecordedRequest:
    return RecordedRequest(
        method=request.method, url=request.url, headers=request.headers, body=request.body
    )


def _events(response: RecordedResponse) -> list[bytes]:
    if response.is_event_stream:
        return _EVENT.findall(response.body)
    return [response.body] if response.body else []


def _replayed_headers(recorded: RecordedResponse) -> Mapping[str, str]:
    """Names in lower case; of a header that came several times, all values in one line."""
    headers: dict[str, str] = {}
    for given, value in recorded.headers:
        name = given.lower()
        if name not in NOT_REPLAYED:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
