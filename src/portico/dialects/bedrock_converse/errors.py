"""Failures of Bedrock: `{"message"}` and a type, in a header, in the body or as an event.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from collections.abc import Mapping

from portico.dialects.failures import classify, parsed_error, shown_message
from portico.dialects.fields import text_of
from portico.errors import GatewayError, UpstreamError
from portico.jsonio import JsonObject, dumps

# What a type means where the status does not say it, or no status came.
_STATUS = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InternalServerException": 500,
    "InvalidSignatureException": 403,
    "ModelErrorException": 500,
    "ModelNotReadyException": 503,
    "ModelStreamErrorException": 500,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 429,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "UnrecognizedClientException": 403,
    "ValidationException": 400,
}
_TYPES = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
}


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
    """Classify an error answer. `headers` have lower-case names."""
    parsed = parsed_error(body)
    kind = headers.get("x-amzn-errortype")
    if kind is None and isinstance(parsed, dict):
        kind = text_of(parsed.get("__type"))
    return _named(kind, status, headers, parsed)


def exception_inside(name: str, body: object) -> UpstreamError:
    """Classify an exception of a stream that had begun with 200; `name` is its type."""
    return _named(name, None, {}, body)


def encode_error(error: GatewayError, user_id: str | None) -> bytes:
    """Write the error body; its type stands in it, for want of a header."""
    return dumps({"__type": exception_of(error), **error_body(error)})


def error_body(error: GatewayError) -> JsonObject:
    """What a client of this dialect reads of an error. A 500 says nothing of the inside."""
    return {"message": shown_message(error)}


def exception_of(error: GatewayError) -> str:
    """The type of an error in this dialect."""
    usual = "ValidationException" if error.status < 500 else "InternalServerException"
    return _TYPES.get(error.status, usual)


def _named(
    kind: str | None, status: int | None, headers: Mapping[str, str], body: object
) -> UpstreamError:
    """The type is written `ns#ThrottlingException:http://...`, in streams `throttlingException`."""
    name = (kind or "").partition(":")[0].rpartition("#")[2]
    name = name[:1].upper() + name[1:]
    if isinstance(body, dict) and "message" not in body and "Message" in body:
        body = {**body, "message": body["Message"]}  # as the outer layers of AWS write it
    error = classify(_STATUS.get(name, status), headers, body)
    error.provider_code = name or error.provider_code
    return error
