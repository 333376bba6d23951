"""A model that thinks for long may be given more time than the others."""

import aiohttp
import pytest

from portico.simulator import Script, Simulator, Step
from tests.e2e import chat
from tests.e2e.process import model, provider

pytestmark = pytest.mark.io

SLOW_S = 0.8
SETTINGS = (
    "[deadlines]\nfirst_byte_s = 0.2\nthinking_first_byte_s = 20.0\nfirst_token_within_s = 0.4\n"
    "\n[retries]\nrounds = 0\n\n"
)


@pytest.mark.parametrize(
    ("name", "status"), [("test/usual", 504), ("test/patient", 200), ("test/thinker", 200)]
)
async def test_a_model_has_its_own_patience(start_gateway, name, status):
    script = Script(default=Step(text="one two", ttft_s=SLOW_S, chunk_interval_s=0.0))
    async with Simulator(script) as upstream:
        models = {
            "test/usual": "",
            "test/patient": "first_byte_s = 20.0",
            "test/thinker": 'supported_parameters = ["reasoning"]',
        }
        gateway = start_gateway(
            SETTINGS
            + provider("sim", upstream.url)
            + "".join(
                model(each, "sim").replace("price", said + "\nprice")
                for each, said in models.items()
            )
        )
        async with aiohttp.ClientSession() as session:
            request = chat.body(name, stream=True)
            answer = await chat.ask(session, gateway.url, gateway.key, request)

    assert answer.status == status
    assert answer.ended_well is (status == 200)


@pytest.mark.parametrize(
    "step",
    [
        Step(text="one two", cut_at_byte=20, how="stall"),
        Step(status=500, cut_at_byte=20, how="stall"),
        Step(status=500, cut_at_byte=0, how="stall", early_head=True),
    ],
    ids=["an answer", "an error", "the head of an error"],
)
async def test_a_whole_answer_that_has_begun_may_not_fall_silent(start_gateway, step):
    settings = "[deadlines]\nidle_s = 0.3\ntotal_s = 300.0\n\n[retries]\nrounds = 0\n\n"
    script = Script(ttft_s=0.0, chunk_interval_s=0.0, default=step)
    async with Simulator(script) as upstream:
        gateway = start_gateway(
            settings + provider("sim", upstream.url) + model("test/usual", "sim")
        )
        async with aiohttp.ClientSession() as session:
            answer = await chat.ask(session, gateway.url, gateway.key, chat.body("test/usual"))

    assert answer.status == 504
    assert "fell silent" in answer.json["error"]["message"]
