"""`RULES.md`: every rule of the contract about clients has a test, and every test named exists."""

import re
from pathlib import Path

import pytest

from tests.routing.test_rules_have_tests import functions_of

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (Path(__file__).parent / "RULES.md").read_text().splitlines()
    if re.match(r"\| \d", line)
]
NAMED = sorted({name for row in ROWS for name in re.findall(r"`([^`]+::[^`]+)`", row[-1])})


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_a_rule_names_exists(name):
    path, function = name.split("::")

    assert function in functions_of(path)


def test_every_rule_and_every_section_has_a_test():
    sections = {row[0] for row in ROWS}

    assert [row for row in ROWS if "::" not in row[-1]] == []
    assert {f"1.{number}" for number in range(1, 21)} <= sections
    assert {str(number) for number in range(1, 13)} <= sections
