"""One batch, one transaction; and what a full disk leaves behind."""

from pathlib import Path

import apsw
import pytest
from ledger_samples import NOW_MS, a_hold, a_key, an_attempt, settled

from portico.money import PICOUSD
from portico.storage.connection import open_database
from portico.storage.ledger import Ledger, Refused
from portico.storage.verify import verify
from portico.vocabulary import Reservation

pytestmark = pytest.mark.io


class Holding:
    def __init__(self, hold):
        self.hold = hold

    def stage(self, ledger):
        return ledger.reserve(self.hold)


class Settling:
    def __init__(self, generation, attempts=()):
        self.generation = generation
        self.attempts = attempts

    def stage(self, ledger):
        return ledger.settle(self.generation, self.attempts)


class Breaking:
    """A change that fails while the batch is open, as a disk does."""

    def stage(self, ledger):
        raise apsw.IOError("disk I/O error")


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(open_database(tmp_path / "portico.db"))
    yield ledger
    ledger.close()


def held(ledger, key):
    return ledger.books.held_picousd(key.hash)


def test_a_batch_that_failed_leaves_books_and_rows_as_they_were(ledger):
    key = a_key(limit_usd=1.0)
    first, second = ledger.commit(
        [Holding(a_hold(key, 0.3)), Holding(a_hold(key, 0.2))], durable=False
    )
    before = held(ledger, key), ledger.books.next_seq, ledger.books.settled_through_seq()

    with pytest.raises(apsw.IOError):
        ledger.commit(
            [Settling(settled(first, 0.3)), Holding(a_hold(key, 0.5)), Breaking()], durable=True
        )

    assert (held(ledger, key), ledger.books.next_seq, ledger.books.settled_through_seq()) == before
    ledger.commit(
        [Settling(settled(r, 0.2), [an_attempt()]) for r in (first, second)], durable=True
    )
    full = ledger.commit([Holding(a_hold(key, 0.6)), Holding(a_hold(key, 0.1))], durable=False)
    assert isinstance(full[0], Reservation)
    assert isinstance(full[1], Refused)
    assert verify(ledger.db, lambda done, total: None).ok


def test_a_full_disk_loses_nothing_and_the_batch_goes_through_when_there_is_space(ledger):
    key = a_key()
    reservations = ledger.commit([Holding(a_hold(key, 0.1)) for _ in range(64)], durable=False)
    settlements = [Settling(settled(r, 0.1), [an_attempt()]) for r in reservations]
    pages = ledger.db.pragma("page_count")
    ledger.db.pragma("max_page_count", pages)

    with pytest.raises(apsw.FullError):
        ledger.commit(settlements, durable=True)
    ledger.db.pragma("max_page_count", 1_000_000)
    results = ledger.commit(settlements, durable=True)

    assert results == [None] * 64
    findings = verify(ledger.db, lambda done, total: None)
    assert (findings.ok, findings.charges, findings.open_holds) == (True, 64, 0)


def test_a_key_that_is_loaded_within_a_batch_counts_what_the_batch_charged(ledger):
    free, key = a_key(), a_key(limit_usd=1.0)
    unlimited = a_hold(key, 0.8)
    unlimited = type(unlimited)(
        generation_id="gen-a", key=_without_limit(key), amount_picousd=8 * PICOUSD // 10,
        created_ms=NOW_MS,
    )  # fmt: skip
    (reservation,) = ledger.commit([Holding(unlimited)], durable=False)
    assert not ledger.books.knows(free.hash)

    results = ledger.commit(
        [Settling(settled(reservation, 0.8)), Holding(a_hold(key, 0.3)), Holding(a_hold(key, 0.2))],
        durable=True,
    )

    assert [type(result) for result in results] == [type(None), Refused, Reservation]


def _without_limit(key):
    return type(key)(hash=key.hash, name=key.name, label=key.label, created_ms=key.created_ms)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET amount_picousd = 0",
        "DELETE FROM entries",
        "UPDATE generations SET cost_picousd = 0",
        "DELETE FROM generations",
        "UPDATE attempts SET status = 200",
        "DELETE FROM attempts",
    ],
)
def test_rows_are_append_only_for_everyone(ledger, statement):
    key = a_key()
    (reservation,) = ledger.commit([Holding(a_hold(key, 0.1))], durable=False)
    ledger.commit([Settling(settled(reservation, 0.1), [an_attempt()])], durable=True)

    with pytest.raises(apsw.ConstraintError, match="append-only"):
        ledger.db.execute(statement)


def test_the_next_start_looks_only_at_what_may_be_open(ledger, tmp_path: Path):
    key = a_key()
    open_one, *others = ledger.commit([Holding(a_hold(key, 0.01)) for _ in range(9)], durable=False)
    ledger.commit([Settling(settled(r, 0.01)) for r in others], durable=True)

    assert ledger.books.settled_through_seq() == 0

    ledger.commit([Settling(settled(open_one, 0.01))], durable=True)
    assert ledger.books.settled_through_seq() == 18
