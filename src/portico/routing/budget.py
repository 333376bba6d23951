"""How much asking again is allowed, so that a storm is not made worse by retries.

Only asking an endpoint again counts: going on to another one is what the
others are there for. The share and its floor are Envoy's (reliability promise R2).
"""

from typing import Annotated

import msgspec

from portico.routing.attempts import Attempt
from portico.routing.facts import EndpointKey
from portico.vocabulary import Endpoint

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`[retries]`: how often a request is tried before its error is told.

    Attributes:
        rounds: how often endpoints are asked again after all of them have failed,
            those whose failure may pass by itself; 0 for never.
        most_attempts: attempts of one request in all.
        share: of the requests under way at an endpoint, how many may be asking
            it again.
        floor: how many may do so however few are under way.
    """

    rounds: Annotated[int, msgspec.Meta(ge=0, le=10)] = 1
    most_attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 6
    share: _Share = 0.2
    floor: Annotated[int, msgspec.Meta(ge=0)] = 3


class RetryBudget:
    """What is under way at each endpoint, and whether one may be asked again. One per process."""

    def __init__(self, policy: RetryPolicy | None = None) -> None:
        self.policy = policy or RetryPolicy()
        self._attempts: dict[EndpointKey, int] = {}
        self._repeats: dict[EndpointKey, int] = {}

    def under_way(self, attempt: Attempt) -> "UnderWay":
        """Return a context: the attempt is counted until it is over, however it goes."""
        endpoint = attempt.candidate.endpoint
        counts = (self._attempts, self._repeats) if attempt.number else (self._attempts,)
        return UnderWay(counts, (endpoint.model, endpoint.tag))

    def allows(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint may be asked again now."""
        key = (endpoint.model, endpoint.tag)
        most = max(self.policy.floor, self.policy.share * self._attempts.get(key, 0))
        return self._repeats.get(key, 0) < most


class UnderWay:
    """An attempt while it is counted."""

    __slots__ = ("_counts", "_key")

    def __init__(self, counts: tuple[dict[EndpointKey, int], ...], key: EndpointKey) -> None:
        self._counts = counts
        self._key = key

    def __enter__(self) -> None:
        for count in self._counts:
            count[self._key] = count.get(self._key, 0) + 1

    def __exit__(self, *failure: object) -> None:
        for count in self._counts:
            count[self._key] -= 1
