"""What the tests of this dialect share."""

import json
import struct
import zlib

from portico.dialects.base import Envelope

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
ENVELOPE = Envelope(
    generation_id="gen-1-a", created_s=1, model="anthropic/claude-sonnet-4.5",
    provider="Amazon Bedrock",
)  # fmt: skip


def frame(name: str, body: dict, kind: str = "event") -> bytes:
    """One message of the stream, written here and not by what is tested."""
    block = b""
    for header, value in ((f":{kind}-type", name), (":message-type", kind)):
        block += bytes([len(header)]) + header.encode() + b"\x07"
        block += struct.pack(">H", len(value)) + value.encode()
    payload = json.dumps({**body, "p": "abcdefg"}).encode()
    head = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    head += struct.pack(">I", zlib.crc32(head))
    message = head + block + payload
    return message + struct.pack(">I", zlib.crc32(message))
