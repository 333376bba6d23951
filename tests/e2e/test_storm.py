"""Providers that are down for good: soon left alone, and hardly a client notices."""

import asyncio
import socket
import time
from collections.abc import Iterator
from statistics import median

import aiohttp
import pytest

from portico.simulator import Step
from tests.e2e import chat
from tests.e2e.process import Gateway, model, provider
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.io

CLIENTS = 8
CONNECT_S, FIRST_BYTE_S = 1.0, 0.4
SETTINGS = f"""
[deadlines]
connect_s = {CONNECT_S}
first_byte_s = {FIRST_BYTE_S}
idle_s = 1.0

"""
GOOD = Step(text="one two three")
DOWN = Step(status=500)
HANGS = Step(ttft_s=30.0)
CASES = {
    "5xx": {"bad": DOWN, "good": GOOD},
    "429": {"bad": Step(status=429, retry_after_s=5), "good": GOOD},
    "hang": {"bad": HANGS, "good": GOOD},
    "error before content": {"bad": Step(error_at_chunk=0), "good": GOOD},
    "storm": {"bad": DOWN, "worse": HANGS, "good": GOOD},
}
REQUESTS = 334  # of each of the six ways to fail: two thousand in all


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("storm"), CASES, settings=SETTINGS) as everything:
        yield everything


async def load(
    gateway: Gateway, name: str, requests: int, *, per_s: float | None = None
) -> list[tuple[chat.Answer, float]]:
    """Send streams to a model, `CLIENTS` at a time or at a steady rate; answers and seconds."""
    room = asyncio.Semaphore(CLIENTS if per_s is None else 10_000)
    began_s = time.monotonic()

    async def one(session: aiohttp.ClientSession, number: int) -> tuple[chat.Answer, float]:
        if per_s is not None:
            await asyncio.sleep(max(0.0, began_s + number / per_s - time.monotonic()))
        async with room:
            sent_s = time.monotonic()
            request = chat.body(name, stream=True, max_tokens=50)
            answer = await chat.ask(session, gateway.url, gateway.key, request)
            return answer, time.monotonic() - sent_s

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        return list(await asyncio.gather(*(one(session, n) for n in range(requests))))


def share_of_good(answers: list[tuple[chat.Answer, float]]) -> float:
    return sum(answer.ended_well for answer, _ in answers) / len(answers)


def added_s(gateway: Gateway, name: str) -> list[float | None]:
    """For each request to a model, the seconds from its first attempt to its last; None if
    there was one."""
    rows = gateway.rows(
        "SELECT count(*) AS attempts, max(started_ms) - min(started_ms) AS added_ms"
        " FROM attempts WHERE model = ? GROUP BY generation_seq",
        name,
    )
    return [row["added_ms"] / 1000 if row["attempts"] > 1 else None for row in rows]


def percentile_99_s(answers: list[tuple[chat.Answer, float]]) -> float:
    return sorted(seconds for _, seconds in answers)[int(len(answers) * 0.99)]


@pytest.mark.parametrize("case", ["5xx", "429", "hang", "error before content"])
async def test_one_of_two_providers_fails_and_hardly_a_client_notices(stage, case):
    answers = await load(stage.gateway, stage.models[case], REQUESTS)

    arrived = len(stage.arrivals("bad", case))
    ids = {answer.generation_id for answer, _ in answers}
    assert share_of_good(answers) >= 0.999
    assert len(ids) == REQUESTS
    # five to open the breaker (a rate limit: one to be told), and what was under way
    assert 1 <= arrived <= 5 + CLIENTS
    # what failing attempts have added, by the gateway's own clock: without the breaker
    # every second request would wait
    added = added_s(stage.gateway, stage.models[case])
    rerouted = [seconds for seconds in added if seconds is not None]
    deadline_s = FIRST_BYTE_S if case == "hang" else 0.0
    assert len(added) == REQUESTS
    assert 1 <= len(rerouted) <= 5 + CLIENTS
    assert median(rerouted) <= deadline_s + 0.020
    # the slowest of a machine that others use too, and what its client saw
    assert max(rerouted) <= deadline_s + 0.5
    assert percentile_99_s(answers) <= deadline_s + 1.0


@pytest.mark.parametrize("how", ["refused", "no TLS", "no such name"])
async def test_a_provider_that_cannot_be_connected_to_is_left_alone(stage, how, start_gateway):
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        port = placeholder.getsockname()[1]
        plain = stage.simulators["good"]
        bad = {
            "refused": f"http://127.0.0.1:{port}/v1",
            "no TLS": f"https://127.0.0.1:{plain.port}/v1",
            "no such name": "http://portico.invalid/v1",
        }[how]
        config = SETTINGS + provider("bad", bad) + provider("good", plain.url)
        config += model("test/m", "bad") + model("test/m", "good")
        gateway = start_gateway(config)

        answers = await load(gateway, "test/m", REQUESTS)

    async with aiohttp.ClientSession() as session:
        tries = [
            await chat.generation(session, gateway.url, gateway.key, answer.generation_id)
            for answer, _ in answers
        ]
    failed = sum(
        1
        for row in tries
        for attempt in row["provider_responses"]
        if attempt["provider_name"] == "bad"
    )
    assert share_of_good(answers) >= 0.999
    assert 1 <= failed <= 5 + CLIENTS
    added = [seconds for seconds in added_s(gateway, "test/m") if seconds is not None]
    assert median(added) <= CONNECT_S + 0.020


async def test_a_storm_is_not_made_worse_by_retries(stage):
    answers = await load(stage.gateway, stage.models["storm"], 1500, per_s=50)

    arrived = [len(stage.arrivals(slug, "storm")) for slug in ("bad", "worse", "good")]
    assert share_of_good(answers) >= 0.999
    assert sum(arrived) <= 1.2 * len(answers)
    assert arrived[2] >= len(answers) - 1
