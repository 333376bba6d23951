"""The in-process gateway and its transport, with the real clients that tests use."""

import asyncio
import re
import secrets
import sqlite3
import time
from pathlib import Path

import httpx
import httpx2
import msgspec
import openai
import pytest

from portico.cassette import Cassette, Frame, Interaction, RecordedRequest, RecordedResponse
from portico.cassette.govcr import write
from portico.jsonio import dumps
from portico.keys import issue
from portico.settings import ConfigError, Secret
from portico.testing import GatewayThread, ReplayGateway
from portico.wiring import parts_of

JSON = (("Content-Type", "application/json"),)
SSE = (("Content-Type", "text/event-stream"),)
HELLO = [{"role": "user", "content": "hello"}]
CONFIG = "".join(
    f"""
[providers.{name}]
base_url = "https://{name}.example/v1"
[[models]]
id = "test/model"
provider = "{name}"
upstream_model = "model"
price = {{ prompt = "1", completion = "3" }}
"""
    for name in "abc"
)


def chunk(**fields):
    return b"data: " + dumps({"id": "c", "object": "chat.completion.chunk", **fields}) + b"\n\n"


def said(text):
    return chunk(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])


END = [
    chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]),
    chunk(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}),
    b"data: [DONE]\n\n",
]


def exchange(provider, *parts, status=200, headers=SSE, messages=HELLO, **answer):
    asked = {"model": "model", "stream": True, "messages": messages}
    return Interaction(
        request=RecordedRequest(
            method="POST",
            url=f"https://{provider}.example/v1/chat/completions",
            headers=JSON,
            body=dumps(asked),
        ),
        response=RecordedResponse(
            status=status,
            headers=headers,
            body=b"".join(parts),
            frames=tuple(Frame(size_bytes=len(p), at_s=n / 100) for n, p in enumerate(parts)),
            **answer,
        ),
        side="upstream",
    )


BUSY = exchange("a", b'{"error":{"message":"slow down"}}', status=429, headers=JSON)
CUT = exchange("b", said("One, "), ended="error", failure="broken", message="It broke.")
WELL = exchange("c", said("One, "), said("two."), *END)


@pytest.fixture
def tape(tmp_path) -> Path:
    """A: 429, B: cut in the middle, C: well."""
    path = tmp_path / "tape.yaml"
    path.write_bytes(write(Cassette(interactions=(BUSY, CUT, WELL))))
    (tmp_path / "portico.toml").write_text(CONFIG)
    return path


def gateway(tape, **rest):
    return ReplayGateway(tape, config=tape.parent / "portico.toml", **rest)


def client_of(running, library=httpx2):
    return openai.AsyncOpenAI(
        base_url=running.base_url,
        api_key="anything",
        max_retries=0,
        http_client=library.AsyncClient(transport=running.transport),
    )


async def test_an_openai_client_streams_without_a_socket(tape):
    async with gateway(tape) as running:
        stream = await client_of(running).chat.completions.create(
            model="test/model",
            messages=HELLO,
            stream=True,
            extra_body={"provider": {"only": ["c"]}},
        )
        words = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices]

    assert "".join(word or "" for word in words) == "One, two."


@pytest.mark.parametrize("library", [httpx, httpx2])
async def test_streams_come_as_they_are_sent(tape, library):
    """At a tenfold pace there are 0.1 s between two frames: the first is there before the last."""
    async with gateway(tape, pace=10) as running:
        asking = library.AsyncClient(transport=running.transport)
        body = {
            "model": "test/model",
            "messages": HELLO,
            "stream": True,
            "provider": {"only": ["c"]},
        }
        async with asking.stream(
            "POST", f"{running.base_url}/chat/completions", json=body
        ) as reply:
            began_s = asyncio.get_running_loop().time()
            times = [
                (asyncio.get_running_loop().time() - began_s, data)
                async for data in reply.aiter_raw()
            ]

    first = next(at_s for at_s, data in times if b"One" in data)
    assert times[-1][0] - first > 0.1


async def test_a_client_that_leaves_ends_the_request(tape):
    async with gateway(tape, pace=100) as running:
        asking = httpx.AsyncClient(transport=running.transport)
        body = {
            "model": "test/model",
            "messages": HELLO,
            "stream": True,
            "provider": {"only": ["c"]},
        }
        async with asking.stream(
            "POST", f"{running.base_url}/chat/completions", json=body
        ) as reply:
            async for data in reply.aiter_raw():
                if b"One" in data:
                    break

        assert not [t for t in asyncio.all_tasks() if t.get_name() == "in-process request"]


async def ask(running, *providers):
    """What a client gets from providers that are asked in this order, without id and time."""
    body = {
        "model": "test/model",
        "messages": HELLO,
        "stream": True,
        "provider": {"order": providers, "allow_fallbacks": len(providers) > 1},
    }
    if len(providers) > 1:
        body["provider"] = {"order": providers, "only": providers}
    asking = httpx.AsyncClient(transport=running.transport)
    reply = await asking.post(f"{running.base_url}/chat/completions", json=body)
    text = re.sub(r'"id":"gen-[^"]+"|"created":\d+', "", reply.text)
    return reply.status_code, text


