"""The command itself, before any of its subcommands."""

import pytest
from click.testing import CliRunner

from portico.cli import cli


@pytest.mark.parametrize(
    ("typed", "meant"), [("kyes", "keys"), ("model", "models"), ("recrod", "record")]
)
def test_a_typo_is_told_what_it_may_have_meant(typed, meant):
    result = CliRunner().invoke(cli, [typed])

    assert result.exit_code == 2
    assert f"No such command '{typed}'. Did you mean '{meant}'?" in result.stderr


def test_what_is_no_typo_of_anything_is_only_refused():
    result = CliRunner().invoke(cli, ["xyzzy"])

    assert result.exit_code == 2
    assert "Did you mean" not in result.stderr
