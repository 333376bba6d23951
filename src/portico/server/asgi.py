"""The ASGI side of an exchange: body in with a limit, answer out, and hanging up noticed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any

from portico.delivery import JSON, Headers
from portico.errors import InvalidRequest, PayloadTooLarge, UnsupportedEncoding
from portico.tasks import spawn

Scope = MutableMapping[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HANG_UP = "portico.hang_up"
"""Where a scope takes a callable for a client's leaving, if the server offers the key. It
spares the task that would have to wait for the message."""

CORS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"X-Generation-Id"),
]
PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    (b"access-control-allow-headers", b"*, Authorization"),
    (b"access-control-max-age", b"86400"),
]


class ClientGone(Exception):
    """The client closed its connection before the exchange was over."""


class AsgiReply:
    """The client's side of one exchange. `began` and `complete` say how far it is."""

    def __init__(self, send: Send) -> None:
        self.began = False
        self.complete = False
        self._send = send

    def head(self, status: int, headers: Headers) -> Awaitable[None]:
        """Send status and headers; those for browsers are added."""
        self.began = True
        return self._send(
            {"type": "http.response.start", "status": status, "headers": [*headers, *CORS]}
        )

    def body(self, data: bytes, *, more: bool) -> Awaitable[None]:
        """Send `data`."""
        self.complete = not more
        return self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def json(self, status: int, data: bytes, headers: Headers | None = None) -> None:
        """Send one whole JSON answer."""
        length = (b"content-length", b"%d" % len(data))
        await self.head(status, [JSON, length, *(headers or ())])
        await self.body(data, more=False)


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit_bytes: int) -> bytes:
    """Return the request body.

    Raises:
        PayloadTooLarge: it is longer than `limit_bytes`; the rest is not read.
        UnsupportedEncoding: it is compressed.
        InvalidRequest: Content-Length is not a number.
        ClientGone: the client hung up while sending.
    """
    if headers.get(b"content-encoding", b"identity").lower() not in {b"", b"identity"}:
        raise UnsupportedEncoding("Compressed request bodies are not accepted; send plain JSON.")
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit():
        raise InvalidRequest("Content-Length is not a number.")
    if int(declared) > limit_bytes:
        raise _too_large(limit_bytes)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        if not message.get("more_body", False):
            return b"".join((*parts, part)) if parts else part
        parts.append(part)


class UntilDisconnect:
    """A context that ends with `ClientGone` when the client hangs up before all is said.

    Our own server calls back when a connection ends; behind any other one a
    task waits for the message that says so.
    """

    __slots__ = ("_happened", "_receive", "_reply", "_scope", "_task", "_watcher")

    def __init__(self, scope: Scope, receive: Receive, reply: AsgiReply) -> None:
        self._scope = scope
        self._receive = receive
        self._reply = reply
        self._happened = False
        self._watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        if HANG_UP in self._scope:
            self._scope[HANG_UP] = self._hang_up
        else:
            self._watcher = spawn(self._watch(), name="disconnect watcher")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        else:
            self._scope[HANG_UP] = None
        if self._happened and kind is asyncio.CancelledError:
            raise ClientGone from None

    def _hang_up(self) -> None:
        """Cancel what runs in the context, unless all is said."""
        if self._task is not None and not self._reply.complete:
            self._happened = True
            self._task.cancel()

    async def _watch(self) -> None:
        """Wait for the message that says so."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._hang_up()


def _too_large(limit_bytes: int) -> PayloadTooLarge:
    error = PayloadTooLarge(
        f"The request body exceeds {limit_bytes} bytes. The operator can raise "
        "max_body_bytes under [limits]."
    )
    error.headers["Connection"] = "close"  # the rest of the body is not read
    return error
