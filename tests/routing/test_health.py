"""A list of timestamps and observations; no sleeping."""

import pytest

from portico.routing.facts import Candidate
from portico.routing.health import (
    EndpointHealth,
    HealthPolicy,
    HealthTracker,
    Observation,
    ToolRecord,
)
from portico.vocabulary import Endpoint

ENDPOINT = Endpoint(model="m", provider="a", tag="a", upstream_model="m")
A = Candidate(endpoint=ENDPOINT)
FINE = Observation(latency_s=0.2, throughput_tps=50.0)
FAULT = Observation(fault="endpoint")


def tracker_after(*observations, start_s=1000.0):
    tracker = HealthTracker()
    for n, seen in enumerate(observations):
        tracker.record(A, seen, start_s + n * 0.01)
    return tracker


def test_an_endpoint_nobody_asked_is_well():
    tracker = HealthTracker()

    assert tracker.admits(A, 0.0)
    assert tracker.snapshot(0.0).of(ENDPOINT).stable


def test_the_breaker_opens_after_five_failures_in_a_row_and_not_before():
    assert tracker_after(*[FAULT] * 4).snapshot(1001).of(ENDPOINT).breaker == "closed"
    assert (
        tracker_after(*[FAULT] * 4, FINE, *[FAULT] * 4).snapshot(1001).of(ENDPOINT).breaker
        == "closed"
    )
    assert tracker_after(*[FAULT] * 5).snapshot(1001).of(ENDPOINT).breaker == "open"


def test_an_open_breaker_admits_nothing_then_one_probe():
    tracker = tracker_after(*[FAULT] * 5)

    assert not tracker.admits(A, 1001)
    assert not tracker.admits(A, 1029)
    assert tracker.admits(A, 1031)
    assert not tracker.admits(A, 1031)


def test_a_good_probe_closes_the_breaker():
    tracker = tracker_after(*[FAULT] * 5)
    tracker.admits(A, 1031)

    tracker.record(A, FINE, 1032)

    assert tracker.snapshot(1032).of(ENDPOINT).breaker == "closed"
    assert tracker.admits(A, 1032 + HealthPolicy().ramp_s)


def recovered(*, at_s=1032.0, policy=None):
    """An endpoint whose breaker was closed by a good probe."""
    tracker = HealthTracker(policy)
    for _ in range(5):
        tracker.record(A, FAULT, 1000.0)
    tracker.admits(A, 1031.0)
    tracker.record(A, FINE, at_s)
    return tracker


def admitted_of(tracker, asked, *, at_s):
    return sum(tracker.admits(A, at_s) for _ in range(asked))


@pytest.mark.parametrize(
    ("after_s", "percent"), [(0.0, 10), (10.0, 40), (20.0, 70), (29.9, 99), (30.0, 100)]
)
def test_after_a_good_probe_a_tenth_comes_back_at_once_and_all_within_half_a_minute(
    after_s, percent
):
    tracker = recovered()

    assert admitted_of(tracker, 100, at_s=1032.0 + after_s) == pytest.approx(percent, abs=1)
    assert tracker.snapshot(1032.0 + after_s).of(ENDPOINT).ramp == pytest.approx(
        percent / 100, abs=0.01
    )


def test_an_operator_may_do_without_a_ramp():
    tracker = recovered(policy=HealthPolicy(ramp_s=0.0))

    assert admitted_of(tracker, 100, at_s=1032.0) == 100


def test_who_fails_again_while_coming_back_is_left_alone_for_longer():
    tracker = recovered()

    for _ in range(5):
        tracker.record(A, FAULT, 1040.0)

    assert not tracker.admits(A, 1040.0 + 59.9)
    assert tracker.admits(A, 1040.0 + 60.1)


def test_who_fails_long_after_coming_back_is_left_alone_as_at_first():
    tracker = recovered()

    for _ in range(5):
        tracker.record(A, FAULT, 1070.0)

    assert not tracker.admits(A, 1070.0 + 29.9)
    assert tracker.admits(A, 1070.0 + 30.1)


def test_each_failed_probe_lengthens_the_pause_up_to_a_cap():
    policy = HealthPolicy()
    tracker = HealthTracker(policy)
    now_s, pauses = 1000.0, []
    for _ in range(policy.failures_to_open):
        tracker.record(A, FAULT, now_s)
    for _ in range(13):
        opened_s = now_s
        while not tracker.admits(A, now_s):
            now_s += 0.5
        pauses.append(round(now_s - opened_s))
        tracker.record(A, FAULT, now_s)

    assert pauses[:3] == [30, 60, 90]
    assert pauses[-1] == 300


def test_failures_of_requests_under_way_do_not_open_it_twice():
    tracker = tracker_after(*[FAULT] * 30)

    assert tracker.admits(A, 1031)


def test_a_rate_limit_is_an_outage_until_its_wait_is_over_and_no_failure():
    tracker = tracker_after(Observation(fault="limited", wait_s=5.0))

    assert not tracker.admits(A, 1004.9)
    assert tracker.snapshot(1004.9).of(ENDPOINT).outage
    assert tracker.snapshot(1004.9).of(ENDPOINT).uptime_5m is None
    assert tracker.admits(A, 1005.1)
    assert not tracker.snapshot(1006.2).of(ENDPOINT).outage


