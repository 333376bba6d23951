"""`portico.ports.Store` on SQLite: one writer thread, group commit, reads on the loop."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, cast

import apsw

from portico.errors import StorageUnavailable
from portico.limits import utc_day, window_start_day
from portico.storage import rows
from portico.storage.connection import open_database
from portico.storage.errors import StorageError
from portico.storage.ledger import Ledger, Refused
from portico.storage.writer import (
    GROUP_LIMIT,
    CreateKey,
    Done,
    Operation,
    Reserve,
    SetDisabled,
    Settle,
    Writer,
)
from portico.vocabulary import (
    ApiKey,
    AttemptRecord,
    Generation,
    Hold,
    Reservation,
    Spending,
)

_PATIENCE_S = 1.5
_WATCH_S = 0.2  # patience + watch stays below the two seconds that are promised
_QUIET_TURNS = 4
_LONGEST_GATHER_S = 0.005
_KEY_FRESH_S = 0.5
_KEYS_REMEMBERED = 10_000

_log = logging.getLogger("portico.storage")


class SqliteStore:
    """The ledger of one serving process; one event loop uses it.

    `interrupted` is how many generations a crash had left open, now closed
    with no charge.

    Rows of keys are read by hash and remembered for half a second: a change
    made by another process takes effect within that time.
    """

    def __init__(self, ledger: Ledger, reading: apsw.Connection) -> None:
        self.interrupted = ledger.interrupted
        self._reading = reading
        self._books = ledger.books
        self._loop: asyncio.AbstractEventLoop | None = None
        self._outbox: list[Operation] = []
        self._gathered = self._quiet_turns = 0
        self._waiting: deque[Operation] = deque()
        self._keys: dict[str, tuple[float, ApiKey]] = {}
        self._closed = False
        self._writer = Writer(ledger, self._report)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the database at `path`, creating and migrating it as needed.

        Hold the data directory's lock (`portico.storage.lock`): opening closes
        what looks like the remains of a crash.

        Raises:
            StorageError: it cannot be used, or a newer version wrote it.
        """
        writing = open_database(path)
        try:
            reading = open_database(path)
            reading.pragma("query_only", True)
            return cls(Ledger(writing), reading)
        except apsw.Error as error:
            raise StorageError(f"cannot use {path}: {error}") from error

    # Reads, on the loop

    async def find_key(self, key_hash: str) -> ApiKey | None:
        """Return the key with this hash, disabled ones included; half a second old at most.

        Raises:
            StorageUnavailable: the database cannot be read.
        """
        now_s = self._running_loop().time()
        known = self._keys.get(key_hash)
        if known is not None and now_s - known[0] < _KEY_FRESH_S:
            return known[1]
        try:
            key = rows.find_key(self._reading, key_hash)
        except apsw.Error as error:
            raise _unavailable() from error
        if key is None:
            self._keys.pop(key_hash, None)
        else:
            if len(self._keys) >= _KEYS_REMEMBERED:
                self._keys.clear()
            self._keys[key_hash] = now_s, key
        return key

    async def keys(self) -> list[ApiKey]:
        """All keys, oldest first.

        Raises:
            StorageUnavailable: the database cannot be read.
        """
        try:
            return rows.all_keys(self._reading)
        except apsw.Error as error:
            raise _unavailable() from error

    async def find_generation(
        self, generation_id: str
    ) -> tuple[Generation, list[AttemptRecord]] | None:
        """Return a settled generation and its attempts.

        Raises:
            StorageUnavailable: the database cannot be read.
        """
        try:
            generation = rows.find_generation(self._reading, generation_id)
            if generation is None:
                return None
            return generation, rows.find_attempts(self._reading, generation_id)
        except apsw.Error as error:
            raise _unavailable() from error

    async def spending(self, key_hash: str, now_ms: int) -> Spending:
        """What a key has spent, by UTC window, and holds.

        Raises:
            StorageUnavailable: the database cannot be read.
        """
        week, month = window_start_day("weekly", now_ms), window_start_day("monthly", now_ms)
        try:
            row = self._reading.execute(
                _SPENDING, {"key": key_hash, "day": utc_day(now_ms), "week": week, "month": month}
            ).get
        except apsw.Error as error:
            raise _unavailable() from error
        total, daily, weekly, monthly = row
        return Spending(
            total_picousd=total,
            daily_picousd=daily,
            weekly_picousd=weekly,
            monthly_picousd=monthly,
            held_picousd=self._books.held_picousd(key_hash),
        )

    # Writes, through the writer's thread

    async def reserve(self, hold: Hold) -> Reservation:
        """Set money aside.

        If the caller is cancelled meanwhile, the hold is released again.

        Raises:
            KeyLimitExceeded: it does not fit the key's limit.
            StorageUnavailable: not written within two seconds.
        """
        loop = self._running_loop()
        operation = Reserve(loop.create_future(), loop.time(), hold)
        return cast(Reservation, await self._submit(loop, operation))

    def free(self, key_hash: str) -> Reservation:
        """For what providers do for nothing: nothing is held, and nothing will be booked."""
        return Reservation(generation_id="", key_hash=key_hash, amount_picousd=0)

    async def settle(
        self,
        reservation: Reservation,
        generation: Generation,
        attempts: Sequence[AttemptRecord],
    ) -> None:
        """Book the generation, its attempts and its charge, and release the hold.

        Raises:
            StorageUnavailable: not written within two seconds; it goes on being
                tried until it is, or the store is closed.
            ValueError: the generation is not the reservation's.
        """
        if (generation.id, generation.key_hash) != (
            reservation.generation_id,
            reservation.key_hash,
        ):
            raise ValueError(f"{generation.id} is not what {reservation.generation_id} is held for")
        loop = self._running_loop()
        await self._submit(
            loop, Settle(loop.create_future(), loop.time(), generation, tuple(attempts))
        )

    async def create_key(self, key: ApiKey) -> ApiKey:
        """Add a key and return it as stored.

        Raises:
            StorageUnavailable: not written within two seconds.
        """
        loop = self._running_loop()
        operation = CreateKey(loop.create_future(), loop.time(), key)
        return cast(ApiKey, await self._submit(loop, operation))

    async def set_disabled(self, key_hash: str, *, disabled: bool) -> ApiKey | None:
        """Switch a key off or on, at once; None if there is no such key.

        Raises:
            StorageUnavailable: not written within two seconds.
        """
        loop = self._running_loop()
        operation = SetDisabled(loop.create_future(), loop.time(), key_hash, disabled=disabled)
        key = cast(ApiKey | None, await self._submit(loop, operation))
        self._keys.pop(key_hash, None)
        return key

    async def aclose(self) -> None:
        """Write what is queued and close; harmless the second time.

        Raises:
            StorageUnavailable: charges could not be written and are lost.
        """
        if self._closed:
            return
        self._closed = True
        self._flush()
        await asyncio.to_thread(self._writer.close)
        await asyncio.sleep(0)  # the last report is delivered
        self._reading.close()
        if self._writer.unwritten:
            _log.error("%d charges were lost: the ledger stayed shut", self._writer.unwritten)
            raise _unavailable()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """Noted once: asking asyncio for it costs a system call."""
        loop = self._loop
        if loop is None or loop.is_closed():
            loop = self._loop = asyncio.get_running_loop()
            self._waiting.clear()  # nobody of a loop that ended waits any more
            self._flush()
        return loop

    def _submit(
        self, loop: asyncio.AbstractEventLoop, operation: Operation
    ) -> "asyncio.Future[Any]":
        """Queue for the next flush: what is asked for at the same time travels together."""
        if self._closed:
            raise _unavailable()
        if not self._outbox:
            self._gathered = 0
            loop.call_soon(self._gather, loop)
        if not self._waiting:
            loop.call_later(_WATCH_S, self._watch)
        self._outbox.append(operation)
        self._waiting.append(operation)
        return operation.future

    def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand over what has come, once a few turns of the loop bring nothing more.

        So load makes groups larger instead of commits more frequent, and nobody waits for
        a group while the loop has nothing else to do. Who is alone is not kept waiting.
        """
        size = len(self._outbox)
        if 1 < size < GROUP_LIMIT and loop.time() - self._outbox[0].since_s < _LONGEST_GATHER_S:
            self._quiet_turns = self._quiet_turns + 1 if size == self._gathered else 0
            self._gathered = size
            if self._quiet_turns < _QUIET_TURNS:
                loop.call_soon(self._gather, loop)
                return
        self._flush()

    def _flush(self) -> None:
        if self._outbox:
            self._writer.submit(self._outbox)
            self._outbox = []

    def _watch(self) -> None:
        """Tell waiters that have waited long enough; runs while anyone waits."""
        assert self._loop is not None, "a submit comes first"
        too_old_s = self._loop.time() - _PATIENCE_S
        waiting = self._waiting
        while waiting and (waiting[0].future.done() or waiting[0].since_s < too_old_s):
            operation = waiting.popleft()
            if not operation.future.done():
                operation.given_up = True
                operation.future.set_exception(_unavailable(spent=operation.kept))
        if waiting:
            self._loop.call_later(_WATCH_S, self._watch)

    def _report(self, done: list[Done]) -> None:
        """Called by the writer's thread: one wake-up of the loop for the whole group."""
        assert self._loop is not None, "a submit comes first"
        try:
            self._loop.call_soon_threadsafe(self._resolve, done)
        except RuntimeError:  # the loop is closed: committed all the same, nobody waits
            _log.warning("%d ledger entries were written after the loop had ended", len(done))

    def _resolve(self, done: list[Done]) -> None:
        for operation, result in done:
            future = operation.future
            if not future.done():
                if isinstance(result, Refused):
                    future.set_exception(result.error)
                else:
                    future.set_result(result)
            elif isinstance(result, Reservation):
                self._release(cast(Reserve, operation).hold)

    def _release(self, hold: Hold) -> None:
        """Nobody waits for this hold any more: close it, so that it does not count for ever."""
        assert self._loop is not None, "a submit comes first"
        if self._closed:
            return
        generation = Generation(
            id=hold.generation_id,
            key_hash=hold.key.hash,
            created_ms=hold.created_ms,
            model=hold.model,
            cancelled=True,
        )
        future = self._loop.create_future()
        future.add_done_callback(_ignore)
        self._submit(self._loop, Settle(future, self._loop.time(), generation, ()))


_SPENDING = """
    SELECT coalesce(sum(charged_picousd), 0),
        coalesce(sum(charged_picousd) FILTER (WHERE day = :day), 0),
        coalesce(sum(charged_picousd) FILTER (WHERE day >= :week), 0),
        coalesce(sum(charged_picousd) FILTER (WHERE day >= :month), 0)
    FROM spending WHERE key_hash = :key
"""


def _ignore(future: "asyncio.Future[object]") -> None:
    if not future.cancelled():
        future.exception()


def _unavailable(*, spent: bool = False) -> StorageUnavailable:
    """`spent`: a provider has been asked, which costs what it costs."""
    if spent:
        error = StorageUnavailable(
            "The ledger cannot be written now. The provider was asked, and what it counted is"
            " charged as soon as the ledger can be written again; the answer is withheld."
        )
        error.headers["x-should-retry"] = "false"  # it would be paid for twice
        return error
    error = StorageUnavailable("The ledger cannot be written now; nothing was sent or charged.")
    error.headers["Retry-After"] = "5"
    return error
