"""`POST /embeddings`: text to vectors (contract/other-apis 3)."""

from portico.dialects.side import EMBEDDINGS as DIALECT
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site
from portico.server.surfaces.answering import answer


async def embeddings(site: Site, request: Request, reply: AsgiReply) -> None:
    """Turn text into vectors, as lists of numbers or base64."""
    await answer(site, request, reply, DIALECT)


EMBEDDINGS = Route(
    method="POST", path="/embeddings", access="key", handler=embeddings, dialect=DIALECT
)
