"""`POST /responses`, stateless, in the dialect of OpenAI's newer clients (contract/other-apis 1)."""

from portico.dialects import DIALECTS
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site
from portico.server.surfaces.answering import answer

_DIALECT = DIALECTS["openai_responses"]
_SESSION = b"session_id"  # as Codex names it


async def responses(site: Site, request: Request, reply: AsgiReply) -> None:
    """Answer a conversation in the form of OpenAI's Responses API, as JSON or as a stream;
    nothing is stored."""
    await answer(site, request, reply, _DIALECT, session_header=_SESSION)


RESPONSES = Route(
    method="POST", path="/responses", access="key", handler=responses, dialect=_DIALECT
)
