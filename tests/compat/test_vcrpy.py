"""vcrpy replays what Portico recorded, and Portico replays what vcrpy recorded."""

import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import httpx
import pytest

from portico.cassette import load
from portico.cassette.model import Interaction
from portico.simulator import Script, Step
from tests.compat.processes import SIMULATED, Gateway, Upstream, gateway, simulated

vcr = pytest.importorskip("vcr", reason="vcrpy is not installed")

pytestmark = pytest.mark.io

WORDS = ("Olá ", "\U0001f600 ", "você")
FORMATS = {"vcrpy": "yaml", "vcrpy-json": "json"}


def ask(running: Gateway, *, stream: bool) -> httpx.Response:
    return httpx.post(
        f"{running.base_url}/chat/completions",
        json={
            "model": SIMULATED,
            "stream": stream,
            "messages": [{"role": "user", "content": "Olá"}],
        },
        headers=running.headers,
        timeout=20,
    ).raise_for_status()


@pytest.fixture(params=FORMATS)
def recorded(
    request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream
) -> tuple[Path, str]:
    """A cassette that Portico wrote: a stream and a whole answer; and its serializer."""
    upstream.play(Script(default=Step(chunks=WORDS)))
    with gateway(
        tmp_path, "--format", request.param, config=simulated(upstream), command="record"
    ) as running:
        ask(running, stream=True)
        ask(running, stream=False)
    serializer = FORMATS[request.param]
    return tmp_path / "cassettes" / f"recorded.{serializer}", serializer


def read_with_urllib(one: Interaction) -> bytes:
    request = Request(
        one.request.url, one.request.body, dict(one.request.headers), method=one.request.method
    )
    with urlopen(request) as answer:
        assert answer.status == one.response.status
        return answer.read()


def read_with_httpx(one: Interaction) -> bytes:
    answer = httpx.request(
        one.request.method,
        one.request.url,
        content=one.request.body,
        headers=dict(one.request.headers),
    )
    assert answer.status_code == one.response.status
    return answer.content


@pytest.mark.parametrize("read", [read_with_urllib, read_with_httpx])
def test_vcrpy_replays_what_portico_recorded(recorded, upstream, read):
    path, serializer = recorded
    interactions = load(path.read_bytes()).interactions
    upstream.play(Script())
    strict: dict[str, Any] = {"match_on": ["method", "uri", "body"], "record_mode": "none"}

    with vcr.use_cassette(str(path), serializer=serializer, **strict) as tape:
        bodies = [read(one) for one in interactions]

    assert bodies == [one.response.body for one in interactions]
    assert tape.all_played
    assert upstream.arrivals() == []
    assert interactions[0].response.frames


@pytest.mark.parametrize("serializer", ["yaml", "json"])
def test_portico_replays_what_vcrpy_recorded(tmp_path, upstream, serializer):
    upstream.play(Script(default=Step(chunks=WORDS)))
    path = tmp_path / "cassettes" / f"theirs.{serializer}"
    with vcr.use_cassette(
        str(path), serializer=serializer, filter_headers=["authorization"], record_mode="all"
    ):
        for stream in (True, False):
            body = {
                "model": SIMULATED.partition("/")[2],
                "stream": stream,
                "messages": [{"role": "user", "content": "Olá"}],
            }
            httpx.post(f"{upstream.base_url}/chat/completions", json=body).raise_for_status()
    upstream.play(Script())

    with gateway(tmp_path, "cassettes", config=simulated(upstream), command="replay") as running:
        streamed, whole = ask(running, stream=True), ask(running, stream=False)

    assert json.loads(whole.content)["choices"][0]["message"]["content"] == "".join(WORDS)
    assert streamed.text.count('"content":"Olá "') == 1
    assert upstream.arrivals() == []


def test_what_vcrpy_recorded_and_portico_wrote_again_replays_in_vcrpy(tmp_path, upstream):
    from portico.cassette.vcrpy import write

    upstream.play(Script(default=Step(text="once")))
    path = tmp_path / "theirs.yaml"
    with vcr.use_cassette(str(path), record_mode="all"):
        first = httpx.get(f"{upstream.base_url}/models")
    path.write_bytes(write(load(path.read_bytes())))

    with vcr.use_cassette(str(path), record_mode="none"):
        again = httpx.get(f"{upstream.base_url}/models")

    assert again.content == first.content
    assert again.headers == first.headers