def test_a_refused_key_leaves_the_endpoints_other_keys_alone():
    tracker, other = HealthTracker(), Candidate(endpoint=ENDPOINT, credential="second")
    tracker.record(other, FINE, 1000.0)

    for _ in range(9):
        tracker.record(A, Observation(fault="key"), 1000.0)

    assert not tracker.admits(A, 1001.0)
    assert tracker.admits(other, 1001.0)
    assert tracker.snapshot(1001.5).of(ENDPOINT).stable


@pytest.mark.parametrize(
    ("seen", "waits_s"),
    [
        (Observation(fault="limited", wait_s=5.0), 5.0),
        (Observation(fault="limited"), 1.0),
        (Observation(fault="endpoint", wait_s=5.0), 5.0),
        (Observation(fault="endpoint"), 0.0),
        (Observation(fault="limited", wait_s=1e9), 3600.0),
        (Observation(fault="key"), 30.0),
    ],
)
def test_an_endpoint_is_left_alone_as_long_as_it_asked_for_within_reason(seen, waits_s):
    tracker = tracker_after(seen)

    assert tracker.admits(A, 1000.0 + waits_s + 0.01)
    assert waits_s == 0.0 or not tracker.admits(A, 1000.0 + waits_s - 0.01)


@pytest.mark.parametrize(
    ("observations", "outage"),
    [
        ([FAULT, FAULT], False),
        ([FAULT, FAULT, FINE], True),
        ([FAULT, FINE, FINE], False),
        ([FINE, FINE, FINE, FAULT, FAULT, FAULT], True),
    ],
)
def test_outage_is_half_of_at_least_three_within_thirty_seconds(observations, outage):
    tracker = tracker_after(*observations)

    assert tracker.snapshot(1001).of(ENDPOINT).outage is outage
    assert tracker.snapshot(1032).of(ENDPOINT).outage is False


def test_a_change_of_state_is_in_the_next_snapshot_at_once():
    tracker = tracker_after(FINE)
    before = tracker.snapshot(1000.5)

    for _ in range(5):
        tracker.record(A, FAULT, 1000.5)

    assert before.of(ENDPOINT).stable
    assert not tracker.snapshot(1000.5).of(ENDPOINT).stable


def test_percentiles_cover_five_minutes():
    tracker = HealthTracker()
    for n in range(100):
        seen = Observation(latency_s=0.1 if n < 90 else 2.0, throughput_tps=100.0)
        tracker.record(A, seen, 1000.0)

    latency = tracker.snapshot(1000.0).of(ENDPOINT).latency_s

    assert latency.p50 == pytest.approx(0.1, rel=0.05)
    assert latency.p99 == pytest.approx(2.0, rel=0.05)
    assert tracker.snapshot(1290.0).of(ENDPOINT).latency_s is not None
    assert tracker.snapshot(1400.0).of(ENDPOINT).latency_s is None


def test_listings_cover_half_an_hour():
    tracker = HealthTracker()
    tracker.record(A, Observation(latency_s=2.0, throughput_tps=50.0), 1000.0)
    tracker.record(A, Observation(latency_s=0.1, throughput_tps=50.0), 2500.0)

    recent = tracker.snapshot(2500.0).of(ENDPOINT)
    listed = tracker.listed(ENDPOINT, 2500.0)

    assert (recent.first_tokens, listed.first_tokens) == (1, 2)
    assert recent.latency_s.p99 == pytest.approx(0.1, rel=0.05)
    assert listed.latency_s.p99 == pytest.approx(2.0, rel=0.05)
    assert tracker.listed(ENDPOINT, 2900.0).first_tokens == 1
    assert tracker.listed(ENDPOINT, 5000.0).latency_s is None
    assert HealthTracker().listed(ENDPOINT, 2500.0) == EndpointHealth()


def test_a_record_of_tool_calls_is_kept_for_a_day():
    calls = [Observation(tool_calls=word) for word in ("fine", "broken", "fine")]
    tracker = tracker_after(FINE, *calls)

    assert tracker.snapshot(1001.0).of(ENDPOINT).tool_record == ToolRecord(calls=3, errors=1)
    assert tracker.snapshot(1001.0 + 90_000).of(ENDPOINT).tool_record is None
    assert tracker_after(FINE, FAULT).snapshot(1001.0).of(ENDPOINT).tool_record is None


def test_uptime_is_a_percentage_over_its_own_window():
    tracker = tracker_after(FAULT, FINE, FINE, FINE)

    health = tracker.snapshot(1001).of(ENDPOINT)

    assert health.uptime_5m == health.uptime_1d == 75.0
    assert tracker.snapshot(1600).of(ENDPOINT).uptime_5m is None
    assert tracker.snapshot(1600).of(ENDPOINT).uptime_30m == 75.0


def test_a_rate_limit_holds_for_the_key_that_met_it():
    tracker = HealthTracker()
    other = Candidate(endpoint=ENDPOINT, credential="second")
    tracker.record(other, FINE, 1000.0)

    tracker.record(A, Observation(fault="limited", wait_s=5.0), 1000.0)

    assert not tracker.admits(A, 1001.0)
    assert tracker.admits(other, 1001.0)
    assert not tracker.snapshot(1001.5).of(ENDPOINT).outage
