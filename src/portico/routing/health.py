"""What is known of endpoints' health when a route is planned: an immutable snapshot."""

from typing import Annotated, Literal

import msgspec

from portico.routing.facts import Candidate
from portico.routing.windows import Counts, Histogram
from portico.vocabulary import Endpoint

BreakerState = Literal["closed", "open", "half_open"]

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Seconds = Annotated[float, msgspec.Meta(gt=0)]
_Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Of the last five minutes; in listings, of the last thirty."""

    p50: float
    p75: float
    p90: float
    p99: float


class ToolRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint calls tools: answers of the last day that ended in tool calls, and those
    of them in error (arguments that are not JSON, an unknown tool, a broken schema)."""

    calls: int
    errors: int


class EndpointHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint as observed here.

    `outage`: failing in the last 30 s, or told to wait; `breaker` "open": it is
    left alone, "half_open": one request may probe it. `ramp` is the share of its
    requests that it gets, below 1 for a while after a probe. `latency_s` is from the
    request to the first token, `throughput_tps` completion tokens per second;
    None: not measured. `first_tokens` is how many `latency_s` is made of. Uptimes are
    percentages, None below a minimum sample.
    `tool_record` is None while it has called no tool.
    """

    outage: bool = False
    breaker: BreakerState = "closed"
    ramp: float = 1.0
    latency_s: Percentiles | None = None
    first_tokens: int = 0
    throughput_tps: Percentiles | None = None
    uptime_5m: float | None = None
    uptime_30m: float | None = None
    uptime_1d: float | None = None
    tool_record: ToolRecord | None = None

    @property
    def stable(self) -> bool:
        """Whether the endpoint takes part in the weighted draw."""
        return not self.outage and self.breaker == "closed"


_LONG_AGO_S = float("-inf")
_UNKNOWN = EndpointHealth()
_SLOT_S = 30.0
_RECENT_SLOTS = 11  # five minutes, and what has begun
_MEMORY_S = 31.0  # an outage is remembered for thirty seconds


class HealthSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Health by (model slug, endpoint tag); endpoints nobody asked yet are well."""

    endpoints: dict[tuple[str, str], EndpointHealth] = {}

    def of(self, endpoint: Endpoint) -> EndpointHealth:
        """The endpoint's health."""
        return self.endpoints.get((endpoint.model, endpoint.tag), _UNKNOWN)


class HealthPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`[health]`: when an endpoint is left alone, and how it comes back.

    An endpoint that fails again and again is left alone by its breaker; then
    one request probes it, and after a good one it gets more and more of its
    requests again. The last endpoint of a model is asked in any case.

    Attributes:
        failures_to_open: failures in a row that open the breaker.
        ejection_s: seconds that it stays open, times the number of openings
            since the endpoint was last well; also how long a key is left alone
            that its provider has refused.
        longest_ejection_s: seconds that it stays open at most.
        probe_s: seconds after which another probe is sent if one is not answered.
        ramp_share: of the requests that would come to it, those that an
            endpoint gets at once after a good probe.
        ramp_s: seconds until it gets all of them.
        outage_attempts: attempts in the last 30 s below which an endpoint is
            not judged; above, it comes after the others if `outage_share` failed.
        outage_share: share of failed attempts that makes an outage.
        usual_wait_s: seconds that a rate limit holds if it does not say.
        longest_wait_s: seconds that one holds at most, whatever it says.
    """

    failures_to_open: _Count = 5
    ejection_s: _Seconds = 30.0
    longest_ejection_s: _Seconds = 300.0
    probe_s: _Seconds = 60.0
    ramp_share: _Share = 0.1
    ramp_s: Annotated[float, msgspec.Meta(ge=0)] = 30.0
    outage_attempts: _Count = 3
    outage_share: _Share = 0.5
    usual_wait_s: _Seconds = 1.0
    longest_wait_s: _Seconds = 3600.0


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """How one attempt went, as far as the endpoint is to blame or to praise.

    `fault` "endpoint": a 5xx, no connection, a deadline, a broken answer, a model
    that is not there. "limited": 429. "key": the key was refused. None: it
    answered. What the client caused is not observed at all. `wait_s` is the wait that a failure asked for,
    `tool_calls` what became of the tool calls that an answer ended in.
    """

    fault: Literal["endpoint", "limited", "key"] | None = None
    latency_s: float | None = None
    throughput_tps: float | None = None
    wait_s: float | None = None
    tool_calls: Literal["fine", "broken"] | None = None


class HealthTracker:
    """Observations in, snapshots out; the clock is an argument. One per process.

    A snapshot is made anew when an endpoint's state changes, otherwise once a
    second at most: percentiles are not worth more.
    """

    def __init__(self, policy: HealthPolicy | None = None) -> None:
        self._policy = policy or HealthPolicy()
        self._states: dict[tuple[str, str], _State] = {}
        self._snapshot = HealthSnapshot()
        self._fresh_until_s = float("-inf")

    def record(self, candidate: Candidate, seen: Observation, now_s: float) -> None:
        """Take in the result of one attempt."""
        endpoint = candidate.endpoint
        state = self._states.get((endpoint.model, endpoint.tag)) or self._state(endpoint)
        if seen.fault is None and state.calm(now_s):  # nearly always
            state.take(seen, candidate.credential, now_s)
            return
        before = state.condition(now_s)
        state.take(seen, candidate.credential, now_s)
        if state.condition(now_s) != before:
            self._fresh_until_s = float("-inf")

    def admits(self, candidate: Candidate, now_s: float) -> bool:
        """Whether an attempt may be made now. A half-open breaker lets one probe through.

        A rate limit holds for the key that met it; a breaker for the endpoint.
        After a probe only every so many are let through, so ask once per attempt.
        """
        endpoint = candidate.endpoint
        state = self._states.get((endpoint.model, endpoint.tag))
        return state is None or state.admits(candidate.credential, now_s)

    def snapshot(self, now_s: float) -> HealthSnapshot:
        """Everything known at `now_s`."""
        if now_s >= self._fresh_until_s:
            endpoints = {key: state.health(now_s) for key, state in self._states.items()}
            self._snapshot = HealthSnapshot(endpoints=endpoints)
            self._fresh_until_s = now_s + 1.0
        return self._snapshot

    def listed(self, endpoint: Endpoint, now_s: float) -> EndpointHealth:
        """One endpoint's health, with percentiles of the last half hour."""
        state = self._states.get((endpoint.model, endpoint.tag))
        return _UNKNOWN if state is None else state.health(now_s, slots=None)

    def _state(self, endpoint: Endpoint) -> "_State":
        key = (endpoint.model, endpoint.tag)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = _State(self._policy)
        return state


