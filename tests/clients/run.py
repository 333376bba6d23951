"""`make clients`: real clients, unmodified, against a running gateway; the table of docs/clients.md.

Each client gets an environment of its own below `build/clients`. A cell is a
run: `yes` if the client told what it had to and the provider was asked what it
had to be; else what was wrong. What did not run says so.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.clients.agents import AGENTS, BEFORE, FILE, Agent, player, work  # noqa: E402
from tests.clients.stage import CASES, Stage, staged  # noqa: E402  # needs the path

DRIVERS = Path(__file__).parent / "drivers"
ENVIRONMENTS = ROOT / "build" / "clients"
PAGE = ROOT / "docs" / "clients.md"
_RUN_S, _INSTALL_S = 240, 600


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `packages` are installed into an environment of its own."""

    name: str
    driver: str
    packages: tuple[str, ...]
    shown: str

    @property
    def node(self) -> bool:
        return self.driver.endswith(".mjs")


CLIENTS = (
    Client(name="openai-python", driver="openai_python.py", packages=("openai",), shown="openai"),
    Client(
        name="anthropic-python",
        driver="anthropic_python.py",
        packages=("anthropic",),
        shown="anthropic",
    ),
    Client(
        name="openrouter-python",
        driver="openrouter_python.py",
        packages=("openrouter",),
        shown="openrouter",
    ),
    Client(
        name="langchain-openai",
        driver="langchain_openai_.py",
        packages=("langchain-openai",),
        shown="langchain-openai",
    ),
    Client(
        name="pydantic-ai",
        driver="pydantic_ai_.py",
        packages=("pydantic-ai-slim[openai,openrouter]",),
        shown="pydantic-ai-slim",
    ),
    Client(
        name="litellm",
        driver="litellm_.py",
        packages=("litellm", "mcp", "tenacity"),
        shown="litellm",
    ),
    Client(name="openai-node", driver="openai_node.mjs", packages=("openai",), shown="openai"),
    Client(
        name="openrouter-sdk",
        driver="openrouter_sdk.mjs",
        packages=("@openrouter/sdk",),
        shown="@openrouter/sdk",
    ),
    Client(
        name="ai-sdk",
        driver="ai_sdk.mjs",
        packages=("ai", "@openrouter/ai-sdk-provider", "zod"),
        shown="@openrouter/ai-sdk-provider",
    ),
)


class Unavailable(Exception):
    """The client cannot be had here; the message says why."""


def prepare(client: Client) -> tuple[list[str], str]:
    """Make the client's environment if need be; return how to run its driver, and its version.

    Raises:
        Unavailable: there is no Node, or the packages cannot be fetched.
    """
    home = ENVIRONMENTS / client.name
    if client.node:
        node, manifest = _node_packages(home, client.packages, client.shown)
        shutil.copy(DRIVERS / client.driver, home / client.driver)
        shutil.copy(DRIVERS / "common.mjs", home / "common.mjs")
        return [node, str(home / client.driver)], json.loads(manifest.read_text())["version"]
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    ask = f"import importlib.metadata as m; print(m.version({client.shown!r}))"
    found = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _install([*pip, *client.packages], home)
        found = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    return [str(python), str(DRIVERS / client.driver)], found.stdout.strip()


def _node_packages(home: Path, packages: tuple[str, ...], shown: str) -> tuple[str, Path]:
    """Node, and the manifest of the package that is shown.

    Raises:
        Unavailable: there is no Node, or the packages cannot be fetched.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Unavailable("Node is not on this machine")
    home.mkdir(parents=True, exist_ok=True)
    manifest = home / "node_modules" / shown / "package.json"
    if not manifest.exists():
        _install([npm, "install", "--silent", "--no-fund", "--no-audit", *packages], home)
    return node, manifest


def _install(command: list[str], home: Path) -> None:
    done = subprocess.run(
        command, cwd=home, capture_output=True, text=True, timeout=_INSTALL_S, check=False
    )
    if done.returncode != 0:
        raise Unavailable(f"its packages cannot be had: {done.stderr.strip()[-200:]}")


def run_agent(agent: Agent, stage: Stage) -> tuple[str, str]:
    """The agent's version, and how its task ended."""
    home = ENVIRONMENTS / agent.name.lower().replace(" ", "-")
    try:
        _, manifest = _node_packages(home, (agent.package,), agent.package)
    except Unavailable as why:
        return "", f"not run: {why}"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "home").mkdir()
        (place / FILE).write_text(BEFORE)
        stage.upstream.play(agent.model, player(agent, place / FILE))
        verdict, _ = work(agent, home, place, stage.root, stage.gateway.key)
    return json.loads(manifest.read_text())["version"], verdict


