"""Amounts of money: whole pico-dollars inside, dollars in text and JSON.

A price per million tokens with up to six decimals is a whole number of
pico-dollars for each token, so every product and sum is exact.
"""

from decimal import Decimal, InvalidOperation

import msgspec

PICOUSD = 10**12
"""Pico-dollars in a dollar."""

MAX_PICOUSD = 2**63 - 1
"""The largest amount a ledger row can hold: a little over nine million dollars."""

_ZERO = msgspec.Raw(b"0")


def picousd_to_usd(picousd: int) -> float:
    """Return US dollars for JSON numbers: the float nearest to the exact amount.

    >>> picousd_to_usd(32_000_000)
    3.2e-05
    """
    return picousd / PICOUSD


def picousd_to_decimal_text(picousd: int) -> str:
    """Return US dollars as an exact decimal without exponent, as the catalogue shows prices.

    >>> picousd_to_decimal_text(2_500_000), picousd_to_decimal_text(0)
    ('0.0000025', '0')
    """
    if 0 < picousd < PICOUSD:
        return f"0.{picousd:012d}".rstrip("0")
    sign = "-" if picousd < 0 else ""
    whole, rest = divmod(abs(picousd), PICOUSD)
    return f"{sign}{whole}.{rest:012d}".rstrip("0") if rest else f"{sign}{whole}"


def usd_number(picousd: int) -> msgspec.Raw:
    """Return US dollars as an exact JSON number, without exponent.

    >>> bytes(usd_number(32_000_000)), bytes(usd_number(2 * PICOUSD))
    (b'0.000032', b'2')
    """
    if 0 < picousd < PICOUSD:
        return msgspec.Raw((b"0.%012d" % picousd).rstrip(b"0"))
    return msgspec.Raw(picousd_to_decimal_text(picousd).encode()) if picousd else _ZERO


def format_usd(amount_picousd: int) -> str:
    """Write an amount for a person, exactly: at least four decimals, more only if needed.

    >>> format_usd(12_000_000_000), format_usd(1_500), format_usd(25 * PICOUSD)
    ('$0.0120', '$0.0000000015', '$25.0000')
    """
    sign = "-" if amount_picousd < 0 else ""
    whole, part = divmod(abs(amount_picousd), PICOUSD)
    decimals = f"{part:012d}".rstrip("0").ljust(4, "0")
    return f"{sign}${whole}.{decimals}"


def parse_usd(text: str) -> int:
    """Read an amount in dollars, such as "25.00", as pico-dollars.

    Raises:
        ValueError: not a plain number, negative, finer than a pico-dollar, or
            more than a ledger row can hold.
    """
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount in dollars, such as 25.00") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{text!r} must be zero or more dollars")
    if amount > MAX_PICOUSD // PICOUSD:
        raise ValueError(f"{text!r} is more than the ledger can hold ($9,223,372)")
    if (amount.as_tuple().exponent if amount else 0) < -40:  # type: ignore[operator]  # finite
        raise ValueError(f"{text!r} is finer than a pico-dollar")
    picousd = amount * PICOUSD
    if picousd != picousd.to_integral_value():
        raise ValueError(f"{text!r} is finer than a pico-dollar")
    return int(picousd)
