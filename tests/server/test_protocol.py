"""Raw sockets against the server's protocol: only clean requests are answered with 2xx."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn

from portico.server.asgi import HANG_UP
from portico.server.protocol import GuardedProtocol

pytestmark = pytest.mark.io


class Quick(GuardedProtocol):
    header_s = 0.2
    body_s = 0.3
    reader_s = 0.3


async def echo(scope, receive, send):
    """Reads the body and says how long it was; 499 to itself if the client left."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    body = f"{scope['path']} {size}".encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(protocol=GuardedProtocol, *, app=echo) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app, port=0, http=protocol, ws="none", lifespan="off", log_level="critical"
    )
    server = uvicorn.Server(config)
    running = asyncio.get_running_loop().create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # the server has no event to wait for
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


async def exchange(port: int, raw: bytes, *, then: bytes = b"") -> bytes:
    """Send and read until the server closes, or two seconds after the last byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    if then:
        await asyncio.sleep(0.05)
        writer.write(then)
    answer = b""
    try:
        while part := await asyncio.wait_for(reader.read(65536), 2.0):
            answer += part
    except (TimeoutError, ConnectionResetError):
        pass
    writer.close()
    return answer


HOST = b"Host: x\r\n"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 200),
        (b"GET /a HTTP/1.0\r\n\r\n", 200),
        (b"POST /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi", 200),
        (b"GET /a HTTP/1.1\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
        (b"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
         b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nhi", 400),
        (b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /a HTTP/1.1\r\n" + HOST + b"Bad Name: x\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\n" + HOST + b"A: 1\r\n folded\r\n\r\n", 400),
        (b"hello\r\n\r\n", 400),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
        (b"GET /a HTTP/1.1\r\n" + HOST + b"A: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /a HTTP/1.1\r\n" + HOST + b"A: x\r\n" * 150 + b"\r\n", 431),
        (b"GET /a HTTP/1.1\r\n" + HOST + b"A: " + b"x" * 2_000_000, 431),
        (b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
         b"A: b\r\nConnection: close\r\n\r\n", 200),
        (b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
         b"A: " + b"x" * 2_000_000, 431),
        (b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
         + (b"A: " + b"x" * 20_000 + b"\r\n") * 2 + b"\r\n", 431),
        (b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 2_000_000,
         431),
        (b"GET /a HTTP/1.1\r\n" + HOST + b"A: x\r\n" * 2 + b"B: " + b"x" * 30_000
         + b"\r\nConnection: close\r\n\r\n", 200),
    ],
)  # fmt: skip
async def test_only_clean_requests_are_answered(raw, status):
    async with serving() as port:
        answer = await exchange(port, raw)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ", 2)[1] == b"%d" % status
    assert b"smuggled" not in answer
    if status != 200:
        error = json.loads(body)["error"]
        assert error["code"] == status
        assert error["metadata"]["error_type"] == "invalid_request"
        assert b"connection: close" in head


@pytest.mark.parametrize(
    ("raw", "answered"),
    [
        (b"", b" 408 "),
        (b"GET /a HTTP/1.1\r\nHo", b" 408 "),
        (b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nhalf", b""),
    ],
)
async def test_what_does_not_come_in_time_is_cut_off(raw, answered):
    async with serving(Quick) as port:
        began_s = asyncio.get_running_loop().time()
        answer = await exchange(port, raw)
        took_s = asyncio.get_running_loop().time() - began_s

    assert took_s < 1.9
    assert (answered in answer) if answered else answer == b""


async def test_a_request_in_pieces_is_served_while_it_keeps_coming():
    async with serving(Quick) as port:
        answer = await exchange(
            port,
            b"POST /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Le",
            then=b"ngth: 4\r\n\r\nhalf",
        )

    assert answer.endswith(b"/a 4")


async def test_a_kept_connection_serves_again_after_a_pause():
    async with serving(Quick) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers = []
        for _ in range(2):
            writer.write(b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n")
            answers.append(await reader.readuntil(b"/a 0"))
            await asyncio.sleep(0.4)
        writer.close()

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


async def test_a_client_that_stops_reading_is_taken_to_have_left():
    left = asyncio.Event()

    async def pour(scope, receive, send):
        scope[HANG_UP] = left.set
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not left.is_set():
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})

    async with serving(Quick, app=pour) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n")

        await asyncio.wait_for(left.wait(), 5.0)

        writer.close()


async def test_a_head_that_comes_in_two_reads_is_no_longer_for_that():
    async with serving() as port:
        head = b"GET /a HTTP/1.1\r\n" + HOST + b"A: " + b"x" * 60_000
        answer = await exchange(port, head, then=b"\r\n\r\n")

    assert answer.split(b" ", 2)[1] == b"431"


@pytest.mark.parametrize("size", [1_000, 100_000, 300_000])
async def test_a_client_that_leaves_is_noticed_however_long_its_body_was(size):
    left, asked = asyncio.Event(), asyncio.Event()

    async def wait(scope, receive, send):
        scope[HANG_UP] = left.set
        while (await receive())["more_body"]:
            pass
        asked.set()
        await left.wait()

    async with serving(app=wait) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /a HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (HOST, size))
        writer.write(b"x" * size)
        await asyncio.wait_for(asked.wait(), 5.0)
        writer.close()

        await asyncio.wait_for(left.wait(), 5.0)


async def test_a_client_that_reads_slowly_is_served_to_the_end():
    size = 1024 * 1024

    async def long(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * size})

    async with serving(Quick, app=long) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /a HTTP/1.0\r\n\r\n")
        received = b""
        for _ in range(5):
            await asyncio.sleep(0.1)
            received += await reader.read(size // 4)
        received += await reader.read(-1)
        writer.close()

    assert received.count(b"x") == size
