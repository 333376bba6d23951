"""What an operator can say about routing, from the file to the rules."""

from pathlib import Path

import pytest

from portico.routing.needs import Credential, Restrictions
from portico.routing.routers import RouterLists
from portico.settings import ConfigError, load_settings, resolve_providers, routing_rules

KEYS = {"A": "secret-a", "B": "secret-b", "C": "secret-c"}


def settings(tmp_path: Path, text: str, environ=KEYS):
    file = tmp_path / "portico.toml"
    file.write_text(text, "utf-8")
    return load_settings(path=str(file), environ=environ)


def complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, text)
    return str(caught.value).removeprefix(str(tmp_path) + "/")


def rules(tmp_path: Path, text: str):
    said = settings(tmp_path, text)
    return routing_rules(said, resolve_providers(said, {}))


def test_an_alias_for_a_name_of_anthropics_clients_holds_for_every_spelling_of_it(tmp_path):
    found = rules(tmp_path, '[aliases]\n"claude-haiku-4-5-20251001" = "acme/orca-2"')

    assert found.aliases["anthropic/claude-haiku-4.5"] == "acme/orca-2"


def test_without_a_word_nothing_is_restricted(tmp_path):
    found = rules(tmp_path, "")

    assert found.restrictions == ()
    assert (found.credentials, found.aliases, found.routers) == ({}, {}, RouterLists())
    assert found.ignore_unsupported_tools is False
    assert found.sticky_idle_ms == 600_000


def test_the_routing_section_becomes_rules(tmp_path):
    found = rules(
        tmp_path,
        """
        [routing]
        only = ["openai", "groq"]
        ignore = ["azure"]
        models = ["openai/*"]
        zdr = true
        data_region = "eu"
        data_collection = "deny"
        tools_unsupported = "ignore"
        allow_shared_after_byok = true
        sticky_idle_s = 30
        [router]
        small = ["acme/mini"]
        free = ["acme/gift"]
        [aliases]
        Fast = "acme/orca-2:nitro"
        "gpt-4" = "acme/orca-2"
        """,
    )

    assert found.restrictions == (
        Restrictions(
            only=("openai", "groq"),
            ignore=("azure",),
            models=("openai/*",),
            zdr=True,
            data_region="eu",
            deny_training=True,
        ),
    )
    assert found.ignore_unsupported_tools is True
    assert (found.shared_after_byok, found.sticky_idle_ms) == (True, 30_000)
    assert (found.routers.small, found.routers.free) == (("acme/mini",), ("acme/gift",))
    assert found.routers.large == RouterLists().large
    assert found.aliases == {"fast": "acme/orca-2:nitro", "gpt-4": "acme/orca-2"}


def test_what_is_said_of_a_provider_holds_for_its_endpoints(tmp_path):
    said = settings(
        tmp_path,
        '[providers.groq]\napi_key = "env:A"\nzdr = true\ntrains = false\nweight = 2\npriority = 1',
    )

    declared = said.declared["groq"]
    assert (declared.zdr, declared.trains) == (True, False)
    assert (declared.weight, declared.priority) == (2.0, 1)


SEVERAL = """
[providers.groq]
api_key = "env:A"

[[providers.groq.credentials]]
name = "team"
api_key = "env:B"
models = ["openai/*"]
keys = ["abc"]

[[providers.groq.credentials]]
name = "late"
api_key = "env:C"
placement = "fallback"
byok = true
"""


def test_several_keys_of_a_provider_have_names_and_the_first_needs_none(tmp_path):
    said = settings(tmp_path, SEVERAL)
    resolved = resolve_providers(said, {})

    assert resolved.credentials["groq"] == (
        Credential(name=""),
        Credential(name="team", models=("openai/*",), key_hashes=frozenset({"abc"})),
        Credential(name="late", placement="fallback", is_byok=True),
    )
    revealed = {name: s.reveal() for (_, name), s in resolved.credential_secrets.items()}
    assert revealed == {"": "secret-a", "team": "secret-b", "late": "secret-c"}
    assert routing_rules(said, resolved).credentials == resolved.credentials
    assert "secret" not in repr(said)