def books(running):
    """Attempts and charges as they stand in the ledger, without ids and times."""
    path = running.data_dir / "portico.db"
    with sqlite3.connect(path) as db:
        attempts = db.execute(
            "SELECT number, endpoint_tag, status, error_type FROM attempts ORDER BY generation_seq, number"
        ).fetchall()
        generations = db.execute(
            "SELECT provider, error_type, cost_picousd, replayed FROM generations ORDER BY seq"
        ).fetchall()
    return attempts, generations


async def play(tape):
    async with gateway(tape) as running:
        first = await ask(running, "a", "b", "c")
        second = await ask(running, "a", "c")
        return first, second, books(running)


async def test_fallback_error_chunk_and_bill_replay_identically_a_hundred_times(tape):
    first = await play(tape)

    again = [await play(tape) for _ in range(99)]

    (status, cut), (_, well), (attempts, generations) = first
    assert status == 200
    assert "One, " in cut
    assert "It broke." in cut
    assert '"finish_reason":"error"' in cut
    assert "two." in well
    assert [row[1:] for row in attempts] == [
        ("a", 429, "rate_limit_exceeded"),
        ("b", 200, "provider_unavailable"),
        ("c", 200, None),  # the second request passes a over: it is known to be busy
    ]
    assert [row[3] for row in generations] == [1, 1]
    assert generations[1][2] == 7 * 1_000_000 + 2 * 3_000_000
    assert all(play == first for play in again)


async def test_the_application_can_be_mounted_below_a_path(tape):
    running = gateway(tape)
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/llm/api/v1/models",
        "root_path": "/llm",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer x")],
    }
    await running(scope, receive, send)
    await running.aclose()

    assert sent[0]["status"] == 200


async def test_the_lifespan_starts_and_ends_it(tape):
    running = gateway(tape)
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message["type"])

    await running({"type": "lifespan"}, receive, send)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_what_is_missing_is_told_at_the_start(tmp_path):
    with pytest.raises(ConfigError, match="there are no cassettes to replay"):
        await ReplayGateway(tmp_path / "nothing.yaml").start()
    with pytest.raises(ConfigError, match="there are no cassettes"):
        GatewayThread(ReplayGateway(tmp_path / "nothing.yaml")).__enter__()


async def test_settings_that_want_a_providers_key_replay_without_it(tmp_path):
    path = tmp_path / "tape.yaml"
    response = WELL.response
    request = msgspec.structs.replace(
        WELL.request,
        url="https://proxy.example/v1/chat/completions",
        body=dumps({"model": "gpt-4o-mini", "stream": True, "messages": HELLO}),
    )
    one = msgspec.structs.replace(WELL, request=request, response=response)
    path.write_bytes(write(Cassette(interactions=(one,))))
    config = tmp_path / "portico.toml"
    config.write_text(
        '[providers.openai]\nenabled = true\nbase_url = "https://proxy.example/v1"\n'
        "[providers.groq]\nenabled = true\n"
        '[providers.deepseek]\napi_key = "env:NOT_SET"\n'
    )

    async with ReplayGateway(path, config=config) as running:
        asking = httpx.AsyncClient(transport=running.transport)
        body = {"model": "openai/gpt-4o-mini", "messages": HELLO, "stream": True}
        reply = await asking.post(f"{running.base_url}/chat/completions", json=body)

    assert "two." in reply.text
    assert '"provider":"OpenAI"' in reply.text


def test_of_a_key_of_several_texts_the_secret_ones_are_taken_out():
    key = Secret(
        dumps(
            {
                "type": "service_account",
                "private_key": "begin",
                "token_uri": "https://a.example",
                "region": "eu",
                "secret_access_key": "s",
            }
        ).decode()
    )

    assert parts_of(key) == ["begin", "s"]
    assert parts_of(Secret("plain")) == ["plain"]


async def test_what_can_spend_money_lets_nobody_in_from_elsewhere(tape):
    running = gateway(tape, mode="all", environ={"PORTICO_HOST": "0.0.0.0"})

    with pytest.raises(ConfigError, match="must not listen on"):
        await running.start()


async def test_a_matcher_that_is_none_is_told_at_the_start(tape):
    running = gateway(tape, match=["bodies"])

    with pytest.raises(ConfigError, match="'bodies' is no matcher"):
        await running.start()
    await running.aclose()


@pytest.mark.io
def test_a_blocking_client_asks_a_gateway_in_a_thread(tape):
    with GatewayThread(gateway(tape)) as thread:
        client = openai.OpenAI(base_url=thread.base_url, api_key="x", max_retries=0)
        stream = client.chat.completions.create(
            model="test/model",
            messages=HELLO,
            stream=True,
            extra_body={"provider": {"only": ["c"]}},
        )
        words = [chunk.choices[0].delta.content for chunk in stream if chunk.choices]

    assert "".join(word or "" for word in words) == "One, two."


