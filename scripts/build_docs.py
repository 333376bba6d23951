"""Write `docs/reference/` from the code: commands, settings, errors, providers, routes.

    .venv/bin/python scripts/build_docs.py            # write what has changed
    .venv/bin/python scripts/build_docs.py --check    # exit code 1 if something would change

Names and values come from the objects that the program itself uses, meanings
from their docstrings and help texts: what a page lacks is added there. The
same code gives the same bytes.
"""

import argparse
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec

from portico import errors
from portico.cli import cli
from portico.providers import PROVIDERS, Provider
from portico.server.app import CATALOG_PATHS, PREFIXES, ROOT_ROUTES, ROUTES
from portico.server.request import Route
from portico.settings import DEFAULT_FILE
from portico.settings.loading import (
    ENVIRONMENT,
    SECTIONS,
    ModelTable,
    PriceTable,
    ProviderTable,
)
from portico.simulator import Script, Step, ToolCallStep

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
_GENERATED = (
    "<!-- Written by scripts/build_docs.py: change the code's docstrings, not this page. -->"
)
_REQUIRED = "required"
_UNSET = "unset"


# --- Markdown ------------------------------------------------------------------------


def page(title: str, *parts: str) -> str:
    """Return a whole page; empty parts are left out."""
    return "\n\n".join((f"# {title}", _GENERATED, *filter(None, parts))) + "\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table; cells may hold anything but line breaks that matter."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return `text` in backquotes; nothing for nothing."""
    return f"`{text}`" if text else ""


# --- docstrings ----------------------------------------------------------------------


def paragraphs(thing: object) -> list[str]:
    """Return the docstring's paragraphs as one line each, without sections like Attributes.

    Raises:
        ValueError: there is none.
    """
    doc = inspect.getdoc(thing)
    if not doc:
        raise ValueError(f"{thing!r} has no docstring")
    prose = re.split(r"^(?:Args|Attributes|Raises|Returns):$", doc, maxsplit=1, flags=re.M)[0]
    return [" ".join(block.split()) for block in prose.split("\n\n") if block.strip()]


def attributes(kind: type) -> dict[str, str]:
    """Return what the Attributes section of a record's docstring says, by field."""
    doc = inspect.getdoc(kind) or ""
    _, _, section = doc.partition("Attributes:\n")
    meanings: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if entry := re.match(r"    (\w+): (.+)", line):
            name = entry[1]
            meanings[name] = entry[2]
        elif name and line.strip():
            meanings[name] += " " + line.strip()
    return meanings


# --- commands ------------------------------------------------------------------------


def cli_page() -> str:
    """Every command with its options, as click knows them."""
    root = click.Context(cli, info_name="portico")
    return page(
        "Commands",
        "Results go to standard output, remarks to standard error. Exit codes: 0 ok, 1 failed, "
        "2 wrong usage, 3 settings that cannot be used. Every command has `--help`.",
        *(part for context in commands(root) for part in _command(context)),
    )


def commands(context: click.Context) -> Iterator[click.Context]:
    """Yield the context of a command and of all below it, depth first, by name."""
    yield context
    if isinstance(context.command, click.Group):
        for name in sorted(context.command.list_commands(context)):
            below = context.command.get_command(context, name)
            assert below is not None, "it is in the list"
            yield from commands(click.Context(below, info_name=name, parent=context))


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f"## `{context.command_path}`"
    yield "\n\n".join(_help(command))
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"```text\n{usage}\n```"
    options = [option for option in command.params if isinstance(option, click.Option)]
    if options:
        rows = [_option(option, context) for option in options]
        yield table(("option", "default", "meaning"), rows)


def _help(command: click.Command) -> list[str]:
    if not command.help:
        raise ValueError(f"{command.name} has no help")
    return [" ".join(part.split()) for part in inspect.cleandoc(command.help).split("\n\n")]


