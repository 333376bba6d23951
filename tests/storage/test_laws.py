"""Laws of the ledger under any order of events: books balance, limits hold, exactly once."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from ledger_samples import NOW_MS, a_hold, a_key, an_attempt, settled

from portico.errors import KeyLimitExceeded
from portico.limits import DAY_MS, utc_day, window_start_day
from portico.money import PICOUSD
from portico.storage.connection import open_for_reading
from portico.storage.sqlite import SqliteStore
from portico.storage.verify import verify
from portico.vocabulary import ApiKey, Reservation

CENTS = st.integers(1, 80)
CENT = PICOUSD // 100


class LedgerMachine(RuleBasedStateMachine):
    """A store beside a model that is too simple to be wrong."""

    reservations = Bundle("reservations")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.root = Path(tempfile.mkdtemp(prefix="portico-laws-"))
        self.starts = 0
        self.path = self.root / "0" / "portico.db"
        self.store = SqliteStore.open(self.path)
        self.now_ms = NOW_MS
        self.keys = [
            self.run(self.store.create_key(key))
            for key in (a_key(limit_usd=1.0), a_key(limit_usd=1.0, reset="daily"), a_key())
        ]
        self.held: dict[str, tuple[str, int]] = {}
        self.charged: dict[str, tuple[str, int, int]] = {}

    def run(self, work):
        return self.runner.run(work)

    def spent(self, key: ApiKey) -> int:
        first = window_start_day(key.limit_reset, self.now_ms) or 0
        return sum(
            cost
            for key_hash, at_ms, cost in self.charged.values()
            if key_hash == key.hash and utc_day(at_ms) >= first
        )

    def holding(self, key: ApiKey) -> int:
        return sum(amount for key_hash, amount in self.held.values() if key_hash == key.hash)

    @rule(target=reservations, number=st.integers(0, 2), cents=CENTS)
    def reserve(self, number, cents):
        key = self.keys[number]
        limit = key.limit_picousd
        fits = limit is None or self.spent(key) + self.holding(key) + cents * CENT <= limit

        try:
            reservation = self.run(self.store.reserve(a_hold(key, cents / 100, now_ms=self.now_ms)))
        except KeyLimitExceeded:
            assert not fits
            return multiple()

        assert fits
        self.held[reservation.generation_id] = key.hash, reservation.amount_picousd
        return reservation

    @rule(reservation=reservations, cents=CENTS, times=st.integers(1, 3))
    def settle(self, reservation: Reservation, cents, times):
        """Also of what is settled or was interrupted already, and several times at once."""
        rows = [
            settled(reservation, (cents + extra) / 100, now_ms=self.now_ms)
            for extra in range(times)
        ]

        async def together():
            work = (self.store.settle(reservation, row, [an_attempt()]) for row in rows)
            await asyncio.gather(*work)

        self.run(together())
        if self.held.pop(reservation.generation_id, None) is not None:
            cost = rows[0].cost_picousd
            self.charged[reservation.generation_id] = reservation.key_hash, self.now_ms, cost

    @rule(hours=st.integers(1, 30))
    def wait(self, hours):
        self.now_ms += hours * DAY_MS // 24

    @rule(number=st.integers(0, 2), limit=st.none() | st.integers(0, 200))
    def change_limit(self, number, limit):
        self.keys[number] = msgspec.structs.replace(
            self.keys[number], limit_picousd=None if limit is None else limit * CENT
        )

    @rule()
    def close_and_open(self):
        self.run(self.store.aclose())
        self.store = SqliteStore.open(self.path)
        self._lose_open_holds()

    @rule()
    def crash_and_open(self):
        """Files as a killed process leaves them: nothing is closed or folded in."""
        self.starts += 1
        after = self.root / str(self.starts)
        shutil.copytree(self.path.parent, after)
        self.run(self.store.aclose())
        self.path = after / "portico.db"
        self.store = SqliteStore.open(self.path)
        self._lose_open_holds()

    def _lose_open_holds(self):
        assert self.store.interrupted == len(self.held)
        self.held.clear()

    @invariant()
    def balances_are_the_sums_of_what_happened(self):
        for key in self.keys:
            spending = self.run(self.store.spending(key.hash, self.now_ms))

            assert spending.held_picousd == self.holding(key)
            assert spending.total_picousd == sum(
                cost for key_hash, _, cost in self.charged.values() if key_hash == key.hash
            )

    @invariant()
    def the_rows_prove_it(self):
        db = open_for_reading(self.path)
        findings = verify(db, lambda done, total: None)
        db.close()

        assert findings.problems == []
        assert findings.open_holds == len(self.held)
        assert findings.charged_picousd == sum(cost for _, _, cost in self.charged.values())

    def teardown(self):
        self.run(self.store.aclose())
        self.runner.close()
        shutil.rmtree(self.root)


LedgerMachine.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestLedger = pytest.mark.io(LedgerMachine.TestCase)
