"""Amounts in and out: exact, whatever they are."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.money import (
    MAX_PICOUSD,
    format_usd,
    parse_usd,
    picousd_to_decimal_text,
    picousd_to_usd,
    usd_number,
)


@given(st.integers(-(10**18), 10**30))
def test_the_decimal_text_is_exact_and_has_no_exponent(picousd):
    text = picousd_to_decimal_text(picousd)

    assert Fraction(text) == Fraction(picousd, 10**12)
    assert "e" not in text.lower()
    assert "." not in text or not text.endswith("0")


@given(st.integers(0, 10**24))
def test_the_float_is_the_nearest_one(picousd):
    assert picousd_to_usd(picousd) == float(Fraction(picousd, 10**12))


def test_the_float_of_the_first_recorded_exchange_is_what_it_says():
    assert picousd_to_usd(32_000_000) == 0.000032


@given(st.integers(0, MAX_PICOUSD))
def test_a_json_number_is_the_decimal_text(picousd):
    assert bytes(usd_number(picousd)) == picousd_to_decimal_text(picousd).encode()


@given(st.integers(0, MAX_PICOUSD // 10**12 * 10**12))
def test_amounts_are_written_exactly(picousd):
    assert parse_usd(format_usd(picousd)) == picousd


@pytest.mark.parametrize(
    ("text", "picousd"),
    [
        ("25.00", 25 * 10**12),
        ("$1", 10**12),
        (" 0.5 ", 5 * 10**11),
        ("0", 0),
        ("0.00", 0),
        ("1e-12", 1),
        ("0.000000000001", 1),
        ("9223372", 9_223_372 * 10**12),
    ],
)
def test_dollars_are_read_exactly(text, picousd):
    assert parse_usd(text) == picousd


@pytest.mark.parametrize(
    "text",
    ["", "lots", "-1", "NaN", "Infinity", "1,000", "1e-13", "1e-999999999", "1e999999999",
     "9223373", "0.0000000000001"],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match=r"dollar|pico|ledger"):
        parse_usd(text)
