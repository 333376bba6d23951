"""Starting, measuring and ending processes. Linux only: it reads /proc.

CPU is what the kernel booked for a process, whether or not it had a core to
itself: another program on the machine makes it slower, not dearer.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_running: list["Spawned"] = []


class BenchError(Exception):
    """Something cannot be measured; the message is for the table."""


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Start processes on `core`: they keep the affinity their parent had when it forked."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Spawned:
    """A process in a group of its own, pinned to one core, that ends with the benchmark."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        core: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start `command` on `core`, its output appended to `log`.

        `environment` is all it sees: nothing is inherited, so that settings,
        keys and proxies of the caller cannot reach it. None inherits.
        """
        self.started_s = time.monotonic()
        self.log = log
        with log.open("ab") as output, on_core(core):
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if environment is None else dict(environment),
                cwd=cwd,
                start_new_session=True,
            )
        _running.append(self)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def tree(self) -> list[int]:
        """The ids of the process and all its living descendants."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := _stat_fields(int(entry.name))):
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        found = [self._process.pid]
        for pid in found:
            found.extend(children.get(pid, ()))
        return found

    def cpu_ns(self) -> int:
        """User and system time used so far by the tree, dead threads and reaped children too."""
        return sum(_cpu_ns(pid) for pid in self.tree())

    def pss_bytes(self) -> int:
        """Memory of the tree; pages shared among processes are counted in part."""
        return sum(_pss_bytes(pid) for pid in self.tree())

    def stop(self) -> None:
        """End the whole group: asked first, forced after five seconds."""
        pids = self.tree() if self.alive else [self._process.pid]
        for sig, patience_s in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            _signal_group(self._process.pid, sig)
            deadline_s = time.monotonic() + patience_s
            while (left := self.alive or any(map(_exists, pids))) and time.monotonic() < deadline_s:
                time.sleep(0.02)
            if not left:  # a number that nobody has any more may soon be somebody else's
                break
        if self in _running:
            _running.remove(self)

    def last_words(self) -> str:
        """The end of its log, for an error message."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:])[-300:] or "no output"


def core_busy_s(core: int) -> float:
    """How long this core has been at work for anybody, time stolen by the host included."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return 0.0


def stop_all() -> None:
    """End whatever is still running, last started first."""
    for spawned in reversed(list(_running)):
        spawned.stop()


def _signal_group(pid: int, sig: signal.Signals) -> None:
    try:
        os.killpg(pid, sig)
    except ProcessLookupError:
        return


def _exists(pid: int) -> bool:
    fields = _stat_fields(pid)
    return fields is not None and fields[0] != "Z"


def _stat_fields(pid: int) -> list[str] | None:
    """/proc/PID/stat from the state on (proc(5), field 3); None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def _cpu_ns(pid: int) -> int:
    fields = _stat_fields(pid)
    if fields is None:
        return 0
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    reaped_children_ns = (int(fields[13]) + int(fields[14])) * tick_ns
    try:
        # The clock that clock_getcpuclockid(3) names for another process: nanoseconds, and
        # threads that have ended are in it.
        own_ns = time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        own_ns = (int(fields[11]) + int(fields[12])) * tick_ns
    return own_ns + reaped_children_ns


def _pss_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
