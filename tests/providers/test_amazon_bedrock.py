"""Amazon Bedrock: credentials and a region in the environment are all it takes."""

import json

import pytest

from portico.catalog import build_snapshot, find_model
from portico.settings import ConfigError, Secret, load_settings, resolve_providers
from portico.wiring import catalog_data, provider_access

ENVIRON = {
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-central-1",
}


def test_credentials_and_a_region_make_its_models_callable():
    resolved = resolve_providers(load_settings(environ=ENVIRON), ENVIRON)
    snapshot = build_snapshot(catalog_data(), resolved.providers)
    model = find_model(snapshot, "anthropic/claude-sonnet-4.5")

    assert list(resolved.providers) == ["amazon-bedrock"]
    assert model is not None
    (endpoint,) = model.endpoints
    assert endpoint.upstream_model == "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert endpoint.pricing is not None
    assert endpoint.pricing.prompt_picousd == 3_000_000
    assert {"tools", "reasoning", "top_k"} <= endpoint.supported_parameters
    assert "seed" not in endpoint.supported_parameters


def test_it_is_called_at_its_region_and_each_request_is_signed_anew():
    resolved = resolve_providers(load_settings(environ=ENVIRON), ENVIRON)

    access = provider_access(
        resolved.providers["amazon-bedrock"], resolved.secrets["amazon-bedrock"]
    )

    assert access.url == "https://bedrock-runtime.eu-central-1.amazonaws.com"
    assert access.dialect.name == "bedrock_converse"
    assert not access.scheme.constant
    assert all(name.lower() != "authorization" for name, _ in access.headers)


def test_a_credential_in_a_wrong_form_stops_the_start_without_being_shown():
    resolved = resolve_providers(load_settings(environ=ENVIRON), ENVIRON)
    wrong = Secret(json.dumps({"access_key_id": "canary-of-the-key"}))

    with pytest.raises(ConfigError, match="access_key_id and secret_access_key") as refused:
        provider_access(resolved.providers["amazon-bedrock"], wrong)

    assert "canary" not in str(refused.value)
