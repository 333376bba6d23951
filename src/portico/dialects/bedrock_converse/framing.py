"""How Converse streams are framed: the AWS event stream, events and exceptions alike.

Test servers and proxies write the same events as server-sent events of the form
`{"contentBlockDelta": {...}}`; the first byte tells which of the two it is, for a
binary message begins with the zero of its length.
"""

from collections.abc import Iterable, Iterator

from portico.errors import StreamBroken
from portico.eventstream import EventStreamParser, Headers, write_message
from portico.jsonio import JsonObject, dumps
from portico.sse import ServerSentEvent, SSEParser

EXCEPTION = "exception:"
"""What the name of an event begins with that reports a failure."""

_KINDS = {"exception": ":exception-type", "error": ":error-code"}


class ConverseSplitter:
    """Bytes in, events out; an event's name is its type. One instance per stream."""

    def __init__(self) -> None:
        self._binary = EventStreamParser()
        self._text: SSEParser | None = None
        self._fresh = True

    def feed(self, data: bytes) -> Iterable[ServerSentEvent]:
        """See `Splitter.feed`."""
        if self._fresh and data:
            self._fresh = False
            self._text = SSEParser() if data[0] else None
        return self._messages(data) if self._text is None else self._text.feed(data)

    def close(self) -> Iterable[ServerSentEvent]:
        """Half a binary message completes nothing."""
        return () if self._text is None else self._text.close()

    def _messages(self, data: bytes) -> Iterator[ServerSentEvent]:
        for message in self._binary.feed(data):
            kind = message.headers.get(":event-type")
            if kind is None:
                yield _failure(message.headers, message.payload)
            else:
                yield ServerSentEvent(kind, message.payload)


def _failure(headers: Headers, payload: bytes) -> ServerSentEvent:
    """A message that is no event: a modelled exception, or an error in its headers alone."""
    kind = headers.get(_KINDS.get(str(headers.get(":message-type")), ""))
    if not isinstance(kind, str):
        raise StreamBroken("a message of the event stream does not say what it is")
    if not payload:
        payload = dumps({"message": str(headers.get(":error-message", ""))})
    return ServerSentEvent(EXCEPTION + kind, payload)


def write_event(name: str, body: JsonObject) -> bytes:
    """One event as bytes."""
    return _written("event", ":event-type", name, body)


def write_exception(name: str, body: JsonObject) -> bytes:
    """One exception as bytes: the end of a stream that failed."""
    return _written("exception", ":exception-type", name, body)


def _written(kind: str, header: str, name: str, body: JsonObject) -> bytes:
    headers = {header: name, ":content-type": "application/json", ":message-type": kind}
    return write_message(headers, dumps(body))
