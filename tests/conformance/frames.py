"""The frames of Amazon's event stream (application/vnd.amazon.eventstream), read on their own.

4 bytes total length, 4 bytes header length, 4 bytes checksum of those; headers; payload;
4 bytes checksum. Big-endian. A header is a length byte, a name, a type byte, a value.
"""

import base64
import binascii
import json
import struct
from collections.abc import Iterator

import msgspec

from tests.conformance.accumulate import JsonObject
from tests.conformance.corpus import Record

MEDIA_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7


def frames(body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Yield headers and payload of each frame. Raises ValueError for what is no frame."""
    at = 0
    while at < len(body):
        if len(body) - at < 16:
            raise ValueError("a frame is cut")
        total, head = struct.unpack_from(">II", body, at)
        if total < 16 + head or at + total > len(body):
            raise ValueError("a frame's length is wrong")
        yield (
            _headers(body[at + 12 : at + 12 + head]),
            body[at + 12 + head : at + total - 4],
        )
        at += total


def _headers(data: bytes) -> dict[str, str]:
    """Headers of type string; no other type occurs in these APIs."""
    found: dict[str, str] = {}
    at = 0
    while at + 1 < len(data):
        size = data[at]
        name = data[at + 1 : at + 1 + size].decode("utf-8", "replace")
        at += 1 + size
        if data[at : at + 1] != bytes([_STRING]):
            raise ValueError("a header is not a string")
        (length,) = struct.unpack_from(">H", data, at + 1)
        found[name] = data[at + 3 : at + 3 + length].decode("utf-8", "replace")
        at += 3 + length
    return found


def as_sent_events(record: Record) -> Record:
    """A stream of InvokeModel as the Messages API itself would have sent it.

    Each frame holds one event of the API in base64. The gateway has no provider that
    speaks InvokeModel, so that the events are served without their frames. Anything else
    is left as it is.
    """
    if not record.headers.get("content-type", "").startswith(MEDIA_TYPE):
        return record
    try:
        events = [_inner(headers, payload) for headers, payload in frames(record.body)]
    except (ValueError, KeyError, TypeError, binascii.Error, struct.error):
        return record
    body = "".join(f"event: {e.get('type')}\ndata: {json.dumps(e)}\n\n" for e in events)
    headers = record.headers | {"content-type": "text/event-stream"}
    return msgspec.structs.replace(record, body=body.encode(), headers=headers)


def _inner(headers: dict[str, str], payload: bytes) -> JsonObject:
    body = json.loads(payload)
    if headers.get(":message-type") == "exception":
        message = {"type": "api_error", "message": body.get("message")}
        return {"type": "error", "error": message}
    event = json.loads(base64.b64decode(body["bytes"]))
    if not isinstance(event, dict):
        raise TypeError("an event is not an object")
    return event
