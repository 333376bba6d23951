"""Breaker, ramp and budget against a provider on paper: a clock of numbers, nothing is sent."""

from collections import Counter

from routing_samples import endpoint

from portico.errors import UpstreamUnavailable
from portico.routing import Outcome, attempt_flow
from portico.routing.budget import RetryBudget
from portico.routing.facts import Candidate
from portico.routing.health import HealthTracker, Observation

BAD, GOOD = Candidate(endpoint=endpoint("bad")), Candidate(endpoint=endpoint("good"))
PER_S = 50


def play(seconds, *, is_well, candidates=(BAD, GOOD)):
    """Requests at a steady rate, one after the other; what each second saw of each provider."""
    tracker, budget = HealthTracker(), RetryBudget()
    seen = [Counter() for _ in range(seconds)]
    for number in range(seconds * PER_S):
        now_s = number / PER_S
        flow = attempt_flow(
            candidates,
            retries=budget.policy.rounds,
            admits=lambda candidate, now_s=now_s: tracker.admits(candidate, now_s),
            repeats=budget.allows,
        )
        attempt = next(flow)
        while True:
            slug = attempt.endpoint.provider
            seen[int(now_s)][slug] += 1
            fine = slug == "good" or is_well(now_s)
            tracker.record(
                attempt.candidate, Observation(fault=None if fine else "endpoint"), now_s
            )
            with budget.under_way(attempt):
                outcome = Outcome(error=None if fine else UpstreamUnavailable("down"))
            try:
                attempt = flow.send(outcome)
            except StopIteration as stop:
                seen[int(now_s)]["failed"] += stop.value.error is not None
                break
    return seen


def test_a_dead_provider_sees_five_requests_and_then_a_probe_at_growing_pauses():
    seen = play(400, is_well=lambda _: False)

    probed = {second: counts["bad"] for second, counts in enumerate(seen) if counts["bad"]}
    assert probed == {0: 5, 30: 1, 90: 1, 180: 1, 300: 1}
    assert sum(counts["failed"] for counts in seen) == 0
    assert sum(counts["bad"] + counts["good"] for counts in seen) <= 1.2 * 400 * PER_S


def test_a_provider_that_recovers_comes_back_by_one_probe_and_a_tenth_of_its_requests():
    seen = play(70, is_well=lambda now_s: now_s > 10)

    before, first, last = seen[29]["bad"], seen[31]["bad"], seen[65]["bad"]
    assert before == 0
    assert first <= 0.2 * PER_S
    assert last == PER_S

    assert sum(counts["failed"] for counts in seen) == 0


def test_the_last_endpoint_of_a_model_is_asked_in_any_case():
    seen = play(3, is_well=lambda _: False, candidates=(BAD,))

    assert all(counts["bad"] >= PER_S for counts in seen)