def test_named_keys_alone_enable_a_provider(tmp_path):
    text = '[providers.groq]\ncredentials = [{ name = "only", api_key = "env:B" }]'

    resolved = resolve_providers(settings(tmp_path, text), {})

    assert resolved.secrets["groq"].reveal() == "secret-b"
    assert [key.name for key in resolved.credentials["groq"]] == ["only"]


def test_a_provider_with_one_key_needs_no_credentials(tmp_path):
    resolved = resolve_providers(settings(tmp_path, '[providers.groq]\napi_key = "env:A"'), {})

    assert "groq" in resolved.providers
    assert resolved.credentials == {}


def test_a_provider_that_is_switched_off_needs_none_of_its_keys(tmp_path):
    text = (
        '[providers.groq]\nenabled = false\ncredentials = [{ name = "x", api_key = "env:NOT_SET" }]'
    )

    assert settings(tmp_path, text).providers["groq"].credentials == ()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[routing]\nonli = ["a"]', 'portico.toml:2: [routing] unknown key "onli" (did you mean "only"?)'),
        ('[routing]\ntools_unsupported = "maybe"', "portico.toml:2: [routing]"),
        ("[routing]\nsticky_idle_s = 0", "portico.toml:2: [routing]"),
        ('[router]\nsmall = "acme/mini"', "portico.toml:2: [router]"),
        ("[aliases]\nfast = 1", 'portico.toml:2: [aliases] "fast": expected a model as text'),
        ("aliases = 1", "portico.toml:1: [aliases] must be a table"),
        ('[providers.groq]\nzdr = "yes"', "portico.toml:2: [providers.groq]"),
        ("[providers.groq]\nweight = -1", "portico.toml:2: [providers.groq]"),
        (SEVERAL.replace('"late"', '"team"'), 'two keys are named "team"'),
        (SEVERAL.replace("env:C", "env:NOT_SET"), "the environment variable NOT_SET is not set"),
        (SEVERAL.replace("byok", "buok"), "[providers.groq]"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(tmp_path, text, where):
    assert where in complaint(tmp_path, text)


MODEL = '[[models]]\nid = "acme/orca-2"\nprovider = "groq"\n'


def test_an_endpoint_can_be_declared_with_tag_tier_and_policies(tmp_path):
    text = (
        MODEL
        + 'tag = "groq/flex"\nservice_tier = "flex"\nquantization = "fp8"\n'
        + "zdr = true\ntrains = false\ndistillable = true\nweight = 0.5\npriority = 3\n"
        + 'price = { prompt = "1", completion = "2" }'
    )

    declared = settings(tmp_path, text).models[0]

    assert (declared.tag, declared.service_tier) == ("groq/flex", "flex")
    assert (declared.quantization, declared.zdr, declared.trains) == ("fp8", True, False)
    assert (declared.distillable, declared.weight, declared.priority) == (True, 0.5, 3)


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ('tag = "openai/flex"', 'portico.toml:4: [[models]] "tag": must begin with "groq/"'),
        ('tag = "groq/"', 'portico.toml:4: [[models]] "tag": must begin with "groq/"'),
        ('service_tier = "flex"', '"tag" is missing: a service tier needs one of its own'),
        ('service_tier = "gold"', "portico.toml:4: [[models]]"),
        ('quantization = "fp9"', "portico.toml:4: [[models]]"),
    ],
)
def test_a_wrong_tag_or_tier_is_refused(tmp_path, line, where):
    assert where in complaint(tmp_path, MODEL + line)


def test_lines_after_a_list_of_tables_are_still_found(tmp_path):
    text = SEVERAL + '\n[providers.openai]\nbase_url = "nonsense"\n'

    assert complaint(tmp_path, text).startswith("portico.toml:18: [providers.openai]")
