"""Who is asked first: decision tables for order, sort, draw, thresholds, tiers, keys and stickiness."""

from collections import Counter
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
    route,
    tags,
    target,
)

from portico.routing import Conditions, Credential, Needs, plan
from portico.routing.health import EndpointHealth, HealthSnapshot, ToolRecord
from portico.routing.needs import Remembered, health_view

ABC = model(endpoint("a", 1), endpoint("b", 2), endpoint("c", 3))


def firsts(of, *, draws=2_000, conditions=None, **needs):
    """How often each endpoint is asked first, over seeded draws."""
    rng, of = Random(7), target(of)
    plans = (plan([of], Needs(**needs), rng, conditions or Conditions()) for _ in range(draws))
    return Counter(p.candidates[0].endpoint.tag for p in plans)


@pytest.mark.parametrize(
    ("preferences", "found"),
    [
        ({"order": ["c", "b"]}, "cba"),
        ({"order": ["nobody", "b"]}, "bac"),
        ({"order": ["b", "b"]}, "bac"),
        ({"order": ["c"], "allow_fallbacks": False}, "c"),
        ({"order": ["c", "a"], "allow_fallbacks": False}, "ca"),
        ({"order": ["b"], "sort": "latency"}, "bca"),
        ({"sort": "price", "allow_fallbacks": False}, "a"),
        ({"sort": "price"}, "abc"),
        ({"sort": {"by": "price"}}, "abc"),
        ({"sort": "latency"}, "cab"),
        ({"sort": "throughput"}, "bac"),
        ({"sort": "exacto"}, "abc"),
    ],
)
def test_order_and_sort_fix_the_sequence(preferences, found):
    conditions = Conditions(health=health(b=measured(tps=90), c=measured(latency_s=0.2)))

    assert "".join(tags(ABC, preferences, conditions=conditions)) == found


@pytest.mark.parametrize("preferences", [{"order": ["nobody"]}, {"sort": "price"}])
def test_order_and_sort_switch_load_balancing_off(preferences):
    sequences = {tuple(tags(ABC, preferences, seed=seed)) for seed in range(50)}

    assert sequences == {("a", "b", "c")}


def test_ten_thousand_draws_fit_one_over_price_squared():
    draws = firsts(ABC, draws=10_000)

    weights = {"a": 1.0, "b": 1 / 4, "c": 1 / 9}
    expected = {tag: 10_000 * w / sum(weights.values()) for tag, w in weights.items()}
    chi_square = sum((draws[tag] - n) ** 2 / n for tag, n in expected.items())
    assert chi_square < 13.8  # p = 0.001 at two degrees of freedom; the draws are seeded


def test_an_endpoint_in_outage_is_not_drawn_and_comes_last():
    """The example of the contract: B just failed; A and C are drawn 9 : 1, then A, C, B."""
    conditions = Conditions(health=health(b=DOWN))

    draws = firsts(ABC, draws=10_000, conditions=conditions)
    sequences = {"".join(tags(ABC, conditions=conditions, seed=seed)) for seed in range(60)}

    assert draws.keys() == {"a", "c"}
    assert 0.88 < draws["a"] / 10_000 < 0.92
    assert sequences == {"acb", "cab"}


def test_endpoints_in_outage_follow_by_price():
    conditions = Conditions(health=health(a=DOWN, b=DOWN))

    assert tags(ABC, conditions=conditions) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("states", "preferences", "found"),
    [
        ({"a": OPEN}, {"sort": "price"}, "bca"),
        ({"a": OPEN, "b": DOWN}, {"sort": "price"}, "cba"),
        ({"a": DOWN}, {"sort": "price"}, "bca"),
        ({"a": HALF_OPEN}, {"sort": "price"}, "abc"),
        ({"a": OPEN}, {"order": ["a", "b"]}, "bca"),
        ({"a": DOWN}, {"order": ["a", "b"]}, "abc"),
        ({"a": OPEN, "b": OPEN, "c": OPEN}, {"sort": "price"}, "abc"),
        ({"a": OPEN}, {"only": ["a"]}, "a"),
        ({"a": OPEN}, {"order": ["a"], "allow_fallbacks": False}, "a"),
    ],
)
def test_an_open_breaker_goes_last_and_is_never_left_out(states, preferences, found):
    assert "".join(tags(ABC, preferences, conditions=Conditions(health=health(**states)))) == found


def test_a_half_open_endpoint_is_drawn_so_that_a_request_can_close_its_breaker():
    draws = firsts(ABC, conditions=Conditions(health=health(a=HALF_OPEN)))

    assert draws["a"] > draws["b"] > 0


