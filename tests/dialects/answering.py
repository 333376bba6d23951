"""A real upstream for one provider's dialect, and a gateway in front of it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web
from tests.e2e.process import Gateway


class Upstream:
    """Answers every call with a response made of `answer`.

    `seen` are path with query, headers with lower-case names, and parsed body of each.
    """

    def __init__(self) -> None:
        self.answer: dict = {}
        self.seen: list[tuple[str, Mapping[str, str], dict]] = []
        self.port = 0

    def replies(self, body: bytes, kind: str, status: int = 200) -> None:
        self.answer = {"body": body, "status": status, "headers": {"content-type": kind}}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((request.path_qs, headers, body))
        return web.Response(**self.answer)


@asynccontextmanager
async def serving() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", upstream.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    upstream.port = int(runner.addresses[0][1])
    yield upstream
    await runner.cleanup()


class Asking:
    """Asks a running gateway with chat requests; status and body."""

    def __init__(self, gateway: Gateway, model: str) -> None:
        self._gateway = gateway
        self._model = model

    def stop(self) -> None:
        self._gateway.stop()

    async def __call__(self, headers: Mapping[str, str] = {}, **fields) -> tuple[int, bytes]:
        messages = [{"role": "user", "content": "Hi"}]
        body = {"model": self._model, "messages": messages, **fields}
        headers = {"Authorization": f"Bearer {self._gateway.key}", **headers}
        url = self._gateway.url + "/chat/completions"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.read()


@asynccontextmanager
async def asking(
    folder: Path, config: str, environ: Mapping[str, str], model: str
) -> AsyncIterator[Asking]:
    gateway = Gateway(folder, config, environ=dict(environ))
    gateway.start()
    try:
        yield Asking(gateway, model)
    finally:
        gateway.stop()
