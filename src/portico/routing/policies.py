"""Orders of endpoints, one function each. Randomness is an argument.

Every policy puts endpoints in outage behind the others. A half-open breaker
keeps its endpoint's place: the request that is sent there is the probe that
closes it again, and only one is let through at a time.
"""

from collections.abc import Callable, Sequence
from random import Random
from statistics import median, pstdev

from portico.routing.facts import EndpointFacts, draw_weights, rank_of
from portico.routing.needs import Conditions

Policy = Callable[[Sequence[EndpointFacts], Conditions, Random], list[EndpointFacts]]
POLICIES: dict[str, Policy] = {}
LEAST_TOOL_CALLS = 50
"""Fewer answers with tool calls say nothing about how well an endpoint makes them."""


def policy(name: str) -> Callable[[Policy], Policy]:
    """Register a policy under the name that `provider.sort` uses."""

    def register(function: Policy) -> Policy:
        POLICIES[name] = function
        return function

    return register


@policy("price")
def cheapest_first(
    endpoints: Sequence[EndpointFacts], conditions: Conditions, rng: Random
) -> list[EndpointFacts]:
    """Lowest sum of prompt and completion price first; ties keep catalogue order."""
    return _well_first(sorted(endpoints, key=_price), conditions)


@policy("throughput")
def quickest_first(
    endpoints: Sequence[EndpointFacts], conditions: Conditions, rng: Random
) -> list[EndpointFacts]:
    """Highest median of tokens per second first; unmeasured endpoints after, in their order."""

    known = conditions.health.known

    def slowness(facts: EndpointFacts) -> float:
        health = known.get(facts.key)
        measured = None if health is None else health.throughput_tps
        return -measured.p50 if measured is not None else 0.0

    return _well_first(sorted(endpoints, key=slowness), conditions)


@policy("latency")
def promptest_first(
    endpoints: Sequence[EndpointFacts], conditions: Conditions, rng: Random
) -> list[EndpointFacts]:
    """Lowest median time to the first token first; unmeasured endpoints after, in their order."""

    known = conditions.health.known

    def latency_s(facts: EndpointFacts) -> float:
        health = known.get(facts.key)
        measured = None if health is None else health.latency_s
        return measured.p50 if measured is not None else float("inf")

    return _well_first(sorted(endpoints, key=latency_s), conditions)


@policy("exacto")
def most_exact_first(
    endpoints: Sequence[EndpointFacts], conditions: Conditions, rng: Random
) -> list[EndpointFacts]:
    """Fewest broken tool calls first; endpoints with too few calls after, in their order."""

    def brokenness(facts: EndpointFacts) -> float:
        rate = _tool_error_rate(facts, conditions)
        return float("inf") if rate is None else rate

    return _well_first(sorted(endpoints, key=brokenness), conditions)


@policy("balanced")
def cheap_but_spread(
    endpoints: Sequence[EndpointFacts], conditions: Conditions, rng: Random
) -> list[EndpointFacts]:
    """Draw the first with weight 1/price² among those not in outage (contract/routing 4).

    Of those, only the lowest `priority` number takes part; the rest follows by
    ascending priority and price, endpoints in outage last.
    """
    ranked = _well_first(sorted(endpoints, key=rank_of), conditions)
    return drawn_first(ranked, draw_weights(ranked, conditions.health.out), rng)


def drawn_first(
    ranked: Sequence[EndpointFacts], weights: Sequence[float], rng: Random
) -> list[EndpointFacts]:
    """Return `ranked` with one in front that is drawn from its head by `weights`."""
    total = sum(weights)
    if len(weights) < 2 or total <= 0:
        return list(ranked)
    point = rng.random() * total
    for place, weight in enumerate(weights):
        point -= weight
        if point < 0:
            return [ranked[place], *ranked[:place], *ranked[place + 1 :]]
    return list(ranked)  # a rounding error at the upper end of the last interval


def demote_bad_tool_callers(
    endpoints: Sequence[EndpointFacts], conditions: Conditions
) -> list[EndpointFacts]:
    """Put endpoints last whose tool error rate is far above their model's median.

    Far is two standard deviations; endpoints with too few calls are not judged.
    """
    rates = {facts.key: _tool_error_rate(facts, conditions) for facts in endpoints}
    known = [rate for rate in rates.values() if rate is not None]
    if len(known) < 2:
        return list(endpoints)
    most = median(known) + 2 * pstdev(known)
    return sorted(endpoints, key=lambda facts: (rates[facts.key] or 0.0) > most)


def _tool_error_rate(facts: EndpointFacts, conditions: Conditions) -> float | None:
    record = conditions.health.tool_records.get(facts.key)
    if record is None or record.calls < LEAST_TOOL_CALLS:
        return None
    return record.errors / record.calls


def _well_first(ordered: list[EndpointFacts], conditions: Conditions) -> list[EndpointFacts]:
    """Keep the order; endpoints in outage go behind the others."""
    out = conditions.health.out
    return sorted(ordered, key=lambda facts: facts.key in out) if out else ordered


def _price(facts: EndpointFacts) -> int:
    return facts.price_picousd
