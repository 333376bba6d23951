"""A running gateway in front of a provider that speaks the Messages API and replays recordings."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.conformance.gateway import (
    UPSTREAM_KEY,
    UPSTREAM_KEY_VARIABLE,
    GatewayProcess,
)
from tests.conftest import body_of, recorded

pytestmark = pytest.mark.io

PORTICO = Path(sys.executable).with_name("portico")
CONFIG = """
[providers.anthropic]
base_url = "{url}/v1"
api_key = "env:{variable}"

[[models]]
id = "acme/orca-2"
provider = "anthropic"
upstream_model = "claude-haiku-4-5"
max_completion_tokens = 7777
price = {{ prompt = "1", completion = "5", cache_read = "0.1", cache_write = "1.25" }}
"""
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


class Upstream:
    """Answers with the recording in `answer` (status, media type, body); keeps what arrived."""

    def __init__(self) -> None:
        self.answer = (200, "application/json", b"{}")
        self.arrived: list[tuple[str, dict[str, str], dict]] = []

    async def serve(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.arrived.append((request.path, headers, json.loads(await request.read())))
        status, kind, body = self.answer
        return web.Response(status=status, content_type=kind, body=body)


@pytest.fixture(scope="module")
def recordings() -> dict[str, bytes]:
    """A stream with a tool call, an answer with thinking, and a failure, all recorded."""
    found: dict[str, bytes] = {}
    for record in recorded("anthropic-messages"):
        features, status = set(record["features"]), record["response"]["status"]
        if status == 404:
            found.setdefault("failure", body_of(record))
        elif record["response"].get("body_encoding") == "base64" or status != 200:
            continue
        elif record["stream"] and "tool_calls" in features:
            found.setdefault("stream", body_of(record))
        elif not record["stream"] and "reasoning_output" in features:
            found.setdefault("whole", body_of(record))
    return found


@pytest.fixture
async def site(tmp_path) -> AsyncIterator[tuple[Upstream, str, str]]:
    """The upstream, the gateway's base URL and a key."""
    upstream = Upstream()
    app = web.Application()
    app.router.add_post("/v1/messages", upstream.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    config = tmp_path / "portico.toml"
    config.write_text(CONFIG.format(url=url, variable=UPSTREAM_KEY_VARIABLE))
    gateway = GatewayProcess(command=PORTICO, folder=tmp_path, config=config)
    try:
        await gateway.start()
        yield upstream, gateway.url, await gateway.create_key()
    finally:
        await gateway.stop()
        await runner.cleanup()


async def ask(url: str, key: str, **fields) -> tuple[int, bytes]:
    body = {"model": "acme/orca-2", "messages": [{"role": "user", "content": "Hi"}], **fields}
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session,
        session.post(f"{url}/api/v1/chat/completions", json=body) as answer,
    ):
        return answer.status, await answer.read()


async def test_recorded_answers_reach_a_chat_client_whole(site, recordings):
    upstream, url, key = site
    native = [
        json.loads(line[5:]) for line in recordings["stream"].splitlines() if line[:5] == b"data:"
    ]

    upstream.answer = (200, "text/event-stream", recordings["stream"])
    status, streamed = await ask(url, key, stream=True, tools=[TOOL])
    chunks = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith(b"data: {")]
    path, headers, sent = upstream.arrived[-1]

    assert (status, path) == (200, "/v1/messages")
    assert (headers["x-api-key"], headers["anthropic-version"]) == (UPSTREAM_KEY, "2023-06-01")
    assert "authorization" not in headers
    assert (sent["model"], sent["stream"], sent["max_tokens"]) == ("claude-haiku-4-5", True, 7777)
    assert sent["tools"] == [{"name": "weather", "input_schema": {"type": "object"}}]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    fragments = [call["function"]["arguments"] for d in deltas for call in d.get("tool_calls", ())]
    texts = [d.get("content") or "" for d in deltas]
    native_deltas = [body["delta"] for body in native if body["type"] == "content_block_delta"]
    assert "".join(texts) == "".join(d.get("text", "") for d in native_deltas)
    assert "".join(fragments).removesuffix("{}") == "".join(
        d.get("partial_json", "") for d in native_deltas
    ).removesuffix("{}")
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["choices"][0]["native_finish_reason"] == "tool_use"
    assert chunks[-1]["usage"]["cost"] > 0
    assert streamed.endswith(b"data: [DONE]\n\n")

    upstream.answer = (200, "application/json", recordings["whole"])
    status, whole = await ask(url, key, reasoning={"max_tokens": 2000}, max_tokens=4000)
    answer, expected = json.loads(whole), json.loads(recordings["whole"])
    message, usage = answer["choices"][0]["message"], answer["usage"]

    assert status == 200
    assert upstream.arrived[-1][2]["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert message["reasoning_details"][0]["signature"] == next(
        block["signature"] for block in expected["content"] if block["type"] == "thinking"
    )
    assert usage["completion_tokens"] == expected["usage"]["output_tokens"]
    assert usage["prompt_tokens"] >= expected["usage"]["input_tokens"]

    upstream.answer = (404, "application/json", recordings["failure"])
    status, failure = await ask(url, key)
    error = json.loads(failure)["error"]

    assert (status, error["metadata"]["provider_name"]) == (404, "Anthropic")
    assert error["metadata"]["provider_code"] == "not_found_error"


async def test_a_request_that_the_dialect_cannot_say_is_the_clients_mistake(site):
    upstream, url, key = site

    status, body = await ask(url, key, reasoning={"effort": "high"}, max_tokens=200)

    assert status == 400
    assert "leaves no room for reasoning" in json.loads(body)["error"]["message"]
    assert upstream.arrived == []
