"""`POST /chat/completions`: the gateway's first surface."""

from collections.abc import Awaitable

from portico.dialects import DIALECTS, Dialect
from portico.dialects.openai_completions import DIALECT as COMPLETIONS
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site
from portico.server.surfaces.answering import answer

_DIALECT = DIALECTS["openai_chat"]


def chat(site: Site, request: Request, reply: AsgiReply) -> Awaitable[None]:
    """Answer a conversation, as JSON or as a stream; a `prompt` in its place as `/completions`."""
    return answer(site, request, reply, _DIALECT, asked_in=_asked_in)


def _asked_in(body: bytes) -> Dialect:
    """The dialect of a body: a prompt without messages is the legacy API's."""
    legacy = b'"messages"' not in body and b'"prompt"' in body
    return COMPLETIONS if legacy else _DIALECT


CHAT = Route(method="POST", path="/chat/completions", access="key", handler=chat)
