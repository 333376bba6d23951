"""Sends one answer over one connection, on time, and ends it as the script says."""

import asyncio
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus

from portico.simulator.answer import Answer, Frame
from portico.simulator.log import Arrival, End

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST
_FLUSH_POLL_S = 0.001
_LAST_CHUNK = b"0\r\n\r\n"


class Sending:
    """The answer to one request on its way. State: how far it is, and the next timer.

    Frames are due at times counted from the start, so that lateness does not
    add up; frames that are due together leave in one write.
    """

    def __init__(
        self,
        answer: Answer,
        arrival: Arrival,
        transport: asyncio.Transport,
        *,
        keep_alive: bool,
        chunked: bool,
        on_progress: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        self._answer = answer
        self._arrival = arrival
        self._transport = transport
        self._keep_alive = keep_alive
        self._chunked = chunked and answer.streamed
        self._on_progress = on_progress
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        self._frames = iter(answer.frames)
        self._next: Frame | None = next(self._frames, None)
        self._head_sent = False
        self._paused = False
        self._stalled = False
        self._due_s = arrival.received_at_s + (self._next.delay_s if self._next else 0.0)

    def start(self) -> None:
        """Send what is due at once and plan the rest."""
        self._arrival.status = self._answer.status
        if self._answer.early_head and self._answer.cut_at_byte != -1:
            self._write(self._head())
        self._pump()

    def pause(self) -> None:
        """Hold everything back: the peer does not read."""
        self._paused = True

    def resume(self) -> None:
        """Go on after `pause`; what has become due leaves at once."""
        self._paused = False
        if self._arrival.ended is None and self._timer is None:
            self._pump()

    def abort(self) -> None:
        """The peer went away. Records when; nothing more is sent."""
        if self._arrival.ended is None:
            self._arrival.aborted_at_s = self._loop.time()
            self._end("aborted")

    def _pump(self) -> None:
        self._timer = None
        if self._paused or self._stalled or self._arrival.ended is not None:
            return
        now_s, out = self._loop.time(), bytearray()
        while self._next is not None and self._due_s <= now_s:
            out += self._head() + self._frame(self._next.data)
            if self._is_cut():
                self._write(bytes(out))
                self._stop_short()
                return
            self._next = next(self._frames, None)
            self._due_s += self._next.delay_s if self._next else 0.0
        if self._next is None:
            self._write(bytes(out) + (_LAST_CHUNK if self._chunked else b""))
            self._complete()
            return
        self._write(bytes(out))
        self._timer = self._loop.call_at(self._due_s, self._pump)

    def _frame(self, data: bytes) -> bytes:
        limit = self._answer.cut_at_byte
        if limit is not None:
            data = data[: max(0, limit - self._arrival.bytes_sent)]
        self._arrival.bytes_sent += len(data)
        if not self._chunked:
            return data
        return b"%x\r\n%b\r\n" % (len(data), data) if data else b""

    def _is_cut(self) -> bool:
        limit = self._answer.cut_at_byte
        return limit is not None and self._arrival.bytes_sent >= max(0, limit)

    def _head(self) -> bytes:
        """The status line and headers, once; nothing after that or before a cut head."""
        if self._head_sent or self._answer.cut_at_byte == -1:
            return b""
        self._head_sent = True
        status = self._answer.status
        known = status in set(HTTPStatus)
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase if known else 'Unknown'}"]
        lines += [f"{name}: {value}" for name, value in self._answer.headers]
        if self._chunked:
            lines.append("transfer-encoding: chunked")
        elif not self._answer.streamed:
            size = sum(len(frame.data) for frame in self._answer.frames)
            lines.append(f"content-length: {size}")
        lines.append(f"connection: {'keep-alive' if self._keep_alive else 'close'}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def _write(self, data: bytes) -> None:
        if data:
            if self._arrival.first_byte_at_s is None:
                self._arrival.first_byte_at_s = self._loop.time()
            self._transport.write(data)
        self._on_progress()

    def _complete(self) -> None:
        self._arrival.finished_at_s = self._loop.time()
        if not self._keep_alive:
            self._transport.close()
        self._end("complete")

    def _stop_short(self) -> None:
        """Do what the script says instead of going on; a stall stays open."""
        if self._answer.how == "stall":
            self._stalled = True
            return
        self._arrival.finished_at_s = self._loop.time()
        if self._answer.how == "fin":
            self._transport.close()
        else:
            self._reset_when_flushed()
        self._end("cut")

    def _reset_when_flushed(self) -> None:
        """Reset the connection, but not before the bytes that belong to the script are out."""
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > 0:
            self._loop.call_later(_FLUSH_POLL_S, self._reset_when_flushed)
            return
        peer = self._transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def _end(self, end: End) -> None:
        self._arrival.ended = end
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._on_end()
