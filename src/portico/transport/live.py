"""The HTTP client: real connections to providers, behind the `Transport` port.

Kept thin: a pool, and one mapping from the client library's
failures to ours. Nothing here looks at what is carried.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType

import aiohttp
from yarl import URL

from portico.errors import StreamBroken, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from portico.ports import UpstreamRequest
from portico.vocabulary import Reservation

_AUTOMATIC_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class LiveTransport:
    """Carries requests to providers over pooled HTTP/1.1 connections.

    Args:
        use_environment_proxies: honour HTTPS_PROXY and friends. Off by default
            because the look-up costs something on every request.
    """

    def __init__(self, *, use_environment_proxies: bool = False) -> None:
        self._trust_env = use_environment_proxies
        self._session: aiohttp.ClientSession | None = None
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    def open(self, request: UpstreamRequest, reservation: Reservation) -> "_Exchange":
        """See `Transport.open`. Redirects are not followed: hosts come from configuration only."""
        return _Exchange(self._client(), request, self._timeout(request.connect_within_s))

    async def aclose(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:  # a session belongs to the loop it is made in
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=30, keepalive_timeout=30),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_AUTOMATIC_HEADERS,
                trust_env=self._trust_env,
                read_bufsize=256 * 1024,
            )
        return self._session

    def _timeout(self, connect_s: float) -> aiohttp.ClientTimeout:
        timeout = self._timeouts.get(connect_s)
        if timeout is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
            self._timeouts[connect_s] = timeout
        return timeout


class _Exchange:
    """One request and its answer; leaving it early closes the connection at once."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        request: UpstreamRequest,
        timeout: aiohttp.ClientTimeout,
    ) -> None:
        self._session = session
        self._request = request
        self._timeout = timeout
        self._answer: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> "_Response":
        request = self._request
        try:
            self._answer = await self._session.request(
                request.method,
                # an escape is sent as it stands: the path may be signed
                URL(request.url, encoded="%" in request.url),
                headers=request.headers,
                data=request.body,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _translate(error) from error
        return _Response(self._answer)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._answer is not None:
            self._answer.close()  # after the end of the body this is a no-op: it was released


class _Response:
    """The head has arrived; the body is read from the socket on demand."""

    __slots__ = ("_answer", "headers", "status")

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.status = answer.status
        self.headers: Mapping[str, str] = _LowerCase(answer)

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `UpstreamResponse.chunks`."""
        read = self._answer.content.readany
        try:
            while data := await read():
                yield data
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _translate(error, begun=True) from error

    async def read(self, limit_bytes: int) -> bytes:
        """See `UpstreamResponse.read`. The limit counts decompressed bytes."""
        parts: list[bytes] = []
        size = 0
        async for data in self.chunks():
            size += len(data)
            if size > limit_bytes:
                parts.clear()  # an error remembers its frame, and the frame would remember them
                raise UpstreamUnavailable("the upstream's answer exceeds the size limit")
            parts.append(data)
        return b"".join(parts)


class _LowerCase(Mapping[str, str]):
    """The answer's headers; aiohttp's look-up already ignores case."""

    __slots__ = ("_answer",)

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    def __getitem__(self, name: str) -> str:
        return self._answer.headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter({name.lower() for name in self._answer.headers})

    def __len__(self) -> int:
        return len(self._answer.headers)


def _translate(error: Exception, *, begun: bool = False) -> UpstreamError:
    """Name the failure without naming our hosts."""
    if isinstance(error, TimeoutError):
        return UpstreamTimeout("The provider did not accept the connection in time.")
    if isinstance(error, aiohttp.ClientSSLError):
        return UpstreamUnavailable("The TLS connection to the provider failed.")
    if isinstance(error, aiohttp.ClientConnectorError):
        return UpstreamUnavailable("The provider cannot be reached.")
    if begun:
        return StreamBroken("The provider closed the connection in the middle of its answer.")
    return UpstreamUnavailable("The connection to the provider failed.")
