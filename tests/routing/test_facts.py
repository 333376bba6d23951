"""What is true of all endpoints of a model, so that filters need not look at each."""

import pytest
from routing_samples import NAMES, cached, endpoint, model

from portico.pricing import cost
from portico.routing.facts import facts_of
from portico.vocabulary import Pricing, Usage


def test_an_endpoint_goes_by_tag_slug_and_display_name_but_a_tier_by_its_tag_alone():
    orca = model(
        endpoint("amazon-bedrock/eu"), endpoint("groq/flex", service_tier="flex"), endpoint("x")
    )

    first, tier, unnamed = facts_of(orca, NAMES).endpoints

    assert first.names == {"amazon-bedrock/eu", "amazon-bedrock", "amazon bedrock"}
    assert (tier.names, tier.wide_names) == ({"groq/flex"}, {"groq/flex", "groq"})
    assert unnamed.names == {"x"}


def test_what_all_endpoints_share_is_summed_up():
    facts = facts_of(
        model(
            cached("a", 1, zdr=True, trains=False, quantization="fp8"),
            endpoint("b", 2, zdr=True, trains=False, context_tokens=4_000, max_completion_tokens=None),
            distillable=True,
        ),
        NAMES,
    )  # fmt: skip

    assert (facts.all_priced, facts.all_zdr, facts.none_trains) == (True, True, True)
    assert (facts.least_context_tokens, facts.least_output_tokens) == (4_000, 2_000)
    assert facts.quantizations == {"fp8", "unknown"}
    assert facts.highest["prompt_picousd"] == 2_000_000
    assert (facts.distillable, facts.sticks) == (True, True)
    assert facts.common_parameters == {"tools", "temperature", "max_tokens"}


def test_one_exception_is_enough_to_look_at_each():
    facts = facts_of(
        model(
            endpoint("a", zdr=True, trains=False),
            endpoint("b", pricing=None, supported_parameters=frozenset()),
        ),
        NAMES,
    )

    assert (facts.all_priced, facts.all_zdr, facts.none_trains) == (False, False, False)
    assert facts.common_parameters == frozenset()
    assert facts.sticks is False


def test_unknown_inputs_do_not_narrow_what_all_take():
    seeing = endpoint("a", input_modalities=frozenset({"text", "image"}))

    assert facts_of(model(seeing, endpoint("b", input_modalities=frozenset())), NAMES).common_inputs == {"text", "image"}  # fmt: skip
    assert facts_of(model(endpoint("b", input_modalities=frozenset())), NAMES).common_inputs is None


def priced(**rates):
    return Pricing(**{"prompt_picousd": 1_000_000, "completion_picousd": 1_000_000, **rates})


@pytest.mark.parametrize(
    ("tag", "pricing", "caches"),
    [
        ("x", priced(), False),
        ("x", priced(cache_read_picousd=999_999), True),
        ("groq", priced(), True),
        ("openai/flex", priced(), True),
        ("groq", priced(cache_read_picousd=1_000_000), False),
        ("groq", priced(prompt_picousd=0), False),
        ("groq", None, False),
    ],
)
def test_where_no_price_says_whether_a_cache_is_cheaper_the_providers_habit_does(
    tag, pricing, caches
):
    (facts,) = facts_of(model(endpoint(tag, pricing=pricing)), NAMES).endpoints

    assert facts.caches is caches


def test_that_habit_is_never_a_price():
    (facts,) = facts_of(model(endpoint("anthropic", pricing=priced())), NAMES).endpoints
    usage = Usage(input_tokens=10, cache_read_tokens=90)

    assert facts.caches
    assert facts.endpoint.pricing is not None
    assert cost(usage, facts.endpoint.pricing).prompt_picousd == 100 * 1_000_000
