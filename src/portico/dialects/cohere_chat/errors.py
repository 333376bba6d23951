"""Failures of Cohere's API: `{"id", "message"}`, some with an `error_type` (native-wire 12)."""

from collections.abc import Mapping

from portico.dialects.failures import classify
from portico.errors import GatewayError, UpstreamError
from portico.jsonio import JsonError, JsonObject, dumps, loads


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
    """Classify an error answer. `headers` have lower-case names."""
    try:
        parsed: object = loads(body)
    except JsonError:
        parsed = body.decode(errors="replace")
    return failure(status, headers, parsed)


def failure(status: int | None, headers: Mapping[str, str], body: object) -> UpstreamError:
    """Name the failure in a parsed body; `status` None: it came inside an answer of 200."""
    error = classify(status, headers, body)
    if isinstance(body, dict) and isinstance(kind := body.get("error_type"), str):
        error.provider_code = kind
    return error


def encode_error(error: GatewayError, user_id: str | None) -> bytes:
    """Write the error body; it has no place for the user. A 500 says nothing of the inside."""
    return dumps(error_body(error))


def error_body(error: GatewayError) -> JsonObject:
    """The error as clients of this dialect read it."""
    masked = error.status == 500
    message = "Internal error. The gateway's log says what happened." if masked else error.message
    return {"message": message, "error_type": error.error_type}
