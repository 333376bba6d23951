"""Interleaved calls, one after the other."""

import pytest

from portico.dialects.serial_calls import SerialCalls
from portico.errors import StreamBroken
from portico.vocabulary import ToolCallDelta, ToolCallStart


def serial() -> SerialCalls:
    return SerialCalls(
        lambda call: b"<" + call.id.encode(),
        lambda call, text: text.encode(),
        lambda call: call.id.encode() + b">",
    )


def start(index: int) -> ToolCallStart:
    return ToolCallStart(index=index, id="abc"[index], name="f")


def more(index: int, text: str) -> ToolCallDelta:
    return ToolCallDelta(index=index, arguments=text)


def test_the_first_is_written_as_it_comes_and_others_wait_in_their_order():
    calls = serial()

    out = [calls.start(start(0)), calls.start(start(1)), calls.start(start(2))]
    out += [calls.arguments(more(n, str(n))) for n in (2, 0, 1, 0)]

    assert out == [b"<a", b"", b"", b"", b"0", b"", b"0"]
    assert calls.writing
    assert calls.complete() == b"a><b1b><c2c>"
    assert not calls.writing
    assert calls.complete() == b""


def test_a_call_after_other_content_is_the_first_again():
    calls = serial()
    calls.start(start(0))
    calls.complete()

    assert calls.start(start(1)) == b"<b"
    assert calls.arguments(more(1, "x")) == b"x"


@pytest.mark.parametrize("index", [0, 2])
def test_going_back_to_a_call_that_ended_or_never_began_breaks_the_stream(index):
    calls = serial()
    calls.start(start(0))
    calls.complete()
    calls.start(start(1))

    with pytest.raises(StreamBroken):
        calls.arguments(more(index, "x"))
