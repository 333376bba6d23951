"""`portico record` and `portico replay`: a gateway that writes cassettes, and one that reads them."""

import os
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import get_args

import click
import msgspec

from portico.cassette import FORMATS
from portico.cli.up import Place, place_options, serve
from portico.replay import Mode, ReplayOptions, assemble_replay
from portico.settings import Secret, Settings
from portico.wiring import NO_KEY, Assembly, assemble

_DEFAULT_DIR = "cassettes"


@click.command()
@click.argument("directory", metavar="[DIR]", required=False,
                type=click.Path(file_okay=False, path_type=Path))  # fmt: skip
@click.option("--tape", help='Name of the cassette; "recorded" by default.')
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="How it is written.")
@click.option("--side", type=click.Choice(["upstream", "client"]),
              help="Record what providers say, or what the gateway answers.")  # fmt: skip
@place_options
def record(
    place: Place, directory: Path | None, tape: str | None, form: str | None, side: str | None
) -> None:
    """Serve the gateway and record every exchange.

    Cassettes go to DIR, "cassettes" by default. Secrets are taken out before
    anything is written. A request that names a cassette in X-Portico-Record is
    recorded on that one.
    """

    def change(settings: Settings) -> Settings:
        said = {"dir": directory, "tape": tape, "format": form, "side": side}
        given = {name: value for name, value in said.items() if value is not None}
        wanted = msgspec.structs.replace(settings.recordings, **given)
        if wanted.dir is None:
            wanted = msgspec.structs.replace(wanted, dir=Path(_DEFAULT_DIR))
        return msgspec.structs.replace(settings, recordings=wanted)

    def assembling(settings: Settings) -> Awaitable[Assembly]:
        return assemble(settings, os.environ, record_all=True)

    serve(place, assembling, change=change)


@click.command()
@click.argument("path", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--mode", type=click.Choice(get_args(Mode)), default="none", show_default=True,
              help="What is recorded: nothing; everything if there is no cassette; "
              "what is on none; everything anew.")  # fmt: skip
@click.option("--pace", default="0", show_default=True, metavar="FACTOR",
              help="Wait as recorded, times this factor; \"recorded\" is 1.")  # fmt: skip
@click.option("--allow-live-keys", "live_keys", is_flag=True,
              help="Start although keys of providers are there.")  # fmt: skip
@place_options
def replay(place: Place, path: Path, mode: Mode, pace: str, live_keys: bool) -> None:
    """Serve recordings in the place of providers.

    DIR is a cassette or a directory of them. Cassettes recorded at providers
    stand below the router; those of a gateway's own answers are given to
    clients as they are. Any key is accepted, and no network is touched unless
    --mode says so. Without --data-dir or PORTICO_DATA_DIR the ledger is thrown
    away at the end.
    """
    options = ReplayOptions(path=path, mode=mode, pace=_factor(pace), live_keys=live_keys)
    with tempfile.TemporaryDirectory(prefix="portico-replay-") as scratch:

        def change(settings: Settings) -> Settings:
            if settings.origins["server.data_dir"] != "default":
                return settings
            server = msgspec.structs.replace(settings.server, data_dir=Path(scratch))
            return msgspec.structs.replace(settings, server=server)

        def assembling(settings: Settings) -> Awaitable[Assembly]:
            return assemble_replay(settings, os.environ, options)

        serve(place, assembling, change=change, no_key=Secret(NO_KEY))


def _factor(text: str) -> float:
    """A pace: a number that is not negative, or a word for one."""
    words = {"none": 0.0, "recorded": 1.0}
    try:
        factor = words[text] if text in words else float(text)
    except ValueError:
        factor = -1.0
    if not 0 <= factor < 1e6:
        raise click.BadParameter(f"{text!r} is no factor", param_hint="--pace")
    return factor
