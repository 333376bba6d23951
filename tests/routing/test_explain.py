"""The numbers that ordered a plan."""

from random import Random

import pytest
from routing_samples import (
    DOWN,
    HALF_OPEN,
    OPEN,
    ORCA,
    cached,
    endpoint,
    health,
    measured,
    model,
    target,
)

from portico.routing import Conditions, Credential, Needs, parse_preferences
from portico.routing.explain import explain, health_word
from portico.routing.health import EndpointHealth
from portico.routing.needs import Remembered
from portico.routing.plan import survey

ABC = model(endpoint("a", 1), endpoint("b", 2), endpoint("c", 3))


def told(of=ABC, preferences=None, *, conditions=None, **needs):
    targets = [target(of)]
    wants = Needs(preferences=parse_preferences(preferences), **needs)
    conditions = conditions or Conditions()
    return explain(survey(targets, wants, Random(1), conditions), targets, wants, conditions)


def chances(**kwargs):
    return {c.endpoint.tag: c.chance for c in told(**kwargs).candidates}


def test_a_draw_shows_each_endpoints_exact_chance():
    found = chances()

    total = 1 + 1 / 4 + 1 / 9
    assert found == pytest.approx({"a": 1 / total, "b": 1 / 4 / total, "c": 1 / 9 / total})


@pytest.mark.parametrize(
    ("preferences", "conditions"),
    [
        ({"sort": "price"}, {}),
        ({"order": ["b"]}, {}),
        ({}, {"affinity": (ORCA, "c")}),
        ({}, {"remembered": Remembered(model=ORCA, tag="b")}),
    ],
)
def test_a_fixed_order_has_no_chances(preferences, conditions):
    found = told(preferences=preferences, conditions=Conditions(**conditions))

    assert {c.chance for c in found.candidates} == {None}


def test_endpoints_that_do_not_take_part_in_the_draw_have_no_chance():
    assert chances(conditions=Conditions(health=health(a=DOWN)))["a"] == 0.0
    quick = Conditions(health=health(b=measured(tps=80)))
    assert chances(preferences={"preferred_min_throughput": 50}, conditions=quick) == {
        "b": 1.0,
        "a": 0.0,
        "c": 0.0,
    }


def test_a_prioritised_key_leaves_the_others_no_chance():
    key = Credential(name="mine", placement="first", is_byok=True)

    found = told(conditions=Conditions(credentials={"c": (key,)}))

    first = found.candidates[0]
    assert (first.endpoint.tag, first.credential, first.chance) == ("c", "mine", 1.0)


def test_prices_measurements_thresholds_and_places_are_told():
    state = measured(tps=80, latency_s=0.3)

    found = told(
        preferences={"sort": "throughput", "preferred_min_throughput": 50},
        conditions=Conditions(health=health(b=state)),
    )

    first, second = found.candidates[:2]
    assert (first.place, first.endpoint.tag, first.price_picousd) == (1, "b", 4_000_000)
    assert (first.preferred, second.preferred) == (True, False)
    assert first.measured == state
    assert found.sorted_by == "throughput"
    assert [c.preferred for c in told().candidates] == [None, None, None]


def test_what_is_left_out_is_told_and_a_plan_may_be_empty():
    found = told(of=model(cached("a")), preferences={"zdr": True})

    assert found.candidates == ()
    assert [(e.endpoint.tag, e.code) for e in found.excluded] == [("a", "data_policy:zdr")]
    assert found.models == (ORCA,)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (EndpointHealth(), "ok"),
        (EndpointHealth(ramp=0.1), "ramping"),
        (DOWN, "outage"),
        (OPEN, "open"),
        (HALF_OPEN, "half_open"),
    ],
)
def test_health_is_one_word(state, word):
    assert health_word(state) == word
