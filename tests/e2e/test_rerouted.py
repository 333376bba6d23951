"""`portico route simulate` over a ledger that a gateway has written."""

import json

import aiohttp
import pytest

from portico.simulator import Script, Simulator, Step
from tests.e2e import chat
from tests.e2e.process import model, provider

pytestmark = pytest.mark.io

MODEL = "acme/orca"
ASKED = ["near", "far", "near", "near"]
LATENCY_S = 0.02


def endpoints(url: str, **dollars: str) -> str:
    """The model at each provider, for as many dollars per million tokens, in and out."""
    return "".join(
        provider(slug, url) + model(MODEL, slug, prompt=price, completion=price)
        for slug, price in dollars.items()
    )


async def test_what_happened_and_what_would_have_happened_stand_side_by_side(start_gateway):
    script = Script(default=Step(text="one two", ttft_s=LATENCY_S, chunk_interval_s=0.0))
    async with Simulator(script) as upstream:
        gateway = start_gateway(endpoints(upstream.url, near="10", far="1"))
        async with aiohttp.ClientSession() as session:
            for number, slug in enumerate(ASKED):
                wish = {"only": [slug]}
                request = chat.body(MODEL, stream=number % 2 == 0, provider=wish)
                answer = await chat.ask(session, gateway.url, gateway.key, request)
                assert answer.ended_well
        rows = gateway.rows("SELECT cost_picousd, provider FROM generations")
        # the settings that the command is run with: `run` names this file
        (gateway.folder / "portico.toml").write_text(endpoints(upstream.url, near="1", far="3"))

    code, text = gateway.run("route", "simulate", "--since", "7d", "--json")
    shown_code, shown = gateway.run("route", "simulate", "--since", "7d")

    told = json.loads(text)
    happened, simulated = told["happened"], told["simulated"]
    dear, cheap = (
        next(row["cost_picousd"] for row in rows if row["provider"] == slug)
        for slug in ("near", "far")
    )
    assert (code, shown_code, told["generations"], told["refused"]) == (0, 0, 4, {})
    assert dear == 10 * cheap > 0
    assert happened["cost"] == pytest.approx((3 * dear + cheap) / 10**12)
    assert {p["provider"]: p["share"] for p in happened["providers"]} == {"near": 0.75, "far": 0.25}
    # three times the price is a ninth of the chance
    assert {p["provider"]: p["share"] for p in simulated["providers"]} == {"near": 0.9, "far": 0.1}
    assert simulated["cost"] == pytest.approx(4 * (0.9 + 0.3) * cheap / 10**12)
    assert happened["latency_ms"] >= LATENCY_S * 1000
    assert simulated["latency_ms"] >= LATENCY_S * 1000
    assert "HAPPENED" in shown
    assert "near" in shown
