"""What no request body may be, whatever its dialect: bounds on shape, checked in a few passes.

The decoders skip what they do not know, so unknown fields would get past them.
Every step is linear in the body, whatever was sent, and at the speed of memory.
"""

from array import array
from itertools import accumulate

from portico.errors import InvalidRequest

MAX_DEPTH = 128
MAX_ELEMENTS = 1_000_000

_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: up and down
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
    if not deep and (len(body) < MAX_ELEMENTS or body.count(b",") < MAX_ELEMENTS):
        return  # nearly always: the rest is for long conversations
    if body.count(b'"') > 4 * MAX_ELEMENTS:
        raise _too_many()
    bare = _without_texts(body)
    brackets = bare.translate(None, _NOT_BRACKETS)
    if bare.count(b",") >= MAX_ELEMENTS or len(brackets) >= 2 * MAX_ELEMENTS:
        raise _too_many()
    if max(accumulate(array("b", brackets.translate(_STEPS))), default=0) > MAX_DEPTH:
        raise InvalidRequest(f"The request body is nested more than {MAX_DEPTH} levels deep.")


def _without_texts(body: bytes) -> bytes:
    """What stands outside the quotes, once no quote is escaped any more."""
    return b"".join(body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


def _too_many() -> InvalidRequest:
    return InvalidRequest(f"The request body has more than {MAX_ELEMENTS} elements.")
