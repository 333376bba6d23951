"""`portico ledger`: check the books."""

import json
import time
from pathlib import Path

import apsw
import click
import msgspec

from portico.cli.place import Failure, with_database
from portico.money import format_usd
from portico.storage.connection import open_for_reading
from portico.storage.errors import StorageError
from portico.storage.verify import Findings
from portico.storage.verify import verify as verify_books

_PROGRESS_EVERY_S = 5.0


@click.group()
def ledger() -> None:
    """Look into the ledger: what was held and what was charged."""


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_database
def verify(path: Path, as_json: bool) -> None:
    """Recompute every charge and the books from the rows.

    Reads only, and may run while the gateway serves. Exit code 1 if anything
    does not add up.
    """
    try:
        db = open_for_reading(path)
        findings = verify_books(db, _Progress())
        db.close()
    except (StorageError, apsw.Error) as error:
        raise Failure(f"cannot verify: {error}") from None
    if as_json:
        click.echo(json.dumps({"ok": findings.ok, **msgspec.to_builtins(findings)}))
    else:
        _print(findings)
    if not findings.ok:
        raise click.exceptions.Exit(1)


class _Progress:
    """A line on stderr every few seconds: how far, how fast, how long still."""

    def __init__(self) -> None:
        self._started_s = self._told_s = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < _PROGRESS_EVERY_S:
            return
        self._told_s = now_s
        rate = done / (now_s - self._started_s)
        left_s = (total - done) / rate
        click.echo(f"{done / total:.0%}  {rate:,.0f} generations/s  {left_s:.0f} s left", err=True)


def _print(findings: Findings) -> None:
    click.echo(f"generations  {findings.generations:,}")
    click.echo(f"charges      {findings.charges:,}, {format_usd(findings.charged_picousd)}")
    click.echo(f"in flight    {findings.open_holds:,}, {format_usd(findings.held_picousd)} held")
    click.echo(
        f"interrupted  {findings.interrupted:,},"
        f" at most {format_usd(findings.liability_picousd)} billed upstream"
    )
    for overrun in findings.overruns:
        amount = format_usd(overrun.overrun_picousd)
        click.echo(f"overrun      {overrun.generation_id}  {overrun.model}  {amount}")
    for problem in findings.problems:
        click.echo(f"problem      {problem}")
    if findings.problem_count > len(findings.problems):
        click.echo(f"problem      ... {findings.problem_count:,} in all")
    click.echo("The books are in order." if findings.ok else "The books are NOT in order.")
