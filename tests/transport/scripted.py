"""A server that is scripted byte by byte, and questions to it."""

import asyncio
from contextlib import asynccontextmanager

from portico.ports import UpstreamRequest
from portico.transport.http1 import Http1Transport
from portico.vocabulary import Reservation

PAID = Reservation(generation_id="g", key_hash="k", amount_picousd=1)
TEXT = b"The quick brown fox jumps over the lazy dog. " * 8
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n1;ext=1\r\n \r\n00a\r\nsmall wrld\r\n2  \r\n!!\r\n0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n"
)


class Server:
    """Runs `script(connection)` for each connection; counts them."""

    def __init__(self, script):
        self.script = script
        self.connections = []

    async def __call__(self, reader, writer):
        connection = Peer(reader, writer)
        self.connections.append(connection)
        try:
            await self.script(connection)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.requests = []

    async def request(self):
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.requests.append((head, await self.reader.readexactly(length)))
        return self.requests[-1]

    async def say(self, data, *, pieces=0):
        """Write; with `pieces`, that many bytes at a time, each a read of its own."""
        for start in range(0, len(data), pieces or len(data) or 1):
            self.writer.write(data[start : start + (pieces or len(data))])
            await self.writer.drain()
            if pieces:
                await asyncio.sleep(0)

    async def gone(self):
        """Wait until the client has closed."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass


@asynccontextmanager
async def serving(script, *, tls=None, client_tls=None):
    server = Server(script)
    listening = await asyncio.start_server(server, "127.0.0.1", 0, ssl=tls, limit=1 << 20)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1/chat?a=b"
    server.client = Http1Transport(tls=client_tls)
    try:
        yield server
    finally:
        await server.client.aclose()
        listening.close()
        for connection in server.connections:
            connection.writer.close()
        await listening.wait_closed()


def answering(*answers, pieces=0, close=False):
    """Answers the requests of each connection in turn, then waits for the client to go."""

    async def script(connection):
        for answer in answers:
            await connection.request()
            await connection.say(answer, pieces=pieces)
        if not close:
            await connection.gone()

    return script


def request(url, **rest):
    return UpstreamRequest(**{"method": "POST", "url": url, "headers": (), "body": b"{}"} | rest)


async def ask(server, *, limit_bytes=1 << 20, **rest):
    """Status and body of one exchange."""
    async with server.client.open(request(server.url, **rest), PAID) as answer:
        return answer.status, await answer.read(limit_bytes)


async def within(work, seconds=5.0):
    """A hang is a failure."""
    return await asyncio.wait_for(work, seconds)
