"""What names mean: slugs, variants, aliases, families and routers."""

from random import Random

import pytest
from routing_samples import NAMES, catalogue, endpoint, model

from portico.errors import InvalidRequest, ModelNotFound, NoEndpointAvailable
from portico.routing import Asking, Directory, Names, Needs, targets_of
from portico.routing.routers import AutoRouterWish, RouterLists

ORCA = model(endpoint("groq"), endpoint("x", 0), canonical_slug="acme/orca-2-20260101")
FREE_ROW = model(endpoint("groq", 0), slug="acme/koi:free")
KOI = model(endpoint("groq"), slug="acme/koi")
SONNETS = [model(endpoint("groq"), slug=f"zeta/sonnet-{n}") for n in (3, 4)]
DIRECTORY = Directory(
    catalogue(
        ORCA, KOI, FREE_ROW, *SONNETS,
        aliases={"acme/orca-2-20260101": "acme/orca-2", "orca-2": "acme/orca-2", "llama3:8b": "acme/koi"},
    ),
    NAMES,
)  # fmt: skip
KNOWN = Names(
    aliases={
        "fast": "acme/orca-2:nitro",
        "cheap": "acme/koi:floor",
        "~zeta/sonnet-latest": "zeta/sonnet-3",
        "any": "openrouter/auto",
        "loop": "loop",
    },
    routers=RouterLists(small=("acme/koi",), medium=("~zeta/opus-latest", "acme/orca-2"), large=()),
    suggest=lambda name: ["acme/orca-2"],
)
SHORT = Needs(prompt_tokens=10)


def found(*names, known=KNOWN, needs=SHORT, **asking):
    return targets_of(names, DIRECTORY, known, Asking(needs=needs, **asking), Random(1))


@pytest.mark.parametrize(
    ("name", "slug", "strategy"),
    [
        ("acme/orca-2", "acme/orca-2", "direct"),
        ("ACME/Orca-2", "acme/orca-2", "direct"),
        (" acme/orca-2 ", "acme/orca-2", "direct"),
        ("acme/orca-2-20260101", "acme/orca-2", "direct"),
        ("orca-2", "acme/orca-2", "alias"),
        ("llama3:8b", "acme/koi", "alias"),
        ("llama3:8b:floor", "acme/koi", "alias"),
        ("fast", "acme/orca-2", "alias"),
        ("FAST:floor", "acme/orca-2", "alias"),
        ("acme/koi:free", "acme/koi:free", "direct"),
        ("~zeta/sonnet-latest", "zeta/sonnet-3", "alias"),
        ("openrouter/auto", "acme/koi", "auto"),
        ("openrouter/auto-beta", "acme/koi", "auto"),
        ("portico/auto", "acme/koi", "auto"),
        ("any", "acme/koi", "auto"),
    ],
)
def test_a_name_means_a_model(name, slug, strategy):
    first = found(name)[0]

    assert (first.model.slug, first.strategy) == (slug, strategy)
    assert first.requested == name


def test_a_latest_name_means_the_newest_of_its_family():
    first = found("~zeta/sonnet-latest", known=Names())[0]

    assert (first.model.slug, first.strategy) == ("zeta/sonnet-4", "latest")


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("acme/orca-2:free", {"free": True}),
        ("acme/orca-2:extended", {"extended": True}),
        ("acme/orca-2:thinking", {"thinking": True}),
        ("acme/orca-2:nitro", {"sort": "throughput", "tiers": {"priority"}}),
        ("acme/orca-2:floor", {"sort": "price", "tiers": {"flex"}}),
        ("acme/orca-2:exacto", {"sort": "exacto", "tiers": set()}),
        ("acme/orca-2:free:floor", {"free": True, "sort": "price"}),
        ("acme/koi:free:nitro", {"free": False, "sort": "throughput"}),
        ("acme/orca-2:nitro:floor", {"sort": "price", "tiers": {"priority", "flex"}}),
        ("ORCA-2:Nitro", {"sort": "throughput"}),
        ("fast", {"sort": "throughput"}),
        ("fast:floor", {"sort": "price", "tiers": {"priority", "flex"}}),
        ("openrouter/auto:floor", {"sort": "price"}),
        ("openrouter/free", {"free": True}),
    ],
)
def test_suffixes_say_how_a_model_is_called(name, facts):
    variant = found(name)[0].variant

    assert {field: getattr(variant, field) for field in facts} == facts


