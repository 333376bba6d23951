"""S9, S13 and S6: keys stay where they belong, and what a client sends in its headers stays here."""

import asyncio
import secrets
from itertools import product
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from portico.simulator import Script, Simulator
from portico.simulator.script import Step
from tests.e2e import chat
from tests.e2e.process import Gateway, model, provider
from tests.e2e.upstream import Upstream

pytestmark = [pytest.mark.io, pytest.mark.asyncio(loop_scope="module")]

MODEL = "test/bare"
REFUSALS = ("400", "400-long", "401", "403", "404", "422", "429", "500", "503")
FRAGMENT = 12
# No two runs have the same; the shapes are those of providers with and without a prefix.
CANARIES = {
    "prefixed": "gsk_" + secrets.token_hex(24),
    "bare": secrets.token_hex(24),
    "dotted": ".".join(secrets.token_hex(8) for _ in range(4)),
}
CLIENT_HEADERS = {
    "Cookie": "session=of-the-client",
    "X-Forwarded-For": "203.0.113.9",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9",
    "HTTP-Referer": "https://app.example",
    "Referer": "https://app.example",
    "X-Title": "An app",
    "X-OpenRouter-Title": "An app",
    "X-Session-Id": "conversation-of-the-client",
    "User-Agent": "client-of-the-gateway/1",
    "Accept-Encoding": "gzip, br",
    "Accept-Language": "pt",
    "Origin": "https://app.example",
    "X-Stainless-Lang": "python",
    "Proxy-Authorization": "Basic of-the-client",
    "TE": "trailers",
    "X-Custom": "anything",
}
THEIRS = (
    b"set-cookie: session=of-the-provider",
    b"server: of-the-provider",
    b"x-internal-host: of-the-provider",
    b"openai-organization: of-the-provider",
    b"access-control-allow-origin: https://of-the-provider.example",
    b"connection: keep-alive",
)
# What the gateway sends to a provider; nothing else.
SENT_UPSTREAM = {
    "host",
    "authorization",
    "content-type",
    "content-length",
    "accept",
    "accept-encoding",
    "user-agent",
}


ENVIRON = {f"KEY_{shape.upper()}": canary for shape, canary in CANARIES.items()}


def config(url: str) -> str:
    """A provider for each shape of key, with a model that answers and some that refuse; and
    one that wants no key."""
    parts = [provider("open", url), model("test/open", "open")]
    for shape in CANARIES:
        parts += [provider(shape, url, api_key=f"env:KEY_{shape.upper()}")]
        parts += [model(f"test/{shape}", shape)]
        parts += [model(f"refuse/{status}-{shape}", shape) for status in REFUSALS]
    return "".join(parts)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory):
    """A gateway and the upstream that all its providers are."""
    async with Upstream(extra_headers=THEIRS) as upstream:
        folder = tmp_path_factory.mktemp("secrets")
        gateway = Gateway(folder, config(upstream.url), environ=ENVIRON)
        gateway.start()
        yield gateway, upstream
        gateway.kill()


def fresh(scene: tuple[Gateway, Upstream]) -> tuple[Gateway, Upstream]:
    """The two, with nothing received yet."""
    scene[1].received.clear()
    return scene


def fragments(secret: str) -> list[bytes]:
    """Every part of a secret that is long enough to be worth something."""
    return [
        secret[start : start + FRAGMENT].encode() for start in range(len(secret) - FRAGMENT + 1)
    ]


