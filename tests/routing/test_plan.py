"""Decision tables for who is asked, and what is said when nobody can be."""

from collections import Counter
from random import Random

import pytest

from portico.errors import ContextLengthExceeded, InvalidRequest, NoEndpointAvailable
from portico.routing import Needs, Target, parse_preferences, plan
from portico.routing.facts import facts_of
from portico.vocabulary import Endpoint, Model, Pricing

NAMES = {"groq": "Groq", "together": "Together", "amazon-bedrock": "Amazon Bedrock"}


def endpoint(provider, dollars=1, **changes):
    rate = int(dollars * 1_000_000)
    fields = {
        "model": "acme/orca-2",
        "provider": provider,
        "tag": provider,
        "upstream_model": "orca-2",
        "pricing": Pricing(prompt_picousd=rate, completion_picousd=rate),
        "context_tokens": 8_000,
        "input_modalities": frozenset({"text"}),
        "max_completion_tokens": 2_000,
        "supported_parameters": frozenset({"tools", "temperature", "max_tokens"}),
    }
    return Endpoint(**{**fields, **changes})


def model(*endpoints, slug="acme/orca-2"):
    return Model(slug=slug, canonical_slug=slug, name=slug, endpoints=endpoints)


ORCA = model(
    endpoint("groq", 1),
    endpoint("together", 2, tag="together/fp8", quantization="fp8"),
    endpoint("amazon-bedrock", 4, supported_parameters=frozenset({"temperature"})),
)


def targets(*models):
    return [Target(model=m, facts=facts_of(m, NAMES), requested=m.slug) for m in models]


def planned(preferences, models=(ORCA,), **needs):
    wishes = parse_preferences(preferences)
    route = plan(targets(*models), Needs(preferences=wishes, **needs), Random(1))
    return [e.provider for e in route.endpoints]


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
    assert planned(preferences) == providers


def test_required_parameters_and_tools_exclude_endpoints_without_them():
    wanted = frozenset({"tools"})

    assert planned({"sort": "price"}, parameters=wanted) == ["groq", "together"]
    assert planned(
        {"sort": "price", "require_parameters": True}, parameters=frozenset({"max_tokens"})
    ) == ["groq", "together"]


def test_models_are_tried_in_the_order_they_are_named_unless_partitioned_otherwise():
    koi = model(endpoint("groq", 0.5, model="zeta/koi-1"), slug="zeta/koi-1")
    dear = model(endpoint("together", 9))

    assert planned({"sort": "price"}, models=(dear, koi)) == ["together", "groq"]
    assert planned({"sort": {"by": "price", "partition": "none"}}, models=(dear, koi)) == [
        "groq",
        "together",
    ]


def test_the_first_choice_is_drawn_with_weight_one_over_price_squared():
    rng = Random(7)
    draws = Counter(plan(targets(ORCA), Needs(), rng).endpoints[0].provider for _ in range(10_000))

    weights = {"groq": 1.0, "together": 1 / 4, "amazon-bedrock": 1 / 16}
    total = sum(weights.values())
    expected = {slug: 10_000 * weight / total for slug, weight in weights.items()}
    chi_square = sum((draws[s] - n) ** 2 / n for s, n in expected.items())

    assert chi_square < 13.8  # p = 0.001 at two degrees of freedom; the draws are seeded


def test_free_endpoints_are_drawn_evenly_and_before_paid_ones():
    free = model(endpoint("groq", 0), endpoint("together", 0), endpoint("amazon-bedrock", 1))
    rng = Random(7)

    firsts = Counter(plan(targets(free), Needs(), rng).endpoints[0].provider for _ in range(1_000))

    assert firsts.keys() == {"groq", "together"}
    assert 400 < firsts["groq"] < 600


@pytest.mark.parametrize(
    ("preferences", "needs", "codes", "message"),
    [
        ({"only": ["nobody"]}, {}, ["allowed_providers"], "No allowed providers are available for the selected model"),
        ({"max_price": {"prompt": 0.1}}, {}, ["max_price"], "No endpoints found for acme/orca-2 within max_price"),
        ({"zdr": True}, {}, ["data_policy:zdr"], "No endpoints available matching your guardrail restrictions and data policy"),
        ({"data_collection": "deny"}, {}, ["data_policy:training"], "No endpoints available matching"),
        ({}, {"input_modalities": frozenset({"text", "image"})}, ["input_modalities"], "No endpoints found that support image input"),
        ({"only": ["amazon-bedrock"]}, {"parameters": frozenset({"tools"})}, ["allowed_providers", "tools"], "No endpoints found that support tool use"),
    ],
)  # fmt: skip
def test_when_nothing_is_left_the_reasons_are_given(preferences, needs, codes, message):
    with pytest.raises(NoEndpointAvailable) as caught:
        planned(preferences, **needs)

    availability = caught.value.metadata["availability"]
    assert caught.value.message.startswith(message)
    assert availability["excluded_by"] == codes
    assert availability["affected_providers"] == ["amazon-bedrock", "groq", "together"]
    assert availability["retryable"] is False


def test_an_endpoint_without_a_price_is_refused_and_says_how_to_declare_one():
    unpriced = model(endpoint("groq", pricing=None))

    with pytest.raises(
        NoEndpointAvailable, match=r"price is not known; declare one in portico\.toml"
    ):
        planned({}, models=(unpriced,))


def test_a_prompt_too_long_for_every_window_is_told_in_the_words_that_clients_know():
    with pytest.raises(ContextLengthExceeded) as caught:
        planned({}, prompt_tokens=9_000, max_output_tokens=1_000)

    assert "maximum context length is 8000 tokens" in caught.value.message
    assert "requested about 10000 tokens" in caught.value.message


@pytest.mark.parametrize(
    ("preferences", "where"),
    [
        ({"only": "groq"}, r"provider\.only"),
        ({"sort": "fastest"}, r"provider\.sort"),
        ({"allow_fallbacks": "no"}, r"provider\.allow_fallbacks"),
        ({"max_price": {"prompt": "cheap"}}, r"provider\.max_price\.prompt"),
    ],
)
def test_wrong_types_are_refused_by_name(preferences, where):
    with pytest.raises(InvalidRequest, match=where):
        parse_preferences(preferences)
