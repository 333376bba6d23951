"""Answers clients from recordings of a gateway's answers, and marks every answer as replayed."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from portico.cassette.library import Library
from portico.cassette.model import Interaction, RecordedRequest, RecordedResponse
from portico.delivery import Headers
from portico.errors import GatewayError, UpstreamError
from portico.server.asgi import Application, AsgiReply, Message, Receive, Scope, Send, read_body
from portico.server.recording import address
from portico.server.shown import refuse, shown_secrets
from portico.transport.recording import SECRETS
from portico.transport.replaying import NOT_REPLAYED, Player, replayable

HEADER = b"x-portico-replay"
Booking = Callable[[Scope, RecordedRequest, Interaction], Awaitable[None]]


class ReplayingApp:
    """Wraps the application of a gateway that replays.

    Requests for paths that were recorded at a client are answered from
    `library`; what is not on it goes on to the application if `others` says
    that it has recordings of its own.

    Args:
        app: the gateway.
        library: recordings of a gateway's answers.
        mode: what the header of every answer says.
        pace: what recorded times are multiplied by.
        max_body_bytes: the largest request that is read.
        others: whether the gateway may know what `library` does not.
        book: enters an answer into the ledger.
    """

    def __init__(
        self,
        app: Application,
        library: Library,
        *,
        mode: str,
        pace: float,
        max_body_bytes: int,
        others: bool,
        book: Booking,
    ) -> None:
        self._app = app
        self._library = library
        self._mark = (HEADER, mode.encode())
        self._pace = pace
        self._max_body_bytes = max_body_bytes
        self._others = others
        self._book = book
        self._routes = {
            (request.method, _route(urlsplit(request.url).path)) for request in library.requests
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], self._mark]}
            await send(message)

        shown = SECRETS.set(shown_secrets(scope["headers"]))
        try:
            if (scope["method"], _route(scope["path"])) in self._routes:
                await self._replay(scope, receive, marked)
            else:
                await self._app(scope, receive, marked)
        except GatewayError as error:
            await refuse(marked, error)
        finally:
            SECRETS.reset(shown)

    async def _replay(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from a recording, or let the gateway answer.

        Raises:
            GatewayError: the body cannot be read, or nothing matches.
        """
        started_s = asyncio.get_running_loop().time()
        body = await read_body(dict(scope["headers"]), receive, self._max_body_bytes)
        asked = RecordedRequest(
            method=scope["method"],
            url=address(scope),
            headers=tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]),
            body=body,
        )
        if self._others and not self._library.knows(asked, SECRETS.get()):
            await self._app(scope, _again(body, receive), send)
            return
        found = self._library.find(asked, SECRETS.get())
        plain = replayable(found.response)
        await self._book(scope, asked, found)
        await _play(plain, AsgiReply(send), started_s, self._pace)


async def _play(plain: RecordedResponse, reply: AsgiReply, started_s: float, pace: float) -> None:
    """Send a recorded answer. One that its client left ends where it was left."""
    player = Player(plain, started_s, pace)
    await player.until_head()
    headers: Headers = [
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in plain.headers
        if name.lower() not in NOT_REPLAYED and not name.lower().startswith("access-control-")
    ]
    if not plain.is_event_stream:
        headers.append((b"content-length", b"%d" % len(plain.body)))
    await reply.head(plain.status, headers)
    try:
        async for piece in player.pieces():
            await reply.body(piece, more=True)
    except UpstreamError:  # our own answers do not break: whoever asked had left
        pass
    await reply.body(b"", more=False)


def _route(path: str) -> str:
    """A path without the prefix of the API and without doubled slashes."""
    parts = [part for part in path.split("/") if part]
    for prefix in (["api", "v1"], ["v1"]):
        if parts[: len(prefix)] == prefix:
            return "/".join(parts[len(prefix) :])
    return "/".join(("", *parts))


def _again(body: bytes, receive: Receive) -> Receive:
    """What receives a body that was read already."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def once_more() -> Message:
        return pending.pop() if pending else await receive()

    return once_more
