"""The AWS event stream: an incremental parser of binary messages, and their writing.

https://smithy.io/2.0/aws/amazon-eventstream.html. A message is, in big-endian:

    total length (4)  headers length (4)  CRC-32 of these eight bytes (4)
    headers  payload  CRC-32 of everything before it (4)
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID
from zlib import crc32

import msgspec

from portico.errors import StreamBroken

_PRELUDE = struct.Struct(">III")
_LENGTHS = struct.Struct(">II")
_CHECKSUM = struct.Struct(">I")
_OVERHEAD = _PRELUDE.size + _CHECKSUM.size
_STRING = 7
# What a header's value is read with, by its type; types without one have a length before them.
_FIXED: Mapping[int, struct.Struct] = {
    2: struct.Struct(">b"),
    3: struct.Struct(">h"),
    4: struct.Struct(">i"),
    5: struct.Struct(">q"),
    8: struct.Struct(">q"),  # a timestamp, in milliseconds since the epoch
}
_KNOWN_HEADERS = 64

Headers = dict[str, Any]


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message. Header values are str, bytes, int, bool or UUID, by their type."""

    headers: Headers
    payload: bytes


class EventStreamParser:
    """Bytes in, whole messages out. One instance per stream.

    `feed` may be given any split of the stream, down to single bytes; the
    messages that come out do not depend on the split. Both checksums are checked.
    """

    __slots__ = ("_headers", "_held", "_limit", "_needed", "_parts")

    def __init__(self, *, limit: int = 16 * 1024 * 1024) -> None:
        self._parts: list[bytes] = []
        self._held = 0
        self._needed = _PRELUDE.size
        self._limit = limit
        # one stream has few kinds of messages, and each kind has the same header bytes
        self._headers: dict[bytes, Headers] = {}

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages completed by `data`, oldest first.

        Raises:
            StreamBroken: a checksum is wrong, a length is impossible or above the
                limit, or headers cannot be read. What came before it was yielded.
        """
        self._parts.append(data)
        self._held += len(data)
        if self._held < self._needed:
            return
        text = b"".join(self._parts)
        at = 0
        try:
            while len(text) - at >= self._needed:
                total, header_bytes = self._lengths(text, at)
                if len(text) - at < total:
                    self._needed = total
                    break
                yield self._message(text, at, total, header_bytes)
                at += total
                self._needed = _PRELUDE.size
        finally:
            self._parts, self._held = [text[at:]], len(text) - at

    def _lengths(self, text: bytes, at: int) -> tuple[int, int]:
        total, header_bytes, checksum = _PRELUDE.unpack_from(text, at)
        if crc32(text[at : at + _LENGTHS.size]) != checksum:
            raise StreamBroken("a message of the event stream has a wrong prelude checksum")
        if total > self._limit:
            raise StreamBroken("a message of the event stream exceeds the size limit")
        if header_bytes > total - _OVERHEAD:
            raise StreamBroken("a message of the event stream has impossible lengths")
        return total, header_bytes

    def _message(self, text: bytes, at: int, total: int, header_bytes: int) -> Message:
        end = at + total - _CHECKSUM.size
        (checksum,) = _CHECKSUM.unpack_from(text, end)
        if crc32(text[at:end]) != checksum:
            raise StreamBroken("a message of the event stream has a wrong checksum")
        start = at + _PRELUDE.size
        raw = text[start : start + header_bytes]
        headers = self._headers.get(raw)
        if headers is None:
            headers = _read_headers(raw)
            if len(self._headers) < _KNOWN_HEADERS:
                self._headers[raw] = headers
        return Message(headers, text[start + header_bytes : end])


def _read_headers(raw: bytes) -> Headers:
    headers: Headers = {}
    at = 0
    try:
        while at < len(raw):
            name, at = _sized(raw, at + 1, raw[at])
            kind, at = raw[at], at + 1
            headers[name.decode()], at = _value(raw, at, kind)
    except (IndexError, struct.error, ValueError) as error:  # UnicodeDecodeError included
        raise StreamBroken("a message of the event stream has unreadable headers") from error
    return headers


def _value(raw: bytes, at: int, kind: int) -> tuple[object, int]:
    """A header's value and where it ends."""
    if kind < 2:
        return kind == 0, at
    if (fixed := _FIXED.get(kind)) is not None:
        return fixed.unpack_from(raw, at)[0], at + fixed.size
    if kind == 9:
        value, at = _sized(raw, at, 16)
        return UUID(bytes=value), at
    if kind not in {6, _STRING}:
        raise ValueError(f"unknown type of header: {kind}")
    value, at = _sized(raw, at + 2, int.from_bytes(raw[at : at + 2]))
    return (value.decode() if kind == _STRING else value), at


def _sized(raw: bytes, at: int, size: int) -> tuple[bytes, int]:
    value = raw[at : at + size]
    if len(value) != size:
        raise ValueError("a header ends early")
    return value, at + size


def write_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message as bytes; all headers are strings."""
    block = b"".join(_string_header(name, value) for name, value in headers.items())
    lengths = _LENGTHS.pack(_OVERHEAD + len(block) + len(payload), len(block))
    head = b"".join((lengths, _CHECKSUM.pack(crc32(lengths)), block, payload))
    return head + _CHECKSUM.pack(crc32(head))


def _string_header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return b"".join(
        (bytes((len(key),)), key, bytes((_STRING,)), len(text).to_bytes(2), text),
    )
