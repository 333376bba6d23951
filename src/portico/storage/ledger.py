"""One batch of changes as one transaction: decided in memory, then written, then kept.

Everything here runs in the writer's thread, on the writer's connection.
"""

from collections.abc import Sequence
from typing import Protocol

import apsw

from portico.limits import utc_day
from portico.storage import rows
from portico.storage.books import Books
from portico.vocabulary import AttemptRecord, Generation, Hold, Reservation

_PROGRESS_EVERY_ENTRIES = 4_096
_SYNCHRONOUS = {False: "PRAGMA synchronous=NORMAL", True: "PRAGMA synchronous=FULL"}

UNWRITABLE = (
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.RangeError,
    apsw.TooBigError,
    OverflowError,
    TypeError,
    UnicodeError,
    ValueError,
)
"""What SQLite and its binding raise for one bad row. Any other error of SQLite is about
the file or the disk, and the whole batch is tried again."""


class Change(Protocol):
    """One operation of a batch.

    `stage` checks first and changes the ledger only when nothing can be refused
    any more; what it returns or raises goes to whoever asked for it.
    """

    def stage(self, ledger: "Ledger") -> object: ...


class Refused:
    """The result of a change that raised: it left no trace and the batch went on."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class Ledger:
    """The database, and the books in step with it.

    Opening it closes what a crash left open (see `interrupted`): open it only
    where no other process serves from the same file.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self.db = db
        self.interrupted = close_interrupted(db)
        last_seq = _number(db, "SELECT coalesce(max(seq), 0) FROM entries")
        self.books = Books(last_seq=last_seq)
        self._progress_seq = last_seq
        self._full: bool | None = None
        self._entries: list[rows.Row] = []
        self._generations: list[rows.Row] = []
        self._attempts: list[rows.Row] = []

    def commit(self, changes: Sequence[Change], *, durable: bool) -> list[object]:
        """Make `changes` in one transaction and return their results, in order.

        Where a row cannot be written, each change gets a transaction of its
        own, and the one to blame is `Refused`.

        Args:
            changes: at least one.
            durable: wait until the disk has them, so that a power cut cannot
                take them back. False: only the operating system has them.

        Returns:
            The results of the changes that were made. Fewer than asked for: the
            database failed on the next one; try again from there.

        Raises:
            apsw.Error: the database failed on the first one.
        """
        try:
            return self._transaction(changes, durable=durable)
        except UNWRITABLE as error:
            if len(changes) == 1:
                return [Refused(error)]
        results: list[object] = []
        for change in changes:
            try:
                results += self.commit([change], durable=durable)
            except apsw.Error:
                if not results:
                    raise
                break
        return results

    def close(self) -> None:
        """Note how far everything is settled and close the database."""
        try:
            self._note_progress()
        finally:
            self.db.close()

    # Staging

    def reserve(self, hold: Hold) -> Reservation:
        """Stage a hold.

        Raises:
            KeyLimitExceeded: it does not fit.
            ValueError: the generation has a hold already.
        """
        key = hold.key
        if self.books.is_open(hold.generation_id):
            raise ValueError(f"{hold.generation_id} has a hold already")
        if key.limit_picousd is not None:
            if not self.books.knows(key.hash):
                self.books.load(key.hash, rows.charged_by_day(self.db, key.hash))
            self.books.check(hold)
        seq = self.books.next_seq
        generation_id, amount = hold.generation_id, hold.amount_picousd
        self.books.open(generation_id, key.hash, amount)
        self._entries.append(
            (seq, generation_id, key.hash, "hold", amount, hold.created_ms, hold.model)
        )
        return Reservation(
            generation_id=hold.generation_id,
            key_hash=key.hash,
            amount_picousd=hold.amount_picousd,
        )

    def settle(self, generation: Generation, attempts: Sequence[AttemptRecord]) -> None:
        """Stage a generation, its attempts and its charge; nothing if it is charged already.

        Raises:
            ValueError: it never had a hold.
        """
        generation_id = generation.id
        if not self.books.is_open(generation_id):
            self._must_be_charged(generation_id)
            return
        seq = self.books.next_seq
        row = rows.generation_row(seq, generation)
        tries = [rows.attempt_row(seq, attempt) for attempt in attempts]
        charged, at_ms = generation.cost_picousd, generation.created_ms
        key_hash = self.books.charge(generation_id, charged, at_ms)
        self._entries.append((seq, generation_id, key_hash, "charge", charged, at_ms, None))
        self._generations.append(row)
        self._attempts += tries

    def _must_be_charged(self, generation_id: str) -> None:
        if self.books.was_charged(generation_id):
            return
        charged = _number(
            self.db,
            "SELECT count(*) FROM entries WHERE generation_id = ? AND kind = 'charge'",
            generation_id,
        )
        if not charged:
            raise ValueError(f"{generation_id} has no hold to settle")

    # Writing

    def _transaction(self, changes: Sequence[Change], *, durable: bool) -> list[object]:
        if durable is not self._full:
            self.db.execute(_SYNCHRONOUS[durable])
            self._full = durable
        self.db.execute("BEGIN IMMEDIATE")
        try:
            results = [self._stage(change) for change in changes]
            self._write()
            self.db.execute("COMMIT")
        except BaseException:
            self.books.take_back()
            self._clear()
            if self.db.in_transaction:  # SQLite rolls some failures back by itself
                self.db.execute("ROLLBACK")
            raise
        self.books.keep()
        self._clear()
        return results

    def _stage(self, change: Change) -> object:
        try:
            return change.stage(self)
        except apsw.Error:
            raise
        except Exception as error:  # noqa: BLE001  # belongs to whoever asked for the change
            return Refused(error)

    def _write(self) -> None:
        rows.INSERT_ENTRIES.run(self.db, self._entries)
        rows.INSERT_GENERATIONS.run(self.db, self._generations)
        rows.INSERT_ATTEMPTS.run(self.db, self._attempts)
        rows.INSERT_SPENDING.run(self.db, list(self.books.charges()))
        if self.books.last_seq - self._progress_seq >= _PROGRESS_EVERY_ENTRIES:
            self._note_progress()

    def _note_progress(self) -> None:
        """Spare the next start a look at entries that are known to be settled."""
        self.db.execute(_PROGRESS, (self.books.settled_through_seq(),))
        self._progress_seq = self.books.last_seq

    def _clear(self) -> None:
        self._entries.clear()
        self._generations.clear()
        self._attempts.clear()