def run(client: Client, stage: Stage) -> tuple[str, dict[str, str]]:
    """The client's version, and what to write into each cell."""
    try:
        command, version = prepare(client)
    except Unavailable as why:
        return "", dict.fromkeys(CASES, f"not run: {why}")
    stage.reset()
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [*command, stage.root, stage.gateway.key],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_RUN_S,
                check=False,
                env={"PATH": "/usr/bin:/bin", "HOME": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            )
            out, tail = done.stdout, done.stderr.strip()[-300:]
        except subprocess.TimeoutExpired as late:
            out = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
            tail = "it took too long"
    told: dict[str, dict] = {}
    for line in out.splitlines():
        if line.startswith('{"case":'):
            one = json.loads(line)
            told[one["case"]] = one
    return version, {name: _verdict(stage, name, told.get(name), tail) for name in CASES}


def _verdict(stage: Stage, name: str, told: dict | None, tail: str) -> str:
    case = CASES[name]
    if told is None:
        return f"no: it ended before ({tail})"
    if "skip" in told:
        return f"not offered: {told['skip']}"
    if "failed" in told:
        return f"no: {told['failed']}"
    wrong = case.seen(told) or case.sent(stage.arrived(name))
    if wrong is None and name == "cancel" and not stage.upstream.gone.wait(10):
        wrong = "the provider was not hung up on"
    return f"no: {wrong}" if wrong else "yes"


Rows = list[tuple[Client, str, dict[str, str]]]


def page(rows: Rows, agents: list[tuple[Agent, str, str]]) -> str:
    """The page with the tables, and below each what was not a plain yes."""
    titles = [case.title for case in CASES.values()]
    lines = [
        "# Clients",
        "",
        "<!-- Written by `make clients`; each cell is a run of the client, unmodified, against a",
        "running gateway whose provider plays a part. -->",
        "",
        "`make clients` fetches these clients, points them at a gateway and asks for everything "
        "in the table. A number refers to the note below it.",
        "",
        "| client | " + " | ".join(titles) + " |",
        "| --- |" + " --- |" * len(titles),
    ]
    notes: list[str] = []
    for client, version, cells in rows:
        shown = []
        for cell in cells.values():
            if cell == "yes":
                shown.append("yes")
                continue
            if cell not in notes:
                notes.append(cell)
            word = "no" if cell.startswith("no:") else "-"
            shown.append(f"{word} ({notes.index(cell) + 1})")
        label = client.name if client.name == client.shown else f"{client.name} ({client.shown})"
        lines.append(f"| {label} {version} | " + " | ".join(shown) + " |")
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
        f"| {a.name} {version} | `{a.surface}` | {a.upstream} | {how} |"
        for a, version, how in agents
    ]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Run real clients against a gateway.")
    parser.add_argument("--only", help="names of clients, by comma; the page is not written")
    chosen = parser.parse_args().only
    wanted = chosen.split(",") if chosen else [client.name for client in CLIENTS]
    rows, agents = [], []
    with tempfile.TemporaryDirectory() as folder, staged(Path(folder)) as stage:
        for client in CLIENTS:
            if client.name not in wanted:
                continue
            version, cells = run(client, stage)
            good = sum(cell == "yes" for cell in cells.values())
            print(f"{client.name} {version}: {good} of {len(cells)}", flush=True)
            for name, cell in cells.items():
                if cell != "yes":
                    print(f"  {name}: {cell}", flush=True)
            rows.append((client, version, cells))
        for agent in AGENTS if not chosen else ():
            version, how = run_agent(agent, stage)
            print(f"{agent.name} {version}: {how}", flush=True)
            agents.append((agent, version, how))
    if not chosen:
        PAGE.write_text(page(rows, agents))
    return 0


if __name__ == "__main__":
    sys.exit(main())
