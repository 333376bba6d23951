"""A model that thinks for long may be given more time than the others."""

import aiohttp
import pytest

from portico.simulator import Script, Simulator, Step
from tests.e2e import chat
from tests.e2e.process import model, provider

pytestmark = pytest.mark.io

SLOW_S = 0.8
SETTINGS = (
    "[deadlines]\nfirst_byte_s = 0.2\nfirst_token_within_s = 0.4\n\n[retries]\nrounds = 0\n\n"
)


@pytest.mark.parametrize(("name", "status"), [("test/usual", 504), ("test/thinker", 200)])
async def test_a_model_has_its_own_patience(start_gateway, name, status):
    script = Script(default=Step(text="one two", ttft_s=SLOW_S, chunk_interval_s=0.0))
    async with Simulator(script) as upstream:
        patient = model("test/thinker", "sim").replace("price", "first_byte_s = 20.0\nprice")
        gateway = start_gateway(
            SETTINGS + provider("sim", upstream.url) + model("test/usual", "sim") + patient
        )
        async with aiohttp.ClientSession() as session:
            request = chat.body(name, stream=True)
            answer = await chat.ask(session, gateway.url, gateway.key, request)

    assert answer.status == status
    assert answer.ended_well is (status == 200)
