"""`POST /completions`: a prompt in, text out, for old clients."""

from portico.dialects.openai_completions import DIALECT
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site
from portico.server.surfaces.answering import answer


async def completions(site: Site, request: Request, reply: AsgiReply) -> None:
    """Complete a prompt, as JSON or as a stream; models are asked as in a conversation."""
    await answer(site, request, reply, DIALECT)


COMPLETIONS = Route(
    method="POST", path="/completions", access="key", handler=completions, dialect=DIALECT
)
