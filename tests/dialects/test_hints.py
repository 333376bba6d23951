"""How long a provider asks to wait, in every form that was met."""

import pytest
from tests.conftest import body_of, recorded

from portico.dialects.gemini.errors import decode_error
from portico.dialects.hints import retry_after_s

DATE = {"date": "Mon, 21 Sep 2026 10:00:00 GMT"}


def reset(name, value, *, remaining="0"):
    return {f"x-ratelimit-reset-{name}": value, f"x-ratelimit-remaining-{name}": remaining}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Mon, 21 Sep 2026 10:00:30 GMT", **DATE}, 30.0),
        ({"retry-after": "Mon, 21 Sep 2026 10:00:30 GMT"}, None),
        ({"retry-after": "Mon, 21 Sep 2026 09:00:00 GMT", **DATE}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon", "retry-after-ms": "250"}, 0.25),
        ({}, None),
        # windows of limits: the one that is used up
        (reset("requests", "6m0s"), 360.0),
        (reset("tokens", "120ms"), 0.12),
        (reset("requests", "1h2m3.5s"), 3723.5),
        (reset("requests", "12"), 12.0),
        (reset("requests", "15m50.4s", remaining="9") | reset("tokens", "8.625s"), 8.625),
        (reset("requests", "20s") | reset("tokens", "8s"), 20.0),
        # none is used up, but this request was more than what is left of one
        (reset("requests", "20s", remaining="5") | reset("tokens", "8s", remaining="9"), 8.0),
        (reset("requests", "0s", remaining="5") | reset("tokens", "8s", remaining="9"), 8.0),
        (reset("requests", "0s"), None),
        ({"x-ratelimit-reset": "2", "x-ratelimit-remaining": "0"}, 2.0),
        ({"x-ratelimit-reset": "1789984830000", **DATE}, 30.0),
        ({"x-ratelimit-reset": "1789984830", **DATE}, 30.0),
        ({"x-ratelimit-reset": "1789984830"}, None),
        (
            {
                "anthropic-ratelimit-tokens-reset": "2026-09-21T10:00:41Z",
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-09-21T10:09:00Z",
                "anthropic-ratelimit-requests-remaining": "48",
                **DATE,
            },
            41.0,
        ),
        ({"anthropic-ratelimit-tokens-reset": "2026-09-21T10:00:41Z"}, None),
        (reset("requests", "a while"), None),
        # what is said outright counts before what a window says
        ({"retry-after": "7", **reset("requests", "6m0s")}, 7.0),
    ],
)
def test_hints_stand_in_headers(headers, seconds):
    found = retry_after_s(429, headers, {})

    assert found == (None if seconds is None else pytest.approx(seconds))


def said(text):
    return {"error": {"message": text}}


RETRY_INFO = {
    "error": {
        "code": 429,
        "details": [
            {"@type": "type.googleapis.com/google.rpc.Help"},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "48.939935699s"},
        ],
    }
}
OPENROUTER = {"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1789984830000"}}}}


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, RETRY_INFO, 48.939935699),
        ({}, [RETRY_INFO], 48.939935699),
        ({"retry-after": "3"}, RETRY_INFO, 3.0),
        ({}, {"error": {"details": [{"retryDelay": "soon"}, 7, None]}}, None),
        ({}, {"error": {"retry_after": 3}}, 3.0),
        ({}, {"error": {"retry_after": "3"}}, 3.0),
        ({}, {"error": {"retry_after": True}}, None),
        ({}, {"retry_after_ms": 1500}, 1.5),
        ({}, {"error": {"metadata": {"availability": {"retry_after": 4}}}}, 4.0),
        (DATE, OPENROUTER, 30.0),
        ({}, OPENROUTER, None),
        ({}, said("Rate limit reached. Please try again in 1m2.5s. Visit ..."), 62.5),
        ({}, said("Please try again in 340ms."), 0.34),
        ({}, said("Please retry in 48.9s."), 48.9),
        ({}, said("Please retry after 20 seconds."), 20.0),
        ({}, said("Try again in 2 minutes"), 120.0),
        ({}, said("Please retry shortly, or add your own key"), None),
        ({}, {"error": "Try again in 7s"}, 7.0),
        ({}, "Try again in 7s", 7.0),
        (reset("requests", "6m0s"), said("Please try again in 7s"), 7.0),
        ({}, said("Please try again in " + "9" * 400 + "s"), None),
        ({}, None, None),
        ({}, [], None),
        ({}, {"error": {"details": {"retryDelay": "1s"}}}, None),
    ],
)
def test_hints_stand_in_bodies(headers, body, seconds):
    found = retry_after_s(429, headers, body)

    assert found == (None if seconds is None else pytest.approx(seconds))


def test_windows_of_limits_say_nothing_of_other_failures():
    assert retry_after_s(503, reset("requests", "6m0s"), {}) is None
    assert retry_after_s(503, {"retry-after": "7"}, {}) == 7.0


def test_the_recorded_rate_limit_of_gemini_says_how_long_to_wait():
    limited = [r for r in recorded("gemini-generate") if r["response"]["status"] == 429]

    hints = [decode_error(429, {}, body_of(record)).retry_after_s for record in limited]

    assert hints == [48.0]
