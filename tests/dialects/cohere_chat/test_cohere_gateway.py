"""A gateway in front of a server that replays recorded Cohere answers."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.conftest import body_of, recorded
from tests.dialects.answering import Asking, Upstream, asking, serving

pytestmark = pytest.mark.io

SECRET = "the-upstreams-own"
MODEL = "cohere/command-a"
CONFIG = """
[providers.cohere]
base_url = "http://127.0.0.1:{port}/v2"
api_key = "env:UPSTREAM_SECRET"
"""
TOOL = {"type": "function", "function": {"name": "dice_roll", "parameters": {"type": "object"}}}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with serving() as served:
        yield served


@pytest.fixture
async def ask(upstream, tmp_path: Path) -> AsyncIterator[Asking]:
    config = CONFIG.format(port=upstream.port)
    async with asking(tmp_path, config, {"UPSTREAM_SECRET": SECRET}, MODEL) as one:
        yield one


def recording(*, streamed: bool, feature: str) -> bytes:
    return next(
        body_of(record)
        for record in recorded("cohere-v2-chat")
        if bool(record["stream"]) is streamed and feature in record["features"]
    )


async def test_a_recorded_answer_with_parallel_calls_comes_out_as_chat(upstream, ask):
    native = recording(streamed=False, feature="parallel_calls")
    calls = json.loads(native)["message"]["tool_calls"]
    counts = json.loads(native)["usage"]["tokens"]
    upstream.replies(native, "application/json")

    status, out = await ask(max_tokens=400, tools=[TOOL], tool_choice="required", top_p=0.5)

    answer = json.loads(out)
    choice = answer["choices"][0]
    assert status == 200
    assert [c["id"] for c in choice["message"]["tool_calls"]] == [c["id"] for c in calls]
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("tool_calls", "TOOL_CALL")
    assert answer["usage"]["prompt_tokens"] == counts["input_tokens"]
    assert answer["usage"]["cost"] > 0
    path, headers, body = upstream.seen[0]
    assert (path, headers["authorization"]) == ("/v2/chat", f"Bearer {SECRET}")
    assert body == {
        "model": "command-a-03-2025", "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 400, "p": 0.5, "tools": [TOOL], "tool_choice": "REQUIRED",
    }  # fmt: skip


async def test_a_recorded_stream_comes_out_as_chat_chunks(upstream, ask):
    native = recording(streamed=True, feature="annotations")
    bodies = [json.loads(li[5:]) for li in native.splitlines() if li.startswith(b"data: {")]
    contents = [b["delta"]["message"]["content"] for b in bodies if b["type"] == "content-delta"]
    upstream.replies(native, "text/event-stream")

    status, out = await ask(stream=True)

    chunks = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    deltas = [c["delta"] for chunk in chunks for c in chunk["choices"]]
    assert status == 200
    assert "".join(d["content"] or "" for d in deltas) == "".join(c["text"] for c in contents)
    assert [c["text"] for d in deltas for c in d.get("citations", ())]
    assert chunks[-1]["usage"]["cost"] > 0
    assert out.endswith(b"data: [DONE]\n\n")
    assert upstream.seen[0][2]["stream"] is True


async def test_a_part_that_the_provider_cannot_take_is_the_clients_mistake(upstream, ask):
    content = [{"type": "hologram", "hologram": {}}]

    status, out = await ask(messages=[{"role": "user", "content": content}])

    assert status == 400
    assert "hologram" in json.loads(out)["error"]["message"]
    assert upstream.seen == []


async def test_a_refused_key_is_the_gateways_trouble_and_is_not_shown(upstream, ask):
    said = {"id": "1", "message": f"Incorrect API key provided: {SECRET}"}
    upstream.replies(json.dumps(said).encode(), "application/json", 401)

    status, out = await ask()

    assert status == 502
    assert SECRET.encode() not in out
