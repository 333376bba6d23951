"""The `provider` object: what is accepted, and how a wrong type is told."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.errors import InvalidRequest
from portico.jsonio import dumps
from portico.routing import parse_preferences
from portico.routing.preferences import Cutoffs, MaxPrice, ParsedPreferences, SortRule


def test_every_field_of_the_contract_is_understood():
    wishes = parse_preferences(
        {
            "order": ["deepinfra/turbo", "Together"],
            "only": ["groq"],
            "ignore": ["azure"],
            "allow_fallbacks": False,
            "require_parameters": True,
            "data_collection": "deny",
            "zdr": True,
            "enforce_distillable_text": True,
            "quantizations": ["fp8", "unknown"],
            "max_price": {"prompt": "1", "completion": 2.5, "request": 0, "image": "0.1"},
            "sort": {"by": "price", "partition": "none"},
            "preferred_min_throughput": 50,
            "preferred_max_latency": {"p90": 3},
            "options": {"acme": {"steps": 40}},
        }
    )

    assert wishes.order == ("deepinfra/turbo", "Together")
    assert wishes.max_price == MaxPrice(prompt="1", completion=2.5, request=0, image="0.1")
    assert (wishes.sort_by, wishes.partition) == ("price", "none")
    assert wishes.preferred_max_latency == Cutoffs(p90=3)
    assert wishes.options == {"acme": {"steps": 40}}


def test_null_is_the_same_as_absent_everywhere():
    fields = (
        "order", "only", "ignore", "allow_fallbacks", "require_parameters", "data_collection",
        "zdr", "enforce_distillable_text", "quantizations", "max_price", "sort",
        "preferred_min_throughput", "preferred_max_latency", "options",
    )  # fmt: skip

    assert parse_preferences(dict.fromkeys(fields)) == parse_preferences(None)
    assert parse_preferences({"sort": {"by": None, "partition": None}}).sort == SortRule()
    assert parse_preferences({"max_price": {"prompt": None}}).max_price == MaxPrice()


def test_an_empty_list_is_the_same_as_none():
    fields = {"order": [], "only": [], "ignore": [], "quantizations": []}

    assert parse_preferences(fields) == parse_preferences(None)


def test_unknown_keys_are_ignored():
    assert parse_preferences({"route": "fallback", "data_policy": 1}) == parse_preferences({})


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"only": "groq"}, "provider.only:"),
        ({"order": ["groq", 1]}, "provider.order.1:"),
        ({"ignore": {}}, "provider.ignore:"),
        ({"allow_fallbacks": "no"}, "provider.allow_fallbacks:"),
        ({"require_parameters": 1}, "provider.require_parameters:"),
        ({"data_collection": "maybe"}, "provider.data_collection:"),
        ({"zdr": "yes"}, "provider.zdr:"),
        ({"enforce_distillable_text": 0}, "provider.enforce_distillable_text:"),
        ({"quantizations": ["fp9"]}, "provider.quantizations.0:"),
        ({"sort": "fastest"}, "provider.sort:"),
        ({"sort": {"by": "speed"}}, "provider.sort.by:"),
        ({"sort": {"partition": "all"}}, "provider.sort.partition:"),
        ({"max_price": 1}, "provider.max_price:"),
        ({"max_price": {"prompt": "cheap"}}, "provider.max_price.prompt:"),
        ({"max_price": {"completion": "nan"}}, "provider.max_price.completion:"),
        ({"max_price": {"completion": 1e308}}, "provider.max_price.completion:"),
        ({"max_price": {"request": []}}, "provider.max_price.request:"),
        ({"preferred_min_throughput": "fast"}, "provider.preferred_min_throughput:"),
        ({"preferred_max_latency": {"p90": "3"}}, "provider.preferred_max_latency.p90:"),
        ({"options": []}, "provider.options:"),
    ],
)
def test_a_wrong_type_is_refused_by_its_path(fields, path):
    with pytest.raises(InvalidRequest) as caught:
        parse_preferences(fields)

    assert caught.value.message.startswith(path)


@pytest.mark.parametrize(
    "fields",
    [
        {"sort": "x" * 100_000},
        {"max_price": {"prompt": "0." + "0" * 100_000}},
        {"quantizations": ["fp8"] * 9 + ["x" * 100_000]},
    ],
)
def test_a_refusal_does_not_repeat_a_monstrous_value(fields):
    with pytest.raises(InvalidRequest) as caught:
        parse_preferences(fields)

    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("wish", "least", "most"),
    [
        (None, None, None),
        (50, (50, -inf, -inf, -inf), (50, inf, inf, inf)),
        ({"p99": 9, "p50": 2}, (2, -inf, -inf, 9), (2, inf, inf, 9)),
        ({}, None, None),
    ],
)
def test_a_bare_number_bounds_the_median(wish, least, most):
    wishes = parse_preferences({"preferred_min_throughput": wish, "preferred_max_latency": wish})

    assert (wishes.least_throughput, wishes.most_latency) == (least, most)


@given(
    st.lists(
        st.sampled_from(
            [{"only": ["a"]}, {"only": ["b"]}, {"zdr": True}, {}, {"ignore": ["x" * 5000]}]
        ),
        max_size=8,
    )
)
def test_what_is_remembered_is_what_would_be_parsed(sent):
    parsed = ParsedPreferences()

    for fields in sent:
        assert parsed.of(dumps(fields), fields) == parse_preferences(fields)


def test_the_memory_of_provider_objects_is_bounded_in_number_and_size():
    parsed = ParsedPreferences()
    short, long = {"only": ["a"]}, {"only": ["a" * 5000]}
    first = parsed.of(dumps(short), short), parsed.of(dumps(long), long)

    assert parsed.of(dumps(short), short) is first[0]
    assert parsed.of(dumps(long), long) is not first[1]
    for number in range(300):
        fields = {"only": [str(number)]}
        parsed.of(dumps(fields), fields)
    assert parsed.of(dumps(short), short) is not first[0]


def test_what_is_wrong_is_refused_again_and_again():
    parsed = ParsedPreferences()

    for _ in range(2):
        with pytest.raises(InvalidRequest):
            parsed.of(b'{"zdr":1}', {"zdr": 1})
