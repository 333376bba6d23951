"""The clients that are at hand in every test run pass each case of the matrix; the page tells all."""

import subprocess
import sys

import pytest

from tests.clients import run
from tests.clients.stage import CASES, staged

pytestmark = pytest.mark.io


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with staged(tmp_path_factory.mktemp("clients")) as running:
        yield running


@pytest.mark.parametrize("name", ["openai-python", "openrouter-python"])
def test_a_client_passes_every_case(stage, monkeypatch, name):
    (client,) = (one for one in run.CLIENTS if one.name == name)
    driver = str(run.DRIVERS / client.driver)
    monkeypatch.setattr(run, "prepare", lambda _: ([sys.executable, driver], "here"))

    version, cells = run.run(client, stage)

    assert version == "here"
    assert cells == dict.fromkeys(CASES, "yes")


def test_a_driver_that_tells_nothing_is_no_yes(stage, monkeypatch):
    silent = [sys.executable, "-c", "print('{}')"]
    monkeypatch.setattr(run, "prepare", lambda _: (silent, "0"))

    _, cells = run.run(run.CLIENTS[0], stage)

    assert all(cell.startswith("no: it ended before") for cell in cells.values())


def test_what_cannot_be_installed_is_shown_as_not_run(stage, monkeypatch):
    def refuse(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess((), 1, "", "no such package")

    monkeypatch.setattr(run.subprocess, "run", refuse)
    monkeypatch.setattr(run.shutil, "which", lambda _: None)

    _, cells = run.run(next(c for c in run.CLIENTS if c.node), stage)

    assert set(cells.values()) == {"not run: Node is not on this machine"}


def test_the_page_numbers_what_is_no_yes():
    cells = {**dict.fromkeys(CASES, "yes"), "image": "no: it saw nothing", "models": "not run: x"}

    text = run.page([(run.CLIENTS[0], "1.0", cells)], [])

    assert "| no (1) |" in text
    assert "| - (2) |" in text
    assert "1. no: it saw nothing\n2. not run: x" in text
