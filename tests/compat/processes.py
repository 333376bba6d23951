"""The gateway and the simulator as processes of their own, as their users run them."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec

from portico.jsonio import JsonObject, loads
from portico.simulator import Arrival, Script, Step

Seen = TypeVar("Seen")

START_S = 30.0
END_S = 10.0
_POLL_S = 0.01

SIMULATED = "sim/model"
"""The model that `simulated` configures."""

ASKED: JsonObject = {
    "model": SIMULATED,
    "messages": [{"role": "user", "content": "Count to three"}],
}
TEXT = "one two three"
BOUND_S = 5.0
"""What a client may take to learn of a failure."""


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A running gateway: what a client is told."""

    base_url: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """For clients that are none: plain HTTP."""
        return {"authorization": f"Bearer {self.key}"}


class Upstream:
    """A running simulator, driven through its back door."""

    def __init__(self, base_url: str, door: httpx.Client) -> None:
        self.base_url = base_url
        self._door = door

    def play(self, script: Script) -> None:
        """Answer by `script` from now on, and forget what arrived."""
        for reply in (
            self._door.post("/__script", content=msgspec.json.encode(script)),
            self._door.delete("/__log"),
        ):
            reply.raise_for_status()

    def play_text(self, *steps: Step, **pace: float) -> None:
        """Answer `steps` in order, then `TEXT` for ever, at once unless `pace` says otherwise."""
        at_once = {"ttft_s": 0.0, "chunk_interval_s": 0.0}
        self.play(Script(steps=steps, default=Step(text=TEXT), **{**at_once, **pace}))

    def arrivals(self) -> list[Arrival]:
        """What arrived since `play`, oldest first."""
        reply = self._door.get("/__log").raise_for_status()
        return msgspec.json.decode(reply.content, type=list[Arrival])


@contextmanager
def gateway(
    folder: Path,
    *arguments: str,
    config: str | None = None,
    environment: Mapping[str, str] | None = None,
    command: str = "up",
) -> Iterator[Gateway]:
    """Run `portico up` with its state in `folder`; `config` is the text of its portico.toml.

    Likewise `portico record` and `portico replay`, whose key is any.
    """
    if config is not None:
        (folder / "portico.toml").write_text(config)
    state = {"PORTICO_DATA_DIR": str(folder / "data"), **(environment or {})}
    with _process(folder, (command, "--json", "--port", "0", *arguments), state) as facts:
        yield Gateway(base_url=facts["base_url"], key=facts["key"] or "any")


@contextmanager
def simulator(folder: Path) -> Iterator[Upstream]:
    """Run `portico simulate` on a free port."""
    with (
        _process(folder, ("simulate", "--json"), {}) as facts,
        httpx.Client(base_url=facts["url"].removesuffix("/v1")) as door,
    ):
        yield Upstream(facts["url"], door)


def simulated(upstream: Upstream, models: Sequence[str] = (SIMULATED,)) -> str:
    """A portico.toml in which the simulator serves `models`, with deadlines a test can wait for.

    The upstream's name for a model is what follows the slash.
    """
    lines = [
        "[stream]",
        "stream_commit_after_s = 0.5",
        "[deadlines]",
        "first_byte_s = 1",
        "idle_s = 1",
        "[providers.sim]",
        'name = "Sim"',
        'dialect = "openai_chat"',
        f'base_url = "{upstream.base_url}"',
    ]
    for model in models:
        lines += [
            "[[models]]",
            f'id = "{model}"',
            'provider = "sim"',
            f'upstream_model = "{model.partition("/")[2]}"',
            'price = { prompt = "1", completion = "3" }',
        ]
    return "\n".join(lines)


def until(look: Callable[[], Seen], holds: Callable[[Seen], bool]) -> Seen:
    """Look again and again until `holds`, and return what was seen then.

    Raises:
        TimeoutError: it did not hold in time.
    """
    deadline_s = time.monotonic() + END_S
    while not holds(seen := look()):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"still not so: {seen!r}")
        time.sleep(_POLL_S)
    return seen


@contextmanager
def _process(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> Iterator[JsonObject]:
    """Run a `portico` command, yield the object it prints when it is ready, end it.

    Of the caller's environment it gets only what a process needs to run, so
    that no provider's key is found.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    log = folder / f"{arguments[0]}.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            (sys.executable, "-m", "portico", *arguments),
            cwd=folder,
            env={**kept, "HOME": str(folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        try:
            readable, _, _ = select.select([process.stdout], [], [], START_S)
            line = process.stdout.readline() if readable and process.stdout else b""
            if not line:
                raise RuntimeError(f"portico {arguments[0]} did not start: {log.read_text()}")
            yield loads(line)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
