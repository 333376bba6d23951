"""Which requests are recorded, and the recording of what the gateway itself answers."""

import re
from collections.abc import Iterable

import msgspec

from portico.cassette.model import Headers, RecordedRequest
from portico.errors import InvalidKey, InvalidRequest
from portico.keys import hash_key
from portico.server.asgi import Application, Message, Receive, Scope, Send
from portico.server.auth import presented_key
from portico.server.shown import refuse, shown_secrets
from portico.transport.recording import SECRETS, WISH, Clocks, Recorder, Take, Wish

HEADER = b"x-portico-record"
_STRANGER = 401
_NAME = re.compile(rb"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


class RecordingRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded.

    `always` is the wish where nothing else says so, None for none. `keys` are
    the hashes of keys whose requests are recorded on `usual`; with `by_header`
    any client may name a tape in `X-Portico-Record`.
    """

    usual: Wish
    always: bool = False
    keys: frozenset[str] = frozenset()
    by_header: bool = True


class RecordingApp:
    """Wraps the application: says what is to be recorded, and records answers to clients."""

    def __init__(
        self, app: Application, rules: RecordingRules, recorder: Recorder, clocks: Clocks
    ) -> None:
        self._app = app
        self._rules = rules
        self._recorder = recorder
        self._clocks = clocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and record it if that is wished."""
        if scope["type"] != "http":
            return
        try:
            wish = self._wish(scope)
        except InvalidRequest as error:
            await refuse(send, error)
            return
        if wish is None:
            await self._app(scope, receive, send)
            return
        wished, shown = WISH.set(wish), SECRETS.set(shown_secrets(scope["headers"]))
        try:
            if wish.client:
                await self._taped(scope, receive, send, wish)
            else:
                await self._app(scope, receive, send)
        finally:
            WISH.reset(wished)
            SECRETS.reset(shown)

    def _wish(self, scope: Scope) -> Wish | None:
        rules = self._rules
        if "/v1/" not in scope["path"]:
            return None
        headers = dict(scope["headers"])
        if rules.by_header and (named := headers.get(HEADER)):
            if not _NAME.fullmatch(named):
                raise InvalidRequest(
                    "X-Portico-Record: a tape's name has letters, digits, dots, dashes and "
                    "underscores"
                )
            return msgspec.structs.replace(rules.usual, tape=named.decode())
        if rules.always or (rules.keys and _key_hash(headers) in rules.keys):
            return rules.usual
        return None

    async def _taped(self, scope: Scope, receive: Receive, send: Send, wish: Wish) -> None:
        """Record the request and what the application sends; neither waits for it.

        Nothing is kept of who has no key here: strangers fill no disk.
        """
        take = Take(self._recorder, wish, "client", self._clocks)
        asked: list[bytes] = []

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                asked.append(message.get("body", b""))
            return message

        async def said(message: Message) -> None:
            if message["type"] == "http.response.start":
                take.head(message["status"], _plain(message["headers"]))
            else:
                if body := message.get("body", b""):
                    take.part(body)
                if not message.get("more_body", False):
                    take.ended = "done"
            await send(message)

        try:
            await self._app(scope, heard, said)
        finally:
            if take.status != _STRANGER:
                take.save(
                    RecordedRequest(
                        method=scope["method"],
                        url=address(scope),
                        headers=_plain(scope["headers"]),
                        body=b"".join(asked),
                    )
                )


def address(scope: Scope) -> str:
    """The URL that a client asked."""
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"localhost").decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return f"{scope.get('scheme', 'http')}://{host}{scope['path']}" + (f"?{query}" if query else "")


def _plain(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def _key_hash(headers: dict[bytes, bytes]) -> str | None:
    try:
        return hash_key(presented_key(headers))
    except InvalidKey:
        return None
