"""Why a plan is as it is: the numbers that ordered it, endpoint by endpoint."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from portico.routing.facts import EndpointKey
from portico.routing.health import EndpointHealth
from portico.routing.needs import Conditions, Needs, Target
from portico.routing.order import Group
from portico.routing.plan import RoutePlan, admitted
from portico.routing.refusals import Exclusion
from portico.vocabulary import Endpoint

HealthWord = Literal["ok", "ramping", "outage", "half_open", "open"]


class ExplainedCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate at its place in the plan, which counts from 1.

    `chance` is the probability to be asked first where a draw decides, None
    where the order is fixed. `preferred`: it meets the preferred speeds; None if
    none was given. `price_picousd` is the scalar that prices are compared by.
    """

    place: int
    endpoint: Endpoint
    credential: str | None
    is_byok: bool
    price_picousd: int
    chance: float | None
    preferred: bool | None
    health: HealthWord
    measured: EndpointHealth


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with its reasons. `sorted_by` is what orders the first model's endpoints."""

    requested: str
    models: tuple[str, ...]
    strategy: str
    sorted_by: str
    candidates: tuple[ExplainedCandidate, ...]
    excluded: tuple[Exclusion, ...]


_UNKNOWN = EndpointHealth()


def explain(
    plan: RoutePlan, targets: Sequence[Target], needs: Needs, conditions: Conditions
) -> Explanation:
    """Return the reasons for `plan`, which was made from the other arguments.

    The plan may be without candidates: then only the exclusions are told.
    """
    groups, _ = admitted(targets, needs, conditions)
    by_key = {facts.key: (group, facts) for group in groups for facts in group.facts}
    chances = first_chances(groups, conditions)
    explained = []
    for place, candidate in enumerate(plan.candidates, start=1):
        endpoint = candidate.endpoint
        key = (endpoint.model, endpoint.tag)
        group, facts = by_key[key]
        measured = conditions.health.known.get(key, _UNKNOWN)
        explained.append(
            ExplainedCandidate(
                place=place,
                endpoint=endpoint,
                credential=candidate.credential,
                is_byok=candidate.is_byok,
                price_picousd=facts.price_picousd,
                chance=chances.get(key, 0.0) if chances else None,
                preferred=group.is_preferred(facts),
                health=health_word(measured),
                measured=measured,
            )
        )
    return Explanation(
        requested=plan.requested,
        models=plan.models,
        strategy=plan.strategy,
        sorted_by=groups[0].sorted_by if groups else "",
        candidates=tuple(explained),
        excluded=plan.excluded,
    )


def first_chances(groups: Sequence[Group], conditions: Conditions) -> Mapping[EndpointKey, float]:
    """Return each endpoint's chance to be asked first; nothing where no draw decides.

    A conversation that is kept somewhere is not drawn for.
    """
    if not groups or conditions.affinity is not None:
        return {}
    kept = conditions.remembered
    if kept is not None and (kept.model, kept.tag) in {facts.key for facts in groups[0].facts}:
        return {}
    return groups[0].first_chances()


def health_word(health: EndpointHealth) -> HealthWord:
    """Return an endpoint's state in one word: of its breaker, else of its last 30 seconds."""
    if health.breaker != "closed":
        return health.breaker
    if health.outage:
        return "outage"
    return "ramping" if health.ramp < 1.0 else "ok"
