"""Rows are sentences: "down, down, fine: asks a, a, then b"."""

import pytest

from portico.errors import (
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from portico.routing import Outcome, attempt_flow, final_error
from portico.vocabulary import Endpoint

A, B = (Endpoint(model="m", provider=slug, tag=slug, upstream_model="m") for slug in "ab")


def run(flow, outcomes):
    """Play `outcomes` against the flow and return who was asked, in order."""
    asked, attempt = [], next(flow)
    for outcome in outcomes:
        asked.append(attempt.endpoint.provider)
        try:
            attempt = flow.send(outcome)
        except StopIteration:
            break
    return "".join(asked)


FINE = Outcome()
DOWN = Outcome(error=UpstreamUnavailable("down"))
LATE = Outcome(error=UpstreamTimeout("late"))
BUSY = Outcome(error=UpstreamRateLimited("busy"))
REFUSED = Outcome(error=UpstreamRejected("no"))
MID_STREAM = Outcome(error=UpstreamUnavailable("cut"), committed=True)


@pytest.mark.parametrize(
    ("outcomes", "asked"),
    [
        ([FINE], "a"),
        ([DOWN, FINE], "aa"),
        ([DOWN, DOWN, FINE], "aab"),
        ([REFUSED, FINE], "ab"),
        ([BUSY, FINE], "ab"),
        ([LATE, FINE], "ab"),
        ([MID_STREAM], "a"),
        ([DOWN, MID_STREAM], "aa"),
        ([DOWN] * 9, "aabb"),
        ([BUSY] * 9, "ab"),
    ],
)
def test_attempts(outcomes, asked):
    assert run(attempt_flow([A, B], retries=1), outcomes) == asked


def test_attempts_are_bounded_however_many_endpoints_there_are():
    assert run(attempt_flow([A, B] * 20, retries=0, most=5), [BUSY] * 50) == "ababa"


def limited(retry_after_s):
    return UpstreamRateLimited("busy", retry_after_s=retry_after_s, upstream_status=429)


@pytest.mark.parametrize(
    ("errors", "retry_after"),
    [
        ([limited(7), limited(30)], "7"),
        ([limited(30), limited(7.2)], "7"),
        ([limited(7), limited(None)], None),
        ([UpstreamUnavailable("down"), limited(7)], None),
        ([limited(99_999)], "3600"),
        ([limited(0.01)], "1"),
    ],
)
def test_retry_after_is_the_smallest_hint_if_every_attempt_gave_one(errors, retry_after):
    last = final_error([(A, error) for error in errors])

    assert last.headers.get("Retry-After") == retry_after


def test_earlier_errors_are_told_beside_the_last_one():
    error = final_error([(A, limited(7)), (B, UpstreamRejected("no", upstream_status=400))])

    assert error.metadata["previous_errors"] == [
        {"provider": "a", "code": 429, "status": 429, "message": "busy"}
    ]
    assert error.headers["x-should-retry"] == "false"