def _option(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    names = ", ".join(option.opts)
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    default = _REQUIRED if option.required else ""
    if option.show_default:
        default = code(str(option.default))
    return code(names + value), default, option.help or ""


# --- settings ------------------------------------------------------------------------


def settings_page() -> str:
    """Every section and key of `portico.toml`."""
    variables = {place: name for name, place in ENVIRONMENT.items()}
    plain = [described(f"[{name}]", kind, name, variables) for name, kind in SECTIONS.items()]
    return page(
        "Settings",
        f"`portico` reads the file that `--config` or `PORTICO_CONFIG` names, else "
        f"`./{DEFAULT_FILE}` if there is one. The command line wins over the environment, the "
        "environment over the file, the file over the defaults. A key that is not on this page, "
        "or a value of another type, stops the start with file, line, section and key.",
        *plain,
        _ALIASES,
        described("[providers.<slug>]", ProviderTable),
        "The variables that hold keys are on the page of the [providers](providers.md).",
        described("[[models]]", ModelTable, more=(_PRICE,)),
        described("price", PriceTable),
        "An example is in [A private server](../howto/private-server.md).",
    )


_ALIASES = """## `[aliases]`

Other names for models. A key is the name, its value what it stands for: a slug with any suffixes,
a family (`~acme/orca-latest`) or a router (`openrouter/auto`). An alias comes before the
catalogue's own names. One for a name of Anthropic's clients (`claude-haiku-4-5`) holds for every
date and spelling of it.

```toml
[aliases]
fast = "openai/gpt-5-mini:nitro"
"gpt-4" = "openai/gpt-4.1"
```"""
_PRICE = ("`price`", "table", _UNSET, "", "What it costs, see [price](#price).")


def described(
    title: str,
    kind: type[msgspec.Struct],
    section: str = "",
    variables: dict[tuple[str, str], str] | None = None,
    more: tuple[tuple[str, ...], ...] = (),
) -> str:
    """Return the part of a page that describes a table of a TOML file.

    Args:
        title: the table as written in a file.
        kind: its record; each field needs a meaning under Attributes.
        section: its name in `variables`, empty if it has no variables.
        variables: environment variables by section and key.
        more: rows for keys that are not fields of the record.

    Raises:
        ValueError: a field has no meaning.
    """
    meanings = attributes(kind)
    rows: list[tuple[str, ...]] = []
    for field in msgspec.structs.fields(kind):
        if field.name not in meanings:
            raise ValueError(f"{kind.__name__}: {field.name} has no meaning under Attributes")
        variable = (variables or {}).get((section, field.name), "")
        default = _REQUIRED if field.required else _default(_default_of(field))
        row = (code(field.name), type_text(field.type), default, code(variable))
        rows.append((*row, _capital(meanings[field.name])))
    rows += more
    head = ["key", "type", "default", "environment", "meaning"]
    if not any(row[3] for row in rows):
        head.remove("environment")
        rows = [(*row[:3], row[4]) for row in rows]
    intro = [_capital(part) for part in paragraphs(kind)]
    intro[0] = _capital(
        intro[0].removeprefix(f"`{title}`").lstrip(" :").removeprefix("as written: ")
    )
    heading = code(title) if title.islower() else title
    return "\n\n".join((f"## {heading}", *intro, table(tuple(head), rows)))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _default_of(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _default(value: object) -> str:
    match value:
        case None:
            return _UNSET
        case () | {} if not value:  # `{}` alone fits every mapping
            return "none"
        case msgspec.Struct():
            return "an empty table"
        case tuple():
            return code("[" + ", ".join(f'"{item}"' for item in value) + "]")
        case bool():
            return code(str(value).lower())
        case int() | float():
            return code(f"{value:g}" if isinstance(value, float) else str(value))
        case _:
            return code(f'"{value}"')


def type_text(kind: Any) -> str:
    """Return a type in the words of a TOML file."""
    return _type_text(msgspec.inspect.type_info(kind))


def _type_text(kind: msgspec.inspect.Type) -> str:
    match kind:
        case msgspec.inspect.BoolType():
            return "`true` or `false`"
        case msgspec.inspect.IntType(ge=least, le=most):
            bounds = "" if least is None else f", at least {least}"
            return "whole number" + (bounds if most is None else f", {least} to {most}")
        case msgspec.inspect.FloatType(gt=above):
            return "number" if above is None else f"number above {above:g}"
        case msgspec.inspect.LiteralType(values=values):
            return ", ".join(code(f'"{value}"') for value in sorted(values, key=str))
        case msgspec.inspect.StructType() | msgspec.inspect.DictType():
            return "table"
        case msgspec.inspect.CollectionType(item_type=item):
            word = _type_text(item)
            return f"list of {'tables' if word == 'table' else word}"
        case msgspec.inspect.UnionType(types=types):
            return _union_text(types)
        case msgspec.inspect.StrType():
            return "text"
        case msgspec.inspect.CustomType(cls=cls) if issubclass(cls, Path):
            return "path"
    raise ValueError(f"there is no word for {kind}")


def _union_text(kinds: Iterable[msgspec.inspect.Type]) -> str:
    some = [kind for kind in kinds if not isinstance(kind, msgspec.inspect.NoneType)]
    return " or ".join(_type_text(kind) for kind in some)


# --- errors --------------------------------------------------------------------------


def errors_page() -> str:
    """Every class of `portico.errors`, by family."""
    families = [kind for kind in error_classes() if kind.__base__ is errors.GatewayError]
    return page(
        "Errors",
        "An error is one JSON object. `code` is the HTTP status, `error_type` is for programs, the "
        "message for people; `metadata` may say more.",
        '```json\n{"error": {"message": "...", "code": 404, "metadata": {"error_type": '
        '"not_found"}}, "user_id": "user_operator"}\n```',
        "A stream that has begun is ended by a chunk with the same `error` and the finish reason "
        "`error`. What is tried elsewhere goes to the next endpoint of the plan as long as the "
        "client has received no content; the answer then names the attempts before in "
        "`metadata.previous_errors`. What a client or routing is at fault for is decided before a "
        "provider is asked and costs nothing.",
        *(_family(family) for family in families),
        "## Everything else",
        "A fault of the gateway itself is answered with 500 and `server`, says nothing of the "
        "inside, and is in the gateway's log.",
    )


def error_classes() -> list[type[errors.GatewayError]]:
    """Every error class of the module, the base included, in the order they are written."""
    return [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.GatewayError)
    ]


def _family(family: type[errors.GatewayError]) -> str:
    members = [kind for kind in error_classes() if issubclass(kind, family)]
    if len(members) > 1:
        members.remove(family)
    rows = [_error(kind) for kind in members]
    head = ("class", "status", "`error_type`", "tried elsewhere", "when", "what to do")
    intro = "" if family in members else paragraphs(family)[0]
    return "\n\n".join(filter(None, (f"## {family.__name__}", intro, table(head, rows))))


def _error(kind: type[errors.GatewayError]) -> tuple[str, ...]:
    prose = paragraphs(kind)
    told = [part.removeprefix("To do: ") for part in prose if part.startswith("To do: ")]
    if not told:
        raise ValueError(f"{kind.__name__} does not say what to do")
    # paragraphs that begin with a name in backquotes are about attributes: for callers in Python
    when = " ".join(part for part in prose if not part.startswith(("To do: ", "`")))
    varies = kind is errors.UpstreamRejected
    return (
        code(kind.__name__),
        "4xx" if varies else str(kind.status),
        "varies" if varies else code(kind.error_type),
        "yes" if kind.retryable else "no",
        when,
        _capital(told[0]),
    )


# --- providers -----------------------------------------------------------------------


def providers_page() -> str:
    """Every built-in provider."""
    records = [PROVIDERS[slug] for slug in sorted(PROVIDERS)]
    remote = [record for record in records if record.local_port is None]
    local = [record for record in records if record.local_port is not None]
    remarks = [f"- **{r.name}**: {' '.join(rest)}" for r in records if (rest := _about(r)[1:])]
    return page(
        "Providers",
        "A provider is used when one of its variables holds a key; the first that is set wins. A "
        "section `[providers.<slug>]` of the [settings](settings.md) changes address, key, name "
        "or dialect, or switches it off; where the address depends on your account, `base_url` has "
        "to be given there. Parts of an address in braces come from the named variables, or from "
        "`account` in that section.",
        table(
            ("slug", "name", "key", "API", "dialect", "peculiarities"),
            [_provider(record) for record in remote],
        ),
        "## On this machine",
        "Looked for at every start on their usual ports; what they serve costs nothing.",
        table(
            ("slug", "name", "address", "dialect", "peculiarities"),
            [
                (code(r.slug), _linked_name(r), code(r.base_url), r.dialect, oddities(r))
                for r in local
            ],
        ),
        "## Remarks",
        "\n".join(remarks),
    )


def _provider(record: Provider) -> tuple[str, ...]:
    return (
        code(record.slug),
        _linked_name(record),
        _variables(record),
        code(urlsplit(record.base_url).netloc) or "by `base_url`",
        record.dialect,
        oddities(record),
    )


def _variables(record: Provider) -> str:
    """The variables that hold a key, and those that hold parts of a key or of the address."""
    keys = ", ".join(map(code, record.key_env))
    if record.key_parts:
        needed = [
            v for part, v in record.key_parts.items() if part not in record.optional_key_parts
        ]
        keys += " or " + " and ".join(map(code, needed))
        keys += "".join(f", with {code(record.key_parts[p])}" for p in record.optional_key_parts)
    if record.key_file_env:
        keys += " or a file named by " + ", ".join(map(code, record.key_file_env))
    for part, names in record.account_env.items():
        keys += f"; {part}: " + ", ".join(map(code, names))
    return keys


def _about(record: Provider) -> list[str]:
    module = f"portico.providers.{record.slug.replace('-', '_')}"
    return paragraphs(importlib.import_module(module))


def _linked_name(record: Provider) -> str:
    link = re.search(r"https?://\S+?(?=[.,`]*(?:\s|$))", _about(record)[0])
    return f"[{record.name}]({link[0]})" if link and "<" not in link[0] else record.name


def oddities(record: Provider) -> str:
    """Return how a provider strays from its dialect, as the record has it."""
    said = [
        (record.auth == "x-api-key", "key in `x-api-key`"),
        (record.auth == "aws-sigv4", "requests signed for AWS unless the key is an API key"),
        (record.chat_path != "/chat/completions", f"path `{record.chat_path}`"),
        (record.output_cap_field != "max_tokens", f"output cap as `{record.output_cap_field}`"),
        *((True, f"`{ours}` as `{its}`") for ours, its in record.renamed_parameters.items()),
        (bool(record.reasoning_field), f"reasoning by `{record.reasoning_field}`"),
        (not record.takes_stream_options, "no `stream_options`"),
        (record.reasoning_outside_completion, "reasoning tokens apart from completion tokens"),
        *((True, f"header `{name}`") for name, _ in record.extra_headers),
        (record.patch_request is not None, "requests adapted"),
        (record.patch_chunk is not None, "answers adapted"),
    ]
    return "; ".join(text for applies, text in said if applies)


# --- the simulator's script ----------------------------------------------------------


def simulator_page() -> str:
    """What a script for `portico simulate` may say."""
    return page(
        "Scripts of the simulator",
        "`portico simulate --script FILE` answers as the file says, which is TOML if its name ends "
        "so, else JSON. It is used in [Simulate failures](../howto/simulate-failures.md).",
        described("The script", Script),
        "## `[[steps]]` and `[default]`",
        *paragraphs(Step)[:1],
        *_step_groups(),
        described("[[steps.tool_calls]]", ToolCallStep),
        "## Back door",
        "Besides the API below `/v1`: `GET /__log` tells what arrived and how it ended, `DELETE "
        "/__log` forgets it, `POST /__script` takes a new script as JSON.",
    )


def _step_groups() -> Iterator[str]:
    """The fields of a step in the groups of its docstring."""
    fields = {field.name: field for field in msgspec.structs.fields(Step)}
    parts = re.split(r"^(\w.*):$", inspect.getdoc(Step) or "", flags=re.M)
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        rows = []
        for names, meaning in re.findall(r"^    ([\w, ]+): (.+(?:\n {8}.+)*)", text, flags=re.M):
            rows += [_step_row(fields.pop(name), meaning) for name in names.split(", ")]
        yield f"**{title}**"
        yield table(("key", "type", "default", "meaning"), rows)
    if fields:
        raise ValueError(f"Step says nothing of {', '.join(fields)}")


def _step_row(field: msgspec.structs.FieldInfo, meaning: str) -> tuple[str, ...]:
    return code(field.name), type_text(field.type), _default(_default_of(field)), _capital(meaning)


# --- routes --------------------------------------------------------------------------


def api_page() -> str:
    """Every route."""
    prefixes = " and ".join(map(code, PREFIXES))
    return page(
        "API",
        f"The paths are below {prefixes}. Bodies, streams and [errors](errors.md) have the form "
        "of OpenRouter's API. A route that asks for a key takes it as `Authorization: Bearer "
        "<key>` or as `x-api-key`. Every answer to an inference request names its generation in "
        "`X-Generation-Id`.",
        table(("method", "path", "access", "answer"), [_route(route) for route in ROUTES]),
        "The catalogue is open to everyone with `public_catalog` under `[server]`, see the "
        "[settings](settings.md).",
        "## Outside the prefixes",
        table(("method", "path", "access", "answer"), [_route(route) for route in ROOT_ROUTES]),
    )


def _route(route: Route) -> tuple[str, ...]:
    access = {"key": "key", "open": "open"}[route.access]
    if route in ROUTES and route.path in CATALOG_PATHS:
        access += " (catalogue)"
    return code(route.method), code(route.path), access, _capital(paragraphs(route.handler)[0])


# --- the command ---------------------------------------------------------------------

PAGES: dict[str, Callable[[], str]] = {
    "api.md": api_page,
    "cli.md": cli_page,
    "errors.md": errors_page,
    "providers.md": providers_page,
    "settings.md": settings_page,
    "simulator.md": simulator_page,
}


def outdated() -> dict[Path, str]:
    """Return the pages that differ from the code, with what they should say."""
    pages = {REFERENCE / name: write() for name, write in PAGES.items()}
    return {
        path: text
        for path, text in pages.items()
        if not path.exists() or path.read_text("utf-8") != text
    }


def main() -> None:
    """Write the pages, or with `--check` only say which would change."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it would")
    check = parser.parse_args().check
    changed = outdated()
    for path, text in changed.items():
        print(path.relative_to(REFERENCE.parents[1]))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    sys.exit(1 if check and changed else 0)


if __name__ == "__main__":
    main()
