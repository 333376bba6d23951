"""The table of contract/routing 5, row by row: what a failure does to the rest of the plan.

A, B and C serve one model at three providers, Z serves the next model.
"""

import json

import pytest

from portico.dialects.failures import classify, decode_error
from portico.errors import StreamBroken, UpstreamEmpty, UpstreamTimeout, UpstreamUnavailable
from portico.routing import Outcome, attempt_flow, final_error
from portico.routing.facts import Candidate
from portico.vocabulary import Endpoint


def candidate(slug, *, model="m", window=8_000, credential=None):
    endpoint = Endpoint(
        model=model, provider=slug, tag=slug, upstream_model="m", context_tokens=window
    )
    return Candidate(endpoint=endpoint, credential=credential)


A, B, C = (candidate(slug) for slug in "abc")
LARGE = candidate("l", window=99_000)
NEXT_MODEL = candidate("z", model="other")


def said(status, text="", **error):
    body = {"error": {"message": text, **error}}
    return Outcome(error=decode_error(status, {}, json.dumps(body).encode()))


def inside(text, **error):
    """An error in the body of an answer of 200."""
    return Outcome(error=classify(None, {}, {"error": error | {"message": text}}))


EMPTY = Outcome(error=UpstreamEmpty("nothing"))
CUT = Outcome(error=StreamBroken("cut"))
COMMITTED = Outcome(error=StreamBroken("cut"), committed=True)
TOO_LONG = "This model's maximum context length is 8000 tokens"


def asked(candidates, outcome):
    """Who is asked if everybody fails in the same way, in one round."""
    flow = attempt_flow(candidates, retries=0)
    found = [next(flow)]
    try:
        while True:
            found.append(flow.send(outcome))
    except StopIteration:
        return "".join(attempt.endpoint.provider for attempt in found)


@pytest.mark.parametrize(
    ("outcome", "others", "next_model"),
    [
        pytest.param(Outcome(error=UpstreamUnavailable("refused")), "abc", "az", id="no connection"),
        pytest.param(Outcome(error=UpstreamTimeout("late")), "abc", "az", id="no first token in time"),
        pytest.param(said(500), "abc", "az", id="500"),
        pytest.param(said(502), "abc", "az", id="502"),
        pytest.param(said(503), "abc", "az", id="503"),
        pytest.param(said(529), "abc", "az", id="529 overloaded"),
        pytest.param(said(429), "abc", "az", id="429"),
        pytest.param(said(401), "abc", "az", id="401"),
        pytest.param(said(403), "abc", "az", id="403"),
        pytest.param(said(402), "abc", "az", id="402 or quota"),
        pytest.param(said(404, "no such model"), "abc", "az", id="404 model gone"),
        pytest.param(said(400, TOO_LONG), "al", "az", id="400 context length"),
        pytest.param(said(400, "bad value"), "ab", "az", id="400 invalid parameter"),
        pytest.param(said(400, "x", code="content_filter"), "ab", "az", id="content policy"),
        pytest.param(said(403, "flagged by moderation"), "ab", "az", id="moderation"),
        pytest.param(inside("overloaded", code=503), "abc", "az", id="200 with an error in the body"),
        pytest.param(EMPTY, "ab", "az", id="200 with nothing in it"),
        pytest.param(CUT, "abc", "az", id="a stream that ends before content"),
        pytest.param(COMMITTED, "a", "a", id="after the first content"),
        pytest.param(Outcome(error=UpstreamTimeout("x"), give_up=True), "a", "a", id="no time left"),
        pytest.param(Outcome(), "a", "a", id="a good answer"),
    ],
)  # fmt: skip
def test_what_a_failure_does_to_the_rest_of_the_plan(outcome, others, next_model):
    larger = [A, B, LARGE] if "l" in others else [A, B, C]

    assert asked(larger, outcome) == others
    assert asked([A, NEXT_MODEL], outcome) == next_model


def test_after_a_429_the_next_key_comes_before_the_next_provider():
    first, second = candidate("a", credential="1"), candidate("a", credential="2")

    assert asked([first, second, B], said(429)) == "aab"


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_of_the_operator_is_never_the_clients_error(status):
    error = final_error([(A.endpoint, said(status).error)])

    assert (error.status, error.error_type) == (502, "provider_unavailable")
