"""The replay upstream: every recorded answer, served on a loopback port.

A request names its record at the end of the model's name ("record-17"), which stands in
the body or in the path; else the path only says which provider the gateway thinks it
talks to. What arrived is kept for inspection.
"""

import asyncio
import json
import re
from collections.abc import Mapping

import msgspec
from aiohttp import web

from tests.conformance.accumulate import JsonObject
from tests.conformance.corpus import Record

_MODEL = re.compile(r"record-(\d+)(?!\d)")
# The recorder stored decompressed bodies, and the framing is this server's own.
_OWN_HEADERS = {
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "server",
    "set-cookie",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_PIECE_BYTES = 1499  # prime, so that events and characters are cut everywhere


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One request as the upstream saw it; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: JsonObject


class ReplayUpstream:
    """Serves `records` by number. `arrivals` holds every request, by record number."""

    def __init__(self, records: Mapping[int, Record]) -> None:
        self._records = records
        self._runner: web.AppRunner | None = None
        self.arrivals: dict[int, list[Arrival]] = {}
        self.strays: list[str] = []

    async def start(self, *, port: int = 0) -> int:
        """Listen on 127.0.0.1 and return the port; 0 picks a free one."""
        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = None
        named = str(body.get("model") or request.path) if isinstance(body, dict) else ""
        match = _MODEL.search(named)
        number = int(match[1]) if match else -1
        if number not in self._records or not isinstance(body, dict):
            self.strays.append(f"{request.method} {request.path}")
            return web.json_response({"error": {"message": "no such recording"}}, status=404)
        headers = {name.lower(): value for name, value in request.headers.items()}
        arrival = Arrival(path=request.path, headers=headers, body=body)
        self.arrivals.setdefault(number, []).append(arrival)
        return await self._replay(request, self._records[number])

    async def _replay(self, request: web.Request, record: Record) -> web.StreamResponse:
        if record.status == 0:
            return self._hang_up(request)
        headers = {k: v for k, v in record.headers.items() if k not in _OWN_HEADERS}
        kind = "text/event-stream" if record.stream else "application/json"
        headers["content-type"] = record.headers.get("content-type", kind)
        response = web.StreamResponse(status=record.status, headers=headers)
        await response.prepare(request)
        for start in range(0, len(record.body), _PIECE_BYTES):
            await response.write(record.body[start : start + _PIECE_BYTES])
            await asyncio.sleep(0)
        await response.write_eof()
        return response

    @staticmethod
    def _hang_up(request: web.Request) -> web.StreamResponse:
        """No answer was recorded: the connection closes without one."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
