"""`portico keys`: make keys and switch them off and on, beside a running gateway."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import apsw
import click

from portico.cli.place import Failure, with_database
from portico.keys import ENTROPY_BYTES, issue
from portico.money import PICOUSD, format_usd, parse_usd
from portico.storage import rows
from portico.storage.connection import open_database
from portico.storage.errors import StorageError
from portico.vocabulary import ApiKey, LimitReset, StreamTail

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def keys() -> None:
    """Make, list, disable and enable keys of this gateway.

    Works while the gateway runs; changes take effect within a second.
    """


@keys.command()
@click.option("--name", required=True, help="What the key is for.")
@click.option("--limit", metavar="USD", help="Spending limit, for example 25.00.")
@click.option(
    "--limit-reset",
    type=click.Choice(["daily", "weekly", "monthly"]),
    help="Count the limit anew every day, week or month (00:00 UTC); never by default.",
)
@click.option(
    "--stream-tail",
    type=click.Choice(get_args(StreamTail)),
    help="What the last chunk of a stream has in its choices, for an app that needs another form.",
)
@_JSON
@with_database
def create(
    path: Path,
    name: str,
    limit: str | None,
    limit_reset: LimitReset | None,
    stream_tail: StreamTail | None,
    as_json: bool,
) -> None:
    """Make a key and print its secret, once."""
    if limit_reset and limit is None:
        raise click.UsageError("--limit-reset needs --limit.")
    try:
        limit_picousd = None if limit is None else parse_usd(limit)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--limit") from None
    key, secret = issue(
        name=name,
        entropy=secrets.token_bytes(ENTROPY_BYTES),
        created_ms=time.time_ns() // 1_000_000,
        limit_picousd=limit_picousd,
        limit_reset=limit_reset,
        stream_tail=stream_tail,
    )
    with _opened(path) as db:
        key = rows.insert_key(db, key)
    if as_json:
        click.echo(json.dumps({"key": secret, **_facts(key)}))
        return
    click.echo(secret)
    click.echo("Store it now: it is not shown again.", err=True)


@keys.command("list")
@_JSON
@with_database
def list_keys(path: Path, as_json: bool) -> None:
    """List the keys, oldest first; secrets are never shown."""
    with _opened(path) as db:
        found = rows.all_keys(db)
    if as_json:
        click.echo(json.dumps([_facts(key) for key in found]))
        return
    for key in found:
        state = "disabled" if key.disabled else "enabled"
        click.echo(f"{key.hash[:12]}  {key.label}  {state:8}  {_limit(key):24}  {key.name}")
    if not found:
        click.echo("No keys yet: portico keys create --name NAME", err=True)


@keys.command()
@click.argument("key", metavar="HASH|NAME")
@_JSON
@with_database
def disable(path: Path, key: str, as_json: bool) -> None:
    """Switch a key off: requests with it are refused with 401."""
    _switch(path, key, as_json=as_json, disabled=True)


@keys.command()
@click.argument("key", metavar="HASH|NAME")
@_JSON
@with_database
def enable(path: Path, key: str, as_json: bool) -> None:
    """Switch a key on again."""
    _switch(path, key, as_json=as_json, disabled=False)


def _switch(path: Path, wanted: str, *, as_json: bool, disabled: bool) -> None:
    with _opened(path) as db:
        key = _find(rows.all_keys(db), wanted)
        changed = rows.update_disabled(db, key.hash, disabled=disabled)
    assert changed is not None, "found a line above, in the same transaction"
    if as_json:
        click.echo(json.dumps(_facts(changed)))
    else:
        click.echo(f"{changed.label} ({changed.name}) is {'disabled' if disabled else 'enabled'}.")


def _find(known: list[ApiKey], wanted: str) -> ApiKey:
    """The key whose hash starts with `wanted` (8 digits or more) or whose name it is."""
    found = [key for key in known if key.name == wanted]
    found = found or [key for key in known if len(wanted) >= 8 and key.hash.startswith(wanted)]
    if not found:
        raise Failure(f"There is no key {wanted!r}; `portico keys list` shows them.")
    if len(found) > 1:
        hashes = ", ".join(key.hash[:12] for key in found)
        raise Failure(f"{len(found)} keys are meant by {wanted!r}: {hashes}. Give the hash.")
    return found[0]


@contextmanager
def _opened(path: Path) -> Iterator[apsw.Connection]:
    """The database in one transaction; failures end the command with a sentence."""
    try:
        db = open_database(path)
    except StorageError as error:
        raise Failure(str(error)) from None
    try:
        db.execute("BEGIN IMMEDIATE")
        yield db
        db.execute("COMMIT")
    except apsw.Error as error:
        raise Failure(f"cannot write {path}: {error}") from None
    finally:
        db.close()


def _facts(key: ApiKey) -> dict[str, object]:
    """What may be printed of a key; amounts in dollars."""
    limit = key.limit_picousd
    return {
        "hash": key.hash,
        "name": key.name,
        "label": key.label,
        "disabled": key.disabled,
        "limit": None if limit is None else limit / PICOUSD,
        "limit_reset": key.limit_reset,
        "stream_tail": key.stream_tail,
        "created_ms": key.created_ms,
    }


def _limit(key: ApiKey) -> str:
    if key.limit_picousd is None:
        return "no limit"
    return f"{format_usd(key.limit_picousd)} {key.limit_reset or 'in total'}"
