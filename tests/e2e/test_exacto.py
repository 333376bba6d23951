"""Who calls tools badly goes last where that is asked for: from real answers to the order."""

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from portico.routing.policies import LEAST_TOOL_CALLS
from portico.simulator import Step, ToolCallStep
from tests.e2e import chat
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.io

GOOD = Step(tool_calls=(ToolCallStep(id="call_1", name="weather", arguments={"city": "Porto"}),))
BAD = Step(tool_calls=(ToolCallStep(id="call_1", name="weather", arguments={"town": "Porto"}),))
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("exacto"), {"tools": {"bad": BAD, "good": GOOD}}) as stage:
        yield stage


async def test_exacto_asks_first_who_calls_tools_as_they_were_declared(stage):
    gateway, name = stage.gateway, stage.models["tools"]
    authorization = {"Authorization": f"Bearer {gateway.key}"}
    async with aiohttp.ClientSession(headers=authorization) as session:

        async def call(slug: str, number: int) -> chat.Answer:
            request = chat.body(name, stream=bool(number % 2), tools=[TOOL], max_tokens=50)
            request["provider"] = {"only": [slug]}
            return await chat.ask(session, gateway.url, gateway.key, request)

        answers = await asyncio.gather(
            *(call(slug, n) for slug in ("bad", "good") for n in range(LEAST_TOOL_CALLS))
        )
        await asyncio.sleep(1.1)  # a snapshot of health is made once a second
        asked = chat.body(f"{name}:exacto", tools=[TOOL])
        async with session.post(f"{gateway.url}/route/explain", json=asked) as response:
            explained = (await response.json())["data"]

    assert all(answer.ended_well for answer in answers)
    assert [(c["tag"], c["tool_calls"]) for c in explained["candidates"]] == [
        ("good", {"calls": LEAST_TOOL_CALLS, "errors": 0}),
        ("bad", {"calls": LEAST_TOOL_CALLS, "errors": LEAST_TOOL_CALLS}),
    ]
