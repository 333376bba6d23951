"""What the benchmark needs to know about a gateway to run it."""

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import BenchError


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where one gateway runs: its folders, its port and the mock's."""

    root: Path
    """the repository"""
    envs: Path
    """installed gateways, kept from run to run"""
    work: Path
    """scratch folder of this gateway in this run"""
    port: int
    mock_port: int

    def environment(self, **extra: str) -> dict[str, str]:
        """What every gateway may see: a path, a home of its own, no proxies, no keys."""
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.work),
            "TMPDIR": str(self.work),
            "LANG": "C.UTF-8",
            **extra,
        }


@dataclass(frozen=True, kw_only=True)
class Ready:
    """An installed and configured gateway.

    `model` has `{}` where the workload's name goes. `distributions` and
    `installed_bytes` are what installing it put on the machine; None if that
    cannot be told.
    """

    version: str
    command: Sequence[str]
    environment: Mapping[str, str]
    health_path: str
    model: str = "bench-{}"
    chat_path: str = "/v1/chat/completions"
    headers: Sequence[str] = ()
    cwd: Path | None = None
    audit: Callable[[int], None] | None = None
    """called when the gateway has ended, with how many good answers it gave at least"""
    distributions: int | None = None
    installed_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A gateway under measurement. `prepare` installs and configures it.

    `prepare` raises BenchError if that is not possible here.
    """

    slug: str
    name: str
    setup: str
    """how it is configured, one sentence for the report"""
    prepare: Callable[[Site], Ready]
    start_timeout_s: float = 30.0


def run(command: Sequence[str], *, log: Path, timeout_s: float = 900, **options: object) -> None:
    """Run an installer, its output to `log`.

    Raises:
        BenchError: it is missing, failed, or took too long.
    """
    try:
        with log.open("ab") as output:
            result = subprocess.run(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=timeout_s,
                check=False,
                **options,  # type: ignore[call-overload]
            )
    except FileNotFoundError as error:
        raise BenchError(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{command[0]} took longer than {timeout_s:.0f} s") from error
    if result.returncode:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise BenchError(f"{command[0]} failed: {' '.join(last)[:160]}")


def output_of(command: Sequence[str], **options: object) -> str:
    """Return what a short command prints (stdout and stderr).

    Raises:
        BenchError: it is missing or failed.
    """
    try:
        result = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=True,
            **options,  # type: ignore[call-overload]
        )
    except (OSError, subprocess.SubprocessError) as error:
        detail = (getattr(error, "stdout", None) or str(error)).strip().splitlines()
        raise BenchError(f"{Path(command[0]).name}: {' '.join(detail[-1:])[:160]}") from error
    return str(result.stdout)


def folder_bytes(folder: Path) -> int:
    """The size of all regular files below `folder`."""
    return sum(
        file.stat().st_size
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink()
    )


def install_once(env: Path, what: str, install: Callable[[], None]) -> None:
    """Install `what` (a name with its version) into `env`, unless that has been done.

    An interrupted or outdated installation is removed and done again.
    """
    mark = env / "installed.txt"
    if mark.exists() and mark.read_text() == what:
        return
    shutil.rmtree(env, ignore_errors=True)
    env.mkdir(parents=True)
    install()
    mark.write_text(what)
