"""An answer as its reader sees it: head, and body one network read at a time."""

import asyncio
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from portico.errors import StreamBroken, UpstreamError, UpstreamUnavailable

UNREAD_BYTES = 256 * 1024
CUT = "The provider closed the connection in the middle of its answer."

_INFLATED_BYTES = 64 * 1024

RawHeaders = list[tuple[bytes, bytes]]


class Source(Protocol):
    """What an answer may ask of the connection that fills it."""

    def abandon(self) -> None:
        """Close at once; nobody waits for the rest."""
        ...

    def pause(self) -> None:
        """Stop reading: too much is unread."""
        ...

    def resume(self) -> None:
        """Read on."""
        ...


def find(lines: RawHeaders, wanted: bytes) -> bytes | None:
    """Return the value of the first header of that lower-case name."""
    size = len(wanted)
    for name, value in lines:
        if len(name) == size and name.lower() == wanted:
            return value
    return None


class Headers(Mapping[str, str]):
    """An answer's headers by lower-case name; of repeated ones the first counts.

    A look-up goes through the lines as they came: most answers are asked for none or one.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: RawHeaders) -> None:
        self._lines = lines

    def __getitem__(self, name: str) -> str:
        value = find(self._lines, name.lower().encode("latin-1", "replace"))
        if value is None:
            raise KeyError(name)
        return value.decode("latin-1")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and find(self._lines, name.lower().encode()) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower().decode("latin-1") for name, _ in self._lines))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._lines})


class Answer:
    """An `UpstreamResponse`, and the iterator over its body. Filled by its connection.

    `lines` are the headers as they came, `encoding` is the Content-Encoding of the body, if
    it has one.
    """

    __slots__ = (
        "_connection",
        "_done",
        "_error",
        "_inflater",
        "_loop",
        "_paused",
        "_ready",
        "_unread",
        "_waiter",
        "encoding",
        "lines",
        "stale",
        "status",
    )

    def __init__(self, connection: Source, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.lines: RawHeaders = []
        self.encoding: str | None = None
        self.stale = False  # closed before it said anything
        self._connection: Source | None = connection
        self._loop = loop
        self._ready: deque[bytes] = deque()
        self._unread = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._inflater: _Inflater | None = None
        self._error: UpstreamError | None = None
        self._done = False

    @property
    def headers(self) -> Mapping[str, str]:
        """See `UpstreamResponse.headers`. Most answers are asked for none."""
        return Headers(self.lines)

    async def head(self) -> None:
        """Wait for status and headers; where they are not waited for to the end, leave.

        Raises:
            UpstreamUnavailable: they did not come, or cannot be understood.
        """
        try:
            while not self.status:
                if self._error is not None:
                    raise self._error
                await self._wait()
            if self.encoding is not None:
                self._inflater = _inflater(self.encoding)
        except BaseException:
            self.leave()
            raise

    def chunks(self) -> "Answer":
        """See `UpstreamResponse.chunks`. There is one body: iterating again goes on."""
        return self

    def __aiter__(self) -> "Answer":
        return self

    async def __anext__(self) -> bytes:
        while True:
            if self._inflater is not None and (data := self._inflater.take()):
                return data
            if self._ready:
                data = self._next_ready()
                if self._inflater is None:
                    return data
                self._inflater.feed(data)
            elif self._error is not None:
                raise self._error
            elif not self._done:
                await self._wait()
            elif self._inflater is not None and not self._inflater.complete:
                raise StreamBroken(CUT)
            else:
                raise StopAsyncIteration

    async def read(self, limit_bytes: int) -> bytes:
        """See `UpstreamResponse.read`. The limit counts decompressed bytes."""
        parts: list[bytes] = []
        size = 0
        async for data in self:
            size += len(data)
            if size > limit_bytes:
                parts.clear()  # the error's traceback would keep them
                raise UpstreamUnavailable("the upstream's answer exceeds the size limit")
            parts.append(data)
        return b"".join(parts)

    def leave(self) -> None:
        """Close the connection at once, unless the answer is complete and it was given back."""
        if self._connection is not None:
            self._connection.abandon()
            self._connection = None

    def add(self, data: bytes) -> None:
        """Called by the connection with what one read held of the body."""
        self._ready.append(data)
        self._unread += len(data)
        if self._unread > UNREAD_BYTES and not self._paused and self._connection is not None:
            self._paused = True
            self._connection.pause()

    def end(self, error: UpstreamError | None = None) -> None:
        """Called by the connection when it has nothing more to give: it is no longer ours."""
        if self._paused and self._connection is not None:
            self._connection.resume()
        self._connection = None
        self._error = error
        self._done = error is None
        self.wake()

    def wake(self) -> None:
        """Called by the connection when there is something to look at."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _next_ready(self) -> bytes:
        data = self._ready.popleft()
        self._unread -= len(data)
        if self._paused and not self._ready and self._connection is not None:
            self._paused = False
            self._connection.resume()
        return data

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None


class _Inflater:
    """gzip or deflate, a bounded piece at a time: the reader's limits hold for what comes out."""

    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._decoder: Any = None
        self._waiting = b""
        self._more = False  # the decoder holds output back

    @property
    def complete(self) -> bool:
        return self._decoder is None or self._decoder.eof

    def feed(self, data: bytes) -> None:
        self._waiting += data

    def take(self) -> bytes:
        """Return at most 64 KB; nothing when more has to be fed.

        Raises:
            StreamBroken: the data is damaged.
        """
        while self._waiting or self._more:
            if self._decoder is None or self._decoder.eof:
                self._decoder = zlib.decompressobj(self._choose())
            try:
                out: bytes = self._decoder.decompress(self._waiting, _INFLATED_BYTES)
            except zlib.error as error:
                raise StreamBroken("The provider's compressed answer is damaged.") from error
            self._waiting = self._decoder.unconsumed_tail or self._decoder.unused_data
            self._more = len(out) == _INFLATED_BYTES and not self._decoder.eof
            if out:
                return out
        return b""

    def _choose(self) -> int:
        """Some servers say deflate and leave out the zlib header."""
        if self._window_bits == zlib.MAX_WBITS and self._waiting[0] & 0x0F != 8:
            return -zlib.MAX_WBITS
        return self._window_bits


def _inflater(encoding: str) -> _Inflater | None:
    """We ask for identity; that somebody compresses all the same is no reason to fail."""
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _Inflater(zlib.MAX_WBITS | 16)
        case "deflate":
            return _Inflater(zlib.MAX_WBITS)
        case other:
            raise UpstreamUnavailable(
                f"The provider compressed its answer with {other[:20]!r}, which was not asked for."
            )
