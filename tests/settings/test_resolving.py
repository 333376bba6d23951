import json

import pytest

from portico.settings import (
    ConfigError,
    ProviderSettings,
    Secret,
    Settings,
    resolve_providers,
)


def resolve(environ=None, **providers):
    return resolve_providers(Settings(providers=providers), environ or {})


def test_without_keys_nothing_is_enabled_and_local_servers_wait():
    resolved = resolve()

    assert resolved.providers == {}
    assert set(resolved.local) == {"ollama", "lmstudio", "llama-cpp", "vllm"}


def test_a_key_in_the_environment_enables_its_provider():
    resolved = resolve({"GROQ_API_KEY": "k", "OPENAI_API_KEY": ""})

    assert set(resolved.providers) == {"groq"}
    assert resolved.secrets["groq"].reveal() == "k"


def test_the_first_variable_that_is_set_wins():
    resolved = resolve({"HUGGINGFACE_API_KEY": "second"})
    both = resolve({"HUGGINGFACE_API_KEY": "second", "HF_TOKEN": "first"})

    assert resolved.secrets["huggingface"].reveal() == "second"
    assert both.secrets["huggingface"].reveal() == "first"


def test_a_key_in_the_settings_wins_over_the_environment():
    resolved = resolve({"GROQ_API_KEY": "env"}, groq=ProviderSettings(api_key=Secret("file")))

    assert resolved.secrets["groq"].reveal() == "file"


def test_a_disabled_provider_is_left_out():
    off = ProviderSettings(enabled=False)

    resolved = resolve({"GROQ_API_KEY": "k"}, groq=off, ollama=off)

    assert "groq" not in resolved.providers
    assert "groq" not in resolved.secrets
    assert "ollama" not in resolved.local


def test_a_private_server_needs_no_key():
    resolved = resolve(mybox=ProviderSettings(base_url="http://10.0.0.5/v1", name="My box"))

    provider = resolved.providers["mybox"]

    assert (provider.slug, provider.name, provider.auth) == ("mybox", "My box", "none")
    assert provider.dialect == "openai_chat"
    assert "mybox" not in resolved.secrets


def test_a_private_server_with_a_key_gets_it_as_bearer():
    resolved = resolve(mybox=ProviderSettings(base_url="http://10.0.0.5/v1", api_key=Secret("k")))

    assert resolved.providers["mybox"].auth == "bearer"


def test_the_settings_override_a_built_in_record_field_by_field():
    resolved = resolve(
        {"GROQ_API_KEY": "k"}, groq=ProviderSettings(base_url="http://127.0.0.1:9/v1")
    )

    provider = resolved.providers["groq"]

    assert provider.base_url == "http://127.0.0.1:9/v1"
    assert provider.name == "Groq"
    assert provider.auth == "bearer"
    assert provider.patch_chunk is not None


def test_a_built_in_provider_behind_another_url_needs_no_key():
    resolved = resolve(groq=ProviderSettings(base_url="http://127.0.0.1:9/v1"))

    assert resolved.providers["groq"].auth == "none"


def test_a_local_server_with_a_section_is_enabled_and_no_longer_looked_for():
    resolved = resolve(ollama=ProviderSettings(enabled=True))

    assert "ollama" in resolved.providers
    assert "ollama" not in resolved.local


def test_local_servers_that_answered_join_the_others():
    resolved = resolve({"GROQ_API_KEY": "k"}).with_local(["ollama"])

    assert set(resolved.providers) == {"groq", "ollama"}


def test_a_provider_that_is_switched_on_but_has_no_key_stops_the_start():
    with pytest.raises(ConfigError, match=r"\[providers.groq\] it has no key: set GROQ_API_KEY"):
        resolve(groq=ProviderSettings(enabled=True))


def test_a_key_without_the_account_url_is_a_warning():
    resolved = resolve({"AZURE_OPENAI_API_KEY": "k"})

    assert "azure" not in resolved.providers
    assert resolved.warnings == (
        "Azure is not used: its resource is not known: set AZURE_RESOURCE_NAME"
        ' or give account = { resource = "..." }',
    )


AWS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}


def test_a_key_of_several_variables_needs_all_that_are_not_optional():
    region = {"AWS_REGION": "eu-west-1"}

    whole = resolve({**AWS, **region})
    session = resolve({**AWS, **region, "AWS_SESSION_TOKEN": "token"})
    half = resolve({"AWS_ACCESS_KEY_ID": "id", **region})
    by_api_key = resolve({**AWS, **region, "AWS_BEARER_TOKEN_BEDROCK": "key"})

    assert json.loads(whole.secrets["amazon-bedrock"].reveal()) == {
        "access_key_id": "id",
        "secret_access_key": "secret",
    }
    assert json.loads(session.secrets["amazon-bedrock"].reveal())["session_token"] == "token"
    assert "amazon-bedrock" not in half.providers
    assert by_api_key.secrets["amazon-bedrock"].reveal() == "key"


