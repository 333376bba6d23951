"""The query of `GET /models` as decision tables."""

import pytest

from portico.errors import InvalidRequest
from portico.routing.health import EndpointHealth, Percentiles
from portico.server.listing import Entry, page_of, selected
from portico.server.surfaces.models import model_row
from portico.vocabulary import Endpoint, Model, Pricing

NOW_S = 1_800_000_000
DAY_S = 86_400


def entry(name, *, price=(1, 2), window=None, age_days=None, given=("text",), **facts):
    author, _, _ = name.partition("/")
    of_model = {k: facts.pop(k) for k in ("tokenizer", "distillable") if k in facts}
    endpoint = Endpoint(
        model=name,
        provider=facts.pop("provider", author),
        tag=author,
        upstream_model=name,
        pricing=price
        and Pricing(prompt_picousd=price[0] * 10**6, completion_picousd=price[1] * 10**6),
        context_tokens=window,
        output_modalities=frozenset(given),
        supported_parameters=frozenset(facts.pop("takes", ())),
        input_modalities=frozenset(facts.pop("reads", ("text",))),
        **facts,
    )
    model = Model(
        slug=name,
        canonical_slug=name,
        name=name.upper(),
        endpoints=(endpoint,),
        created_s=0 if age_days is None else NOW_S - age_days * DAY_S,
        **of_model,
    )
    return Entry(model=model, row=model_row(model))


EVERYTHING = (
    entry("acme/orca", price=(3, 9), window=8_000, age_days=10, takes=("tools", "seed"),
          reads=("text", "image"), tokenizer="GPT", zdr=True, distillable=True),
    entry("acme/koi", price=(1, 2), window=32_000, age_days=400, takes=("tools",), region="eu"),
    entry("other/ray", price=None, provider="host", takes=("seed",), distillable=False),
    entry("other/free", price=(0, 0), age_days=1, tokenizer="Other"),
    entry("other/vectors", given=("embeddings",)),
    entry("other/ears", given=("transcription",), reads=("audio",)),
)  # fmt: skip
TEXT = ["acme/orca", "acme/koi", "other/ray", "other/free"]
SPEEDS = {"acme/koi": (0.5, 80.0), "other/free": (0.2, 20.0)}


def health(endpoint):
    if endpoint.model not in SPEEDS:
        return EndpointHealth()
    latency, pace = (Percentiles(p50=x, p75=x, p90=x, p99=x) for x in SPEEDS[endpoint.model])
    return EndpointHealth(latency_s=latency, throughput_tps=pace)


def ids(query, **rest):
    found = selected(
        EVERYTHING, query, now_s=NOW_S, health=health, provider_names={"host": "Great Host"}, **rest
    )
    return [one.model.slug for one in found]


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ({}, TEXT),
        ({"output_modalities": "text"}, TEXT),
        ({"output_modalities": "embeddings, transcription"}, ["other/vectors", "other/ears"]),
        ({"output_modalities": "all"}, [*TEXT, "other/vectors", "other/ears"]),
        ({"input_modalities": "image,text"}, ["acme/orca"]),
        ({"input_modalities": "audio", "output_modalities": "all"}, ["other/ears"]),
        ({"supported_parameters": "tools"}, ["acme/orca", "acme/koi"]),
        ({"supported_parameters": "tools,seed"}, ["acme/orca"]),
        ({"q": "KOI"}, ["acme/koi"]),
        ({"context": "8000"}, ["acme/orca", "acme/koi"]),
        ({"context": "8001"}, ["acme/koi"]),
        ({"min_price": "1"}, ["acme/orca", "acme/koi"]),
        ({"max_price": "1"}, ["acme/koi", "other/free"]),
        ({"min_price": "0", "max_price": "0"}, ["other/free"]),
        ({"min_output_price": "2.5"}, ["acme/orca"]),
        ({"max_output_price": "2"}, ["acme/koi", "other/free"]),
        ({"arch": "gpt"}, ["acme/orca"]),
        ({"model_authors": "ACME,nobody"}, ["acme/orca", "acme/koi"]),
        ({"providers": "great host"}, ["other/ray"]),
        ({"providers": "host,acme"}, ["acme/orca", "acme/koi", "other/ray"]),
        ({"zdr": "true"}, ["acme/orca"]),
        ({"region": "eu"}, ["acme/koi"]),
        ({"region": "us"}, []),
        ({"distillable": "true"}, ["acme/orca"]),
        ({"distillable": "false"}, ["acme/koi", "other/ray", "other/free"]),
        ({"min_age_days": "10"}, ["acme/orca", "acme/koi"]),
        ({"max_age_days": "10"}, ["acme/orca", "other/free"]),
        ({"min_coding_index": "1"}, []),
        ({"max_tool_success_rate": "1"}, []),
        ({"category": "programming"}, []),
        ({"sort": ""}, TEXT),
    ],
)  # fmt: skip
def test_a_filter_leaves_the_rows_that_are_known_to_fit(query, left):
    assert ids(query) == left


