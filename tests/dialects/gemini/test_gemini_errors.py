"""What Google says when it fails, and what a client of its dialect is told."""

import json

import pytest
from tests.conftest import body_of, recorded

from portico.dialects.gemini import DIALECT as GEMINI
from portico.errors import (
    GatewayError,
    InvalidRequest,
    KeyLimitExceeded,
    UpstreamKeyRefused,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)


def said(code: int, message: str, status: str, *details: dict) -> bytes:
    error = {"code": code, "message": message, "status": status, "details": list(details)}
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "error_type"),
    [
        (400, said(400, "Bad role", "INVALID_ARGUMENT"), UpstreamRejected, "invalid_request"),
        (
            400,
            said(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"),
            UpstreamKeyRefused,
            "provider_unavailable",
        ),
        (
            400,
            said(
                400,
                "The input token count (12) exceeds the maximum number of tokens allowed (10).",
                "INVALID_ARGUMENT",
            ),
            UpstreamRejected,
            "context_length_exceeded",
        ),
        (403, said(403, "No", "PERMISSION_DENIED"), UpstreamKeyRefused, "provider_unavailable"),
        (404, said(404, "No model", "NOT_FOUND"), UpstreamModelGone, "not_found"),
        (429, said(429, "Quota", "RESOURCE_EXHAUSTED"), UpstreamRateLimited, "rate_limit_exceeded"),
        (500, said(500, "Oops", "INTERNAL"), UpstreamUnavailable, "provider_unavailable"),
        (503, said(503, "Busy", "UNAVAILABLE"), UpstreamOverloaded, "provider_overloaded"),
        (504, said(504, "Late", "DEADLINE_EXCEEDED"), UpstreamTimeout, "timeout"),
        (502, b"<html>bad gateway</html>", UpstreamUnavailable, "provider_unavailable"),
        (503, b"[" + said(503, "Busy", "UNAVAILABLE") + b"]", UpstreamOverloaded, "provider_overloaded"),
    ],
)  # fmt: skip
def test_failures_are_named_by_status_and_words(status, body, kind, error_type):
    error = GEMINI.decode_error(status, {}, body)

    assert type(error) is kind
    assert error.error_type == error_type
    assert error.upstream_status == status


def test_the_wait_is_read_from_the_body():
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}

    error = GEMINI.decode_error(429, {}, said(429, "Quota", "RESOURCE_EXHAUSTED", info))

    assert error.retry_after_s == 34.5


def test_a_header_comes_before_the_body():
    info = {"retryDelay": "34s"}

    error = GEMINI.decode_error(429, {"retry-after": "5"}, said(429, "Quota", "X", info))

    assert error.retry_after_s == 5


def test_the_machine_readable_reason_is_the_providers_code():
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}

    error = GEMINI.decode_error(400, {}, said(400, "API key not valid.", "INVALID_ARGUMENT", info))

    assert error.provider_code == "API_KEY_INVALID"


def test_every_recorded_failure_has_a_name_and_a_code():
    failures = [r for r in recorded("gemini-generate") if r["response"]["status"] >= 400]

    named = [GEMINI.decode_error(r["response"]["status"], {}, body_of(r)) for r in failures]

    assert len(named) >= 5
    assert all(error.provider_code and error.raw for error in named)


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (InvalidRequest("contents: missing"), 400, "INVALID_ARGUMENT"),
        (KeyLimitExceeded("too dear"), 403, "PERMISSION_DENIED"),
        (UpstreamRateLimited("Provider returned error"), 429, "RESOURCE_EXHAUSTED"),
        (UpstreamUnavailable("Provider returned error"), 502, "UNAVAILABLE"),
    ],
)
def test_clients_of_the_dialect_are_told_in_its_own_form(error, code, word):
    body = json.loads(GEMINI.encode_error(error, "user_1"))

    assert body == {"error": {"code": code, "message": error.message, "status": word}}


def test_a_fault_of_our_own_says_nothing_of_the_inside():
    body = json.loads(GEMINI.encode_error(GatewayError("secret path"), None))

    assert "secret" not in body["error"]["message"]
    assert body["error"]["status"] == "INTERNAL"
