"""An upstream that keeps every request as it came over the wire, headers included.

The simulator deliberately does not: its log must not hold keys.
"""

import asyncio
import re
from types import TracebackType
from typing import Self

import msgspec

from portico.tasks import spawn

_ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"m","choices":'
    b'[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}'
)


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Header names are in lower case, repeats kept."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header == name]


class Upstream:
    """Answers everything with a short completion, except models named `refuse/STATUS...`.

    Those are refused with that status and a body that repeats the Authorization
    header, as some providers do; a name with "long" has it say that the prompt
    is too long.

    Args:
        extra_headers: sent with every answer.
        body: what is answered in place of the completion.
    """

    def __init__(self, *, extra_headers: tuple[bytes, ...] = (), body: bytes = _ANSWER) -> None:
        self.received: list[Received] = []
        self._extra = extra_headers
        self._body = body
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = spawn(self._serve(reader, writer), name="upstream connection")
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                received = await _read(reader)
                self.received.append(received)
                writer.write(self._answer(received))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the gateway has closed it
        finally:
            writer.close()

    def _answer(self, received: Received) -> bytes:
        status, body = b"200 OK", self._body
        refused = re.search(rb'"refuse/(\d+)([^"]*)"', received.body)
        if refused is not None:
            key = " ".join(received.values("authorization")).encode()
            status = refused[1] + b" Refused"
            why = b"The prompt is too long for" if b"long" in refused[2] else b"Not allowed:"
            quoted = b'{"error":{"message":"' + why + b" " + key + b'","code":"bad_key"}}'
            body = quoted if self._body is _ANSWER else self._body
        lines = [
            b"HTTP/1.1 " + status,
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            *self._extra,
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.strip().split("\r\n")
    headers = []
    for text in rest:
        name, _, value = text.partition(":")
        headers.append((name.lower(), value.strip()))
    length = int(dict(headers).get("content-length", "0"))
    return Received(line=line, headers=tuple(headers), body=await reader.readexactly(length))
