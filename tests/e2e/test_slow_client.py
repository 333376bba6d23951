"""A client that reads slowly or not at all: its provider is not blamed, and it costs little."""

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest

from portico.simulator import Step
from tests.e2e import chat
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.io

IDLE_S = 0.4
TOTAL_S = 2.0
CHUNKS = 4_000
SETTINGS = f"""
[deadlines]
idle_s = {IDLE_S}
total_s = {TOTAL_S}

"""
# Four megabytes: far more than the buffers on the way to the client hold.
TEXT = "0123456789" * 100
CASES = {"long": {"only": Step(chunks=(TEXT,) * CHUNKS)}}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("slow"), CASES, settings=SETTINGS) as everything:
        yield everything


async def test_a_client_that_pauses_gets_all_of_its_answer_and_nobody_is_blamed(stage):
    gateway, name = stage.gateway, stage.models["long"]
    request = json.dumps(chat.body(name, stream=True, max_tokens=50)).encode()
    head = (
        f"POST /api/v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{gateway.port}\r\n"
        f"authorization: Bearer {gateway.key}\r\nconnection: close\r\n"
        f"content-length: {len(request)}\r\n\r\n"
    )
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", gateway.port))
    reader, writer = await asyncio.open_connection(sock=client, limit=4096)
    writer.write(head.encode() + request)

    await asyncio.sleep(
        TOTAL_S + 4 * IDLE_S
    )  # longer than the provider may be silent, or take in all
    received = await reader.read(-1)
    writer.close()

    assert received.count(TEXT.encode()) == CHUNKS
    assert b'"error"' not in received
    assert b"data: [DONE]\n\n" in received[-200:]