class _State:
    """One endpoint's past: breaker, recent results, measurements."""

    def __init__(self, policy: HealthPolicy) -> None:
        self._policy = policy
        self._in_a_row = 0
        self._openings = 0
        self._open_until_s = float("-inf")
        self._probe_until_s = float("-inf")
        self._ramp_from_s: float | None = None
        self._ramped = 0.0
        self._wait_until_s: dict[str | None, float] = {}
        self._last_trouble_s = float("-inf")
        self._recent = Counts(slot_s=1.0, slots=30)
        self._long = {
            "uptime_5m": Counts(slot_s=10.0, slots=30),
            "uptime_30m": Counts(slot_s=60.0, slots=30),
            "uptime_1d": Counts(slot_s=1800.0, slots=48),
        }
        self._good_since_fold = 0
        self._folded_s = float("-inf")
        self._latency = Histogram(slot_s=_SLOT_S, slots=61)  # half an hour
        self._throughput = Histogram(slot_s=_SLOT_S, slots=61)
        self._tools = Counts(slot_s=1800.0, slots=48)

    def take(self, seen: Observation, credential: str | None, now_s: float) -> None:
        good = seen.fault is None
        if seen.fault in {"limited", "key"}:  # of this key, and no failure of the endpoint
            usual_s = self._policy.usual_wait_s
            usual_s = self._policy.ejection_s if seen.fault == "key" else usual_s
            self._wait(credential, now_s, seen.wait_s or usual_s)
            return
        if not good and seen.wait_s is not None:
            self._wait(credential, now_s, seen.wait_s)
        if credential not in self._wait_until_s:
            self._wait_until_s[credential] = _LONG_AGO_S
        self._recent.add(now_s, good=good)
        self._count_long(now_s, good=good)
        if seen.latency_s is not None:
            self._latency.add(now_s, seen.latency_s)
        if seen.throughput_tps is not None:
            self._throughput.add(now_s, seen.throughput_tps)
        if seen.tool_calls is not None:
            self._tools.add(now_s, good=seen.tool_calls == "fine")
        if good:
            self._recover(now_s)
        else:
            self._fail(now_s)

    def _wait(self, credential: str | None, now_s: float, seconds: float) -> None:
        until_s = now_s + min(seconds, self._policy.longest_wait_s)
        self._wait_until_s[credential] = max(self._waits_until_s(credential), until_s)
        self._last_trouble_s = max(self._last_trouble_s, until_s)

    def calm(self, now_s: float) -> bool:
        """Whether a good result can change nothing that a plan depends on."""
        return not self._openings and now_s - self._last_trouble_s > _MEMORY_S

    def _count_long(self, now_s: float, *, good: bool) -> None:
        """Good results are many: they are carried over to the long windows by the second."""
        if good:
            self._good_since_fold += 1
            if now_s - self._folded_s >= 1.0:
                self._fold(now_s)
            return
        for counts in self._long.values():
            counts.add(now_s, good=False)

    def _fold(self, now_s: float) -> None:
        for counts in self._long.values():
            counts.add(now_s, good=True, times=self._good_since_fold)
        self._good_since_fold = 0
        self._folded_s = now_s

    def _recover(self, now_s: float) -> None:
        """A good answer closes the breaker; past openings are forgotten after the ramp."""
        self._in_a_row = 0
        self._open_until_s = self._probe_until_s = _LONG_AGO_S
        if not self._openings:
            return
        if self._ramp_from_s is None:
            self._ramp_from_s, self._ramped = now_s, 0.0
        elif self._ramp(now_s) == 1.0:
            self._openings, self._ramp_from_s = 0, None

    def _fail(self, now_s: float) -> None:
        """Requests that were under way when the breaker opened do not open it again."""
        if self._ramp_from_s is not None and self._ramp(now_s) == 1.0:
            self._openings, self._ramp_from_s = 0, None
        self._last_trouble_s = max(self._last_trouble_s, now_s)
        self._in_a_row += 1
        probing = now_s < self._probe_until_s
        if now_s < self._open_until_s or not (
            probing or self._in_a_row >= self._policy.failures_to_open
        ):
            return
        self._openings += 1
        self._ramp_from_s = None
        pause_s = self._policy.ejection_s * self._openings
        self._open_until_s = now_s + min(pause_s, self._policy.longest_ejection_s)
        self._probe_until_s = float("-inf")
        self._in_a_row = 0

    def _waits_until_s(self, credential: str | None) -> float:
        return self._wait_until_s.get(credential, _LONG_AGO_S)

    def admits(self, credential: str | None, now_s: float) -> bool:
        breaker = self._breaker(now_s)
        if breaker == "open" or now_s < self._waits_until_s(credential):
            return False
        if breaker == "half_open":
            if now_s < self._probe_until_s:
                return False
            self._probe_until_s = now_s + self._policy.probe_s
            return True
        share = self._ramp(now_s)
        if share == 1.0:
            return True
        self._ramped += share
        if self._ramped < 1.0:
            return False
        self._ramped -= 1.0
        return True

    def _breaker(self, now_s: float) -> BreakerState:
        if now_s < self._open_until_s:
            return "open"
        return "half_open" if self._openings and self._ramp_from_s is None else "closed"

    def _ramp(self, now_s: float) -> float:
        """The share of its requests that the endpoint gets now: grows evenly up to all."""
        if self._ramp_from_s is None:
            return 1.0
        passed_s, ramp_s = now_s - self._ramp_from_s, self._policy.ramp_s
        if passed_s >= ramp_s:
            return 1.0
        least = self._policy.ramp_share
        return least + (1.0 - least) * passed_s / ramp_s

    def condition(self, now_s: float) -> tuple[BreakerState, bool]:
        """What a plan depends on."""
        return self._breaker(now_s), self._outage(now_s)

    def _outage(self, now_s: float) -> bool:
        waits = self._wait_until_s.values()
        all_wait = bool(waits) and all(now_s < until_s for until_s in waits)
        if all_wait or self._breaker(now_s) == "open":
            return True
        good, bad = self._recent.totals(now_s)
        attempts = good + bad
        enough = attempts >= self._policy.outage_attempts
        return enough and bad >= self._policy.outage_share * attempts

    def health(self, now_s: float, *, slots: int | None = _RECENT_SLOTS) -> EndpointHealth:
        """With percentiles of the latest `slots`, None for all."""
        self._fold(now_s)
        return EndpointHealth(
            outage=self._outage(now_s),
            breaker=self._breaker(now_s),
            ramp=self._ramp(now_s),
            latency_s=_percentiles(self._latency, now_s, slots),
            first_tokens=self._latency.total(now_s, latest=slots),
            throughput_tps=_percentiles(self._throughput, now_s, slots),
            uptime_5m=self._long["uptime_5m"].share(now_s),
            uptime_30m=self._long["uptime_30m"].share(now_s),
            uptime_1d=self._long["uptime_1d"].share(now_s),
            tool_record=self._tool_record(now_s),
        )

    def _tool_record(self, now_s: float) -> ToolRecord | None:
        fine, broken = self._tools.totals(now_s)
        return ToolRecord(calls=fine + broken, errors=broken) if fine + broken else None


def _percentiles(histogram: Histogram, now_s: float, slots: int | None) -> Percentiles | None:
    found = histogram.quantiles(now_s, (0.5, 0.75, 0.9, 0.99), latest=slots)
    if found is None:
        return None
    return Percentiles(p50=found[0], p75=found[1], p90=found[2], p99=found[3])


__all__ = [
    "BreakerState",
    "EndpointHealth",
    "HealthPolicy",
    "HealthSnapshot",
    "HealthTracker",
    "Observation",
    "Percentiles",
    "ToolRecord",
]
