"""`portico simulate`: the scripted upstream as a process of its own."""

import asyncio
import signal
from pathlib import Path

import click
import msgspec

from portico.errors import InvalidRequest
from portico.jsonio import dumps
from portico.simulator import Script, Simulator, decode_script

try:
    from uvloop import run
except ImportError:  # not on every platform
    from asyncio import run  # type: ignore[assignment]  # called alike


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default=True, help="Port to listen on; 0 is any free one.")
@click.option(
    "--script",
    "script_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What to answer, as JSON or (by its suffix) TOML.",
)
@click.option("--seed", type=int, help="Overrides the script's seed.")
@click.option("--ttft", "ttft_s", type=float, help="Seconds to the first token.")
@click.option("--interval", "interval_s", type=float, help="Seconds between two tokens.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON.")
def simulate(
    host: str,
    port: int,
    script_path: Path | None,
    seed: int | None,
    ttft_s: float | None,
    interval_s: float | None,
    as_json: bool,
) -> None:
    """Run an upstream that speaks the OpenAI chat dialect from a script.

    Prints one line with its base URL when it is ready and runs until it is
    stopped. Without a script it answers every prompt and says what it is.
    """
    script = _read_script(script_path)
    wished = {"seed": seed, "ttft_s": ttft_s, "chunk_interval_s": interval_s}
    given = {name: value for name, value in wished.items() if value is not None}
    script = msgspec.structs.replace(script, **given)
    try:
        run(_serve(script, host, port, as_json=as_json))
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _read_script(path: Path | None) -> Script:
    if path is None:
        return Script()
    try:
        return decode_script(path.read_bytes(), toml=path.suffix == ".toml")
    except InvalidRequest as error:
        raise click.UsageError(f"{path}: {error.message}") from error


async def _serve(script: Script, host: str, port: int, *, as_json: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with Simulator(script, host=host, port=port) as simulator:
        line = dumps({"url": simulator.url}).decode() if as_json else simulator.url
        click.echo(line)
        await stopped.wait()
