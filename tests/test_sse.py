"""Bytes to events, whatever the split."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.errors import StreamBroken
from portico.sse import ServerSentEvent, SSEParser

STREAM = (
    ": a comment\n\n"
    'data: {"text":"Olá 👋"}\n\n'
    "event: error\ndata: first\ndata: second\nid: 7\n\n"
    "retry: 3\n\n"
    "data:no space\n\n\n"
    "data: [DONE]\n\n"
).encode()
EVENTS = [
    ServerSentEvent("", '{"text":"Olá 👋"}'.encode()),
    ServerSentEvent("error", b"first\nsecond"),
    ServerSentEvent("", b"no space"),
    ServerSentEvent("", b"[DONE]"),
]


def parse(pieces: list[bytes]) -> list[ServerSentEvent]:
    parser = SSEParser()
    return [event for piece in pieces for event in parser.feed(piece)] + parser.close()


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1024])
def test_events_do_not_depend_on_split_line_ending_or_byte_order_mark(size, ending, bom):
    stream = bom + STREAM.replace(b"\n", ending)

    events = parse([stream[i : i + size] for i in range(0, len(stream), size)])

    assert events == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_gives_the_same_events(cuts):
    edges = [0, *sorted(cuts), len(STREAM)]

    assert parse([STREAM[a:b] for a, b in pairwise(edges)]) == EVENTS


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_garbage_never_raises_and_never_depends_on_the_split(pieces):
    whole = b"".join(pieces)

    assert parse(pieces) == parse([whole])


def test_an_event_that_the_stream_ends_without_a_blank_line_is_kept():
    assert parse([b"data: last"]) == [ServerSentEvent("", b"last")]


@pytest.mark.parametrize("filler", [b"x", b"data: x\n"])
def test_an_event_above_the_limit_breaks_the_stream(filler):
    parser = SSEParser(limit=100)

    def feed_much():
        for _ in range(200):
            parser.feed(filler)

    with pytest.raises(StreamBroken, match="size limit"):
        feed_much()


@pytest.mark.parametrize(
    "block",
    [b"event: a\ndata: b", b"event:a\ndata:b", b"data: b\nevent: a", b"id: 1\nevent: a\ndata: b"],
)
def test_a_named_event_reads_the_same_however_it_is_written(block):
    assert SSEParser().feed(block + b"\n\n") == [ServerSentEvent("a", b"b")]
