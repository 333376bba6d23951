"""The contract of a store, kept by the one on SQLite; and what is promised of it alone."""

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import msgspec
import pytest
from ledger_samples import NOW_MS, PRICE, a_hold, a_key, an_attempt, settled

from portico.errors import KeyLimitExceeded, StorageUnavailable
from portico.limits import DAY_MS
from portico.money import PICOUSD
from portico.storage.connection import open_database, open_for_reading
from portico.storage.errors import NewerSchema, StorageError
from portico.storage.sqlite import SqliteStore
from portico.storage.verify import Findings, verify
from portico.vocabulary import Generation, PriceOverride, Spending, Usage

pytestmark = pytest.mark.io


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "portico.db"


@pytest.fixture
async def store(path):
    store = SqliteStore.open(path)
    yield store
    await store.aclose()


def check(path: Path) -> Findings:
    db = open_for_reading(path)
    findings = verify(db, lambda done, total: None)
    db.close()
    return findings


# Keys


async def test_a_created_key_is_found_by_its_hash_and_listed(store):
    created = await store.create_key(a_key("first", limit_usd=2.5, reset="weekly"))
    second = await store.create_key(a_key("second"))

    assert await store.find_key(created.hash) == created
    assert created.rowid
    assert await store.keys() == [created, second]


def test_one_event_loop_after_another_can_use_a_store(path):
    store = SqliteStore.open(path)

    created = asyncio.run(store.create_key(a_key("first")))
    found = asyncio.run(store.find_key(created.hash))
    second = asyncio.run(store.create_key(a_key("second")))
    asyncio.run(store.aclose())

    assert found == created
    assert second.rowid


async def test_an_unknown_hash_is_no_key(store):
    assert await store.find_key("0" * 64) is None
    assert await store.set_disabled("0" * 64, disabled=True) is None


async def test_a_hash_is_taken_once_and_the_rest_of_the_group_goes_on(store):
    key = a_key()
    results = await asyncio.gather(
        store.create_key(key),
        store.create_key(key),
        store.create_key(a_key("other")),
        return_exceptions=True,
    )

    assert [type(result).__name__ for result in results] == ["ApiKey", "ConstraintError", "ApiKey"]
    assert len(await store.keys()) == 2


async def test_a_disabled_key_is_found_disabled_at_once(store):
    key = await store.create_key(a_key())
    await store.find_key(key.hash)

    await store.set_disabled(key.hash, disabled=True)

    found = await store.find_key(key.hash)
    assert found is not None
    assert found.disabled


# Reserving


async def test_two_hundred_at_once_on_a_dollar_with_seven_cents_each_admit_fourteen(store, path):
    key = await store.create_key(a_key(limit_usd=1.0))
    holds = [a_hold(key, 0.07) for _ in range(200)]

    results = await asyncio.gather(*map(store.reserve, holds), return_exceptions=True)

    admitted = [result for result in results if not isinstance(result, BaseException)]
    refused = [result for result in results if isinstance(result, KeyLimitExceeded)]
    assert (len(admitted), len(refused)) == (14, 186)
    spending = await store.spending(key.hash, NOW_MS)
    assert spending.held_picousd == 14 * 7 * PICOUSD // 100
    assert check(path).open_holds == 14


async def test_what_a_settlement_releases_can_be_held_again(store):
    key = await store.create_key(a_key(limit_usd=1.0))
    first = await store.reserve(a_hold(key, 0.9))

    with pytest.raises(KeyLimitExceeded):
        await store.reserve(a_hold(key, 0.2))
    await store.settle(first, settled(first, 0.5), [])

    await store.reserve(a_hold(key, 0.5))
    with pytest.raises(KeyLimitExceeded):
        await store.reserve(a_hold(key, 0.000001))


async def test_what_is_free_holds_nothing(store):
    key = await store.create_key(a_key("first", limit_usd=0))

    free = store.free(key.hash)

    assert (free.key_hash, free.amount_picousd) == (key.hash, 0)
    assert (await store.spending(key.hash, NOW_MS)).held_picousd == 0


async def test_the_refusal_says_what_is_left_and_what_is_needed(store):
    key = await store.create_key(a_key("ci", limit_usd=0.0131))
    first = await store.reserve(a_hold(key, 0.01))
    await store.settle(first, settled(first, 0.01), [])

    with pytest.raises(KeyLimitExceeded) as refusal:
        await store.reserve(a_hold(key, 0.012))

    assert refusal.value.message == (
        'Key limit exceeded (total limit). Key "ci" has $0.0031 left;'
        " this request needs up to $0.0120."
    )
    assert refusal.value.left_picousd == 3_100_000_000
    assert (refusal.value.status, refusal.value.error_type) == (403, "payment_required")


