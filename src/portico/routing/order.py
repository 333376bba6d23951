"""The order in which endpoints that fit are asked (contract/routing 3, 4, 7, 8, 9).

Per model: the caller's prioritised keys, then shared ones, then fallback keys.
Within each of these the preferred endpoints (thresholds) come before the rest,
and each part is ordered by `provider.order`, else by a sort, else drawn.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from random import Random

from portico.routing.credentials import usable_keys
from portico.routing.facts import Candidate, EndpointFacts, EndpointKey, draw_weights
from portico.routing.filters import names_of, opted_tiers
from portico.routing.needs import Conditions, Credential, HealthView, Needs, Placement, Target
from portico.routing.policies import (
    POLICIES,
    demote_bad_tool_callers,
    drawn_first,
)

Copy = tuple[EndpointFacts, Credential | None]
"""An endpoint with one of its keys."""

_Keyed = tuple[EndpointFacts, tuple[Credential | None, ...]]
_UNUSED = (0.0, 0.0, 0.0, 0.0)
_PLACEMENTS: tuple[Placement, ...] = ("first", "shared", "fallback")


class Group:
    """Endpoints that are ordered together: one model's, or those of all in one list.

    Lives for one plan. `target` is where the name's suffixes are read from,
    `facts` the endpoints that fit, in catalogue order.
    """

    def __init__(
        self, target: Target, facts: Sequence[EndpointFacts], needs: Needs, conditions: Conditions
    ) -> None:
        self.target = target
        self.facts = facts
        self._needs = needs
        self._conditions = conditions
        wishes = needs.preferences
        self._listed = wishes.order
        least, most = wishes.least_throughput, wishes.most_latency
        self._prefers_speed = least is not None or most is not None
        self._slow: Collection[EndpointKey] = ()
        if self._prefers_speed and conditions.health.known:
            self._slow = _slower(facts, conditions.health, least, most)

    @property
    def sorted_by(self) -> str:
        """What orders this group: "order", a value of `provider.sort`, or "balanced"."""
        return "order" if self._listed is not None else self._sort_by()

    def is_preferred(self, facts: EndpointFacts) -> bool | None:
        """Whether the endpoint meets the preferred speeds; None if none is preferred."""
        if not self._prefers_speed:
            return None
        return bool(self._conditions.health.known) and facts.key not in self._slow

    def ordered(self, rng: Random) -> list[Copy]:
        """Return the endpoints with their keys, in the order to ask them."""
        if not self._conditions.credentials:
            return self._led_by_sticky([(f, None) for f in self._in_parts(self.facts, rng)])
        copies: list[Copy] = []
        for part in self._by_placement():
            keys = {facts.key: credentials for facts, credentials in part}
            ordered = self._in_parts([facts for facts, _ in part], rng)
            placed = [(facts, key) for facts in ordered for key in keys[facts.key]]
            placed.sort(key=lambda copy: copy[1].sort_order if copy[1] else 0)
            copies += self._led_by_sticky(placed)
        return copies

    def late(self, copies: Sequence[Copy]) -> tuple[list[Copy], list[Copy]]:
        """Part ordered copies into those asked in their turn and those asked after all others."""
        if not self._slow:
            return list(copies), []
        late = [c for c in copies if c[0].key in self._slow and not _is_prioritised(c[1])]
        if len(late) == len(copies):
            return [], late
        chosen = {id(copy) for copy in late}
        return [c for c in copies if id(c) not in chosen], late

    def first_chances(self) -> dict[EndpointKey, float]:
        """Return each endpoint's chance to be asked first, where a draw decides; else nothing."""
        if self.sorted_by != "balanced":
            return {}
        placed = self.facts
        if self._conditions.credentials:
            placed = [facts for facts, _ in next(self._by_placement(), [])]
        preferred = [facts for facts in placed if facts.key not in self._slow]
        ordered = POLICIES["price"](preferred or placed, self._conditions, Random(0))
        out = self._conditions.health.out
        ordered.sort(key=lambda f: (f.key in out, f.endpoint.priority))
        weights = draw_weights(ordered, out)
        total = sum(weights)
        if total <= 0:
            return {}
        return {f.key: weight / total for f, weight in zip(ordered, weights, strict=False)}

    def _in_parts(self, facts: Sequence[EndpointFacts], rng: Random) -> list[EndpointFacts]:
        if not self._slow:
            return self._part(facts, rng)
        preferred = [f for f in facts if f.key not in self._slow]
        rest = [f for f in facts if f.key in self._slow]
        return [*self._part(preferred, rng), *self._part(rest, rng)]

    def _part(self, facts: Sequence[EndpointFacts], rng: Random) -> list[EndpointFacts]:
        if len(facts) < 2:
            return list(facts)
        if self._listed is not None:
            return self._listed_first(facts, rng)
        by, all_facts = self._sort_by(), self.target.facts
        if by == "balanced" and facts is all_facts.endpoints and not self._conditions.health.out:
            ordered = drawn_first(all_facts.ranked, all_facts.weights, rng)
        else:
            ordered = POLICIES[by](facts, self._conditions, rng)
        if self._needs.service_tier == "priority":
            ordered = self._tier_first(ordered, rng)
        if by == "balanced" and self._conditions.auto_exacto and "tools" in self._needs.parameters:
            return demote_bad_tool_callers(ordered, self._conditions)
        return ordered

    def _sort_by(self) -> str:
        needs = self._needs
        asked = needs.preferences.sort_by or self.target.variant.sort
        return asked or ("price" if needs.service_tier == "flex" else "balanced")

    def _tier_first(self, ordered: list[EndpointFacts], rng: Random) -> list[EndpointFacts]:
        """`service_tier: "priority"`: its endpoints by throughput unless a sort was asked for."""
        tier = [facts for facts in ordered if facts.endpoint.service_tier == "priority"]
        rest = [facts for facts in ordered if facts.endpoint.service_tier != "priority"]
        if self._sort_by() == "balanced":
            tier = POLICIES["throughput"](tier, self._conditions, rng)
        return [*tier, *rest]

    def _listed_first(self, facts: Sequence[EndpointFacts], rng: Random) -> list[EndpointFacts]:
        """`provider.order`: listed ones in that order, the rest sorted, nothing drawn.

        Entries that match nothing are skipped. What is listed keeps its place
        even while it fails: it was asked for by name.
        """
        wishes = self._needs.preferences
        by = wishes.sort_by or "price"
        rest = POLICIES[by](facts, self._conditions, rng)
        opted = opted_tiers(self._needs, self.target)
        places, wanted = wishes.places, wishes.ordered_names
        listed: list[tuple[int, EndpointFacts]] = []
        unlisted: list[EndpointFacts] = []
        for f in rest:
            names = names_of(f, opted) if opted else f.names
            if names.isdisjoint(wanted):
                unlisted.append(f)
            else:
                listed.append((min(map(places.__getitem__, names & wanted)), f))
        listed.sort(key=_place)
        return [*[f for _, f in listed], *unlisted]

    def _led_by_sticky(self, copies: list[Copy]) -> list[Copy]:
        """Put the endpoint in front whose cache holds the conversation.

        Only if it is well, and reads from its cache more cheaply.
        """
        remembered = self._conditions.remembered
        if remembered is None or self._listed is not None or len(copies) < 2:
            return copies
        for place, (facts, key) in enumerate(copies):
            if (
                facts.key == (remembered.model, remembered.tag)
                and _name(key) == remembered.credential
                and facts.caches
                and facts.key not in self._conditions.health.out
            ):
                return [copies[place], *copies[:place], *copies[place + 1 :]]
        return copies

    def _by_placement(self) -> Iterator[list[_Keyed]]:
        """Yield, for each placement that has any, the endpoints with their keys of that placement.

        No name stands for the only key of a provider, which is a shared one.
        """
        known = self._conditions.credentials
        for placement in _PLACEMENTS:
            part: list[_Keyed] = []
            for facts in self.facts:
                keys = known.get(facts.endpoint.provider)
                placed: tuple[Credential | None, ...]
                if keys is None:
                    placed = (None,) if placement == "shared" else ()
                else:
                    usable = usable_keys(keys, facts.endpoint.model)
                    placed = tuple(key for key in usable if key.placement == placement)
                if placed:
                    part.append((facts, placed))
            if part:
                yield part


