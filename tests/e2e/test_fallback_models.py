"""`models`: when the first model cannot answer the next one does, and the answer says which."""

from collections.abc import Iterator

import aiohttp
import pytest

from portico.simulator import Step
from tests.e2e import chat
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.io

TOO_LONG = {"message": "This model's maximum context length is 10 tokens"}
MODERATED = {"message": "Flagged by moderation", "code": "content_filter"}
CASES = {
    "a rate limit": {"one": Step(status=429, retry_after_s=9)},
    "a prompt too long": {"one": Step(status=400, error=TOO_LONG)},
    "moderation": {"one": Step(status=403, error=MODERATED)},
    "a wrong parameter": {"one": Step(status=400)},
    "no such model": {"one": Step(status=404)},
    "good": {"other": Step(text="one two three")},
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("models"), CASES) as everything:
        yield everything


@pytest.mark.parametrize("stream", [False, True], ids=["JSON", "stream"])
@pytest.mark.parametrize("case", [case for case in CASES if case != "good"])
async def test_the_next_model_answers_and_says_so(stage, case, stream):
    first, second = stage.models[case], stage.models["good"]
    request = chat.body(first, models=[second], stream=stream)
    async with aiohttp.ClientSession() as session:
        answer = await chat.ask(session, stage.gateway.url, stage.gateway.key, request)

    told = answer.chunks if stream else [answer.json]
    assert answer.text == "one two three"
    assert {(chunk["model"], chunk["provider"]) for chunk in told} == {(second, "other")}