@pytest.mark.parametrize("name", ["acme/orca-2:online", "acme/orca-2:free:online", "fast:online"])
def test_web_search_without_an_engine_is_refused_and_not_left_out(name):
    with pytest.raises(InvalidRequest, match="no search engine"):
        found(name)


@pytest.mark.parametrize("name", ["acme/orca-2:turbo", "acme/orca-2:free:x", "acme/orca-2:batch"])
def test_an_unknown_suffix_is_refused(name):
    with pytest.raises(InvalidRequest, match="unknown suffix"):
        found(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("acme/orka-2", "Did you mean acme/orca-2?"),
        ("acme/orka-2:free", "Did you mean acme/orca-2?"),
        ("~zeta/haiku-latest", "No model of that family"),
        ("openrouter/fusion", "does not have that router"),
        ("openrouter/bodybuilder", "does not have that router"),
        ("openrouter/pareto-code", "does not have that router"),
        ("@preset/mine", "no presets"),
        ("acme/orca-2@preset/mine", "no presets"),
        ("loop", "Did you mean"),
    ],
)
def test_a_name_that_means_nothing_is_an_error_and_never_another_model(name, says):
    with pytest.raises(ModelNotFound, match="is not a valid model ID") as caught:
        found(name)

    assert says in caught.value.message
    assert caught.value.metadata["availability"]["code"] == "model_not_found"


@pytest.mark.parametrize("name", ["x" * 1_000_000, ":" * 1_000_000, "acme/orca-2" + ":free" * 99])
def test_a_monstrous_name_is_refused_at_once_and_not_repeated(name):
    with pytest.raises(ModelNotFound) as caught:
        found(name)

    assert len(caught.value.message) < 200


def test_models_keep_their_order_and_are_named_once():
    names = ("acme/koi", "orca-2", "acme/orca-2", "acme/koi")

    assert [t.model.slug for t in found(*names)] == ["acme/koi", "acme/orca-2"]


def test_the_auto_router_keeps_the_model_of_the_last_answer_if_asked():
    chosen = found("openrouter/auto", wish=AutoRouterWish(pin_model=True), pinned="ACME/orca-2")

    assert [t.model.slug for t in chosen] == ["acme/orca-2", "acme/koi"]


def test_the_free_router_draws_among_free_models_that_fit():
    drawn = {
        targets_of(["openrouter/free"], DIRECTORY, Names(), Asking(needs=SHORT), Random(seed))[0]
        .model.slug
        for seed in range(30)
    }  # fmt: skip

    assert drawn == {"acme/orca-2", "acme/koi:free"}
    with_list = Names(routers=RouterLists(free=("orca-2", "acme/koi")))
    assert [t.model.slug for t in found("openrouter/free", known=with_list)] == ["acme/orca-2"]


def test_a_free_model_that_does_not_fit_is_not_drawn():
    seeing = model(
        endpoint("groq", 0, input_modalities=frozenset({"text", "image"})), slug="acme/eye"
    )
    blind = [model(endpoint("groq", 0), slug=f"acme/blind-{n}") for n in range(9)]
    directory = Directory(catalogue(seeing, *blind), NAMES)
    needs = Needs(input_modalities=frozenset({"text", "image"}))

    drawn = targets_of(["openrouter/free"], directory, Names(), Asking(needs=needs), Random(1))

    assert [t.model.slug for t in drawn] == ["acme/eye"]


def test_without_free_models_the_free_router_says_so():
    directory = Directory(catalogue(KOI), NAMES)

    with pytest.raises(NoEndpointAvailable, match="no model here is free"):
        targets_of(["openrouter/free"], directory, Names(), Asking(needs=SHORT), Random(1))
