"""go-vcr's cassette format, version 2: https://github.com/dnaeon/go-vcr

A YAML file of interactions, each a request and a response with a whole body.
"""

import re
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import msgspec

from portico.cassette.extension import KEY, extended, extension_of
from portico.cassette.fields import (
    RecordedHeaders,
    body_from,
    cassette_of,
    converted,
    failure,
    headers_by_name,
    headers_from,
    reason_of,
    text_or_bytes,
)
from portico.cassette.model import (
    Cassette,
    Interaction,
    RecordedRequest,
    RecordedResponse,
)
from portico.cassette.yamlio import dump_yaml
from portico.jsonio import JsonObject

VERSION = 2
_DURATION = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|ms|s|m|h)")
_UNIT_S = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}


class _Request(msgspec.Struct, kw_only=True):
    method: str
    url: str
    headers: RecordedHeaders = None
    body: object = ""


class _Response(msgspec.Struct, kw_only=True):
    code: int
    headers: RecordedHeaders = None
    body: object = ""
    duration: object = None
    status: str = ""
    x_portico: object = None


class _Interaction(msgspec.Struct, kw_only=True):
    request: _Request
    response: _Response


class _File(msgspec.Struct, kw_only=True):
    version: int
    interactions: list[_Interaction] | None = None


def read(document: object, *, name: str = "") -> Cassette:
    """Make a cassette of the decoded file. Bodies come out as the exact bytes that were recorded.

    Raises:
        CassetteError: it is not go-vcr version 2, or a field is missing or of
            the wrong kind; the message says which.
    """
    file = converted(document, _File, name, "a go-vcr cassette")
    if file.version != VERSION:
        raise failure(name, f"go-vcr version {file.version}; version {VERSION} can be read")
    return cassette_of(file.interactions or (), _interaction, name)


def write(cassette: Cassette) -> bytes:
    """Write a file that go-vcr loads and, in its default matching, replays."""
    rows = [_written(number, one) for number, one in enumerate(cassette.interactions)]
    return b"---\n" + dump_yaml({"version": VERSION, "interactions": rows})


def seconds(duration: str) -> float:
    """Read a duration as Go writes it.

    >>> seconds("211.675292ms"), seconds("1m2.5s"), seconds("0s")
    (0.211675292, 62.5, 0.0)

    Raises:
        ValueError: it is not one.
    """
    plain = duration.replace("\u00b5", "u").replace("\u03bc", "u")  # micro sign, Greek mu
    parts = _DURATION.findall(plain)
    if not parts or "".join(parts) != plain:
        raise ValueError(f"{duration!r} is not a Go duration")
    return float(sum((_part_s(part) for part in parts), Decimal(0)))


def _part_s(part: str) -> Decimal:
    number = part.rstrip("numsh")
    return Decimal(number) * _UNIT_S[part[len(number) :]]


def go_duration(duration_s: float) -> str:
    """Write a duration for Go, exact to the nanosecond.

    >>> go_duration(0.211675292), go_duration(62.5), go_duration(0)
    ('211.675292ms', '62500ms', '0s')
    """
    ns = round(duration_s * 1e9)
    if ns == 0:
        return "0s"
    return f"{ns // 1_000_000}.{ns % 1_000_000:06d}".rstrip("0").rstrip(".") + "ms"


def _interaction(recorded: _Interaction) -> Interaction:
    asked, answered = recorded.request, recorded.response
    interaction = Interaction(
        request=RecordedRequest(
            method=asked.method,
            url=asked.url,
            headers=headers_from(asked.headers),
            body=body_from(asked.body, "request.body"),
        ),
        response=RecordedResponse(
            status=answered.code,
            reason=answered.status.removeprefix(str(answered.code)).strip(),
            headers=headers_from(answered.headers),
            body=body_from(answered.body, "response.body"),
            duration_s=_duration_s(answered.duration),
        ),
    )
    return extended(interaction, answered.x_portico)


def _duration_s(recorded: object) -> float | None:
    """A Go duration, or a plain number of nanoseconds, which is what one is in Go."""
    if recorded is None or recorded == "":
        return None
    if isinstance(recorded, int):
        return recorded / 1e9
    return seconds(str(recorded))


def _written(number: int, one: Interaction) -> JsonObject:
    request, response = one.request, one.response
    answered: JsonObject = {
        "proto": "HTTP/1.1",
        "proto_major": 1,
        "proto_minor": 1,
        "content_length": -1 if response.is_event_stream else len(response.body),
        "body": text_or_bytes(response.body),
        "headers": headers_by_name(response.headers, canonical=True),
        "status": f"{response.status} {reason_of(response)}".rstrip(),
        "code": response.status,
    }
    if response.duration_s is not None:
        answered["duration"] = go_duration(response.duration_s)
    if extension := extension_of(one, with_duration=False):
        answered[KEY] = extension
    return {
        "id": number,
        "request": {
            "proto": "HTTP/1.1",
            "proto_major": 1,
            "proto_minor": 1,
            "content_length": len(request.body),
            "host": urlsplit(request.url).netloc.rpartition("@")[2],
            "body": text_or_bytes(request.body),
            "form": _form(request),
            "headers": headers_by_name(request.headers, canonical=True),
            "url": request.url,
            "method": request.method,
        },
        "response": answered,
    }


def _form(request: RecordedRequest) -> dict[str, list[str]]:
    """What Go's `ParseForm` finds: it is part of go-vcr's default matching."""
    if request.method not in {"POST", "PUT", "PATCH"}:
        return {}
    form = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
    if request.content_type.startswith("application/x-www-form-urlencoded"):
        for name, values in parse_qs(request.body.decode("latin-1")).items():
            form[name] = values + form.get(name, [])
    return form
