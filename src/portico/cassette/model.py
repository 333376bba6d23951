"""A cassette and what is on it, whatever file format it came from."""

import msgspec

Headers = tuple[tuple[str, str], ...]


class CassetteError(ValueError):
    """A cassette cannot be read. The message names the file, if known, and the place in it."""


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


class RecordedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered. `duration_s` is from the request to the end of the body, None if
    it was not recorded."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    duration_s: float | None = None

    @property
    def is_event_stream(self) -> bool:
        """Whether the body is server-sent events."""
        return header(self.headers, "content-type").lower().startswith("text/event-stream")


class Interaction(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded exchange."""

    request: RecordedRequest
    response: RecordedResponse


class Cassette(msgspec.Struct, frozen=True, kw_only=True):
    """Exchanges in the order they happened. `name` is for messages: a file name, or empty."""

    name: str = ""
    interactions: tuple[Interaction, ...] = ()


def header(headers: Headers, name: str) -> str:
    """The first value of a header, whatever the case of its name; empty if it is not there."""
    return next((value for given, value in headers if given.lower() == name), "")
