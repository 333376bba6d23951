"""What one client has been sent: the head once, the body, and keep-alives while it waits.

Nothing is sent before there is an outcome, so that a quick failure keeps its
real status; a slow one is announced with 200 and comments, after which it can
only be told inside the body (contract/chat 3 and 4.1).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from portico.alarms import Alarms
from portico.sse import KEEP_ALIVE
from portico.tasks import spawn

WHITESPACE = b"\n         \n"
"""What keeps a client alive that waits for one JSON body: parsers skip it."""

Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
EVENT_STREAM: Headers = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Reply(Protocol):
    """The client's side of an exchange, as the server's edge offers it."""

    def head(self, status: int, headers: Headers) -> Awaitable[None]:
        """Send status and headers, once."""
        ...

    def body(self, data: bytes, *, more: bool) -> Awaitable[None]:
        """Send `data`; with `more` False the answer is complete."""
        ...


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a client waits in silence: before the head is committed, then between signs.

    `first_s` 0 means that nothing is ever sent before the outcome, `every_s` 0
    that only the head is. After `pulse_s` of silence the sign is one that counts as an
    event, where the dialect has such; 0 for never.
    """

    first_s: float
    every_s: float
    pulse_s: float = 0


class Delivery:
    """One answer on its way out.

    `began`: the head has been sent, so the status can no longer change.
    `headers` go with every outcome, `keep_alive` fills the silences of a stream, `pulse`
    writes what fills the long ones, `media_type` is that of a good answer which is none.
    """

    def __init__(
        self,
        reply: Reply,
        headers: Headers,
        patience: Patience,
        alarms: Alarms,
        *,
        stream: bool,
        keep_alive: bytes = KEEP_ALIVE,
        pulse: Callable[[], bytes] | None = None,
        media_type: bytes = JSON[1],
    ) -> None:
        self.began = False
        self._reply = reply
        self._headers = headers
        self._stream = stream
        self._media_type = media_type
        self._filler = keep_alive if stream else WHITESPACE
        self._every_s = patience.every_s
        self._pulse_s = patience.pulse_s
        self._write_pulse = pulse if patience.pulse_s > 0 else None
        self._sent = 0
        self._beats: asyncio.Task[None] | None = None
        self._alarm = (
            alarms.after(patience.first_s, self._start_beats) if patience.first_s > 0 else None
        )

    async def send(self, data: bytes) -> None:
        """Send part of a stream, the head before it if need be."""
        self._sent += 1
        if not self.began:
            await self._reply.head(200, self._opening())
        await self._reply.body(data, more=True)

    async def finish(self, data: bytes) -> None:
        """Send the rest of a good answer."""
        self.close()
        if not self.began:
            await self._reply.head(200, self._opening(None if self._stream else len(data)))
        await self._reply.body(data, more=False)

    def whole(self) -> bool:
        """Give one JSON body instead of the stream that was wished for; False: it is too late."""
        if not self.began:
            self._stream, self._filler = False, WHITESPACE
        return not self.began

    async def refuse(self, status: int, headers: Headers, data: bytes) -> None:
        """Send an error with its own status; only while nothing has been sent."""
        self.close()
        self.began = True
        length = (b"content-length", b"%d" % len(data))
        await self._reply.head(status, [*self._headers, JSON, length, *headers])
        await self._reply.body(data, more=False)

    def close(self) -> None:
        """Stop the keep-alives; needed on every way out."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None  # it holds us: a cycle would keep the whole exchange for a while
        if self._beats is not None:
            self._beats.cancel()

    def _opening(self, length: int | None = None) -> Headers:
        """The headers of a good answer, which begins with that."""
        self.began = True
        kind = EVENT_STREAM if self._stream else ((b"content-type", self._media_type),)
        if length is None:
            return [*self._headers, *kind]
        return [*self._headers, *kind, (b"content-length", b"%d" % length)]

    def _start_beats(self) -> None:
        self._beats = spawn(self._beat(), name="keep-alive")

    async def _beat(self) -> None:
        """Fill silences until cancelled. Whole writes only, so nothing is torn apart."""
        if not self._every_s:
            if not self.began:
                await self._reply.head(200, self._opening())
            return
        seen, silent_s = self._sent, 0.0
        while True:
            if seen != self._sent:
                seen, silent_s = self._sent, 0.0
            else:
                if not self.began:
                    await self._reply.head(200, self._opening())
                sign = self._filler
                if self._write_pulse is not None and silent_s >= self._pulse_s:
                    sign, silent_s = self._write_pulse(), 0.0
                await self._reply.body(sign, more=True)
            await asyncio.sleep(self._every_s)
            silent_s += self._every_s
