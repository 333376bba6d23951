"""L4 and S9: a key's limit holds under concurrency, and a disabled key stops at once."""

import asyncio
import time

import aiohttp
import pytest

from portico.keys import hash_key
from portico.simulator import Step
from tests.e2e import chat
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.io

CENTS_PER_TOKEN = "10000"  # USD per million tokens: one token is one cent
CENT_PICOUSD = 10**10
HELD_TOKENS = 7
AT_ONCE = 14  # holds of 7 cents in a limit of one dollar
CALLERS = 200
SLOW_S = 0.5


def says(tokens: int, *, ttft_s: float) -> Step:
    return Step(text=" ".join(["word"] * tokens), ttft_s=ttft_s)


CASES = {
    "five cents": {"sim": says(5, ttft_s=SLOW_S)},
    "refused": {"sim": says(5, ttft_s=SLOW_S)},
    "nine cents": {"sim": says(9, ttft_s=SLOW_S)},
    "never": {"sim": says(5, ttft_s=0.0)},
    "one cent": {"sim": says(1, ttft_s=0.0)},
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Models whose answers cost a cent a token, whatever was asked."""
    folder = tmp_path_factory.mktemp("budget")
    with staged(folder, CASES, prompt="0", completion=CENTS_PER_TOKEN) as everything:
        yield everything


def question(stage: Stage, case: str) -> dict:
    return chat.body(stage.models[case], max_tokens=HELD_TOKENS)


async def all_at_once(stage: Stage, case: str, key: str, callers: int) -> list[chat.Answer]:
    """Ask as often at the same moment: connections are open before the first request leaves."""
    gateway, request = stage.gateway, question(stage, case)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def connect() -> None:
            async with session.get(f"http://127.0.0.1:{gateway.port}/health") as answer:
                await answer.read()

        await asyncio.gather(*(connect() for _ in range(callers)))
        asked = (chat.ask(session, gateway.url, key, request) for _ in range(callers))
        return list(await asyncio.gather(*asked))


def most_at_once(arrivals: list[dict]) -> int:
    """How many requests were at the upstream at the same time, at most."""
    steps = [(one["received_at_s"], 1) for one in arrivals]
    steps += [(one["finished_at_s"], -1) for one in arrivals]
    now = most = 0
    for _, step in sorted(steps):
        now += step
        most = max(most, now)
    return most


def statuses(answers: list[chat.Answer]) -> set[int]:
    return {answer.status for answer in answers}


def served(answers: list[chat.Answer]) -> int:
    return sum(answer.status == 200 for answer in answers)


def facts_of(stage: Stage, key: str) -> dict:
    """What `GET /key` says of it."""
    status, answer = stage.gateway.get("/api/v1/key", key=key)
    assert status == 200
    return dict(answer["data"])


def booked(stage: Stage, key: str) -> tuple[list[int], list[int], int]:
    """The holds and the charges of a key, and the sum of its derived spending."""
    rows = stage.gateway.rows(
        "SELECT kind, amount_picousd AS amount FROM entries WHERE key_hash = ?", hash_key(key)
    )
    (spent,) = stage.gateway.rows(
        "SELECT coalesce(sum(charged_picousd), 0) AS picousd FROM spending WHERE key_hash = ?",
        hash_key(key),
    )
    holds = [row["amount"] for row in rows if row["kind"] == "hold"]
    charges = [row["amount"] for row in rows if row["kind"] == "charge"]
    return holds, charges, spent["picousd"]


async def test_two_hundred_callers_on_one_key_never_spend_more_than_its_limit(stage):
    key = stage.gateway.create_key("one dollar", limit_usd="1.00")

    waves = [await all_at_once(stage, "five cents", key, CALLERS)]
    while served(waves[-1]):
        waves.append(await all_at_once(stage, "five cents", key, CALLERS))

    arrivals = stage.arrivals("sim", "five cents")
    facts = facts_of(stage, key)
    assert all(statuses(wave) <= {200, 403} for wave in waves)
    assert most_at_once(arrivals) <= AT_ONCE
    assert served(waves[0]) >= AT_ONCE
    assert sum(served(wave) for wave in waves) == len(arrivals) == 19
    # 95 cents: the next hold would not fit
    assert booked(stage, key) == (
        [7 * CENT_PICOUSD] * 19,
        [5 * CENT_PICOUSD] * 19,
        95 * CENT_PICOUSD,
    )
    assert (facts["limit"], facts["limit_remaining"], facts["usage"]) == (1, 0.05, 0.95)
    assert stage.gateway.verify()["ok"]


async def test_a_refusal_says_why_and_leaves_no_trace(stage):
    key = stage.gateway.create_key("another dollar", limit_usd="1.00")

    answers = await all_at_once(stage, "refused", key, 40)

    refused = [answer for answer in answers if answer.status == 403]
    holds, charges, _ = booked(stage, key)
    assert refused
    assert len(holds) == len(charges) == served(answers)
    assert len(stage.arrivals("sim", "refused")) == served(answers)
    for answer in refused:
        error = answer.json["error"]
        assert error["code"] == 403
        assert error["message"].startswith("Key limit exceeded (total limit).")
        assert error["metadata"]["error_type"] == "payment_required"


async def test_what_a_model_says_beyond_the_hold_is_flagged_and_bounded(stage):
    """Upstreams may ignore max_tokens: only what is in flight can exceed the limit."""
    key = stage.gateway.create_key("a third dollar", limit_usd="1.00")

    first = await all_at_once(stage, "nine cents", key, CALLERS)
    second = await all_at_once(stage, "nine cents", key, CALLERS)

    _, charges, spent = booked(stage, key)
    overruns = stage.gateway.rows(
        "SELECT overrun_picousd AS picousd FROM generations WHERE key_hash = ?", hash_key(key)
    )
    assert 11 <= served(first) <= AT_ONCE  # eleven, even if they came one after the other
    assert served(second) == 0
    assert charges == [9 * CENT_PICOUSD] * served(first)
    assert [one["picousd"] for one in overruns] == [2 * CENT_PICOUSD] * served(first)
    assert spent - 100 * CENT_PICOUSD <= AT_ONCE * 2 * CENT_PICOUSD
    assert facts_of(stage, key)["limit_remaining"] == max(0, 100 - 9 * served(first)) / 100
    assert len(stage.gateway.verify()["overruns"]) >= served(first)


async def test_a_limit_of_zero_means_that_nothing_may_be_spent(stage):
    key = stage.gateway.create_key("nothing", limit_usd="0")

    answers = await all_at_once(stage, "never", key, 20)

    facts = facts_of(stage, key)
    assert statuses(answers) == {403}
    assert stage.arrivals("sim", "never") == []
    assert booked(stage, key) == ([], [], 0)
    assert (facts["limit"], facts["limit_remaining"]) == (0, 0)


async def test_a_key_disabled_beside_the_running_gateway_is_refused_within_a_second(stage):
    gateway, request = stage.gateway, question(stage, "one cent")
    key = gateway.create_key("fleeting")
    async with aiohttp.ClientSession() as session:
        before = await chat.ask(session, gateway.url, key, request)

        code, _ = await asyncio.to_thread(gateway.run, "keys", "disable", "fleeting")
        disabled_s = time.monotonic()
        taken_s = []
        while time.monotonic() < disabled_s + 1.5:
            asked_s = time.monotonic()
            answer = await chat.ask(session, gateway.url, key, request)
            if answer.status == 200:
                taken_s.append(asked_s - disabled_s)

    assert (before.status, code) == (200, 0)
    assert [late_s for late_s in taken_s if late_s > 1.0] == []
    assert answer.status == 401
    assert answer.json["error"]["metadata"]["error_type"] == "authentication"


async def test_a_key_enabled_again_is_served_again(stage):
    gateway, request = stage.gateway, question(stage, "one cent")
    key = gateway.create_key("coming back")
    gateway.run("keys", "disable", "coming back")
    async with aiohttp.ClientSession() as session:
        refused = await chat.ask(session, gateway.url, key, request)

        code, _ = await asyncio.to_thread(gateway.run, "keys", "enable", "coming back")
        deadline_s = time.monotonic() + 1.0
        while (answer := await chat.ask(session, gateway.url, key, request)).status != 200:
            assert time.monotonic() < deadline_s

    assert (refused.status, code, answer.status) == (401, 0, 200)
