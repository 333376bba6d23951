"""The page with the tables: what was not a plain yes is told below them."""

from collections.abc import Sequence

import msgspec

from tests.clients.agents import Agent
from tests.clients.roster import Client
from tests.clients.stage import CASES


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a client did in each case; it has no version if it did not run."""

    client: Client
    version: str = ""
    cells: dict[str, str]


class AgentRow(msgspec.Struct, frozen=True, kw_only=True):
    """How an agent's task ended."""

    agent: Agent
    version: str = ""
    verdict: str


_INTRODUCTION = [
    "# Clients",
    "",
    "<!-- Written by `make clients`; each cell is a run of the client, unmodified, against a",
    "running gateway whose provider plays a part. -->",
    "",
    "`make clients` fetches these clients in the versions that are pinned, points them at a "
    "gateway and asks for everything in the table. A number refers to the note below it. "
    '`ARGS="--only openai-go,codex"` runs some, `ARGS=--json` prints the table as JSON, '
    "`ARGS=--upgrade` pins the newest versions first. It ends with 1 if a cell is wrong.",
    "",
]


def page(rows: Sequence[Row], tasks: Sequence[AgentRow]) -> str:
    titles = [case.title for case in CASES.values()]
    lines = [
        *_INTRODUCTION,
        "| client | " + " | ".join(titles) + " |",
        "| --- |" + " --- |" * len(titles),
    ]
    notes: list[str] = []
    for row in rows:
        shown = [_short(cell, notes) for cell in row.cells.values()]
        package = row.client.package.shown
        label = row.client.name if row.client.name == package else f"{row.client.name} ({package})"
        lines.append(f"| {label} {row.version} | " + " | ".join(shown) + " |")
    lines.append("")
    lines += [f"{n}. {note}" for n, note in enumerate(notes, 1)]
    lines += [
        "",
        "Coding agents, each on a scripted task: read a file, edit it, say so, by tool calls.",
        "",
        "| agent | path | provider's dialect | task |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one.agent.name} {one.version} | `{one.agent.surface}` | {one.agent.upstream} "
        f"| {one.verdict} |"
        for one in tasks
    ]
    return "\n".join(lines).rstrip() + "\n"


def _short(cell: str, notes: list[str]) -> str:
    """The cell as a word, with the number of its note unless it is a plain yes."""
    if cell == "yes":
        return cell
    if cell not in notes:
        notes.append(cell)
    word = "no" if cell.startswith("no:") else "-"
    return f"{word} ({notes.index(cell) + 1})"
