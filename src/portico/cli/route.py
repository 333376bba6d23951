"""`portico route`: how requests are routed, without sending them."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, BinaryIO, NamedTuple

import apsw
import click
import msgspec

from portico import jsonio
from portico.catalog import build_snapshot
from portico.cli.place import Failure
from portico.dialects import DIALECTS
from portico.errors import GatewayError
from portico.explaining import as_json, explained
from portico.money import PICOUSD, format_usd
from portico.planning import Caller, Drops, Planner
from portico.providers import PROVIDERS
from portico.requesting import lost_on_the_way
from portico.rerouting import ASSUMPTIONS, Comparison, Side, comparison_json, reroute
from portico.resources import access_to
from portico.settings import ConfigError, Settings, load_settings, resolve_providers, routing_rules
from portico.storage import rows
from portico.storage.connection import DATABASE_NAME, open_for_reading
from portico.storage.errors import StorageError
from portico.vocabulary import Generation
from portico.wiring import catalog_data, dialects_spoken, provider_access

_SURFACE = DIALECTS["openai_chat"]
_SEED = 0  # the same request is drawn the same way each time
_UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_UNKNOWN = "-"
_JSON = click.option("--json", "as_text", is_flag=True, help="Print one JSON document.")


class _Offline(NamedTuple):
    """What plans without a running gateway."""

    planner: Planner
    names: dict[str, str]
    settings: Settings
    drops: Drops


@click.group()
def route() -> None:
    """Ask how requests are routed. Nothing is sent and nothing is charged."""


@route.command()
@click.argument("request", type=click.File("rb"), metavar="FILE|-")
@click.option("--config", metavar="FILE", help="Settings file; ./portico.toml by default.")
@click.option("--all", "every", is_flag=True, help="As if every built-in provider had a key.")
@_JSON
def explain(request: BinaryIO, config: str | None, every: bool, as_text: bool) -> None:
    """Show where a chat request would go, and why.

    FILE is the body of the request; - reads it from standard input. Prints the
    candidates in order with the numbers that ordered them, the endpoints left
    out with the reason, and what it would cost. Works without a running
    gateway: nothing is measured, and every endpoint counts as well. Exit code 1
    if the request would be refused.
    """
    offline = _offline(config, every=every)
    try:
        head = _SURFACE.read_head(request.read())
        planned = offline.planner.consider(head, Caller(), now_ms=0, drops=offline.drops)
    except GatewayError as error:
        raise Failure(error.message) from None
    told = explained(
        planned,
        default_output_tokens=offline.settings.limits.default_output_tokens,
        provider_names=offline.names,
        drops=offline.drops,
    )
    document = as_json(told)
    if as_text:
        click.echo(jsonio.dumps(document).decode())
    else:
        _print_plan(document, told.hold_picousd)
    if told.refusal is not None:
        raise Failure(told.refusal.message)


@route.command()
@click.option("--config", required=True, metavar="FILE", help="The other settings.")
@click.option("--since", default="7d", metavar="TIME", help="How far back: 30m, 12h, 7d, 4w.")
@click.option("--data-dir", metavar="DIR", help="Where the ledger lives.")
@click.option("--all", "every", is_flag=True, help="As if every built-in provider had a key.")
@_JSON
def simulate(config: str, since: str, data_dir: str | None, every: bool, as_text: bool) -> None:
    """Decide recorded requests again under other settings, and compare.

    Reads the ledger of the current settings (or of --data-dir), beside a
    running gateway if there is one. Shows cost, latency and providers as they
    were and as they would have been. What the ledger does not keep is assumed;
    the output says what.
    """
    since_ms = time.time_ns() // 1_000_000 - _duration_ms(since)
    try:
        current = load_settings(environ=os.environ, data_dir=data_dir, with_keys=False)
    except ConfigError as error:
        raise Failure(str(error), 3) from None
    offline = _offline(config, every=every)
    path = current.server.data_dir / DATABASE_NAME
    try:
        found = reroute(_recorded(path, since_ms), offline.planner, offline.names)
    except (StorageError, apsw.Error, msgspec.MsgspecError) as error:
        raise Failure(f"cannot read the ledger: {error}") from None
    if as_text:
        document = {"config": config, "since_ms": since_ms, **comparison_json(found)}
        click.echo(jsonio.dumps(document).decode())
    else:
        _print_comparison(found, since, config)


def _offline(config: str | None, *, every: bool) -> _Offline:
    try:
        settings = load_settings(environ=os.environ, path=config)
        resolved = resolve_providers(settings, os.environ)
    except ConfigError as error:
        raise Failure(str(error), 3) from None
    providers = {**PROVIDERS, **resolved.providers} if every else resolved.providers
    if not providers:
        raise Failure(
            "No provider key was found and no server is set up. Set for example OPENAI_API_KEY, "
            "describe a server in portico.toml, or plan over all built-in providers with --all."
        )
    snapshot = build_snapshot(
        catalog_data(), providers, settings.models, declared=settings.declared
    )
    names = {slug: provider.name for slug, provider in providers.items()}
    planner = Planner(snapshot, names, Random(_SEED), routing_rules(settings, resolved))
    spoken = dialects_spoken(snapshot)
    access = {
        slug: provider_access(provider, None, others=spoken.get(slug, ()))
        for slug, provider in providers.items()
    }
    return _Offline(
        planner,
        names,
        settings,
        lambda head, endpoint: lost_on_the_way(
            _SURFACE, access_to(access, endpoint), head, endpoint
        ),
    )


def _recorded(path: Path, since_ms: int) -> Iterator[Generation]:
    """The settled generations since then, as the ledger has them."""
    columns = ", ".join(rows.GENERATION_COLUMNS)
    db = open_for_reading(path)
    try:
        for row in db.execute(
            f"SELECT {columns} FROM generations WHERE created_ms >= ? ORDER BY seq",  # noqa: S608  # our own names
            (since_ms,),
        ):
            yield rows.generation_record(row)
    finally:
        db.close()


def _duration_ms(text: str) -> int:
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if match is None:
        raise click.BadParameter("write a number and m, h, d or w: 7d", param_hint="--since")
    return int(match[1]) * _UNITS_S[match[2]] * 1000


def _print_plan(document: dict[str, Any], hold_picousd: int | None) -> None:
    """The document as text; wishes and reasons in the words of the API."""
    models = ", ".join(document["models"])
    how = {"balanced": "drawn, cheaper ones more often"}.get(
        document["sorted_by"], f"sorted by {document['sorted_by']}"
    )
    click.echo(f"{document['requested']} -> {models}  ({document['strategy']}; {how})")
    if document["candidates"]:
        click.echo(_table([_HEAD, *(_row(row) for row in document["candidates"])], left=3))
    if document["excluded"]:
        click.echo("\nLeft out:")
        left_out = [(e["model"], e["tag"], e["code"], e["reason"]) for e in document["excluded"]]
        click.echo(_table(left_out, left=4))
    estimate = document["estimate"]
    if hold_picousd is not None:
        click.echo(
            f"\nEstimate: {estimate['prompt_tokens']:,} prompt tokens and up to"
            f" {estimate['output_tokens']:,} output tokens come to"
            f" {_usd(estimate['cost'])} at the first; {format_usd(hold_picousd)} would be held."
        )


_HEAD = (
    "#",
    "MODEL",
    "ENDPOINT",
    "IN $/M",
    "OUT $/M",
    "CHANCE",
    "LATENCY",
    "TOK/S",
    "HEALTH",
    "COST",
)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    latency, throughput, price = row["latency_s"], row["throughput_tps"], row["price"] or {}
    key = f" ({row['credential']})" if row["credential"] else ""
    return (
        str(row["place"]),
        row["model"],
        row["tag"] + key,
        price.get("prompt", _UNKNOWN),
        price.get("completion", _UNKNOWN),
        _UNKNOWN if row["chance"] is None else f"{row['chance']:.1%}",
        _UNKNOWN if latency is None else f"{latency['p50']:.2f} s",
        _UNKNOWN if throughput is None else f"{throughput['p50']:.0f}",
        row["health"],
        _usd(row["estimated_cost"]),
    )


def _print_comparison(found: Comparison, since: str, config: str) -> None:
    click.echo(f"{found.generations:,} generations of the last {since}, under {config}:")
    for code, count in sorted(found.refused.items()):
        click.echo(f"  {count:,} more would be refused: {code}")
    if found.skipped:
        click.echo(f"  {found.skipped:,} more are left out: they failed, or have no usage")
    before, after = found.happened, found.simulated
    facts: list[tuple[str, ...]] = [
        ("", "HAPPENED", "SIMULATED"),
        ("cost", format_usd(before.cost_picousd), format_usd(after.cost_picousd)),
        ("latency", _latency(before), _latency(after)),
        ("measured", f"{before.measured:.0%}", f"{after.measured:.0%}"),
    ]
    shares = {share.provider: share.requests for share in after.providers}
    counts = {share.provider: share.requests for share in before.providers}
    total = found.generations or 1
    for provider in dict.fromkeys([*counts, *shares]):
        sides = (f"{side.get(provider, 0.0) / total:.1%}" for side in (counts, shares))
        facts.append((provider, *sides))
    click.echo(_table(facts, left=1))
    click.echo(f"{found.unchanged:.1%} would stay where they were.")
    click.echo("\nAssumed: " + ";\n         ".join(ASSUMPTIONS) + ".")


def _latency(side: Side) -> str:
    return _UNKNOWN if side.latency_ms is None else f"{side.latency_ms:,.0f} ms"


def _usd(amount: float) -> str:
    return format_usd(round(amount * PICOUSD))


def _table(lines: Sequence[tuple[str, ...]], *, left: int) -> str:
    """Columns in line; the first `left` ones begin together, the others end together."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
