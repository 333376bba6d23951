"""What is known of endpoints' health when a route is planned: an immutable snapshot."""

from typing import Literal

import msgspec

from portico.vocabulary import Endpoint

BreakerState = Literal["closed", "open", "half_open"]


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Of the last five minutes."""

    p50: float
    p75: float
    p90: float
    p99: float


class EndpointHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint as observed here.

    `outage`: failing in the last 30 s, or told to wait; `breaker` "open": it is
    left alone, "half_open": one request may probe it. `latency_s` is from the
    request to the first token, `throughput_tps` completion tokens per second;
    None: not measured. Uptimes are percentages, None below a minimum sample.
    """

    outage: bool = False
    breaker: BreakerState = "closed"
    latency_s: Percentiles | None = None
    throughput_tps: Percentiles | None = None
    uptime_5m: float | None = None
    uptime_30m: float | None = None
    uptime_1d: float | None = None

    @property
    def stable(self) -> bool:
        """Whether the endpoint takes part in the weighted draw."""
        return not self.outage and self.breaker == "closed"


_UNKNOWN = EndpointHealth()


class HealthSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Health by (model slug, endpoint tag); endpoints nobody asked yet are well."""

    endpoints: dict[tuple[str, str], EndpointHealth] = {}

    def of(self, endpoint: Endpoint) -> EndpointHealth:
        """The endpoint's health."""
        return self.endpoints.get((endpoint.model, endpoint.tag), _UNKNOWN)
