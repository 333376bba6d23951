"""`portico keys` and `portico ledger`, beside a running store."""

import asyncio
import json

import apsw
import pytest
from click.testing import CliRunner

from portico.cli.keys import keys
from portico.cli.ledger import ledger
from portico.keys import hash_key, is_well_formed
from portico.money import PICOUSD
from portico.storage.connection import DATABASE_NAME
from portico.storage.sqlite import SqliteStore
from portico.vocabulary import Generation, Hold, Pricing, Usage

pytestmark = pytest.mark.io


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    directory = tmp_path / "state"
    monkeypatch.setenv("PORTICO_DATA_DIR", str(directory))
    monkeypatch.delenv("PORTICO_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return directory


def run(group, *words):
    return CliRunner().invoke(group, words)


def created(*words):
    return json.loads(run(keys, "create", "--json", *words).stdout)


def test_a_created_key_is_printed_once_and_kept_as_a_hash(data_dir):
    facts = created("--name", "bench", "--limit", "2.50", "--limit-reset", "monthly")

    assert is_well_formed(facts["key"])
    assert facts["hash"] == hash_key(facts["key"])
    assert (facts["name"], facts["limit"], facts["limit_reset"]) == ("bench", 2.5, "monthly")
    stored = b"".join(file.read_bytes() for file in data_dir.iterdir())
    assert facts["hash"].encode() in stored
    assert facts["key"].encode() not in stored
    assert facts["key"][9:].encode() not in stored


def test_people_get_the_secret_on_stdout_and_the_warning_on_stderr():
    result = run(keys, "create", "--name", "ci")

    assert is_well_formed(result.stdout.strip())
    assert result.stderr == "Store it now: it is not shown again.\n"


def test_a_providers_key_that_is_not_set_does_not_matter_here(tmp_path):
    (tmp_path / "portico.toml").write_text(
        '[providers.groq]\napi_key = "env:NOT_SET_HERE"\n'
        '[[providers.groq.credentials]]\nname = "second"\napi_key = "file:/nowhere/at/all"\n'
    )
    made = run(keys, "create", "--name", "ci", "--json")

    assert made.exit_code == 0, made.stderr
    assert run(keys, "list").exit_code == run(ledger, "verify").exit_code == 0


def test_other_mistakes_in_the_settings_are_still_told(tmp_path):
    (tmp_path / "portico.toml").write_text('[providers.groq]\napi_kee = "env:NOT_SET_HERE"\n')

    result = run(keys, "list")

    assert result.exit_code == 3
    assert 'unknown key "api_kee"' in result.stderr


def test_keys_are_listed_without_their_secrets():
    first, second = created("--name", "one"), created("--name", "two", "--limit", "1")

    text, rows = run(keys, "list").stdout, json.loads(run(keys, "list", "--json").stdout)

    assert [row["name"] for row in rows] == ["one", "two"]
    assert "key" not in rows[0]
    assert "$1.0000 in total" in text
    assert first["key"] not in text
    assert second["hash"][:12] in text


def test_an_empty_list_says_how_to_begin():
    result = run(keys, "list")

    assert (result.stdout, result.exit_code) == ("", 0)
    assert "portico keys create" in result.stderr


@pytest.mark.parametrize("by", ["name", "hash", "start of the hash"])
def test_a_key_is_disabled_and_enabled_by_name_or_hash(by):
    facts = created("--name", "ci")
    created("--name", "other")
    wanted = {"name": "ci", "hash": facts["hash"], "start of the hash": facts["hash"][:12]}[by]

    disabled = run(keys, "disable", wanted, "--json")
    enabled = run(keys, "enable", wanted)

    assert json.loads(disabled.stdout)["disabled"] is True
    assert enabled.stdout == f"{facts['label']} (ci) is enabled.\n"


def test_a_name_that_two_keys_have_is_not_guessed():
    twins = [created("--name", "twin"), created("--name", "twin")]

    result = run(keys, "disable", "twin")

    assert result.exit_code == 1
    assert all(twin["hash"][:12] in result.stderr for twin in twins)
    assert not any(row["disabled"] for row in json.loads(run(keys, "list", "--json").stdout))


def test_an_unknown_key_is_said_to_be_unknown():
    result = run(keys, "enable", "nobody")

    assert result.exit_code == 1
    assert "There is no key 'nobody'" in result.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--limit", "lots"], "not an amount in dollars"),
        (["--limit", "-1"], "zero or more dollars"),
        (["--limit-reset", "daily"], "--limit-reset needs --limit"),
    ],
)
def test_wrong_usage_ends_with_two_and_makes_no_key(words, complaint):
    result = run(keys, "create", "--name", "ci", *words)

    assert result.exit_code == 2
    assert complaint in result.stderr
    assert json.loads(run(keys, "list", "--json").stdout) == []


