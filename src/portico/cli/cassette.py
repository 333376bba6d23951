"""`portico cassette`: look at recordings, compare, convert, redact, check and thin them out."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click
import msgspec

from portico.cassette import FORMATS, Cassette, CassetteError, Interaction
from portico.cassette.checking import check
from portico.cassette.comparing import diff as changes_between
from portico.cassette.comparing import drift as drift_of
from portico.cassette.comparing import repeated, without
from portico.cassette.extension import timestamp
from portico.cassette.fields import model_of
from portico.cassette.formats import RUBY_VCR, SUFFIXES, load_with_format
from portico.cassette.matching import MATCHERS, Matcher, matchers_named
from portico.cassette.redaction import Redactor
from portico.cli.place import Failure
from portico.storage.files import replace_file

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DAY_MS = 86_400_000


@click.group()
def cassette() -> None:
    """Look at recordings, compare, convert, redact, check and thin them out."""


def _json_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def _match_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --match and --ignore as its argument `matchers`."""

    @click.option(
        "--match",
        "names",
        multiple=True,
        type=click.Choice(list(MATCHERS)),
        help="What must be equal; may be repeated. By default method, path, query and chat_body.",
    )
    @click.option(
        "--ignore",
        "ignored",
        multiple=True,
        metavar="POINTER",
        help="A place in bodies that does not matter, as a JSON pointer; may be repeated.",
    )
    @wraps(command)
    def with_matchers(names: tuple[str, ...], ignored: tuple[str, ...], **rest: Any) -> None:
        wanted = names or ("method", "path", "query", "chat_body")
        try:
            matchers = matchers_named(wanted, ignored=ignored)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        command(matchers=matchers, **rest)

    return with_matchers


@cassette.command()
@click.argument("file", type=_FILE)
@click.option("--interaction", "number", type=int, help="Show this one whole, with its bodies.")
@_json_option
def show(file: Path, number: int | None, as_json: bool) -> None:
    """List what is on a cassette."""
    tape, form = _read(file)
    rows = [_row(n, one) for n, one in enumerate(tape.interactions)]
    if number is not None:
        if not 0 <= number < len(rows):
            raise Failure(f"{file}: there is no interaction {number}, only 0 to {len(rows) - 1}")
        rows = [rows[number] | _bodies(tape.interactions[number])]
    if as_json:
        _print_json({"file": str(file), "format": form, "interactions": rows})
        return
    click.echo(f"{file}: {form}, {len(tape.interactions)} interactions")
    for row in rows:
        size, took = f"{row['response_bytes']:,} bytes", row["duration_s"]
        parts = [f"{row['number']:3}", row["method"], row["url"], f"-> {row['status']}", size]
        parts += [f"{row['frames']} frames"] if row["frames"] else []
        parts += [f"{took:.3f} s"] if took is not None else []
        parts += [row["model"]] if row["model"] else []
        parts += [row["ended"]] if row["ended"] != "done" else []
        click.echo("  ".join(parts))
    if number is not None:
        click.echo(f"\n{rows[0]['request_body']}\n\n{rows[0]['response_body']}")


@cassette.command()
@click.argument("a", type=_FILE)
@click.argument("b", type=_FILE)
@_json_option
def diff(a: Path, b: Path, as_json: bool) -> None:
    """Compare two cassettes, whatever their formats. Exit code 1 if they differ.

    Interactions are compared in their order, bodies as JSON where they are.
    Times do not count.
    """
    try:
        changes = changes_between(_read(a)[0], _read(b)[0])
    except ValueError as error:
        raise Failure(f"{a} and {b} cannot be compared: {error}") from None
    if as_json:
        _print_json({"changes": msgspec.to_builtins(changes)})
    for change in changes if not as_json else ():
        click.echo(f"{change.interaction:3}  {change.where}: {change.what}")
    if changes:
        raise click.exceptions.Exit(1)


@cassette.command()
@click.argument("file", type=_FILE)
@click.option("--to", type=click.Choice(list(FORMATS)), required=True, help="The format to write.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True,
              metavar="FILE", help="Where to write it.")  # fmt: skip
