"""A plan told with its prices."""

from random import Random

from portico.dialects import DIALECTS
from portico.explaining import as_json, explained
from portico.jsonio import dumps, loads
from portico.planning import Caller, Planner
from portico.vocabulary import CatalogSnapshot, Endpoint, Model, Pricing


def endpoint(tag, dollars, **changes):
    rate = int(dollars * 1_000_000)
    return Endpoint(
        model="acme/orca-2",
        provider=tag,
        tag=tag,
        upstream_model="orca",
        pricing=Pricing(prompt_picousd=rate, completion_picousd=3 * rate),
        **changes,
    )


ORCA = Model(
    slug="acme/orca-2",
    canonical_slug="acme/orca-2",
    name="Orca 2",
    endpoints=(
        endpoint("groq", 1),
        endpoint("together", 2, max_completion_tokens=2_000),
        endpoint("dear", 9),
    ),
)
PLANNER = Planner(
    CatalogSnapshot(version="1", models={"acme/orca-2": ORCA}, aliases={}),
    {"groq": "Groq"},
    Random(1),
)


def told(content="hi there", **fields):
    body = {
        "model": "acme/orca-2",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": content}],
        "provider": {"sort": "price", "max_price": {"prompt": 5}},
        **fields,
    }
    head = DIALECTS["openai_chat"].read_head(dumps(body))
    planned = PLANNER.consider(head, Caller(), now_ms=0)
    return explained(planned, default_output_tokens=4096, provider_names={"groq": "Groq"})


def test_each_candidate_has_its_estimate_and_the_dearest_is_what_would_be_held():
    found = told()

    first, second = found.estimates
    assert (first.output_tokens, second.output_tokens) == (100, 100)
    assert first.cost_picousd == first.prompt_tokens * 1_000_000 + 100 * 3_000_000
    assert found.hold_picousd == max(first.most_picousd, second.most_picousd)
    assert first.most_picousd >= first.cost_picousd


def test_without_a_cap_the_default_output_or_the_endpoints_own_is_assumed():
    assert [e.output_tokens for e in told(max_tokens=None).estimates] == [4_096, 2_000]


def test_images_count_by_kind_and_not_as_the_text_they_look_like():
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 90_000}}

    assert 5_000 <= told(content=[part]).estimates[0].prompt_tokens < 6_000


def test_the_json_form_has_prices_per_million_and_reasons():
    document = loads(dumps(as_json(told())))

    first = document["candidates"][0]
    assert (first["place"], first["provider"], first["tag"]) == (1, "Groq", "groq")
    assert first["price"] == {"prompt": "1", "completion": "3", "request": "0"}
    assert (first["chance"], first["preferred"], first["health"]) == (None, None, "ok")
    assert document["excluded"] == [
        {
            "model": "acme/orca-2",
            "provider": "dear",
            "tag": "dear",
            "code": "max_price",
            "reason": "prompt price is 9, above max_price 5",
        }
    ]
    assert document["estimate"]["hold"] >= document["estimate"]["cost"] > 0
    assert "refusal" not in document


def test_a_request_that_would_be_refused_shows_the_error_it_would_get():
    document = as_json(told(provider={"zdr": True}))

    assert document["candidates"] == []
    assert document["estimate"]["hold"] is None
    assert document["refusal"]["code"] == 404
    assert document["refusal"]["metadata"]["availability"]["code"] == "privacy_restricted"
