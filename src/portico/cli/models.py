"""`portico models`: what can be called, and what it costs. Looks at settings and prices only."""

import os
import sys
from typing import Any

import click

from portico import jsonio
from portico.catalog import build_snapshot
from portico.money import picousd_to_decimal_text
from portico.settings import ConfigError, load_settings, resolve_providers
from portico.vocabulary import CatalogSnapshot, Endpoint, Model, Pricing
from portico.wiring import catalog_data, demo_snapshot

_TOKENS_PER_PRICE = 1_000_000
_UNKNOWN = "-"
_DEMO = (
    "No provider key was found and no server is set up: these are the models of the demo.\n"
    "Set for example OPENAI_API_KEY or GROQ_API_KEY, or describe a server in portico.toml."
)


@click.command()
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--config", "path", metavar="FILE", help="Settings file; ./portico.toml by default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def models(words: tuple[str, ...], path: str | None, as_json: bool) -> None:
    """List the models that can be called with the keys and settings there are.

    With WORDs, only models whose slug contains all of them. Prices are USD per
    million tokens. No network is used, so models of local servers that
    `portico up` would find by itself are not in the list. Where nothing is set up,
    the models are those of the demo.
    """
    try:
        settings = load_settings(environ=os.environ, path=path)
        resolved = resolve_providers(settings, os.environ)
    except ConfigError as error:
        click.echo(f"portico: {error}", err=True)
        sys.exit(3)
    for warning in (*settings.warnings, *resolved.warnings):
        click.echo(f"warning: {warning}", err=True)
    snapshot = build_snapshot(catalog_data(), resolved.providers, settings.models)
    is_demo = not resolved.providers
    if is_demo:
        click.echo(_DEMO, err=True)
        snapshot = demo_snapshot()
    wanted = [word.lower() for word in words]
    found = [m for slug, m in snapshot.models.items() if all(word in slug for word in wanted)]
    if as_json:
        click.echo(jsonio.dumps(_document(snapshot, found, is_demo=is_demo)).decode())
    elif found:
        click.echo(_table(found))
        noun = "model" if len(found) == 1 else "models"
        click.echo(f"{len(found)} {noun}, prices of {snapshot.version}")
    elif snapshot.models:
        click.echo(f"None of the {len(snapshot.models)} models is named so.")
    else:
        click.echo("No models: the providers there are have none. Describe one under [[models]].")


def _document(snapshot: CatalogSnapshot, found: list[Model], *, is_demo: bool) -> dict[str, Any]:
    """The stable JSON form: per endpoint, prices in USD per token as exact decimal strings."""
    return {
        "version": snapshot.version,
        "demo": is_demo,
        "models": [
            {
                "id": model.slug,
                "name": model.name,
                "endpoints": [_endpoint(endpoint) for endpoint in model.endpoints],
            }
            for model in found
        ],
    }


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    pricing = endpoint.pricing
    return {
        "provider": endpoint.provider,
        "tag": endpoint.tag,
        "upstream_model": endpoint.upstream_model,
        "context_tokens": endpoint.context_tokens,
        "price": None
        if pricing is None
        else {
            "prompt": picousd_to_decimal_text(pricing.prompt_picousd),
            "completion": picousd_to_decimal_text(pricing.completion_picousd),
            **{
                name: picousd_to_decimal_text(rate)
                for name in (
                    "input_audio",
                    "output_audio",
                    "input_image",
                    "output_image",
                    "request",
                )
                if (rate := getattr(pricing, f"{name}_picousd"))
            },
        },
    }


def _table(found: list[Model]) -> str:
    rows = [("MODEL", "PROVIDER", "IN $/M", "OUT $/M", "CONTEXT")]
    for model in found:
        for position, endpoint in enumerate(model.endpoints):
            pricing = endpoint.pricing
            rows.append(
                (
                    model.slug if position == 0 else "",
                    endpoint.tag,
                    "unknown" if pricing is None else _going_in(pricing),
                    "unknown" if pricing is None else _coming_out(pricing),
                    _UNKNOWN if endpoint.context_tokens is None else f"{endpoint.context_tokens:,}",
                )
            )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        names = (cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True))
        numbers = (cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True))
        lines.append("  ".join((*names, *numbers)))
    return "\n".join(lines)


def _going_in(pricing: Pricing) -> str:
    """What is billed of a request; sound by the second and requests say so themselves."""
    parts = []
    if pricing.prompt_picousd or not (pricing.input_audio_picousd or pricing.request_picousd):
        parts.append(_per_million(pricing.prompt_picousd))
    elif pricing.input_audio_picousd:
        parts.append(f"{picousd_to_decimal_text(pricing.input_audio_picousd)}/s")
    if pricing.request_picousd:
        parts.append(f"{picousd_to_decimal_text(pricing.request_picousd)} each")
    return " + ".join(parts)


def _coming_out(pricing: Pricing) -> str:
    """The rate of what most of an answer is: pictures, where they have one of their own."""
    return _per_million(pricing.output_image_picousd or pricing.completion_picousd)


def _per_million(picousd_per_token: int) -> str:
    return picousd_to_decimal_text(picousd_per_token * _TOKENS_PER_PRICE)
