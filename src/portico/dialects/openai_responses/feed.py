"""The events of one Responses stream as they are written: their numbers, their lines, and the
signs of life between them (contract/other-apis 1, clients 7)."""

from collections.abc import Callable
from typing import Any

import msgspec

from portico.dialects.base import Envelope, Progress
from portico.dialects.openai_responses.answer import Asked
from portico.jsonio import dumps


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How clients want to be spoken to, where they differ.

    `event_lines`: each event has its name on a line of its own, too. `precise_codes`: errors
    have the codes that Codex acts on.
    """

    event_lines: bool = False
    precise_codes: bool = False


class Feed:
    """Numbers the events of one stream, from 0 and without a gap, whoever else writes to it."""

    def __init__(self, envelope: Envelope, manner: Manner) -> None:
        self._progress = envelope.progress or Progress()
        self._lines = manner.event_lines

    @property
    def began(self) -> bool:
        """Whether the client has been told that the response is in progress."""
        return self._progress.events > 0

    def next(self) -> int:
        """The number of the event that is about to be written."""
        number = self._progress.events
        self._progress.events += 1
        return number

    def lead(self, name: str) -> bytes:
        """What stands before the data of an event."""
        return b"event: %b\ndata: " % name.encode() if self._lines else b"data: "

    def event(self, name: str, /, **fields: Any) -> bytes:
        """One event."""
        body = {"type": name, **fields, "sequence_number": self.next()}
        return self.lead(name) + dumps(body) + b"\n\n"

    def begin(self, asked: Asked) -> bytes:
        """The two events that every stream begins with, unless they were written before."""
        if self.began:
            return b""
        response = asked.response(status="in_progress", output=[])
        return self.event("response.created", response=response) + self.event(
            "response.in_progress", response=response
        )


def pulse(envelope: Envelope, manner: Manner) -> Callable[[], bytes]:
    """Writes `response.in_progress`, again and again: the only sign of life that Codex sees."""
    feed = Feed(envelope, manner)

    def write() -> bytes:
        asked = Asked(envelope)
        if not feed.began:
            return feed.begin(asked)
        response = asked.response(status="in_progress", output=[])
        return feed.event("response.in_progress", response=response)

    return write
