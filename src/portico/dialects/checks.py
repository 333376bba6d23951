"""What a client's body must be, whatever its dialect: JSON, its types, the gateway's own members.

A dialect declares the members it understands as a struct and reads a body with
`read_body`; what only it insists on, it checks itself. Every message begins
with the path it is about (`messages.0.role: ...`).
"""

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from portico.dialects.base import RawFields
from portico.dialects.hygiene import check_json
from portico.errors import InvalidRequest
from portico.jsonio import JsonError, JsonObject, loads

Body = TypeVar("Body")

_SESSION_ID_CHARS = 256
_METADATA_PAIRS, _METADATA_NAME_CHARS, _METADATA_TEXT_CHARS = 16, 64, 512
_MOST_TOKENS = 100_000_000  # above what any model can write: a mistake, not a wish

_HALF = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)

decode_fields = msgspec.json.Decoder(RawFields).decode
"""The top-level fields of a JSON object with their exact bytes."""


def read_body(
    body: bytes, decode: Callable[[bytes], Body], *, whole: Iterable[str] = ()
) -> tuple[RawFields, Body]:
    """The top-level fields with their exact bytes, and the typed body.

    Args:
        body: what the client sent.
        decode: of a `msgspec.json.Decoder` for the dialect's struct.
        whole: members that will be read to their depths later; what `decode`
            skips inside them has to be JSON as well.

    Raises:
        InvalidRequest: it is not a JSON object, or a member has a wrong type.
    """
    check_json(body)
    try:
        fields = decode_fields(body)
        typed = decode(body)
        for name in whole:
            loads(fields.get(name, b"null"))
    except msgspec.ValidationError as error:
        raise InvalidRequest(explained(error)) from None
    except RecursionError:
        raise too_deep() from None
    except JsonError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {_fault(body, error)}") from None
    return fields, typed


def _fault(body: bytes, error: Exception) -> str:
    """What is wrong; the decoder calls half of a surrogate pair a truncation."""
    half = _HALF.search(body) if b"\\ud" in body.lower() else None
    if half is None:
        return str(error)
    return f"the escape {half[0][-6:].decode()} (byte {half.end() - 6}) is half a character."


def too_deep() -> InvalidRequest:
    """The refusal of a body that the decoder cannot follow to its bottom."""
    return InvalidRequest("The request body is nested too deeply.")


def misshapen(error: Exception) -> str:
    """What a `ShapeError` says to whoever sent the body: the member, and nothing of our code."""
    if isinstance(error, KeyError):
        return f"{str(error.args[0])[:60]!r} is missing or not known"
    return "a part of them is not of the type that it should be"


def asked_models(names: Iterable[str]) -> tuple[str, ...]:
    """The asked slugs in order, without repeats.

    Raises:
        InvalidRequest: there is none.
    """
    models = tuple(dict.fromkeys(names))
    if not models:
        raise InvalidRequest("model: name a model, for example by one of the ids of GET /models")
    return models


def check_session_id(session_id: str | None) -> None:
    """
    Raises:
        InvalidRequest: it is longer than OpenRouter takes.
    """
    if session_id is not None and len(session_id) > _SESSION_ID_CHARS:
        raise InvalidRequest(f"session_id: at most {_SESSION_ID_CHARS} characters")


def check_metadata(metadata: JsonObject) -> None:
    """
    Raises:
        InvalidRequest: there are more or longer pairs than OpenRouter takes.
    """
    if len(metadata) > _METADATA_PAIRS:
        raise InvalidRequest(f"metadata: at most {_METADATA_PAIRS} pairs, got {len(metadata)}")
    for name, value in metadata.items():
        if len(name) > _METADATA_NAME_CHARS:
            raise InvalidRequest(f"metadata: a name has at most {_METADATA_NAME_CHARS} characters")
        if isinstance(value, str) and len(value) > _METADATA_TEXT_CHARS:
            raise InvalidRequest(f"metadata.{name}: at most {_METADATA_TEXT_CHARS} characters")


def check_output_cap(name: str, value: float | None) -> None:
    """
    Raises:
        InvalidRequest: the cap in the member `name` is no count of tokens.
    """
    if value is not None and not (1 <= value <= _MOST_TOKENS and value == int(value)):
        raise InvalidRequest(f"{name}: expected an integer from 1 to {_MOST_TOKENS}, got {value}")


def prompt_bytes(fields: RawFields, names: Iterable[str]) -> bytes:
    """The JSON of the members that make up the prompt, for `RequestHead.prompt_bytes`."""
    return b"".join([bytes(fields[name]) for name in names if name in fields])


def explained(error: msgspec.ValidationError, *, within: str = "") -> str:
    """Where a body is wrong, and how: msgspec says "... - at `$.messages[0].role`"; people
    read `messages.0.role: ...`.

    `within` is the path of what was checked, where that is not the whole body.
    """
    what, _, path = str(error).partition(" - at `$")
    path = re.sub(r"\[(\d+)\]", r".\1", path.rstrip("`")).replace("[...]", ".*")
    place = (within + path).lstrip(".")
    return f"{place}: {what}" if place else f"The request body: {what}"
