from importlib import resources

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.catalog import (
    FREE,
    RESERVED_SUFFIXES,
    EndpointDeclaration,
    ProviderDeclaration,
    build_snapshot,
    find_model,
    local_slug,
    suggestions,
    usd_per_million_to_picousd,
    usd_to_picousd,
)
from portico.jsonio import dumps
from portico.providers import PROVIDERS, Provider, speaking
from portico.routing.variants import KNOWN
from portico.vocabulary import Pricing

SHIPPED = resources.files("portico").joinpath("data/catalog.json").read_bytes()
ONE = Provider(
    slug="one", name="One", base_url="http://one", supported_parameters=frozenset({"seed", "stop"})
)
TWO = Provider(slug="two", name="Two", base_url="http://two")
PRICE = {"prompt_picousd": 1, "completion_picousd": 2}
DATA = dumps(
    {
        "version": "2026-01-01.1",
        "built_from": {},
        "parameter_sets": [["seed", "tools"]],
        "models": [
            {
                "slug": "acme/orca",
                "canonical_slug": "acme/orca-20260101",
                "name": "Acme: Orca",
                "parameters": 0,
                "input_modalities": ["image", "text"],
                "endpoints": [
                    {"provider": "one", "upstream_model": "orca-1", "pricing": PRICE},
                    {
                        "provider": "two",
                        "tag": "two/fast",
                        "upstream_model": "Orca",
                        "pricing": PRICE,
                        "context_tokens": 8192,
                    },
                ],
            },
            {
                "slug": "acme/koi",
                "name": "Acme: Koi",
                "endpoints": [{"provider": "two", "upstream_model": "koi", "pricing": PRICE}],
            },
            {
                "slug": "other/koi",
                "name": "Other: Koi",
                "endpoints": [{"provider": "two", "upstream_model": "koi-x", "pricing": PRICE}],
            },
        ],
    }
)


def snapshot(*providers, declarations=(), local=None):
    return build_snapshot(DATA, {p.slug: p for p in providers}, declarations, local)


def test_only_enabled_providers_and_models_with_an_endpoint_are_in():
    made = snapshot(ONE)

    assert list(made.models) == ["acme/orca"]
    assert [e.provider for e in made.models["acme/orca"].endpoints] == ["one"]
    assert made.version == "2026-01-01.1"


def test_an_endpoint_takes_what_both_its_provider_and_its_model_take():
    orca = snapshot(ONE, TWO).models["acme/orca"]

    assert orca.endpoints[0].supported_parameters == {"seed"}
    assert orca.endpoints[1].supported_parameters == {"seed", "tools"}


def test_a_model_of_which_nothing_is_known_takes_what_its_provider_takes():
    koi = snapshot(TWO).models["acme/koi"]

    assert koi.endpoints[0].supported_parameters == TWO.supported_parameters


def test_an_endpoint_is_tagged_with_its_provider_unless_the_data_say_otherwise():
    orca = snapshot(ONE, TWO).models["acme/orca"]

    assert [e.tag for e in orca.endpoints] == ["one", "two/fast"]
    assert orca.endpoints[0].input_modalities == {"image", "text"}
    assert orca.endpoints[1].pricing == Pricing(prompt_picousd=1, completion_picousd=2)


def test_a_declaration_changes_only_what_it_says():
    said = EndpointDeclaration(
        model="acme/Orca", provider="two", pricing=FREE, max_completion_tokens=100
    )

    made = snapshot(ONE, TWO, declarations=[said])

    one, two = made.models["acme/orca"].endpoints
    assert one.pricing == Pricing(prompt_picousd=1, completion_picousd=2)
    assert two.pricing == FREE
    assert (two.context_tokens, two.max_completion_tokens) == (8192, 100)
    assert two.upstream_model == "Orca"
    assert made.version == "2026-01-01.1+settings"


def test_a_declaration_adds_an_endpoint_to_a_model():
    said = EndpointDeclaration(model="acme/koi", provider="one", upstream_model="koi-one")

    koi = snapshot(ONE, TWO, declarations=[said]).models["acme/koi"]

    assert [(e.provider, e.upstream_model) for e in koi.endpoints] == [
        ("two", "koi"),
        ("one", "koi-one"),
    ]


def test_a_declaration_makes_a_new_model_whose_price_is_not_known():
    said = EndpointDeclaration(
        model="my/thing", provider="one", input_modalities=frozenset({"text", "image"})
    )

    thing = snapshot(ONE, declarations=[said]).models["my/thing"]

    assert thing.endpoints[0].upstream_model == "my/thing"
    assert thing.endpoints[0].pricing is None
    assert thing.endpoints[0].input_modalities == {"text", "image"}
    assert thing.endpoints[0].supported_parameters == ONE.supported_parameters