@pytest.mark.parametrize(
    ("reset", "words", "full_on_ms", "free_on_ms"),
    [
        ("daily", "daily limit", 1_790_035_199_999, 1_790_035_200_000),
        ("weekly", "weekly limit", 1_790_553_599_999, 1_790_553_600_000),
        ("monthly", "monthly limit", 1_790_812_799_999, 1_790_812_800_000),
    ],
    ids=["next midnight", "next Monday", "the first of October"],
)
async def test_a_limit_resets_at_midnight_utc_to_the_millisecond(
    store, reset, words, full_on_ms, free_on_ms
):
    key = await store.create_key(a_key(limit_usd=1.0, reset=reset))
    spent = await store.reserve(a_hold(key, 1.0))
    await store.settle(spent, settled(spent, 1.0), [])

    with pytest.raises(KeyLimitExceeded, match=words):
        await store.reserve(a_hold(key, 0.01, now_ms=full_on_ms))

    await store.reserve(a_hold(key, 0.01, now_ms=free_on_ms))


async def test_a_charge_counts_on_the_day_its_request_came(store):
    key = await store.create_key(a_key(limit_usd=1.0, reset="daily"))
    late = await store.reserve(a_hold(key, 0.8))
    tomorrow_ms = NOW_MS + DAY_MS

    await store.settle(late, settled(late, 0.8), [])

    assert await store.spending(key.hash, tomorrow_ms) == Spending(
        total_picousd=8 * PICOUSD // 10,
        weekly_picousd=8 * PICOUSD // 10,
        monthly_picousd=8 * PICOUSD // 10,
    )
    await store.reserve(a_hold(key, 1.0, now_ms=tomorrow_ms))


async def test_a_limit_of_nothing_lets_only_what_is_free_through(store):
    key = await store.create_key(a_key(limit_usd=0))

    await store.reserve(a_hold(key, 0))

    with pytest.raises(KeyLimitExceeded):
        await store.reserve(a_hold(key, 0.000001))


async def test_a_changed_limit_counts_what_was_spent_without_one(store):
    key = await store.create_key(a_key())
    first = await store.reserve(a_hold(key, 0.6))
    await store.settle(first, settled(first, 0.6), [])
    limited = msgspec.structs.replace(key, limit_picousd=PICOUSD)

    with pytest.raises(KeyLimitExceeded):
        await store.reserve(a_hold(limited, 0.5))

    await store.reserve(a_hold(limited, 0.4))


async def test_a_generation_holds_once(store):
    key = await store.create_key(a_key())
    await store.reserve(a_hold(key, 0.1, generation_id="gen-twice"))

    with pytest.raises(ValueError, match="has a hold"):
        await store.reserve(a_hold(key, 0.1, generation_id="gen-twice"))


async def test_a_generation_does_not_hold_again_after_it_was_settled(store, path):
    key = await store.create_key(a_key())
    first = await store.reserve(a_hold(key, 0.1, generation_id="gen-again"))
    await store.settle(first, settled(first, 0.1), [])

    results = await asyncio.gather(
        store.reserve(a_hold(key, 0.1)),
        store.reserve(a_hold(key, 0.1, generation_id="gen-again")),
        store.reserve(a_hold(key, 0.1)),
        return_exceptions=True,
    )

    assert [isinstance(result, apsw.ConstraintError) for result in results] == [False, True, False]
    assert (await store.spending(key.hash, NOW_MS)).held_picousd == 2 * PICOUSD // 10
    assert check(path).open_holds == 2


async def test_a_hold_that_nobody_waits_for_any_more_is_released(store):
    key = await store.create_key(a_key(limit_usd=1.0))
    waiting = asyncio.ensure_future(store.reserve(a_hold(key, 1.0, generation_id="gen-left")))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait([waiting])
    await store.create_key(a_key("behind the hold in the queue"))
    await store.create_key(a_key("behind its release"))

    assert (await store.spending(key.hash, NOW_MS)).held_picousd == 0
    found = await store.find_generation("gen-left")
    assert found is not None
    assert (found[0].cancelled, found[0].cost_picousd, found[0].model) == (True, 0, "acme/orca")


# Settling


