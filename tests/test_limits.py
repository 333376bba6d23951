"""Windows and sentences of spending limits."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.limits import (
    DAY_MS,
    limit_message,
    spent_picousd,
    utc_day,
    utc_time,
    window_start_day,
)
from portico.vocabulary import Spending

MOMENTS = st.integers(0, 4_102_444_800_000)  # 1970 to 2100


@given(MOMENTS)
def test_windows_start_where_the_calendar_says(now_ms):
    now = datetime.fromtimestamp(now_ms / 1000, UTC)

    starts = {
        reset: datetime.fromtimestamp(window_start_day(reset, now_ms) * 86_400, UTC)
        for reset in ("daily", "weekly", "monthly")
    }

    assert starts["daily"].date() == now.date()
    assert starts["weekly"].isoweekday() == 1
    assert 0 <= (now.date() - starts["weekly"].date()).days < 7
    assert starts["monthly"].date() == now.date().replace(day=1)


@given(MOMENTS)
def test_the_time_of_day_is_utc(now_ms):
    assert utc_time(now_ms) == datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%H%M")


def test_a_day_changes_at_midnight_utc():
    assert utc_day(DAY_MS - 1) == 0
    assert utc_day(DAY_MS) == 1


def test_no_reset_has_no_window():
    assert window_start_day(None, 0) is None


@pytest.mark.parametrize(
    ("reset", "counted"), [(None, 4), ("daily", 1), ("weekly", 2), ("monthly", 3)]
)
def test_each_limit_counts_its_own_window(reset, counted):
    spending = Spending(
        daily_picousd=1, weekly_picousd=2, monthly_picousd=3, total_picousd=4, held_picousd=99
    )

    assert spent_picousd(spending, reset) == counted


@pytest.mark.parametrize(
    ("reset", "words"),
    [
        (None, "(total limit)"),
        ("daily", "(daily limit)"),
        ("weekly", "(weekly limit)"),
        ("monthly", "(monthly limit)"),
    ],
)
def test_a_refusal_begins_as_clients_expect(reset, words):
    message = limit_message(name="ci", reset=reset, left_picousd=-5, needed_picousd=1)

    assert message.startswith(f"Key limit exceeded {words}. ")
    assert 'Key "ci" has $0.0000 left' in message
