"""One request and its answer on the server's side: head and first data leave in one write."""

import asyncio
from collections.abc import Callable
from logging import Logger
from typing import Any

from uvicorn._types import HTTPScope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_BODILESS = frozenset({204, 304})
_LINGER_S = 5.0
"""How long a client may go on sending a body that was refused: one that is cut off at once
often never reads the refusal. What it sends is thrown away."""


class Exchange(RequestResponseCycle):
    """uvicorn's cycle with a receiver and a sender of our own.

    What the sender leaves out are log lines, and a pattern search through each header: their
    names are ours, in lower case, and one count over the whole head finds any line break in a
    value. The head waits for the first data, which is never far: nothing here sends a head
    alone. The receiver hands a body on in the bytes that it came in, and waits only for one
    that is not there yet.
    """

    access_log = False
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding = None
    expected_content_length = 0
    _head = b""
    _unread_bytes = 0
    _told_all = False
    _waiter: "asyncio.Future[None] | None" = None

    def __init__(
        self,
        scope: HTTPScope,
        transport: asyncio.Transport,
        flow: FlowControl,
        *,
        logger: Logger,
        default_headers: list[tuple[bytes, bytes]],
        expect_100_continue: bool,
        keep_alive: bool,
        on_response: Callable[[], None],
    ) -> None:
        self.scope = scope
        self.transport = transport
        self.flow = flow
        self.logger = logger
        self.default_headers = default_headers
        self.waiting_for_100_continue = expect_100_continue
        self.keep_alive = keep_alive
        self.on_response = on_response
        self._parts: list[bytes] = []

    @property
    def message_event(self) -> "Exchange":  # type: ignore[override]
        """What uvicorn's protocol calls `set()` of when the connection ends."""
        return self

    def set(self) -> None:
        """Something has changed for whoever waits in `receive`."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self, body: bytes) -> None:
        """A part of the body is here."""
        self._parts.append(body)
        self._unread_bytes += len(body)
        if self._unread_bytes > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self.set()

    def end_body(self) -> None:
        """The body is complete."""
        self.more_body = False
        self.set()

    async def receive(self) -> Any:
        """Return `http.request` with what there is of the body, once there is anything; then
        `http.disconnect`."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if self._told_all or (self.more_body and not self._parts):
            await self._change()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        self.flow.resume_reading()  # a client that leaves is noticed by reading
        parts, self._parts = self._parts, []
        self._unread_bytes = 0
        self._told_all = not self.more_body
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def _change(self) -> None:
        if self.disconnected or self.response_complete:
            return
        self.flow.resume_reading()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def send(self, message: Any) -> None:
        """Take `http.response.start`, then `http.response.body` until one has no `more_body`.

        Raises:
            RuntimeError: a message is out of turn, or header and body disagree.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            self._start(message)
        elif not self.response_complete:
            self._write(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError("the answer is complete")

    def _start(self, message: dict[str, Any]) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        status: int = message["status"]
        lines = []
        for header in (*self.default_headers, *message.get("headers", ())):
            name, value = header
            if name == b"content-length":
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"connection" and value == b"close":
                self.keep_alive = False
                continue
            lines.append(b": ".join(header))
        if not self.keep_alive:
            lines.append(b"connection: close")
        if self.chunked_encoding is None and status not in _BODILESS:
            self.chunked_encoding = self._method != "HEAD"
            if self.chunked_encoding:
                lines.append(b"transfer-encoding: chunked")
        count = len(lines)
        lines.append(b"")
        head = b"\r\n".join(lines)
        if head.count(b"\n") != count or head.count(b"\r") != count:
            raise RuntimeError("a header of the answer has a line break")
        self._head = b"%b%b\r\n" % (STATUS_LINE[status], head)

    def _write(self, body: bytes, *, more: bool) -> None:
        head, self._head = self._head, b""
        if self._method == "HEAD":
            data = head
            self.expected_content_length = 0
        elif self.chunked_encoding:
            end = b"" if more else b"0\r\n\r\n"
            data = b"%b%x\r\n%b\r\n%b" % (head, len(body), body, end) if body else head + end
        else:
            data = head + body
            self.expected_content_length -= len(body)
        if self.expected_content_length < 0 or (self.expected_content_length and not more):
            raise RuntimeError("the answer is not as long as its head says")
        if data:
            self.transport.write(data)
        if not more:
            self.response_complete = True
            self.set()
            if not self.keep_alive and self.more_body:
                asyncio.get_running_loop().call_later(_LINGER_S, self.transport.close)
            elif not self.keep_alive:
                self.transport.close()
            self.on_response()

    @property
    def _method(self) -> str:
        return self.scope["method"]