def test_free_endpoints_are_drawn_evenly_before_paid_ones():
    orca = model(endpoint("paid", 1), endpoint("x", 0), endpoint("y", 0))

    draws = firsts(orca)

    assert draws.keys() == {"x", "y"}
    assert 0.45 < draws["x"] / 2_000 < 0.55


@pytest.mark.parametrize(
    ("weights", "share"),
    [((1, 1), 0.5), ((3, 1), 0.75), ((0, 1), 0.0), ((1, 0), 1.0)],
)
def test_weights_share_out_equal_prices(weights, share):
    orca = model(endpoint("x", weight=weights[0]), endpoint("y", weight=weights[1]))

    draws = firsts(orca)

    assert draws["x"] / 2_000 == pytest.approx(share, abs=0.04)


def test_a_weight_of_zero_for_all_still_leaves_an_order():
    orca = model(endpoint("x", 2, weight=0), endpoint("y", 1, weight=0))

    assert tags(orca) == ["y", "x"]


def test_lower_priority_numbers_are_asked_before_higher_ones_whatever_they_cost():
    orca = model(endpoint("cheap", 1, priority=1), endpoint("x", 5), endpoint("y", 5))

    draws = firsts(orca)

    assert draws.keys() == {"x", "y"}
    assert tags(orca)[-1] == "cheap"
    assert tags(orca, {"sort": "price"})[0] == "cheap"


@pytest.mark.parametrize(
    ("preferences", "found"),
    [
        ({"preferred_min_throughput": 50}, "bac"),
        ({"preferred_max_latency": 1}, "abc"),
        ({"preferred_max_latency": {"p90": 0.5}}, "bac"),
        ({"preferred_min_throughput": {"p50": 10}, "preferred_max_latency": {"p99": 0.5}}, "bac"),
        ({"preferred_min_throughput": 10}, "abc"),
        ({"preferred_min_throughput": 1_000}, "abc"),
        ({"preferred_max_latency": {}}, "abc"),
    ],
)
def test_a_threshold_demotes_what_fails_or_was_not_measured_and_removes_nothing(preferences, found):
    conditions = Conditions(
        health=health(a=measured(tps=20, latency_s=0.9), b=measured(tps=80, latency_s=0.3))
    )

    assert "".join(tags(ABC, {"sort": "price", **preferences}, conditions=conditions)) == found


def test_the_draw_is_among_the_preferred_endpoints():
    quick = measured(tps=80)
    conditions = Conditions(health=health(b=quick, c=quick))
    wishes = route(ABC, {"preferred_min_throughput": 50}, conditions=conditions)
    sequences = [
        "".join(tags(ABC, {"preferred_min_throughput": 50}, conditions=conditions, seed=seed))
        for seed in range(200)
    ]

    assert set(sequences) == {"bca", "cba"}
    assert sequences.count("bca") > sequences.count("cba") > 20
    assert wishes.candidates[-1].endpoint.tag == "a"


def test_a_fallback_model_that_meets_the_threshold_is_asked_before_one_that_does_not():
    koi = model(endpoint("k"), slug="zeta/koi")
    conditions = Conditions(
        health=health_view(
            HealthSnapshot(
                endpoints={(ORCA, "a"): measured(tps=5), ("zeta/koi", "k"): measured(tps=90)}
            )
        )
    )

    found = tags(
        [ABC, koi], {"sort": "price", "preferred_min_throughput": 50}, conditions=conditions
    )

    assert found == ["k", "a", "b", "c"]


KOI = model(endpoint("b", 0.5), endpoint("d", 4), slug="zeta/koi")


@pytest.mark.parametrize(
    ("preferences", "needs", "found"),
    [
        ({"sort": "price"}, {}, "abcbd"),
        ({"sort": {"by": "price", "partition": "model"}}, {}, "abcbd"),
        ({"sort": {"by": "price", "partition": "none"}}, {}, "babcd"),
        ({"sort": "price"}, {"one_list": True}, "babcd"),
        ({"sort": "price", "allow_fallbacks": False}, {}, "ab"),
        ({"order": ["d", "c"]}, {}, "cabdb"),
        ({"order": ["d"], "allow_fallbacks": False}, {}, "d"),
    ],
)
def test_models_follow_each_other_unless_partitioned_otherwise(preferences, needs, found):
    assert "".join(tags([ABC, KOI], preferences, **needs)) == found


def test_a_partition_without_a_sort_draws_over_all_models():
    plans = [
        route([ABC, KOI], {"sort": {"by": None, "partition": "none"}}, seed=seed).candidates[0]
        for seed in range(300)
    ]

    models = Counter(candidate.endpoint.model for candidate in plans)
    assert models["zeta/koi"] > models[ORCA] > 30


