"""How long an attempt may take to its first token: rows of a table."""

import pytest
from tests.routing.routing_samples import endpoint

from portico.routing.facts import Candidate
from portico.routing.health import EndpointHealth, HealthTracker, Observation, Percentiles
from portico.routing.patience import LEAST_MEASURED, first_token_s

PLAIN = endpoint("acme")
THINKER = endpoint("acme", supported_parameters=frozenset({"reasoning", "max_tokens"}))


def measured(p99_s, first_tokens=LEAST_MEASURED):
    latency = Percentiles(p50=1.0, p75=1.0, p90=1.0, p99=p99_s)
    return EndpointHealth(latency_s=latency, first_tokens=first_tokens)


def patience(of, health=None, *, is_last=False):
    return first_token_s(of, health, usual_s=60.0, thinking_s=300.0, is_last=is_last)


@pytest.mark.parametrize(
    ("of", "health", "seconds"),
    [
        pytest.param(PLAIN, None, 60.0, id="nothing is known"),
        pytest.param(PLAIN, EndpointHealth(), 60.0, id="it never answered"),
        pytest.param(PLAIN, measured(1.0, LEAST_MEASURED - 1), 60.0, id="too little is known"),
        pytest.param(PLAIN, measured(1.0), 10.0, id="quick: the floor"),
        pytest.param(PLAIN, measured(5.0), 10.0, id="at the floor"),
        pytest.param(PLAIN, measured(12.0), 24.0, id="twice the slowest hundredth"),
        pytest.param(PLAIN, measured(45.0), 60.0, id="slow: what is configured"),
        pytest.param(THINKER, None, 300.0, id="a thinker of which nothing is known"),
        pytest.param(THINKER, measured(1.0), 60.0, id="a quick thinker: the usual"),
        pytest.param(THINKER, measured(100.0), 200.0, id="a slow thinker"),
        pytest.param(THINKER, measured(200.0), 300.0, id="a very slow thinker"),
    ],
)
def test_patience_with_an_endpoint(of, health, seconds):
    assert patience(of, health) == seconds


@pytest.mark.parametrize(("of", "seconds"), [(PLAIN, 60.0), (THINKER, 300.0)])
def test_the_last_candidate_is_waited_for_whatever_was_measured(of, seconds):
    assert patience(of, measured(1.0), is_last=True) == seconds


@pytest.mark.parametrize("said_s", [3.0, 900.0])
def test_what_the_operator_says_of_an_endpoint_holds(said_s):
    declared = endpoint("acme", first_byte_s=said_s)

    assert patience(declared, measured(1.0)) == said_s


def test_a_setting_for_thinkers_below_the_usual_one_does_not_shorten_it():
    assert first_token_s(THINKER, None, usual_s=90.0, thinking_s=30.0, is_last=False) == 90.0


def test_first_tokens_are_counted_for_five_minutes():
    tracker, candidate = HealthTracker(), Candidate(endpoint=PLAIN)
    for _ in range(7):
        tracker.record(candidate, Observation(latency_s=1.0), 0.0)

    counts = [tracker.snapshot(now_s).of(PLAIN).first_tokens for now_s in (1.0, 299.0, 400.0)]

    assert counts == [7, 7, 0]
