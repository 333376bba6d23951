"""Bodies that were recorded compressed, as clients that decompress would see them."""

import zlib

import msgspec

from portico.cassette.model import RecordedResponse, header

_LIMIT_BYTES = 256 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


def decompressed(response: RecordedResponse) -> RecordedResponse:
    """The response with its plain body, and without the header that says it is compressed.

    As it is if it is not compressed, or already decompressed although the
    header stayed, as most recorders leave it. The reads of a compressed body
    say nothing of the plain one and are left out.

    Raises:
        ValueError: it is compressed in a way that cannot be read, or far too large.
    """
    encoding = header(response.headers, "content-encoding").strip().lower()
    if encoding in {"", "identity"}:
        return response
    headers = tuple(h for h in response.headers if h[0].lower() != "content-encoding")
    if not _looks_compressed(response.body):
        if encoding not in {"gzip", "x-gzip", "deflate"} and not _is_text(response.body):
            raise ValueError(f"the body is compressed with {encoding!r}, which cannot be read")
        return msgspec.structs.replace(response, headers=headers)
    return msgspec.structs.replace(
        response, headers=headers, body=_inflated(response.body), frames=()
    )


def _looks_compressed(body: bytes) -> bool:
    """gzip's magic number, or zlib's: its first two bytes are a multiple of 31."""
    if body[:2] == b"\x1f\x8b":
        return True
    return body[:1] == b"\x78" and len(body) > 1 and int.from_bytes(body[:2], "big") % 31 == 0


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _inflated(body: bytes) -> bytes:
    reader = zlib.decompressobj(_GZIP_OR_ZLIB)
    parts: list[bytes] = []
    size, rest = 0, body
    try:
        while rest and not reader.eof:
            part = reader.decompress(rest, _CHUNK_BYTES)
            rest = reader.unconsumed_tail
            parts.append(part)
            size += len(part)
            if size > _LIMIT_BYTES:
                raise ValueError(f"the decompressed body exceeds {_LIMIT_BYTES} bytes")
    except zlib.error as error:
        raise ValueError(f"the compressed body cannot be read: {error}") from None
    return b"".join(parts)
