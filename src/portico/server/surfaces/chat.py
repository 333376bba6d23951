"""`POST /chat/completions`: the gateway's first surface."""

from portico.dialects import DIALECTS
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site
from portico.server.surfaces.answering import answer

_DIALECT = DIALECTS["openai_chat"]


async def chat(site: Site, request: Request, reply: AsgiReply) -> None:
    """Answer a conversation, as JSON or as a stream."""
    await answer(site, request, reply, _DIALECT)


CHAT = Route(method="POST", path="/chat/completions", access="key", handler=chat)
