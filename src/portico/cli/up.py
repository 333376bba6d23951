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
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, NamedTuple

import click
import uvloop

from portico.cli.texts import curl_line, started_text
from portico.keys import ENTROPY_BYTES, issue
from portico.ports import Store
from portico.server.serving import http_server
from portico.settings import ConfigError, Secret, Settings, load_settings
from portico.storage.errors import StorageError
from portico.storage.lock import DataDirLock
from portico.wiring import Assembly, assemble, now_ms

_YOUNG_OBJECTS = 25_000


Assembling = Callable[[Settings], Awaitable[Assembly]]


class Place(NamedTuple):
    """Where to serve: what the options say, over everything else."""

    config: str | None
    host: str | None
    port: int | None
    data_dir: str | None
    as_json: bool


def place_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a `Place`, as its argument `place`."""

    @click.option("--config", metavar="FILE", help="Settings file; ./portico.toml by default.")
    @click.option("--host", help="Address to listen on.")
    @click.option("--port", type=int, help="Port to listen on; 0 takes any free one.")
    @click.option("--data-dir", metavar="DIR", help="Where the ledger lives.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object when ready.")
    @wraps(command)
    def placed(
        config: str | None,
        host: str | None,
        port: int | None,
        data_dir: str | None,
        as_json: bool,
        **rest: Any,
    ) -> None:
        command(place=Place(config, host, port, data_dir, as_json), **rest)

    return placed


@click.command()
@place_options
@click.option("--demo", is_flag=True, help="Serve the recordings and the simulator only.")
def up(place: Place, demo: bool) -> None:
    """Serve the gateway on 127.0.0.1:8400.

    Providers are found by their keys in the environment (OPENAI_API_KEY, ...),
    by portico.toml, and on the usual ports of local servers. Without any, the
    demo is served: recordings, and a simulator that answers any prompt.
    """

    def assembling(settings: Settings) -> Awaitable[Assembly]:
        return assemble(settings, os.environ, force_demo=demo)

    serve(place, assembling)


def serve(
    place: Place,
    assembling: Assembling,
    *,
    change: Callable[[Settings], Settings] = lambda settings: settings,
    no_key: Secret | None = None,
) -> None:
    """Serve until the process is told to end.

    Args:
        place: where.
        assembling: makes what is served.
        change: what the command itself says, over the settings.
        no_key: see `load_settings`.

    Raises:
        click.ClickException: exit code 3 for settings, 1 for anything else.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # it warns of every malformed request
    try:
        settings = change(
            load_settings(
                environ=os.environ,
                path=place.config,
                host=place.host,
                port=place.port,
                data_dir=place.data_dir,
                no_key=no_key,
            )
        )
        with DataDirLock(settings.server.data_dir):
            listener = _listen(settings)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(settings, listener, assembling, as_json=place.as_json))
    except ConfigError as error:
        raise _Misconfigured(str(error)) from None
    except (StorageError, OSError) as error:
        raise _Failed(str(error)) from None


async def _serve(
    settings: Settings, listener: socket.socket, assembling: Assembling, *, as_json: bool
) -> None:
    assembly = await assembling(settings)
    try:
        secret = await _first_key(assembly.store)
        server = http_server(assembly.app)
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
    except socket.gaierror as error:
        raise OSError(
            f"{host} is not an address: {error.strerror}. Choose one of this machine's with --host."
        ) from None
    except OSError as error:
        raise OSError(
            f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}. "
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
            "mode": assembly.site.facts["mode"],
            "providers": assembly.found,
            "models": len(snapshot.models),
            "curl": curl_line(base_url, secret, snapshot, demo=assembly.demo),
        }
        click.echo(json.dumps(facts))
    else:
        click.echo(
            started_text(base_url, secret, snapshot, demo=assembly.demo, providers=assembly.found)
            if assembly.told is None
            else assembly.told.replace("{base_url}", base_url)
        )
    sys.stdout.flush()


class _Failed(click.ClickException):
    exit_code = 1


class _Misconfigured(click.ClickException):
    exit_code = 3