def test_a_model_named_twice_is_asked_once_per_endpoint():
    found = tags([target(ABC), target(ABC, variant="floor")], {"sort": "price"})

    assert found == ["a", "b", "c"]


def test_without_fallbacks_the_fallback_models_remain():
    found = route([ABC, KOI], {"sort": "price", "allow_fallbacks": False}).candidates

    assert [c.endpoint.model for c in found] == [ORCA, "zeta/koi"]


TIERED = model(
    endpoint("o", 2),
    endpoint("o/priority", 4, service_tier="priority"),
    endpoint("o/flex", 1, service_tier="flex"),
    endpoint("p", 3),
    endpoint("p/priority", 6, service_tier="priority"),
)


@pytest.mark.parametrize(
    ("variant", "preferences", "needs", "found"),
    [
        ("", {}, {"service_tier": "priority"}, ["p/priority", "o/priority"]),
        ("", {"sort": "price"}, {"service_tier": "priority"}, ["o/priority", "p/priority", "o", "p"]),
        ("", {}, {"service_tier": "flex"}, ["o/flex"]),
        ("nitro", {}, {}, ["p/priority", "o", "o/priority", "p"]),
        ("floor", {}, {}, ["o/flex", "o", "p"]),
        ("floor:nitro", {}, {}, ["p/priority", "o", "o/priority", "o/flex", "p"]),
        ("nitro", {"sort": "price"}, {}, ["o", "p", "o/priority", "p/priority"]),
        ("nitro", {"order": ["p"]}, {}, ["p", "o"]),
        ("exacto", {}, {}, ["o", "p"]),
    ],
)  # fmt: skip
def test_variants_and_tiers_choose_pool_and_order(variant, preferences, needs, found):
    conditions = Conditions(health=health(o=measured(tps=50), p__priority=measured(tps=90)))

    got = tags(target(TIERED, variant=variant), preferences, conditions=conditions, **needs)

    assert got[: len(found)] == found
    assert len(got) >= len(found)


def test_priority_falls_back_to_the_default_tier():
    found = tags(TIERED, service_tier="priority")

    assert set(found[:2]) == {"o/priority", "p/priority"}
    assert set(found[2:]) == {"o", "p"}


CACHING = model(cached("a", 1), cached("b", 2), endpoint("c", 3))
OWN_KEY = Credential(name="mine", placement="first", is_byok=True)


@pytest.mark.parametrize(
    ("remembered", "preferences", "states", "first"),
    [
        (Remembered(model=ORCA, tag="b"), {"sort": "price"}, {}, "b"),
        (Remembered(model=ORCA, tag="c"), {"sort": "price"}, {}, "a"),
        (Remembered(model=ORCA, tag="b"), {"sort": "price"}, {"b": DOWN}, "a"),
        (Remembered(model=ORCA, tag="b"), {"order": ["a"]}, {}, "a"),
        (Remembered(model=ORCA, tag="b"), {"sort": "price", "ignore": ["b"]}, {}, "a"),
        (Remembered(model=ORCA, tag="gone"), {"sort": "price"}, {}, "a"),
        (Remembered(model=ORCA, tag="b", credential="old"), {"sort": "price"}, {}, "a"),
        (Remembered(model="zeta/koi", tag="b"), {"sort": "price"}, {}, "a"),
    ],
)
def test_a_conversation_stays_where_its_cache_is_if_that_is_cheaper_and_well(
    remembered, preferences, states, first
):
    conditions = Conditions(health=health(**states), remembered=remembered)

    found = tags(CACHING, preferences, conditions=conditions)

    assert found[0] == first
    assert len(set(found)) == len(found)


def test_the_endpoint_that_can_read_the_reasoning_goes_in_front_of_all():
    conditions = Conditions(affinity=(ORCA, "c"), remembered=Remembered(model=ORCA, tag="b"))

    assert tags(CACHING, {"sort": "price"}, conditions=conditions) == ["c", "b", "a"]
    assert tags(CACHING, {"order": ["a"]}, conditions=conditions)[0] == "c"


def keyed(*credentials, provider="b", **more):
    return Conditions(credentials={provider: credentials}, **more)


def listed(of, preferences, conditions):
    """Endpoints with their keys: "b:mine"."""
    return [
        c.endpoint.tag + (f":{c.credential}" if c.credential else "")
        for c in route(of, preferences, conditions=conditions).candidates
    ]


