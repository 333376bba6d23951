"""Recordings in tests of programs that use a gateway: in this process, or on a free port.

    async with ReplayGateway("tests/cassettes/hello.yaml") as gateway:
        client = openai.AsyncOpenAI(
            base_url=gateway.base_url,
            api_key="any",
            http_client=httpx.AsyncClient(transport=gateway.transport),
        )

With pytest there is the fixture `portico`, which needs nothing of this: see
`portico.pytest_plugin`.
"""

import asyncio
import os
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

import msgspec
import uvicorn

from portico.replay import Mode, ReplayOptions, assemble_replay
from portico.server.asgi import Application, Message, Receive, Scope, Send
from portico.server.serving import http_server
from portico.settings import Secret, Settings, load_settings
from portico.tasks import spawn
from portico.wiring import NO_KEY, Assembly

_START_S = 30.0


class ReplayGateway:
    """A gateway that replays, as an ASGI application in this process.

    It is put together at the first request, or at the start of the lifespan
    or the context, and belongs to the event loop of that moment. It may be
    mounted below any path.

    Args:
        cassette: a file, or a directory of them.
        mode: what may be recorded; see `portico replay --mode`.
        match: names of what must be equal; the usual if empty.
        ignore: JSON pointers of places in bodies that do not matter.
        pace: what recorded times are multiplied by; 0 does not wait.
        config: a settings file; none is read without it.
        environ: where providers' keys and `PORTICO_*` are looked for. By
            default the process's environment if anything may be recorded,
            else nothing.

    Raises:
        ConfigError: at the start: there is nothing to replay, or the settings
            cannot be used.
    """

    base_url = "http://portico.test/api/v1"
    """For clients that are given `transport`."""

    def __init__(
        self,
        cassette: str | Path,
        *,
        mode: Mode = "none",
        match: Sequence[str] = (),
        ignore: Sequence[str] = (),
        pace: float = 0.0,
        config: str | Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._options = ReplayOptions(path=Path(cassette), mode=mode, pace=pace, live_keys=True)
        self._match, self._ignore = tuple(match), tuple(ignore)
        self._config = config
        if environ is None:
            environ = {} if mode == "none" else dict(os.environ)
        self._environ = environ
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._assembly: Assembly | None = None
        self._starting = asyncio.Lock()
        self.transport = AppTransport(self)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def start(self) -> Assembly:
        """Put the gateway together, once."""
        async with self._starting:
            if self._assembly is None:
                self._scratch = tempfile.TemporaryDirectory(prefix="portico-test-")
                try:
                    settings = self._settings(Path(self._scratch.name))
                    self._assembly = await assemble_replay(settings, self._environ, self._options)
                except BaseException:
                    self._scratch.cleanup()
                    raise
        return self._assembly

    @property
    def data_dir(self) -> Path:
        """Where the ledger is while the gateway runs."""
        assert self._scratch is not None, "start() comes first"
        return Path(self._scratch.name)

    async def aclose(self) -> None:
        """Write what was recorded, and close. May be called twice."""
        assembly, self._assembly = self._assembly, None
        if assembly is not None:
            await assembly.aclose()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the messages of a lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        assembly = await self.start()
        root = scope.get("root_path", "")
        if root and scope["path"].startswith(root):
            scope = {**scope, "path": scope["path"][len(root) :] or "/", "root_path": ""}
        await assembly.app(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _settings(self, scratch: Path) -> Settings:
        config = self._config or os.devnull
        settings = load_settings(
            environ=self._environ, path=str(config), data_dir=str(scratch), no_key=Secret(NO_KEY)
        )
        wanted = msgspec.structs.replace(
            settings.recordings,
            match=self._match or settings.recordings.match,
            ignore=(*settings.recordings.ignore, *self._ignore),
        )
        return msgspec.structs.replace(settings, recordings=wanted)


class AppTransport:
    """Carries requests of an `httpx`-style client to an ASGI application, without a socket.

    Streams stay streams. Works for every library with httpx's interface,
    httpx2 among them: what is made is of the kind that asks.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def handle_async_request(self, request: Any) -> Any:
        """Return the answer as soon as its head is there."""
        library = _library_of(request)
        exchange = _InProcess(self._app, _scope(request), await request.aread())
        try:
            status, headers = await exchange.head()
        except BaseException:
            await exchange.leave()
            raise
        return library.Response(
            status, headers=headers, stream=_stream_kind(library)(exchange), request=request
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def aclose(self) -> None:
        """Nothing is open: the application is not the transport's."""


class _InProcess:
    """One request to an application in a task of its own."""

    def __init__(self, app: Application, scope: Scope, body: bytes) -> None:
        self._pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._said: asyncio.Queue[Message | None] = asyncio.Queue()
        self._left = asyncio.Event()
        self._complete = False
        self._task = spawn(self._run(app, scope), name="in-process request")

    async def head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Status and headers."""
        message = await self._said.get()
        if message is None:
            raise ConnectionError("the application ended without an answer")
        return message["status"], message["headers"]

    async def body(self) -> AsyncIterator[bytes]:
        """The body as it is sent; nothing more once it is complete."""
        while not self._complete:
            message = await self._said.get()
            if message is None:
                raise ConnectionError("the application ended in the middle of its answer")
            self._complete = not message.get("more_body", False)
            if data := message.get("body", b""):
                yield data

    async def leave(self) -> None:
        """Hang up, if the answer is not complete."""
        self._left.set()
        await asyncio.wait([self._task])

    async def _run(self, app: Application, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            self._said.put_nowait(None)

    async def _receive(self) -> Message:
        if self._pending:
            return self._pending.pop()
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._said.put_nowait(message)


def _scope(request: Any) -> Scope:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 0),
    }


def _library_of(request: Any) -> Any:
    """The library whose request this is: `httpx`, `httpx2`, ..."""
    return sys.modules[type(request).__module__.partition(".")[0]]


@cache
def _stream_kind(library: ModuleType) -> type:
    """A response stream of the library's own kind: clients insist on it."""

    class Stream(library.AsyncByteStream):  # type: ignore[name-defined, misc]  # known when asked
        def __init__(self, exchange: _InProcess) -> None:
            self._exchange = exchange

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for data in self._exchange.body():
                yield data

        async def aclose(self) -> None:
            await self._exchange.leave()

    return Stream


class BlockingTransport:
    """`AppTransport` for blocking clients: the application runs in another thread's loop."""

    def __init__(self, app: Application, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop

    def handle_request(self, request: Any) -> Any:
        """Return the answer as soon as its head is there."""
        library = _library_of(request)
        exchange, (status, headers) = self._wait(self._ask(_scope(request), request.read()))
        stream = _blocking_stream_kind(library)(exchange, self._wait)
        return library.Response(status, headers=headers, stream=stream, request=request)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def close(self) -> None:
        """Nothing is open: the application is not the transport's."""

    async def _ask(self, scope: Scope, body: bytes) -> tuple[_InProcess, Any]:
        exchange = _InProcess(self._app, scope, body)
        return exchange, await exchange.head()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@cache
def _blocking_stream_kind(library: ModuleType) -> type:
    """As `_stream_kind`, for blocking clients."""

    class Stream(library.SyncByteStream):  # type: ignore[name-defined, misc]  # known when asked
        def __init__(self, exchange: _InProcess, wait: Callable[[Any], Any]) -> None:
            self._exchange = exchange
            self._wait = wait

        def __iter__(self) -> Iterator[bytes]:
            parts = self._exchange.body()

            async def following() -> bytes | None:
                return await anext(parts, None)

            while (data := self._wait(following())) is not None:
                yield data

        def close(self) -> None:
            self._wait(self._exchange.leave())

    return Stream


class GatewayThread:
    """A `ReplayGateway` on a free port of this machine, in a thread with a loop of its own.

    For clients of any kind, blocking ones too. From the start to the end of the
    context there is `base_url`, and `transport` for blocking `httpx`-style
    clients that need no port.

    Raises:
        ConfigError: at the start, see `ReplayGateway`.
    """

    base_url: str
    transport: BlockingTransport

    def __init__(self, gateway: ReplayGateway) -> None:
        self._gateway = gateway
        self._ready: Future[None] = Future()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=self._run, name="portico", daemon=True)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self._listener.setblocking(False)
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/v1"
        self._thread.start()
        try:
            self._ready.result(_START_S)
        except BaseException:
            self._listener.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(_START_S)
        self._listener.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        try:
            await self._gateway.start()
        except Exception as error:  # noqa: BLE001  # it is the other thread's to handle
            self._ready.set_exception(error)
            return
        self._server = http_server(self._gateway)
        self.transport = BlockingTransport(self._gateway, asyncio.get_running_loop())
        self._ready.set_result(None)  # who connects now waits in the listener's queue
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            await self._gateway.aclose()
