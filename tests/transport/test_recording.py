"""What passes through is passed on at once and written down as it was."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from portico.cassette import Cassette
from portico.errors import StreamBroken, UpstreamTimeout, UpstreamUnavailable
from portico.ports import DEADLINE_PASSED, UpstreamRequest
from portico.transport.recording import SECRETS, WISH, Clocks, RecordingTransport, Wish
from portico.transport.replaying import EpisodesTransport, ReplayingTransport
from portico.vocabulary import Reservation

PAID = Reservation(generation_id="g", key_hash="k", amount_picousd=1)
ASKED = UpstreamRequest(
    method="POST", url="https://a.example/v1", headers=(("Content-Type", "a"),), body=b"{}"
)


class Inner:
    """A transport that answers with `parts`, and fails with `error` before or after them."""

    def __init__(self, *parts, error=None, early=False):
        self.parts, self.error, self.early = parts, error, early
        self.closed = False
        self.passed = 0

    @asynccontextmanager
    async def open(self, request, reservation):
        if self.early:
            raise self.error
        try:
            yield self
        finally:
            self.closed = True

    status = 200
    headers = {"content-type": "text/event-stream"}

    async def chunks(self):
        for part in self.parts:
            self.passed += 1
            yield part
        if self.error is not None:
            raise self.error

    async def read(self, limit_bytes):
        return b"".join([part async for part in self.chunks()])

    async def aclose(self):
        self.closed = True


class Kept:
    """A recorder that keeps everything."""

    def __init__(self):
        self.begun = 0
        self.takes = {}

    def begin(self, tape):
        self.begun += 1
        return self.begun

    def add(self, tape, place, interaction, secrets):
        self.takes[place] = (tape, interaction, secrets)

    @property
    def only(self):
        [(_, interaction, _)] = self.takes.values()
        return interaction


class Clock:
    """Goes on by a second each time it is asked."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        self.now_s += 1
        return self.now_s


def recording(inner, kept, **rest):
    rest.setdefault("always", Wish(tape="t"))
    clocks = Clocks(now_ms=lambda: 1_000, clock_s=Clock())
    return RecordingTransport(inner, kept, clocks, **rest)


async def read_into(seen, transport):
    async with transport.open(ASKED, PAID) as answer:
        async for data in answer.chunks():
            seen.append(data)


async def leave(transport, error):
    async with transport.open(ASKED, PAID) as answer:
        async for _ in answer.chunks():
            raise error


async def test_each_read_is_passed_on_before_the_next_is_asked_for():
    inner, kept = Inner(b"1", b"22", b"333"), Kept()

    async with recording(inner, kept).open(ASKED, PAID) as answer:
        seen = [(data, inner.passed) async for data in answer.chunks()]

    assert seen == [(b"1", 1), (b"22", 2), (b"333", 3)]
    one = kept.only
    assert one.response.body == b"122333"
    assert [(f.size_bytes, f.at_s) for f in one.response.frames] == [(1, 2.0), (2, 3.0), (3, 4.0)]
    assert (one.response.head_s, one.response.duration_s) == (1.0, 5.0)
    assert (one.response.ended, one.side, one.recorded_ms) == ("done", "upstream", 1_000)
    assert one.request.body == ASKED.body
    assert inner.closed


async def test_a_whole_answer_is_one_read():
    kept = Kept()

    async with recording(Inner(b"1", b"2"), kept).open(ASKED, PAID) as answer:
        assert await answer.read(10) == b"12"

    assert [frame.size_bytes for frame in kept.only.response.frames] == [2]
    assert kept.only.response.ended == "done"


async def test_a_reader_that_is_content_before_the_end_has_read_all_there_is():
    kept = Kept()

    async with recording(Inner(b"[DONE]", b"never read"), kept).open(ASKED, PAID) as answer:
        async for _ in answer.chunks():
            break

    assert (kept.only.response.body, kept.only.response.ended) == (b"[DONE]", "done")


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (StreamBroken("cut"), "broken"),
        (UpstreamTimeout("late"), "timeout"),
        (UpstreamUnavailable("down"), "unavailable"),
    ],
)
@pytest.mark.parametrize("early", [True, False])
async def test_a_failure_is_recorded_and_replays_as_the_same(error, failure, early):
    kept = Kept()
    transport = recording(Inner(b"1", error=error, early=early), kept)
    with pytest.raises(type(error)):
        await read_into([], transport)

    response = kept.only.response
    assert (response.ended, response.failure, response.message) == ("error", failure, error.message)
    assert (response.status, response.body) == ((0, b"") if early else (200, b"1"))
    seen = []
    replaying = ReplayingTransport([Cassette(interactions=(kept.only,))])
    with pytest.raises(type(error), match=error.message):
        await read_into(seen, replaying)
    assert seen == ([] if early else [b"1"])


@pytest.mark.parametrize(
    ("cancelled", "ended", "failure"),
    [
        (asyncio.CancelledError(), "aborted", None),
        (asyncio.CancelledError(DEADLINE_PASSED + "fell silent"), "error", "timeout"),
        (RuntimeError("ours"), "aborted", None),
    ],
)
async def test_leaving_early_is_recorded_with_its_cause(cancelled, ended, failure):
    kept = Kept()
    with pytest.raises(type(cancelled)):
        await leave(recording(Inner(b"1", b"2"), kept), cancelled)

    assert (kept.only.response.ended, kept.only.response.failure) == (ended, failure)
    assert kept.only.response.body == b"1"


async def test_nothing_is_recorded_where_nobody_wishes_it():
    kept, inner = Kept(), Inner(b"1")
    transport = recording(inner, kept, always=None)

    async with transport.open(ASKED, PAID) as answer:
        assert answer is inner
    await transport.aclose()

    assert kept.begun == 0


async def test_the_wish_of_the_task_names_the_tape_and_its_secrets_go_along():
    kept = Kept()
    wish, shown = WISH.set(Wish(tape="mine")), SECRETS.set(("secret",))
    try:
        async with recording(Inner(), kept).open(ASKED, PAID) as answer:
            await answer.read(1)
        WISH.set(Wish(tape="mine", upstream=False, client=True))
        async with recording(Inner(), kept).open(ASKED, PAID):
            pass
    finally:
        WISH.reset(wish)
        SECRETS.reset(shown)

    [(tape, _, secrets)] = kept.takes.values()
    assert (tape, secrets) == ("mine", ("secret",))


async def test_what_is_not_on_the_tape_is_asked_of_the_other_transport():
    kept = Kept()
    async with recording(Inner(b"old"), kept).open(ASKED, PAID) as answer:
        await answer.read(9)
    other = Inner(b"new")
    transport = EpisodesTransport(ReplayingTransport([Cassette(interactions=(kept.only,))]), other)

    said = []
    for path in ("v1", "v2"):
        asked = UpstreamRequest(
            method="POST", url=f"https://a.example/{path}", headers=ASKED.headers, body=b"{}"
        )
        async with transport.open(asked, PAID) as answer:
            said.append(await answer.read(9))
    await transport.aclose()

    assert said == [b"old", b"new"]
    assert other.closed
