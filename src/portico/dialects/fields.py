"""Members of JSON objects: those nobody vouches for, and those that travel as exact bytes."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from portico.dialects.base import Quirks, RawFields
from portico.jsonio import JsonObject, dumps

_decode_members = msgspec.json.Decoder(RawFields).decode


def text_of(value: object) -> str | None:
    """A text that says something; None for anything else."""
    return value if isinstance(value, str) and value else None


def object_of(value: object) -> Mapping[str, Any]:
    """An object, to look into without a further check; empty for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """A list, to look through without a further check; empty for anything else."""
    return value if isinstance(value, list) else []


def members_of(value: msgspec.Raw | None) -> RawFields:
    """The members of an object as exact bytes; empty for anything else."""
    if value is None or bytes(value)[:1] != b"{":
        return {}
    return _decode_members(value)


def rest_of(body: Mapping[str, Any], known: Collection[str]) -> JsonObject | None:
    """The members the hub has no word for, without nulls; None rather than empty."""
    return {k: v for k, v in body.items() if k not in known and v is not None} or None


def raw(value: object) -> msgspec.Raw:
    """A value as the exact JSON bytes that a body will have."""
    return msgspec.Raw(dumps(value))


def finished_body(fields: RawFields, quirks: Quirks) -> bytes:
    """The bytes for an upstream, after the provider's last edit. `fields` may change."""
    if quirks.patch_request is not None:
        quirks.patch_request(fields)
    return dumps(fields)


def encoded_body(body: JsonObject, quirks: Quirks) -> bytes:
    """As `finished_body`, for a body that was built and not taken over."""
    if quirks.patch_request is None:
        return dumps(body)
    return finished_body({name: raw(value) for name, value in body.items()}, quirks)