@pytest.mark.io
@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_blocking_client_streams_without_a_socket(tape, library):
    with GatewayThread(gateway(tape, pace=5)) as thread:
        asking = library.Client(transport=thread.transport)
        body = {"model": "test/model", "messages": HELLO, "stream": True}
        body["provider"] = {"only": ["c"]}
        with asking.stream("POST", f"{thread.base_url}/chat/completions", json=body) as reply:
            began_s = time.monotonic()
            times = [(time.monotonic() - began_s, data) for data in reply.iter_raw()]
        health = asking.get("http://anything/health").json()

    first = next(at_s for at_s, data in times if b"One" in data)
    assert b"".join(data for _, data in times).endswith(b"data: [DONE]\n\n")
    assert times[-1][0] - first > 0.05
    assert health["mode"] == "replay"


async def test_an_unknown_model_is_replayed_as_free(tape):
    one = msgspec.structs.replace(
        WELL,
        request=msgspec.structs.replace(
            WELL.request, body=dumps({"model": "new-one", "stream": True, "messages": HELLO})
        ),
    )
    tape.write_bytes(write(Cassette(interactions=(one,))))

    async with gateway(tape) as running:
        assembly = await running.start()
        asking = httpx.AsyncClient(transport=running.transport)
        body = {"model": "c/new-one", "messages": HELLO, "stream": True}
        reply = await asking.post(f"{running.base_url}/chat/completions", json=body)

    assert "two." in reply.text
    assert "without a known price, replayed as free: c/new-one" in assembly.warnings


def answered(text, **rest):
    """What a gateway answered: the client's side."""
    body = dumps({"id": "gen-1-abc", "choices": [{"message": {"content": text}}]})
    asked = {"model": "any/model", "messages": HELLO}
    return Interaction(
        request=RecordedRequest(
            method="POST",
            url="http://127.0.0.1:8400/api/v1/chat/completions",
            headers=JSON,
            body=dumps(asked),
        ),
        response=RecordedResponse(status=200, headers=JSON, body=body, **rest),
        side="client",
    )


async def test_answers_of_a_gateway_are_replayed_as_they_are_and_once_touches_nothing(tmp_path):
    one = answered("hi")
    path = tmp_path / "tape.yaml"
    path.write_bytes(write(Cassette(interactions=(one,))))
    before = path.read_bytes()

    async with ReplayGateway(path, mode="once", environ={}) as running:
        asking = httpx.AsyncClient(transport=running.transport, base_url=running.base_url)
        body = {"messages": HELLO, "model": "any/model"}
        known = await asking.post("/chat/completions", json=body)
        again = await asking.post("/chat/completions", json={**body, "stream": False})
        unknown = await asking.post("/chat/completions", json={**body, "model": "other/model"})
        booked = await asking.get("/generation", params={"id": "gen-1-abc"})
        counted = books(running)[1]

    assert known.content == again.content == one.response.body
    assert unknown.status_code == 404
    assert "closest is interaction 0 of tape.yaml" in unknown.json()["error"]["message"]
    assert booked.json()["data"]["model"] == "any/model"
    assert [row[3] for row in counted] == [1, 1]
    assert path.read_bytes() == before


async def test_a_recording_that_cannot_be_read_is_told_so(tmp_path):
    path = tmp_path / "tape.yaml"
    odd = answered("hi")
    response = msgspec.structs.replace(
        odd.response, body=b"\xff", headers=(("Content-Encoding", "br"),)
    )
    odd = msgspec.structs.replace(odd, response=response)
    path.write_bytes(write(Cassette(interactions=(odd,))))

    async with ReplayGateway(path) as running:
        asking = httpx.AsyncClient(transport=running.transport, base_url=running.base_url)
        body = {"messages": HELLO, "model": "any/model"}
        reply = await asking.post("/chat/completions", json=body)

    assert reply.status_code == 502
    assert "The recording cannot be replayed" in reply.text


async def test_a_server_that_nobody_knows_is_named_by_its_host(tmp_path):
    path = tmp_path / "tape.yaml"
    path.write_bytes(write(Cassette(interactions=(WELL,))))

    async with ReplayGateway(path) as running:
        asking = httpx.AsyncClient(transport=running.transport)
        body = {"model": "c-example/model", "messages": HELLO, "stream": True}
        reply = await asking.post(f"{running.base_url}/chat/completions", json=body)

    assert '"provider":"c.example"' in reply.text
    assert "two." in reply.text


async def test_a_limit_of_a_key_holds_on_replay(tape):
    """A key of the ledger acts for itself; only unknown ones have a stand-in."""
    async with gateway(tape) as running:
        store = (await running.start()).store
        key, secret = issue(
            name="poor", entropy=secrets.token_bytes(28), created_ms=1, limit_picousd=1
        )
        await store.create_key(key)
        asking = httpx.AsyncClient(transport=running.transport)
        body = {"model": "test/model", "messages": HELLO, "stream": True}
        bearer = {"Authorization": f"Bearer {secret}"}
        reply = await asking.post(f"{running.base_url}/chat/completions", json=body, headers=bearer)

    assert reply.status_code == 403
