"""`POST /messages` and `/messages/count_tokens`, in the dialect of Anthropic's clients.

Contract: other-apis 2, clients 6.
"""

from portico.dialects import DIALECTS
from portico.dialects.anthropic_messages import count_body
from portico.server.asgi import AsgiReply, UntilDisconnect, read_body
from portico.server.request import Request, Route, Site, answer_json
from portico.server.surfaces.answering import answer, call_of

_DIALECT = DIALECTS["anthropic_messages"]
_FORWARDED = (b"anthropic-beta",)
_SESSION = b"x-claude-code-session-id"


async def messages(site: Site, request: Request, reply: AsgiReply) -> None:
    """Answer a conversation in the form of Anthropic's Messages API, as JSON or as a stream."""
    await answer(site, request, reply, _DIALECT, forwarded=_FORWARDED, session_header=_SESSION)


async def count_tokens(site: Site, request: Request, reply: AsgiReply) -> None:
    """How many tokens the prompt of a Messages request has: an Anthropic provider is asked,
    of any other it is an estimate. Nothing is charged or booked."""
    body = await read_body(request.headers, request.receive, site.max_body_bytes)
    call = call_of(request, body, forwarded=_FORWARDED, session_header=_SESSION)
    with UntilDisconnect(request.scope, request.receive, reply):
        tokens = await site.gateway.count_tokens(call, _DIALECT, count_body)
        await answer_json(reply, {"input_tokens": tokens})


MESSAGES = Route(method="POST", path="/messages", access="key", handler=messages, dialect=_DIALECT)
COUNT_TOKENS = Route(
    method="POST",
    path="/messages/count_tokens",
    access="key",
    handler=count_tokens,
    dialect=_DIALECT,
)
