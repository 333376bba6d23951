"""`make clients`: real clients, unmodified, against a running gateway; the table of docs/clients.md.

Each client gets an environment of its own below `build/clients`. A cell is a
run: `yes` if the client told what it had to and the provider was asked what it
had to be; else what was wrong. What did not run says so, and the page is only
written when everything has run. Progress goes to standard error. Ends with 1 if
a cell is wrong.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from tests.clients.agents import AGENTS, BEFORE, FILE, Agent, player, work
from tests.clients.environments import ROOT, Package, Unavailable, is_made, prepare, upgrade
from tests.clients.page import AgentRow, Row, page
from tests.clients.roster import CLIENTS, Client
from tests.clients.stage import CASES, Stage, staged  # needs the path

PAGE = ROOT / "docs" / "clients.md"
_RUN_S = 240
_HUNG_UP_WITHIN_S = 1.0


def say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


def _prepared(package: Package) -> str:
    if not is_made(package):
        say(" (fetching what it needs, once)", end="")
    return prepare(package)


def run(client: Client, stage: Stage) -> Row:
    """Put the client before every case, and tell of each as it is done."""
    try:
        version = _prepared(client.package)
    except Unavailable as why:
        return Row(client=client, cells=dict.fromkeys(CASES, f"not run: {why}"))
    cells = drive(client.command, stage)
    return Row(client=client, version=version, cells=cells)


def drive(command: Sequence[str], stage: Stage) -> dict[str, str]:
    """Run a driver; what to write into each cell."""
    stage.reset()
    cells: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "errors").open("w+") as errors:
        with subprocess.Popen(
            [*command, stage.root, stage.gateway.key],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={"PATH": "/usr/bin:/bin", "HOME": folder, "PYTHONDONTWRITEBYTECODE": "1"},
        ) as process:
            late = threading.Timer(_RUN_S, process.kill)
            late.start()
            for told in _told(process):
                name = told["case"]
                cells[name] = _verdict(stage, name, told)
                say(f" {name}" + ("" if cells[name] == "yes" else "(!)"), end="")
            late.cancel()
        errors.seek(0)
        tail = errors.read().strip()[-300:] if process.returncode != -9 else "it took too long"
    return {name: cells.get(name, f"no: it ended before ({tail})") for name in CASES}


def _told(process: subprocess.Popen[str]) -> Iterator[dict]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            told = json.loads(line)
            if told.get("case") in CASES:
                yield told


def _verdict(stage: Stage, name: str, told: dict) -> str:
    case = CASES[name]
    if "skip" in told:
        return f"not offered: {told['skip']}"
    if "failed" in told:
        return f"no: {told['failed']}"
    wrong = case.seen(told) or case.sent(stage.arrived(name))
    if wrong is None and name == "cancel":
        wrong = _not_hung_up(stage, told)
    return f"no: {wrong}" if wrong else "yes"


def _not_hung_up(stage: Stage, told: dict) -> str | None:
    """The provider has to be hung up on soon after the client went, which says when that was."""
    if not stage.upstream.gone.wait(10):
        return "the provider was not hung up on"
    took_s = stage.upstream.gone_at_s - told["at_s"]
    return None if took_s < _HUNG_UP_WITHIN_S else f"the provider was hung up on after {took_s} s"


def run_agent(agent: Agent, stage: Stage) -> AgentRow:
    """Let the agent do its task."""
    try:
        version = _prepared(agent.package)
    except Unavailable as why:
        return AgentRow(agent=agent, verdict=f"not run: {why}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "home").mkdir()
        (place / FILE).write_text(BEFORE)
        stage.upstream.play(agent.model.partition("/")[2], player(agent, place / FILE))
        verdict, _ = work(agent, agent.package.home, place, stage.root, stage.gateway.key)
    return AgentRow(agent=agent, version=version, verdict=verdict)


def perform(clients: Sequence[Client], agents: Sequence[Agent]) -> tuple[list[Row], list[AgentRow]]:
    """Start the gateway and put everything before it, one after the other."""
    rows, tasks = [], []
    total, models = len(clients) + len(agents), {agent.model for agent in agents}
    with tempfile.TemporaryDirectory() as folder, staged(Path(folder), models) as stage:
        for number, client in enumerate(clients, 1):
            began_s = time.monotonic()
            say(f"[{number}/{total}] {client.name}:", end="")
            row = run(client, stage)
            say(_summary(row, time.monotonic() - began_s))
            rows.append(row)
        for number, agent in enumerate(agents, len(clients) + 1):
            say(f"[{number}/{total}] {agent.name}, {agent.upstream}:", end="")
            task = run_agent(agent, stage)
            say(f" {task.version} {task.verdict}")
            tasks.append(task)
    return rows, tasks


def _summary(row: Row, took_s: float) -> str:
    """What is said when a client is done."""
    if not row.version:
        return f" {row.cells['text']}"
    good = sum(cell == "yes" for cell in row.cells.values())
    other = [f"    {name}: {cell}" for name, cell in row.cells.items() if cell != "yes"]
    return "\n".join([f"\n    {row.version}: {good} of {len(CASES)} in {took_s:.0f} s", *other])


def results(rows: Sequence[Row], tasks: Sequence[AgentRow]) -> dict:
    """What `--json` prints. `ok`: nothing is wrong; `complete`: and nothing was left out."""
    said = [cell for row in rows for cell in row.cells.values()] + [t.verdict for t in tasks]
    return {
        "ok": not any(cell.startswith("no:") for cell in said),
        "complete": not any(cell.startswith(("no:", "not run:")) for cell in said),
        "clients": [
            {
                "name": row.client.name,
                "package": row.client.package.shown,
                "version": row.version,
                "cells": row.cells,
            }
            for row in rows
        ],
        "agents": [
            {
                "name": task.agent.name,
                "package": task.agent.package.shown,
                "version": task.version,
                "dialect": task.agent.upstream,
                "task": task.verdict,
            }
            for task in tasks
        ],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Run real clients against a gateway.")
    parser.add_argument("--only", help="names of environments, by comma; no page is written")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    parser.add_argument("--upgrade", action="store_true", help="pin the newest versions first")
    given = parser.parse_args()
    known = {one.package.name: one.package for one in (*CLIENTS, *AGENTS)}
    wanted = given.only.split(",") if given.only else list(known)
    if unknown := sorted(set(wanted) - set(known)):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    for name in wanted if given.upgrade else ():
        say(f"looking for the newest of {name}")
        try:
            upgrade(known[name])
        except Unavailable as why:
            parser.exit(1, f"{name}: {why}\n")
    rows, tasks = perform(
        [client for client in CLIENTS if client.package.name in wanted],
        [agent for agent in AGENTS if agent.package.name in wanted],
    )
    found = results(rows, tasks)
    if given.json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    if given.only is None and found["complete"]:
        PAGE.write_text(page(rows, tasks))
    elif given.only is None:
        say("docs/clients.md stays as it is: not everything ran and was right")
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