def joined(groups: Sequence[Group], conditions: Conditions, rng: Random) -> list[Copy]:
    """Return the copies of all groups in the order to ask them.

    Over all models: what does not meet the preferred speeds goes behind what
    does, the one endpoint that can read the conversation's reasoning goes in
    front, and endpoints with an open breaker go last.
    """
    copies: list[Copy] = []
    late: list[Copy] = []
    for group in groups:
        in_turn, after = group.late(group.ordered(rng))
        copies += in_turn
        late += after
    copies += late
    if len(groups) > 1:  # a model may be named twice, with different suffixes
        copies = _without_repeats(copies)
    if conditions.affinity is not None:
        copies.sort(key=lambda copy: copy[0].key != conditions.affinity)
    ejected = conditions.health.ejected
    if ejected and len(copies) > 1:
        copies.sort(key=lambda copy: copy[0].key in ejected)
    return copies


def candidates(copies: Iterable[Copy], *, fallbacks: bool) -> tuple[Candidate, ...]:
    """Return the candidates of `copies`; without `fallbacks` each model's first one only."""
    if not fallbacks:
        firsts: dict[str, Copy] = {}
        for copy in copies:
            firsts.setdefault(copy[0].endpoint.model, copy)
        copies = firsts.values()
    return tuple(
        [
            facts.candidate
            if key is None
            else Candidate(endpoint=facts.endpoint, credential=_name(key), is_byok=key.is_byok)
            for facts, key in copies
        ]
    )


def _slower(
    facts: Sequence[EndpointFacts],
    health: HealthView,
    least: tuple[float, ...] | None,
    most: tuple[float, ...] | None,
) -> set[EndpointKey]:
    """Those that miss a bound. What was not measured, or fails at present, is not preferred."""
    known, out = health.known, health.out
    slow_p50, slow_p75, slow_p90, slow_p99 = least or _UNUSED
    late_p50, late_p75, late_p90, late_p99 = most or _UNUSED
    slower = set()
    for endpoint in facts:
        key = endpoint.key
        measured = known.get(key)
        if measured is None or (out and key in out):
            slower.add(key)
            continue
        tps, latency_s = measured.throughput_tps, measured.latency_s
        if (
            least is not None
            and (
                tps is None
                or tps.p50 < slow_p50
                or tps.p75 < slow_p75
                or tps.p90 < slow_p90
                or tps.p99 < slow_p99
            )
        ) or (
            most is not None
            and (
                latency_s is None
                or latency_s.p50 > late_p50
                or latency_s.p75 > late_p75
                or latency_s.p90 > late_p90
                or latency_s.p99 > late_p99
            )
        ):
            slower.add(key)
    return slower


_place = itemgetter(0)


def _without_repeats(copies: Iterable[Copy]) -> list[Copy]:
    found: dict[tuple[EndpointKey, str | None], Copy] = {}
    for facts, key in copies:
        found.setdefault((facts.key, _name(key)), (facts, key))
    return list(found.values())


def _name(key: Credential | None) -> str | None:
    return key.name or None if key is not None else None


def _is_prioritised(key: Credential | None) -> bool:
    return key is not None and key.placement == "first"
