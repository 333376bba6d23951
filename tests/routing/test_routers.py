"""`openrouter/auto`: tier, shortlist, and the fields of its plugin."""

import pytest
from routing_samples import endpoint, model

from portico.errors import InvalidRequest, ModelNotFound, NoEndpointAvailable
from portico.jsonio import dumps
from portico.routing import Needs
from portico.routing.needs import fits_pattern
from portico.routing.routers import (
    AutoRouterWish,
    RouterLists,
    auto_shortlist,
    parse_auto_router,
    tier_for,
)

MODELS = {
    slug: model(endpoint("groq"), slug=slug)
    for slug in ("a/mini", "a/mid", "b/mid", "a/max", "c/rare")
}
LISTS = RouterLists(small=("a/mini", "gone"), medium=("a/mid", "b/mid"), large=("a/max",))
PLAIN = Needs(prompt_tokens=100)


def shortlist(needs=PLAIN, **wish):
    found = auto_shortlist(
        "openrouter/auto", LISTS, MODELS.get, needs=needs, wish=AutoRouterWish(**wish)
    )
    return [m.slug for m in found]


@pytest.mark.parametrize(
    ("needs", "wish", "tier"),
    [
        ({"prompt_tokens": 10}, {}, "small"),
        ({"prompt_tokens": 1_000}, {}, "small"),
        ({"prompt_tokens": 1_001}, {}, "medium"),
        ({"prompt_tokens": 16_001}, {}, "large"),
        ({"parameters": frozenset({"tools"})}, {}, "medium"),
        ({"input_modalities": frozenset({"text", "image"})}, {}, "medium"),
        ({"prompt_tokens": 90_000}, {"cost_tier": "low"}, "small"),
        ({}, {"cost_tier": "medium"}, "medium"),
        ({}, {"cost_tier": "high"}, "large"),
        ({}, {"cost_tier": "xhigh"}, "large"),
        ({}, {"cost_tier": "max"}, "large"),
        ({}, {"cost_quality_tradeoff": 10}, "small"),
        ({}, {"cost_quality_tradeoff": 5}, "medium"),
        ({}, {"cost_quality_tradeoff": 0}, "large"),
        ({}, {"cost_quality_tradeoff": 0, "cost_tier": "low"}, "small"),
    ],
)
def test_the_tier_is_the_one_asked_for_else_by_what_the_request_needs(needs, wish, tier):
    assert tier_for(Needs(**needs), AutoRouterWish(**wish)) == tier


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({}, ["a/mini", "a/mid", "b/mid", "a/max"]),
        ({"cost_tier": "medium"}, ["a/mid", "b/mid", "a/max", "a/mini"]),
        ({"cost_tier": "max"}, ["a/max", "a/mid", "b/mid", "a/mini"]),
        ({"allowed_models": ("b/*",)}, ["b/mid"]),
        ({"allowed_models": ("*/mid",)}, ["a/mid", "b/mid"]),
        ({"excluded_models": ("a/*",)}, ["b/mid"]),
        ({"allowed_models": ("a/*",), "excluded_models": ("*/mi*",)}, ["a/max"]),
        ({"allowed_models": ("c/rare",)}, ["c/rare"]),
    ],
)
def test_the_shortlist_begins_with_the_tier_and_keeps_to_the_patterns(wish, found):
    assert shortlist(**wish) == found


@pytest.mark.parametrize(
    "wish",
    [
        {"allowed_models": ("z/*",)},
        {"excluded_models": ("*",)},
        {"allowed_models": ("a/mid",), "excluded_models": ("a/mid",)},
    ],
)
def test_patterns_that_leave_nothing_are_a_404(wish):
    with pytest.raises(NoEndpointAvailable, match=r"^No models match your request"):
        shortlist(**wish)


def test_without_any_model_of_the_lists_the_router_says_what_to_write():
    with pytest.raises(ModelNotFound, match=r"\[router\] in portico\.toml"):
        auto_shortlist(
            "openrouter/auto", LISTS, lambda name: None, needs=PLAIN, wish=AutoRouterWish()
        )


@pytest.mark.parametrize(
    ("slug", "pattern", "fits"),
    [
        ("acme/koi-1", "acme/koi-1", True),
        ("acme/koi-1", "ACME/*", True),
        ("acme/koi-1", "*/koi-*", True),
        ("acme/koi-1", "*", True),
        ("acme/koi-1", "acme/koi", False),
        ("acme/koi-1", "*koi", False),
        ("acme/koi-1", "a*e/k*1", True),
        ("acme/koi-1", "a*k*k*1", False),
        ("aba", "ab*ba", False),
    ],
)
def test_patterns_have_stars_for_any_run_of_characters(slug, pattern, fits):
    assert fits_pattern(slug, pattern) is fits


def test_the_plugin_is_found_among_others_and_can_be_switched_off():
    fields = {"id": "auto-router", "cost_tier": "low", "allowed_models": ["a/*"]}

    wish = parse_auto_router(dumps([{"id": "web", "max_results": 3}, fields]))

    assert (wish.cost_tier, wish.allowed_models) == ("low", ("a/*",))
    assert parse_auto_router(dumps([{**fields, "enabled": False}])) == AutoRouterWish()
    assert parse_auto_router(dumps([{"id": "web"}])) == AutoRouterWish()
    assert parse_auto_router(None) == parse_auto_router(b"null") == AutoRouterWish()


@pytest.mark.parametrize(
    ("plugins", "path"),
    [
        ({"id": "auto-router"}, "plugins"),
        ([{"id": "auto-router", "cost_tier": "gold"}], "plugins.0.cost_tier"),
        ([{"id": "auto-router", "allowed_models": "a/*"}], "plugins.0.allowed_models"),
        ([{}, {"id": "auto-router", "excluded_models": ["*"] * 1025}], "plugins.1.excluded_models"),
    ],
)
def test_a_wrong_type_in_the_plugin_is_refused_by_its_path(plugins, path):
    with pytest.raises(InvalidRequest) as caught:
        parse_auto_router(dumps(plugins))

    assert caught.value.message.startswith(path)
