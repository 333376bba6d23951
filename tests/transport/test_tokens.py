"""Tokens from a real token server: once for all who wait, kept until they expire."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from portico.errors import UpstreamError, UpstreamUnavailable
from portico.providers.signing import SCHEMES
from portico.transport.http1 import Http1Transport
from portico.transport.tokens import TokenSource
from tests.transport.scripted import PAID

pytestmark = pytest.mark.io

AZURE = SCHEMES["azure"]


class Clock:
    """Both clocks of a source, set by hand."""

    def __init__(self) -> None:
        self.s = 1000.0

    def now_ms(self) -> int:
        return int(self.s * 1000)

    def now_s(self) -> float:
        return self.s


class TokenServer:
    """Gives t1, t2, ... and keeps the forms; `gate` holds answers back."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.lifetime_s = 3600
        self.status = 200
        self.arrived = asyncio.Semaphore(0)
        self.gate = asyncio.Event()
        self.gate.set()
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        number = len(self.forms)
        self.arrived.release()
        await self.gate.wait()
        if self.status != 200:
            return web.json_response({"error": "invalid_client"}, status=self.status)
        token = {"access_token": f"t{number}", "expires_in": self.lifetime_s}
        return web.json_response(token)


@asynccontextmanager
async def running() -> AsyncIterator[tuple[TokenServer, TokenSource, Clock]]:
    server, clock = TokenServer(), Clock()
    app = web.Application()
    app.router.add_post("/tenant/oauth2/v2.0/token", server.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    transport = Http1Transport()
    try:
        yield server, TokenSource(transport, now_ms=clock.now_ms, clock_s=clock.now_s), clock
    finally:
        await transport.aclose()
        await runner.cleanup()


def application(server: TokenServer, **changes: str) -> str:
    parts = {"tenant_id": "tenant", "client_id": "app", "client_secret": "s", **changes}
    return json.dumps({"authority": server.url, **parts})


async def test_a_key_that_is_shown_itself_has_no_token():
    async with running() as (server, tokens, _):
        assert await tokens.token(AZURE, "plain", PAID, own=True) is None
        assert await tokens.token(SCHEMES["bearer"], "{}", PAID, own=True) is None
        assert server.forms == []


async def test_a_token_is_kept_until_shortly_before_it_expires():
    async with running() as (server, tokens, clock):
        credential = application(server)

        first = await tokens.token(AZURE, credential, PAID, own=True)
        clock.s += 3539
        again = await tokens.token(AZURE, credential, PAID, own=True)
        clock.s += 2
        later = await tokens.token(AZURE, credential, PAID, own=True)

        assert (first, again, later) == ("t1", "t1", "t2")
        assert server.forms[0]["grant_type"] == "client_credentials"
        assert server.forms[0]["client_secret"] == "s"


async def test_a_token_that_lives_shorter_than_the_margin_is_used_for_half_its_life():
    async with running() as (server, tokens, clock):
        server.lifetime_s = 40
        credential = application(server)

        found = []
        for step_s in (0, 19, 2):
            clock.s += step_s
            found.append(await tokens.token(AZURE, credential, PAID, own=True))

        assert found == ["t1", "t1", "t2"]


async def test_all_who_wait_share_one_question_and_each_credential_has_its_own():
    async with running() as (server, tokens, _):
        server.gate.clear()
        mine, other = application(server), application(server, client_id="b")
        waiting = [
            asyncio.ensure_future(tokens.token(AZURE, credential, PAID, own=True))
            for credential in [mine] * 20 + [other]
        ]
        for _ in range(2):
            await server.arrived.acquire()
        server.gate.set()

        found = await asyncio.gather(*waiting)

        assert len(server.forms) == 2
        assert len(set(found[:20])) == 1
        assert found[20] != found[0]


async def test_who_stops_waiting_does_not_stop_the_others():
    async with running() as (server, tokens, _):
        server.gate.clear()
        credential = application(server)
        first = asyncio.ensure_future(tokens.token(AZURE, credential, PAID, own=True))
        await server.arrived.acquire()
        second = asyncio.ensure_future(tokens.token(AZURE, credential, PAID, own=True))
        await asyncio.sleep(0)
        first.cancel()
        server.gate.set()

        assert await second == "t1"
        assert first.cancelled()
        assert len(server.forms) == 1


async def test_a_refusal_reaches_all_who_wait_and_is_not_kept():
    async with running() as (server, tokens, _):
        server.status = 401
        credential = application(server)

        results = await asyncio.gather(
            *(tokens.token(AZURE, credential, PAID, own=True) for _ in range(3)),
            return_exceptions=True,
        )
        server.status = 200
        found = await tokens.token(AZURE, credential, PAID, own=True)

        assert all(isinstance(result, UpstreamUnavailable) for result in results)
        assert {result.upstream_status for result in results} == {401}
        assert len({id(result) for result in results}) == 3
        assert found == "t2"


async def test_a_token_that_the_provider_refused_is_forgotten():
    async with running() as (server, tokens, _):
        credential = application(server)
        await tokens.token(AZURE, credential, PAID, own=True)

        tokens.forget(credential)
        tokens.forget("never seen")

        assert await tokens.token(AZURE, credential, PAID, own=True) == "t2"


async def test_a_caller_may_name_no_server_and_no_file(tmp_path):
    async with running() as (server, tokens, _):
        secret_file = tmp_path / "token"
        secret_file.write_text("of the operator")
        attempts = [
            application(server),
            json.dumps({"access_token_file": str(secret_file)}),
            json.dumps(
                {"tenant_id": "t", "client_id": "c", "federated_token_file": str(secret_file)}
            ),
        ]

        for credential in attempts:
            with pytest.raises(UpstreamUnavailable, match="only the operator"):
                await tokens.token(AZURE, credential, PAID, own=False)
        brought = await tokens.token(AZURE, '{"access_token":"brought"}', PAID, own=False)

        assert server.forms == []
        assert brought == "brought"


async def test_a_token_file_is_read_again_when_it_may_have_changed(tmp_path):
    async with running() as (_, tokens, clock):
        file = tmp_path / "token"
        file.write_text("one\n")
        credential = json.dumps({"access_token_file": str(file)})

        found = [await tokens.token(AZURE, credential, PAID, own=True)]
        file.write_text("two")
        found.append(await tokens.token(AZURE, credential, PAID, own=True))
        clock.s += 31
        found.append(await tokens.token(AZURE, credential, PAID, own=True))
        file.unlink()
        clock.s += 31

        assert found == ["one", "one", "two"]
        with pytest.raises(UpstreamUnavailable, match="a file that it names"):
            await tokens.token(AZURE, credential, PAID, own=True)


async def test_a_workload_shows_what_stands_in_its_file(tmp_path):
    async with running() as (server, tokens, _):
        file = tmp_path / "assertion"
        file.write_text("signed by the cluster\n")
        credential = json.dumps(
            {
                "authority": server.url, "tenant_id": "tenant", "client_id": "app",
                "federated_token_file": str(file),
            }
        )  # fmt: skip

        assert await tokens.token(AZURE, credential, PAID, own=True) == "t1"
        assert server.forms[0]["client_assertion"] == "signed by the cluster"


async def test_a_token_server_that_is_not_there_is_a_failed_attempt():
    async with running() as (_, tokens, _):
        credential = json.dumps(
            {"authority": "http://127.0.0.1:9", "tenant_id": "t", "client_id": "c",
             "client_secret": "s"}
        )  # fmt: skip

        with pytest.raises(UpstreamError):
            await tokens.token(AZURE, credential, PAID, own=True)