def test_a_list_may_be_of_another_kind_by_default():
    assert ids({}, default_output="embeddings") == ["other/vectors"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("newest", ["other/free", "acme/orca", "acme/koi", "other/ray"]),
        ("pricing-low-to-high", ["other/free", "acme/koi", "acme/orca", "other/ray"]),
        ("pricing-high-to-low", ["acme/orca", "acme/koi", "other/free", "other/ray"]),
        ("context-high-to-low", ["acme/koi", "acme/orca", "other/ray", "other/free"]),
        ("throughput-high-to-low", ["acme/koi", "other/free", "acme/orca", "other/ray"]),
        ("latency-low-to-high", ["other/free", "acme/koi", "acme/orca", "other/ray"]),
        ("most-popular", TEXT),
        ("top-weekly", TEXT),
        ("intelligence-high-to-low", TEXT),
        ("coding-high-to-low", TEXT),
        ("agentic-high-to-low", TEXT),
        ("design-arena-elo-high-to-low", TEXT),
    ],
)
def test_an_order_puts_what_is_not_known_last(sort, order):
    assert ids({"sort": sort}) == order


@pytest.mark.parametrize(
    "wrong",
    [
        {"output_modalities": "smell"}, {"input_modalities": "text,smell"}, {"sort": "best"},
        {"category": "cooking"}, {"zdr": "yes"}, {"region": "mars"}, {"distillable": "1"},
        {"context": "big"}, {"context": "-1"}, {"context": "²"}, {"min_price": "cheap"},
        {"max_price": "-1"}, {"max_price": "nan"}, {"min_output_price": "1e999"},
        {"min_age_days": "x"}, {"max_age_days": "1.5"}, {"max_coding_index": "x"},
        {"context": "9" * 40},
    ],
)  # fmt: skip
def test_a_value_that_there_is_not_is_named(wrong):
    with pytest.raises(InvalidRequest) as refused:
        ids(wrong)

    assert refused.value.message.startswith(next(iter(wrong)))


@pytest.mark.parametrize(
    ("query", "count", "following"),
    [
        ({}, 6, None),
        ({"limit": "2"}, 2, "/api/v1/models?limit=2&offset=2"),
        ({"limit": "2", "offset": "2", "q": "a b"}, 2, "/api/v1/models?limit=2&offset=4&q=a+b"),
        ({"offset": "4"}, 2, None),
        ({"offset": "99"}, 0, None),
        ({"limit": "6"}, 6, None),
    ],
)
def test_pages_lead_to_the_next_with_the_same_filters(query, count, following):
    page, link = page_of(list(EVERYTHING), query, "/models")

    assert len(page) == count
    assert link == following


@pytest.mark.parametrize("wrong", [{"limit": "0"}, {"limit": "1001"}, {"offset": "-1"}])
def test_a_page_that_cannot_be_is_refused(wrong):
    with pytest.raises(InvalidRequest):
        page_of(list(EVERYTHING), wrong, "/models")
