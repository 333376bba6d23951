"""One row for each reason to exclude an endpoint, and for each that is none."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routing_samples import endpoint, model, route, tags, target

from portico.errors import NoEndpointAvailable
from portico.routing import Conditions, Needs, parse_preferences
from portico.routing.filters import HARD, makers
from portico.routing.needs import Credential, Restrictions
from portico.routing.plan import survey
from portico.vocabulary import Pricing

FAMILY = model(
    endpoint("google-vertex", 3),
    endpoint("google-vertex/us-east5", 2),
    endpoint("together", 4),
    endpoint("openai", 1),
    endpoint("openai/priority", 5, service_tier="priority"),
    endpoint("openai/flex", 0.5, service_tier="flex"),
)


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (["google-vertex"], ["google-vertex/us-east5", "google-vertex"]),
        (["GOOGLE-VERTEX"], ["google-vertex/us-east5", "google-vertex"]),
        (["google-vertex/us-east5"], ["google-vertex/us-east5"]),
        (["Together"], ["together"]),
        (["openai"], ["openai"]),
        (["openai/priority"], ["openai/priority"]),
        (["openai/flex", "together"], ["openai/flex", "together"]),
        ([" openai "], ["openai"]),
        (["openai", "nobody"], ["openai"]),
    ],
)
def test_a_base_slug_means_regions_but_not_tiers_and_a_suffix_exactly_one_tag(entries, found):
    assert tags(FAMILY, {"only": entries, "sort": "price"}) == found


@pytest.mark.parametrize(
    ("preferences", "needs", "found"),
    [
        ({"ignore": ["google-vertex", "Together"]}, {}, ["openai"]),
        ({"ignore": ["google-vertex/us-east5"]}, {}, ["openai", "google-vertex", "together"]),
        ({"ignore": ["openai"]}, {"service_tier": "priority"}, ["google-vertex/us-east5", "google-vertex", "together"]),
        ({"only": ["openai"]}, {"service_tier": "priority"}, ["openai/priority", "openai"]),
        ({"only": ["openai", "together"], "ignore": ["together"]}, {}, ["openai"]),
    ],
)  # fmt: skip
def test_ignored_endpoints_are_left_out_and_a_tier_opted_in_to_answers_to_its_provider(
    preferences, needs, found
):
    assert tags(FAMILY, {**preferences, "sort": "price"}, **needs) == found


def test_an_only_list_that_nothing_fits_is_an_error_though_unknown_names_alone_are_none():
    with pytest.raises(NoEndpointAvailable, match=r"^No allowed providers are available"):
        tags(FAMILY, {"only": ["nobody"]})

    assert tags(FAMILY, {"order": ["nobody"], "sort": "price"})[0] == "openai"


FLAGGED = model(
    endpoint("keeps", zdr=False, trains=True),
    endpoint("says-nothing"),
    endpoint("careful", zdr=True, trains=False),
)


@pytest.mark.parametrize(
    ("preferences", "found"),
    [
        ({"zdr": True}, ["careful"]),
        ({"zdr": False}, ["keeps", "says-nothing", "careful"]),
        ({"data_collection": "deny"}, ["careful"]),
        ({"data_collection": "allow"}, ["keeps", "says-nothing", "careful"]),
        ({"zdr": True, "data_collection": "deny"}, ["careful"]),
    ],
)
def test_data_policies_keep_only_what_is_declared_and_unknown_is_no(preferences, found):
    assert tags(FLAGGED, {**preferences, "sort": "price"}) == found


@pytest.mark.parametrize(
    ("own", "levels", "found"),
    [
        (None, [], 3),
        (True, [], 1),
        (None, [Restrictions(zdr=True)], 1),
        (False, [Restrictions(zdr=True)], 1),
        (False, [Restrictions(), Restrictions(zdr=True)], 1),
        (None, [Restrictions(), Restrictions()], 3),
    ],
)
def test_zdr_of_any_level_counts_and_false_switches_none_off(own, levels, found):
    conditions = Conditions(restrictions=tuple(levels))

    assert len(tags(FLAGGED, {"zdr": own}, conditions=conditions)) == found


REGIONAL = model(
    endpoint("a/eu", 1, region="eu"), endpoint("b/us", 2, region="us"), endpoint("c", 3)
)


@pytest.mark.parametrize(
    ("levels", "found", "reasons"),
    [
        ([], ["a/eu", "b/us", "c"], []),
        ([Restrictions(data_region="eu")], ["a/eu"], ["in us", "not known to process data in eu"]),
        ([Restrictions(), Restrictions(data_region="us")], ["b/us"], ["in eu", "not known to process data in us"]),
        ([Restrictions(data_region="eu"), Restrictions(data_region="eu")], ["a/eu"], ["in us", "not known to process data in eu"]),
        ([Restrictions(data_region="eu"), Restrictions(data_region="us")], [], ["in eu", "in us", "not known to process data in eu and us"]),
    ],
)  # fmt: skip
def test_a_data_region_keeps_only_what_is_declared_to_be_there(levels, found, reasons):
    needs = Needs(preferences=parse_preferences({"sort": "price"}))

    plan = survey([target(REGIONAL)], needs, Random(1), Conditions(restrictions=tuple(levels)))

    assert [c.endpoint.tag for c in plan.candidates] == found
    assert [(e.code, e.reason) for e in plan.excluded] == [("data_region", r) for r in reasons]


@pytest.mark.parametrize(
    ("levels", "own", "found"),
    [
        ([Restrictions(only=("openai", "together"))], None, ["openai", "together"]),
        ([Restrictions(only=("openai", "together"))], ["together"], ["together"]),
        ([Restrictions(only=("openai", "together")), Restrictions(only=("together",))], None, ["together"]),
        ([Restrictions(ignore=("openai",)), Restrictions(ignore=("google-vertex",))], None, ["together"]),
        ([Restrictions(ignore=("openai",))], ["openai/priority", "together"], ["together"]),
        ([Restrictions(models=("acme/*",))], ["together"], ["together"]),
        ([Restrictions(deny_training=True)], None, []),
        ([Restrictions(models=("acme/*",)), Restrictions(models=("zeta/*",))], None, []),
        ([Restrictions(only=("openai",))], ["together"], []),
    ],
)  # fmt: skip
def test_restrictions_of_all_levels_hold_together(levels, own, found):
    conditions = Conditions(restrictions=tuple(levels))
    preferences = {"only": own, "sort": "price"}

    if found:
        assert tags(FAMILY, preferences, conditions=conditions) == found
        return
    with pytest.raises(NoEndpointAvailable) as caught:
        tags(FAMILY, preferences, conditions=conditions)
    assert caught.value.metadata["availability"]["code"] in {
        "constraint_filtered",
        "privacy_restricted",
    }


@pytest.mark.parametrize(("distillable", "count"), [(True, 1), (None, 0), (False, 0)])
def test_distillation_must_be_declared_where_it_is_demanded(distillable, count):
    orca = model(endpoint("groq"), distillable=distillable)

    if count:
        assert tags(orca, {"enforce_distillable_text": True}) == ["groq"]
        return
    with pytest.raises(NoEndpointAvailable):
        tags(orca, {"enforce_distillable_text": True})


QUANTIZED = model(
    *(endpoint(f"host/{q}", quantization=q) for q in ("fp4", "mxfp4", "nvfp4", "fp8", "mxfp8")),
    endpoint("plain"),
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["fp4"], ["host/fp4", "host/mxfp4", "host/nvfp4"]),
        (["mxfp4"], ["host/mxfp4"]),
        (["fp8"], ["host/fp8", "host/mxfp8"]),
        (["unknown"], ["plain"]),
        (["fp8", "unknown"], ["host/fp8", "host/mxfp8", "plain"]),
    ],
)
def test_quantizations_have_families_and_no_known_value_is_unknown(wanted, found):
    assert tags(QUANTIZED, {"quantizations": wanted, "sort": "price"}) == found


PRICED = model(
    endpoint("cheap", 1),
    endpoint("dear", 2.3),
    endpoint(
        "flat", pricing=Pricing(prompt_picousd=0, completion_picousd=0, request_picousd=2 * 10**9)
    ),
)


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({"prompt": "1"}, ["flat", "cheap"]),
        ({"prompt": 0.9}, ["flat"]),
        ({"prompt": 2.3, "completion": "2.3"}, ["flat", "cheap", "dear"]),
        ({"completion": 1.5}, ["flat", "cheap"]),
        ({"request": "0.001"}, ["cheap", "dear"]),
        ({"request": 0.002}, ["flat", "cheap", "dear"]),
        ({"image": 0.0}, ["flat", "cheap", "dear"]),
        ({}, ["flat", "cheap", "dear"]),
    ],
)
def test_max_price_is_per_million_tokens_or_per_request_as_text_or_number(bounds, found):
    assert tags(PRICED, {"max_price": bounds, "sort": "price"}) == found


SIZED = model(
    endpoint("small", context_tokens=4_000, max_completion_tokens=1_000),
    endpoint("large", context_tokens=16_000, max_completion_tokens=4_000),
    endpoint("unsaid", context_tokens=None, max_completion_tokens=None),
)


@pytest.mark.parametrize(
    ("prompt", "output", "found"),
    [
        (3_000, 1_000, ["small", "large", "unsaid"]),
        (3_001, 1_000, ["large", "unsaid"]),
        (100, 1_001, ["large", "unsaid"]),
        (100, 4_001, ["unsaid"]),
        (20_000, None, ["unsaid"]),
    ],
)
def test_prompt_and_wished_output_must_fit_window_and_cap(prompt, output, found):
    needs = {"prompt_tokens": prompt, "max_output_tokens": output}

    assert tags(SIZED, {"sort": "price"}, **needs) == found


SEEING = model(
    endpoint("blind"),
    endpoint("seeing", input_modalities=frozenset({"text", "image"})),
    endpoint("unsaid", input_modalities=frozenset()),
)


def test_an_endpoint_must_take_every_kind_of_input_unless_it_is_not_known_what_it_takes():
    wanted = frozenset({"text", "image"})

    assert tags(SEEING, {"sort": "price"}, input_modalities=wanted) == ["seeing", "unsaid"]


TOOLED = model(
    endpoint("plain", supported_parameters=frozenset({"temperature"})),
    endpoint("tooled", supported_parameters=frozenset({"tools", "temperature", "seed"})),
    endpoint("unsaid", supported_parameters=frozenset()),
)


@pytest.mark.parametrize(
    ("preferences", "sent", "found"),
    [
        ({}, {"temperature"}, ["plain", "tooled", "unsaid"]),
        ({}, {"tools"}, ["tooled", "unsaid"]),
        ({}, {"seed"}, ["plain", "tooled", "unsaid"]),
        ({"require_parameters": True}, {"seed"}, ["tooled"]),
        ({"require_parameters": True}, {"temperature"}, ["plain", "tooled"]),
        ({"require_parameters": True}, set(), ["plain", "tooled", "unsaid"]),
    ],
)
def test_tools_always_count_and_other_parameters_when_they_are_required(preferences, sent, found):
    sent = frozenset(sent)

    assert tags(TOOLED, {**preferences, "sort": "price"}, parameters=sent) == found


@pytest.mark.parametrize(
    ("preferences", "dropped", "found", "reasons"),
    [
        ({"require_parameters": True}, {"a": {"seed"}}, ["b"], ["its API has no place for seed"]),
        ({"require_parameters": True}, {}, ["a", "b"], []),
        ({}, {"a": {"seed"}}, ["a", "b"], []),
        (
            {"require_parameters": True},
            {"a": {"seed", "stop"}, "b": {"seed"}},
            [],
            ["its API has no place for seed, stop", "its API has no place for seed"],
        ),
    ],
)
def test_required_parameters_must_have_a_place_in_the_api_of_the_endpoint_too(
    preferences, dropped, found, reasons
):
    of = model(*(endpoint(tag, supported_parameters=frozenset({"seed"})) for tag in "ab"))
    conditions = Conditions(drops=lambda e: frozenset(dropped.get(e.tag, ())))
    needs = Needs(preferences=parse_preferences(preferences), parameters=frozenset({"seed"}))

    plan = survey([target(of)], needs, Random(1), conditions)

    assert sorted(c.endpoint.tag for c in plan.candidates) == found
    assert [e.reason for e in plan.excluded] == reasons
    assert {e.code for e in plan.excluded} <= {"require_parameters"}


def test_tools_are_ignored_where_no_endpoint_takes_them_if_the_operator_says_so():
    blunt = model(endpoint("plain", supported_parameters=frozenset({"temperature"})))
    sent = frozenset({"tools"})

    with pytest.raises(NoEndpointAvailable, match=r"^No endpoints found that support tool use"):
        tags(blunt, parameters=sent)
    assert tags(blunt, parameters=sent, conditions=Conditions(ignore_unsupported_tools=True)) == [
        "plain"
    ]
    assert tags(TOOLED, parameters=sent, conditions=Conditions(ignore_unsupported_tools=True)) != [
        "plain"
    ]


SCHEMED = model(
    endpoint("plain", 1, supported_parameters=frozenset({"temperature"})),
    endpoint("schemed", 2, supported_parameters=frozenset({"response_format"})),
    endpoint("structured", 3, supported_parameters=frozenset({"structured_outputs"})),
)


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (set(), ["plain", "schemed", "structured"]),
        ({"response_format"}, ["schemed", "structured"]),
        ({"verbosity"}, ["plain", "schemed", "structured"]),
    ],
)
def test_what_was_sent_is_preferred_where_any_endpoint_takes_it_and_ignored_else(sent, found):
    assert tags(SCHEMED, {"sort": "price"}, parameters=frozenset(sent)) == found


def test_a_soft_preference_never_removes_a_model():
    plain = model(
        endpoint("plain", supported_parameters=frozenset({"temperature"})), slug="zeta/koi"
    )

    found = tags([SCHEMED, plain], {"sort": "price"}, parameters=frozenset({"response_format"}))

    assert found == ["schemed", "structured", "plain"]


@pytest.mark.parametrize(
    ("needs", "preferences", "variant", "found"),
    [
        ({}, {}, "", ["openai", "google-vertex/us-east5", "google-vertex", "together"]),
        ({"service_tier": "flex"}, {}, "", ["openai/flex"]),
        ({}, {"only": ["openai/flex", "together"]}, "", ["openai/flex", "together"]),
        ({}, {"order": ["openai/flex"]}, "", ["openai/flex", "openai", "google-vertex/us-east5", "google-vertex", "together"]),
        ({}, {}, "floor", ["openai/flex", "openai", "google-vertex/us-east5", "google-vertex", "together"]),
        ({}, {"order": ["together"]}, "floor", ["together", "openai", "google-vertex/us-east5", "google-vertex"]),
    ],
)  # fmt: skip
def test_service_tiers_are_opt_in(needs, preferences, variant, found):
    family = target(FAMILY, variant=variant)
    preferences = (
        preferences if variant or "order" in preferences else {"sort": "price", **preferences}
    )

    assert tags(family, preferences, **needs) == found


def test_flex_is_the_default_pool_where_a_model_has_no_flex_endpoint():
    orca = model(endpoint("dear", 2), endpoint("cheap", 1))

    assert tags(orca, service_tier="flex") == ["cheap", "dear"]


def test_flex_never_falls_back_to_the_default_tier():
    orca = model(endpoint("openai"), endpoint("openai/flex", service_tier="flex"))

    with pytest.raises(NoEndpointAvailable) as caught:
        tags(orca, {"ignore": ["openai"]}, service_tier="flex")

    assert caught.value.metadata["availability"]["excluded_by"] == ["allowed_providers"]


@pytest.mark.parametrize(
    ("variant", "found"),
    [("free", ["gift"]), ("extended", ["roomy"]), ("thinking", ["gift", "roomy"])],
)
def test_static_variants_without_a_row_of_their_own_are_kept_endpoints(variant, found):
    orca = model(endpoint("gift", 0), endpoint("roomy", 1, context_tokens=64_000))

    assert tags(target(orca, variant=variant), {"sort": "price"}) == found


@pytest.mark.parametrize("only", ["request", "input_audio", "output_audio", "output_image"])
def test_a_price_for_anything_else_than_text_is_not_free(only):
    price = Pricing(prompt_picousd=0, completion_picousd=0, **{f"{only}_picousd": 1})
    orca = model(endpoint("flat", pricing=price))

    with pytest.raises(NoEndpointAvailable):
        tags(target(orca, variant="free"))


def test_a_reason_does_not_repeat_a_monstrous_list():
    plan = route(PRICED, {"only": ["cheap", *("x" * 5_000 for _ in range(1_000))]})

    assert max(len(e.reason) for e in plan.excluded) < 1_000


def test_each_excluded_endpoint_says_why_in_words():
    plan = route(PRICED, {"max_price": {"prompt": 1, "request": 0}})

    assert {e.endpoint.tag: (e.code, e.reason) for e in plan.excluded} == {
        "dear": ("max_price", "prompt price is 2.3, above max_price 1"),
        "flat": ("max_price", "request price is 0.002, above max_price 0"),
    }


_SETS = st.sets(st.sampled_from(["tools", "temperature", "text", "image", "audio"])).map(frozenset)
_ENDPOINTS = st.builds(
    lambda tag, facts: endpoint(tag, **facts),
    st.sampled_from(["a", "b", "c/eu", "d/flex"]),
    st.fixed_dictionaries(
        {},
        optional={
            "pricing": st.sampled_from([None, Pricing(prompt_picousd=0, completion_picousd=0)]),
            "service_tier": st.sampled_from([None, "flex", "priority"]),
            "context_tokens": st.sampled_from([None, 10, 1000]),
            "max_completion_tokens": st.sampled_from([None, 5, 100]),
            "supported_parameters": _SETS,
            "input_modalities": _SETS,
            "output_modalities": _SETS.filter(bool),
            "region": st.sampled_from([None, "eu"]),
        },
    ),
)


@given(
    st.lists(_ENDPOINTS, min_size=1, max_size=3),
    st.builds(
        Needs,
        prompt_tokens=st.sampled_from([1, 50, 5000]),
        max_output_tokens=st.sampled_from([None, 1, 50]),
        parameters=_SETS,
        input_modalities=_SETS,
        output_modalities=_SETS,
        preferences=st.sampled_from([None, {"only": ["a"]}, {"zdr": True}]).map(parse_preferences),
        service_tier=st.sampled_from([None, "flex", "priority"]),
    ),
    st.builds(
        Conditions,
        credentials=st.sampled_from([{}, {"a": (Credential(name="", models=("other/*",)),)}]),
        restrictions=st.sampled_from([(), (Restrictions(data_region="eu"),)]),
        ignore_unsupported_tools=st.booleans(),
    ),
    st.sampled_from(["", "free", "extended", "nitro"]),
)
def test_a_filter_that_is_left_out_at_a_glance_objects_to_nothing(
    endpoints, needs, conditions, variant
):
    wanted = target(model(*endpoints), variant=variant)

    chosen = makers(needs, conditions, wanted)

    for code, make in HARD:
        if (code, make) not in chosen:
            objects = make(needs, conditions, wanted)
            assert objects is None or not any(map(objects, wanted.facts.endpoints))


def test_a_plain_request_for_a_plain_model_is_seen_at_a_glance():
    plain = target(model(endpoint("a"), endpoint("b", 2)))

    assert not makers(Needs(preferences=parse_preferences(None)), Conditions(), plain)
