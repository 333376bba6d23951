"""The binary event stream: any split, checked checksums, every type of header."""

import struct
from itertools import pairwise
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.errors import StreamBroken
from portico.eventstream import EventStreamParser, Message, write_message

MESSAGES = [
    Message({":message-type": "event", ":event-type": "messageStart"}, b'{"role":"assistant"}'),
    Message({":event-type": "contentBlockDelta"}, '{"text":"Olá 👋"}'.encode()),
    Message({}, b""),
    Message({":event-type": "contentBlockDelta"}, b"x" * 3000),
]
STREAM = b"".join(write_message(message.headers, message.payload) for message in MESSAGES)


def parse(pieces: list[bytes], *, limit: int = 16 * 1024 * 1024) -> list[Message]:
    parser = EventStreamParser(limit=limit)
    return [message for piece in pieces for message in parser.feed(piece)]


def parse_until_broken(pieces: list[bytes]) -> tuple[list[Message], str | None]:
    """What came, and why it broke off if it did."""
    parser, found = EventStreamParser(), []
    try:
        for piece in pieces:
            found.extend(iter(parser.feed(piece)))
    except StreamBroken as error:
        return found, error.message
    return found, None


def cut(stream: bytes, size: int) -> list[bytes]:
    return [stream[i : i + size] for i in range(0, len(stream), size)]


def framed(headers: bytes, payload: bytes = b"") -> bytes:
    """A message around raw header bytes, with right checksums."""
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    head = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return head + struct.pack(">I", crc32(head))


def test_the_published_example_messages_are_read_and_written():
    """The specification's own: an empty message, and a payload of JSON with a content type."""
    empty = bytes.fromhex("000000100000000005c248eb7d98c8ff")
    payload = bytes.fromhex(
        "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e"
        "7b27666f6f273a27626172277d8d9c08b1"
    )

    assert parse([empty + payload]) == [
        Message({}, b""),
        Message({"content-type": "application/json"}, b"{'foo':'bar'}"),
    ]
    assert write_message({}, b"") == empty
    assert write_message({"content-type": "application/json"}, b"{'foo':'bar'}") == payload


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1024, len(STREAM)])
def test_messages_do_not_depend_on_the_split(size):
    assert parse(cut(STREAM, size)) == MESSAGES


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_gives_the_same_messages(cuts):
    edges = [0, *sorted(cuts), len(STREAM)]

    assert parse([STREAM[a:b] for a, b in pairwise(edges)]) == MESSAGES


def test_every_type_of_header_is_read():
    identity = UUID("12345678-1234-5678-1234-567812345678")
    headers = (
        b"\x01a\x00" + b"\x01b\x01" + b"\x01c\x02\xff" + b"\x01d\x03\xff\xfe"
        + b"\x01e\x04" + (70_000).to_bytes(4) + b"\x01f\x05" + (1 << 40).to_bytes(8)
        + b"\x01g\x06\x00\x02\x00\x01" + b"\x01h\x07\x00\x03\xc3\xa1!"
        + b"\x01i\x08" + (1_700_000_000_000).to_bytes(8) + b"\x01j\x09" + identity.bytes
    )  # fmt: skip

    (message,) = parse([framed(headers, b"p")])

    assert message.payload == b"p"
    assert message.headers == {
        "a": True, "b": False, "c": -1, "d": -2, "e": 70_000, "f": 1 << 40, "g": b"\x00\x01",
        "h": "á!", "i": 1_700_000_000_000, "j": identity,
    }  # fmt: skip


@pytest.mark.parametrize("place", [0, 5, 9, 12, 20, len(STREAM) // 2])
@pytest.mark.parametrize("size", [1, 7, 64, len(STREAM)])
def test_a_changed_byte_breaks_the_stream_after_what_came_before_it(place, size):
    second = len(write_message(MESSAGES[0].headers, MESSAGES[0].payload))
    at = second + place
    broken = STREAM[:at] + bytes([STREAM[at] ^ 0x40]) + STREAM[at + 1 :]

    found, reason = parse_until_broken(cut(broken, size))

    assert reason is not None
    assert found == MESSAGES[: len(found)]
    assert len(found) >= 1


@pytest.mark.parametrize(
    "headers",
    [
        b"\x05ab",  # the name ends early
        b"\x01a",  # no type
        b"\x01a\x0a",  # no such type
        b"\x01a\x07\x00\x09ab",  # the value ends early
        b"\x01a\x07\x00\x01\xff",  # not UTF-8
        b"\x01a\x04\x00",  # half an integer
    ],
)
def test_headers_that_cannot_be_read_break_the_stream(headers):
    with pytest.raises(StreamBroken, match="headers"):
        parse([framed(headers)])


def test_impossible_lengths_break_the_stream():
    lengths = struct.pack(">II", 20, 9)

    with pytest.raises(StreamBroken, match="lengths"):
        parse([lengths + struct.pack(">I", crc32(lengths))])


def test_a_message_beyond_the_limit_breaks_the_stream_before_it_is_held():
    head = write_message({}, b"x" * 200)[:12]

    with pytest.raises(StreamBroken, match="size limit"):
        parse([head], limit=100)


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_garbage_is_refused_and_never_depends_on_the_split(pieces):
    whole = b"".join(pieces)

    assert parse_until_broken(pieces) == parse_until_broken([whole])


@given(st.dictionaries(st.text(max_size=60), st.text(max_size=300), max_size=5), st.binary())
def test_what_is_written_is_read(headers, payload):
    assert parse([write_message(headers, payload)]) == [Message(headers, payload)]
