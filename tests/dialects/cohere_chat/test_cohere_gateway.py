"""A gateway in front of a server that replays recorded Cohere answers."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.conftest import body_of, recorded
from tests.e2e.process import Gateway

pytestmark = pytest.mark.io

MODEL = "cohere/command-a"
CONFIG = """
[providers.cohere]
base_url = "http://127.0.0.1:{port}/v2"
api_key = "env:UPSTREAM_SECRET"
"""
TOOL = {"type": "function", "function": {"name": "dice_roll", "parameters": {"type": "object"}}}


class Upstream:
    """Answers every call with a response made of `answer`; keeps path, key and body of each."""

    def __init__(self) -> None:
        self.answer: dict = {}
        self.seen: list[tuple[str, str | None, dict]] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.seen.append((request.path_qs, request.headers.get("Authorization"), body))
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
    config = CONFIG.format(port=upstream[1])
    gateway = Gateway(tmp_path, config, environ={"UPSTREAM_SECRET": "the-upstreams-own"})
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


def recording(*, streamed: bool, feature: str) -> bytes:
    return next(
        body_of(record)
        for record in recorded("cohere-v2-chat")
        if bool(record["stream"]) is streamed and feature in record["features"]
    )


def replied(body: bytes, kind: str, status: int = 200) -> dict:
    return {"body": body, "status": status, "headers": {"content-type": kind}}


async def test_a_recorded_answer_with_parallel_calls_comes_out_as_chat(upstream, asking):
    native = recording(streamed=False, feature="parallel_calls")
    calls = json.loads(native)["message"]["tool_calls"]
    counts = json.loads(native)["usage"]["tokens"]
    upstream[0].answer = replied(native, "application/json")

    status, out = await asking(max_tokens=400, tools=[TOOL], tool_choice="required", top_p=0.5)

    answer = json.loads(out)
    choice = answer["choices"][0]
    assert status == 200
    assert [c["id"] for c in choice["message"]["tool_calls"]] == [c["id"] for c in calls]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("tool_calls", "TOOL_CALL")
    assert answer["usage"]["prompt_tokens"] == counts["input_tokens"]
    assert answer["usage"]["cost"] > 0
    path, key, body = upstream[0].seen[0]
    assert (path, key) == ("/v2/chat", "Bearer the-upstreams-own")
    assert body == {
        "model": "command-a-03-2025", "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 400, "p": 0.5, "tools": [TOOL], "tool_choice": "REQUIRED",
    }  # fmt: skip


async def test_a_recorded_stream_comes_out_as_chat_chunks(upstream, asking):
    native = recording(streamed=True, feature="annotations")
    bodies = [json.loads(li[5:]) for li in native.splitlines() if li.startswith(b"data: {")]
    contents = [b["delta"]["message"]["content"] for b in bodies if b["type"] == "content-delta"]
    upstream[0].answer = replied(native, "text/event-stream")

    status, out = await asking(stream=True)

    chunks = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    deltas = [c["delta"] for chunk in chunks for c in chunk["choices"]]
    assert status == 200
    assert "".join(d["content"] or "" for d in deltas) == "".join(c["text"] for c in contents)
    assert [c["text"] for d in deltas for c in d.get("citations", ())]
    assert chunks[-1]["usage"]["cost"] > 0
    assert out.endswith(b"data: [DONE]\n\n")
    assert upstream[0].seen[0][2]["stream"] is True


async def test_a_part_that_the_provider_cannot_take_is_the_clients_mistake(upstream, asking):
    content = [{"type": "hologram", "hologram": {}}]

    status, out = await asking(messages=[{"role": "user", "content": content}])

    assert status == 400
    assert "hologram" in json.loads(out)["error"]["message"]
    assert upstream[0].seen == []


async def test_a_refused_key_is_the_gateways_trouble_and_is_not_shown(upstream, asking):
    said = {"id": "1", "message": "Incorrect API key provided: the-upstreams-own"}
    upstream[0].answer = replied(json.dumps(said).encode(), "application/json", 401)

    status, out = await asking()

    assert status == 502
    assert b"the-upstreams-own" not in out