async def test_a_settled_generation_reads_back_as_it_was_written(store):
    key = await store.create_key(a_key())
    reservation = await store.reserve(a_hold(key, 0.01))
    price = msgspec.structs.replace(
        PRICE,
        cache_read_picousd=0,
        request_picousd=3,
        overrides=(PriceOverride(min_prompt_tokens=200_000, prompt_picousd=2 * 10**6),),
    )
    generation = Generation(
        id=reservation.generation_id,
        key_hash=key.hash,
        created_ms=NOW_MS,
        model="acme/orca",
        streamed=True,
        provider="acme",
        provider_name="Acme",
        finish_reason="tool_calls",
        native_finish_reason="tool_use",
        usage=Usage(input_tokens=7, cache_read_tokens=3, output_tokens=2, estimated=True),
        pricing=price,
        cost_picousd=9_000_003,
        upstream_cost_picousd=9_000_003,
        latency_ms=12,
        replayed=True,
        app_title="Zoë's app\n; DROP TABLE entries",
    )
    attempts = [an_attempt(0, error_type="provider_overloaded"), an_attempt(1)]

    await store.settle(reservation, generation, attempts)

    assert await store.find_generation(generation.id) == (generation, attempts)


async def test_an_open_generation_is_not_found(store):
    key = await store.create_key(a_key())
    reservation = await store.reserve(a_hold(key, 0.01))

    assert await store.find_generation(reservation.generation_id) is None


