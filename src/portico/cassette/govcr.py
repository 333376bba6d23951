"""go-vcr's cassette format, version 2: https://github.com/dnaeon/go-vcr

A YAML file of interactions, each a request and a response with a whole body.
"""

import re
from decimal import Decimal

import msgspec
import yaml

from portico.cassette.model import (
    Cassette,
    CassetteError,
    Headers,
    Interaction,
    RecordedRequest,
    RecordedResponse,
)

_VERSION = 2
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DURATION = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|ms|s|m|h)")
_UNIT_S = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_RecordedHeaders = dict[str, list[str]] | None


class _Request(msgspec.Struct, kw_only=True):
    method: str
    url: str
    headers: _RecordedHeaders = None
    body: object = ""


class _Response(msgspec.Struct, kw_only=True):
    code: int
    headers: _RecordedHeaders = None
    body: object = ""
    duration: object = None


class _Interaction(msgspec.Struct, kw_only=True):
    request: _Request
    response: _Response


class _File(msgspec.Struct, kw_only=True):
    version: int
    interactions: list[_Interaction] | None = None


def load(text: bytes, *, name: str = "") -> Cassette:
    """Read a cassette. Bodies come out as the exact bytes that were recorded.

    Args:
        text: the file. Only plain YAML is read: nothing in it can call code.
        name: what messages shall call the cassette.

    Raises:
        CassetteError: it is not YAML, not go-vcr version 2, or a field is
            missing or of the wrong kind; the message says which.
    """
    try:
        file = msgspec.convert(yaml.load(text, Loader=_LOADER), _File)  # a safe one
    except yaml.YAMLError as error:
        raise _failure(name, f"not YAML: {error}") from error
    except (msgspec.ValidationError, RecursionError, ValueError) as error:
        raise _failure(name, f"not a go-vcr cassette: {error}") from error
    if file.version != _VERSION:
        raise _failure(name, f"go-vcr version {file.version}; version {_VERSION} can be read")
    interactions = []
    for number, recorded in enumerate(file.interactions or ()):
        try:
            interactions.append(_interaction(recorded))
        except ValueError as error:
            raise _failure(name, f"interaction {number}: {error}") from error
    return Cassette(name=name, interactions=tuple(interactions))


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


def _interaction(recorded: _Interaction) -> Interaction:
    asked, answered = recorded.request, recorded.response
    return Interaction(
        request=RecordedRequest(
            method=asked.method,
            url=asked.url,
            headers=_headers(asked.headers),
            body=_body(asked.body, "request.body"),
        ),
        response=RecordedResponse(
            status=answered.code,
            headers=_headers(answered.headers),
            body=_body(answered.body, "response.body"),
            duration_s=_duration_s(answered.duration),
        ),
    )


def _headers(recorded: _RecordedHeaders) -> Headers:
    return tuple((name, value) for name, values in (recorded or {}).items() for value in values)


def _body(recorded: object, where: str) -> bytes:
    """Text is UTF-8; what is no text was recorded as `!!binary`."""
    if recorded is None:
        return b""
    if isinstance(recorded, bytes):
        return recorded
    if isinstance(recorded, str):
        return recorded.encode()
    raise ValueError(f"{where} is {type(recorded).__name__}, not text")


def _duration_s(recorded: object) -> float | None:
    """A Go duration, or a plain number of nanoseconds, which is what one is in Go."""
    if recorded is None or recorded == "":
        return None
    if isinstance(recorded, int):
        return recorded / 1e9
    return seconds(str(recorded))


def _failure(name: str, what: str) -> CassetteError:
    return CassetteError(f"{name}: {what}" if name else what)