def test_a_declaration_for_a_provider_that_is_not_enabled_does_nothing():
    said = EndpointDeclaration(model="my/thing", provider="two")

    assert "my/thing" not in snapshot(ONE, declarations=[said]).models


def test_local_models_are_free_and_named_after_their_server():
    ollama = PROVIDERS["ollama"]

    made = snapshot(ollama, local={"ollama": ["llama3:8b", "llama3-8b", "qwen3:latest"]})

    assert {slug: m.endpoints[0].upstream_model for slug, m in made.models.items()} == {
        "ollama/llama3-8b": "llama3:8b",
        "ollama/llama3-8b-2": "llama3-8b",
        "ollama/qwen3": "qwen3:latest",
    }
    assert all(m.endpoints[0].pricing == FREE for m in made.models.values())


def test_a_local_model_that_was_declared_is_not_listed_twice():
    ollama = PROVIDERS["ollama"]
    said = EndpointDeclaration(model="me/llama", provider="ollama", upstream_model="llama3:8b")

    made = snapshot(ollama, declarations=[said], local={"ollama": ["llama3:8b"]})

    assert list(made.models) == ["me/llama"]


@given(st.text(max_size=60))
def test_a_local_slug_is_an_author_and_a_name_and_has_no_variant(upstream_id):
    slug = local_slug("ollama", upstream_id)

    author, _, name = slug.partition("/")
    assert author == "ollama"
    assert name
    assert "/" not in name
    assert ":" not in slug
    assert slug == slug.lower()


@pytest.mark.parametrize(
    "name", ["acme/orca", "ACME/Orca", "acme/orca-20260101", "orca", "Orca", "orca-1"]
)
def test_a_model_is_found_by_slug_canonical_slug_bare_and_upstream_id_in_any_case(name):
    assert find_model(snapshot(ONE, TWO), name).slug == "acme/orca"


def test_a_bare_name_that_two_authors_use_means_neither():
    made = snapshot(TWO)

    assert find_model(made, "other/koi").slug == "other/koi"
    assert find_model(made, "koi") is None
    assert find_model(made, "koi-x").slug == "other/koi"


def test_a_name_that_is_not_there_is_not_found():
    assert find_model(snapshot(ONE), "acme/whale") is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("acme/orka", "acme/orca"),
        ("orka", "acme/orca"),
        ("acne/orca", "acme/orca"),
        ("ocra", "acme/orca"),
    ],
)
def test_a_typing_mistake_gets_a_suggestion(typed, meant):
    assert suggestions(snapshot(ONE, TWO), typed)[0] == meant


def test_the_right_name_of_the_wrong_author_gets_a_suggestion():
    assert suggestions(snapshot(ONE, TWO), "somebody-else/orca") == ["acme/orca"]


def test_nothing_close_gets_no_suggestion():
    assert suggestions(snapshot(ONE, TWO), "x" * 100_000) == []


@pytest.mark.parametrize(
    ("text", "picousd"),
    [("0", 0), ("0.15", 150_000), ("3", 3_000_000), ("0.000001", 1), ("1E+2", 100_000_000)],
)
def test_a_price_per_million_is_exact(text, picousd):
    assert usd_per_million_to_picousd(text) == picousd


@pytest.mark.parametrize(
    "text",
    ["-1", "NaN", "Infinity", "", "a lot", "0.0000001", "1e99", "1e-999999999", "1e999999999"],
)
def test_a_price_that_is_not_one_is_refused(text):
    with pytest.raises(ValueError, match=r"price|number|finer"):
        usd_per_million_to_picousd(text)


@given(st.integers(0, 10**12))
def test_every_whole_number_of_picousd_can_be_written(picousd):
    millionths = f"{picousd // 10**6}.{picousd % 10**6:06d}"

    assert usd_per_million_to_picousd(millionths) == picousd


def test_a_flat_price_is_exact_to_the_picodollar():
    assert usd_to_picousd("0.000000000001") == 1


def test_the_shipped_file_has_the_first_recorded_exchange():
    made = build_snapshot(SHIPPED, {"groq": PROVIDERS["groq"]})

    endpoint = find_model(made, "moonshotai/kimi-k2-0905").endpoints[0]

    assert endpoint.upstream_model == "moonshotai/kimi-k2-instruct-0905"
    assert endpoint.pricing == Pricing(
        prompt_picousd=1_000_000, completion_picousd=3_000_000, cache_read_picousd=500_000
    )


