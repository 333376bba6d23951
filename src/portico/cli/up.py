"""`portico up`: serve the gateway."""

import asyncio
import gc
import json
import logging
import os
import secrets
import signal
import socket
import sys

import click
import uvicorn
import uvloop

from portico.cli.texts import curl_line, started_text
from portico.keys import ENTROPY_BYTES, issue
from portico.ports import Store
from portico.server.app import App
from portico.server.protocol import GuardedProtocol
from portico.settings import ConfigError, Settings, load_settings
from portico.storage.errors import StorageError
from portico.storage.lock import DataDirLock
from portico.wiring import Assembly, assemble, now_ms

_YOUNG_OBJECTS = 25_000


@click.command()
@click.option("--config", "path", metavar="FILE", help="Settings file; ./portico.toml by default.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 takes any free one.")
@click.option("--data-dir", metavar="DIR", help="Where the ledger lives.")
@click.option("--demo", is_flag=True, help="Serve the recordings and the simulator only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when ready.")
def up(
    path: str | None,
    host: str | None,
    port: int | None,
    data_dir: str | None,
    demo: bool,
    as_json: bool,
) -> None:
    """Serve the gateway on 127.0.0.1:8400.

    Providers are found by their keys in the environment (OPENAI_API_KEY, ...),
    by portico.toml, and on the usual ports of local servers. Without any, the
    demo is served: recordings, and a simulator that answers any prompt.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # it warns of every malformed request
    try:
        settings = load_settings(
            environ=os.environ, path=path, host=host, port=port, data_dir=data_dir
        )
        with DataDirLock(settings.server.data_dir):
            listener = _listen(settings)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(settings, listener, demo=demo, as_json=as_json))
    except ConfigError as error:
        raise _Misconfigured(str(error)) from None
    except (StorageError, OSError) as error:
        raise _Failed(str(error)) from None


async def _serve(settings: Settings, listener: socket.socket, *, demo: bool, as_json: bool) -> None:
    assembly = await assemble(settings, os.environ, force_demo=demo)
    try:
        secret = await _first_key(assembly.store)
        server = uvicorn.Server(
            uvicorn.Config(
                App(assembly.site),
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
        port = listener.getsockname()[1]
        base_url = f"http://{settings.server.host}:{port}/api/v1"
        _announce(assembly, base_url, secret, as_json=as_json)
        # the server repeats a signal when it has shut down; by then there is nothing left to end
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        _settle_memory()
        await server.serve(sockets=[listener])
    finally:
        await assembly.aclose()


def _listen(settings: Settings) -> socket.socket:
    """Bind before anything else is started, so that a taken port costs nothing."""
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise OSError(
            f"cannot listen on {host}:{port}: {error.strerror}. "
            "Choose another port with --port or PORTICO_PORT."
        ) from None
    listener.setblocking(False)  # the socket's own signature
    return listener


async def _first_key(store: Store) -> str | None:
    """Make a key if there is none yet; its secret is shown this once."""
    if await store.keys():
        return None
    key, secret = issue(
        name="default", entropy=secrets.token_bytes(ENTROPY_BYTES), created_ms=now_ms()
    )
    await store.create_key(key)
    return secret


def _settle_memory() -> None:
    """Keep what lives as long as the process out of garbage collection, and collect less often.

    A request leaves no cycles behind, but hundreds of live objects while it runs:
    by default that alone would start a collection for every second request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 10, 20)


def _announce(assembly: Assembly, base_url: str, secret: str | None, *, as_json: bool) -> None:
    for warning in assembly.warnings:
        click.echo(f"warning: {warning}", err=True)
    snapshot = assembly.site.gateway.snapshot
    if as_json:
        facts = {
            "base_url": base_url,
            "key": secret,
            "mode": "demo" if assembly.demo else "live",
            "providers": assembly.found,
            "models": len(snapshot.models),
            "curl": curl_line(base_url, secret, snapshot, demo=assembly.demo),
        }
        click.echo(json.dumps(facts))
    else:
        click.echo(
            started_text(base_url, secret, snapshot, demo=assembly.demo, providers=assembly.found)
        )
    sys.stdout.flush()


class _Failed(click.ClickException):
    exit_code = 1


class _Misconfigured(click.ClickException):
    exit_code = 3