@_json_option
def convert(file: Path, to: str, out: Path, as_json: bool) -> None:
    """Write a cassette in another format. Bodies stay the same to the byte.

    What formats other tools' readers pass over, frames and times among it,
    stands under `x_portico`.
    """
    tape, form = _read(file)
    _write(out, tape, to)
    facts = {"from": form, "to": to, "out": str(out), "interactions": len(tape.interactions)}
    _print_or_say(facts, f"{out}: {len(tape.interactions)} interactions as {to}", as_json=as_json)


@cassette.command()
@click.argument("file", type=_FILE)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Where to write it; in its own place by default.")  # fmt: skip
@click.option("--secret", "names", multiple=True, metavar="NAME",
              help="An environment variable that holds a secret; may be repeated.")  # fmt: skip
@click.option("--pattern", "patterns", multiple=True, metavar="REGEX",
              help="What else to replace; of one with a group, the group.")  # fmt: skip
@click.option("--keep-header", "headers", multiple=True, metavar="NAME",
              help="A header to keep beside the usual ones; may be repeated.")  # fmt: skip
@_json_option
def redact(
    file: Path,
    out: Path | None,
    names: tuple[str, ...],
    patterns: tuple[str, ...],
    headers: tuple[str, ...],
    as_json: bool,
) -> None:
    """Take secrets out of a cassette, and headers that nobody needs.

    What looks like a key is replaced in any case.
    """
    tape, form = _read(file)
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise click.UsageError(f"not set in the environment: {', '.join(missing)}")
    keep = [name.lower() for name in headers]
    try:
        redactor = Redactor(
            secrets=[os.environ[name] for name in names],
            patterns=patterns,
            request_headers=keep,
            response_headers=keep,
        )
        redacted = redactor.cassette(tape)
    except ValueError as error:
        raise Failure(f"{file}: {error}") from None
    changed = [
        number
        for number, (a, b) in enumerate(zip(tape.interactions, redacted.interactions, strict=True))
        if a != b
    ]
    _write(out or file, redacted, _writable(form))
    facts = {"out": str(out or file), "changed": changed}
    _print_or_say(facts, f"{out or file}: {len(changed)} interactions changed", as_json=as_json)


@cassette.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--strict", is_flag=True, help="Fail for everything found, not only for problems.")
@_json_option
def verify(paths: tuple[Path, ...], strict: bool, as_json: bool) -> None:
    """Check cassettes, or all in a directory: that they load, that frames add up, and for secrets.

    Exit code 1 if a file cannot be replayed as it was recorded.
    """
    redactor = Redactor()
    files, failed = [], 0
    for file in _files(paths):
        row: dict[str, Any] = {"file": str(file), "ok": True, "interactions": 0, "findings": []}
        try:
            tape, row["format"] = _load(file)
            found = check(tape, redactor)
            row["interactions"] = len(tape.interactions)
            row["findings"] = msgspec.to_builtins(found)
            row["ok"] = not any(one.problem or strict for one in found)
        except (CassetteError, OSError) as error:
            row |= {"ok": False, "error": str(error)}
        failed += not row["ok"]
        files.append(row)
    if as_json:
        _print_json({"ok": not failed, "files": files})
    else:
        for row in files:
            _print_verified(row)
        click.echo(f"{len(files) - failed} of {len(files)} cassettes are in order.")
    if failed:
        raise click.exceptions.Exit(1)


@cassette.command()
@click.argument("file", type=_FILE)
@click.option("--repeated", "drop_repeated", is_flag=True,
              help="Drop what says the same as an earlier interaction.")  # fmt: skip
@click.option("--failed", "drop_failed", is_flag=True,
              help="Drop answers that broke or were left.")  # fmt: skip
@click.option("--older-than", "days", type=float, metavar="DAYS",
              help="Drop what was recorded before; what has no time stays.")  # fmt: skip
@click.option("--unasked-by", "requests", type=_FILE,
              help="Drop what no request on this cassette asks for.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Tell what would go, and write nothing.")
