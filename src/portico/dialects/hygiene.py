"""What no request body may be, whatever its dialect: bounds on shape, checked in a few passes.

The decoders skip what they do not know, so unknown fields would get past them.
"""

import re

from portico.errors import InvalidRequest

MAX_DEPTH = 128
MAX_ELEMENTS = 1_000_000

_TEXTS = re.compile(rb'"(?:[^"\\]+|\\.)*"', re.DOTALL)
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def check_json(body: bytes) -> None:
    """Check encoding, depth and number of elements; whether it is JSON is for the decoder.

    Raises:
        InvalidRequest: it is not UTF-8, or larger in shape than any real request.
    """
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"The request body is not valid JSON: byte {error.start} is not UTF-8."
            ) from None
    deep = body.count(b"[") + body.count(b"{") > MAX_DEPTH
    if not deep and len(body) < MAX_ELEMENTS:
        return  # nearly always: the rest is for long conversations
    bare = _TEXTS.sub(b"", body)
    if bare.count(b",") >= MAX_ELEMENTS:
        raise InvalidRequest(f"The request body has more than {MAX_ELEMENTS} elements.")
    if deep and _deeper_than(bare.translate(_ONE_KIND, _NOT_BRACKETS), MAX_DEPTH):
        raise InvalidRequest(f"The request body is nested more than {MAX_DEPTH} levels deep.")


def _deeper_than(brackets: bytes, depth: int) -> bool:
    """Whether brackets are nested deeper; each round takes the innermost level away."""
    for _ in range(depth):
        shorter = brackets.replace(b"[]", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    else:
        return bool(brackets)
    return brackets.count(b"[") > depth  # not balanced at all
