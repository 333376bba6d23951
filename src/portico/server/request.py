"""One request as the routes see it, and the table that routes are entries of."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec

from portico.dialects import DIALECTS, Dialect
from portico.errors import InvalidRequest
from portico.gateway import Gateway
from portico.jsonio import dumps
from portico.server.asgi import AsgiReply, Receive, Scope
from portico.server.listing import Entry
from portico.vocabulary import ApiKey, CatalogSnapshot, Principal

Access = Literal["open", "key"]


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What the routes work with: the gateway and the edge's own settings.

    `facts` is what `GET /health` adds to the status; `views` keeps rows made from
    a snapshot for as long as it is the current one. `stand_in` is whom unknown keys
    act for, None where they are refused.
    """

    gateway: Gateway
    max_body_bytes: int
    public_catalog: bool = False
    credits_display_unlimited_usd: int = 1_000_000
    stand_in: ApiKey | None = None
    facts: dict[str, object] = {}
    views: dict[str, tuple[CatalogSnapshot, list[Entry]]] = {}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A matched request. `principal` is None on open routes only.

    `headers` have lower-case names, the last of repeats; `parameters` are the
    variable parts of the path.
    """

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    query: Mapping[str, str]
    parameters: Mapping[str, str]
    principal: Principal | None
    scope: Scope
    receive: Receive

    def who(self) -> Principal:
        """The caller; routes with access "key" always have one."""
        assert self.principal is not None, "the route asks for a key"
        return self.principal

    def header(self, name: bytes) -> str | None:
        """A header as text, None if absent or empty."""
        value = self.headers.get(name)
        return value.decode("latin-1") if value else None

    def required(self, name: str) -> str:
        """A query parameter.

        Raises:
            InvalidRequest: it is missing.
        """
        value = self.query.get(name)
        if not value:
            raise InvalidRequest(f"{name}: this query parameter is required")
        return value


Handler = Callable[[Site, Request, AsgiReply], Awaitable[None]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One path below the API root. `{name}` matches one segment, `{name...}` the rest of them.

    `access` is not optional: a route says who may use it. `dialect` is that of its errors,
    `manner` how it is spoken to a client with such headers, where clients differ.
    """

    method: str
    path: str
    access: Access
    handler: Handler
    dialect: Dialect = DIALECTS["openai_chat"]
    manner: Callable[[Site, Mapping[bytes, bytes]], Dialect] | None = None


async def answer_json(reply: AsgiReply, body: object, *, status: int = 200) -> None:
    """Encode and send."""
    await reply.json(status, dumps(body))
