"""When a connection is used again, and when it is closed."""

import asyncio
import itertools
import socket

import pytest

from portico.errors import StreamBroken, UpstreamUnavailable
from tests.transport.scripted import OK, PAID, answering, ask, request, serving, within

pytestmark = pytest.mark.io


async def test_many_requests_at_once_have_a_connection_each_and_share_them_later():
    async def script(connection):
        while True:
            _, body = await connection.request()
            await asyncio.sleep(0.01)
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            await connection.say(answer)

    async with serving(script) as server:
        for _ in range(3):
            asked = [b"%d" % number for number in range(10)]
            answers = await asyncio.gather(*(ask(server, body=body) for body in asked))
            assert [body for _, body in answers] == asked

    assert len(server.connections) == 10


@pytest.mark.parametrize(
    "odd",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"more",
        OK + OK,
    ],
)
async def test_a_connection_with_anything_odd_is_not_used_again(odd):
    async with serving(answering(odd, OK)) as server:
        answers = [await within(ask(server)) for _ in range(2)]

    assert answers == [(200, b"ok")] * 2
    assert [len(connection.requests) for connection in server.connections] == [1, 1]


async def test_data_that_nobody_asked_for_closes_an_idle_connection():
    async def script(connection):
        await connection.request()
        await connection.say(OK)
        await asyncio.sleep(0.02)
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await connection.gone()
        went.set()

    went = asyncio.Event()
    async with serving(script) as server:
        await ask(server)
        await within(went.wait())
        assert await within(ask(server)) == (200, b"ok")


async def test_a_connection_closed_while_it_idled_is_replaced_without_a_word():
    async def script(connection):
        await connection.request()
        if len(server.connections) == 1:
            await connection.say(OK)
            await connection.request()  # read, and left without an answer
        else:
            await connection.say(OK)

    async with serving(script) as server:
        answers = [await within(ask(server, body=b"%d" % n)) for n in range(2)]

    assert answers == [(200, b"ok")] * 2
    assert server.connections[1].requests[0][1] == b"1"


async def test_a_new_connection_closed_before_the_head_is_not_tried_again():
    async with serving(answering(b"", close=True)) as server:
        with pytest.raises(UpstreamUnavailable, match="connection to the provider failed"):
            await within(ask(server))

    assert len(server.connections) == 1


async def test_a_used_connection_closed_in_the_middle_of_the_head_is_not_tried_again():
    async with serving(answering(OK, OK[:20], close=True)) as server:
        await ask(server)
        with pytest.raises(UpstreamUnavailable):
            await within(ask(server))

    assert len(server.connections) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 65536 + b"\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 500_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
    ],
    ids=["ssh", "000", "both", "two lengths", "101", "head", "endless", "endless 1xx"],
)
async def test_a_head_that_cannot_be_taken_is_unavailable_and_the_connection_closed(answer):
    async def script(connection):
        await connection.request()
        await connection.say(answer)
        await connection.gone()
        went.set()

    went = asyncio.Event()
    async with serving(script) as server:
        with pytest.raises(UpstreamUnavailable):
            await within(ask(server))
        await within(went.wait())


async def test_a_head_just_below_the_cap_is_taken():
    long = b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 65000 + b"\r\nContent-Length: 2\r\n\r\nok"

    async with serving(answering(long)) as server:
        assert await within(ask(server)) == (200, b"ok")


async def test_trailers_without_an_end_break_the_answer():
    answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X-A: aaaa\r\n" * 50_000
    )

    async with serving(answering(answer)) as server:
        with pytest.raises(StreamBroken):
            await within(ask(server))


async def test_leaving_early_closes_the_connection_at_once():
    async def script(connection):
        await connection.request()
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
        await connection.gone()
        went.set()

    went = asyncio.Event()
    async with serving(script) as server:
        async with server.client.open(request(server.url), PAID) as answer:
            async for _ in answer.chunks():
                break
        await within(went.wait(), 1.0)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun"])
async def test_being_cancelled_closes_the_connection_at_once(said):
    async def script(connection):
        await connection.request()
        await connection.say(said)
        there.set()
        await connection.gone()
        went.set()

    there, went = asyncio.Event(), asyncio.Event()
    async with serving(script) as server:
        asking = asyncio.ensure_future(ask(server))
        await within(there.wait())
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await within(went.wait(), 1.0)


async def test_an_answer_that_ended_unread_can_be_left_and_its_connection_used_again():
    async with serving(answering(OK, OK)) as server:
        async with server.client.open(request(server.url), PAID) as answer:
            pass
        again = await within(ask(server))
        late = await answer.read(10)

    assert (again, late) == ((200, b"ok"), b"ok")
    assert len(server.connections) == 1


async def test_idle_connections_are_closed_by_one_timer(monkeypatch):
    async def script(connection):
        await connection.request()
        await connection.say(OK)
        await connection.gone()
        if next(count) == 5:
            went.set()

    count, went = itertools.count(1), asyncio.Event()
    monkeypatch.setattr("portico.transport.pool.IDLE_S", 0.06)
    async with serving(script) as server:
        await asyncio.gather(*(ask(server) for _ in range(5)))
        await within(went.wait())

        assert await within(ask(server)) == (200, b"ok")
        assert len(server.connections) == 6


async def test_the_last_used_connection_is_used_first():
    async def script(connection):
        while True:
            await connection.request()
            await connection.say(OK)

    async with serving(script) as server:
        await asyncio.gather(*(ask(server) for _ in range(3)))
        for _ in range(5):
            await ask(server)

    assert sorted(len(connection.requests) for connection in server.connections) == [1, 1, 6]


async def test_closing_the_client_ends_what_is_under_way():
    async with (
        serving(answering(OK[:-1])) as server,
        server.client.open(request(server.url), PAID) as answer,
    ):
        await server.client.aclose()

        with pytest.raises(StreamBroken):
            await within(answer.read(10))


async def test_small_writes_are_not_held_back():
    async with serving(answering(OK)) as server:
        await ask(server)

        [connection] = server.client._pool._all
        sock = connection._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
