"""Keys that callers bring, several keys of the operator, memory of endpoints, and metadata."""

from collections.abc import Iterator

import aiohttp
import pytest

from portico.simulator import Step
from tests.e2e import chat
from tests.e2e.process import Gateway, provider
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.io

GOOD = Step(text="one two three")
CASES = {
    "good": {"sim": GOOD, "spare": GOOD},
    "refused": {"sim": Step(status=401), "spare": GOOD},
    "down": {"sim": Step(status=500), "spare": GOOD},
    "all down": {"sim": Step(status=500), "spare": Step(status=500)},
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("own_keys"), CASES) as everything:
        yield everything


async def ask(
    gateway: Gateway, model: str, *, headers: dict[str, str] | None = None, **fields: object
) -> tuple[chat.Answer, dict]:
    async with aiohttp.ClientSession() as session:
        request = chat.body(model, max_tokens=50, **fields)
        answer = await chat.ask(session, gateway.url, gateway.key, request, headers=headers)
        row = {}
        if answer.generation_id:
            row = await chat.generation(session, gateway.url, gateway.key, answer.generation_id)
    return answer, row


OWN = {"X-Provider-API-Keys": '{"sim": "own-key-of-the-caller"}'}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_callers_own_key_pays_the_provider_and_costs_nothing_here(stage, stream):
    answer, row = await ask(
        stage.gateway, stage.models["good"], headers=OWN, stream=stream, provider={"only": ["sim"]}
    )

    usage = (answer.chunks[-1] if stream else answer.json)["usage"]
    assert answer.ended_well
    assert usage["cost"] == 0
    assert usage["is_byok"] is True
    assert usage["cost_details"]["upstream_inference_cost"] > 0
    assert row["is_byok"] is True
    assert row["total_cost"] == 0
    assert row["upstream_inference_cost"] == usage["cost_details"]["upstream_inference_cost"]
    assert stage.arrivals("sim", "good")[-1]["authorized"] is True
    assert stage.gateway.verify()["ok"]


async def test_nobody_else_pays_when_the_callers_key_is_refused(stage):
    answer, row = await ask(
        stage.gateway, stage.models["refused"], headers=OWN, provider={"order": ["sim"]}
    )

    assert answer.status == 502
    assert b"own-key-of-the-caller" not in answer.body
    assert stage.arrivals("spare", "refused") == []
    assert row["total_cost"] == 0


async def test_a_header_that_is_no_map_of_keys_is_refused_without_showing_it(stage):
    headers = {"X-Provider-API-Keys": '["own-key-of-the-caller"]'}

    answer, _ = await ask(stage.gateway, stage.models["good"], headers=headers)

    assert answer.status == 400
    assert b"own-key" not in answer.body


@pytest.mark.parametrize("stream", [False, True])
async def test_metadata_tells_who_was_asked_if_it_is_asked_for(stage, stream):
    headers = {"X-OpenRouter-Metadata": "enabled"}
    wish = {"order": ["sim"]}

    answer, _ = await ask(
        stage.gateway, stage.models["down"], headers=headers, stream=stream, provider=wish
    )
    silent, _ = await ask(stage.gateway, stage.models["down"], stream=stream, provider=wish)

    told = (answer.chunks[-1] if stream else answer.json)["openrouter_metadata"]
    assert told["requested"] == stage.models["down"]
    assert told["attempt"] == len(told["attempts"]) == 2
    assert [attempt["status"] for attempt in told["attempts"]] == [500, 200]
    assert b"openrouter_metadata" not in silent.body


async def test_metadata_stands_beside_an_error_too(stage):
    headers = {"X-OpenRouter-Metadata": "enabled"}

    answer, _ = await ask(stage.gateway, stage.models["all down"], headers=headers)

    assert answer.status == 502
    assert answer.json["openrouter_metadata"]["attempt"] >= 2


async def test_without_fallbacks_one_attempt_is_all(stage):
    wish = {"order": ["sim"], "allow_fallbacks": False}

    before = len(stage.arrivals("sim", "down"))
    answer, _ = await ask(stage.gateway, stage.models["down"], provider=wish)

    assert answer.status == 502
    assert len(stage.arrivals("sim", "down")) == before + 1


async def test_a_conversation_with_a_name_stays_where_it_was(stage, start_gateway):
    price = 'price = { prompt = "1", completion = "2", cache_read = "0.1" }'
    config = "".join(
        provider(slug, simulator.url)
        + f'[[models]]\nid = "test/m"\nprovider = "{slug}"\n'
        + f'upstream_model = "{stage.models["good"]}"\n{price}\n\n'
        for slug, simulator in stage.simulators.items()
    )
    gateway = start_gateway(config)

    named = {(await ask(gateway, "test/m", session_id="one"))[1]["provider_name"] for _ in range(9)}
    others = {
        (await ask(gateway, "test/m", session_id=str(n)))[1]["provider_name"] for n in range(30)
    }

    assert len(named) == 1
    assert len(others) == 2
