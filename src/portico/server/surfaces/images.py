"""`POST /images`, and the path that OpenAI's clients have for it (contract/other-apis 5)."""

from portico.dialects.side import IMAGES as DIALECT
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site
from portico.server.surfaces.answering import answer


async def images(site: Site, request: Request, reply: AsgiReply) -> None:
    """Draw images; they come as base64."""
    await answer(site, request, reply, DIALECT)


IMAGES = Route(method="POST", path="/images", access="key", handler=images, dialect=DIALECT)
GENERATIONS = Route(
    method="POST", path="/images/generations", access="key", handler=images, dialect=DIALECT
)
