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

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()

loads = _decoder.decode
dumps = _encoder.encode


def is_json(text: str) -> bool:
    """Whether a text is one JSON value from its beginning to its end."""
    try:
        loads(text)
    except JsonError:
        return False
    return True
