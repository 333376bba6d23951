"""Connections that carry one HTTP/1.1 exchange at a time, and the pool that keeps them.

A `Connection` feeds what it reads to llhttp and fills the `Answer` of its exchange, one item
per read. The two part as soon as the answer is complete: the connection goes back to the pool,
or is closed if anything about it was odd, and what is not yet read waits in the answer. Nothing
here costs a task, a timer or a lock per request or per read.
"""

import asyncio
from typing import Any, NamedTuple, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from portico.errors import StreamBroken, UpstreamUnavailable
from portico.transport.answer import CUT, Answer, RawHeaders, find

HEAD_BYTES = 64 * 1024
IDLE_S = 30.0

_SWEEPS_PER_IDLE = 6
_FAILED = "The connection to the provider failed."
_UNREADABLE = "The provider's answer is not valid HTTP."
_TOO_LONG = "The headers of the provider's answer exceed the size limit."


class Origin(NamedTuple):
    """Where a connection leads. `host` is a name or an address without brackets."""

    scheme: str
    host: str
    port: int


class _Stop(Exception):
    """Raised in a callback to stop the parser."""


class Connection(asyncio.Protocol):
    """One connection to a provider. TCP_NODELAY is on: both event loops see to that."""

    __slots__ = (
        "_answer",
        "_bodiless",
        "_complete",
        "_dry_bytes",
        "_interim",
        "_keep",
        "_lines",
        "_loop",
        "_parser",
        "_pieces",
        "_pool",
        "_read_bytes",
        "_transport",
        "_why",
        "idle_since",
        "on_body",
        "origin",
    )

    _transport: asyncio.Transport

    def __init__(self, pool: "Pool", origin: Origin, loop: asyncio.AbstractEventLoop) -> None:
        self.origin = origin
        self.idle_since = 0
        self._pool = pool
        self._loop = loop
        self._answer: Answer | None = None
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append  # the parser calls it without a frame of ours
        self._parser: Any = HttpResponseParser(self)
        # There are servers that pad the sizes of their chunks.
        self._parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)

    @property
    def usable(self) -> bool:
        """Whether a request can still be written."""
        return not self._transport.is_closing()

    def send(self, message: bytes, *, bodiless: bool) -> Answer:
        """Write a whole request and return its answer, of which nothing is there yet.

        Args:
            message: head and body.
            bodiless: the answer will have no body whatever its head says (HEAD).
        """
        self._lines: RawHeaders = []
        self._bodiless = bodiless
        self._read_bytes = self._dry_bytes = 0
        self._complete = self._keep = self._interim = False
        self._why = _UNREADABLE
        answer = self._answer = Answer(self, self._loop)
        self._transport.write(message)
        return answer

    def close(self) -> None:
        """Close at once; an answer that is still awaited hears of it."""
        self._transport.abort()

    def abandon(self) -> None:
        """Close at once; nobody waits for the rest."""
        self._answer = None
        self._transport.abort()

    def pause(self) -> None:
        """Stop reading: too much is unread."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self._pool.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop: it may be how an answer without a length ends."""
        self._pool.lost(self)
        self._parser = None  # it holds our callbacks, and so us
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if not answer.status:
            answer.stale = self._read_bytes == 0
            answer.end(UpstreamUnavailable(_FAILED))
        elif exc is None and self._ends_with_connection():
            answer.end()
        else:
            answer.end(StreamBroken(CUT))

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with one read."""
        answer = self._answer
        if answer is None:  # nobody has asked for anything
            self._transport.abort()
            return
        self._read_bytes += len(data)
        readable = True
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            readable = self._keep = False
        if self._pieces:
            answer.add(self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces))
            self._pieces.clear()
            self._dry_bytes = 0
        else:
            self._dry_bytes += len(data)
        if self._complete:
            self._finish(answer)
        elif not readable:
            self._refuse(answer)
        elif self._dry_bytes > HEAD_BYTES:  # a head or trailers without an end
            self._why = _TOO_LONG
            self._refuse(answer)
        elif answer.status:
            answer.wake()

    def on_message_begin(self) -> None:
        """Parser callback: a head begins; after the end of the answer none may."""
        if self._complete:
            raise _Stop

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser callback: one header, or one trailer, which is ignored."""
        answer = self._answer
        if answer is not None and not answer.status:
            self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """Parser callback: a head is there; heads of 1xx are skipped."""
        status = self._parser.get_status_code()
        if status < 100:
            raise _Stop
        if status < 200:
            self._interim = True
            self._lines.clear()
            return
        if self._read_bytes > HEAD_BYTES and _size(self._lines) > HEAD_BYTES:
            self._why = _TOO_LONG
            raise _Stop
        answer = self._answer
        if answer is not None:
            encoding = find(self._lines, b"content-encoding")
            if encoding is not None:
                answer.encoding = encoding.decode("latin-1")
            answer.lines = self._lines
            answer.status = status
        self._complete = self._bodiless

    def on_message_complete(self) -> None:
        """Parser callback: the end of an answer that tells its own length."""
        if self._interim:
            self._interim = False
            return
        self._complete = True
        self._keep = not self._bodiless and self._parser.should_keep_alive()

    def _finish(self, answer: Answer) -> None:
        """The answer is complete: part from it, then keep the connection or close it."""
        self._answer = None
        answer.end()
        unsent = self._transport.get_write_buffer_size()  # answered before it was fully asked
        if self._keep and not unsent and not self._transport.is_closing():
            self._pool.keep(self)
        else:
            self._transport.abort()

    def _refuse(self, answer: Answer) -> None:
        self._answer = None
        self._transport.abort()
        kind = StreamBroken if answer.status else UpstreamUnavailable
        answer.end(kind(self._why))

    def _ends_with_connection(self) -> bool:
        """RFC 9112, 6.3: a body with neither length nor chunks ends with the connection."""
        coding = find(self._lines, b"transfer-encoding")
        if coding is not None:
            return b"chunked" not in coding.lower()
        return find(self._lines, b"content-length") is None


