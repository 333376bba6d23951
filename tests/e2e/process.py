"""The gateway, and the simulator, as real processes, and what can be seen of them from outside."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import apsw

PORTICO = str(Path(sys.executable).with_name("portico"))
_KEPT = ("PATH", "LANG", "PYTHONPATH", "TMPDIR")  # nothing else: it might name a provider's key
_START_S = 20.0
_POLL_S = 0.005


class Failed(Exception):
    """A process did not do what was asked of it; the message ends with what it printed."""


class Gateway:
    """`portico up` over one data directory. May be killed and started again.

    `key` is the one that the first start makes; `ready_s` is how long the last
    start took until `GET /health` answered.
    """

    def __init__(
        self, folder: Path, config: str, *, environ: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.out = folder / "stdout.log"
        self.err = folder / "stderr.log"
        self.key = ""
        self.port = 0
        self.ready_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._printed = 0
        self._environ = {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "HOME": str(folder),
            "PORTICO_DATA_DIR": str(self.data_dir),
            **(environ or {}),
        }
        self._config = folder / "portico.toml"
        self._config.write_text(config)

    # Its life

    def start(self) -> None:
        """Start and wait until it serves. Logs grow over restarts.

        Raises:
            Failed: it ended, or does not get ready.
        """
        began_s = time.monotonic()
        with self.out.open("ab") as out, self.err.open("ab") as err:
            self._process = subprocess.Popen(
                [PORTICO, "up", "--json", "--port", "0", "--config", str(self._config)],
                cwd=self.folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        facts = json.loads(self._next_line(began_s + _START_S))
        self.port = int(facts["base_url"].rsplit(":", 1)[1].split("/", 1)[0])
        self.key = facts["key"] or self.key
        while self.get("/health")[0] != 200:
            if time.monotonic() > began_s + _START_S:
                raise Failed(self.tail())
            time.sleep(_POLL_S)
        self.ready_s = time.monotonic() - began_s

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed. Nothing happens if it has ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "start() comes first"
        return self._process

    def _next_line(self, deadline_s: float) -> str:
        """The next line it prints on its standard output."""
        while time.monotonic() < deadline_s and self.alive:
            text = self.out.read_bytes()[self._printed :]
            if b"\n" in text:
                line = text.split(b"\n", 1)[0]
                self._printed += len(line) + 1
                return line.decode()
            time.sleep(_POLL_S)
        raise Failed(f"the gateway did not start:\n{self.tail()}")

    def tail(self) -> str:
        """The end of what it printed as warnings and errors."""
        return self.err.read_text(errors="replace")[-2000:]

    # What it says

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    def get(self, path: str, *, key: str | None = None) -> tuple[int, dict]:
        """Status and JSON of a path of the root; status 0: nobody answers."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        request = Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, {}

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output of another `portico` command over the same data directory."""
        done = subprocess.run(
            [PORTICO, *arguments, "--config", str(self._config)],
            cwd=self.folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stdout or done.stderr

    def create_key(self, name: str, *options: str, limit_usd: str | None = None) -> str:
        """Make a key beside the running gateway and return its secret."""
        limit = () if limit_usd is None else ("--limit", limit_usd)
        code, text = self.run("keys", "create", "--name", name, *limit, *options, "--json")
        if code != 0:
            raise Failed(text)
        return str(json.loads(text)["key"])

    def verify(self) -> dict:
        """What `portico ledger verify` finds; `ok` is the verdict, its exit code agrees."""
        code, text = self.run("ledger", "verify", "--json")
        try:
            found = json.loads(text)
        except ValueError:
            raise Failed(text) from None
        assert (code == 0) is found["ok"], text
        return dict(found)

    # What can be seen of it

    def rows(self, query: str, *values: object) -> list[dict]:
        """Rows of the ledger's file, read beside the gateway without writing."""
        db = apsw.Connection(str(self.data_dir / "portico.db"), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.set_busy_timeout(2_000)
            cursor = db.cursor()
            found = cursor.execute(query, values)
            names: list[str] = []
            rows = []
            for row in found:
                names = names or [column[0] for column in cursor.get_description()]
                rows.append(dict(zip(names, row, strict=True)))
            return rows
        finally:
            db.close()

    def counts(self) -> tuple[int, int, int]:
        """How many holds, charges and generations the ledger has."""
        (row,) = self.rows("""
            SELECT (SELECT count(*) FROM entries WHERE kind = 'hold') AS holds,
                (SELECT count(*) FROM entries WHERE kind = 'charge') AS charges,
                (SELECT count(*) FROM generations) AS generations
        """)
        return row["holds"], row["charges"], row["generations"]

    @property
    def rss_mb(self) -> float:
        """Memory of the process that is resident now."""
        return self._status("VmRSS") / 1024

    @property
    def peak_mb(self) -> float:
        """The most memory that was ever resident."""
        return self._status("VmHWM") / 1024

    @property
    def threads(self) -> int:
        return self._status("Threads")

    @property
    def descriptors(self) -> int:
        """Open files and sockets."""
        return len(os.listdir(f"/proc/{self._running().pid}/fd"))

    def _status(self, field: str) -> int:
        for line in Path(f"/proc/{self._running().pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise Failed(f"no {field}")


class SimulatorProcess:
    """`portico simulate`, for tests that do not run an event loop of their own."""

    def __init__(self, folder: Path, script: Mapping[str, object]) -> None:
        path = folder / "script.json"
        path.write_text(json.dumps(script))
        self._process = subprocess.Popen(
            [PORTICO, "simulate", "--json", "--script", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.url = str(json.loads(self._process.stdout.readline())["url"])
        self.port = int(self.url.rsplit(":", 1)[1].split("/", 1)[0])

    def log(self) -> list[dict]:
        """What arrived."""
        with urlopen(f"http://127.0.0.1:{self.port}/__log", timeout=10) as answer:
            return list(json.load(answer))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        with contextlib.suppress(OSError):
            self._process.stdout.close()


def provider(slug: str, url: str, *, api_key: str | None = None) -> str:
    """A section of portico.toml. `api_key` is a reference such as `env:NAME`."""
    lines = [f"[providers.{slug}]", f'base_url = "{url}"', 'dialect = "openai_chat"']
    if api_key:
        lines.append(f'api_key = "{api_key}"')
    return "\n".join(lines) + "\n\n"


def model(
    name: str, slug: str, *, prompt: str = "1", completion: str = "2", cap: int | None = None
) -> str:
    """A model of portico.toml; prices in USD per million tokens."""
    lines = ["[[models]]", f'id = "{name}"', f'provider = "{slug}"']
    if cap is not None:
        lines.append(f"max_completion_tokens = {cap}")
    lines.append(f'price = {{ prompt = "{prompt}", completion = "{completion}" }}')
    return "\n".join(lines) + "\n\n"
