"""What a provider's error answer means, in whatever dialect it came.

Rules: contract/errors-limits 2-3 and the recorded bodies (native-wire 12).
"""

import re
from collections.abc import Mapping
from typing import Any

from portico.dialects.fields import text_of
from portico.dialects.hints import retry_after_s
from portico.errors import (
    GatewayError,
    UpstreamError,
    UpstreamKeyRefused,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from portico.jsonio import JsonError, JsonObject, dumps, loads

INTERNAL = "Internal error. The gateway's log says what happened."
"""What a client is told of a 500: nothing of the inside."""

_RAW_LIMIT = 4096
_SECRET = re.compile(r"\b(?:sk|gsk|xai|key|pk|rk|hf|nvapi|csk|tgp|fw)[-_][A-Za-z0-9_\-*.]{6,}")
_CONTEXT = re.compile(
    r"maximum context length|context_length_exceeded|context window|prompt is too long"
    r"|maximum prompt length|input token count|too many tokens|input is too long"
    r"|too_many_prompt_tokens|reduce the length of (?:the|your) (?:messages|prompt|input)"
    r"|exceeds? the (?:available )?context size|larger than the context|exceeds? context limit"
    r"|longer than the maximum model length",
    re.IGNORECASE,
)
_POLICY = re.compile(r"content[_ ](?:policy|filter|management)|moderation|safety system", re.I)
_OF_CLIENT = re.compile(
    r"\b(?:files?|previous response|items?|container|conversation|thread|image|cached ?content)\b",
    re.IGNORECASE,
)
"""What a client names by an id of its own; anything else that is not found is the operator's."""
_BAD_KEY = re.compile(
    r"(?:incorrect|invalid|missing|no) (?:xai )?api key|api key (?:not valid|is invalid)", re.I
)


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
    """Classify an error answer. `headers` have lower-case names."""
    return classify(status, headers, parsed_error(body))


def parsed_error(body: bytes) -> object:
    """The body of an error answer as JSON, or as text where it is none."""
    try:
        return loads(body)
    except JsonError:
        return body.decode(errors="replace")


def shown_message(error: GatewayError) -> str:
    """What a client may read of an error."""
    return INTERNAL if error.status == 500 else error.message


def provider_message(error: GatewayError) -> str | None:
    """The message inside what the provider said, None if it is not to be found."""
    raw = error.raw if isinstance(error, UpstreamError) else None
    body: Any = parsed_error((raw or "").encode())
    inner = body.get("error", body) if isinstance(body, dict) else None
    return text_of(inner.get("message")) if isinstance(inner, dict) else None


def classify(status: int | None, headers: Mapping[str, str], body: object) -> UpstreamError:
    """Name the failure that a provider's body, status and headers describe.

    `status` None: the error stood inside an answer that had begun with 200; its
    own code decides. The provider's key being refused (401, 402, 403, or 400
    with such words) is never the client's fault, nor is a model that is not there.
    """
    detail = _detail(body)
    message, code = _message(detail, body), _code(detail, body)
    status = status if status is not None else _status_inside(detail)
    facts: dict[str, Any] = {
        "upstream_status": status,
        "raw": _clean(body),
        "provider_code": None if code is None else str(code),
        "retry_after_s": retry_after_s(status, headers, body),
    }
    text = f"{message} {code}"
    if status == 429:
        return UpstreamRateLimited("Provider returned error", **facts)
    if status in {408, 504, 524}:
        return UpstreamTimeout("Provider returned error", **facts)
    if status in {503, 529}:
        return UpstreamOverloaded("Provider returned error", **facts)
    if status == 403 and _POLICY.search(text):  # of the prompt, not of the key
        return _rejected(status, message, text, facts)
    if status in {401, 402, 403} or (status == 400 and _BAD_KEY.search(text)):
        return UpstreamKeyRefused("Provider returned error", **facts)
    if status is None or not 400 <= status < 500:
        return UpstreamUnavailable("Provider returned error", **facts)
    return _rejected(status, message, text, facts)


def _rejected(status: int, message: str, text: str, facts: dict[str, Any]) -> UpstreamRejected:
    if _CONTEXT.search(text):
        facts["provider_code"] = facts["provider_code"] or "context_length_exceeded"
        said = message if "maximum context length" in message.lower() else (
            f"This endpoint's maximum context length is exceeded. The provider said: {message}"
        )  # fmt: skip
        return UpstreamRejected(said, status=400, error_type="context_length_exceeded", **facts)
    kind, outward = "invalid_request", 400
    if _POLICY.search(text):
        kind = "content_policy_violation"
    elif status == 404 and not _OF_CLIENT.search(text):
        return UpstreamModelGone("Provider returned error", **facts)
    elif status == 404:
        kind, outward = "not_found", 404
    elif status == 413:
        kind, outward = "payload_too_large", 413
    elif status == 422:
        kind, outward = "unprocessable", 422
    return UpstreamRejected("Provider returned error", status=outward, error_type=kind, **facts)


def _detail(body: object) -> JsonObject:
    """The object that describes the failure, wherever the provider put it."""
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return {}
    inner = body.get("error")
    return inner if isinstance(inner, dict) else body


def _message(detail: JsonObject, body: object) -> str:
    for key in ("message", "error", "detail"):
        if isinstance(text := detail.get(key), str):
            return text
    return body[:500] if isinstance(body, str) else ""


def _code(detail: JsonObject, body: object) -> object:
    code = detail.get("code") or detail.get("type")
    if code is None and isinstance(body, dict):
        code = body.get("code")
    return code if isinstance(code, str | int) else None


def _status_inside(detail: JsonObject) -> int | None:
    for key in ("status_code", "code", "status"):
        value = detail.get(key)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return None


def _clean(body: object) -> str | None:
    """The provider's body as text, cut, with anything that looks like a key removed."""
    if body is None or body == "":
        return None
    text = body if isinstance(body, str) else dumps(body).decode()
    return _SECRET.sub("[redacted]", text)[:_RAW_LIMIT]
