"""HTTP by hand: requests that no client library would send, and answers read strictly."""

import json
import socket
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import msgspec

_PATIENCE_S = 10.0
Headers = Sequence[tuple[str | bytes, str | bytes]]


class Answer(msgspec.Struct, kw_only=True):
    """One answer. Header names are in lower case, repeats kept; `after` is what came behind it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    after: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for header, value in self.headers if header == name), None)

    @property
    def json(self) -> dict:
        return dict(json.loads(self.body))

    @property
    def raw(self) -> bytes:
        """Everything that it says."""
        return repr(self.headers).encode() + self.body


class Connection:
    """One connection to the gateway. Timeouts are those of a patient test."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S)
        self._received = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._received.close()
        self.socket.close()

    def ask(self, data: bytes) -> Answer:
        """Send `data` as it is and read one answer."""
        self.send(data)
        return self.read(with_body=not data.startswith(b"HEAD "))

    def send(self, data: bytes) -> None:
        """Send `data` as it is.

        Raises:
            ConnectionError: the gateway reads no more.
        """
        self.socket.sendall(data)

    def read(self, *, with_body: bool = True) -> Answer:
        """Read one answer.

        Raises:
            ValueError: what came is none.
            OSError: nothing came.
        """
        line, *lines = self._head().split("\r\n")
        headers = [(n.lower(), value.strip()) for n, _, value in (s.partition(":") for s in lines)]
        fields = dict(headers)
        body = b""
        if with_body and fields.get("transfer-encoding") == "chunked":
            body = b"".join(self._chunks())
        elif with_body:
            body = self._received.read(int(fields.get("content-length", "0")))
        return Answer(status=int(line.split(" ")[1]), headers=headers, body=body)

    def rest(self) -> bytes:
        """What comes until the gateway closes the connection.

        Raises:
            TimeoutError: it does not.
        """
        parts = []
        try:
            while data := self._received.read1(65536):
                parts.append(data)
        except ConnectionError:
            pass  # reset: closed all the same
        return b"".join(parts)

    def _head(self) -> str:
        lines = []
        while (line := self._received.readline()) not in {b"\r\n", b""}:
            lines.append(line.rstrip(b"\r\n").decode("latin-1"))
        if not lines or line == b"":
            raise ValueError(f"the connection ended after {lines}")
        return "\r\n".join(lines)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._received.readline(), 16):
            yield self._received.read(size)
            self._received.readline()
        self._received.readline()


def exchange(port: int, data: bytes) -> Answer:
    """One request on a connection of its own."""
    with Connection(port) as connection:
        return connection.ask(data)


def exchange_and_close(port: int, data: bytes) -> Answer:
    """As `exchange`; the gateway must close the connection, and what it says until then is kept.

    Raises:
        TimeoutError: it stays open.
    """
    with Connection(port) as connection:
        connection.send(data)
        connection.socket.shutdown(socket.SHUT_WR)
        received = connection.rest()
    head, _, rest = received.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    pairs = [text.partition(":") for text in lines]
    headers = [(name.lower(), value.strip()) for name, _, value in pairs]
    length = int(dict(headers).get("content-length", len(rest)))
    return Answer(
        status=int(line.split(" ")[1]),
        headers=headers,
        body=rest[:length],
        after=rest[length:],
    )


def request(
    method: str,
    path: str | bytes,
    *,
    key: str | None = None,
    headers: Headers = (),
    body: bytes = b"",
    host: str | bytes = "127.0.0.1",
) -> bytes:
    """The bytes of a request that is well-formed as far as its parts are."""
    lines: list[tuple[str | bytes, str | bytes]] = [("host", host)]
    if key is not None:
        lines.append(("authorization", f"Bearer {key}"))
    lines += headers
    if body:
        lines.append(("content-length", str(len(body))))
    head = [method.encode() + b" " + _bytes(path) + b" HTTP/1.1"]
    head += [_bytes(name) + b": " + _bytes(value) for name, value in lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