class Pool:
    """Idle connections by origin, the last used first; those idle for `IDLE_S` are closed.

    One timer sweeps, and only while there is something to sweep.
    """

    def __init__(self) -> None:
        self._idle: dict[Origin, dict[Connection, None]] = {}
        self._all: set[Connection] = set()
        self._tick = 0
        self._timer: asyncio.TimerHandle | None = None

    def take(self, origin: Origin) -> Connection | None:
        """Return an idle connection to `origin`, or None. It may have been closed by its peer
        without our having heard of it."""
        idle = self._idle.get(origin)
        while idle:
            connection, _ = idle.popitem()
            if connection.usable:
                return connection
        return None

    def keep(self, connection: Connection) -> None:
        """Called by a connection that is ready for the next exchange."""
        connection.idle_since = self._tick
        self._idle.setdefault(connection.origin, {})[connection] = None
        if self._timer is None:
            self._arm()

    def opened(self, connection: Connection) -> None:
        """Called by a new connection."""
        self._all.add(connection)

    def lost(self, connection: Connection) -> None:
        """Called by a connection that is closed."""
        self._all.discard(connection)
        idle = self._idle.get(connection.origin)
        if idle is not None:
            idle.pop(connection, None)

    async def aclose(self) -> None:
        """Close all connections, also those in use."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._idle.clear()
        for connection in list(self._all):
            connection.close()
        await asyncio.sleep(0)  # the event loop closes sockets in its next turn

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(IDLE_S / _SWEEPS_PER_IDLE, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        self._tick += 1
        for origin, idle in list(self._idle.items()):
            for connection in list(idle):  # the longest idle first
                if self._tick - connection.idle_since <= _SWEEPS_PER_IDLE:
                    break
                del idle[connection]
                connection.close()
            if not idle:
                del self._idle[origin]
        if self._idle:
            self._arm()


def _size(lines: RawHeaders) -> int:
    return sum(len(name) + len(value) + 4 for name, value in lines)
