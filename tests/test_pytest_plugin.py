"""The fixture `portico`, used as its users use it, and what it does in runs of its own."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import openai
import pytest

from portico.cassette import load
from portico.simulator import Script, Step
from tests.compat.processes import simulated, simulator

pytestmark = pytest.mark.io

HELLO = [
    {"role": "system", "content": "You are a helpful assistant"},
    {"role": "user", "content": "Say hi in Portuguese"},
]


def client_of(portico):
    return openai.OpenAI(base_url=portico.base_url, api_key=portico.api_key, max_retries=0)


def test_a_test_replays_the_cassette_beside_it(portico):
    answer = client_of(portico).chat.completions.create(model="groq/test-model", messages=HELLO)

    assert answer.choices[0].message.content == "Olá!"
    assert answer.usage.total_tokens == 24
    assert portico.cassette.name == "test_a_test_replays_the_cassette_beside_it.yaml"


@pytest.mark.portico(
    cassette="../src/portico/demo/groq_hello.yaml", match=["method", "path", "prompt"]
)
def test_a_marker_names_cassette_and_matchers(portico):
    stream = client_of(portico).chat.completions.create(
        model="moonshotai/kimi-k2-0905", messages=HELLO, stream=True, max_tokens=5
    )

    words = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]

    assert "".join(words) == "Olá!"


@pytest.mark.portico(cassette="../src/portico/demo/groq_hello.yaml", ignore=["/max_tokens"])
def test_what_was_not_recorded_fails_with_what_differs(portico):
    with pytest.raises(openai.NotFoundError, match="it differs in chat_body: /messages/0"):
        client_of(portico).chat.completions.create(
            model="moonshotai/kimi-k2-0905", messages=[{"role": "user", "content": "x"}]
        )


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.portico(cassette="../src/portico/demo")
def test_every_test_has_a_gateway_of_its_own(portico, n):
    health = httpx.get(portico.base_url.removesuffix("/api/v1") + "/health").json()

    assert health["mode"] == "replay"
    assert httpx.get(f"{portico.base_url}/key", headers={"x-api-key": "any"}).status_code == 200


# --- runs of pytest of their own -----------------------------------------------------

TEST = """
import httpx
import pytest

@pytest.mark.portico(config="portico.toml")
@pytest.mark.parametrize("word", ["one/1"])
def test_it(portico, word):
    body = {"model": "sim/model", "messages": [{"role": "user", "content": word}]}
    answer = httpx.post(f"{portico.base_url}/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "hi"
"""
CASSETTE = Path("cassettes") / "test_inner" / "test_it-one-1.yaml"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    with simulator(tmp_path_factory.mktemp("upstream")) as running:
        yield running


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a run of pytest in `folder`, without any provider's key."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "portico.pytest_plugin", *arguments],
        cwd=folder,
        env={**kept, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_recording_once_then_replaying(tmp_path, upstream):
    (tmp_path / "test_inner.py").write_text(TEST)
    (tmp_path / "portico.toml").write_text(simulated(upstream))
    upstream.play(Script(default=Step(text="hi")))

    missing = run(tmp_path)
    recorded = run(tmp_path, "--portico-record=once")
    asked = len(upstream.arrivals())
    upstream.play(Script(default=Step(status=500, times=0)))
    replayed = run(tmp_path)
    once_more = run(tmp_path, "--portico-record=once")

    assert missing[0] == 1
    assert "--portico-record=once records it" in missing[1]
    assert (recorded[0], asked) == (0, 1), recorded[1]
    assert replayed[0] == once_more[0] == 0, replayed[1]
    assert upstream.arrivals() == []
    assert len(load((tmp_path / CASSETTE).read_bytes()).interactions) == 1


def test_all_records_anew(tmp_path, upstream):
    (tmp_path / "test_inner.py").write_text(TEST)
    (tmp_path / "portico.toml").write_text(simulated(upstream))
    for text, code in (("hi", 0), ("ho", 1)):
        upstream.play(Script(default=Step(text=text)))
        assert run(tmp_path, "--portico-record=all")[0] == code

    [one] = load((tmp_path / CASSETTE).read_bytes()).interactions
    assert b'"ho"' in one.response.body


def test_the_marker_and_the_option_are_described(tmp_path):
    assert "portico(cassette, mode, match" in run(tmp_path, "--markers")[1]
    assert "--portico-record={none,once,all}" in run(tmp_path, "--help")[1]
