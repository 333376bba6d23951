"""Whose requests are recorded at the edge: those that the gateway has let in."""

import asyncio

import pytest

from portico.cassette import load
from portico.cassette.redaction import Redactor
from portico.server.asgi import Message
from portico.server.recording import RecordingApp, RecordingRules
from portico.storage.tapes import Tapes
from portico.transport.recording import Clocks, Wish

CLOCKS = Clocks(now_ms=lambda: 0, clock_s=lambda: 0.0)
RULES = RecordingRules(usual=Wish(tape="usual", upstream=False, client=True), always=True)


def record(directory, *, status: int) -> None:
    """Answer one request with `status`, recorded at the client's side on a tape it names."""

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        pass

    async def run() -> None:
        tapes = Tapes(directory, form="go-vcr", redactor=Redactor())
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/api/v1/chat/completions",
            "query_string": b"",
            "headers": [(b"host", b"a.example"), (b"x-portico-record", b"named")],
        }
        await RecordingApp(app, RULES, tapes, CLOCKS)(scope, receive, send)
        await tapes.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("status", [200, 400, 402, 429, 502])
def test_an_answer_is_recorded_on_the_named_tape(tmp_path, status):
    record(tmp_path, status=status)

    (tape,) = tmp_path.iterdir()
    assert tape.name == "named.yaml"
    assert load(tape.read_bytes()).interactions[0].response.status == status


def test_nothing_is_written_for_who_has_no_key(tmp_path):
    record(tmp_path, status=401)

    assert list(tmp_path.iterdir()) == []
