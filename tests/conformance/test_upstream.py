"""The replay upstream over real sockets."""

from decimal import Decimal

import aiohttp
import pytest

from tests.conformance.apis import openai_chat
from tests.conformance.compare import Prices
from tests.conformance.corpus import Record
from tests.conformance.gateway import configuration, slug_of
from tests.conformance.run import main
from tests.conformance.upstream import ReplayUpstream

pytestmark = pytest.mark.io

RECORDS = {
    1: Record(id="a", provider="acme", api="openai-chat", body=b"data: x\n\n" * 500, stream=True),
    2: Record(id="b", provider="acme", api="openai-chat", status=429, headers={"retry-after": "7"}),
    3: Record(id="c", provider="acme", api="openai-chat", status=0),
}


async def test_the_record_named_by_the_model_is_served_byte_for_byte() -> None:
    upstream = ReplayUpstream(RECORDS)
    url = f"http://127.0.0.1:{await upstream.start()}/p/acme/v1/chat/completions"

    async with aiohttp.ClientSession() as session:
        async with session.post(url, json={"model": "record-1", "stream": True}) as response:
            stream = (response.status, response.content_type, await response.read())
        async with session.post(url, json={"model": "record-2"}) as response:
            limited = (response.status, response.headers["retry-after"])
        async with session.post(url, json={"model": "another"}) as response:
            stray = response.status
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(url, json={"model": "record-3"})
    await upstream.stop()

    assert stream == (200, "text/event-stream", RECORDS[1].body)
    assert limited == (429, "7")
    assert stray == 404
    assert upstream.strays == ["POST /p/acme/v1/chat/completions"]
    assert upstream.arrivals[1][0].body == {"model": "record-1", "stream": True}


def test_every_record_becomes_a_model_with_one_endpoint() -> None:
    prices = Prices(
        prompt=Decimal(1), completion=Decimal(3), cache_read=Decimal(1), cache_write=Decimal(1)
    )

    text = configuration(RECORDS, api=openai_chat.API, upstream_port=8000, prices=prices)

    assert text.count("[providers.acme]") == 1
    assert text.count("[[models]]") == len(RECORDS)


def test_provider_names_become_slugs() -> None:
    assert slug_of("zai", openai_chat.API) == "z-ai"
    assert slug_of("Never Seen!", openai_chat.API) == "never-seen"


def test_without_recordings_the_run_is_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--corpus", "/nowhere/at/all"])

    assert code == 0
    assert "conformance: corpus not found at /nowhere/at/all, skipped" in capsys.readouterr().out
