"""A gateway in front of a server that replays recorded Gemini answers."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.conftest import body_of, recorded
from tests.e2e.process import Gateway

pytestmark = pytest.mark.io

MODEL = "google/gemini-2.5-flash"
JSON_RECORD = "vertex-gemini-2-5-flash/multi_tool@"
STREAM_RECORD = "vertex-gemini-2-5-flash/simple_streaming@"
CONFIG = """
[providers.google-ai-studio]
base_url = "http://127.0.0.1:{port}/v1beta"
api_key = "env:UPSTREAM_SECRET"
"""


class Upstream:
    """Answers every call with a response made of `answer`; `seen` are path with query, key and body of each."""

    def __init__(self) -> None:
        self.answer: dict = {}
        self.seen: list[tuple[str, str | None, dict]] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.seen.append((request.path_qs, request.headers.get("x-goog-api-key"), body))
        assert "Authorization" not in request.headers
        return web.Response(**self.answer)


@pytest.fixture
async def upstream() -> AsyncIterator[tuple[Upstream, int]]:
    served = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield served, int(runner.addresses[0][1])
    await runner.cleanup()


@pytest.fixture
async def asking(upstream, tmp_path: Path):
    """Ask the gateway; status and body."""
    gateway = Gateway(
        tmp_path,
        CONFIG.format(port=upstream[1]),
        environ={"UPSTREAM_SECRET": "the-upstreams-own"},
    )
    gateway.start()

    async def ask(**fields) -> tuple[int, bytes]:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], **fields}
        headers = {"Authorization": f"Bearer {gateway.key}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(gateway.url + "/chat/completions", json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.read()

    yield ask
    gateway.stop()


def recording(part_of_id: str) -> bytes:
    return next(
        body_of(r)
        for r in recorded("gemini-generate")
        if part_of_id in r["id"] and r["id"].endswith("#0")
    )


def replied(body: bytes, kind: str, status: int = 200) -> dict:
    return {"body": body, "status": status, "headers": {"content-type": kind}}


async def test_a_recorded_answer_with_parallel_calls_comes_out_as_chat(upstream, asking):
    recorded_body = recording(JSON_RECORD)
    counts = json.loads(recorded_body)["usageMetadata"]
    upstream[0].answer = replied(recorded_body, "application/json; charset=UTF-8")

    status, out = await asking(max_tokens=4000)

    answer = json.loads(out)
    message = answer["choices"][0]["message"]
    assert status == 200
    assert [c["function"]["name"] for c in message["tool_calls"]] == ["add", "multiply"]
    assert message["reasoning_details"][0]["id"] == message["tool_calls"][0]["id"]
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert answer["usage"]["total_tokens"] == counts["totalTokenCount"]
    assert answer["usage"]["cost"] > 0
    path, key, body = upstream[0].seen[0]
    assert path == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert key == "the-upstreams-own"
    assert body["generationConfig"] == {"maxOutputTokens": 4000}


async def test_a_recorded_stream_comes_out_as_chat_chunks(upstream, asking):
    stream = recording(STREAM_RECORD)
    said = "".join(
        part["text"]
        for line in stream.splitlines()
        if line.startswith(b"data:")
        for candidate in json.loads(line[5:])["candidates"]
        for part in candidate["content"].get("parts", ())
    )
    upstream[0].answer = replied(stream, "text/event-stream")

    status, out = await asking(stream=True)

    chunks = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    text = "".join(c["delta"]["content"] or "" for chunk in chunks for c in chunk["choices"])
    assert status == 200
    assert text == said
    assert chunks[-1]["usage"]["cost"] > 0
    assert out.endswith(b"data: [DONE]\n\n")
    path, _, _ = upstream[0].seen[0]
    assert path == "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"


async def test_a_part_that_the_provider_cannot_take_is_the_clients_mistake(upstream, asking):
    content = [{"type": "hologram", "hologram": {}}]

    status, out = await asking(messages=[{"role": "user", "content": content}])

    assert status == 400
    assert "hologram" in json.loads(out)["error"]["message"]
    assert upstream[0].seen == []


async def test_a_refused_key_is_the_gateways_trouble_and_is_not_shown(upstream, asking):
    error = {"error": {"code": 400, "message": "API key not valid: the-upstreams-own"}}
    upstream[0].answer = replied(json.dumps(error).encode(), "application/json", 400)

    status, out = await asking()

    assert status == 502
    assert b"the-upstreams-own" not in out
