"""A provider of another dialect has no place for a parameter: it is told, or another answers."""

from collections.abc import Iterator

import aiohttp
import pytest

from tests.e2e import chat
from tests.e2e.process import Gateway, SimulatorProcess, model, provider

pytestmark = pytest.mark.io

# What the Messages API answers; that dialect has no place for `seed` and `logit_bias`.
MESSAGE = (
    '{"id":"msg_1","type":"message","role":"assistant","model":"m","stop_reason":"end_turn",'
    '"content":[{"type":"text","text":"hi"}],"usage":{"input_tokens":3,"output_tokens":1}}'
)
SENT = {"seed": 7, "temperature": 0.5, "max_tokens": 50}
TOLD = {"X-OpenRouter-Metadata": "enabled"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two providers of one model: the cheaper one speaks the Messages API."""
    folder = tmp_path_factory.mktemp("dropped")
    (folder / "foreign").mkdir()
    (folder / "plain").mkdir()
    foreign = SimulatorProcess(folder / "foreign", {"default": {"body": MESSAGE}})
    plain = SimulatorProcess(folder / "plain", {"default": {"text": "hi"}})
    takes = 'supported_parameters = ["seed", "temperature", "max_tokens"]\n'
    config = provider("foreign", foreign.url).replace("openai_chat", "anthropic_messages")
    config += provider("plain", plain.url)
    config += model("acme/orca", "foreign").replace("price", takes + "price")
    config += model("acme/orca", "plain", prompt="9").replace("price", takes + "price")
    gateway = Gateway(folder, config)
    gateway.start()
    yield gateway
    gateway.kill()
    foreign.stop()
    plain.stop()


async def ask(gateway: Gateway, **wishes: object) -> chat.Answer:
    request = chat.body("acme/orca", provider={"sort": "price", **wishes}, **SENT)
    async with aiohttp.ClientSession() as session:
        return await chat.ask(session, gateway.url, gateway.key, request, headers=TOLD)


async def explain(gateway: Gateway, **wishes: object) -> dict:
    request = chat.body("acme/orca", provider={"sort": "price", **wishes}, **SENT)
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{gateway.url}/route/explain",
            json=request,
            headers={"Authorization": f"Bearer {gateway.key}"},
        ) as response,
    ):
        return dict((await response.json())["data"])


async def test_what_is_dropped_is_told_to_those_who_ask(gateway):
    answer = await ask(gateway)

    assert answer.json["provider"] == "foreign"
    assert answer.json["openrouter_metadata"]["params"] == {"dropped": ["seed"]}


async def test_with_all_parameters_required_the_provider_that_takes_them_answers(gateway):
    answer = await ask(gateway, require_parameters=True)

    assert answer.json["provider"] == "plain"
    assert answer.json["openrouter_metadata"]["params"] == {}


async def test_where_no_other_provider_is_left_the_refusal_says_which_field_decided(gateway):
    answer = await ask(gateway, require_parameters=True, only=["foreign"])

    assert answer.status == 404
    excluded_by = answer.json["error"]["metadata"]["availability"]["excluded_by"]
    assert set(excluded_by) == {"allowed_providers", "require_parameters"}


async def test_explain_tells_it_before_anything_is_spent(gateway):
    free, strict = await explain(gateway), await explain(gateway, require_parameters=True)

    assert [(c["tag"], c["dropped"]) for c in free["candidates"]] == [
        ("foreign", ["seed"]),
        ("plain", []),
    ]
    assert [c["tag"] for c in strict["candidates"]] == ["plain"]
    assert [(e["tag"], e["reason"]) for e in strict["excluded"]] == [
        ("foreign", "its API has no place for seed")
    ]
