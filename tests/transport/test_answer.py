"""What the reader of an answer gets: reads, errors in their order, unpacked bytes."""

import asyncio
import zlib

import pytest

from portico.errors import StreamBroken, UpstreamUnavailable
from tests.transport.scripted import OK, PAID, TEXT, answering, ask, request, serving, within

pytestmark = pytest.mark.io


async def test_headers_are_found_by_lower_case_name_and_the_first_counts():
    head = (
        b"HTTP/1.1 200 OK\r\nX-Two: 1\r\nx-two:  2 \r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"
    )

    async with (
        serving(answering(head)) as server,
        server.client.open(request(server.url), PAID) as answer,
    ):
        assert answer.headers["retry-after"] == "3"
        assert dict(answer.headers) == {"x-two": "1", "retry-after": "3", "content-length": "0"}
        assert (len(answer.headers), answer.headers.get("absent")) == (3, None)


async def test_each_read_is_one_chunk_and_what_came_in_one_needs_no_other():
    first, last = asyncio.Event(), asyncio.Event()

    async def script(connection):
        await connection.request()
        await connection.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await first.wait()
        await connection.say(b"1\r\na\r\n1\r\nb\r\n")
        await last.wait()
        await connection.say(b"1\r\nc\r\n0\r\n\r\n")
        await connection.gone()

    chunks = []
    async with (
        serving(script) as server,
        server.client.open(request(server.url), PAID) as answer,
    ):
        first.set()
        async for data in answer.chunks():
            chunks.append(data)
            last.set()

    assert chunks == [b"ab", b"c"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    ],
)
async def test_what_came_before_a_break_is_handed_out_before_the_error(answer):
    async with (
        serving(answering(answer, close=True)) as server,
        server.client.open(request(server.url), PAID) as response,
    ):
        chunks = response.chunks()

        assert await within(anext(chunks)) == b"half"
        with pytest.raises(StreamBroken):
            await within(anext(chunks))


async def test_who_does_not_read_makes_the_provider_wait():
    size, sent = 64 << 20, 0

    async def script(connection):
        nonlocal sent
        await connection.request()
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            await connection.say(b"x" * 65536)
            sent += 65536
        await connection.gone()

    async with (
        serving(script) as server,
        server.client.open(request(server.url), PAID) as answer,
    ):
        seen = [0]
        while len(seen) < 10 or seen[-1] != seen[-10]:
            await asyncio.sleep(0.02)
            seen.append(sent)
        stalled = sent
        received = sum([len(data) async for data in answer.chunks()])

    assert stalled < size // 2  # what the sockets hold, and 256 KB
    assert received == size


async def test_an_answer_beyond_the_limit_is_refused():
    async with serving(answering(OK)) as server:
        with pytest.raises(UpstreamUnavailable, match="size limit"):
            await ask(server, limit_bytes=1)


def packed(data, window_bits):
    packer = zlib.compressobj(wbits=window_bits)
    return packer.compress(data) + packer.flush()


def encoded(name, body):
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (name, len(body)) + body


@pytest.mark.parametrize("pieces", [0, 1, 64])
@pytest.mark.parametrize(
    "answer",
    [
        encoded(b"gzip", packed(TEXT, 31)),
        encoded(b"X-GZIP", packed(TEXT[:100], 31) + packed(TEXT[100:], 31)),
        encoded(b"deflate", packed(TEXT, 15)),
        encoded(b"deflate", packed(TEXT, -15)),
        encoded(b"identity", TEXT),
    ],
    ids=["gzip", "members", "deflate", "raw deflate", "identity"],
)
async def test_an_answer_compressed_although_nobody_asked_is_unpacked(answer, pieces):
    async with serving(answering(answer, pieces=pieces)) as server:
        assert await within(ask(server)) == (200, TEXT)


async def test_a_small_answer_that_unpacks_to_much_is_handed_out_in_small_pieces():
    bomb = encoded(b"gzip", packed(bytes(20_000_000), 31))

    async with serving(answering(bomb, bomb)) as server:
        with pytest.raises(UpstreamUnavailable, match="size limit"):
            await within(ask(server))
        async with server.client.open(request(server.url), PAID) as answer:
            sizes = [len(data) async for data in answer.chunks()]

    assert len(bomb) < 25_000
    assert (sum(sizes), max(sizes)) == (20_000_000, 65536)


@pytest.mark.parametrize(
    ("body", "error"),
    [(packed(TEXT, 31)[:-9], StreamBroken), (b"\x1f\x8b" + TEXT, StreamBroken)],
    ids=["cut", "damaged"],
)
async def test_a_damaged_compressed_answer_is_broken(body, error):
    async with serving(answering(encoded(b"gzip", body))) as server:
        with pytest.raises(error):
            await within(ask(server))


async def test_a_compression_we_do_not_know_is_named():
    async with serving(answering(encoded(b"br", b"x"))) as server:
        with pytest.raises(UpstreamUnavailable, match="'br'"):
            await within(ask(server))
