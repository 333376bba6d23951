"""Server-sent events: an incremental parser and the few bytes needed to write them.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import msgspec

from portico.errors import StreamBroken

KEEP_ALIVE = b": OPENROUTER PROCESSING\n\n"
"""The comment OpenRouter sends while a client waits; some clients skip only this exact line."""

DONE = b"data: [DONE]\n\n"

_BOM = b"\xef\xbb\xbf"


class ServerSentEvent(msgspec.Struct, frozen=True, gc=False):
    """One event. `name` is "" where the stream did not name it; `data` lines are joined by LF."""

    name: str
    data: bytes


class SSEParser:
    """Bytes in, whole events out. One instance per stream.

    `feed` may be given any split of the stream, down to single bytes; the
    events that come out do not depend on the split. Comments and unknown
    fields are skipped, as are events without data.
    """

    __slots__ = ("_fresh", "_limit", "_parts", "_size")

    def __init__(self, *, limit: int = 16 * 1024 * 1024) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._limit = limit
        self._fresh = True

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Return the events completed by `data`, oldest first.

        Raises:
            StreamBroken: more than `limit` bytes arrived without ending an event.
        """
        if b"\n" not in data and b"\r" not in data and not self._fresh:
            self._hold(data)
            return []
        text = b"".join((*self._parts, data)) if self._parts else data
        if self._fresh:
            if len(text) < len(_BOM) and _BOM.startswith(text):
                self._parts = [text]
                return []
            text = text.removeprefix(_BOM)
            self._fresh = False
        held = b""
        if b"\r" in text:
            if text.endswith(b"\r"):  # may be half of a CRLF
                text, held = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *blocks, rest = text.split(b"\n\n")
        self._parts, self._size = [], 0
        self._hold(rest + held)
        return [event for block in blocks if (event := _parse(block)) is not None]

    def close(self) -> list[ServerSentEvent]:
        """Return the event that the end of the stream completes, if it holds data.

        Stricter readers drop it; providers that end without a blank line are real.
        """
        text = b"".join(self._parts).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._parts, self._size = [], 0
        return [event for block in text.split(b"\n\n") if (event := _parse(block)) is not None]

    def _hold(self, data: bytes) -> None:
        if not data:
            return
        self._size += len(data)
        if self._size > self._limit:
            raise StreamBroken("a server-sent event exceeds the size limit", limit=self._limit)
        self._parts.append(data)


def _parse(block: bytes) -> ServerSentEvent | None:
    if b"\n" not in block:  # the usual event is one data line
        if block.startswith(b"data:"):
            return ServerSentEvent("", block[6:] if block[5:6] == b" " else block[5:])
        return None
    if block.startswith(b"event: "):  # the other usual one names itself first
        name_line, _, line = block.partition(b"\n")
        if line.startswith(b"data: ") and b"\n" not in line:
            return ServerSentEvent(name_line[7:].decode(errors="replace"), line[6:])
    name, data = "", []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode(errors="replace")
    return ServerSentEvent(name, b"\n".join(data)) if data else None
