"""Measurements over a sliding window: when they are looked at changes nothing."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from portico.routing.windows import Histogram

SHARES = (0.5, 0.9, 0.99)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.5, 3.0, 40.0]),
            st.one_of(st.floats(1e-6, 1e7), st.sampled_from([0.0, inf])),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_when_a_histogram_is_read_changes_nothing(measured):
    often = Histogram(slot_s=1.0, slots=10)
    once = Histogram(slot_s=1.0, slots=10)
    now_s = 1000.0
    for passed_s, value in measured:
        now_s += passed_s
        for histogram in (often, once):
            histogram.add(now_s, value)
        often.quantiles(now_s, SHARES)

    assert often.total(now_s) == once.total(now_s)
    assert often.quantiles(now_s, SHARES) == once.quantiles(now_s, SHARES)


def test_a_histogram_takes_any_number_of_measurements_in_one_slot():
    histogram = Histogram(slot_s=1.0, slots=10)
    for _ in range(2_500):
        histogram.add(1000.0, 2.0)

    assert histogram.total(1000.0) == 2_500
    assert histogram.total(1009.0) == 2_500
    assert histogram.total(1010.0) == 0


def test_what_is_out_of_range_counts_as_the_nearest_bound():
    histogram = Histogram(slot_s=1.0, slots=10)
    for value in (0.0, inf):
        histogram.add(1000.0, value)

    low, high = histogram.quantiles(1000.0, (0.5, 1.0)) or (0, 0)

    assert low < 2e-4
    assert high > 9e4
