"""Anthropic: a key in the environment is all it takes."""

from portico.catalog import build_snapshot, find_model
from portico.settings import load_settings, resolve_providers
from portico.wiring import catalog_data, provider_access


def test_a_key_in_the_environment_makes_its_models_callable():
    environ = {"ANTHROPIC_API_KEY": "k-1"}

    resolved = resolve_providers(load_settings(environ=environ), environ)
    snapshot = build_snapshot(catalog_data(), resolved.providers)
    model = find_model(snapshot, "anthropic/claude-sonnet-4.5")

    assert list(resolved.providers) == ["anthropic"]
    assert model is not None
    (endpoint,) = model.endpoints
    assert endpoint.upstream_model == "claude-sonnet-4-5"
    assert endpoint.pricing is not None
    assert endpoint.pricing.prompt_picousd == 3_000_000
    assert endpoint.pricing.cache_write_1h_picousd == 6_000_000
    assert {"tools", "reasoning", "top_k"} <= endpoint.supported_parameters
    assert "seed" not in endpoint.supported_parameters


def test_it_is_called_with_its_own_headers():
    environ = {"ANTHROPIC_API_KEY": "k-1"}
    resolved = resolve_providers(load_settings(environ=environ), environ)

    access = provider_access(resolved.providers["anthropic"], resolved.secrets["anthropic"])

    assert access.url == "https://api.anthropic.com/v1/messages"
    assert access.dialect.name == "anthropic_messages"
    assert {("x-api-key", "k-1"), ("anthropic-version", "2023-06-01")} <= set(access.headers)
    assert provider_access(resolved.providers["anthropic"], None).headers == access.unsigned_headers
