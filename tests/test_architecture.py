"""Size budgets and rules that no linter has."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "portico"
FILES = sorted(SOURCE.rglob("*.py"))
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_CLASS_LINES = 600, 60, 300


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_functions_and_classes_stay_within_their_budgets(path):
    text = path.read_text()

    too_long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.end_lineno - node.lineno
        >= (MAX_CLASS_LINES if isinstance(node, ast.ClassDef) else MAX_FUNCTION_LINES)
    ]

    assert text.count("\n") <= MAX_FILE_LINES
    assert too_long == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_everything_public_has_a_docstring(path):
    tree = ast.parse(path.read_text())

    bare = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]

    assert ast.get_docstring(tree)
    assert bare == []


def test_only_storage_makes_reservations():
    makers = [
        str(path.relative_to(SOURCE))
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Reservation"
    ]

    assert {maker.split("/")[0] for maker in makers} == {"storage"}


def test_importing_the_package_starts_nothing():
    code = "import sys, portico, portico.gateway, threading; print(threading.active_count())"

    output = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True
    )

    assert output.stdout.strip() == "1"


def test_runtime_distributions_stay_within_the_budget():
    names = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements.lock").read_text(), re.M)

    assert 5 < len(names) <= 25


def test_nothing_tracked_names_a_package_registry_or_a_personal_path():
    hosts = ["py" + "pi.org", "python" + "hosted", "registry.np" + "mjs", "proxy.go" + "lang"]
    hosts += ["deb.deb" + "ian", "/ro" + "ot/", "/wor" + "k/main"]

    found = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in tracked()
        for host in hosts
        if host.encode() in path.read_bytes()
    ]

    assert found == []
