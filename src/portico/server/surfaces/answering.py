"""What the surfaces that reach providers share: the way in.

Such a surface is a file that names its dialect and its path. From the dialect
follow the rest: how bodies are read, how answers and errors are written, how a
stream is kept alive and how it ends.
"""

from collections.abc import Callable

from portico.dialects import Dialect
from portico.resources import Call
from portico.routing.credentials import parse_request_keys
from portico.server.asgi import AsgiReply, UntilDisconnect, read_body
from portico.server.request import Request, Site

_SAID = frozenset(
    {
        b"http-referer", b"referer", b"x-openrouter-title", b"x-title", b"x-session-id",
        b"x-provider-api-keys", b"x-openrouter-metadata", b"x-openrouter-experimental-metadata",
    }
)  # fmt: skip
"""Headers that say something beside `user-agent`: most clients send none."""


async def answer(
    site: Site,
    request: Request,
    reply: AsgiReply,
    dialect: Dialect,
    *,
    forwarded: tuple[bytes, ...] = (),
    session_header: bytes = b"x-session-id",
    translate: Callable[[bytes, str | None], bytes] | None = None,
    asked_in: Callable[[bytes], Dialect] | None = None,
) -> None:
    """Answer a request in `dialect`, as JSON or as a stream.

    Args:
        site: the gateway.
        request: matched, its key checked; the body is read here.
        reply: where the answer goes.
        dialect: the client's.
        forwarded: lower-case names of headers that upstreams of the same dialect may get.
        session_header: names the conversation where `x-session-id` does not.
        translate: (body, content type) -> the body in the dialect, where clients send
            it in another form too.
        asked_in: the dialect of a body, where the path alone does not say it.

    Raises:
        GatewayError: refused before anything was held or sent.
        ClientGone: the client hung up.
    """
    body = await read_body(request.headers, request.receive, site.max_body_bytes)
    if translate is not None:
        body = translate(body, request.header(b"content-type"))
    if asked_in is not None:
        dialect = asked_in(body)
    call = call_of(request, body, forwarded=forwarded, session_header=session_header)
    with UntilDisconnect(request.scope, request.receive, reply):
        await site.gateway.chat(call, dialect, reply)


def call_of(
    request: Request,
    body: bytes,
    *,
    forwarded: tuple[bytes, ...] = (),
    session_header: bytes = b"x-session-id",
) -> Call:
    """The request as the gateway takes it; see `answer`."""
    headers = request.headers
    if not forwarded and _SAID.isdisjoint(headers) and session_header not in headers:
        return Call(principal=request.who(), body=body, user_agent=request.header(b"user-agent"))
    return Call(
        principal=request.who(),
        body=body,
        user_agent=request.header(b"user-agent"),
        http_referer=request.header(b"http-referer") or request.header(b"referer"),
        app_title=request.header(b"x-openrouter-title") or request.header(b"x-title"),
        session_id=request.header(b"x-session-id") or request.header(session_header),
        brought_keys=parse_request_keys(request.header(b"x-provider-api-keys")),
        wants_metadata=_wants_metadata(request),
        forwarded=_headers(request, forwarded) if forwarded else (),
    )


def _headers(request: Request, names: tuple[bytes, ...]) -> tuple[tuple[str, str], ...]:
    sent = ((name.decode(), request.header(name)) for name in names)
    return tuple((name, value) for name, value in sent if value is not None)


def _wants_metadata(request: Request) -> bool:
    """`X-OpenRouter-Metadata: enabled`, or its older name."""
    wish = request.header(b"x-openrouter-metadata") or request.header(
        b"x-openrouter-experimental-metadata"
    )
    return wish is not None and wish.lower() in {"enabled", "true"}
