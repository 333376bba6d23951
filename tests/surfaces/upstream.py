"""A provider of any dialect on a real socket: it plays what it was given, model by model."""

import json
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import msgspec

_IN_PATH = re.compile(r"/models?/([^/:]+)[:/]")
_STREAMS = {"text/event-stream", "application/vnd.amazon.eventstream"}
_IN_FORM = re.compile(rb'name="model"\r\n\r\n([^\r]+)\r\n')


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `parts` are sent one by one, `pause_s` apart; `cut` ends it without its end."""

    parts: tuple[bytes, ...]
    status: int = 200
    kind: str = "application/json"
    pause_s: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came. Header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes
    model: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = Played | Callable[[Arrived], Played]
"""What is played, or what decides on it by the request."""


def stream(body: bytes, *, pause_s: float = 0.0, cut: bool = False) -> Played:
    """An event stream, one event in each write; `cut` breaks the connection after it."""
    blocks = [block + b"\n\n" for block in body.split(b"\n\n") if block.strip()]
    return Played(parts=tuple(blocks), kind="text/event-stream", pause_s=pause_s, cut=cut)


def whole(body: object, *, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Played:
    """A JSON answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Played(parts=(data,), status=status, headers=tuple(headers))


class Upstream:
    """Answers by the model that is asked for; the last answer of a model stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.arrived: list[Arrived] = []
        self.gone = threading.Event()
        self.gone_at_s = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, format: str, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def play(self, model: str, *answers: "Answer") -> None:
        """Answer `model` with these, one after the other, and forget what arrived."""
        self.answers[model] = list(answers)
        self.arrived.clear()
        self.gone.clear()

    @property
    def last(self) -> Arrived:
        return self.arrived[-1]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", "0")))
        arrived = Arrived(
            path=handler.path,
            headers={name.lower(): value for name, value in handler.headers.items()},
            body=body,
            model=_model(handler.path, body),
        )
        self.arrived.append(arrived)
        waiting = self.answers[arrived.model]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        played = answer if isinstance(answer, Played) else answer(arrived)
        handler.send_response(played.status)
        handler.send_header("content-type", played.kind)
        for name, value in played.headers:
            handler.send_header(name, value)
        streamed = played.kind in _STREAMS
        if streamed:
            handler.send_header("transfer-encoding", "chunked")
        else:
            handler.send_header("content-length", str(sum(map(len, played.parts))))
        handler.end_headers()
        try:
            self._send(handler, played, chunked=streamed)
        except OSError:
            self.gone_at_s = time.time()
            self.gone.set()
            handler.close_connection = True

    def _send(self, handler: BaseHTTPRequestHandler, played: Played, *, chunked: bool) -> None:
        for number, part in enumerate(played.parts):
            if number and played.pause_s and _hung_up(handler.connection, played.pause_s):
                raise ConnectionResetError
            data = b"%x\r\n%s\r\n" % (len(part), part) if chunked else part
            handler.wfile.write(data)
            handler.wfile.flush()
        if played.cut:
            handler.close_connection = True
        elif chunked:
            handler.wfile.write(b"0\r\n\r\n")


def _hung_up(connection: socket.socket, within_s: float) -> bool:
    """Wait so long; sooner true if the other side closes meanwhile."""
    readable, _, _ = select.select([connection], [], [], within_s)
    return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""


def _model(path: str, body: bytes) -> str:
    if found := _IN_PATH.search(path):
        return found[1]
    try:
        return str(json.loads(body)["model"])
    except ValueError:
        found_in_form = _IN_FORM.search(body)
        return found_in_form[1].decode() if found_in_form else ""