async def test_settling_again_changes_nothing(store, path):
    key = await store.create_key(a_key())
    reservation = await store.reserve(a_hold(key, 0.5))
    first, other = settled(reservation, 0.25), settled(reservation, 0.5)

    await asyncio.gather(
        store.settle(reservation, first, [an_attempt()]),
        store.settle(reservation, other, [an_attempt()]),
    )
    await store.settle(reservation, other, [])

    assert await store.find_generation(first.id) == (first, [an_attempt()])
    spending = await store.spending(key.hash, NOW_MS)
    assert (spending.total_picousd, spending.held_picousd) == (PICOUSD // 4, 0)
    assert check(path).charges == 1


async def test_a_charge_may_exceed_its_hold_and_is_flagged(store, path):
    key = await store.create_key(a_key(limit_usd=1.0))
    reservation = await store.reserve(a_hold(key, 1.0))

    await store.settle(reservation, settled(reservation, 1.25), [])

    with pytest.raises(KeyLimitExceeded, match=r"has \$0\.0000 left"):
        await store.reserve(a_hold(key, 0))
    findings = check(path)
    assert findings.ok
    assert [row.overrun_picousd for row in findings.overruns] == [PICOUSD // 4]


async def test_only_what_was_held_can_be_settled(store):
    key = await store.create_key(a_key())
    reservation = await store.reserve(a_hold(key, 0.5))
    stranger = msgspec.structs.replace(reservation, generation_id="gen-unheard-of")

    with pytest.raises(ValueError, match="no hold"):
        await store.settle(stranger, settled(stranger, 0.1), [])
    with pytest.raises(ValueError, match="is held for"):
        await store.settle(reservation, settled(stranger, 0.1), [])


async def test_one_unwritable_generation_does_not_spoil_its_group(store, path):
    key = await store.create_key(a_key())
    holds = [await store.reserve(a_hold(key, 0.1)) for _ in range(5)]
    generations = [settled(hold, 0.1) for hold in holds]
    generations[2] = msgspec.structs.replace(generations[2], latency_ms=2**70)

    results = await asyncio.gather(
        *(store.settle(hold, row, []) for hold, row in zip(holds, generations, strict=True)),
        return_exceptions=True,
    )

    assert [type(result).__name__ for result in results] == [
        "NoneType", "NoneType", "OverflowError", "NoneType", "NoneType",
    ]  # fmt: skip
    findings = check(path)
    assert (findings.ok, findings.charges, findings.open_holds) == (True, 4, 1)


async def test_spending_is_by_utc_window(store):
    key = await store.create_key(a_key())
    for days_ago, usd in ((0, 0.01), (1, 0.02), (20, 0.04), (300, 0.08)):
        at_ms = NOW_MS - days_ago * DAY_MS
        reservation = await store.reserve(a_hold(key, usd, now_ms=at_ms))
        await store.settle(reservation, settled(reservation, usd, now_ms=at_ms), [])
    await store.reserve(a_hold(key, 0.5))

    spending = await store.spending(key.hash, NOW_MS)

    cent = PICOUSD // 100
    assert spending == Spending(
        daily_picousd=1 * cent,
        weekly_picousd=1 * cent,  # NOW_MS is a Monday
        monthly_picousd=7 * cent,
        total_picousd=15 * cent,
        held_picousd=50 * cent,
    )


# Ending and starting again


async def test_what_was_booked_is_there_after_reopening_and_limits_still_count(path):
    store = SqliteStore.open(path)
    key = await store.create_key(a_key(limit_usd=1.0, reset="monthly"))
    reservation = await store.reserve(a_hold(key, 0.7))
    await store.settle(reservation, settled(reservation, 0.7), [an_attempt()])
    await store.aclose()

    store = SqliteStore.open(path)

    assert (await store.find_generation(reservation.generation_id)) is not None
    with pytest.raises(KeyLimitExceeded):
        await store.reserve(a_hold(key, 0.4))
    await store.reserve(a_hold(key, 0.3))
    assert store.interrupted == 0
    await store.aclose()


async def test_what_an_ended_process_left_open_is_closed_with_no_charge(path):
    store = SqliteStore.open(path)
    key = await store.create_key(a_key(limit_usd=1.0))
    reservation = await store.reserve(a_hold(key, 0.7))
    await store.aclose()

    store = SqliteStore.open(path)

    assert store.interrupted == 1
    found = await store.find_generation(reservation.generation_id)
    assert found is not None
    assert (found[0].waiver, found[0].cost_picousd) == ("interrupted", 0)
    assert (found[0].model, found[0].key_hash) == ("acme/orca", key.hash)
    await store.reserve(a_hold(key, 1.0))
    await store.settle(reservation, settled(reservation, 0.7), [])  # too late: nothing changes
    assert (await store.spending(key.hash, NOW_MS)).total_picousd == 0
    await store.aclose()
    findings = check(path)
    assert (findings.ok, findings.interrupted, findings.liability_picousd) == (
        True, 1, 7 * PICOUSD // 10,
    )  # fmt: skip


async def test_closing_writes_what_is_queued(path):
    store = SqliteStore.open(path)
    key = await store.create_key(a_key())
    reservations = [await store.reserve(a_hold(key, 0.1)) for _ in range(300)]
    settling = asyncio.gather(*(store.settle(r, settled(r, 0.1), []) for r in reservations))
    await asyncio.sleep(0)

    await store.aclose()

    await settling
    assert check(path).charges == 300


async def test_a_closed_store_is_unavailable_and_may_be_closed_again(path):
    store = SqliteStore.open(path)
    key = await store.create_key(a_key())

    await store.aclose()
    await store.aclose()

    with pytest.raises(StorageUnavailable):
        await store.reserve(a_hold(key, 0.1))


def test_files_are_for_their_owner_only(path):
    db = open_database(path)
    db.execute("UPDATE progress SET settled_through_seq = 0")

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert modes == dict.fromkeys(["portico.db", "portico.db-wal", "portico.db-shm"], 0o600)
    db.close()


def test_a_newer_schema_is_refused_with_the_reason(path):
    db = open_database(path)
    db.execute("INSERT INTO migrations VALUES ('m9999_from_the_future')")
    db.close()

    with pytest.raises(NewerSchema, match=r"newer version of Portico \(m9999_from_the_future\)"):
        SqliteStore.open(path)


def test_a_file_that_is_no_database_is_refused(path):
    path.parent.mkdir()
    path.write_text("not a database" * 100)

    with pytest.raises(StorageError, match="cannot use"):
        SqliteStore.open(path)


# A ledger that cannot be written


def locking_process(path: Path) -> subprocess.Popen[str]:
    """A process that holds the database's write lock until it is written to."""
    code = (
        "import apsw, sys; db = apsw.Connection(sys.argv[1]); db.execute('BEGIN EXCLUSIVE')\n"
        "print('locked', flush=True); sys.stdin.readline(); db.execute('ROLLBACK')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


async def test_locked_by_another_process_holds_fail_in_time_and_charges_are_booked_later(
    store, path
):
    key = await store.create_key(a_key(limit_usd=1.0))
    reservation = await store.reserve(a_hold(key, 0.5))
    other = locking_process(path)
    loop = asyncio.get_running_loop()
    since_s = loop.time()

    results = await asyncio.gather(
        store.reserve(a_hold(key, 0.1, generation_id="gen-gave-up")),
        store.settle(reservation, settled(reservation, 0.5), []),
        return_exceptions=True,
    )
    waited_s = loop.time() - since_s
    readable = await store.find_key(key.hash)
    other.communicate("let go\n")
    await store.create_key(a_key("after the charge in the queue"))
    await store.create_key(a_key("after the release of a hold that was written all the same"))

    assert [type(result) for result in results] == [StorageUnavailable, StorageUnavailable]
    assert [("nothing was sent" in r.message, dict(r.headers)) for r in results] == [
        (True, {"Retry-After": "5"}),
        (False, {"x-should-retry": "false"}),
    ]
    assert waited_s <= 2.5  # two seconds, and half a one for a busy machine
    assert readable == key
    found = await store.find_generation(reservation.generation_id)
    assert found is not None
    assert found[0].cost_picousd == PICOUSD // 2
    assert (await store.spending(key.hash, NOW_MS)).held_picousd == 0
    assert check(path).ok
