"""The `portico` command. Subcommands are imported when they are called: start-up stays quick."""

import sys
from difflib import get_close_matches
from importlib import import_module

import click

from portico import __version__

_COMMANDS = {
    "cassette": ("portico.cli.cassette", "cassette"),
    "up": ("portico.cli.up", "up"),
    "keys": ("portico.cli.keys", "keys"),
    "ledger": ("portico.cli.ledger", "ledger"),
    "models": ("portico.cli.models", "models"),
    "record": ("portico.cli.record", "record"),
    "replay": ("portico.cli.record", "replay"),
    "route": ("portico.cli.route", "route"),
    "simulate": ("portico.cli.simulate", "simulate"),
}


class _Lazy(click.Group):
    """A group that imports a subcommand only when it is used or its help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        near = get_close_matches(args[0], _COMMANDS, n=1)
        if args[0] not in _COMMANDS and near:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy)
@click.version_option(__version__, prog_name="portico")
def cli() -> None:
    """The OpenRouter API on your own machines: one endpoint in front of every LLM provider."""


def main() -> None:
    """Run the command line; exit codes: 0 ok, 1 failed, 2 usage, 3 configuration."""
    cli(prog_name="portico", args=sys.argv[1:])
