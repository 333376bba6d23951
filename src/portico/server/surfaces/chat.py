"""`POST /chat/completions`: the gateway's first surface."""

from portico.dialects import DIALECTS
from portico.resources import Call
from portico.routing.credentials import parse_request_keys
from portico.server.asgi import AsgiReply, read_body, until_disconnect
from portico.server.request import Request, Route, Site

_SURFACE = DIALECTS["openai_chat"]


async def chat(site: Site, request: Request, reply: AsgiReply) -> None:
    """Answer a conversation, as JSON or as a stream."""
    body = await read_body(request.headers, request.receive, site.max_body_bytes)
    call = Call(
        principal=request.who(),
        body=body,
        user_agent=request.header(b"user-agent"),
        http_referer=request.header(b"http-referer") or request.header(b"referer"),
        app_title=request.header(b"x-openrouter-title") or request.header(b"x-title"),
        session_id=request.header(b"x-session-id"),
        brought_keys=parse_request_keys(request.header(b"x-provider-api-keys")),
        wants_metadata=_wants_metadata(request),
    )
    work = site.gateway.chat(call, _SURFACE, reply)
    await until_disconnect(work, request.scope, request.receive, reply)


def _wants_metadata(request: Request) -> bool:
    """`X-OpenRouter-Metadata: enabled`, or its older name."""
    wish = request.header(b"x-openrouter-metadata") or request.header(
        b"x-openrouter-experimental-metadata"
    )
    return wish is not None and wish.lower() in {"enabled", "true"}


CHAT = Route(method="POST", path="/chat/completions", access="key", handler=chat)
