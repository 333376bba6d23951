"""Model servers on this machine are found by asking them; anything else on their ports is none."""

import asyncio
import json

import msgspec
import pytest

from portico.providers import PROVIDERS, Provider
from portico.transport.http1 import Http1Transport
from portico.transport.live import LiveTransport
from portico.wiring import live_transport, running_servers

pytestmark = pytest.mark.io

LISTED = json.dumps({"data": [{"id": "orca-2"}, {"id": "koi:8b"}]}).encode()


def answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


class Says(asyncio.Protocol):
    """Answers anything with the same bytes; None is silence."""

    def __init__(self, said: bytes | None) -> None:
        self.said = said

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.said is not None:
            self.transport.write(self.said)


async def found(said: bytes | None) -> list[str]:
    """The models that are found on a port where `said` is the answer to anything."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Says(said), "127.0.0.1", 0)
    try:
        servers = await running_servers({"ollama": ollama_at(server)})
    finally:
        server.close()
    return servers.get("ollama", [])


def ollama_at(server: asyncio.Server) -> Provider:
    port = server.sockets[0].getsockname()[1]
    return msgspec.structs.replace(PROVIDERS["ollama"], base_url=f"http://127.0.0.1:{port}/v1")


@pytest.mark.parametrize(
    ("said", "models"),
    [
        (answer(200, LISTED), ["orca-2", "koi:8b"]),
        (answer(200, b'{"data": []}'), []),
        (answer(200, b'{"models": []}'), []),
        (answer(200, b"[1]"), []),
        (answer(200, b"<html>"), []),
        (answer(404, LISTED), []),
        (b"SSH-2.0-OpenSSH_9.2\r\n", []),
        (None, []),
    ],
)
async def test_a_port_is_a_model_server_if_it_lists_models(said, models):
    assert await found(said) == models


async def test_where_nobody_listens_nothing_is_found():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Says(None), "127.0.0.1", 0)
    gone = ollama_at(server)
    server.close()
    await server.wait_closed()

    assert await running_servers({"ollama": gone}) == {}
    assert await running_servers({}) == {}


@pytest.mark.parametrize(
    ("environ", "kind"),
    [({}, Http1Transport), ({"HTTPS_PROXY": "http://127.0.0.1:3128"}, LiveTransport)],
)
def test_behind_a_proxy_the_client_is_one_that_knows_proxies(environ, kind):
    assert type(live_transport(environ)) is kind
