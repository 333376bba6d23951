"""Where clients live: what is pinned is fetched once into `build/clients`, and used from there.

An environment is made anew when its pins (or the source of a Go driver) have
changed since it was made; otherwise nothing is asked of the network. Pins are
in `pins/` and, for Go, beside the driver; none of them names a registry.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from tests.compat.toolchain import go

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
DRIVERS, PINS = HERE / "drivers", HERE / "pins"
ENVIRONMENTS = ROOT / "build" / "clients"
_INSTALL_S = 600
_BUILD_S = 1800
_STAMP = ".made-of"


class Unavailable(Exception):
    """The client cannot be had here; the message says why."""


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be installed for a client. `shown` is the package whose version is told.

    `wished` are the packages that `upgrade` pins the newest versions of; Go has
    none: its versions are chosen by hand, in `go.mod`.
    """

    language: Literal["python", "node", "go"]
    name: str
    wished: tuple[str, ...] = ()
    shown: str

    @property
    def home(self) -> Path:
        return ENVIRONMENTS / self.name

    @property
    def pins(self) -> list[Path]:
        """The files that decide what is installed."""
        if self.language == "python":
            return [PINS / f"{self.name}.txt"]
        if self.language == "node":
            return [PINS / self.name / "package.json", PINS / self.name / "package-lock.json"]
        source = DRIVERS / self.name.replace("-", "_")
        return [*sorted(source.iterdir()), DRIVERS / "common.go"]


def prepare(package: Package) -> str:
    """Make the environment if need be; return the version of what is shown.

    Raises:
        Unavailable: the language is not on this machine, or the packages cannot be fetched.
    """
    install, tool = _HOW[package.language]
    if tool is not None and shutil.which(tool) is None:
        raise Unavailable(f"{tool} is not on this machine")
    if not is_made(package):
        shutil.rmtree(package.home, ignore_errors=True)
        package.home.mkdir(parents=True)
        install(package)
        (package.home / _STAMP).write_text(_made_of(package))
    return version(package)


def is_made(package: Package) -> bool:
    """Whether the environment is there, and of the pins as they are now."""
    stamp = package.home / _STAMP
    return stamp.exists() and stamp.read_text() == _made_of(package)


def _made_of(package: Package) -> str:
    return hashlib.sha256(b"".join(pin.read_bytes() for pin in package.pins)).hexdigest()


def version(package: Package) -> str:
    """The pinned version of what is shown."""
    if package.language == "node":
        lock = json.loads(package.pins[1].read_text())
        return str(lock["packages"][f"node_modules/{package.shown}"]["version"])
    text = "\n".join(pin.read_text() for pin in package.pins if pin.suffix in {".txt", ".mod"})
    found = re.search(rf"(?m)^(?:require )?\s*{re.escape(package.shown)}(?:==| )(\S+)", text)
    if found is None:
        raise LookupError(f"{package.shown} is not pinned for {package.name}")
    return found[1]


def upgrade(package: Package) -> None:
    """Pin the newest versions; the diff of the pins shows what that changes.

    Where one of them breaks, its pins go back and everybody else stays as they were.

    Raises:
        Unavailable: the packages cannot be looked up.
    """
    if package.language == "python":
        _run([sys.executable, "-m", "pip", "install", "-q", "uv"], PINS)
        command = [
            *(sys.executable, "-m", "uv", "pip", "compile", "-", "--universal", "--upgrade"),
            *("--python-version", _oldest_python(), "--no-header", "--no-annotate", "-q"),
            *("-o", str(package.pins[0])),
        ]
        _run(command, PINS, stdin="\n".join(package.wished))
    elif package.language == "node":
        folder = package.pins[0].parent
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        package.pins[0].write_text('{"private":true}')
        only_pin = ("--package-lock-only", "--omit-lockfile-registry-resolved", "--save-exact")
        # Without a tag, npm takes the newest version that runs on this Node.
        _run(["npm", "install", "--silent", *only_pin, *package.wished], folder)


def _oldest_python() -> str:
    wished = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    return str(wished).removeprefix(">=")


def _python(package: Package) -> None:
    _run([sys.executable, "-m", "venv", str(package.home)], package.home)
    pip = [str(package.home / "bin/python"), "-m", "pip", "install", "-q"]
    _run([*pip, "--disable-pip-version-check", "-r", str(package.pins[0])], package.home)


def _node(package: Package) -> None:
    for pin in package.pins:
        shutil.copy(pin, package.home / pin.name)
    _run(["npm", "ci", "--silent", "--no-fund", "--no-audit"], package.home)


def _go(package: Package) -> None:
    source = package.home / "source"
    source.mkdir()
    for pin in package.pins:
        shutil.copy(pin, source / pin.name)
    binary = str(package.home / "client")
    built = go(source, "build", "-buildvcs=false", "-o", binary, ".", timeout_s=_BUILD_S)
    _demand(built)


_HOW: dict[str, tuple[Callable[[Package], None], str | None]] = {
    "python": (_python, None),
    "node": (_node, "npm"),
    "go": (_go, "go"),
}


def _run(command: list[str], home: Path, *, stdin: str = "") -> None:
    try:
        done = subprocess.run(
            command,
            cwd=home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"its packages did not come within {_INSTALL_S} s") from None
    _demand(done)


def _demand(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        raise Unavailable(f"its packages cannot be had: {said[-200:]}")
