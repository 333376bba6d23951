"""go-vcr v4 replays what Portico recorded, and Portico replays what go-vcr recorded."""

import base64
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest

from portico.cassette import Interaction, load
from portico.cassette.govcr import write
from portico.cassette.redaction import Redactor
from portico.jsonio import JsonObject
from portico.simulator import Script, Step
from tests.compat.processes import SIMULATED, Gateway, gateway, simulated
from tests.compat.toolchain import build
from tests.conftest import SHARED

pytestmark = pytest.mark.io

SOURCE = Path(__file__).parent / "govcr"
WORDS = ("Olá ", "\U0001f600 ", "você\u2028")
ASK_S = 30

GoVcr = Callable[[str, Path, Sequence[JsonObject]], list[JsonObject]]


@pytest.fixture(scope="module")
def govcr(tmp_path_factory: pytest.TempPathFactory) -> GoVcr:
    """Sends requests through go-vcr: ("record" | "replay", cassette, requests)."""
    binary = build(SOURCE, tmp_path_factory.mktemp("govcr") / "client")

    def run(mode: str, cassette: Path, requests: Sequence[JsonObject]) -> list[JsonObject]:
        ended = subprocess.run(
            [binary, mode, str(cassette.with_suffix(""))],
            input=json.dumps(requests).encode(),
            capture_output=True,
            timeout=ASK_S,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr.decode()
        return json.loads(ended.stdout)

    return run


def request_of(one: Interaction) -> JsonObject:
    """The recorded request, for go-vcr's default matching: all of it must be equal."""
    return {
        "method": one.request.method,
        "url": one.request.url,
        "headers": one.request.headers,
        "body": one.request.body.decode(),
    }


def ask(running: Gateway, *, stream: bool) -> httpx.Response:
    messages = [{"role": "user", "content": "Olá"}]
    return httpx.post(
        f"{running.base_url}/chat/completions",
        json={"model": SIMULATED, "stream": stream, "messages": messages},
        headers=running.headers,
        timeout=20,
    ).raise_for_status()


def test_govcr_replays_what_portico_recorded(govcr, tmp_path, upstream):
    upstream.play(Script(default=Step(chunks=WORDS)))
    with gateway(tmp_path, config=simulated(upstream), command="record") as running:
        ask(running, stream=True)
        ask(running, stream=False)
    path = tmp_path / "cassettes" / "recorded.yaml"
    interactions = load(path.read_bytes()).interactions
    upstream.play(Script())

    answers = govcr("replay", path, [request_of(one) for one in interactions])

    assert [base64.b64decode(one["body"]) for one in answers] == [
        one.response.body for one in interactions
    ]
    assert answers[0]["content_type"].startswith("text/event-stream")
    assert interactions[0].response.frames
    assert upstream.arrivals() == []


def test_portico_replays_what_govcr_recorded(govcr, tmp_path, upstream):
    upstream.play(Script(default=Step(chunks=WORDS)))
    path = tmp_path / "cassettes" / "theirs.yaml"
    path.parent.mkdir()
    asked = [
        {
            "method": "POST",
            "url": f"{upstream.base_url}/chat/completions",
            "headers": [("Content-Type", "application/json")],
            "body": json.dumps(
                {
                    "model": SIMULATED.partition("/")[2],
                    "stream": stream,
                    "messages": [{"role": "user", "content": "Olá"}],
                }
            ),
        }
        for stream in (True, False)
    ]
    recorded = govcr("record", path, asked)
    upstream.play(Script())

    with gateway(tmp_path, "cassettes", config=simulated(upstream), command="replay") as running:
        streamed, whole = ask(running, stream=True), ask(running, stream=False)

    assert [base64.b64decode(one["body"]) for one in recorded] == [
        one.response.body for one in load(path.read_bytes()).interactions
    ]
    assert whole.json()["choices"][0]["message"]["content"] == "".join(WORDS)
    assert '"content":"Olá "' in streamed.text
    assert upstream.arrivals() == []


def test_recorded_cassettes_that_portico_wrote_again_replay_in_govcr(govcr, tmp_path):
    files = sorted((SHARED / "corpus" / "cassettes").rglob("*.y*ml"))
    if not files:
        pytest.skip(f"no recordings at {SHARED}")
    for number, file in enumerate(files[:: len(files) // 15]):
        tape = Redactor().cassette(load(file.read_bytes(), name=file.name))
        path = tmp_path / f"tape{number}.yaml"
        path.write_bytes(write(tape))
        again = load(path.read_bytes()).interactions

        answers = govcr("replay", path, [request_of(one) for one in again])

        assert [base64.b64decode(one["body"]) for one in answers] == [
            one.response.body for one in tape.interactions
        ], file