@_match_options
@_json_option
def prune(
    file: Path,
    drop_repeated: bool,
    drop_failed: bool,
    days: float | None,
    requests: Path | None,
    dry_run: bool,
    matchers: tuple[Matcher, ...],
    as_json: bool,
) -> None:
    """Drop interactions that nobody needs."""
    tape, form = _read(file)
    gone: set[int] = set(repeated(tape)) if drop_repeated else set()
    if drop_failed:
        gone |= _where(tape, lambda one: one.response.ended != "done")
    if days is not None:
        before_ms = time.time_ns() // 1_000_000 - days * _DAY_MS
        gone |= _where(
            tape, lambda one: one.recorded_ms is not None and one.recorded_ms < before_ms
        )
    if requests is not None:
        asked = [one.request for one in _read(requests)[0].interactions]
        gone |= set(drift_of(tape, asked, matchers).unasked)
    if gone and not dry_run:
        _write(file, without(tape, sorted(gone)), _writable(form))
    facts = {"file": str(file), "dropped": sorted(gone), "kept": len(tape.interactions) - len(gone)}
    would = "would go" if dry_run else "dropped"
    told = f"{file}: {would}: {', '.join(map(str, sorted(gone))) or 'nothing'}"
    _print_or_say(facts, told, as_json=as_json)


@cassette.command()
@click.argument("tape_file", metavar="TAPE", type=_FILE)
@click.argument("requests_file", metavar="REQUESTS", type=_FILE)
@_match_options
@_json_option
def drift(
    tape_file: Path, requests_file: Path, matchers: tuple[Matcher, ...], as_json: bool
) -> None:
    """Run the requests on one cassette against another, and list what has changed.

    REQUESTS is what clients send today, recorded at the same side of the
    gateway as TAPE. Exit code 1 if there is any that TAPE does not answer.
    """
    requests = [one.request for one in _read(requests_file)[0].interactions]
    found = drift_of(_read(tape_file)[0], requests, matchers)
    if as_json:
        _print_json(msgspec.to_builtins(found))
    else:
        for one in found.changed:
            closest = "nothing" if one.closest is None else f"interaction {one.closest}"
            click.echo(f"request {one.request}: {one.method} {one.url}; closest is {closest}")
            for difference in one.differs_in:
                click.echo(f"    {difference}")
        if found.unasked:
            click.echo(f"not asked for any more: {', '.join(map(str, found.unasked))}")
        click.echo(f"{found.matched} as recorded, {len(found.changed)} changed")
    if found.changed:
        raise click.exceptions.Exit(1)


def _where(tape: Cassette, holds: Callable[[Interaction], bool]) -> set[int]:
    return {number for number, one in enumerate(tape.interactions) if holds(one)}


def _load(file: Path) -> tuple[Cassette, str]:
    return load_with_format(file.read_bytes(), name=file.name)


def _read(file: Path) -> tuple[Cassette, str]:
    try:
        return _load(file)
    except (CassetteError, OSError) as error:
        raise Failure(str(error)) from None


def _writable(form: str) -> str:
    if form == RUBY_VCR:
        raise Failure("Ruby VCR's format is only read; `portico cassette convert` makes another")
    return form


def _write(file: Path, tape: Cassette, form: str) -> None:
    try:
        replace_file(file, FORMATS[form].write(tape))
    except (CassetteError, OSError) as error:
        raise Failure(f"{file}: {error}") from None


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES and f.is_file())
        else:
            yield path


def _row(number: int, one: Interaction) -> dict[str, Any]:
    request, response = one.request, one.response
    return {
        "number": number,
        "side": one.side,
        "recorded_at": timestamp(one.recorded_ms) if one.recorded_ms is not None else None,
        "method": request.method,
        "url": request.url,
        "model": model_of(request),
        "request_bytes": len(request.body),
        "status": response.status,
        "response_bytes": len(response.body),
        "streamed": response.is_event_stream,
        "frames": len(response.frames),
        "duration_s": response.duration_s,
        "ended": response.ended,
    }


def _bodies(one: Interaction) -> dict[str, Any]:
    return {
        "request_headers": list(one.request.headers),
        "request_body": one.request.body.decode("utf-8", "replace"),
        "response_headers": list(one.response.headers),
        "response_body": one.response.body.decode("utf-8", "replace"),
        "response_frames": [[f.size_bytes, f.at_s] for f in one.response.frames],
    }


def _print_verified(row: dict[str, Any]) -> None:
    if error := row.get("error"):
        click.echo(f"FAIL  {row['file']}: {error}")
        return
    found: Iterable[dict[str, Any]] = row["findings"]
    for one in found:
        word = "FAIL" if one["problem"] else "note"
        click.echo(f"{word}  {row['file']}: interaction {one['interaction']}: {one['message']}")


def _print_json(value: object) -> None:
    click.echo(json.dumps(value))


def _print_or_say(facts: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        _print_json(facts)
    else:
        click.echo(text)
