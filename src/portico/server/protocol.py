"""The server's HTTP protocol with the deadlines and caps that no Python server has as shipped.

uvicorn's httptools protocol parses strictly; what is added here: deadlines for
headers, body and a reader who stops, caps on headers and URL, exactly one Host, no
chunked bodies in HTTP/1.0, a small send buffer so that readers who stop cost
little, and refusals in the API's own JSON. There are no upgrades. A request that
comes in one read costs no timer: the one for idle connections looks now and then.
"""

import asyncio
import socket
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from portico.jsonio import dumps
from portico.server.asgi import HANG_UP
from portico.server.exchange import Exchange

_PHRASES = {
    400: b"Bad Request",
    408: b"Request Timeout",
    414: b"URI Too Long",
    431: b"Request Header Fields Too Large",
}
_SEND_BUFFER_BYTES = 128 * 1024


class _Refused(Exception):
    """Stops the parser; status and message are kept by the protocol."""


class GuardedProtocol(HttpToolsProtocol):
    """One client connection. The limits are class attributes, in seconds and bytes."""

    header_s = 10.0
    body_s = 60.0
    reader_s = 60.0
    max_headers = 100
    max_header_bytes = 32 * 1024
    max_url_bytes = 8 * 1024

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The header deadline counts from here, so that a silent connection ends too."""
        super().connection_made(transport)
        self._idle_since_s: float | None = None
        self._idle_look: asyncio.TimerHandle | None = None
        self._connection_scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            HANG_UP: None,
        }
        self._refusal = (400, "The request is not valid HTTP.")
        self._reading: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._head_done = False
        self._parsed = b"", "", b"", b""
        self._body_came = self._spans_reads = False
        self._read_bytes = self._dry_bytes = 0
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self._allow(self.header_s, "The request's headers did not come in time.")

    def connection_lost(self, exc: Exception | None) -> None:
        """No deadline outlives its connection; who answers the request is told at once."""
        self._stop_clock()
        if self._unread is not None:
            self._unread.cancel()
        if self._idle_look is not None:
            self._idle_look.cancel()
        super().connection_lost(exc)
        if self.cycle is not None and not self.cycle.response_complete:
            self._hang_up(self.cycle.scope)

    def eof_received(self) -> None:
        """A client that says no more is taken to have left: no client of this API half-closes.

        The connection is lost right after; until then nobody shall miss an answer.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self._hang_up(self.cycle.scope)

    def pause_writing(self) -> None:
        """The client takes no more for now: its buffer, our only one, is full.

        If that does not change, it is taken to have left.
        """
        super().pause_writing()
        self._unread = self.loop.call_later(self.reader_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read most of it."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    @staticmethod
    def _hang_up(scope: HTTPScope) -> None:
        """Call what the application has left in the scope for this moment."""
        on_hang_up = cast(dict[str, Any], scope).pop(HANG_UP, None)
        if on_hang_up is not None:
            on_hang_up()

    def data_received(self, data: bytes) -> None:
        """Parse; then a deadline runs only while a request is incomplete."""
        self._idle_since_s = None
        self._read_bytes = len(data)
        self._body_came = False
        try:
            self.parser.feed_data(data)
            self._check_unfinished()
        except (httptools.HttpParserError, _Refused):
            self.send_400_response("")
        except httptools.HttpParserUpgrade:
            self.logger.debug("a request to upgrade was answered as it is")
        if self.parser is None or self.transport.is_closing():
            self._stop_clock()
        elif not self._head_done:
            if self._reading is None:
                self._allow(self.header_s, "The request's headers did not come in time.")
        elif self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete:
            if self._reading is None:
                self._allow(self.body_s, "The request's body did not come in time.")
        else:
            self._stop_clock()

    def on_message_begin(self) -> None:
        """Parser callback: a request begins."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self.scope = cast(HTTPScope, {**self._connection_scope, "headers": self.headers})
        self._head_done = False
        self._spans_reads = False
        self._dry_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Parser callback: part of the target."""
        self.url += url
        if len(self.url) > self.max_url_bytes:
            self._refuse(414, f"The URL exceeds {self.max_url_bytes} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser callback: one header."""
        headers = self.headers
        if self._head_done:  # a trailer: nobody reads it
            self._dry_bytes += len(name) + len(value) + 4
            if self._dry_bytes > self.max_header_bytes:
                self._refuse_size()
            return
        headers.append((name.lower(), value))
        if len(headers) > self.max_headers:
            self._refuse_size()

    def _check_unfinished(self) -> None:
        """Bound what the parser keeps of a head or a trailer that comes in several reads.

        What a read began with may belong to an earlier request, so the first one of a head is
        not counted by its length. A body that brings nothing is all trailers and extensions.
        """
        if not self._head_done:
            if self._spans_reads:
                self._dry_bytes += self._read_bytes
            self._spans_reads = True
            self._check_size()
        elif self.cycle is not None and self.cycle.more_body and not self._body_came:
            self._dry_bytes += self._read_bytes
        if self._dry_bytes > self.max_header_bytes + self.max_url_bytes:
            self._refuse_size()

    def _check_size(self) -> None:
        """Add up a head, if it could be too long."""
        if not self._spans_reads and self._read_bytes <= self.max_header_bytes:
            return
        size_bytes = sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size_bytes > self.max_header_bytes:
            self._refuse_size()

    def _refuse_size(self) -> None:
        self._refuse(
            431, f"The headers exceed {self.max_header_bytes} bytes or {self.max_headers} lines."
        )

    def on_headers_complete(self) -> None:
        """Parser callback: the head is there, and is checked before anybody acts on it."""
        self._head_done = True
        self._stop_clock()
        self._check_size()
        self._dry_bytes = 0
        version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        if b"expect" in names:
            expected = [value.lower() for name, value in self.headers if name == b"expect"]
            self.expect_100_continue = b"100-continue" in expected
        hosts = names.count(b"host")
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            self._refuse(400, "A request has exactly one Host header.")
        if version == "1.0" and b"transfer-encoding" in names:
            self._refuse(400, "HTTP/1.0 has no Transfer-Encoding.")
        self._complete_scope(version)
        exchange = Exchange(
            self.scope,
            self.transport,
            self.flow,
            logger=self.logger,
            default_headers=self.server_state.default_headers,
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        earlier, self.cycle = self.cycle, exchange
        if earlier is None or earlier.response_complete:
            self._start_asgi_task(exchange, self.app)
        else:  # pipelined: its turn comes when the earlier one is answered
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    def on_body(self, body: bytes) -> None:
        """Parser callback: part of the body."""
        self._body_came = True
        self._dry_bytes = 0
        if not self.cycle.response_complete:
            cast(Exchange, self.cycle).take(body)

    def on_message_complete(self) -> None:
        """Parser callback: the end of the body."""
        if not self.cycle.response_complete:
            cast(Exchange, self.cycle).end_body()

    def on_response_complete(self) -> None:
        """Start the next request that is waiting; without one, the connection is idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since_s = self.loop.time()
        if self._idle_look is None:
            self._look_later(self.timeout_keep_alive)

    def _look_later(self, seconds: float) -> None:
        self._idle_look = self.loop.call_later(seconds, self._end_if_idle)

    def _end_if_idle(self) -> None:
        """Close a connection without a request for as long as idle ones are kept."""
        idle_s = 0.0 if self._idle_since_s is None else self.loop.time() - self._idle_since_s
        if idle_s >= self.timeout_keep_alive:
            self.transport.close()
        else:
            self._look_later(self.timeout_keep_alive - idle_s)

    def _complete_scope(self, version: str) -> None:
        """Fill in what the request line said; there are no upgrades and no mount points here."""
        scope = self.scope
        if self._parsed[0] != self.url:  # clients call the same path again and again
            url = httptools.parse_url(self.url)
            path = url.path.decode("ascii")
            path = unquote(path) if "%" in path else path
            self._parsed = self.url, path, url.path, url.query or b""
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        _, scope["path"], scope["raw_path"], scope["query_string"] = self._parsed

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, in the API's own shape, and close."""
        status, message = self._refusal
        body = dumps(
            {
                "error": {
                    "message": message,
                    "code": status,
                    "metadata": {"error_type": "invalid_request"},
                }
            }
        )
        head = (
            b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"access-control-allow-origin: *\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head % (status, _PHRASES[status], len(body)) + body)
        self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        self._refusal = (status, message)
        raise _Refused(message)

    def _allow(self, seconds: float, message: str) -> None:
        self._stop_clock()
        self._reading = self.loop.call_later(seconds, self._out_of_time, message)

    def _stop_clock(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _out_of_time(self, message: str) -> None:
        """A head that never came is answered; a body that stopped ends the connection, and
        whoever reads it learns that the client is gone."""
        self._reading = None
        if self._head_done:
            self.transport.abort()
        else:
            self._refusal = (408, message)
            self.send_400_response(message)
