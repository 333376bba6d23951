"""A running gateway in front of a provider that speaks Responses and replays recordings."""

import json
from collections.abc import AsyncIterator

import pytest
from tests.conftest import body_of, recorded
from tests.dialects.answering import Asking, Upstream, asking, serving

pytestmark = pytest.mark.io

SECRET = "of-the-" + "upstream"
CONFIG = """
[providers.mine]
base_url = "http://127.0.0.1:{port}/v1"
dialect = "openai_responses"
api_key = "env:UPSTREAM_SECRET"

[providers.openai]
base_url = "http://127.0.0.1:{port}/v1"
api_key = "env:UPSTREAM_SECRET"

[[models]]
id = "acme/two-tongues"
provider = "mine"
upstream_model = "gpt-4o"
dialect = "openai_chat"
price = {{ prompt = "1", completion = "5" }}

[[models]]
id = "acme/orca-2"
provider = "mine"
upstream_model = "gpt-5"
price = {{ prompt = "1", completion = "5", cache_read = "0.1" }}
"""
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def recordings() -> dict[str, bytes]:
    """A stream with calls, an answer with sealed thoughts, and a failure, all recorded."""
    found: dict[str, bytes] = {}
    for record in recorded("openai-responses"):
        features, status, body = (
            set(record["features"]),
            record["response"]["status"],
            body_of(record),
        )
        if record["provider"] != "openai" or record["fidelity"] == "fixture":
            continue
        if status == 400 and not record["stream"]:
            found.setdefault("failure", body)
        elif status == 200 and record["stream"] and "tool_calls" in features:
            found.setdefault("stream", body)
        elif status == 200 and not record["stream"] and b'"encrypted_content":"' in body:
            found.setdefault("whole", body)
    return found  # fmt: skip


@pytest.fixture
async def site(tmp_path) -> AsyncIterator[tuple[Upstream, Asking]]:
    """The upstream, and a gateway to ask."""
    async with serving() as upstream:
        config = CONFIG.format(port=upstream.port)
        environ = {"UPSTREAM_SECRET": SECRET}
        async with asking(tmp_path, config, environ, "acme/orca-2") as ask:
            yield upstream, ask


async def test_recorded_answers_reach_a_chat_client_whole(site, recordings):
    upstream, ask = site
    native = [
        json.loads(line[5:]) for line in recordings["stream"].splitlines() if line[:5] == b"data:"
    ]

    upstream.replies(recordings["stream"], "text/event-stream")
    status, streamed = await ask(stream=True, tools=[TOOL], temperature=0.5)
    chunks = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith(b"data: {")]
    path, headers, sent = upstream.seen[-1]

    assert (status, path) == (200, "/v1/responses")
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert (sent["model"], sent["stream"], sent["store"]) == ("gpt-5", True, False)
    assert sent["tools"][0]["name"] == "weather"
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert "temperature" not in sent
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    fragments = [call["function"]["arguments"] for d in deltas for call in d.get("tool_calls", ())]
    assert "".join(fragments) == "".join(
        event["delta"] for event in native if event["type"].endswith("arguments.delta")
    )
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["choices"][0]["native_finish_reason"] == "completed"
    assert chunks[-1]["usage"]["cost"] > 0
    assert streamed.endswith(b"data: [DONE]\n\n")

    upstream.replies(recordings["whole"], "application/json")
    status, whole = await ask(reasoning={"effort": "low"})
    answer, expected = json.loads(whole), json.loads(recordings["whole"])
    message, usage = answer["choices"][0]["message"], answer["usage"]
    seals = [d for d in message["reasoning_details"] if d["type"] == "reasoning.encrypted"]

    assert status == 200
    assert upstream.seen[-1][2]["reasoning"] == {"effort": "low", "summary": "auto"}
    native_seals = [
        (item["id"], item["encrypted_content"])
        for item in expected["output"]
        if item["type"] == "reasoning"
    ]
    assert [(d["id"], d["data"]) for d in seals] == native_seals
    assert usage["prompt_tokens"] == expected["usage"]["input_tokens"]
    assert usage["completion_tokens"] == expected["usage"]["output_tokens"]

    asked = [{"role": "user", "content": "Hi"}, {**message, "role": "assistant"}]
    await ask(messages=[*asked, {"role": "user", "content": "And?"}])
    again = [item for item in upstream.seen[-1][2]["input"] if item.get("type") == "reasoning"]

    assert [(item["id"], item["encrypted_content"]) for item in again] == native_seals

    upstream.replies(recordings["failure"], "application/json", 400)
    status, failure = await ask()
    error = json.loads(failure)["error"]

    assert (status, error["metadata"]["provider_name"]) == (400, "mine")
    assert error["metadata"]["error_type"] == "invalid_request"


async def test_a_request_that_the_dialect_cannot_say_is_the_clients_mistake(site):
    upstream, ask = site

    status, body = await ask(tools=[{"type": "openrouter:bash"}])

    assert status == 400
    assert "openrouter:bash" in json.loads(body)["error"]["message"]
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("openai/o3-pro", "/v1/responses"),
        ("openai/gpt-5-codex", "/v1/responses"),
        ("openai/gpt-5-mini", "/v1/responses"),
        ("openai/gpt-5-chat", "/v1/chat/completions"),
        ("openai/gpt-4o", "/v1/chat/completions"),
        ("acme/orca-2", "/v1/responses"),
        ("acme/two-tongues", "/v1/chat/completions"),
    ],
)
async def test_every_model_is_called_by_the_api_that_it_is_served_by(site, model, path):
    upstream, ask = site
    upstream.replies(b'{"error":{"message":"no"}}', "application/json", 400)

    status, _ = await ask(model=model, provider={"only": ["openai", "mine"]})

    assert status == 400
    assert [seen[0] for seen in upstream.seen] == [path]
