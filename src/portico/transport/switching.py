"""Chooses between transports by where a request goes."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

from portico.errors import UpstreamUnavailable
from portico.ports import Transport, UpstreamRequest, UpstreamResponse
from portico.vocabulary import Reservation

_USUAL_PORT = {"http": 80, "https": 443}
_Origin = tuple[str, str | None, int | None]


class SwitchingTransport:
    """A `Transport` that hands each request to another one.

    Args:
        routes: from an origin ("https://api.groq.com") to its transport.
        default: for all other origins; without it they cannot be reached.
    """

    def __init__(
        self, routes: Mapping[str, Transport], *, default: Transport | None = None
    ) -> None:
        self._routes = {_origin(url): transport for url, transport in routes.items()}
        self._default = default

    def open(
        self, request: UpstreamRequest, reservation: Reservation
    ) -> AbstractAsyncContextManager[UpstreamResponse]:
        """See `Transport.open`.

        Raises:
            UpstreamUnavailable: no transport is for this origin.
        """
        transport = self._routes.get(_origin(request.url), self._default)
        if transport is None:
            raise UpstreamUnavailable("No transport leads to this provider.")
        return transport.open(request, reservation)

    async def aclose(self) -> None:
        """Close every transport once."""
        owned = [*self._routes.values(), *([self._default] if self._default else [])]
        for transport in {id(transport): transport for transport in owned}.values():
            await transport.aclose()


def _origin(url: str) -> _Origin:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _USUAL_PORT.get(parts.scheme)
