import pytest
from click.testing import CliRunner

from portico import jsonio
from portico.cli.models import models
from portico.providers import PROVIDERS

pytestmark = pytest.mark.io


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty directory with the given environment and settings file."""
    monkeypatch.chdir(tmp_path)
    for provider in PROVIDERS.values():
        for variable in provider.key_env:
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("PORTICO_CONFIG", raising=False)

    def invoke(*arguments, toml=None, **environ):
        if toml is not None:
            (tmp_path / "portico.toml").write_text(toml)
        return CliRunner().invoke(models, arguments, env=environ)

    return invoke


def test_it_lists_model_provider_prices_and_context(run):
    result = run("kimi-k2-0905", GROQ_API_KEY="k")

    header, row, summary = result.stdout.splitlines()
    assert result.exit_code == 0
    assert header.split() == ["MODEL", "PROVIDER", "IN", "$/M", "OUT", "$/M", "CONTEXT"]
    assert row.split() == ["moonshotai/kimi-k2-0905", "groq", "1", "3", "131,072"]
    assert summary.startswith("1 model, prices of ")


def test_what_is_not_billed_by_the_token_says_its_unit(run):
    heard = run("whisper-1", OPENAI_API_KEY="k").stdout.splitlines()[1]
    drawn = run("gpt-image-1.5", OPENAI_API_KEY="k").stdout.splitlines()[1]
    ranked = run("rerank-v3.5", OPENROUTER_API_KEY="k")
    listed = run("rerank-v3.5", "--json", OPENROUTER_API_KEY="k")

    assert heard.split() == ["openai/whisper-1", "openai", "0.0001/s", "0", "-"]
    assert drawn.split() == ["openai/gpt-image-1.5", "openai", "5", "32", "-"]
    assert "0.001 each" in ranked.stdout
    price = jsonio.loads(listed.stdout)["models"][0]["endpoints"][0]["price"]
    assert price == {"prompt": "0", "completion": "0", "request": "0.001"}


def test_json_has_exact_prices_per_token(run):
    result = run("kimi-k2-0905", "--json", GROQ_API_KEY="k")

    model = jsonio.loads(result.stdout)["models"][0]

    assert model["id"] == "moonshotai/kimi-k2-0905"
    assert model["endpoints"] == [
        {
            "provider": "groq",
            "tag": "groq",
            "upstream_model": "moonshotai/kimi-k2-instruct-0905",
            "context_tokens": 131072,
            "price": {"prompt": "0.000001", "completion": "0.000003"},
        }
    ]


def test_a_declared_model_without_a_price_is_shown_as_unknown(run):
    result = run(
        toml='[providers.mybox]\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[[models]]\nid = "acme/orca"\nprovider = "mybox"\n'
    )

    assert result.stdout.splitlines()[1].split() == ["acme/orca", "mybox", *["unknown"] * 2, "-"]


def test_without_keys_it_says_what_to_do(run):
    result = run()

    assert result.exit_code == 0
    assert "OPENAI_API_KEY" in result.stderr


def test_a_word_that_no_model_has_is_answered_plainly(run):
    result = run("no-such-model", GROQ_API_KEY="k")

    assert result.stdout.startswith("None of the ")


def test_bad_settings_end_with_code_3(run):
    result = run(toml="[server]\nprt = 1\n")

    assert result.exit_code == 3
    assert 'unknown key "prt"' in result.stderr


def test_where_nothing_is_set_up_the_models_are_those_that_the_demo_serves(run):
    table, document = run(), jsonio.loads(run("--json").stdout)

    assert (table.exit_code, document["demo"]) == (0, True)
    assert "these are the models of the demo" in table.stderr
    assert {"moonshotai/kimi-k2-0905", "portico/simulator"} <= {m["id"] for m in document["models"]}
    assert all(model["id"] in table.stdout for model in document["models"])


def test_a_provider_without_models_is_no_demo(run):
    result = run("--json", toml='[providers.mybox]\nbase_url = "http://127.0.0.1:9/v1"\n')

    assert jsonio.loads(result.stdout)["models"] == []
    assert jsonio.loads(result.stdout)["demo"] is False
