"""The ASGI application: path to route, key check, and the outermost error boundary."""

import logging
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from portico.delivery import Headers
from portico.dialects import DIALECTS, Dialect
from portico.errors import GatewayError, MethodNotAllowed, NotFound
from portico.server.asgi import PREFLIGHT, AsgiReply, ClientGone, Receive, Scope, Send
from portico.server.auth import OPERATOR, authenticate
from portico.server.request import Request, Route, Site
from portico.server.surfaces import (
    account,
    audio,
    chat,
    completions,
    credits,
    embeddings,
    generations,
    health,
    image_models,
    images,
    messages,
    models,
    rerank,
    responses,
)
from portico.server.surfaces.route import EXPLAIN
from portico.vocabulary import Principal

_log = logging.getLogger("portico.server")

ROUTES: tuple[Route, ...] = (
    chat.CHAT,
    completions.COMPLETIONS,
    messages.MESSAGES,
    responses.RESPONSES,
    messages.COUNT_TOKENS,
    embeddings.EMBEDDINGS,
    rerank.RERANK,
    images.IMAGES,
    images.GENERATIONS,
    audio.SPEECH,
    audio.TRANSCRIPTIONS,
    models.MODELS,
    models.COUNT,
    models.OF_USER,
    models.EMBEDDINGS,
    models.MODEL,
    image_models.IMAGE_MODELS,
    image_models.IMAGE_ENDPOINTS,
    models.ENDPOINTS,
    models.ZDR,
    models.PROVIDERS,
    account.KEY,
    account.AUTH_KEY,
    credits.CREDITS,
    generations.GENERATION,
    EXPLAIN,
)
ROOT_ROUTES: tuple[Route, ...] = (health.HEALTH, *health.ROOTS)
CATALOG_PATHS = {
    models.MODELS.path,
    models.COUNT.path,
    models.EMBEDDINGS.path,
    models.MODEL.path,
    models.ENDPOINTS.path,
    models.ZDR.path,
    image_models.IMAGE_MODELS.path,
    image_models.IMAGE_ENDPOINTS.path,
    models.PROVIDERS.path,
}
"""What `server.public_catalog` opens to everyone."""

PREFIXES = ("/api/v1/v1", "/v1/v1", "/api/v1", "/v1")
"""Where `ROUTES` are; `ROOT_ROUTES` are outside of them. Clients of Anthropic's API add `/v1`
themselves, also to a base URL that has it."""


_PLAIN = DIALECTS["openai_chat"]


class _Table:
    """Routes by path: exact ones in a dict, those with variable parts as patterns."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], Route]] = []
        for route in routes:
            if "{" in route.path:
                self._patterns.append((_pattern(route.path), route))
            else:
                self._exact.setdefault(route.path, {})[route.method] = route

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and its path parameters.

        Raises:
            NotFound, MethodNotAllowed
        """
        if methods := self._exact.get(path):
            if route := methods.get(method):
                return route, {}
            raise _wrong_method(methods)
        for pattern, route in self._patterns:
            if match := pattern.fullmatch(path):
                if route.method != method:
                    raise _wrong_method({route.method: route})
                return route, match.groupdict()
        raise NotFound(f"There is no {path} here. The API is below /api/v1 and /v1.")


class App:
    """`await app(scope, receive, send)`. Works on any ASGI server; lifespan is the caller's."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._table = _Table(ROUTES)
        self._root = _Table(ROOT_ROUTES)
        self._plain = {
            (route.method, prefix + route.path): route
            for prefix in PREFIXES
            for route in ROUTES
            if "{" not in route.path
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing escapes from here."""
        if scope["type"] != "http":
            return
        reply = AsgiReply(send)
        request: Request | None = None
        dialect = _PLAIN
        try:
            if scope["method"] == "OPTIONS":
                await reply.head(204, PREFLIGHT)
                await reply.body(b"", more=False)
                return
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            route, path, parameters = self._route(method, scope["path"])
            dialect = route.dialect
            if route.manner is not None:
                dialect = route.manner(self._site, dict(scope["headers"]))
            request = await self._admit(scope, receive, route, path, parameters)
            await route.handler(self._site, request, reply)
        except ClientGone:
            return
        except GatewayError as error:
            if request is None and isinstance(error, NotFound | MethodNotAllowed):
                dialect = _of_client(scope)
            await _refuse(reply, dialect, error, request.principal if request else None)
        except Exception:  # noqa: BLE001  # the outermost boundary: a bug becomes a 500 and a log line
            _log.exception("%s %s failed", scope["method"], scope["path"])
            await _refuse(reply, dialect, GatewayError("internal error"), None)

    def _route(self, method: str, raw_path: str) -> tuple[Route, str, dict[str, str]]:
        """The route of a path as it was sent: doubled and trailing slashes do not matter."""
        known = self._plain.get((method, raw_path))
        if known is not None:
            return known, known.path, {}
        path = "/" + "/".join(part for part in raw_path.split("/") if part)
        table = self._root
        for prefix in PREFIXES:
            if path.startswith(prefix + "/"):
                path, table = path[len(prefix) :], self._table
                break
        route, parameters = table.find(method, path)
        return route, path, parameters

    async def _admit(
        self,
        scope: Scope,
        receive: Receive,
        route: Route,
        path: str,
        parameters: dict[str, str],
    ) -> Request:
        """The request, its key checked where the route asks for one."""
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        query = scope["query_string"]
        store = self._site.gateway.resources.store
        principal: Principal | None = None
        if route.access == "key" and not (
            route.path in CATALOG_PATHS and self._site.public_catalog
        ):
            now_ms = self._site.gateway.resources.now_ms()
            principal = await authenticate(headers, store, now_ms, self._site.stand_in)
        return Request(
            method=route.method,
            path=path,
            headers=headers,
            query=dict(parse_qsl(query.decode("latin-1"))) if query else {},
            parameters=parameters,
            principal=principal,
            scope=scope,
            receive=receive,
        )


def _of_client(scope: Scope) -> Dialect:
    """The dialect of a client whose path says nothing: one of Anthropic's API tells its version."""
    told = any(name == b"anthropic-version" for name, _ in scope["headers"])
    return DIALECTS["anthropic_messages"] if told else _PLAIN


def _pattern(path: str) -> re.Pattern[str]:
    """`{name}` is one segment, `{name...}` one or more."""
    parts = []
    for part in path.split("/"):
        name = part[1:-1]
        if not part.startswith("{"):
            parts.append(re.escape(part))
        elif name.endswith("..."):
            parts.append(f"(?P<{name[:-3]}>.+)")
        else:
            parts.append(f"(?P<{name}>[^/]+)")
    return re.compile("/".join(parts))


def _wrong_method(methods: Mapping[str, Route]) -> MethodNotAllowed:
    allowed = ", ".join(sorted(methods))
    error = MethodNotAllowed(f"This path answers {allowed}.")
    error.headers["Allow"] = allowed
    return error


async def _refuse(
    reply: AsgiReply, dialect: Dialect, error: GatewayError, principal: Principal | None
) -> None:
    """Send an error as JSON; when the answer has begun, only cutting it is left."""
    if reply.began:
        if not reply.complete:
            await reply.body(b"", more=False)
        return
    user_id = None if principal is None else OPERATOR
    body = dialect.encode_error(error, user_id)
    headers: Headers = [(k.lower().encode(), v.encode()) for k, v in error.headers.items()]
    await reply.json(error.status, body, headers)
