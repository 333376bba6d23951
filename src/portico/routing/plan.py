"""From the asked models to an ordered list of endpoints, or the reasons why there is none."""

from collections.abc import Iterable, Sequence
from random import Random

import msgspec

from portico.routing.facts import Candidate, EndpointFacts
from portico.routing.filters import SOFT, Filter, makers, supports
from portico.routing.needs import Conditions, Needs, Strategy, Target
from portico.routing.order import Group, candidates, joined
from portico.routing.policies import drawn_first
from portico.routing.refusals import Exclusion, nothing_fits
from portico.vocabulary import Endpoint

_NOTHING_ELSE = Conditions()


class RoutePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Candidates in the order to try them (at least one), and the endpoints left out.

    `endpoints` are those of the candidates, each once, in the same order.
    `requested` is the first model as the client named it, `models` are the slugs
    of all in the order asked for, `strategy` is how the first one was found.
    """

    candidates: tuple[Candidate, ...]
    excluded: tuple[Exclusion, ...] = ()
    requested: str = ""
    models: tuple[str, ...] = ()
    strategy: Strategy = "direct"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints to try, without the keys."""
        endpoints = [candidate.endpoint for candidate in self.candidates]
        return tuple({id(endpoint): endpoint for endpoint in endpoints}.values())


def plan(
    targets: Sequence[Target],
    needs: Needs,
    rng: Random,
    conditions: Conditions = _NOTHING_ELSE,
) -> RoutePlan:
    """Filter and order the endpoints of `targets` (at least one), which are tried in that order.

    Raises:
        ContextLengthExceeded: the window alone excluded everything.
        ModelNotFound: the models are of a kind that this API cannot call.
        NoEndpointAvailable: nothing is left; `metadata["availability"]` says why.
    """
    found = survey(targets, needs, rng, conditions)
    if not found.candidates:
        raise nothing_fits(targets, needs, found.excluded)
    return found


def survey(
    targets: Sequence[Target],
    needs: Needs,
    rng: Random,
    conditions: Conditions = _NOTHING_ELSE,
) -> RoutePlan:
    """Plan like `plan`, but return a plan without candidates where nothing fits."""
    first = targets[0]
    found = usual(first, needs, rng, conditions) if len(targets) == 1 else None
    excluded: Sequence[Exclusion] = ()
    if found is None:
        groups, excluded = admitted(targets, needs, conditions)
        copies = joined(groups, conditions, rng)
        found = candidates(copies, fallbacks=_may_fall_back(needs))
    return RoutePlan(
        candidates=found,
        excluded=tuple(excluded),
        requested=first.requested,
        models=tuple([target.model.slug for target in targets]),
        strategy=first.strategy,
    )


def usual(
    target: Target, needs: Needs, rng: Random, conditions: Conditions
) -> tuple[Candidate, ...] | None:
    """Return the candidates of the commonest request: no wishes, one model, all well.

    The same as the long way finds, by the draw that was prepared with the catalogue. None:
    there is something to decide.
    """
    if (
        needs.service_tier is not None
        or conditions.remembered is not None
        or conditions.affinity is not None
        or conditions.health.out
        or conditions.auto_exacto
        or not needs.parameters.isdisjoint(SOFT)
        or makers(needs, conditions, target)
    ):
        return None
    drawn = drawn_first(target.facts.ranked, target.facts.weights, rng)
    return tuple([facts.candidate for facts in drawn])


def admitted(
    targets: Sequence[Target], needs: Needs, conditions: Conditions
) -> tuple[list[Group], list[Exclusion]]:
    """Return the endpoints that fit, in groups to be ordered apart, and those that do not."""
    excluded: list[Exclusion] = []
    kept: list[tuple[Target, Sequence[EndpointFacts]]] = []
    for target in targets:
        fitting: Sequence[EndpointFacts] = target.facts.endpoints
        filters = [
            (code, objects)
            for code, make in makers(needs, conditions, target)
            if (objects := make(needs, conditions, target)) is not None
        ]
        if filters:
            fitting = _without_objection(fitting, filters, excluded)
        if len(fitting) > 1:
            fitting = _preferring(fitting, needs, target, excluded)
        kept.append((target, fitting))
    if len(kept) > 1 and needs.together:
        once = {facts.key: facts for _, fitting in kept for facts in fitting}
        kept = [(kept[0][0], list(once.values()))]
    groups = [Group(target, fitting, needs, conditions) for target, fitting in kept if fitting]
    return groups, excluded


def _without_objection(
    endpoints: Iterable[EndpointFacts],
    filters: Sequence[tuple[str, Filter]],
    excluded: list[Exclusion],
) -> list[EndpointFacts]:
    fitting = []
    for facts in endpoints:
        for code, objects in filters:
            reason = objects(facts)
            if reason is not None:
                excluded.append(Exclusion(endpoint=facts.endpoint, code=code, reason=reason))
                break
        else:
            fitting.append(facts)
    return fitting


def _preferring(
    endpoints: Sequence[EndpointFacts], needs: Needs, target: Target, excluded: list[Exclusion]
) -> Sequence[EndpointFacts]:
    """Soft filters: of one model's endpoints, those that take what was sent, if there are any."""
    for parameter in SOFT:
        if parameter not in needs.parameters or parameter in target.facts.common_parameters:
            continue
        taking = [facts for facts in endpoints if supports(facts, parameter)]
        if not taking or len(taking) == len(endpoints):
            continue
        excluded += [
            Exclusion(
                endpoint=facts.endpoint,
                code=f"preference:{parameter}",
                reason=f"does not take {parameter}, and another endpoint does",
            )
            for facts in endpoints
            if not supports(facts, parameter)
        ]
        endpoints = taking
    return endpoints


def _may_fall_back(needs: Needs) -> bool:
    """Without fallbacks `provider.order` keeps what it lists, anything else its first choice."""
    wishes = needs.preferences
    return wishes.allow_fallbacks is not False or wishes.order is not None
