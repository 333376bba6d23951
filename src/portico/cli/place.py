"""Where commands find the database: the same settings as the gateway."""

import os
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from portico.settings import ConfigError, load_settings
from portico.storage.connection import DATABASE_NAME


def with_database(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --config and --data-dir, and the database's path as its argument `path`.

    Settings that cannot be used end the command with exit code 3.
    """

    @click.option("--config", metavar="FILE", help="Settings file; ./portico.toml by default.")
    @click.option("--data-dir", metavar="DIR", help="Where the ledger lives.")
    @wraps(command)
    def located(config: str | None, data_dir: str | None, **rest: Any) -> None:
        try:
            settings = load_settings(
                environ=os.environ, path=config, data_dir=data_dir, with_keys=False
            )
        except ConfigError as error:
            raise Failure(str(error), 3) from None
        command(path=settings.server.data_dir / DATABASE_NAME, **rest)

    return located


class Failure(click.ClickException):
    """Ends a command: the message goes to stderr."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self._exit_code = exit_code

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # a class variable there
        """0 is success, 2 wrong usage, 3 settings that cannot be used."""
        return self._exit_code
