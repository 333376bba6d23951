"""Answers requests from recordings, below everything that thinks it talks to a provider."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from types import TracebackType

from portico.cassette.matching import (
    Matcher,
    chat_body,
    closest_miss,
    explain,
    matches,
    method,
    path,
)
from portico.cassette.model import Cassette, Interaction, RecordedRequest, RecordedResponse
from portico.errors import CassetteMiss, UpstreamUnavailable
from portico.ports import UpstreamRequest
from portico.vocabulary import Reservation

_EVENT = re.compile(rb".+?(?:\r\n\r\n|\n\n|\r\r|\Z)", re.DOTALL)
# They tell of the recorded connection, not of what is replayed: bodies were stored whole
# and decompressed.
_NOT_REPLAYED = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding"})


class ReplayingTransport:
    """A `Transport` that touches no network.

    A request that was recorded several times is answered in the recorded
    order, and the last answer repeats. State: which recordings were used.

    Args:
        cassettes: searched in order.
        match_on: what must be equal for a recording to answer a request.
        hint: appended to the message of a miss: what the user can do.
    """

    def __init__(
        self,
        cassettes: Sequence[Cassette],
        *,
        match_on: Sequence[Matcher] = (method, path, chat_body),
        hint: str = "",
    ) -> None:
        self._recorded = [(tape.name, one) for tape in cassettes for one in tape.interactions]
        self._used = [False] * len(self._recorded)
        self._match_on = match_on
        self._hint = hint

    def open(self, request: UpstreamRequest, reservation: Reservation) -> "_Exchange":
        """See `Transport.open`.

        Raises:
            CassetteMiss: when the context is entered and no recording matches.
                The message says what the closest is and where it differs.
        """
        return _Exchange(self, request)

    async def aclose(self) -> None:
        """Nothing is open."""

    def rewind(self) -> None:
        """Begin every sequence of repeated requests anew."""
        self._used = [False] * len(self._recorded)

    def find(self, request: UpstreamRequest) -> Interaction:
        """Return the recording that answers `request` now, and count it as used.

        Raises:
            CassetteMiss: there is none.
        """
        asked = RecordedRequest(
            method=request.method, url=request.url, headers=request.headers, body=request.body
        )
        fitting = [
            number
            for number, (_, recorded) in enumerate(self._recorded)
            if matches(asked, recorded.request, self._match_on)
        ]
        if not fitting:
            raise self._miss(asked)
        number = next((n for n in fitting if not self._used[n]), fitting[-1])
        self._used[number] = True
        return self._recorded[number][1]

    def _miss(self, asked: RecordedRequest) -> CassetteMiss:
        requests = [recorded.request for _, recorded in self._recorded]
        labels = list(self._labels())
        closest = closest_miss(asked, requests, self._match_on)
        why = explain(asked, requests, self._match_on, labels=labels)
        message = f"No recording matches the request: {why}."
        return CassetteMiss(
            f"{message} {self._hint}" if self._hint else message,
            recordings=len(requests),
            closest=labels[closest[0]] if closest else None,
            differs_in=closest[1] if closest else [],
        )

    def _labels(self) -> Iterator[str]:
        """What messages call each recording."""
        places: Counter[str] = Counter()
        for name, _ in self._recorded:
            yield f"interaction {places[name]}" + (f" of {name}" if name else "")
            places[name] += 1


class _Exchange:
    """One request; the recording is looked up when the context is entered."""

    def __init__(self, transport: ReplayingTransport, request: UpstreamRequest) -> None:
        self._transport = transport
        self._request = request

    async def __aenter__(self) -> "_Response":
        return _Response(self._transport.find(self._request).response)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None


class _Response:
    """A recorded answer, event by event where it is a stream."""

    __slots__ = ("_recorded", "headers", "status")

    def __init__(self, recorded: RecordedResponse) -> None:
        self._recorded = recorded
        self.status = recorded.status
        self.headers = _replayed_headers(recorded)

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `UpstreamResponse.chunks`. Others get their turn between two chunks."""
        body = self._recorded.body
        pieces = _EVENT.findall(body) if self._recorded.is_event_stream else [body] if body else []
        for piece in pieces:
            yield piece
            await asyncio.sleep(0)

    async def read(self, limit_bytes: int) -> bytes:
        """See `UpstreamResponse.read`."""
        if len(self._recorded.body) > limit_bytes:
            raise UpstreamUnavailable("the upstream's answer exceeds the size limit")
        return self._recorded.body


def _replayed_headers(recorded: RecordedResponse) -> Mapping[str, str]:
    """Names in lower case; of a header that came several times, all values in one line."""
    headers: dict[str, str] = {}
    for given, value in recorded.headers:
        name = given.lower()
        if name not in _NOT_REPLAYED:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
