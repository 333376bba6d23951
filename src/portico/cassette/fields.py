"""What the formats have in common: headers as lists by name, and bodies as text or bytes."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TypeVar

import msgspec

from portico.cassette.model import (
    Cassette,
    CassetteError,
    Headers,
    Interaction,
    RecordedRequest,
    RecordedResponse,
)
from portico.jsonio import dumps, loads

Kind = TypeVar("Kind")
Row = TypeVar("Row")

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
RecordedHeaders = dict[str, object] | None


def headers_from(recorded: Mapping[str, object] | None) -> Headers:
    """Read headers that are given by name, each with its values or with one.

    Raises:
        ValueError: a value is not text.
    """
    return tuple(
        (str(name), _header_text(value))
        for name, values in (recorded or {}).items()
        for value in (values if isinstance(values, list | tuple) else [values])
    )


def _header_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"a header has a {type(value).__name__} as its value")


def headers_by_name(headers: Headers, *, canonical: bool = False) -> dict[str, list[str]]:
    """Gather the values of each header under the first spelling of its name.

    Args:
        headers: in order.
        canonical: spell names as Go looks them up, `Content-Type`.
    """
    spelled: dict[str, str] = {}
    gathered: dict[str, list[str]] = {}
    for name, value in headers:
        key = spelled.setdefault(name.lower(), go_spelling(name) if canonical else name)
        gathered.setdefault(key, []).append(value)
    return gathered


def go_spelling(name: str) -> str:
    """Spell a header's name as Go does: `x-request-id` is `X-Request-Id`."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def body_from(recorded: object, where: str) -> bytes:
    """The bytes of a body as recorders write them: text is UTF-8, objects are JSON.

    Raises:
        ValueError: it is something else.
    """
    if recorded is None:
        return b""
    if isinstance(recorded, bytes):
        return recorded
    if isinstance(recorded, str):
        return recorded.encode()
    if isinstance(recorded, dict):
        return dumps(recorded)
    if isinstance(recorded, list) and all(isinstance(part, str | bytes) for part in recorded):
        return b"".join(body_from(part, where) for part in recorded)
    raise ValueError(f"{where} is {type(recorded).__name__}, not text")


def text_or_bytes(body: bytes) -> str | bytes:
    """A body as YAML shall have it: text if it is UTF-8, else bytes (`!!binary`)."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def from_base64(text: str, where: str) -> bytes:
    """Decode base64.

    Raises:
        ValueError: it is not.
    """
    try:
        return base64.b64decode(text, validate=False)
    except binascii.Error as error:
        raise ValueError(f"{where} is not base64: {error}") from None


def reason_of(response: RecordedResponse) -> str:
    """The recorded reason phrase, else the usual one of the status."""
    if response.reason:
        return response.reason
    return _PHRASES.get(response.status, "")


def failure(name: str, what: object) -> CassetteError:
    """The error about the cassette `name`, which may be empty."""
    return CassetteError(f"{name}: {what}" if name else str(what))


def converted(document: object, kind: type[Kind], name: str, what: str) -> Kind:
    """The decoded file as `kind`.

    Raises:
        CassetteError: it is not `what`; the message says which field is missing or wrong.
    """
    try:
        return msgspec.convert(document, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise failure(name, f"not {what}: {error}") from error


def cassette_of(
    rows: Iterable[Row], make: Callable[[Row], Interaction], name: str, *, word: str = "interaction"
) -> Cassette:
    """The cassette of what `make` reads in each row.

    Raises:
        CassetteError: `make` raised ValueError; the message says for which row.
    """
    interactions = []
    for number, row in enumerate(rows):
        try:
            interactions.append(make(row))
        except ValueError as error:
            raise failure(name, f"{word} {number}: {error}") from error
    return Cassette(name=name, interactions=tuple(interactions))


def model_of(request: RecordedRequest) -> str | None:
    """The `model` of a JSON body, None if there is none."""
    try:
        value = loads(request.body)
    except ValueError:
        return None
    model = value.get("model") if isinstance(value, dict) else None
    return model if isinstance(model, str) else None
