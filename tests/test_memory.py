"""What a request leaves behind: nothing that only the garbage collector would find."""

import gc

import pytest

from portico.cassette import Cassette, Interaction, RecordedRequest, RecordedResponse
from portico.cassette.govcr import write
from portico.jsonio import dumps, loads
from portico.server.asgi import HANG_UP
from portico.testing import ReplayGateway

HELLO = [{"role": "user", "content": "hello"}]
USED = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
ANSWER = {
    "id": "c",
    "choices": [{"index": 0, "message": {"content": "Hi."}, "finish_reason": "stop"}],
    "usage": USED,
}
CHUNKS = [
    {"id": "c", "choices": [{"index": 0, "delta": {"content": "Hi."}}]},
    {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USED},
]
CONFIG = """
[providers.a]
base_url = "https://a.example/v1"
[[models]]
id = "test/model"
provider = "a"
upstream_model = "model"
price = { prompt = "1", completion = "3" }
"""


def recorded(*, stream: bool) -> Interaction:
    events = b"".join(b"data: " + dumps(chunk) + b"\n\n" for chunk in CHUNKS) + b"data: [DONE]\n\n"
    kind = "text/event-stream" if stream else "application/json"
    wish = {"stream": True} if stream else {}
    return Interaction(
        request=RecordedRequest(
            method="POST",
            url="https://a.example/v1/chat/completions",
            headers=(("Content-Type", "application/json"),),
            body=dumps({"model": "model", "messages": HELLO, **wish}),
        ),
        response=RecordedResponse(
            status=200,
            headers=(("Content-Type", kind),),
            body=events if stream else dumps(ANSWER),
        ),
        side="upstream",
    )


async def ask(app: ReplayGateway, body: bytes) -> bytes:
    """As the gateway's own server calls it."""
    parts: list[bytes] = []

    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict) -> None:
        parts.append(message.get("body", b""))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/chat/completions",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer anything"), (b"content-type", b"application/json")],
        HANG_UP: None,
    }
    await app(scope, receive, send)
    return b"".join(parts)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_leaves_no_cycle_behind(tmp_path, stream):
    """A cycle keeps the whole exchange in memory until a collection that costs milliseconds."""
    (tmp_path / "tape.yaml").write_bytes(write(Cassette(interactions=(recorded(stream=stream),))))
    (tmp_path / "portico.toml").write_text(CONFIG)
    body = dumps({"model": "test/model", "messages": HELLO, "stream": stream})
    async with ReplayGateway(tmp_path, config=tmp_path / "portico.toml") as app:
        for _ in range(3):  # what is made once is made
            answer = await ask(app, body)
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(10):
                await ask(app, body)
            gc.collect()
            left = {type(thing).__qualname__ for thing in gc.garbage if _is_ours(thing)}
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    assert answer.startswith(b"data: ") if stream else loads(answer)["usage"]["total_tokens"] == 9
    assert not left


def _is_ours(thing: object) -> bool:
    return type(thing).__module__.startswith("portico.")