@pytest.mark.parametrize(
    ("environ", "account", "host"),
    [
        ({"AWS_REGION": "eu-west-1"}, {}, "bedrock-runtime.eu-west-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, {}, "bedrock-runtime.us-west-2.amazonaws.com"),
        (
            {"AWS_REGION": "eu-west-1"},
            {"region": "ap-south-1"},
            "bedrock-runtime.ap-south-1.amazonaws.com",
        ),
    ],
)
def test_parts_of_an_address_come_from_the_settings_or_the_environment(environ, account, host):
    resolved = resolve({**AWS, **environ}, **{"amazon-bedrock": ProviderSettings(account=account)})

    assert resolved.providers["amazon-bedrock"].base_url == f"https://{host}"


@pytest.mark.parametrize("region", ["", "evil.example/", "a b", "{region}"])
def test_a_part_of_an_address_that_nobody_says_is_named(region):
    resolved = resolve({**AWS, "AWS_REGION": region})

    assert resolved.providers == {}
    (warning,) = resolved.warnings
    assert "its region is not known: set AWS_REGION or AWS_DEFAULT_REGION or give" in warning
    with pytest.raises(ConfigError, match="region"):
        resolve({**AWS}, **{"amazon-bedrock": ProviderSettings(enabled=True)})


def test_how_a_private_server_is_told_who_pays_can_be_said():
    said = ProviderSettings(base_url="http://10.0.0.5", api_key=Secret("k"), auth="query-key")
    open_server = ProviderSettings(base_url="http://10.0.0.5", auth="query-key")

    assert resolve(mybox=said).providers["mybox"].auth == "query-key"
    assert resolve(mybox=open_server).providers["mybox"].auth == "none"


def test_without_any_key_the_message_names_every_way_to_give_one():
    with pytest.raises(ConfigError, match="AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID and "):
        resolve({"AWS_REGION": "eu-west-1"}, **{"amazon-bedrock": ProviderSettings(enabled=True)})


AZURE = {"AZURE_OPENAI_API_KEY": "k"}


@pytest.mark.parametrize(
    ("environ", "said", "base_url", "chat_path"),
    [
        (
            {"AZURE_RESOURCE_NAME": "acme"},
            {},
            "https://acme.openai.azure.com/openai/v1",
            "/chat/completions",
        ),
        (
            {"AZURE_RESOURCE_NAME": "acme", "AZURE_OPENAI_API_VERSION": "2024-10-21"},
            {},
            "https://acme.openai.azure.com/openai/deployments",
            "/{model}/chat/completions?api-version=2024-10-21",
        ),
        (
            {},
            {"account": {"resource": "acme", "api_version": "2024-10-21"}},
            "https://acme.openai.azure.com/openai/deployments",
            "/{model}/chat/completions?api-version=2024-10-21",
        ),
        (
            {},
            {"base_url": "https://own.example/openai/v1"},
            "https://own.example/openai/v1",
            "/chat/completions",
        ),
        (
            {},
            {"base_url": "https://own.example/d", "account": {"api_version": "2024-10-21"}},
            "https://own.example/d",
            "/{model}/chat/completions?api-version=2024-10-21",
        ),
        (
            {},
            {
                "base_url": "https://r.example/models",
                "chat_path": "/chat/completions?api-version=x",
            },
            "https://r.example/models",
            "/chat/completions?api-version=x",
        ),
    ],
)
def test_the_addresses_of_azure(environ, said, base_url, chat_path):
    if said:
        resolved = resolve({**AZURE, **environ}, azure=ProviderSettings(**said))
    else:
        resolved = resolve({**AZURE, **environ})

    azure = resolved.providers["azure"]
    assert (azure.base_url, azure.chat_path) == (base_url, chat_path)
    embeddings = azure.side_urls()["embeddings"]
    if "{model}" in chat_path:
        assert embeddings == f"{base_url}/{{model}}/embeddings?api-version=2024-10-21"
    else:
        assert embeddings == f"{base_url}/embeddings"


def test_an_application_of_entra_is_a_key_of_azure():
    parts = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"}

    resolved = resolve({**parts, "AZURE_RESOURCE_NAME": "acme"})

    assert json.loads(resolved.secrets["azure"].reveal()) == {
        "tenant_id": "t", "client_id": "c", "client_secret": "s"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "start"),
    [
        ({}, "https://aiplatform.googleapis.com/v1/projects/mine/locations/global"),
        (
            {"GOOGLE_CLOUD_LOCATION": "us-east5"},
            "https://us-east5-aiplatform.googleapis.com/v1/projects/mine/locations/us-east5",
        ),
        (
            {"GOOGLE_CLOUD_LOCATION": "eu", "GOOGLE_CLOUD_PROJECT": "other"},
            "https://aiplatform.eu.rep.googleapis.com/v1/projects/other/locations/eu",
        ),
    ],
)
def test_a_file_of_google_says_key_and_project(environ, start, tmp_path):
    file = tmp_path / "account.json"
    file.write_text('{"type": "service_account", "project_id": "mine"}\n')

    resolved = resolve({"GOOGLE_APPLICATION_CREDENTIALS": str(file), **environ})

    urls = {slug: provider.base_url for slug, provider in resolved.providers.items()}
    assert urls == {
        "google-vertex": start + "/publishers/google",
        "google-vertex-anthropic": start + "/publishers/anthropic",
    }
    assert resolved.secrets["google-vertex"].reveal() == file.read_text().strip()


def test_a_file_of_google_that_cannot_be_read_or_names_no_project_is_a_warning(tmp_path):
    file = tmp_path / "account.json"
    file.write_text('{"project_id": 5}')

    missing = resolve({"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json")})
    nameless = resolve({"GOOGLE_APPLICATION_CREDENTIALS": str(file)})

    assert missing.providers == nameless.providers == {}
    assert "Google Vertex is not used: its project is not known" in missing.warnings[0]
    assert "set GOOGLE_CLOUD_PROJECT or GOOGLE_VERTEX_PROJECT or give" in nameless.warnings[0]
