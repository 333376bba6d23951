"""`portico route`: explain offline, and decide the ledger's rows again."""

import asyncio
import json
import time

import pytest
from click.testing import CliRunner

from portico.cli.route import route
from portico.keys import issue
from portico.storage.connection import DATABASE_NAME
from portico.storage.sqlite import SqliteStore
from portico.vocabulary import Generation, Hold, Pricing, Usage

pytestmark = pytest.mark.io

CONFIG = """
[providers.near]
base_url = "http://near.example/v1"
[providers.far]
base_url = "http://far.example/v1"
zdr = true
[[models]]
id = "acme/orca"
provider = "near"
price = { prompt = "1", completion = "1" }
[[models]]
id = "acme/orca"
provider = "far"
price = { prompt = "2", completion = "2" }
"""
BODY = {
    "model": "acme/orca",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hi"}],
    "provider": {"sort": "price"},
}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("PORTICO_DATA_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("PORTICO_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "portico.toml").write_text(CONFIG)
    return tmp_path


def run(*words, **options):
    return CliRunner().invoke(route, words, **options)


def test_a_request_file_is_explained_without_a_gateway(place):
    (place / "request.json").write_text(json.dumps(BODY))

    result = run("explain", "request.json")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "acme/orca -> acme/orca  (direct; sorted by price)"
    assert lines[1].split() == [
        "#", "MODEL", "ENDPOINT", "IN", "$/M", "OUT", "$/M", "CHANCE", "LATENCY", "TOK/S",
        "HEALTH", "COST",
    ]  # fmt: skip
    assert [line.split()[:3] for line in lines[2:4]] == [
        ["1", "acme/orca", "near"],
        ["2", "acme/orca", "far"],
    ]
    assert "would be held" in lines[-1]


def test_standard_input_is_explained_as_json():
    body = json.dumps({**BODY, "provider": {"zdr": True}})

    result = run("explain", "-", "--json", input=body)

    document = json.loads(result.stdout)
    assert [c["tag"] for c in document["candidates"]] == ["far"]
    assert [(e["tag"], e["code"]) for e in document["excluded"]] == [("near", "data_policy:zdr")]
    assert document["estimate"]["hold"] > 0


def test_a_request_that_would_be_refused_ends_with_1_and_still_shows_why():
    body = json.dumps({**BODY, "provider": {"only": ["nobody"]}})

    result = run("explain", "-", input=body)

    assert result.exit_code == 1
    assert "not among provider.only (nobody)" in result.stdout
    assert "No allowed providers are available" in result.stderr


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("not json", "not valid JSON"),
        (json.dumps({**BODY, "model": "acme/orka"}), "Did you mean acme/orca?"),
    ],
)
def test_a_body_that_means_nothing_ends_with_1(body, says):
    result = run("explain", "-", input=body)

    assert (result.exit_code, result.stdout) == (1, "")
    assert says in result.stderr


def test_without_any_provider_the_whole_catalogue_can_be_planned_over(place):
    (place / "portico.toml").write_text("")
    body = json.dumps({**BODY, "model": "openai/gpt-5-mini"})

    bare, everything = run("explain", "-", input=body), run("explain", "-", "--all", input=body)

    assert bare.exit_code == 1
    assert "--all" in bare.stderr
    assert everything.exit_code == 0


def test_settings_that_cannot_be_used_end_with_3(place):
    (place / "broken.toml").write_text("[nonsense]")

    explained = run("explain", "-", "--config", "broken.toml", input=json.dumps(BODY))
    simulated = run("simulate", "--config", "broken.toml")

    assert (explained.exit_code, simulated.exit_code) == (3, 3)
    assert "broken.toml:1" in explained.stderr


def settle(place, count, *, age_s=60):
    """Book `count` generations at the near endpoint: 1,000 tokens in and out, $0.002 each."""

    async def write():
        store = SqliteStore.open(place / "state" / DATABASE_NAME)
        now_ms = time.time_ns() // 1_000_000 - age_s * 1000
        key, _ = issue(name="ci", entropy=(age_s % 256).to_bytes(28), created_ms=0)
        key = await store.create_key(key)
        for number in range(count):
            name = f"gen-{age_s}-{number}"
            held = await store.reserve(
                Hold(generation_id=name, key=key, amount_picousd=10**10, created_ms=now_ms)
            )
            row = Generation(
                id=name,
                key_hash=key.hash,
                created_ms=now_ms,
                model="acme/orca",
                provider="near",
                provider_name="near",
                endpoint_tag="near",
                finish_reason="stop",
                usage=Usage(input_tokens=1_000, output_tokens=1_000),
                pricing=Pricing(prompt_picousd=10**6, completion_picousd=10**6),
                cost_picousd=2 * 10**9,
                upstream_cost_picousd=2 * 10**9,
                latency_ms=250,
            )
            await store.settle(held, row, [])
        await store.aclose()

    asyncio.run(write())


def test_recorded_generations_are_decided_again_under_other_settings(place):
    settle(place, 4)
    (place / "new.toml").write_text(CONFIG + '[routing]\nonly = ["far"]\n')

    result = run("simulate", "--config", "new.toml", "--since", "1h", "--json")

    document = json.loads(result.stdout)
    assert document["generations"] == 4
    assert (document["happened"]["cost"], document["simulated"]["cost"]) == (0.008, 0.016)
    assert document["happened"]["latency_ms"] == 250.0
    assert [p["provider"] for p in document["simulated"]["providers"]] == ["far"]
    assert document["unchanged"] == 0.0
    assert any("tokens as recorded" in line for line in document["assumptions"])


def test_the_text_shows_both_sides_and_what_is_assumed(place):
    settle(place, 2)

    result = run("simulate", "--config", "portico.toml")

    assert result.exit_code == 0
    assert "2 generations of the last 7d, under portico.toml:" in result.stdout
    assert "HAPPENED" in result.stdout
    assert "80.0% would stay where they were." in result.stdout
    assert "no routing wishes" in result.stdout


def test_only_the_time_asked_for_counts(place):
    settle(place, 3, age_s=7_200)
    settle(place, 1, age_s=60)

    result = run("simulate", "--config", "portico.toml", "--since", "1h", "--json")

    assert json.loads(result.stdout)["generations"] == 1


def test_a_ledger_that_is_not_there_is_told():
    result = run("simulate", "--config", "portico.toml")

    assert result.exit_code == 1
    assert "there is no ledger" in result.stderr


def test_a_time_that_cannot_be_read_is_wrong_usage():
    assert run("simulate", "--config", "portico.toml", "--since", "yesterday").exit_code == 2