def test_settings_that_cannot_be_used_end_with_three():
    assert run(keys, "list", "--config", "missing.toml").exit_code == 3


def test_a_data_directory_that_is_a_file_is_explained(tmp_path):
    (tmp_path / "state").write_text("")

    result = run(keys, "list")

    assert result.exit_code == 1
    assert "cannot open" in result.stderr


async def test_a_running_store_sees_what_the_command_did_within_a_second(data_dir):
    store = SqliteStore.open(data_dir / DATABASE_NAME)
    facts = created("--name", "ci")
    before = await store.find_key(facts["hash"])

    await asyncio.to_thread(run, keys, "disable", "ci")
    async with asyncio.timeout(1.0):
        while (after := await store.find_key(facts["hash"])) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # another process changes it: nothing to be told by

    assert before is not None
    assert after is not None
    assert (before.disabled, after.disabled) == (False, True)
    await store.aclose()


async def test_the_books_are_verified_beside_a_running_store(data_dir):
    store = SqliteStore.open(data_dir / DATABASE_NAME)
    facts = created("--name", "ci")
    key = await store.find_key(facts["hash"])
    assert key is not None
    for number, cost in enumerate((300, 900)):
        hold = Hold(
            generation_id=f"gen-{number}", key=key, amount_picousd=500, created_ms=1, model="a/b"
        )
        reservation = await store.reserve(hold)
        generation = Generation(
            id=hold.generation_id, key_hash=key.hash, created_ms=1, model="a/b",
            finish_reason="stop", usage=Usage(output_tokens=cost),
            pricing=Pricing(prompt_picousd=1, completion_picousd=1),
            cost_picousd=cost, upstream_cost_picousd=cost, overrun_picousd=max(0, cost - 500),
        )  # fmt: skip
        await store.settle(reservation, generation, [])
    await store.reserve(
        Hold(generation_id="gen-open", key=key, amount_picousd=PICOUSD, created_ms=1)
    )

    result, people = run(ledger, "verify", "--json"), run(ledger, "verify")

    found = json.loads(result.stdout)
    assert result.exit_code == people.exit_code == 0
    assert found["ok"] is True
    assert (found["generations"], found["charges"], found["charged_picousd"]) == (2, 2, 1200)
    assert (found["open_holds"], found["interrupted"], found["problems"]) == (1, 0, [])
    assert found["overruns"][0]["overrun_picousd"] == 400
    assert "in flight    1, $1.0000 held" in people.stdout
    assert "overrun      gen-1  a/b  $0.0000000004" in people.stdout
    assert people.stdout.endswith("The books are in order.\n")
    await store.aclose()


def test_tampered_books_end_with_one(data_dir):
    created("--name", "ci")
    db = apsw.Connection(str(data_dir / DATABASE_NAME))
    db.execute("INSERT INTO spending VALUES ('k', 1, 5)")
    db.close()

    result, people = run(ledger, "verify", "--json"), run(ledger, "verify")

    assert (result.exit_code, json.loads(result.stdout)["ok"]) == (1, False)
    assert people.exit_code == 1
    assert "charges add up to 0, the balance says 5" in people.stdout
    assert people.stdout.endswith("The books are NOT in order.\n")


def test_without_a_ledger_there_is_nothing_to_verify(data_dir):
    result = run(ledger, "verify")

    assert result.exit_code == 1
    assert f"there is no ledger at {data_dir / DATABASE_NAME}" in result.stderr


def test_a_key_can_have_a_stream_tail_of_its_own(data_dir):
    own = created("--name", "chains", "--stream-tail", "empty_choices")
    other = created("--name", "others")

    (listed, plain) = json.loads(run(keys, "list", "--json").stdout)

    assert own["stream_tail"] == listed["stream_tail"] == "empty_choices"
    assert other["stream_tail"] is plain["stream_tail"] is None
