"""OpenAI's Go client v2.3.0, the one of the first recording, against a running gateway."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml

from portico.jsonio import JsonObject, loads
from tests.compat import prompts
from tests.compat.processes import Gateway
from tests.compat.toolchain import build

pytestmark = pytest.mark.io

SOURCE = Path(__file__).parent / "go"
ASK_S = 20

Ask = Callable[[Gateway, str], JsonObject]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Builds the client outside the tree and returns what runs it: (gateway, "stream" | "whole")."""
    binary = build(SOURCE, tmp_path_factory.mktemp("go") / "client")

    def run(gateway: Gateway, way: str) -> JsonObject:
        ended = subprocess.run(
            [binary, gateway.base_url, gateway.key, way],
            capture_output=True,
            text=True,
            timeout=ASK_S,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return loads(ended.stdout.encode())

    return run


@pytest.fixture
def recorded(seed_text: str) -> JsonObject:
    """The first recording's only exchange."""
    return yaml.safe_load(seed_text)["interactions"][0]


def without_id_and_time(chunk: str) -> str:
    return re.sub(r'"created":\d+', '"created":0', re.sub(r'"id":"gen-[^"]+"', '"id":""', chunk))


@pytest.mark.parametrize("way", ["stream", "whole"])
@pytest.mark.parametrize("profile", ["demo", "demo_2025"])
def test_the_client_reads_text_finish_usage_and_cost(ask, request, profile, way):
    gateway = request.getfixturevalue(profile)

    heard = ask(gateway, way)

    assert heard["text"] == prompts.HELLO_TEXT
    assert heard["finish"] == "stop"
    assert heard["usage"]["total_tokens"] == 24
    assert heard["usage"]["cost"] == prompts.HELLO_COST_USD


def test_the_client_sends_what_was_recorded(ask, demo_2025, recorded):
    heard = ask(demo_2025, "stream")

    sent, then = heard["request"].encode(), recorded["request"]["body"].encode()
    assert loads(sent) == loads(then)
    assert len(sent) == len(then)  # the client puts extra fields in any order


def test_what_the_client_receives_is_the_recording_but_for_id_and_time(ask, demo_2025, recorded):
    heard = ask(demo_2025, "stream")

    events = recorded["response"]["body"].strip().split("\n\n")
    *chunks, done = (event.removeprefix("data: ") for event in events)
    assert done == "[DONE]"
    assert list(map(without_id_and_time, heard["chunks"])) == list(map(without_id_and_time, chunks))


def test_the_generation_knows_the_client_by_its_name(ask, demo_2025):
    chunk = loads(ask(demo_2025, "stream")["chunks"][0].encode())

    found = httpx.get(
        f"{demo_2025.base_url}/generation", params={"id": chunk["id"]}, headers=demo_2025.headers
    ).json()["data"]
    assert found["user_agent"] == "OpenAI/Go 2.3.0"
