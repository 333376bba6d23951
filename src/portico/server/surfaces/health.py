"""Health probes and the root: open, outside the API's prefix."""

from portico import __version__
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site, answer_json


async def health(site: Site, request: Request, reply: AsgiReply) -> None:
    """200 once requests are served."""
    await answer_json(reply, {"status": "ok", "version": __version__, **site.facts})


async def root(site: Site, request: Request, reply: AsgiReply) -> None:
    """Name, version and where the API is: clients probe the root, and their base URL."""
    await answer_json(
        reply, {"name": "portico", "version": __version__, "api": "/api/v1", "health": "/health"}
    )


HEALTH = Route(method="GET", path="/health", access="open", handler=health)
ROOTS = tuple(
    Route(method="GET", path=path, access="open", handler=root)
    for path in ("/", "/api", "/v1", "/api/v1")
)