_PROGRESS = "UPDATE progress SET settled_through_seq = ?"


def close_interrupted(db: apsw.Connection) -> int:
    """Charge 0 for every generation whose process ended before it was settled.

    Returns:
        How many there were. What they may have cost the operator is at most
        their holds; `portico ledger verify` lists them.
    """
    through = _number(db, "SELECT settled_through_seq FROM progress")
    with db:
        left = list(db.execute(_LEFT_OPEN, (through,)))
        last_seq = _number(db, "SELECT coalesce(max(seq), 0) FROM entries")
        for seq, (generation_id, key_hash, at_ms, model) in enumerate(left, start=last_seq + 1):
            generation = Generation(
                id=generation_id,
                key_hash=key_hash,
                created_ms=at_ms,
                model=model or "",
                waiver="interrupted",
            )
            rows.INSERT_GENERATIONS.run(db, [rows.generation_row(seq, generation)])
            charge = (seq, generation_id, key_hash, "charge", 0, at_ms, None)
            rows.INSERT_ENTRIES.run(db, [charge])
            rows.INSERT_SPENDING.run(db, [(key_hash, utc_day(at_ms), 0)])
        db.execute(_PROGRESS, (last_seq + len(left),))
    return len(left)


_LEFT_OPEN = """
    SELECT hold.generation_id, hold.key_hash, hold.at_ms, hold.model FROM entries AS hold
    WHERE hold.seq > ? AND hold.kind = 'hold' AND NOT EXISTS (
        SELECT 1 FROM entries AS charge
        WHERE charge.generation_id = hold.generation_id AND charge.kind = 'charge'
    )
    ORDER BY hold.seq
"""


def _number(db: apsw.Connection, statement: str, *values: rows.SqlValue) -> int:
    for (number,) in db.execute(statement, values):
        return int(number)
    raise AssertionError(f"no row: {statement}")
