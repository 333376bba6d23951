"""The documentation says what the program does, and what it tells people to type works.

A page is followed as a reader would, block by block, in a folder of its own: `toml` blocks whose
first line is a comment with a file name are written to it, `sh` blocks are run, and a `text` block
after one is what it prints, with `...` for anything. `portico up`, `record`, `replay` and `simulate`
go on running on ports of their own, which take the place of the ones on the page.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click
import msgspec
import pytest

from portico.errors import GatewayError
from portico.providers import PROVIDERS
from portico.server.app import ROOT_ROUTES, ROUTES
from portico.settings import load_settings
from portico.settings.loading import ENVIRONMENT, SECTIONS, ModelTable, PriceTable, ProviderTable

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT / "scripts"))

import build_docs  # noqa: E402  # found by the line above

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *(ROOT / "tests").rglob("*.md"),
        *ROOT.glob("bench/*.md"),
    ]
)
HOWTOS = sorted((DOCS / "howto").glob("*.md"))
START_S = 20.0


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# --- the reference -------------------------------------------------------------------


def test_the_generated_pages_are_up_to_date():
    outdated = [name(path) for path in build_docs.outdated()]

    assert outdated == [], "run `.venv/bin/python scripts/build_docs.py`"


def test_check_tells_what_would_change_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build_docs, "REFERENCE", tmp_path / "docs" / "reference")

    def build(*arguments):
        monkeypatch.setattr(sys, "argv", ["build_docs.py", *arguments])
        with pytest.raises(SystemExit) as ended:
            build_docs.main()
        return ended.value.code, len(capsys.readouterr().out.splitlines())

    pages = len(build_docs.PAGES)
    assert build("--check") == (1, pages)
    assert list(tmp_path.iterdir()) == []
    assert build() == (0, pages)
    assert build("--check") == (0, 0)


def test_every_page_of_the_reference_is_generated():
    found = {path.name for path in (DOCS / "reference").iterdir()}

    assert found == set(build_docs.PAGES)


@pytest.mark.parametrize(
    "context",
    list(build_docs.commands(click.Context(build_docs.cli, info_name="portico"))),
    ids=lambda context: context.command_path,
)
def test_every_command_and_option_has_help_and_is_documented(context):
    page = (DOCS / "reference" / "cli.md").read_text()
    options = [p for p in context.command.params if isinstance(p, click.Option)]

    assert context.command.help
    assert [option.name for option in options if not option.help] == []
    assert f"## `{context.command_path}`\n" in page
    assert [o for option in options for o in option.opts if f"`{o}" not in page] == []


def test_every_setting_is_documented():
    page = (DOCS / "reference" / "settings.md").read_text()
    tables = [*SECTIONS.values(), ProviderTable, ModelTable, PriceTable]

    keys = [key for table in tables for key in table.__struct_fields__]

    assert [key for key in keys if f"| `{key}` |" not in page] == []
    assert [section for section in SECTIONS if f"## `[{section}]`" not in page] == []
    assert [variable for variable in ENVIRONMENT if f"| `{variable}` |" not in page] == []


def test_every_error_is_documented():
    page = (DOCS / "reference" / "errors.md").read_text()
    kinds = [GatewayError]
    for kind in kinds:  # grows on the way: subclasses of subclasses
        kinds += kind.__subclasses__()

    missing = [kind.__name__ for kind in kinds[1:] if kind.__name__ not in page]

    assert missing == []


def test_every_route_is_documented():
    page = (DOCS / "reference" / "api.md").read_text()

    rows = [f"| `{route.method}` | `{route.path}` | {route.access}" for route in ROUTES]
    rows += [f"| `{route.method}` | `{route.path}` | {route.access}" for route in ROOT_ROUTES]

    assert [row for row in rows if row not in page] == []


def test_every_provider_is_documented_with_its_key():
    page = (DOCS / "reference" / "providers.md").read_text()

    missing = [
        word
        for slug, record in PROVIDERS.items()
        for word in (slug, *record.key_env)
        if f"`{word}`" not in page
    ]

    assert missing == []


def test_a_setting_without_a_meaning_cannot_be_documented():
    class Table(msgspec.Struct, frozen=True, kw_only=True):
        """`[table]`: for this test.

        Attributes:
            known: has one.
        """

        known: int = 0
        new: int = 0

    with pytest.raises(ValueError, match="new has no meaning"):
        build_docs.described("[table]", Table)


# --- links ---------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The headings of a page, as the names that links use."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path):
    prose = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    links = [urlsplit(link) for link in re.findall(r"\]\(([^)\s]+)\)", prose)]
    local = [link for link in links if not link.scheme]

    dead = []
    for link in local:
        target = (path.parent / link.path).resolve() if link.path else path
        fits = not link.fragment or (target.suffix == ".md" and link.fragment in anchors(target))
        if not target.exists() or not fits:
            dead.append(link.geturl())

    assert dead == []


@pytest.mark.parametrize("path", [p for p in DOCS.rglob("*.md") if p.name != "index.md"], ids=name)
def test_every_page_is_in_the_index(path):
    index = (DOCS / "index.md").read_text()

    assert f"({path.relative_to(DOCS)})" in index


# --- what people are told to type ----------------------------------------------------


class Block(NamedTuple):
    """A fenced block: its language and its text."""

    language: str
    text: str


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text(), re.M | re.S)
    return [Block(*block) for block in found]


def test_make_targets_in_the_documentation_exist():
    makefile = (ROOT / "Makefile").read_text()
    told = {
        target
        for path in PAGES
        for block in blocks(path)
        if block.language == "sh"
        for target in re.findall(r"^make (\w+)", block.text, re.M)
    }

    missing = [target for target in told if not re.search(rf"^{target}:", makefile, re.M)]

    assert {"run", "test"} <= told
    assert missing == []


class Reader:
    """Does what a page says, with a data directory and servers of their own."""

    def __init__(self, folder: Path) -> None:
        self._said = ""
        self._folder = folder
        self._servers: list[subprocess.Popen[bytes]] = []
        self._places: dict[str, str] = {}
        self._environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PORTICO_DATA_DIR": str(folder / "data"),
            "PORTICO_PORT": "0",
            "PYTEST_PLUGINS": "portico.pytest_plugin",  # an installed package brings it along
        }

    def follow(self, block: Block) -> str:
        """Do what one block says, or compare what it shows with the output of the last one.

        Returns:
            What was printed on standard output by the last block that printed something.
        """
        text = self._relocated(block.text)
        if block.language == "text":
            pattern = ".*".join(map(re.escape, text.strip().split("...")))
            logs = [log.read_text() for log in self._folder.glob("server*.log")]
            why = "\n".join([self._said, "is not", text, *logs])
            assert re.fullmatch(pattern, self._said.strip(), re.S), why
        elif block.language == "sh":
            self._type(text)
        elif block.language == "toml":
            self._write(text)
        elif block.language == "python":
            self._run_python(text)
        else:
            raise AssertionError(f"nobody knows what to do with {block}")
        return self._said

    def serve(self, command: str, *, stands_for: str) -> None:
        """Start a server that takes the place of the one at the address `stands_for`."""
        log = self._folder / f"server{len(self._servers)}.log"
        words = re.sub(r"--port \d+", "--port 0", command).split()
        with log.open("wb") as output:
            process = subprocess.Popen(
                words, cwd=self._folder, env=self._environ, stdout=output, stderr=output
            )
        self._servers.append(process)
        deadline_s = time.monotonic() + START_S
        while not (ready := re.search(r"(http://127\.0\.0\.1:\d+)/.*\n", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline_s, log.read_text()
            time.sleep(0.01)
        self._places[stands_for] = ready[1]
        if key := re.search(r"^Key: +(\S+) ", log.read_text(), re.M):
            self._environ["PORTICO_KEY"] = key[1]

    def leave(self) -> None:
        """Stop the servers."""
        for server in self._servers:
            server.send_signal(signal.SIGTERM)
        for server in self._servers:
            server.wait(30)

    def _relocated(self, text: str) -> str:
        for told, actual in self._places.items():
            text = text.replace(told, actual)
        return text

    def _type(self, text: str) -> None:
        """Type a block of commands; what is exported stays for the next one."""
        commands = [line for line in text.splitlines() if not line.startswith("make ")]
        servers = [
            line for line in commands if re.match(r"portico (up|simulate|record|replay)\b", line)
        ]
        for command in servers:
            port = re.search(r"--port (\d+)", command)
            self.serve(command, stands_for=f"http://127.0.0.1:{port[1] if port else 8400}")
        script = "\n".join(line for line in commands if line not in servers)
        if not script.strip():
            return
        if "curl" in script and not shutil.which("curl"):
            pytest.skip("curl is not installed")
        tell = "import json, os, sys; json.dump(dict(os.environ), sys.stdout)"
        self._said = self._run(
            ["sh", "-e", "-c", f"{script}\n'{sys.executable}' -c '{tell}' > exported"]
        )
        self._environ = json.loads((self._folder / "exported").read_text())

    def _write(self, text: str) -> None:
        """Write a file, or see whether what might be in one can be read."""
        titled = re.match(r"# (\S+\.toml)\n", text)
        path = self._folder / (titled[1] if titled else "some.toml")
        path.write_text(text)
        if not titled or titled[1] == "portico.toml":
            load_settings(environ=self._environ, path=str(path))

    def _run_python(self, text: str) -> None:
        known = "import os\nPORTICO_KEY = os.environ.get('PORTICO_KEY')\n"
        self._said = self._run([sys.executable, "-c", known + text])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=self._folder, env=self._environ, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    someone = Reader(tmp_path)
    yield someone
    someone.leave()


@pytest.mark.io
def test_the_readme_works_from_the_first_line_to_the_last(reader):
    told = blocks(ROOT / "README.md")
    reader.serve("portico up --demo", stands_for="http://127.0.0.1:8400")

    said = [reader.follow(block) for block in told]

    def answer(words):
        (typed,) = (i for i, block in enumerate(told) if words in block.text)
        return said[typed]

    assert '"finish_reason":"stop"' in answer("curl -N")
    assert answer("curl -N").endswith("data: [DONE]\n\n")
    assert answer("from openai import OpenAI").endswith(" 3.2e-05\n")
    assert "The books are in order." in answer("portico ledger verify")


def test_the_readme_names_variables_that_hold_keys():
    exported = {
        variable
        for block in blocks(ROOT / "README.md")
        for line in re.findall(r"^export (.+)$", block.text, re.M)
        for variable in re.findall(r"(\w+)=", line)
    }

    known = {variable for record in PROVIDERS.values() for variable in record.key_env}

    assert exported
    assert exported <= known


@pytest.mark.io
@pytest.mark.parametrize("path", HOWTOS, ids=lambda path: path.stem)
def test_how_tos_can_be_followed_to_the_letter(path, reader):
    if "http://10.0.0.5:8000" in path.read_text():
        reader.serve("portico simulate", stands_for="http://10.0.0.5:8000")

    said = [reader.follow(block) for block in blocks(path)]

    assert any(said)
