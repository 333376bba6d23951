"""L1: kill -9 under load loses nothing that a client was told, and charges nothing twice."""

import asyncio
import json
from collections.abc import Iterator
from random import Random

import aiohttp
import msgspec
import pytest

from portico.simulator import Script, Simulator
from portico.simulator.script import Step
from portico.tasks import spawn
from tests.e2e import chat
from tests.e2e.process import Gateway, model, provider

pytestmark = pytest.mark.io

KILLS = 20
CLIENTS = 16
READY_WITHIN_S = 2.0
MODEL = "test/loaded"
# "one" is one token of the simulator; prompt tokens are free, so that each costs the same.
TEXT, TOKENS, PICOUSD_PER_TOKEN = "one two three four", 4, 2_000_000
SCRIPT = Script(ttft_s=0.01, chunk_interval_s=0.005, default=Step(text=TEXT))


class Driver:
    """Clients that ask without a pause. `ended` are the generations whose end one of them saw."""

    def __init__(self, gateway: Gateway, seed: int) -> None:
        self.ended: list[str] = []
        self._gateway = gateway
        self._rng = Random(seed)

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Ask until the gateway is gone."""
        await asyncio.gather(*(self._client(session) for _ in range(CLIENTS)))

    async def _client(self, session: aiohttp.ClientSession) -> None:
        while True:
            request = chat.body(MODEL, stream=self._rng.random() < 0.5, max_tokens=16)
            answer = chat.Answer()
            try:
                await chat.ask_into(answer, session, self._gateway.url, self._gateway.key, request)
            except (aiohttp.ClientError, ConnectionError):
                if answer.ended_well and answer.generation_id:  # the end came, the farewell not
                    self.ended.append(answer.generation_id)
                return
            assert answer.ended_well, answer.body
            assert answer.generation_id
            self.ended.append(answer.generation_id)


async def missing(gateway: Gateway, ids: list[str]) -> list[str]:
    """Those of `ids` that the gateway does not show as settled at their price."""
    async with aiohttp.ClientSession() as session:
        found = await asyncio.gather(
            *(chat.generation(session, gateway.url, gateway.key, one) for one in ids)
        )
    price = TOKENS * PICOUSD_PER_TOKEN / 10**12
    return [one for one, row in zip(ids, found, strict=True) if row.get("total_cost") != price]


def wrong_books(gateway: Gateway) -> Iterator[str]:
    """What does not add up in the rows themselves."""
    double = gateway.rows(
        "SELECT generation_id FROM entries GROUP BY generation_id, kind HAVING count(*) > 1"
    )
    yield from (f"{row['generation_id']} is booked twice" for row in double)
    double = gateway.rows("SELECT id FROM generations GROUP BY id HAVING count(*) > 1")
    yield from (f"{row['id']} has two rows" for row in double)
    open_holds = gateway.rows("""
        SELECT generation_id FROM entries GROUP BY generation_id
        HAVING group_concat(DISTINCT kind) = 'hold'
    """)
    yield from (f"{row['generation_id']} is still held" for row in open_holds)
    (sums,) = gateway.rows("""
        SELECT (SELECT sum(amount_picousd) FROM entries WHERE kind = 'charge') AS entries,
            (SELECT sum(cost_picousd) FROM generations) AS generations,
            (SELECT sum(charged_picousd) FROM spending) AS spending
    """)
    if len(set(sums.values())) != 1:
        yield f"the sums differ: {json.dumps(sums)}"


class Round(msgspec.Struct, kw_only=True):
    """What one kill showed."""

    told: int
    missing: list[str]
    wrong: list[str]
    verified: bool
    ready_s: float


async def kill_once(gateway: Gateway, number: int) -> Round:
    """Load the gateway, kill it at a seeded moment, start it again and look."""
    driver = Driver(gateway, number)
    async with aiohttp.ClientSession() as session:
        load = spawn(driver.run(session), name="load")
        await asyncio.sleep(Random(f"moment {number}").uniform(0.2, 1.0))
        await asyncio.to_thread(gateway.kill)
        await load
    await asyncio.to_thread(gateway.start)
    findings, lost = await asyncio.gather(
        asyncio.to_thread(gateway.verify), missing(gateway, driver.ended)
    )
    return Round(
        told=len(driver.ended),
        missing=lost,
        wrong=[*wrong_books(gateway), *findings["problems"]],
        verified=findings["ok"],
        ready_s=gateway.ready_s,
    )


async def test_twenty_kills_under_load_lose_no_generation_whose_end_a_client_saw(start_gateway):
    async with Simulator(SCRIPT) as simulator:
        gateway = start_gateway(
            provider("sim", simulator.url) + model(MODEL, "sim", prompt="0", completion="2")
        )

        rounds = [await kill_once(gateway, number) for number in range(KILLS)]

    assert sum(one.told for one in rounds) > 20 * KILLS
    assert [one.missing for one in rounds if one.missing] == []
    assert [one.wrong for one in rounds if one.wrong] == []
    assert all(one.verified for one in rounds)
    assert max(one.ready_s for one in rounds) < READY_WITHIN_S
