"""One HTTP/1.1 connection of the simulator: requests in, one answer at a time out."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import httptools
import msgspec

from portico.simulator.answer import Answer
from portico.simulator.log import Arrival
from portico.simulator.sending import Sending

_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was read to its end. Header names are in lower case; `path`
    comes without the query."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    keep_alive: bool
    http_version: str


Respond = Callable[[Request], tuple[Answer, Arrival]]


class Connection(asyncio.Protocol):
    """Reads requests and sends what `respond` decides.

    A peer that closes, half-closes or resets the connection while its answer
    is on the way has aborted it: that is written into the arrival at once, and
    the connection is closed. Requests sent ahead wait for their turn.

    Args:
        respond: called once per request, in order.
        on_change: called whenever an arrival got further or ended.
        open_connections: holds this connection while it is open.
    """

    def __init__(
        self,
        respond: Respond,
        on_change: Callable[[], None],
        open_connections: "set[Connection]",
    ) -> None:
        self._respond = respond
        self._on_change = on_change
        self._open_connections = open_connections
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._sending: Sending | None = None
        self._transport: asyncio.Transport
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []

    def drop(self) -> None:
        """Close without waiting for anything."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start; every byte not yet on the network counts as a full buffer."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by shape only
        self._transport.set_write_buffer_limits(high=0)
        self._open_connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what is no HTTP is refused and ends the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.write(_BAD_REQUEST)
            self._transport.close()

    def eof_received(self) -> bool:
        """The peer sends no more: whatever it was waiting for, it no longer wants."""
        self._abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, by whoever's doing."""
        self._open_connections.discard(self)
        self._abort()

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is sent to."""
        if self._sending is not None:
            self._sending.pause()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        if self._sending is not None:
            self._sending.resume()

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        """A new request begins."""
        self._url, self._headers, self._body = b"", [], []

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Let a careful client send its body."""
        if ("expect", "100-continue") in self._headers:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=urlsplit(self._url.decode("latin-1")).path,
            headers=tuple(self._headers),
            body=b"".join(self._body),
            keep_alive=self._parser.should_keep_alive(),
            http_version=self._parser.get_http_version(),
        )
        self._waiting.append(request)
        if self._sending is None:
            self._answer_next()

    def _answer_next(self) -> None:
        if not self._waiting or self._transport.is_closing():
            return
        request = self._waiting.popleft()
        answer, arrival = self._respond(request)
        chunked = request.http_version != "1.0"
        keep_alive = request.keep_alive and (chunked or not answer.streamed)

        def ended() -> None:
            self._sending = None
            self._on_change()
            if keep_alive and arrival.ended == "complete":
                self._answer_next()

        self._sending = Sending(
            answer,
            arrival,
            self._transport,
            keep_alive=keep_alive,
            chunked=chunked,
            on_progress=self._on_change,
            on_end=ended,
        )
        self._sending.start()

    def _abort(self) -> None:
        self._waiting.clear()
        if self._sending is not None:
            self._sending.abort()
