"""What a provider's failure becomes, and what a client is told."""

import json

import pytest

from portico.dialects.failures import classify, decode_error
from portico.dialects.openai_chat.errors import encode_error
from portico.errors import (
    GatewayError,
    InvalidKey,
    UpstreamKeyRefused,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "outward", "error_type"),
    [
        (429, '{"error":{"message":"slow down","code":"rate_limited"}}', UpstreamRateLimited, 429, "rate_limit_exceeded"),
        (401, '{"error":{"message":"bad key"}}', UpstreamKeyRefused, 502, "provider_unavailable"),
        (402, '{"error":{"message":"pay"}}', UpstreamKeyRefused, 502, "provider_unavailable"),
        (403, '{"error":{"message":"no"}}', UpstreamKeyRefused, 502, "provider_unavailable"),
        (400, '{"code":"x","error":"Incorrect API key provided"}', UpstreamKeyRefused, 502, "provider_unavailable"),
        (500, "oops", UpstreamUnavailable, 502, "provider_unavailable"),
        (503, "{}", UpstreamOverloaded, 503, "provider_overloaded"),
        (529, "{}", UpstreamOverloaded, 503, "provider_overloaded"),
        (504, "", UpstreamTimeout, 504, "timeout"),
        (408, "", UpstreamTimeout, 504, "timeout"),
        (400, '{"error":{"message":"unknown parameter"}}', UpstreamRejected, 400, "invalid_request"),
        (404, '{"error":{"message":"no such model"}}', UpstreamModelGone, 404, "not_found"),
        (404, '{"error":{"message":"No such File object: file-abc"}}', UpstreamRejected, 404, "not_found"),
        (404, "page not found", UpstreamModelGone, 404, "not_found"),
        (403, '{"error":{"message":"flagged by moderation"}}', UpstreamRejected, 400, "content_policy_violation"),
        (422, "Failed to deserialize", UpstreamRejected, 422, "unprocessable"),
        (400, '{"error":{"message":"This model\'s maximum context length is 8192 tokens"}}', UpstreamRejected, 400, "context_length_exceeded"),
        (400, '{"error":{"message":"too long","code":"context_length_exceeded"}}', UpstreamRejected, 400, "context_length_exceeded"),
        (400, '{"error":{"code":"content_filter","message":"blocked"}}', UpstreamRejected, 400, "content_policy_violation"),
        (None, '{"error":{"message":"tool_use_failed","status_code":400}}', UpstreamRejected, 400, "invalid_request"),
        (None, '{"error":{"message":"?"}}', UpstreamUnavailable, 502, "provider_unavailable"),
    ],
)  # fmt: skip
def test_failures_are_named_by_status_code_and_words(status, body, kind, outward, error_type):
    if status is None:
        error = classify(None, {}, json.loads(body))
    else:
        error = decode_error(status, {}, body.encode())

    assert type(error) is kind
    assert (error.status, error.error_type) == (outward, error_type)


def test_context_errors_carry_the_words_that_clients_look_for():
    error = decode_error(400, {}, b'{"error":{"message":"Input is too long for requested model."}}')

    told = json.loads(encode_error(error, None))["error"]

    assert "maximum context length" in told["message"]
    assert told["metadata"]["provider_code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("headers", "retry_after_s"),
    [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "250"}, 0.25), ({"retry-after": "soon"}, None), ({}, None)],
)  # fmt: skip
def test_hints_to_wait_are_read_from_headers(headers, retry_after_s):
    assert decode_error(429, headers, b"{}").retry_after_s == retry_after_s


def test_the_providers_text_is_shown_as_a_string_without_keys():
    secret = "sk-" + "proj-" + "a1b2" * 8
    error = decode_error(400, {}, json.dumps({"error": {"message": f"bad {secret}"}}).encode())
    error.metadata["provider_name"] = "Acme"

    told = json.loads(encode_error(error, "user_1"))

    assert told["user_id"] == "user_1"
    assert told["error"]["code"] == 400
    assert isinstance(told["error"]["metadata"]["raw"], str)
    assert secret not in json.dumps(told)
    assert told["error"]["metadata"]["provider_name"] == "Acme"


def test_an_internal_error_says_nothing_of_the_inside():
    told = encode_error(GatewayError("secret path and traceback", detail="inside"), None)

    assert b"inside" not in told.replace(b"of the inside", b"")
    assert b"traceback" not in told
    assert json.loads(told)["error"]["metadata"] == {"error_type": "server"}


def test_errors_before_a_provider_have_no_provider_fields():
    told = json.loads(encode_error(InvalidKey("Missing Authentication header"), None))

    assert told == {
        "error": {
            "message": "Missing Authentication header",
            "code": 401,
            "metadata": {"error_type": "authentication"},
        }
    }
