"""The HTTP client: HTTP/1.1 to providers on the event loop's own transports and llhttp.

Behaves as `portico.transport.live` does and costs a fifth of it. Hosts come from configuration
only: redirects are not followed, and there are no cookies and no proxies here.
"""

import asyncio
import base64
import socket
import ssl
from types import TracebackType
from urllib.parse import quote, unquote, urlsplit

import aiohappyeyeballs
import msgspec

from portico.errors import UpstreamTimeout, UpstreamUnavailable
from portico.ports import UpstreamRequest
from portico.transport.answer import Answer
from portico.transport.pool import Connection, Origin, Pool
from portico.vocabulary import Reservation

_USUAL_PORT = {"http": 80, "https": 443}
_TARGETS = 512
_HEADS = 8  # of a URL: keys of its provider, not of every caller who brings one
_NEXT_ADDRESS_S = 0.25  # RFC 8305, 5: when a name's next address is tried beside the first
_SAFE = "/%:@!$&'()*+,;=~-._?[]"
RequestHeaders = tuple[tuple[str, str], ...]
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})
_NO_BODY_EXPECTED = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class _Target(msgspec.Struct, frozen=True, kw_only=True):
    """A URL taken apart: `line` goes behind the method, `host` is a whole header line.

    `heads` keeps the heads written last, by the identity of the headers that they have:
    most requests to one URL carry the very same ones.
    """

    origin: Origin
    line: str
    host: str
    authorization: str = ""
    heads: dict[int, tuple[RequestHeaders, str, bytes]] = {}


class Http1Transport:
    """Carries requests to providers over pooled connections. See `Transport`.

    Args:
        tls: for https; by default what the system trusts, read at the first use.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._pool = Pool()
        self._targets: dict[str, _Target] = {}

    def open(self, request: UpstreamRequest, reservation: Reservation) -> "_Exchange":
        """See `Transport.open`."""
        return _Exchange(self, request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def ask(self, request: UpstreamRequest) -> Answer:
        """Send `request` and return its answer, the head of which is there.

        A pooled connection that was closed before a byte of the answer came was closed while
        it idled: the request is sent once more, over a new one.
        """
        target = self._target(request.url)
        message = _message(request, target)
        bodiless = request.method == "HEAD"
        connection = self._pool.take(target.origin)
        if connection is not None:
            answer = connection.send(message, bodiless=bodiless)
            try:
                await answer.head()
            except UpstreamUnavailable:
                if not answer.stale:
                    raise
            else:
                return answer
        connection = await self._connect(target.origin, request.connect_within_s)
        answer = connection.send(message, bodiless=bodiless)
        await answer.head()
        return answer

    def _target(self, url: str) -> _Target:
        target = self._targets.get(url)
        if target is None:
            try:
                target = _parse(url)
            except ValueError as error:
                raise UpstreamUnavailable("The provider's URL is not valid.") from error
            if len(self._targets) >= _TARGETS:
                self._targets.clear()
            self._targets[url] = target
        return target

    async def _connect(self, origin: Origin, within_s: float) -> Connection:
        try:
            async with asyncio.timeout(within_s):
                return await self._dial(origin)
        except TimeoutError as error:
            raise UpstreamTimeout("The provider did not accept the connection in time.") from error
        except ssl.SSLError as error:
            raise UpstreamUnavailable("The TLS connection to the provider failed.") from error
        except (OSError, ValueError) as error:
            raise UpstreamUnavailable("The provider cannot be reached.") from error

    async def _dial(self, origin: Origin) -> Connection:
        """Look the name up and connect; the addresses race as in RFC 8305."""
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        sock = await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=_NEXT_ADDRESS_S, interleave=1
        )
        secure = origin.scheme == "https"
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(self._pool, origin, loop),
                sock=sock,
                ssl=self._context() if secure else None,
                server_hostname=origin.host if secure else None,
            )
        except BaseException:
            sock.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


class _Exchange:
    """One request and its answer; leaving it early closes the connection at once."""

    __slots__ = ("_answer", "_request", "_transport")

    def __init__(self, transport: Http1Transport, request: UpstreamRequest) -> None:
        self._transport = transport
        self._request = request
        self._answer: Answer | None = None

    async def __aenter__(self) -> Answer:
        self._answer = await self._transport.ask(self._request)
        return self._answer

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._answer is not None:
            self._answer.leave()


def _parse(url: str) -> _Target:
    """Take an absolute URL apart.

    Raises:
        ValueError: it is none, or not one of http or https.
    """
    if any(character < " " or character == "\x7f" for character in url):
        raise ValueError("control character in a URL")
    parts = urlsplit(url)
    if parts.scheme not in _USUAL_PORT or not parts.hostname:
        raise ValueError("not an http or https URL")
    usual = _USUAL_PORT[parts.scheme]
    port = usual if parts.port is None else parts.port
    name = parts.hostname if parts.hostname.isascii() else _ascii_name(parts.hostname)
    path = quote(parts.path or "/", safe=_SAFE)
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    shown = f"[{name}]" if ":" in name else name
    return _Target(
        origin=Origin(parts.scheme, name, port),
        line=f" {path}{query} HTTP/1.1\r\n",
        host=f"Host: {shown}\r\n" if port == usual else f"Host: {shown}:{port}\r\n",
        authorization=_basic(parts.username, parts.password),
    )


def _ascii_name(name: str) -> str:
    return name.encode("idna").decode()


def _basic(user: str | None, password: str | None) -> str:
    if user is None:
        return ""
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return f"Authorization: Basic {base64.b64encode(pair).decode()}\r\n"


def _message(request: UpstreamRequest, target: _Target) -> bytes:
    """Write the request out. What frames it is ours to say; a given Host is taken.

    Raises:
        UpstreamUnavailable: something in the head would break out of its line.
    """
    method, headers, body = request.method, request.headers, request.body
    known = target.heads.get(id(headers))
    if known is not None and known[0] is headers and known[1] == method:
        head = known[2]
    else:
        head = _unframed_head(method, headers, target)
        if len(target.heads) >= _HEADS:
            target.heads.clear()
        target.heads[id(headers)] = headers, method, head
    if body or method not in _NO_BODY_EXPECTED:
        return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
    return head + b"\r\n"


def _unframed_head(method: str, headers: RequestHeaders, target: _Target) -> bytes:
    if not method.isalpha():
        raise UpstreamUnavailable("The method of the request to the provider is not valid.")
    try:
        return f"{method}{target.line}{_header_lines(headers, target)}".encode()
    except UnicodeEncodeError as error:
        raise UpstreamUnavailable("The request to the provider cannot be written.") from error


def _header_lines(headers: RequestHeaders, target: _Target) -> str:
    lines: list[str] = []
    host, authorization = target.host, target.authorization
    for name, value in headers:
        known = name.lower()
        if known in _FRAMING:
            continue
        if known == "host":
            host = ""
        elif known == "authorization":
            authorization = ""
        lines.append(f"{name}: {value}\r\n")
    if host:
        lines.insert(0, host)
    if authorization:
        lines.append(authorization)
    head = "".join(lines)
    if head.count("\n") != len(lines) or head.count("\r") != len(lines) or "\0" in head:
        raise UpstreamUnavailable("The request to the provider has a line break in its head.")
    return head