@pytest.mark.parametrize(
    ("keys", "preferences", "found"),
    [
        ([], {"sort": "price"}, ["a", "b", "c"]),
        ([Credential(name="one"), Credential(name="two")], {"sort": "price"}, ["a", "b:one", "b:two", "c"]),
        ([Credential(name=""), OWN_KEY], {"sort": "price"}, ["b:mine", "a", "b", "c"]),
        ([Credential(name=""), OWN_KEY], {"order": ["c"]}, ["b:mine", "c", "a", "b"]),
        ([Credential(name=""), Credential(name="late", placement="fallback", is_byok=True)], {"sort": "price"}, ["a", "b", "c", "b:late"]),
        ([Credential(name=""), Credential(name="mine", placement="first", exclusive=True)], {"sort": "price"}, ["b:mine", "a", "c"]),
        ([Credential(name="2nd", placement="first", sort_order=2), Credential(name="1st", placement="first", sort_order=1)], {"sort": "price"}, ["b:1st", "b:2nd", "a", "c"]),
        ([OWN_KEY], {"sort": "price", "ignore": ["b"]}, ["a", "c"]),
        ([Credential(name="x", models=("acme/*",)), Credential(name="y", models=("zeta/*",))], {"sort": "price"}, ["a", "b:x", "c"]),
        ([Credential(name="y", models=("zeta/*",))], {"sort": "price"}, ["a", "c"]),
        ([OWN_KEY], {"order": ["a"], "allow_fallbacks": False}, ["a"]),
        ([OWN_KEY], {"sort": "price", "allow_fallbacks": False}, ["b:mine"]),
    ],
)  # fmt: skip
def test_keys_of_the_caller_jump_the_order_and_several_keys_are_tried_in_turn(
    keys, preferences, found
):
    conditions = keyed(*keys) if keys else Conditions()

    assert listed(ABC, preferences, conditions) == found


def test_a_key_of_the_caller_never_readmits_what_a_data_policy_filtered():
    conditions = keyed(OWN_KEY)
    orca = model(endpoint("a", zdr=True), endpoint("b"))

    assert listed(orca, {"zdr": True}, conditions) == ["a"]


def test_prioritised_keys_of_several_providers_follow_their_sort_order():
    conditions = Conditions(
        credentials={
            "a": (Credential(name="late", placement="first", sort_order=9),),
            "c": (Credential(name="early", placement="first", sort_order=1),),
        }
    )

    assert listed(ABC, {"sort": "price"}, conditions) == ["c:early", "a:late", "b"]


def test_a_prioritised_key_stays_ahead_of_a_shared_one_that_was_remembered():
    conditions = keyed(OWN_KEY, remembered=Remembered(model=ORCA, tag="a"))

    assert listed(CACHING, {"sort": "price"}, conditions) == ["b:mine", "a", "c"]


def test_the_plan_says_whose_key_it_is_and_lists_each_endpoint_once_without_them():
    plan_ = route(ABC, {"sort": "price"}, conditions=keyed(Credential(name=""), OWN_KEY))

    assert [c.is_byok for c in plan_.candidates] == [True, False, False, False]
    assert [e.tag for e in plan_.endpoints] == ["b", "a", "c"]


def records(**by_tag):
    return health(
        **{
            tag: EndpointHealth(tool_record=ToolRecord(calls=calls, errors=errors))
            for tag, (calls, errors) in by_tag.items()
        }
    )


MANY = model(*(endpoint(tag) for tag in "vwxyz"))


def test_exacto_sorts_by_broken_tool_calls_and_leaves_what_is_not_known_behind():
    conditions = Conditions(health=records(a=(100, 9), b=(100, 1), c=(10, 0)))

    assert "".join(tags(target(ABC, variant="exacto"), conditions=conditions)) == "bac"


@pytest.mark.parametrize(
    ("auto", "sent", "preferences", "last"),
    [
        (True, {"tools"}, {}, "v"),
        (False, {"tools"}, {}, None),
        (True, set(), {}, None),
        (True, {"tools"}, {"sort": "price"}, None),
        (True, {"tools"}, {"order": ["v"]}, None),
    ],
)
def test_auto_exacto_puts_endpoints_last_that_break_tool_calls_far_more_often(
    auto, sent, preferences, last
):
    conditions = Conditions(
        auto_exacto=auto,
        health=records(v=(60, 30), w=(60, 0), x=(60, 1), y=(60, 0), z=(60, 1)),
    )
    lasts = {
        tags(MANY, preferences, conditions=conditions, parameters=frozenset(sent), seed=seed)[-1]
        for seed in range(40)
    }

    assert (lasts == {"v"}) is (last == "v")


def test_too_few_tool_calls_say_nothing():
    conditions = Conditions(auto_exacto=True, health=records(v=(49, 49), w=(60, 0)))
    lasts = {
        tags(MANY, conditions=conditions, parameters=frozenset({"tools"}), seed=seed)[-1]
        for seed in range(40)
    }

    assert lasts != {"v"}
