"""Reasoning that only one provider can read: the conversation goes on where it was sealed, and
without it where that provider fails."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.dialects.answering import Upstream, serving
from tests.e2e.process import Gateway

pytestmark = pytest.mark.io

CONFIG = """
[routing]
tag_reasoning = true

[providers.cheap]
base_url = "http://127.0.0.1:{cheap}/v1"
dialect = "openai_responses"

[providers.dear]
base_url = "http://127.0.0.1:{dear}/v1"
dialect = "openai_responses"

[[models]]
id = "acme/thinker"
provider = "cheap"
upstream_model = "gpt-5"
price = {{ prompt = "0", completion = "0" }}

[[models]]
id = "acme/thinker"
provider = "dear"
upstream_model = "gpt-5"
price = {{ prompt = "10", completion = "50" }}
"""
BLOB = "gAAAAABsealed=="
HI, AND = {"role": "user", "content": "Hi"}, {"role": "user", "content": "And?"}
SEALED = {"include": ["reasoning.encrypted_content"]}


def answered(blob: str | None, text: str) -> bytes:
    said = {"type": "output_text", "text": text, "annotations": []}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": blob}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": [said]}
    output = [*([thought] if blob else []), {**message, "status": "completed"}]
    usage = {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10}
    body = {"id": "resp_1", "object": "response", "status": "completed", "output": output}
    return json.dumps({**body, "usage": usage}).encode()


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """An API: its path, and how its clients say turns and read them from an answer."""

    path: str
    place: str = "messages"
    fields: Mapping[str, Any] = {}

    def turns(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        if self.place == "input":
            return answer["output"]
        if "choices" in answer:
            return [answer["choices"][0]["message"]]
        return [{"role": "assistant", "content": answer["content"]}]


SURFACES = {
    "chat": Surface(path="/chat/completions"),
    "responses": Surface(path="/responses", place="input", fields=SEALED),
    "messages": Surface(path="/messages", fields={"max_tokens": 99}),
}


class Stage(msgspec.Struct, kw_only=True):
    """A gateway between two providers, one of which costs nothing."""

    gateway: Gateway
    cheap: Upstream
    dear: Upstream

    async def ask(self, surface: Surface, turns: list[dict[str, Any]], **fields: Any):
        body = {"model": "acme/thinker", surface.place: turns, **surface.fields, **fields}
        headers = {"Authorization": f"Bearer {self.gateway.key}"}
        url = self.gateway.url + surface.path
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=body, headers=headers) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()


@pytest.fixture
async def stage(tmp_path) -> AsyncIterator[Stage]:
    async with serving() as cheap, serving() as dear:
        cheap.replies(answered(None, "from cheap"), "application/json")
        dear.replies(answered(BLOB, "from dear"), "application/json")
        gateway = Gateway(tmp_path, CONFIG.format(cheap=cheap.port, dear=dear.port))
        gateway.start()
        try:
            yield Stage(gateway=gateway, cheap=cheap, dear=dear)
        finally:
            gateway.stop()


@pytest.mark.parametrize("name", SURFACES)
async def test_a_conversation_goes_on_where_its_reasoning_was_sealed(stage, name):
    surface = SURFACES[name]
    first = await stage.ask(surface, [HI], provider={"only": ["dear"]})
    turns = [HI, *surface.turns(first), AND]

    await stage.ask(surface, [HI, {"role": "assistant", "content": "x"}, AND])
    second = await stage.ask(surface, turns)

    assert "from dear" in json.dumps(second)
    assert (len(stage.cheap.seen), len(stage.dear.seen)) == (1, 2)
    sent = stage.dear.seen[-1][2]["input"]
    thoughts = [item for item in sent if item.get("type") == "reasoning"]
    assert [item["encrypted_content"] for item in thoughts] == [BLOB]

    stage.dear.replies(b'{"error":{"message":"down"}}', "application/json", 500)
    third = await stage.ask(surface, turns)

    assert "from cheap" in json.dumps(third)
    assert len(stage.dear.seen) > 2
    asked = json.dumps(stage.cheap.seen[-1][2])
    assert "from dear" in asked  # what was said is kept
    assert BLOB not in asked
    assert "eyJwb3J0aWNvIjpb" not in asked
