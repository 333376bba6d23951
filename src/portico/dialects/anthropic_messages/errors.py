"""Failures of the Messages API: what a provider says, and what its clients are told."""

from collections.abc import Mapping
from typing import Any

from portico.dialects.anthropic_messages.overflow import overflow_words
from portico.dialects.failures import (
    classify,
    parsed_error,
    provider_message,
    shown_message,
)
from portico.errors import GatewayError, UpstreamError
from portico.jsonio import JsonObject, dumps

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TYPES = {status: name for name, status in _STATUS.items()} | {
    408: "timeout_error",
    503: "overloaded_error",
}


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
    """Classify an error answer. `headers` have lower-case names.

    The type decides where it says more than the status: proxies in front of
    the API answer 500 with an `overloaded_error` inside.
    """
    parsed = parsed_error(body)
    inside = _status_of(parsed)
    return classify(inside if status >= 500 and inside else status, headers, parsed)


def error_inside(body: JsonObject) -> UpstreamError:
    """Classify an error that stands inside an answer which had begun with 200."""
    return classify(_status_of(body) or 500, {}, body)


def encode_error(error: GatewayError, user_id: str | None) -> bytes:
    """Write the error body; it has no place for the user. A 500 says nothing of the inside."""
    return dumps({**error_body(error), **(error.beside if error.status != 500 else {})})


def error_body(error: GatewayError) -> JsonObject:
    """The error as this dialect's clients read it (contract/errors-limits 1)."""
    kind = _TYPES.get(error.status)
    if kind is None:
        kind = "invalid_request_error" if error.status < 500 else "api_error"
    detail = {"type": kind, "message": _said(error), "error_type": error.error_type}
    return {"type": "error", "error": detail, "request_id": error.generation_id}


def _said(error: GatewayError) -> str:
    """What happened, in the vendor's own words where its clients act on them."""
    if error.status == 500:
        return shown_message(error)
    if error.error_type == "context_length_exceeded":
        return overflow_words(error.message)
    return provider_message(error) or error.message


def _status_of(body: object) -> int | None:
    inner: Any = body.get("error") if isinstance(body, dict) else None
    kind = inner.get("type") if isinstance(inner, dict) else None
    return _STATUS.get(kind) if isinstance(kind, str) else None
