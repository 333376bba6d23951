"""`RULES.md`: every rule of the contract has a test, and every test named there exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (Path(__file__).parent / "RULES.md").read_text().splitlines()
    if re.match(r"\| R?\d", line)
]
NAMED = sorted({name for row in ROWS for name in re.findall(r"`([^`]+::[^`]+)`", row[-1])})


@cache
def functions_of(path):
    tree = ast.parse((TESTS / path).read_text())
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_a_rule_names_exists(name):
    path, function = name.split("::")

    assert function in functions_of(path)


def test_every_rule_and_every_section_has_a_test():
    sections = {row[0] for row in ROWS}

    assert [row for row in ROWS if "::" not in row[-1]] == []
    assert {str(number) for number in range(1, 13)} <= sections
    assert {"R1", "R2", "R3", "R5"} <= sections
