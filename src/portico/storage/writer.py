"""The one thread that writes: takes what is waiting, commits it as one group, reports.

While a commit runs the next group gathers.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import ClassVar

import apsw

from portico.storage import rows
from portico.storage.ledger import Ledger
from portico.vocabulary import ApiKey, AttemptRecord, Generation, Hold

GROUP_LIMIT = 128

_BUSY_TIMEOUT_MS = 200  # short: a waiting group grows, and closing is noticed
_RETRY_S = 0.1
_CLOSE_TRIES = 25
_CHECKPOINT_PAGES = 4_000

_log = logging.getLogger("portico.storage")


class Operation(ABC):
    """A change and the future that waits for it.

    `durable`: the commit waits for the disk. `kept`: it is tried until it
    succeeds, whether or not anyone still waits. `given_up` is set by the event
    loop when the waiter was told that it failed.
    """

    __slots__ = ("future", "given_up", "since_s")

    durable: ClassVar[bool] = True
    kept: ClassVar[bool] = False

    def __init__(self, future: "asyncio.Future[object]", since_s: float) -> None:
        self.future = future
        self.since_s = since_s
        self.given_up = False

    @abstractmethod
    def stage(self, ledger: Ledger) -> object:
        """See `portico.storage.ledger.Change`."""


class Reserve(Operation):
    """A hold: losing it to a power cut costs nothing, its upstream call dies with it."""

    __slots__ = ("hold",)

    durable = False

    def __init__(self, future: "asyncio.Future[object]", since_s: float, hold: Hold) -> None:
        super().__init__(future, since_s)
        self.hold = hold

    def stage(self, ledger: Ledger) -> object:
        return ledger.reserve(self.hold)


class Settle(Operation):
    """A charge: money that was spent is never dropped."""

    __slots__ = ("attempts", "generation")

    kept = True

    def __init__(
        self,
        future: "asyncio.Future[object]",
        since_s: float,
        generation: Generation,
        attempts: Sequence[AttemptRecord],
    ) -> None:
        super().__init__(future, since_s)
        self.generation = generation
        self.attempts = attempts

    def stage(self, ledger: Ledger) -> object:
        ledger.settle(self.generation, self.attempts)
        return None


class CreateKey(Operation):
    """A new key."""

    __slots__ = ("key",)

    def __init__(self, future: "asyncio.Future[object]", since_s: float, key: ApiKey) -> None:
        super().__init__(future, since_s)
        self.key = key

    def stage(self, ledger: Ledger) -> object:
        return rows.insert_key(ledger.db, self.key)


class SetDisabled(Operation):
    """A key switched off or on."""

    __slots__ = ("disabled", "key_hash")

    def __init__(
        self, future: "asyncio.Future[object]", since_s: float, key_hash: str, *, disabled: bool
    ) -> None:
        super().__init__(future, since_s)
        self.key_hash = key_hash
        self.disabled = disabled

    def stage(self, ledger: Ledger) -> object:
        return rows.update_disabled(ledger.db, self.key_hash, disabled=self.disabled)


Done = tuple[Operation, object]


class Writer:
    """Owns the thread and, inside it, the ledger.

    Args:
        ledger: not used by anyone else from here on, save `books.held_picousd`.
        report: called in the writer's thread with the operations of each
            group that committed and their results.
    """

    def __init__(self, ledger: Ledger, report: Callable[[list[Done]], None]) -> None:
        self._ledger = ledger
        self._report = report
        self._queue: SimpleQueue[list[Operation] | None] = SimpleQueue()
        self._waiting: list[Operation] = []
        self._closing = False
        self._wal_pages = 0
        self.unwritten = 0
        ledger.db.set_busy_timeout(_BUSY_TIMEOUT_MS)
        ledger.db.set_wal_hook(self._count_wal)  # checkpoints are ours, after the report
        self._thread = Thread(target=self._run, name="portico-ledger", daemon=True)
        self._thread.start()

    def submit(self, operations: list[Operation]) -> None:
        """Queue operations; they commit in this order."""
        self._queue.put(operations)

    def close(self) -> None:
        """Write what is queued, close the database and end the thread. Blocks.

        `unwritten` says afterwards how many charges could not be written.
        """
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        failures = 0
        while True:
            self._take(failures)
            if not self._waiting:
                if self._closing:
                    break
                continue
            if self._closing and failures >= _CLOSE_TRIES:
                self.unwritten = sum(operation.kept for operation in self._waiting)
                break
            failures = 0 if self._commit() else failures + 1
        try:
            self._ledger.close()
        except apsw.Error as error:
            _log.error("the ledger did not close cleanly: %s", error)

    def _take(self, failures: int) -> None:
        """Add what has been submitted; wait if there is nothing to do or it just failed."""
        try:
            if failures:
                self._add(self._queue.get(timeout=_RETRY_S))
            elif not self._waiting and not self._closing:
                self._add(self._queue.get())
            while len(self._waiting) < GROUP_LIMIT:
                self._add(self._queue.get_nowait())
        except Empty:
            pass

    def _add(self, operations: list[Operation] | None) -> None:
        if operations is None:
            self._closing = True
        else:
            self._waiting += operations

    def _commit(self) -> bool:
        """Commit one group; False: the database failed and the group still waits."""
        waiting = [op for op in self._waiting if op.kept or not op.given_up]
        group, self._waiting = waiting[:GROUP_LIMIT], waiting
        if not group:
            return True
        try:
            results = self._ledger.commit(group, durable=any(op.durable for op in group))
        except apsw.Error as error:
            _log.warning("the ledger cannot be written, trying again: %s", error)
            return False
        self._waiting = waiting[len(results) :]
        self._report(list(zip(group, results, strict=False)))
        if self._wal_pages >= _CHECKPOINT_PAGES:
            self._checkpoint()
        return True

    def _count_wal(self, db: apsw.Connection, name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        try:
            self._ledger.db.wal_checkpoint()
        except apsw.Error as error:  # the log is longer until the next time, nothing else
            _log.warning("the ledger's log could not be folded in: %s", error)
        self._wal_pages = 0
