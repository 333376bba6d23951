"""The one JSON library of the project, behind a few names.

`loads` gives plain Python values; `dumps` writes UTF-8 bytes without spaces,
keys in insertion order. Typed decoding uses msgspec directly.
"""

from typing import Any

import msgspec

JsonObject = dict[str, Any]
JsonError = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding can raise, for an `except` clause: bad JSON, bad UTF-8, bottomless nesting."""
ShapeError = (LookupError, TypeError, AttributeError, ValueError)
"""What looking into decoded JSON can raise where it is not shaped as the reader expects."""

_PICO = 10**12

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()

loads = _decoder.decode
dumps = _encoder.encode


def usd_number(picousd: int) -> msgspec.Raw:
    """Pico-dollars as an exact JSON number in USD, without exponent.

    >>> bytes(usd_number(32_000_000))
    b'0.000032'
    >>> bytes(usd_number(0)), bytes(usd_number(2 * 10**12))
    (b'0', b'2')
    """
    whole, fraction = divmod(picousd, _PICO)
    if not fraction:
        return msgspec.Raw(b"%d" % whole)
    return msgspec.Raw(f"{whole}.{fraction:012d}".rstrip("0").encode())
