"""Names and families in a catalogue."""

import pytest
from routing_samples import NAMES, catalogue, endpoint, model

from portico.routing import Directory
from portico.routing.directory import family_of


@pytest.mark.parametrize(
    ("slug", "family"),
    [
        ("anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet"),
        ("anthropic/claude-3.5-sonnet", "anthropic/claude-sonnet"),
        ("anthropic/claude-opus-4.6-fast", "anthropic/claude-opus-fast"),
        ("openai/gpt-5", "openai/gpt"),
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("openai/gpt-5.4-mini", "openai/gpt-mini"),
        ("moonshotai/kimi-k2-0905", "moonshotai/kimi"),
        ("deepseek/deepseek-v3.1", "deepseek/deepseek"),
        ("google/gemini-2.5-flash-lite", "google/gemini-flash-lite"),
    ],
)
def test_a_family_is_a_name_without_versions(slug, family):
    assert family_of(slug) == family


def rows(*facts):
    return Directory(
        catalogue(*(model(endpoint("groq"), slug=slug, **more) for slug, more in facts)), NAMES
    )


@pytest.mark.parametrize(
    ("facts", "newest"),
    [
        ([("acme/orca-9", {"created_s": 100}), ("acme/orca-2", {"created_s": 200 * 86_400})], "acme/orca-2"),
        ([("acme/orca-1", {"canonical_slug": "acme/orca-1-20250101"}), ("acme/orca-2", {"canonical_slug": "acme/orca-2-2024-01-01"})], "acme/orca-1"),
        ([("acme/orca-4.5", {"created_s": 1_759_161_676}), ("acme/orca-5.5", {"canonical_slug": "acme/orca-5.5-20260928"})], "acme/orca-5.5"),
        ([("acme/orca-2", {}), ("acme/orca-10", {}), ("acme/orca-9.9", {})], "acme/orca-10"),
        ([("acme/orca-2", {}), ("acme/orca-2.1", {}), ("acme/orca-mini-9", {})], "acme/orca-2.1"),
    ],
)  # fmt: skip
def test_the_newest_of_a_family_is_the_latest_dated_else_the_highest_version(facts, newest):
    assert rows(*facts).newest("acme/orca").slug == newest


def test_a_family_that_nothing_belongs_to_has_no_newest():
    assert rows(("acme/orca-2", {})).newest("acme/koi") is None


def test_models_are_found_by_slug_and_alias():
    directory = Directory(
        catalogue(model(endpoint("groq"), slug="Acme/Orca"), aliases={"orca": "acme/orca"}), NAMES
    )

    assert directory.find("acme/orca").slug == directory.find("orca").slug == "Acme/Orca"
    assert directory.find("koi") is None


def test_free_models_have_an_endpoint_without_any_price():
    paid, free = model(endpoint("groq")), model(endpoint("groq"), endpoint("x", 0), slug="zeta/koi")

    assert [m.slug for m in Directory(catalogue(paid, free), NAMES).free_models()] == ["zeta/koi"]
