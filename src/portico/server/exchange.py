"""One request and its answer on the server's side: head and first data leave in one write."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_BODILESS = frozenset({204, 304})
_LINGER_S = 5.0
"""How long a client may go on sending a body that was refused: one that is cut off at once
often never reads the refusal. What it sends is thrown away."""


class Exchange(RequestResponseCycle):
    """uvicorn's cycle with a sender of our own.

    What it leaves out are log lines, and a pattern search through each header: their names
    are ours, in lower case, and one count over the whole head finds any line break in a value.
    The head waits for the first data, which is never far: nothing here sends a head alone.
    """

    _head = b""

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
        lines = [STATUS_LINE[status]]
        for name, value in (*self.default_headers, *message.get("headers", ())):
            if name == b"content-length":
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"connection" and value == b"close":
                self.keep_alive = False
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and status not in _BODILESS:
            self.chunked_encoding = self._method != "HEAD"
            if self.chunked_encoding:
                lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise RuntimeError("a header of the answer has a line break")
        self._head = head + b"\r\n"

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
            self.message_event.set()
            if not self.keep_alive and self.more_body:
                asyncio.get_running_loop().call_later(_LINGER_S, self.transport.close)
            elif not self.keep_alive:
                self.transport.close()
            self.on_response()

    @property
    def _method(self) -> str:
        return self.scope["method"]
