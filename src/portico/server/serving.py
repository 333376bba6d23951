"""The HTTP server around an application."""

import uvicorn

from portico.server.asgi import Application
from portico.server.protocol import GuardedProtocol


def http_server(app: Application) -> uvicorn.Server:
    """A server for `app`; `await server.serve(sockets=[...])` runs it until it is told to end."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="none",
            http=GuardedProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=30,
        )
    )
