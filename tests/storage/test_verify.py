"""`verify` finds what somebody changed behind the ledger's back."""

import apsw
import pytest
from ledger_samples import a_hold, a_key, an_attempt, settled

from portico.money import PICOUSD
from portico.storage.connection import open_for_reading
from portico.storage.errors import StorageError
from portico.storage.sqlite import SqliteStore
from portico.storage.verify import PROBLEMS_SHOWN, verify

pytestmark = pytest.mark.io


@pytest.fixture
async def path(tmp_path):
    path = tmp_path / "portico.db"
    store = SqliteStore.open(path)
    key = await store.create_key(a_key())
    for number in range(3):
        reservation = await store.reserve(a_hold(key, 0.5, generation_id=f"gen-{number}"))
        await store.settle(reservation, settled(reservation, 0.25), [an_attempt()])
    await store.aclose()
    return path


def tamper(path, *statements):
    """Change rows as somebody with the file can: triggers dropped first."""
    db = apsw.Connection(str(path))
    names = [n for (n,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")]
    for name in names:
        db.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        db.execute(statement)
    db.close()


def findings(path):
    db = open_for_reading(path)
    found = verify(db, lambda done, total: None)
    db.close()
    return found


def test_sound_books_are_sound(path):
    found = findings(path)

    assert (found.ok, found.problems) == (True, [])
    assert (found.generations, found.charges, found.open_holds) == (3, 3, 0)
    assert found.charged_picousd == 3 * PICOUSD // 4


@pytest.mark.parametrize(
    ("statements", "complaint"),
    [
        (["UPDATE entries SET amount_picousd = 1 WHERE seq = 2"], "gen-0: charged 1 but"),
        (
            [
                "UPDATE entries SET amount_picousd = 1 WHERE seq = 2",
                "UPDATE generations SET cost_picousd = 1, upstream_cost_picousd = 1 WHERE seq = 2",
                "UPDATE spending SET charged_picousd = charged_picousd - 249999999999",
            ],
            "gen-0: it comes to 250000000000, charged are 1",
        ),
        (
            ["""UPDATE generations SET usage = '{"input_tokens":1}' WHERE seq = 4"""],
            "gen-1: the upstream's cost is 1000000, recorded",
        ),
        (
            ["""UPDATE generations SET pricing = '{"prompt_picousd":"x"}' WHERE seq = 4"""],
            "gen-1: usage or price cannot be read",
        ),
        (
            ["UPDATE generations SET waiver = 'zero_completion' WHERE seq = 6"],
            "gen-2: it comes to 0",
        ),
        (["DELETE FROM entries WHERE seq = 1"], "gen-0: charged without a hold"),
        (["DELETE FROM generations WHERE seq = 2"], "gen-0: charged without its generation"),
        (["DELETE FROM generations WHERE seq = 2"], "attempts of a generation that is not there"),
        (["DELETE FROM entries WHERE seq = 4"], "gen-1: a generation without a charge"),
        (["DELETE FROM entries WHERE seq = 4"], "gen-1: a hold that was taken for settled"),
        (["UPDATE spending SET charged_picousd = 7"], "add up to 750000000000, the balance says 7"),
        (["UPDATE entries SET key_hash = 'x' WHERE seq = 1"], "gen-0: held by one key, charged"),
        (["UPDATE generations SET overrun_picousd = 9 WHERE seq = 2"], "an overrun of 9"),
        (["UPDATE generations SET id = 'gen-1' WHERE seq = 2"], "gen-1: 2 generations with this"),
    ],
)
def test_a_change_behind_its_back_is_found(path, statements, complaint):
    tamper(path, *statements)

    found = findings(path)

    assert not found.ok
    assert any(complaint in problem for problem in found.problems), found.problems


async def test_many_problems_are_counted_and_some_are_shown(path):
    store = SqliteStore.open(path)
    key = await store.create_key(a_key())
    for _ in range(PROBLEMS_SHOWN + 5):
        reservation = await store.reserve(a_hold(key, 0.5))
        await store.settle(reservation, settled(reservation, 0.25), [])
    await store.aclose()
    tamper(path, "UPDATE generations SET overrun_picousd = 1")

    found = findings(path)

    assert (len(found.problems), found.problem_count) == (PROBLEMS_SHOWN, PROBLEMS_SHOWN + 8)


def test_a_damaged_file_is_no_sound_ledger(path):
    damaged = bytearray(path.read_bytes())
    for offset in range(8192, len(damaged), 4096):
        damaged[offset + 8 : offset + 200] = b"\xff" * 192
    path.write_bytes(damaged)

    try:
        sound = findings(path).ok
    except (apsw.Error, StorageError):
        sound = False

    assert not sound


def test_nothing_to_verify_is_said_plainly(tmp_path):
    with pytest.raises(StorageError, match="there is no ledger at"):
        open_for_reading(tmp_path / "portico.db")


def test_another_database_is_no_ledger(tmp_path):
    apsw.Connection(str(tmp_path / "other.db")).execute("CREATE TABLE t (x)")

    with pytest.raises(StorageError, match="not a ledger"):
        open_for_reading(tmp_path / "other.db")
