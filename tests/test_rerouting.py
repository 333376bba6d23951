"""Recorded generations decided again: an expectation without luck."""

from random import Random

import pytest

from portico.planning import Planner, RoutingRules
from portico.rerouting import ASSUMPTIONS, comparison_json, reroute
from portico.routing.needs import Restrictions
from portico.vocabulary import CatalogSnapshot, Endpoint, Generation, Model, Pricing, Usage

NAMES = {"groq": "Groq", "together": "Together"}


def endpoint(tag, dollars, **changes):
    rate = int(dollars * 1_000_000)
    return Endpoint(
        model="acme/orca-2",
        provider=tag,
        tag=tag,
        upstream_model="orca",
        pricing=Pricing(prompt_picousd=rate, completion_picousd=rate),
        **changes,
    )


def planner(*endpoints, **rules):
    orca = Model(slug="acme/orca-2", canonical_slug="acme/orca-2", name="Orca", endpoints=endpoints)
    snapshot = CatalogSnapshot(version="1", models={"acme/orca-2": orca}, aliases={})
    return Planner(snapshot, NAMES, Random(1), RoutingRules(**rules))


def generation(number, tag="groq", *, latency_ms=100, cost=2_000, **changes):
    fields = {
        "id": f"gen-{number}",
        "key_hash": "abc",
        "created_ms": 1_790_000_000_000,
        "model": "acme/orca-2",
        "provider": tag,
        "provider_name": NAMES[tag],
        "endpoint_tag": tag,
        "usage": Usage(input_tokens=1_000, output_tokens=1_000),
        "upstream_cost_picousd": cost * 1_000_000,
        "latency_ms": latency_ms,
    }
    return Generation(**{**fields, **changes})


HISTORY = [
    generation(1, "groq", latency_ms=100),
    generation(2, "groq", latency_ms=300),
    generation(3, "together", latency_ms=500, cost=4_000),
    generation(4, "together", latency_ms=500, cost=4_000),
]


def test_what_happened_and_what_would_have_stand_side_by_side():
    found = reroute(HISTORY, planner(endpoint("groq", 1), endpoint("together", 1)), NAMES)

    assert found.generations == 4
    assert found.happened.cost_picousd == 12_000 * 1_000_000
    assert found.simulated.cost_picousd == 8_000 * 1_000_000
    assert [(s.provider, s.requests) for s in found.happened.providers] == [
        ("Groq", 2.0), ("Together", 2.0),
    ]  # fmt: skip
    assert {s.provider: s.requests for s in found.simulated.providers} == pytest.approx(
        {"Groq": 2.0, "Together": 2.0}
    )
    assert found.happened.latency_ms == found.simulated.latency_ms == 350.0
    assert found.unchanged == 0.5


def test_a_draw_counts_with_its_chances():
    found = reroute(HISTORY, planner(endpoint("groq", 1), endpoint("together", 2)), NAMES)

    assert {s.provider: s.requests for s in found.simulated.providers} == pytest.approx(
        {"Groq": 3.2, "Together": 0.8}
    )
    assert found.simulated.cost_picousd == round(4 * (0.8 * 2_000 + 0.2 * 4_000) * 1_000_000)
    assert found.simulated.latency_ms == pytest.approx(0.8 * 200 + 0.2 * 500)


def test_restrictions_move_everything():
    rules = {"restrictions": (Restrictions(only=("together",)),)}

    found = reroute(HISTORY, planner(endpoint("groq", 1), endpoint("together", 2), **rules), NAMES)

    assert [s.provider for s in found.simulated.providers] == ["Together"]
    assert found.unchanged == 0.5


def test_an_endpoint_nobody_measured_has_no_latency():
    found = reroute(HISTORY[:2], planner(endpoint("together", 1)), NAMES)

    assert found.simulated.latency_ms is None
    assert (found.simulated.measured, found.happened.measured) == (0.0, 1.0)


def test_what_nothing_would_answer_is_counted_by_reason_and_on_neither_side():
    gone = generation(5, model="gone/model")
    long = generation(6, usage=Usage(input_tokens=9_000, output_tokens=10))

    found = reroute(
        [*HISTORY, gone, long], planner(endpoint("groq", 1, context_tokens=8_000)), NAMES
    )

    assert found.refused == {"model_not_found": 1, "context_length_exceeded": 1}
    assert found.generations == 4
    assert sum(s.requests for s in found.happened.providers) == 4


def test_failed_generations_and_those_without_usage_are_left_out():
    rows = [generation(1, error_type="timeout"), generation(2, usage=None), generation(3)]

    found = reroute(rows, planner(endpoint("groq", 1)), NAMES)

    assert (found.generations, found.skipped) == (1, 2)


def test_the_json_form_says_what_is_assumed():
    document = comparison_json(reroute(HISTORY, planner(endpoint("groq", 1)), NAMES))

    assert document["assumptions"] == list(ASSUMPTIONS)
    assert document["happened"]["cost"] == 0.012
    assert document["simulated"]["providers"] == [
        {"provider": "Groq", "requests": 4.0, "share": 1.0, "cost": 0.008}
    ]


def test_without_any_generation_there_is_nothing_to_compare():
    document = comparison_json(reroute([], planner(endpoint("groq", 1)), NAMES))

    assert document["generations"] == 0
    assert document["simulated"] == {
        "cost": 0.0,
        "latency_ms": None,
        "measured": 0.0,
        "providers": [],
    }