@pytest.mark.parametrize(
    ("slug", "kind", "inputs", "price"),
    [
        ("openai/text-embedding-3-small", "embeddings", {"text"}, {"prompt_picousd": 20_000}),
        ("openai/whisper-1", "transcription", {"audio"}, {"input_audio_picousd": 10**8}),
        ("openai/gpt-4o-mini-tts", "speech", {"text"},
         {"prompt_picousd": 600_000, "completion_picousd": 12_000_000}),
        ("openai/tts-1", "speech", {"text"}, {"prompt_picousd": 15_000_000}),
        ("openai/gpt-image-1.5", "image", {"text", "image"},
         {"prompt_picousd": 5_000_000, "completion_picousd": 10_000_000,
          "cache_read_picousd": 1_250_000, "input_image_picousd": 8_000_000,
          "output_image_picousd": 32_000_000}),
        ("cohere/rerank-v3.5", "rerank", {"text"}, {"request_picousd": 10**9}),
    ],
)  # fmt: skip
def test_models_of_every_api_ship_with_the_price_of_their_own_unit(slug, kind, inputs, price):
    endpoint = find_model(build_snapshot(SHIPPED, PROVIDERS), slug).endpoints[0]

    assert (endpoint.output_modalities, endpoint.input_modalities) == ({kind}, inputs)
    assert endpoint.pricing == Pricing(**{"prompt_picousd": 0, "completion_picousd": 0, **price})


def test_every_shipped_model_has_a_provider_with_the_api_it_is_called_by():
    apis = {"embeddings": "embeddings", "rerank": "rerank", "image": "images",
            "speech": "speech", "transcription": "transcriptions"}  # fmt: skip

    for model in build_snapshot(SHIPPED, PROVIDERS).models.values():
        for endpoint in model.endpoints:
            (api, *rest) = {apis.get(kind) for kind in endpoint.output_modalities}
            if api is not None and not rest:
                assert api in PROVIDERS[endpoint.provider].side_urls(), endpoint


def test_the_shipped_file_is_small_and_names_only_known_providers():
    rows = msgspec.json.decode(SHIPPED)

    assert len(SHIPPED) <= 1_000_000
    assert {e["provider"] for m in rows["models"] for e in m["endpoints"]} <= set(PROVIDERS)


def test_the_shipped_slugs_are_author_and_name_without_a_variant():
    made = build_snapshot(SHIPPED, PROVIDERS)

    assert all(slug.count("/") == 1 for slug in made.models)
    assert not [s for s in made.models if s.rpartition(":")[2] in RESERVED_SUFFIXES and ":" in s]
    assert all(slug == model.slug for slug, model in made.models.items())


def test_every_shipped_endpoint_has_a_price_and_a_tag_of_its_own():
    made = build_snapshot(SHIPPED, PROVIDERS)

    for model in made.models.values():
        tags = [endpoint.tag for endpoint in model.endpoints]
        assert len(set(tags)) == len(tags)
        assert all(e.pricing is not None for e in model.endpoints)
        assert all(e.tag.partition("/")[0] == e.provider for e in model.endpoints)


@pytest.mark.parametrize(
    ("bare", "slug"),
    [("gpt-4o", "openai/gpt-4o"), ("gpt-4", "openai/gpt-4"), ("grok-4", "x-ai/grok-4")],
)
def test_well_known_bare_names_mean_their_model(bare, slug):
    assert find_model(build_snapshot(SHIPPED, PROVIDERS), bare).slug == slug


def test_aliases_lead_to_models_and_never_hide_one():
    made = build_snapshot(SHIPPED, PROVIDERS)

    assert set(made.aliases.values()) <= set(made.models)
    assert not set(made.aliases) & set(made.models)


def test_every_suffix_that_can_be_called_is_reserved():
    assert set(KNOWN) <= RESERVED_SUFFIXES


def test_a_declared_tag_adds_a_second_endpoint_like_the_first_with_a_price_of_its_own():
    said = EndpointDeclaration(
        model="acme/orca",
        provider="two",
        tag="two/flex",
        service_tier="flex",
        pricing=FREE,
        zdr=True,
        weight=0.5,
    )

    _, fast, flex = snapshot(ONE, TWO, declarations=[said]).models["acme/orca"].endpoints

    assert (flex.tag, flex.service_tier, flex.pricing, flex.zdr) == ("two/flex", "flex", FREE, True)
    assert (flex.upstream_model, flex.context_tokens, flex.weight) == ("Orca", 8192, 0.5)
    assert (fast.tag, fast.service_tier, fast.zdr) == ("two/fast", None, None)


def test_a_second_endpoint_without_a_price_is_not_given_the_first_ones():
    said = EndpointDeclaration(model="acme/orca", provider="two", tag="two/eu")

    assert snapshot(TWO, declarations=[said]).models["acme/orca"].endpoints[1].pricing is None


