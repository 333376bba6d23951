"""One of two providers fails, in every way a provider can: the other answers, at one charge."""

import asyncio
import socket

import aiohttp
import pytest

from portico.simulator import INSTANT, Simulator, Step
from tests.e2e import chat
from tests.e2e.process import model, provider
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.io

TEXT = "one two three"
GOOD = Step(text=TEXT)
SETTINGS = """
[deadlines]
connect_s = 1.0
first_byte_s = 0.5
idle_s = 0.5
total_s = 1.5

[limits]
max_response_bytes = 100_000

"""
NEVER_S = 60.0
NOTHING = (
    '{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":""},'
    '"finish_reason":null}],"usage":{"prompt_tokens":3,"completion_tokens":0}}'
)
LONG_LIMIT = Step(status=429, retry_after_s=7, body="slow down " * 20_000)
WHOLE = '{"choices":[{"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}'
# What the failing provider does, and what status of it is told in /generation.
FAILURES = {
    "500": (Step(status=500), 500),
    "502": (Step(status=502), 502),
    "503": (Step(status=503), 503),
    "529": (Step(status=529), 529),
    "429": (Step(status=429, retry_after_s=7), 429),
    "an error of great length": (Step(status=529, body="x" * 200_000), 529),
    "401": (Step(status=401), 401),
    "402": (Step(status=402), 402),
    "403": (Step(status=403), 403),
    "no answer": (Step(ttft_s=NEVER_S), None),
    "a head and then silence": (Step(ttft_s=NEVER_S, early_head=True), 200),
    "closed before the head": (Step(cut_at_byte=-1), None),
    "reset before the head": (Step(cut_at_byte=-1, how="rst"), None),
    "closed before the content": (Step(cut_at_byte=0), 200),
    "reset in the first event": (Step(cut_at_byte=20, how="rst"), 200),
    "an answer that is no JSON": (Step(body="<html>Bad gateway</html>"), 200),
    "an answer with nothing in it": (Step(body=NOTHING), 200),
    "an answer of no bytes": (Step(body=""), 200),
    "204": (Step(status=204, body=""), 204),
    "a redirect": (Step(status=307, body="", headers={"location": "http://127.0.0.1:9/"}), 307),
    "a status that is none": (Step(status=799), 799),
    "an error with the status 200": (Step(body='{"error":{"message":"no","code":503}}'), 200),
    "an error page with the status 200": (Step(body="<html>", content_type="text/html"), 200),
    "an answer beyond the size limit": (Step(text="word " * 30_000), 200),
    "an answer that is no UTF-8": (Step(malformed="utf8", chunks=("one",)), 200),
}
STREAM_ONLY = {
    "JSON that says to be something else": (Step(body="{}", content_type="text/plain"), 200),
    "a beginning and an end": (
        Step(
            body='data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
            "data: [DONE]\n\n",
            content_type="text/event-stream",
        ),
        200,
    ),
    "an error before the content": (Step(error_at_chunk=0), 200),
    "an empty stream": (Step(body="data: [DONE]\n\n", content_type="text/event-stream"), 200),
}
RATE_LIMITED = {
    "both say so at great length": (LONG_LIMIT, LONG_LIMIT),
    "both name a time": (Step(status=429, retry_after_s=7), Step(status=429, retry_after_s=30)),
    "the other way round": (Step(status=429, retry_after_s=30), Step(status=429, retry_after_s=7)),
    "one names no time": (Step(status=429, retry_after_s=7), Step(status=429)),
}
BOTH = {
    "both 500": (Step(status=500), Step(status=500)),
    "529, then 500": (Step(status=529), Step(status=500)),
    "both reject": (Step(status=400), Step(status=400)),
    "both 401": (Step(status=401), Step(status=401)),
    "both 402": (Step(status=402), Step(status=402)),
    "both 403": (Step(status=403), Step(status=403)),
    "after the first token": (Step(text=TEXT, error_at_chunk=2), GOOD),
    "no stream": (Step(body=WHOLE, content_type="Application/JSON; charset=utf-8"), GOOD),
    "only the first": (Step(status=500), GOOD),
    **RATE_LIMITED,
}


