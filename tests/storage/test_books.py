"""Balances in memory: kept or taken back, batch by batch."""

import pytest
from ledger_samples import NOW_MS, a_hold, a_key

from portico.errors import KeyLimitExceeded
from portico.limits import DAY_MS, utc_day
from portico.money import PICOUSD
from portico.storage.books import Books


def test_a_batch_that_is_taken_back_has_never_been():
    books = Books(last_seq=0)
    books.load("k", [])
    books.open("gen-1", "k", 5)
    books.open("gen-2", "k", 7)
    books.keep()

    books.charge("gen-1", 3, NOW_MS)
    books.open("gen-3", "k", 11)
    books.charge("gen-3", 1, NOW_MS)
    books.take_back()

    assert [books.is_open(name) for name in ("gen-1", "gen-2", "gen-3")] == [True, True, False]
    assert (books.held_picousd("k"), books.last_seq, books.settled_through_seq()) == (12, 2, 0)
    assert list(books.charges()) == []


def test_a_window_is_counted_by_the_request_not_by_today():
    today = utc_day(NOW_MS)
    key = a_key(limit_usd=1.0, reset="daily")
    books = Books(last_seq=0)
    books.load(key.hash, [(today - 1, PICOUSD), (today, PICOUSD // 2)])

    books.check(a_hold(key, 0.5))

    with pytest.raises(KeyLimitExceeded):
        books.check(a_hold(key, 0.51))
    with pytest.raises(KeyLimitExceeded):
        books.check(a_hold(key, 0.5, now_ms=NOW_MS - DAY_MS))


def test_days_that_no_window_reaches_still_count_in_total():
    key = a_key(limit_usd=1.0)
    books = Books(last_seq=0)
    books.load(key.hash, [(1, PICOUSD), (utc_day(NOW_MS), 1)])

    with pytest.raises(KeyLimitExceeded):
        books.check(a_hold(key, 0))


def test_a_key_without_a_limit_is_never_refused_or_loaded():
    books = Books(last_seq=0)
    key = a_key()

    books.check(a_hold(key, 1_000_000))

    assert not books.knows(key.hash)