def test_a_declared_tag_that_exists_changes_that_endpoint():
    said = EndpointDeclaration(
        model="acme/orca",
        provider="two",
        tag="two/fast",
        trains=False,
        priority=2,
        distillable=True,
    )

    orca = snapshot(TWO, declarations=[said]).models["acme/orca"]

    assert [(e.tag, e.trains, e.priority) for e in orca.endpoints] == [("two/fast", False, 2)]
    assert orca.distillable is True


def test_what_is_said_of_a_provider_lies_below_what_is_said_of_an_endpoint():
    declared = {
        "two": ProviderDeclaration(zdr=True, trains=False, region="eu", weight=3.0, priority=1)
    }
    said = EndpointDeclaration(model="acme/orca", provider="two", zdr=False, weight=0.5)

    models = build_snapshot(
        DATA, {"one": ONE, "two": TWO}, [said], {"two": ["local"]}, declared=declared
    ).models

    one, two = models["acme/orca"].endpoints
    assert (one.zdr, one.trains, one.weight, one.priority) == (None, None, 1.0, 0)
    assert (two.zdr, two.trains, two.weight, two.priority) == (False, False, 0.5, 1)
    assert (one.region, two.region) == (None, "eu")
    assert models["acme/koi"].endpoints[0].zdr is True
    assert models["two/local"].endpoints[0].weight == 3.0


def test_moderation_is_declared_of_a_provider_or_of_an_endpoint():
    declared = {"one": ProviderDeclaration(is_moderated=True)}
    said = EndpointDeclaration(model="acme/orca", provider="two", is_moderated=False)

    models = build_snapshot(DATA, {"one": ONE, "two": TWO}, [said], declared=declared).models

    assert [e.is_moderated for e in models["acme/orca"].endpoints] == [True, False]
    assert models["acme/koi"].endpoints[0].is_moderated is None


def test_an_endpoint_in_another_dialect_takes_what_that_dialect_has_words_for():
    said = EndpointDeclaration(model="acme/orca", provider="one", dialect="openai_responses")

    endpoint = snapshot(ONE, declarations=[said]).models["acme/orca"].endpoints[0]

    assert endpoint.dialect == "openai_responses"
    assert "reasoning" in endpoint.supported_parameters
    assert not endpoint.supported_parameters & {"seed", "stop"}


@pytest.mark.parametrize("slug", ["openai/o3-pro", "openai/gpt-5-pro", "openai/gpt-5.1-codex", "openai/codex-mini"])  # fmt: skip
def test_models_that_openai_has_in_responses_only_are_called_so(slug):
    shipped = build_snapshot(SHIPPED, {"openai": PROVIDERS["openai"]})

    (endpoint,) = shipped.models[slug].endpoints

    assert endpoint.dialect == "openai_responses"
    assert "seed" not in endpoint.supported_parameters


def test_a_record_in_another_dialect_keeps_only_what_holds_there():
    strange = Provider(
        slug="x", name="X", base_url="http://x", renamed_parameters={"seed": "random_seed"},
        patch_chunk=lambda chunk: None, reasoning_outside_completion=True,
    )  # fmt: skip

    other = speaking(strange, "openai_responses")

    assert speaking(strange, strange.dialect) is strange
    assert (other.base_url, other.dialect) == ("http://x", "openai_responses")
    assert (other.renamed_parameters, other.patch_chunk) == ({}, None)
    assert not other.reasoning_outside_completion


def test_an_endpoint_may_take_other_parameters_than_listings_say_of_its_model():
    made = build_snapshot(SHIPPED, {slug: PROVIDERS[slug] for slug in ("cohere", "openrouter")})

    takes = {e.provider: e.supported_parameters for e in made.models["cohere/command-a"].endpoints}

    assert "tools" in takes["cohere"]
    assert "tools" not in takes["openrouter"]


@pytest.mark.parametrize(
    ("provider", "slug", "upstream_model"),
    [
        ("google-vertex", "google/gemini-2.5-flash", "gemini-2.5-flash"),
        (
            "google-vertex-anthropic",
            "anthropic/claude-sonnet-4.5",
            "claude-sonnet-4-5@20250929",
        ),
    ],
)
def test_models_of_google_cloud_have_the_ids_they_have_there(provider, slug, upstream_model):
    made = build_snapshot(SHIPPED, {provider: PROVIDERS[provider]})

    (endpoint,) = made.models[slug].endpoints
    assert endpoint.upstream_model == upstream_model
    assert endpoint.pricing.prompt_picousd > 0
