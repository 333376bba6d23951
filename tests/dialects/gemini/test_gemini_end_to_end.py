"""A gateway in front of a server that replays recorded Gemini answers."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.conftest import body_of, recorded
from tests.dialects.answering import Asking, Upstream, asking, serving

pytestmark = pytest.mark.io

SECRET = "the-upstreams-own"
MODEL = "google/gemini-2.5-flash"
JSON_RECORD = "vertex-gemini-2-5-flash/multi_tool@"
STREAM_RECORD = "vertex-gemini-2-5-flash/simple_streaming@"
CONFIG = """
[providers.google-ai-studio]
base_url = "http://127.0.0.1:{port}/v1beta"
api_key = "env:UPSTREAM_SECRET"
"""


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with serving() as served:
        yield served


@pytest.fixture
async def ask(upstream, tmp_path: Path) -> AsyncIterator[Asking]:
    config = CONFIG.format(port=upstream.port)
    async with asking(tmp_path, config, {"UPSTREAM_SECRET": SECRET}, MODEL) as one:
        yield one


def recording(part_of_id: str) -> bytes:
    return next(
        body_of(r)
        for r in recorded("gemini-generate")
        if part_of_id in r["id"] and r["id"].endswith("#0")
    )


async def test_a_recorded_answer_with_parallel_calls_comes_out_as_chat(upstream, ask):
    recorded_body = recording(JSON_RECORD)
    counts = json.loads(recorded_body)["usageMetadata"]
    upstream.replies(recorded_body, "application/json; charset=UTF-8")

    status, out = await ask(max_tokens=4000)

    answer = json.loads(out)
    message = answer["choices"][0]["message"]
    assert status == 200
    assert [c["function"]["name"] for c in message["tool_calls"]] == ["add", "multiply"]
    assert message["reasoning_details"][0]["id"] == message["tool_calls"][0]["id"]
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert answer["usage"]["total_tokens"] == counts["totalTokenCount"]
    assert answer["usage"]["cost"] > 0
    path, headers, body = upstream.seen[0]
    assert path == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert headers["x-goog-api-key"] == SECRET
    assert "authorization" not in headers
    assert body["generationConfig"] == {"maxOutputTokens": 4000}


async def test_a_recorded_stream_comes_out_as_chat_chunks(upstream, ask):
    stream = recording(STREAM_RECORD)
    said = "".join(
        part["text"]
        for line in stream.splitlines()
        if line.startswith(b"data:")
        for candidate in json.loads(line[5:])["candidates"]
        for part in candidate["content"].get("parts", ())
    )
    upstream.replies(stream, "text/event-stream")

    status, out = await ask(stream=True)

    chunks = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    text = "".join(c["delta"]["content"] or "" for chunk in chunks for c in chunk["choices"])
    assert status == 200
    assert text == said
    assert chunks[-1]["usage"]["cost"] > 0
    assert out.endswith(b"data: [DONE]\n\n")
    path, _, _ = upstream.seen[0]
    assert path == "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"


async def test_a_part_that_the_provider_cannot_take_is_the_clients_mistake(upstream, ask):
    content = [{"type": "hologram", "hologram": {}}]

    status, out = await ask(messages=[{"role": "user", "content": content}])

    assert status == 400
    assert "hologram" in json.loads(out)["error"]["message"]
    assert upstream.seen == []


async def test_a_refused_key_is_the_gateways_trouble_and_is_not_shown(upstream, ask):
    error = {"error": {"code": 400, "message": f"API key not valid: {SECRET}"}}
    upstream.replies(json.dumps(error).encode(), "application/json", 400)

    status, out = await ask()

    assert status == 502
    assert SECRET.encode() not in out


async def test_a_call_that_the_upstream_did_not_count_is_estimated_and_charged(upstream, ask):
    call = {"functionCall": {"name": "add", "args": {"numbers": list(range(50))}}}
    answer = {"candidates": [{"content": {"parts": [call]}, "finishReason": "STOP"}]}
    upstream.replies(json.dumps(answer).encode(), "application/json")

    status, out = await ask()

    usage = json.loads(out)["usage"]
    assert status == 200
    assert usage["completion_tokens"] > 10
    assert usage["cost"] > 0
