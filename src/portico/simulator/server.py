"""The simulator as a real HTTP/1.1 server, in this process.

Besides the chat dialect under /v1 it has a small back door for tests:
GET /__log (what arrived), DELETE /__log, POST /__script (a new script).
"""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from portico.errors import InvalidRequest
from portico.jsonio import JsonError, JsonObject, dumps, loads
from portico.simulator.answer import Answer, Frame, answer, error_body
from portico.simulator.connection import Connection, Request
from portico.simulator.log import Arrival, ArrivalLog, is_authorized, shown_headers
from portico.simulator.script import Player, Script, decode_script

CHAT_PATH = "/chat/completions"
_LOG_LIMIT = 10_000


class Simulator:
    """A provider that speaks the OpenAI chat dialect from a script.

    Use it as an asynchronous context manager; `url` is the base URL that a
    client of the OpenAI API takes. Port 0 is any free one.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        log_limit: int = _LOG_LIMIT,
    ) -> None:
        self._host = host
        self._port = port
        self._player = Player(script or Script())
        self._log = ArrivalLog(limit=log_limit)
        self._arrived = 0
        self._answered = 0
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._respond, self._log.changed, self._connections),
            self._host,
            self._port,
            backlog=1024,
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Stop listening and drop every connection at once. Closing twice is fine."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for connection in list(self._connections):
            connection.drop()
        await server.wait_closed()

    @property
    def port(self) -> int:
        """The port it listens on; the one asked for before the start."""
        return self._port

    @property
    def url(self) -> str:
        """The base URL, for example http://127.0.0.1:43210/v1."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/v1"

    @property
    def log(self) -> list[Arrival]:
        """Every arrival since the start or the last `clear_log`, oldest first, live."""
        return self._log.arrivals

    def clear_log(self) -> None:
        """Forget what arrived; requests go on counting."""
        self._log.clear()

    def set_script(self, script: Script) -> None:
        """Replace the script, with all its steps unused and requests counted from zero.

        Answers that are on their way go on as they were.
        """
        self._player = Player(script)
        self._answered = 0

    async def until(
        self, condition: Callable[[list[Arrival]], bool], *, timeout_s: float = 5.0
    ) -> None:
        """Wait until `condition` holds for the log.

        Raises:
            TimeoutError: it did not in time.
        """
        await self._log.until(condition, timeout_s=timeout_s)

    def _respond(self, request: Request) -> tuple[Answer, Arrival]:
        """Decide on an answer; what is not for the back door goes into the log."""
        arrival = Arrival(
            number=self._arrived,
            method=request.method,
            path=request.path,
            body=request.body.decode(errors="replace"),
            headers=shown_headers(request.headers),
            authorized=is_authorized(request.headers),
            received_at_s=asyncio.get_running_loop().time(),
        )
        if (behind := self._back_door(request)) is not None:
            return behind, arrival
        self._arrived += 1
        answer = self._answer(request, arrival)
        self._log.add(arrival)
        return answer, arrival

    def _back_door(self, request: Request) -> Answer | None:
        """Answer what is meant for the simulator itself, None if nothing is."""
        match request.method, request.path:
            case "GET", "/__log":
                return _plain(200, dumps(self._log.arrivals))
            case "DELETE", "/__log":
                self.clear_log()
                return _plain(200, b"{}")
            case "POST", "/__script":
                try:
                    self.set_script(decode_script(request.body))
                except InvalidRequest as error:
                    return _refusal(400, error.message)
                return _plain(200, b"{}")
        return None

    def _answer(self, request: Request, arrival: Arrival) -> Answer:
        if request.method == "GET" and request.path.endswith("/models"):
            return _plain(200, self._models())
        if request.method != "POST":
            return _refusal(404, f"No such path: {request.path}")
        body = _json_object(request.body) or {}
        arrival.model = str(body.get("model") or "")
        arrival.stream = body.get("stream") is True
        is_chat = request.path.endswith(CHAT_PATH)
        if is_chat and not isinstance(body.get("messages"), list):
            return _refusal(400, "The body is not a JSON object with a list of messages.")
        step = self._player.next_step(path=request.path, model=arrival.model, stream=arrival.stream)
        if not is_chat and step.body is None:
            return _refusal(404, f"No such path: {request.path}")
        number, self._answered = self._answered, self._answered + 1
        seed, now_s = self._player.script.seed, int(time.time())
        return answer(body, step, seed=seed, number=number, created_s=now_s)

    def _models(self) -> bytes:
        listed = [
            {"id": model, "object": "model", "created": 0, "owned_by": "portico"}
            for model in self._player.script.models
        ]
        return dumps({"object": "list", "data": listed})


def _plain(status: int, body: bytes) -> Answer:
    headers = (("content-type", "application/json"),)
    return Answer(status=status, headers=headers, frames=(Frame(delay_s=0.0, data=body),))


def _refusal(status: int, message: str) -> Answer:
    return _plain(status, error_body(status, {"message": message}))


def _json_object(body: bytes) -> JsonObject | None:
    try:
        value = loads(body)
    except JsonError:
        return None
    return value if isinstance(value, dict) else None
