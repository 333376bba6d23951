"""What a waiting client is sent before the outcome is known, and what that does to failures."""

import json
from itertools import pairwise

import aiohttp
import pytest

from portico.simulator import Step
from tests.e2e import chat
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.io

TEXT = "one two three four"
LONG = "word " * 40
PACE = """
[stream]
stream_commit_after_s = 0.3
keepalive_s = 0.2
nonstream_keepalive_after_s = 0.3

"""
SLOW_S = 1.2  # four times the patience: the keep-alives have begun on any machine
# What fails at once, and the status that the client sees.
FAST = {
    "a rate limit": (Step(status=429), 429),
    "a bad request": (Step(status=400), 400),
    "no such model": (Step(status=404), 404),
}
CASES = {
    "slow": {"sim": Step(text=TEXT, ttft_s=SLOW_S)},
    "silences": {"sim": Step(text=TEXT, chunk_interval_s=0.7)},
    # chunks come about as often as comments are due, so that the two would collide
    "collisions": {"sim": Step(text=LONG, ttft_s=0.4, chunk_interval_s=0.05, jitter=1.0)},
    "fast": {"sim": Step(text=TEXT)},
    "slow failure": {"sim": Step(status=400, ttft_s=SLOW_S)},
    "failure after text": {"sim": Step(text=TEXT, error_at_chunk=2)},
    "failure after silences": {"sim": Step(text=TEXT, error_at_chunk=2, chunk_interval_s=0.7)},
    "second provider": {"sim": Step(status=429, ttft_s=SLOW_S), "other": Step(text=TEXT)},
    **{name: {"sim": step} for name, (step, _) in FAST.items()},
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A gateway with little patience."""
    with staged(tmp_path_factory.mktemp("keepalive"), CASES, settings=PACE) as everything:
        yield everything


async def ask(stage: Stage, case: str, *, stream: bool = True) -> chat.Answer:
    request = chat.body(stage.models[case], stream=stream, provider={"order": ["sim", "other"]})
    async with aiohttp.ClientSession() as session:
        return await chat.ask(session, stage.gateway.url, stage.gateway.key, request)


def comments(blocks: list[bytes]) -> int:
    return blocks.count(chat.COMMENT)


def contents(blocks: list[bytes]) -> list[int]:
    """The positions of the blocks that bring text."""
    found = []
    for position, block in enumerate(blocks):
        if block.startswith(b"data: {"):
            choices = json.loads(block.removeprefix(b"data: "))["choices"]
            if choices and choices[0]["delta"].get("content"):
                found.append(position)
    return found


async def test_comments_come_before_the_first_token_of_a_slow_stream(stage):
    got = await ask(stage, "slow")

    first = contents(got.blocks)[0]
    assert (got.status, got.text) == (200, TEXT)
    assert comments(got.blocks[:first]) >= 2
    assert set(got.blocks[:first]) == {chat.COMMENT}


async def test_comments_fill_silences_inside_a_stream(stage):
    got = await ask(stage, "silences")

    places = contents(got.blocks)
    between = [comments(got.blocks[one:other]) for one, other in pairwise(places)]
    assert got.text == TEXT
    assert len(between) == 3
    assert all(count >= 1 for count in between)


async def test_comments_never_stand_inside_an_event_or_after_the_end(stage):
    got = await ask(stage, "collisions")

    assert got.body.endswith(b"\n\n")
    assert got.blocks[-1] == chat.DONE
    assert got.blocks.count(chat.DONE) == 1
    for block in got.blocks:
        assert block in {chat.COMMENT, chat.DONE} or json.loads(block.removeprefix(b"data: "))
    assert got.text == LONG


async def test_a_fast_stream_has_no_comments(stage):
    got = await ask(stage, "fast")

    assert comments(got.blocks) == 0
    assert got.ended_well


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "JSON"])
@pytest.mark.parametrize("case", FAST)
async def test_a_fast_failure_keeps_its_status(stage, case, stream):
    got = await ask(stage, case, stream=stream)

    assert got.status == got.json["error"]["code"] == FAST[case][1]
    assert got.headers["content-type"] == "application/json"


async def test_a_failure_after_the_first_comment_is_an_error_in_the_stream(stage):
    got = await ask(stage, "slow failure")

    assert got.status == 200
    assert got.headers["content-type"].startswith("text/event-stream")
    assert comments(got.blocks) >= 2
    assert got.blocks[-1] == chat.DONE
    (chunk,) = got.chunks
    assert chunk["id"] == got.generation_id
    assert chunk["object"] == "chat.completion.chunk"
    assert chunk["error"]["code"] == 400
    assert chunk["error"]["metadata"]["error_type"] == "invalid_request"
    assert chunk["choices"][0]["finish_reason"] == "error"


@pytest.mark.parametrize("case", ["failure after text", "failure after silences"])
async def test_a_failure_after_the_first_token_is_an_error_in_the_stream(stage, case):
    got = await ask(stage, case)

    assert got.status == 200
    assert got.text == "one two"
    assert got.blocks[-1] == chat.DONE
    assert got.chunks[-1]["error"]["code"] == 502
    assert got.chunks[-1]["choices"][0]["finish_reason"] == "error"


async def test_a_slow_json_answer_is_preceded_by_white_space(stage):
    got = await ask(stage, "slow", stream=False)

    padding = got.body[: got.body.index(b"{")]
    assert got.status == 200
    assert got.headers["content-type"] == "application/json"
    assert padding.strip() == b""
    assert padding.count(b"\n         \n") >= 2
    assert got.text == TEXT


async def test_a_fast_json_answer_has_a_length_and_no_padding(stage):
    got = await ask(stage, "fast", stream=False)

    assert got.body.startswith(b"{")
    assert int(got.headers["content-length"]) == len(got.body)


async def test_a_late_failure_of_a_json_answer_is_an_error_with_status_200(stage):
    got = await ask(stage, "slow failure", stream=False)

    assert got.status == 200
    assert got.body.startswith(b"\n")
    assert got.json["error"]["code"] == 400
    assert got.json["error"]["metadata"]["error_type"] == "invalid_request"
    assert "choices" not in got.json


async def test_a_stream_that_a_second_provider_answers_after_comments_is_whole(stage):
    got = await ask(stage, "second provider")

    assert comments(got.blocks) >= 2
    assert got.text == TEXT
    assert got.ended_well


# Operators may switch the signs of life off


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """A gateway that is never impatient."""
    never = "[stream]\nstream_commit_after_s = 0\nnonstream_keepalive_after_s = 0\n\n"
    cases = {name: CASES[name] for name in ("slow", "slow failure")}
    with staged(tmp_path_factory.mktemp("silent"), cases, settings=never) as everything:
        yield everything


@pytest.fixture(scope="module")
def mute(tmp_path_factory):
    """A gateway that begins a late answer and says nothing more until there is something."""
    pace = PACE.replace("keepalive_s = 0.2", "keepalive_s = 0")
    with staged(tmp_path_factory.mktemp("mute"), {"slow": CASES["slow"]}, settings=pace) as stage:
        yield stage


@pytest.mark.parametrize("stream", [False, True], ids=["JSON", "stream"])
async def test_with_a_patience_of_0_a_late_failure_keeps_its_status(silent, stream):
    late, failed = [await ask(silent, case, stream=stream) for case in ("slow", "slow failure")]

    assert late.text == TEXT
    assert comments(late.blocks) == 0
    assert late.body.strip() == late.body or stream
    assert failed.status == 400


async def test_with_a_pace_of_0_the_head_alone_goes_first(mute):
    late = await ask(mute, "slow")

    assert late.text == TEXT
    assert comments(late.blocks) == 0