def leaks(text: bytes, secret: str) -> bool:
    return any(fragment in text for fragment in fragments(secret))


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def exercise(gateway: Gateway, key: str) -> list[bytes]:
    """Use every route, well and badly; return everything that was answered."""
    seen = []
    async with aiohttp.ClientSession() as session:
        for shape, stream in product(CANARIES, (False, True)):
            request = chat.body(f"test/{shape}", stream=stream)
            answer = await chat.ask(session, gateway.url, key, request)
            seen.append(repr(answer).encode() + answer.body)
        paths = [f"/generation?id={answer.generation_id}", "/models", "/providers", "/key"]
        paths += ["/nowhere", f"/models/{MODEL}/endpoints", "/generation"]
        urls = [gateway.url + path for path in paths]
        urls += [f"http://127.0.0.1:{gateway.port}{path}" for path in ("/health", "/")]
        for presented in (key, key[:-1] + ("0" if key[-1] != "0" else "1"), "nonsense"):
            for url in urls:
                headers = {"Authorization": f"Bearer {presented}"}
                async with session.get(url, headers=headers) as response:
                    seen.append(str(response.headers).encode() + await response.read())
    return seen


def without_label(text: bytes, key: str) -> bytes:
    """A key's label (`sk-or-v1-abc...xyz`) is made to be shown."""
    return text.replace(f"{key[:12]}...{key[-3:]}".encode(), b"")


def leaked(seen: list[bytes]) -> list[tuple[str, bytes]]:
    """Where a provider's key shows, by its shape."""
    return [
        (shape, text) for shape, canary in CANARIES.items() for text in seen if leaks(text, canary)
    ]


async def test_the_providers_key_is_nowhere_but_at_the_provider(scene):
    gateway, upstream = fresh(scene)

    seen = await exercise(gateway, gateway.key)

    sent = {one for got in upstream.received for one in got.values("authorization")}
    assert sent == {f"Bearer {canary}" for canary in CANARIES.values()}
    assert leaked(seen) == []
    assert leaked(list(files(gateway.folder).values())) == []


@pytest.mark.parametrize("shape", CANARIES)
async def test_a_provider_that_quotes_its_key_in_an_error_is_not_passed_on(scene, shape):
    gateway, _ = fresh(scene)
    requests = [
        chat.body(f"refuse/{status}-{shape}", stream=stream)
        for status, stream in product(REFUSALS, (False, True))
    ]

    async with aiohttp.ClientSession() as session:
        answers = await asyncio.gather(
            *(chat.ask(session, gateway.url, gateway.key, request) for request in requests)
        )

    assert all(answer.status >= 400 for answer in answers)
    assert leaked([answer.body for answer in answers]) == []
    assert leaked(list(files(gateway.folder).values())) == []


async def test_a_stream_that_quotes_the_providers_key_in_its_error_is_not_passed_on(
    start_gateway,
):
    canary = CANARIES["bare"]
    step = Step(error_at_chunk=2, error={"message": f"Incorrect API key provided: {canary}"})
    script = Script(ttft_s=0.0, chunk_interval_s=0.0, default=step)
    async with Simulator(script) as simulator, aiohttp.ClientSession() as session:
        gateway = start_gateway(config(simulator.url), environ=ENVIRON)

        answer = await chat.ask(session, gateway.url, gateway.key, chat.body(MODEL, stream=True))

    assert answer.chunks[-1]["error"]["code"] == 502
    assert not leaks(answer.body, canary)


async def test_a_gateway_key_is_stored_and_shown_nowhere(scene):
    gateway, _ = fresh(scene)
    key = gateway.create_key("canary")

    seen = await exercise(gateway, key)

    found = files(gateway.folder)
    assert {"portico.db", "portico.db-wal", "stderr.log", "stdout.log"} <= set(found)
    assert [text for text in seen if leaks(without_label(text, key), key)] == []
    assert [name for name, data in found.items() if leaks(without_label(data, key), key)] == []


async def test_a_gateway_key_never_goes_upstream(scene):
    gateway, upstream = fresh(scene)

    await exercise(gateway, gateway.key)

    assert len(upstream.received) == 2 * len(CANARIES)
    assert not leaks(repr(upstream.received).encode(), gateway.key)


async def test_a_gateway_key_presented_as_x_api_key_never_goes_upstream(scene):
    gateway, upstream = fresh(scene)

    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{gateway.url}/chat/completions",
            json=chat.body(MODEL),
            headers={"x-api-key": gateway.key},
        ) as answer,
    ):
        status = answer.status

    (got,) = upstream.received
    assert status == 200
    assert got.values("x-api-key") == []
    assert got.values("authorization") == [f"Bearer {CANARIES['bare']}"]


