"""Ruby VCR's cassette format, for reading: https://github.com/vcr/vcr"""

from email.utils import parsedate_to_datetime

import msgspec

from portico.cassette.fields import (
    RecordedHeaders,
    body_from,
    cassette_of,
    converted,
    from_base64,
    headers_from,
)
from portico.cassette.model import Cassette, Interaction, RecordedRequest, RecordedResponse


class _Body(msgspec.Struct, kw_only=True):
    encoding: str | None = None
    string: object = None
    base64_string: str | None = None


class _Request(msgspec.Struct, kw_only=True):
    method: str
    uri: str
    body: _Body | str | None = None
    headers: RecordedHeaders = None


class _Status(msgspec.Struct, kw_only=True):
    code: int
    message: str | None = None


class _Response(msgspec.Struct, kw_only=True):
    status: _Status
    headers: RecordedHeaders = None
    body: _Body | str | None = None


class _Interaction(msgspec.Struct, kw_only=True):
    request: _Request
    response: _Response
    recorded_at: str | None = None


class _File(msgspec.Struct, kw_only=True):
    http_interactions: list[_Interaction]


def read(document: object, *, name: str = "") -> Cassette:
    """Make a cassette of the decoded file.

    Raises:
        CassetteError: a field is missing or of the wrong kind; the message says which.
    """
    file = converted(document, _File, name, "a Ruby VCR cassette")
    return cassette_of(file.http_interactions, _interaction, name)


def _interaction(recorded: _Interaction) -> Interaction:
    asked, answered = recorded.request, recorded.response
    return Interaction(
        request=RecordedRequest(
            method=asked.method.upper(),
            url=asked.uri,
            headers=headers_from(asked.headers),
            body=_body(asked.body, "request.body"),
        ),
        response=RecordedResponse(
            status=answered.status.code,
            reason=answered.status.message or "",
            headers=headers_from(answered.headers),
            body=_body(answered.body, "response.body"),
        ),
        recorded_ms=_milliseconds(recorded.recorded_at),
    )


def _body(recorded: _Body | str | None, where: str) -> bytes:
    """`encoding` names how Ruby saw the bytes, not how they stand in the file."""
    if not isinstance(recorded, _Body):
        return body_from(recorded, where)
    if recorded.base64_string is not None:
        return from_base64(recorded.base64_string, f"{where}.base64_string")
    return body_from(recorded.string, f"{where}.string")


def _milliseconds(recorded: str | None) -> int | None:
    """The time as e-mail writes it.

    Raises:
        ValueError: it is written otherwise.
    """
    return None if recorded is None else round(parsedate_to_datetime(recorded).timestamp() * 1000)
