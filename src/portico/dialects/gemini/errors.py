"""Failures of the Gemini API: what the provider says, and what a client of the dialect is told.

https://cloud.google.com/apis/design/errors: `{"error": {code, message, status, details}}`;
without `alt=sse` the whole body is an array, errors included (native-wire 12).
"""

from collections.abc import Mapping
from typing import Any

from portico.dialects.failures import classify, parsed_error, shown_message
from portico.errors import GatewayError, UpstreamError
from portico.jsonio import JsonObject, dumps

_STATUS_WORDS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED", 404: "NOT_FOUND", 405: "INVALID_ARGUMENT", 408: "DEADLINE_EXCEEDED",
    409: "ABORTED", 413: "INVALID_ARGUMENT", 415: "INVALID_ARGUMENT", 422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 502: "UNAVAILABLE",
    503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
    """Classify an error answer. `headers` have lower-case names."""
    return failure(status, headers, parsed_error(body))


def failure(status: int | None, headers: Mapping[str, str], body: object) -> UpstreamError:
    """Name the failure in a parsed body; `status` None: it came inside an answer of 200."""
    if isinstance(body, list) and body:
        body = body[0]
    detail = _detail(body)
    if status is None and isinstance(code := detail.get("code"), int) and 400 <= code < 600:
        status = code
    error = classify(status, headers, body)
    if isinstance(word := detail.get("status"), str):
        error.provider_code = _reason(detail) or word
    return error


def encode_error(error: GatewayError, user_id: str | None) -> bytes:
    """Write the error body. A 500 says nothing of the inside."""
    return dumps(error_body(error))


def error_body(error: GatewayError) -> JsonObject:
    """The body that a client of this dialect reads an error from."""
    word = _STATUS_WORDS.get(error.status, "UNKNOWN")
    return {"error": {"code": error.status, "message": shown_message(error), "status": word}}


def _detail(body: object) -> JsonObject:
    inner = body.get("error") if isinstance(body, dict) else None
    return inner if isinstance(inner, dict) else {}


def _rows(detail: JsonObject) -> list[dict[str, Any]]:
    rows = detail.get("details")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _reason(detail: JsonObject) -> str | None:
    """The machine-readable reason, for example API_KEY_INVALID."""
    reasons = (row.get("reason") for row in _rows(detail))
    return next((reason for reason in reasons if isinstance(reason, str)), None)
