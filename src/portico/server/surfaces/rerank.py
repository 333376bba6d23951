"""`POST /rerank`: documents in the order of their relevance (contract/other-apis 4)."""

from portico.dialects.side import RERANK as DIALECT
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site
from portico.server.surfaces.answering import answer


async def rerank(site: Site, request: Request, reply: AsgiReply) -> None:
    """Order documents by their relevance to a query."""
    await answer(site, request, reply, DIALECT)


RERANK = Route(method="POST", path="/rerank", access="key", handler=rerank, dialect=DIALECT)