def matrix() -> dict[str, tuple[Step, int | None, bool]]:
    rows = {
        f"{name}, {'stream' if stream else 'JSON'}": (*how, stream)
        for name, how in FAILURES.items()
        for stream in (False, True)
    }
    del rows["an answer beyond the size limit, stream"]  # each of its events is small
    return rows | {f"{name}, stream": (*how, True) for name, how in STREAM_ONLY.items()}


MATRIX = matrix()


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Two providers; in each case the first plays its own step and the second another."""
    cases = {case: {"first": step, "second": GOOD} for case, (step, _, _) in MATRIX.items()}
    cases |= {case: {"first": one, "second": other} for case, (one, other) in BOTH.items()}
    empty = Step(body=NOTHING)
    cases["nothing to say"] = {"first": empty, "second": empty, "third": GOOD}
    with staged(tmp_path_factory.mktemp("failover"), cases, settings=SETTINGS) as everything:
        yield everything


async def ask(stage: Stage, case: str, *, stream: bool = False, **wishes: object) -> chat.Answer:
    wishes = wishes or {"order": ["first", "second"]}
    body = chat.body(stage.models[case], stream=stream, provider=wishes)
    async with aiohttp.ClientSession() as session:
        return await chat.ask(session, stage.gateway.url, stage.gateway.key, body)


async def recorded(stage: Stage, answer: chat.Answer) -> dict:
    async with aiohttp.ClientSession() as session:
        gateway = stage.gateway
        return await chat.generation(session, gateway.url, gateway.key, answer.generation_id)


def charges(stage: Stage, answer: chat.Answer) -> list[int]:
    rows = stage.gateway.rows(
        "SELECT amount_picousd FROM entries WHERE generation_id = ? AND kind = 'charge'",
        answer.generation_id,
    )
    return [row["amount_picousd"] for row in rows]


async def check_second_answered(stage: Stage, got: chat.Answer, status: int | None) -> None:
    """The client has a whole answer; the ledger has one charge and every attempt."""
    assert got.ended_well, got.body
    assert got.text == TEXT
    row = await recorded(stage, got)
    attempts = [(one["provider_name"], one["status"]) for one in row["provider_responses"]]
    assert row["provider_name"] == "second"
    assert attempts[-1] == ("second", 200)
    assert set(attempts[:-1]) == {("first", status)}
    assert len(attempts) <= 3
    (charge,) = charges(stage, got)
    assert charge == round(row["total_cost"] * 10**12) > 0


@pytest.mark.parametrize("case", MATRIX)
async def test_when_the_first_provider_fails_the_second_answers(stage, case):
    _, status, stream = MATRIX[case]

    got = await ask(stage, case, stream=stream)

    assert 1 <= len(stage.arrivals("first", case)) <= 2
    assert len(stage.arrivals("second", case)) == 1
    await check_second_answered(stage, got, status)


@pytest.mark.parametrize("stream", [False, True], ids=["JSON", "stream"])
async def test_when_nobody_listens_at_the_first_provider_the_second_answers(start_gateway, stream):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        refused = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        async with Simulator(INSTANT) as second:
            gateway = start_gateway(
                provider("first", refused)
                + provider("second", second.url)
                + model("case/0", "first")
                + model("case/0", "second")
            )
            small = Stage(gateway=gateway, simulators={}, models={"refused": "case/0"})

            got = await ask(small, "refused", stream=stream)

            row = await recorded(small, got)
            assert len(second.log) == 1
    attempts = [(one["provider_name"], one["status"]) for one in row["provider_responses"]]
    assert got.ended_well
    assert attempts[-1] == ("second", 200)
    assert set(attempts[:-1]) == {("first", None)}
    assert len(charges(small, got)) == 1


async def test_a_whole_answer_in_place_of_a_stream_is_streamed(stage):
    got = await ask(stage, "no stream", stream=True)

    assert got.ended_well
    assert got.text == "Hi"
    assert len(stage.arrivals("second", "no stream")) == 0


@pytest.mark.parametrize("stream", [False, True], ids=["JSON", "stream"])
async def test_what_two_providers_have_nothing_to_say_to_is_not_sent_to_a_third(stage, stream):
    case = "nothing to say"
    before = {slug: len(stage.arrivals(slug, case)) for slug in ("first", "second", "third")}

    got = await ask(stage, case, stream=stream, order=["first", "second", "third"])

    asked = {slug: len(stage.arrivals(slug, case)) - before[slug] for slug in before}
    assert asked == {"first": 1, "second": 1, "third": 0}
    assert got.status == got.json["error"]["code"] == 502
    assert got.json["error"]["metadata"]["error_type"] == "provider_unavailable"


async def test_when_both_fail_the_error_is_the_last_one_and_names_those_before(stage):
    got = await ask(stage, "529, then 500")

    error = got.json["error"]
    earlier = error["metadata"]["previous_errors"]
    assert got.status == error["code"] == 502
    assert error["metadata"]["error_type"] == "provider_unavailable"
    assert error["metadata"]["provider_name"] == "second"
    assert isinstance(error["metadata"]["raw"], str)
    assert (earlier[0]["provider"], earlier[0]["status"]) == ("first", 529)
    assert {one["provider"] for one in earlier} <= {"first", "second"}
    for one in earlier:
        assert isinstance(one["code"], int)
        assert isinstance(one["message"], str)


@pytest.mark.parametrize("stream", [False, True], ids=["JSON", "stream"])
async def test_when_both_fail_nothing_is_charged_and_every_attempt_is_recorded(stage, stream):
    got = await ask(stage, "both 500", stream=stream)

    row = await recorded(stage, got)
    providers = {one["provider_name"] for one in row["provider_responses"]}
    assert got.status == 502
    assert providers == {"first", "second"}
    assert {one["status"] for one in row["provider_responses"]} == {500}
    assert charges(stage, got) == [0]


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_the_operators_key_being_refused_is_not_the_clients_fault(stage, status):
    got = await ask(stage, f"both {status}")

    assert got.status == got.json["error"]["code"] == 502
    assert got.json["error"]["metadata"]["error_type"] == "provider_unavailable"


@pytest.mark.parametrize(
    "case", ["both name a time", "the other way round", "both say so at great length"]
)
async def test_rate_limits_everywhere_pass_on_the_smallest_hint(stage, case):
    got = await ask(stage, case)

    assert got.status == got.json["error"]["code"] == 429
    assert got.headers["retry-after"] == "7"
    assert got.json["error"]["metadata"]["error_type"] == "rate_limit_exceeded"


async def test_a_rate_limit_without_a_hint_passes_on_none(stage):
    got = await ask(stage, "one names no time")

    assert got.status == 429
    assert "retry-after" not in got.headers


async def test_a_request_that_every_provider_rejects_is_not_to_be_tried_again(stage):
    got = await ask(stage, "both reject")

    assert got.status == 400
    assert got.headers["x-should-retry"] == "false"


async def test_after_the_first_token_no_other_provider_is_asked(stage):
    got = await ask(stage, "after the first token", stream=True)

    asked = [len(stage.arrivals(slug, "after the first token")) for slug in ("first", "second")]
    assert asked == [1, 0]
    assert got.status == 200
    assert got.text == "one two"
    assert got.chunks[-1]["error"]["metadata"]["error_type"] == "provider_unavailable"


async def test_without_fallbacks_only_the_first_provider_is_asked(stage):
    got = await ask(stage, "only the first", only=["first"], allow_fallbacks=False)

    assert stage.arrivals("second", "only the first") == []
    assert got.status == 502


async def test_the_books_are_right_after_failures_under_load(stage):
    cases = list(MATRIX)

    got = await asyncio.gather(
        *(ask(stage, case, stream=MATRIX[case][2]) for case in cases for _ in range(3))
    )

    findings = await asyncio.to_thread(stage.gateway.verify)
    assert [answer.body for answer in got if not answer.ended_well] == []
    assert [len(charges(stage, answer)) for answer in got] == [1] * len(got)
    assert (findings["ok"], findings["open_holds"]) == (True, 0)
