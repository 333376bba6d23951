"""Failures of the Responses API: what a provider says, and what its clients are told.

A failure has three forms: the body of an HTTP error, an `error` event, and a
response whose status is "failed" (contract/errors-limits 1 and 5).
"""

import re
from math import ceil

from portico.dialects.failures import classify, provider_message, shown_message
from portico.dialects.openai_chat.errors import error_object
from portico.dialects.openai_responses.answer import Asked
from portico.errors import GatewayError, UpstreamError
from portico.jsonio import JsonObject, dumps

_STATUS = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "server_is_overloaded": 503,
    "slow_down": 503,
    "vector_store_timeout": 504,
    "invalid_prompt": 400,
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
}
"""What the codes of failed responses would have been as a status; images are 400 too."""

_PRECISE = {
    "context_length_exceeded": "context_length_exceeded",
    "payment_required": "insufficient_quota",
}
"""Codes that Codex acts on: it compacts the conversation, or stops (contract/clients 7)."""
_SAYS_WHEN = re.compile(r"try again in\s*[\d.]+\s*(?:ms|s)", re.IGNORECASE)

_CODES = {
    "rate_limit_exceeded": "rate_limit_exceeded",
    "context_length_exceeded": "invalid_prompt",
    "invalid_request": "invalid_prompt",
    "content_policy_violation": "image_content_policy_violation",
}


def error_inside(body: JsonObject) -> UpstreamError:
    """Classify an error that stands inside an answer which had begun with 200.

    `body` is an `error` event or a response object that failed.
    """
    detail = body.get("error")
    if not isinstance(detail, dict):
        detail = {name: body[name] for name in ("code", "message", "param") if body.get(name)}
    code = detail.get("code") or detail.get("type")
    status = code if isinstance(code, int) else _STATUS.get(str(code))
    if status is None:
        status = 400 if "image" in str(code) else 500
    return classify(status, {}, {"error": detail or {"message": "the response failed"}})


def encode_error(error: GatewayError, user_id: str | None, *, precise: bool = False) -> bytes:
    """Write the error body. A 500 says nothing of the inside.

    Args:
        error: what happened.
        user_id: who asked, if that is known.
        precise: with the codes that Codex acts on.
    """
    told = error_object(error)
    metadata = {k: v for k, v in told["metadata"].items() if k != "error_type" and v is not None}
    body: JsonObject = {
        "error": failure(error, precise=precise),
        "metadata": metadata or None,
        "error_type": error.error_type,
    }
    if user_id is not None:
        body["user_id"] = user_id
    if error.status != 500:
        body.update(error.beside)
    return dumps(body)


def failed_response(
    asked: Asked, error: GatewayError, *, output: list[JsonObject], precise: bool
) -> JsonObject:
    """The response object that ends a stream which failed after it began."""
    told = failure(error, precise=precise)
    response = asked.response(status="failed", output=output, error=told)
    beside = error.beside if error.status != 500 else {}
    return {**response, "error_type": error.error_type, **beside}


def failure(error: GatewayError, *, precise: bool) -> JsonObject:
    """The `error` member: this dialect's code and a message for a person."""
    kind = error.error_type
    exact = _precise_code(error) if precise else None
    if exact is not None:
        code = exact
    elif error.status == 401:
        code = "invalid_api_key"
    elif "image" in kind:
        code = kind
    else:
        client_fault = 400 <= error.status < 500
        code = _CODES.get(kind, "invalid_prompt" if client_fault else "server_error")
    masked = error.status == 500 or kind == "context_length_exceeded"
    message = shown_message(error) if masked else provider_message(error) or error.message
    if precise and code == "rate_limit_exceeded":
        message = _saying_when(message, error)
    return {"code": code, "message": message}


def _precise_code(error: GatewayError) -> str | None:
    """The code that Codex acts on; None if it has none for this failure."""
    if isinstance(error, UpstreamError) and error.provider_code == "insufficient_quota":
        return "insufficient_quota"  # waiting does not help, though it came as a rate limit
    return _PRECISE.get(error.error_type)


def _saying_when(message: str, error: GatewayError) -> str:
    """The message with the seconds to wait, which Codex reads out of it."""
    if _SAYS_WHEN.search(message):
        return message
    wait_s = error.headers.get("Retry-After")
    if wait_s is None and isinstance(error, UpstreamError) and error.retry_after_s is not None:
        wait_s = str(max(1, ceil(error.retry_after_s)))
    return message if wait_s is None else f"{message} Please try again in {wait_s}s."
