"""OpenAI's Go client v2.3.0, the one of the first recording, against a running gateway."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml

from portico.jsonio import JsonObject, loads
from tests.compat import prompts
from tests.compat.processes import Gateway

pytestmark = pytest.mark.io

SOURCE = Path(__file__).parent / "go"
DOWNLOAD_S, BUILD_S, ASK_S = 60, 600, 20

Ask = Callable[[Gateway, str], JsonObject]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Builds the client outside the tree and returns what runs it: (gateway, "stream" | "whole")."""
    binary = tmp_path_factory.mktemp("go") / "client"
    if shutil.which("go") is None:
        pytest.skip("there is no Go on this machine")
    downloaded = go("mod", "download", timeout_s=DOWNLOAD_S)
    if downloaded.returncode != 0:
        pytest.skip(f"the Go client cannot be had: {downloaded.stderr.strip()[-300:]}")
    built = go("build", "-buildvcs=false", "-o", str(binary), ".", timeout_s=BUILD_S)
    assert built.returncode == 0, built.stderr

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


def go(*arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run the Go tool on the client; no other toolchain is fetched, nothing is written there."""
    environment = {**os.environ, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    command = ["go", *arguments]
    try:
        return subprocess.run(
            command,
            cwd=SOURCE,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"not done after {timeout_s} s")


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