async def test_what_a_client_says_is_not_kept_on_disk(scene):
    """Prompts are not stored unless asked for; cookies and mistyped keys never are."""
    gateway, _ = fresh(scene)
    prompt, cookie, mistyped = (secrets.token_hex(24) for _ in range(3))
    request = chat.body(MODEL, messages=[{"role": "user", "content": prompt}])
    bad = {**request, "messages": [{"role": prompt, "content": prompt}]}
    headers = {"Cookie": f"session={cookie}", "Proxy-Authorization": f"Basic {cookie}"}

    async with aiohttp.ClientSession() as session:
        answers = [
            await chat.ask(session, gateway.url, gateway.key, request, headers=headers),
            await chat.ask(session, gateway.url, gateway.key, bad, headers=headers),
            await chat.ask(session, gateway.url, mistyped, request, headers=headers),
        ]

    found = files(gateway.folder)
    assert [answer.status for answer in answers] == [200, 400, 401]
    for canary in (prompt, cookie, mistyped):
        assert [name for name, data in found.items() if leaks(data, canary)] == []


@pytest.mark.parametrize("reachable", [True, False])
async def test_credentials_in_a_providers_url_are_not_shown(start_gateway, reachable):
    canary = secrets.token_hex(24)
    async with Upstream() as upstream:
        host = upstream.url.removeprefix("http://") if reachable else "127.0.0.1:1/v1"
        text = provider("sim", f"http://operator:{canary}@{host}") + model(MODEL, "sim")
        text += "".join(model(f"test/{shape}", "sim") for shape in CANARIES if shape != "bare")
        gateway = start_gateway(text)

        seen = await exercise(gateway, gateway.key)
        gateway.stop()

    found = files(gateway.folder)
    del found["portico.toml"]  # where the operator wrote it
    assert [text for text in seen if leaks(text, canary)] == []
    assert [name for name, data in found.items() if leaks(data, canary)] == []


async def test_only_the_gateways_own_headers_reach_the_provider(scene):
    gateway, upstream = fresh(scene)

    async with aiohttp.ClientSession() as session:
        answer = await chat.ask(
            session, gateway.url, gateway.key, chat.body(MODEL), headers=CLIENT_HEADERS
        )

    (got,) = upstream.received
    assert answer.status == 200
    assert {name for name, _ in got.headers} <= SENT_UPSTREAM
    sent = {value for _, value in got.headers}
    assert sent.isdisjoint(set(CLIENT_HEADERS.values()))
    assert got.values("user-agent")[0].startswith("portico/")
    assert got.values("accept-encoding") == ["identity"]


async def test_headers_of_the_provider_do_not_reach_the_client(scene):
    gateway, _ = fresh(scene)

    async with aiohttp.ClientSession() as session:
        answers = [
            await chat.ask(session, gateway.url, gateway.key, chat.body(name))
            for name in (MODEL, "refuse/400-bare")
        ]

    assert [answer.status for answer in answers] == [200, 400]
    for answer in answers:
        assert "of-the-provider" not in repr(answer.headers)
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_provider_without_a_key_is_sent_none(scene):
    gateway, upstream = fresh(scene)

    async with aiohttp.ClientSession() as session:
        answer = await chat.ask(session, gateway.url, gateway.key, chat.body("test/open"))

    (got,) = upstream.received
    assert answer.status == 200
    assert got.values("authorization") == []


async def test_the_files_of_the_data_directory_are_for_their_owner_alone(scene):
    gateway, _ = fresh(scene)

    async with aiohttp.ClientSession() as session:
        await chat.ask(session, gateway.url, gateway.key, chat.body(MODEL))

    modes = {path.name: path.stat().st_mode & 0o077 for path in gateway.data_dir.iterdir()}
    assert "portico.db" in modes
    assert set(modes.values()) == {0}
    assert gateway.data_dir.stat().st_mode & 0o077 == 0
