"""A cassette and what is on it, whatever file format it came from."""

from typing import Literal

import msgspec

Headers = tuple[tuple[str, str], ...]
Side = Literal["upstream", "client"]
Ended = Literal["done", "aborted", "error"]
Failure = Literal["broken", "timeout", "unavailable"]


class CassetteError(ValueError):
    """A cassette cannot be read or written. The message names the file, if known, and the place."""


class RecordedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked. Header names stand as they were recorded; `body` is the exact bytes."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""

    @property
    def content_type(self) -> str:
        """The media type in lower case with its parameters, empty if none was recorded."""
        return header(self.headers, "content-type").lower()


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One read of a body: how many bytes, and when, in seconds after the request was sent."""

    size_bytes: int
    at_s: float


class RecordedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered.

    `duration_s` is from the request to the end of the body, None if it was not
    recorded. `frames` are the reads the body came in; empty if they are not
    known, else their sizes add up to the body. `head_s` is when status and
    headers were there, in seconds after the request. `ended` tells whether the body
    is whole, was left by whoever read it, or broke; `failure` says how it
    broke, `message` what was said of it. Without any answer `status` is 0.
    """

    status: int
    reason: str = ""
    headers: Headers = ()
    body: bytes = b""
    duration_s: float | None = None
    head_s: float | None = None
    frames: tuple[Frame, ...] = ()
    ended: Ended = "done"
    failure: Failure | None = None
    message: str = ""

    @property
    def is_event_stream(self) -> bool:
        """Whether the body is server-sent events."""
        return header(self.headers, "content-type").lower().startswith("text/event-stream")


class Interaction(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded exchange.

    `side` is "upstream" for what a provider said, "client" for what a gateway
    answered, None if the file does not tell. `recorded_ms` is the time of the
    request in milliseconds since the epoch, None if it was not recorded.
    """

    request: RecordedRequest
    response: RecordedResponse
    side: Side | None = None
    recorded_ms: int | None = None


class Cassette(msgspec.Struct, frozen=True, kw_only=True):
    """Exchanges in the order they happened. `name` is for messages: a file name, or empty."""

    name: str = ""
    interactions: tuple[Interaction, ...] = ()


def header(headers: Headers, name: str) -> str:
    """The first value of a header, whatever the case of its name; empty if it is not there."""
    return next((value for given, value in headers if given.lower() == name), "")
