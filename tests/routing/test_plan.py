"""Decision tables for who is asked, and what is said when nobody can be."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routing_samples import DOWN, cached, endpoint, health, model, route, tags, target

from portico.errors import ContextLengthExceeded, ModelNotFound, NoEndpointAvailable
from portico.routing import Needs, parse_preferences
from portico.routing.needs import Conditions, Remembered, Restrictions
from portico.routing.order import candidates, joined
from portico.routing.plan import admitted, survey, usual
from portico.vocabulary import Pricing

ORCA = model(
    endpoint("groq", 1),
    endpoint("together/fp8", 2, quantization="fp8"),
    endpoint("amazon-bedrock", 4, supported_parameters=frozenset({"temperature"})),
)


@pytest.mark.parametrize(
    ("preferences", "providers"),
    [
        ({"sort": "price"}, ["groq", "together", "amazon-bedrock"]),
        ({"only": ["groq"]}, ["groq"]),
        ({"only": ["GROQ"]}, ["groq"]),
        ({"only": ["Amazon Bedrock"]}, ["amazon-bedrock"]),
        ({"only": ["together"]}, ["together"]),
        ({"only": ["together/fp8"]}, ["together"]),
        ({"only": ["groq", "nobody"]}, ["groq"]),
        ({"ignore": ["groq", "together"]}, ["amazon-bedrock"]),
        ({"order": ["together", "nobody"], "sort": "price"}, ["together", "groq", "amazon-bedrock"]),
        ({"order": ["together"], "allow_fallbacks": False}, ["together"]),
        ({"sort": "price", "allow_fallbacks": False}, ["groq"]),
        ({"sort": {"by": "price", "partition": "none"}}, ["groq", "together", "amazon-bedrock"]),
        ({"max_price": {"prompt": "2"}, "sort": "price"}, ["groq", "together"]),
        ({"max_price": {"completion": 1.5}}, ["groq"]),
        ({"quantizations": ["fp8"]}, ["together"]),
        ({"quantizations": ["unknown"], "sort": "price"}, ["groq", "amazon-bedrock"]),
        ({"sort": "price", "data_policy": "whatever", "only": None}, ["groq", "together", "amazon-bedrock"]),
    ],
)  # fmt: skip
def test_preferences_choose_and_order(preferences, providers):
    assert [c.endpoint.provider for c in route(ORCA, preferences).candidates] == providers


def test_required_parameters_and_tools_exclude_endpoints_without_them():
    both = ["groq", "together/fp8"]

    assert tags(ORCA, {"sort": "price"}, parameters=frozenset({"tools"})) == both
    assert (
        tags(
            ORCA,
            {"sort": "price", "require_parameters": True},
            parameters=frozenset({"max_tokens"}),
        )
        == both
    )


def test_models_are_tried_in_the_order_they_are_named_unless_partitioned_otherwise():
    koi = model(endpoint("groq", 0.5), slug="zeta/koi-1")
    dear = model(endpoint("together", 9))

    assert tags((dear, koi), {"sort": "price"}) == ["together", "groq"]
    assert tags((dear, koi), {"sort": {"by": "price", "partition": "none"}}) == [
        "groq",
        "together",
    ]


@pytest.mark.parametrize(
    ("preferences", "needs", "codes", "message"),
    [
        ({"only": ["nobody"]}, {}, ["allowed_providers"], "No allowed providers are available for the selected model"),
        ({"max_price": {"prompt": 0.1}}, {}, ["max_price"], "No endpoints found for acme/orca-2 within max_price"),
        ({"zdr": True}, {}, ["data_policy:zdr"], "No endpoints available matching your guardrail restrictions and data policy"),
        ({"data_collection": "deny"}, {}, ["data_policy:training"], "No endpoints available matching your guardrail restrictions and data policy"),
        ({}, {"input_modalities": frozenset({"text", "image"})}, ["input_modalities"], "No endpoints found that support image input"),
        ({"only": ["amazon-bedrock"]}, {"parameters": frozenset({"tools"})}, ["allowed_providers", "tools"], "No endpoints found that support tool use"),
        ({"quantizations": ["int4"]}, {}, ["quantization"], "No endpoints found for acme/orca-2"),
        ({"require_parameters": True}, {"parameters": frozenset({"seed"})}, ["require_parameters"], "No endpoints found for acme/orca-2 that support all parameters sent"),
        ({"enforce_distillable_text": True}, {}, ["distillable"], "No endpoints found for acme/orca-2"),
        ({"ignore": ["groq"], "max_price": {"prompt": 1}}, {}, ["allowed_providers", "max_price"], "No endpoints found for acme/orca-2 within max_price"),
    ],
)  # fmt: skip
def test_when_nothing_is_left_the_reasons_are_given(preferences, needs, codes, message):
    with pytest.raises(NoEndpointAvailable) as caught:
        route(ORCA, preferences, **needs)

    availability = caught.value.metadata["availability"]
    assert caught.value.status == 404
    assert caught.value.message.startswith(message)
    assert availability["excluded_by"] == codes
    assert availability["affected_providers"] == ["amazon-bedrock", "groq", "together"]
    assert availability["requested_models"] == ["acme/orca-2"]
    assert availability["retryable"] is False


@pytest.mark.parametrize(
    ("preferences", "needs", "code", "constraint"),
    [
        ({"max_price": {"prompt": 0.1}}, {}, "constraint_filtered", {"field": "provider.max_price.prompt", "detail": "cheapest is 1.0"}),
        ({"max_price": {"prompt": 9, "completion": "0.5"}}, {}, "constraint_filtered", {"field": "provider.max_price.completion", "detail": "cheapest is 1.0"}),
        ({"only": ["nobody"]}, {}, "constraint_filtered", {"field": "provider.only", "detail": "served by groq, together/fp8, amazon-bedrock"}),
        ({"zdr": True}, {}, "privacy_restricted", {"field": "provider.zdr", "detail": "no endpoint is declared to retain no data"}),
        ({"data_collection": "deny"}, {}, "privacy_restricted", {"field": "provider.data_collection", "detail": "no endpoint is declared not to collect data"}),
        ({"quantizations": ["int4"]}, {}, "constraint_filtered", {"field": "provider.quantizations", "detail": "available are fp8, unknown"}),
        ({"require_parameters": True}, {"parameters": frozenset({"seed"})}, "constraint_filtered", {"field": "provider.require_parameters", "detail": "none takes seed"}),
        ({}, {"input_modalities": frozenset({"text", "image"})}, "constraint_filtered", {"field": "messages", "detail": "accepted is text"}),
    ],
)  # fmt: skip
def test_the_field_that_decided_is_named_with_what_would_satisfy_it(
    preferences, needs, code, constraint
):
    with pytest.raises(NoEndpointAvailable) as caught:
        route(ORCA, preferences, **needs)

    availability = caught.value.metadata["availability"]
    assert availability["code"] == code
    assert availability["constraint"] == constraint


def test_a_guardrail_answers_in_the_words_that_clients_know():
    conditions = Conditions(restrictions=(Restrictions(models=("zeta/*",)),))

    with pytest.raises(NoEndpointAvailable) as caught:
        route(ORCA, conditions=conditions)

    assert caught.value.message.startswith(
        "No endpoints available matching your guardrail restrictions and data policy"
    )


def test_a_region_that_no_endpoint_is_in_is_forbidden():
    conditions = Conditions(restrictions=(Restrictions(data_region="eu"),))

    with pytest.raises(NoEndpointAvailable) as caught:
        route(ORCA, conditions=conditions)

    availability = caught.value.metadata["availability"]
    assert (caught.value.status, caught.value.error_type) == (403, "permission_denied")
    assert availability["code"] == "region_restricted"
    assert availability["excluded_by"] == ["data_region"]
    assert availability["constraint"]["field"] == "data_region"


def test_a_tier_that_nobody_asked_for_is_not_why_nothing_fits():
    tiered = model(endpoint("groq"), endpoint("groq/priority", service_tier="priority"))
    unbounded = model(
        endpoint("groq"),
        endpoint("groq/priority", service_tier="priority", context_tokens=None),
    )

    with pytest.raises(NoEndpointAvailable, match="No allowed providers are available"):
        route(tiered, {"ignore": ["groq"]})
    with pytest.raises(ContextLengthExceeded, match="maximum context length is 8000 tokens"):
        route(unbounded, prompt_tokens=9_000)


@pytest.mark.parametrize(
    ("endpoints", "needs", "message"),
    [
        ([endpoint("groq")], (9_000, 0), "maximum context length is 8000 tokens. However, you requested about 9000 tokens (9000 of input, 0 in the output)"),
        ([endpoint("groq")], (7_000, 1_500), "maximum context length is 8000 tokens. However, you requested about 8500 tokens (7000 of input, 1500 in the output)"),
        ([endpoint("groq")], (10, 3_000), "maximum output is 2000 tokens. However, you requested about 3010 tokens (10 of input, 3000 in the output)"),
        ([endpoint("groq", context_tokens=None)], (10, 3_000), "maximum output is 2000 tokens."),
        ([endpoint("groq"), endpoint("together", context_tokens=None)], (9_000, 3_000), "maximum output is 2000 tokens."),
    ],
    ids=["the prompt", "the sum", "the output", "the output, the window not known", "one window not known"],
)  # fmt: skip
def test_what_is_too_long_is_told_with_the_limit_that_it_exceeds(endpoints, needs, message):
    prompt, output = needs

    with pytest.raises(ContextLengthExceeded) as caught:
        route(model(*endpoints), prompt_tokens=prompt, max_output_tokens=output or None)

    assert message in caught.value.message
    assert caught.value.error_type == "context_length_exceeded"


def test_an_ended_free_variant_names_the_model_that_remains():
    with pytest.raises(NoEndpointAvailable) as caught:
        route(target(ORCA, variant="free"))

    availability = caught.value.metadata["availability"]
    assert availability["code"] == "free_variant_ended"
    assert availability["fallback_models"] == ["acme/orca-2"]


def test_a_model_of_another_kind_is_the_wrong_endpoint():
    embedder = model(endpoint("groq", output_modalities=frozenset({"embeddings"})))

    with pytest.raises(ModelNotFound) as caught:
        route(embedder)

    assert caught.value.status == 400
    assert caught.value.metadata["availability"]["code"] == "wrong_endpoint"


def test_an_endpoint_without_a_price_is_refused_and_says_how_to_declare_one():
    unpriced = model(endpoint("groq", pricing=None), endpoint("together"))

    plan = route(unpriced)

    assert [c.endpoint.tag for c in plan.candidates] == ["together"]
    assert plan.excluded[0].code == "price_unknown"
    with pytest.raises(
        NoEndpointAvailable, match=r"price is not known; declare one in portico\.toml"
    ):
        route(model(endpoint("groq", pricing=None)))


def test_a_prompt_too_long_for_every_window_is_told_in_the_words_that_clients_know():
    with pytest.raises(ContextLengthExceeded) as caught:
        route(ORCA, prompt_tokens=9_000, max_output_tokens=1_000)

    assert "maximum context length is 8000 tokens" in caught.value.message
    assert "requested about 10000 tokens" in caught.value.message


@pytest.mark.parametrize(
    ("preferences", "error"),
    [
        ({"only": ["groq"]}, ContextLengthExceeded),
        ({"max_price": {"prompt": 0.1}}, NoEndpointAvailable),
    ],
)
def test_length_is_the_error_only_if_something_came_as_far_as_its_window(preferences, error):
    with pytest.raises(error):
        route(ORCA, preferences, prompt_tokens=9_000)


def test_a_survey_where_nothing_fits_has_the_reasons_and_no_candidates():
    needs = Needs(preferences=parse_preferences({"zdr": True}))

    found = survey([target(ORCA)], needs, Random(1))

    assert found.candidates == ()
    assert [e.code for e in found.excluded] == ["data_policy:zdr"] * 3


def test_a_plan_names_what_was_asked_for():
    free = model(endpoint("x", pricing=Pricing(prompt_picousd=0, completion_picousd=0)))

    plan = route([target(ORCA, strategy="alias"), model(endpoint("k"), slug="zeta/koi")])

    assert (plan.requested, plan.strategy) == ("acme/orca-2", "alias")
    assert plan.models == ("acme/orca-2", "zeta/koi")
    assert route(target(free, variant="free")).endpoints == free.endpoints


_NO_WISH = parse_preferences(None)
_PRICED = st.builds(
    lambda tag, dollars, priority, weight: cached(tag, dollars, priority=priority, weight=weight),
    st.sampled_from(["a", "b", "c/eu"]),
    st.sampled_from([0, 1, 2.5]),
    st.sampled_from([0, 0, 1]),
    st.sampled_from([1.0, 3.0]),
)


@given(
    st.lists(_PRICED, min_size=1, max_size=4, unique_by=lambda e: e.tag),
    st.sampled_from([frozenset(), frozenset({"temperature"}), frozenset({"tools"})]),
    st.sampled_from(
        [
            Conditions(),
            Conditions(health=health(a=DOWN)),
            Conditions(auto_exacto=True),
            Conditions(remembered=Remembered(model="acme/orca-2", tag="b")),
            Conditions(affinity=("acme/orca-2", "b")),
            Conditions(restrictions=(Restrictions(ignore=("a",)),)),
        ]
    ),
    st.sampled_from([None, "priority", "flex"]),
    st.integers(0, 50),
)
def test_the_usual_way_finds_what_the_long_way_finds(endpoints, parameters, conditions, tier, seed):
    asked = [target(model(*endpoints))]
    needs = Needs(preferences=_NO_WISH, parameters=parameters, service_tier=tier)

    found = usual(asked[0], needs, Random(seed), conditions)

    groups, excluded = admitted(asked, needs, conditions)
    long_way = tuple(candidates(joined(groups, conditions, Random(seed)), fallbacks=True))
    assert found is None or (found == long_way and not excluded)


def test_the_usual_request_takes_the_usual_way():
    asked = target(ORCA)

    assert usual(asked, Needs(preferences=_NO_WISH), Random(1), Conditions()) is not None
