"""The clients that are at hand in every test run pass each case of the matrix; the page tells all."""

import re
import subprocess
import sys

import pytest

from tests.clients import environments, run
from tests.clients.environments import PINS, Package
from tests.clients.page import Row, page
from tests.clients.roster import CLIENTS
from tests.clients.stage import CASES, staged

pytestmark = pytest.mark.io

AT_HAND = (
    "openai_python.py",
    "openai_python_responses.py",
    "anthropic_python.py",
    "openrouter_python.py",
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with staged(tmp_path_factory.mktemp("clients")) as running:
        yield running


@pytest.mark.parametrize("driver", AT_HAND)
def test_a_client_passes_every_case(stage, driver):
    cells = run.drive([sys.executable, str(environments.DRIVERS / driver)], stage)

    assert cells == dict.fromkeys(CASES, "yes")


def test_a_driver_that_tells_nothing_is_no_yes(stage):
    cells = run.drive([sys.executable, "-c", "print('{}')"], stage)

    assert all(cell.startswith("no: it ended before") for cell in cells.values())


def test_a_driver_that_hangs_is_ended_and_what_it_told_before_counts(stage, monkeypatch):
    monkeypatch.setattr(run, "_RUN_S", 2)
    telling = 'import time; print(\'{"case": "text"}\', flush=True); time.sleep(60)'

    cells = run.drive([sys.executable, "-c", telling], stage)

    assert cells["text"] == "no: text is None"
    assert cells["stream"] == "no: it ended before (it took too long)"


def test_what_cannot_be_installed_is_not_run_and_no_failure(stage, monkeypatch):
    monkeypatch.setattr(environments.shutil, "which", lambda _: None)
    client = next(one for one in CLIENTS if one.package.language == "go")

    row = run.run(client, stage)

    assert set(row.cells.values()) == {"not run: go is not on this machine"}
    found = run.results([row], [])
    assert (found["ok"], found["complete"]) == (True, False)


def test_a_wrong_cell_is_a_failure():
    cells = {**dict.fromkeys(CASES, "yes"), "models": "not offered: it lists none"}

    good = run.results([Row(client=CLIENTS[0], cells=cells)], [])
    bad = run.results([Row(client=CLIENTS[0], cells={**cells, "image": "no: x"})], [])

    assert (good["ok"], good["complete"]) == (True, True)
    assert (bad["ok"], bad["complete"]) == (False, False)


def test_an_environment_is_made_once_and_anew_when_its_pins_change(tmp_path, monkeypatch):
    made: list[str] = []
    package = Package(language="python", name="shown", shown="shown")
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path / "environments")
    monkeypatch.setattr(environments, "PINS", tmp_path)
    monkeypatch.setitem(environments._HOW, "python", (lambda one: made.append(one.name), None))
    versions = []

    for pinned in ("shown==1.0\n", "shown==1.0\n", "shown==1.1\n"):
        (tmp_path / "shown.txt").write_text(pinned)
        versions.append(environments.prepare(package))

    assert versions == ["1.0", "1.0", "1.1"]
    assert made == ["shown", "shown"]


def test_an_environment_that_could_not_be_made_is_tried_again(tmp_path, monkeypatch):
    package = Package(language="python", name="shown", shown="shown")
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path / "environments")
    monkeypatch.setattr(environments, "PINS", tmp_path)
    (tmp_path / "shown.txt").write_text("shown==1.0\n")
    refused = subprocess.CompletedProcess((), 1, "", "no such package")
    monkeypatch.setattr(environments.subprocess, "run", lambda *_, **__: refused)

    for _ in range(2):
        with pytest.raises(environments.Unavailable, match="no such package"):
            environments.prepare(package)


@pytest.mark.parametrize("client", [*CLIENTS, *run.AGENTS], ids=lambda one: one.name)
def test_every_client_is_pinned(client):
    assert re.match(r"v?[0-9]+\.[0-9]", environments.version(client.package))


def test_pins_name_no_registry():
    texts = [path.read_text() for path in PINS.rglob("*") if path.is_file()]

    assert texts
    assert not any('"resolved"' in text or "--index-url" in text for text in texts)


def test_the_page_numbers_what_is_no_yes():
    cells = {**dict.fromkeys(CASES, "yes"), "image": "no: it saw nothing", "models": "not run: x"}

    text = page([Row(client=CLIENTS[0], version="1.0", cells=cells)], [])

    assert "| no (1) |" in text
    assert "| - (2) |" in text
    assert "1. no: it saw nothing\n2. not run: x" in text
