"""What is measured, and how: the same steps for each gateway, in turn.

Within a workload the gateways take turns, window by window, so that a ratio
compares seconds that were close together and not minutes that were far apart.
"""

import http.client
import json
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from processes import BenchError, Spawned, core_busy_s

CHUNKS_PER_STREAM = 64
STAMPED_CHUNKS = 61
OPEN_STREAMS = 500
LATENCY_RPS = 40
CONNECTIONS = {"json_2k": 32, "json_32k": 32, "burst": 16, "each": 16, "paced": 8}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to measure. Times are seconds of wall clock."""

    repeats: int
    """windows of a closed loop: many short ones, as what else the host does comes in phases"""
    warm_s: float
    window_s: float
    latency_repeats: int
    latency_s: float
    starts: int
    streams_s: float
    workloads: Sequence[str]
    thorough: bool
    """streams run to their end"""


FULL = Plan(
    repeats=7,
    warm_s=1.5,
    window_s=1.5,
    latency_repeats=3,
    latency_s=5.0,
    starts=3,
    streams_s=120,
    workloads=("json_2k", "json_32k", "burst", "each", "paced"),
    thorough=True,
)
QUICK = Plan(
    repeats=3,
    warm_s=0.3,
    window_s=0.5,
    latency_repeats=3,
    latency_s=1.0,
    starts=1,
    streams_s=5,
    workloads=("json_2k", "json_32k", "burst", "paced"),
    thorough=False,
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where load is sent: a gateway, or the mock itself."""

    port: int
    chat_path: str
    headers: Sequence[str]
    bodies: Mapping[str, Path]


@dataclass(frozen=True, kw_only=True)
class Load:
    """The load generator. It runs on the core of whoever starts it."""

    binary: Path
    mock_port: int
    log: Path


@dataclass(kw_only=True)
class Subject:
    """What is measured, and what has come out so far. The mock alone has no gateway.

    `runs` holds every single figure by metric; the reported one is their
    median. `answered` counts the good answers that the gateway gave.
    """

    slug: str
    name: str
    target: Target | None = None
    gateway: Spawned | None = None
    answered: int = 0
    runs: dict[str, list[float]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def values(self) -> dict[str, float]:
        return {metric: statistics.median(runs) for metric, runs in self.runs.items()}

    def note(self, figures: Mapping[str, float]) -> None:
        """Add one run of each metric."""
        for metric, figure in figures.items():
            self.runs.setdefault(metric, []).append(round(figure, 6))


Say = Callable[[str], None]
Window = Callable[[Subject], dict[str, float]]


def start_gateway(
    start: Callable[[], Spawned], subject: Subject, health_path: str, timeout_s: float
) -> Spawned:
    """Start a process and wait for it; notes `health_s` and `first_answer_s`.

    They are the seconds from the start of the process to the first 200 on its
    health path and to its first completion.

    Raises:
        BenchError: it ended, or did not answer within `timeout_s`.
    """
    gateway = start()
    try:
        _await_answer(gateway, subject, health_path, timeout_s)
    except BenchError:
        gateway.stop()
        raise
    return gateway


def _await_answer(gateway: Spawned, subject: Subject, health_path: str, timeout_s: float) -> None:
    target = _target(subject)
    deadline_s = gateway.started_s + timeout_s
    health_s: float | None = None
    body = target.bodies["json_2k"].read_bytes()
    headers = dict(header.split(": ", 1) for header in target.headers)
    headers["Content-Type"] = "application/json"
    while time.monotonic() < deadline_s:
        if not gateway.alive:
            raise BenchError(f"ended at start: {gateway.last_words()}")
        if health_s is None:
            if _status(target.port, "GET", health_path) == 200:
                health_s = time.monotonic() - gateway.started_s
                continue
        elif _status(target.port, "POST", target.chat_path, body=body, headers=headers) == 200:
            first_answer_s = time.monotonic() - gateway.started_s
            subject.note({"health_s": health_s, "first_answer_s": first_answer_s})
            subject.answered += 1
            return
        time.sleep(0.005 if health_s is None else 0.05)
    raise BenchError(f"no answer within {timeout_s:.0f} s: {gateway.last_words()}")


def in_turns(
    subjects: Sequence[Subject], turns: int, what: str, warm: Window, window: Window, say: Say
) -> None:
    """Warm everybody up, then take the windows in turns and note their figures.

    Who fails is out of this measurement, with the reason among its problems.
    """
    figures: dict[str, list[dict[str, float]]] = {}
    failed: set[str] = set()
    for turn in range(turns + 1):
        say(f"{what}: " + (f"turn {turn} of {turns}" if turn else "warm-up"))
        for subject in subjects:
            if subject.slug in failed:
                continue
            try:
                measured = window(subject) if turn else warm(subject)
            except BenchError as error:
                failed.add(subject.slug)
                subject.problems.append(f"{what}: {error}")
                say(f"{subject.name}: {error}")
                continue
            if turn:
                figures.setdefault(subject.slug, []).append(measured)
    for subject in subjects:
        if subject.slug not in failed:
            for measured in figures.get(subject.slug, ()):
                subject.note(measured)


def cpu_windows(load: Load, plan: Plan, workload: str, core: int) -> tuple[Window, Window]:
    """Warm-up and window of a closed loop: CPU per request or per chunk.

    Figures: `<workload>_cpu_us`; `busy_<workload>` and `others_<workload>`, the
    shares of the core that the gateway and everybody else used; requests per
    second for small JSON; for paced streams how long an event was under way.
    """
    options = ["-c", str(CONNECTIONS[workload]), "-d"]
    units = 1 if workload.startswith("json") else CHUNKS_PER_STREAM

    def warm(subject: Subject) -> dict[str, float]:
        return run_load(load, subject, workload, [*options, str(plan.warm_s)])

    def window(subject: Subject) -> dict[str, float]:
        gateway = subject.gateway
        before_ns, before_core_s = gateway.cpu_ns() if gateway else 0, core_busy_s(core)
        counts = run_load(load, subject, workload, [*options, str(plan.window_s)])
        figures: dict[str, float] = {}
        if workload == "json_2k":
            figures["max_rps"] = counts["good"] / counts["seconds"]
        if workload == "paced":
            figures["relay_p50_ms"] = counts["relay_p50_us"] / 1e3
            figures["relay_p99_ms"] = counts["relay_p99_us"] / 1e3
        if gateway:
            time.sleep(0.1)  # work that a gateway leaves for after the answer counts as well
            used_s = (gateway.cpu_ns() - before_ns) / 1e9
            others_s = core_busy_s(core) - before_core_s - used_s
            figures[f"{workload}_cpu_us"] = used_s * 1e6 / counts["good"] / units
            figures[f"busy_{workload}"] = used_s / counts["seconds"]
            figures[f"others_{workload}"] = max(0.0, others_s) / counts["seconds"]
        return figures

    return warm, window


def latency_windows(load: Load, plan: Plan) -> tuple[Window, Window]:
    """Latency of small JSON requests at a fixed rate, from the instant each was due."""
    options = ["-c", "16", "-r", str(LATENCY_RPS), "-d"]

    def warm(subject: Subject) -> dict[str, float]:
        return run_load(load, subject, "json_2k", [*options, "0.3"])

    def window(subject: Subject) -> dict[str, float]:
        counts = run_load(load, subject, "json_2k", [*options, str(plan.latency_s)])
        return {"p50_ms": counts["p50_us"] / 1e3, "p99_ms": counts["p99_us"] / 1e3}

    return warm, window


def measure_open_streams(load: Load, subject: Subject, gateway: Spawned, plan: Plan) -> None:
    """Note peak memory of the tree while 500 slow streams (a chunk every 150 ms) are open.

    They are started at once and run to their end, or to `plan.streams_s`.

    Raises:
        BenchError: a stream was not whole.
    """
    options = ["-c", str(OPEN_STREAMS), "-n", str(OPEN_STREAMS)]
    process = _start_load(load, subject, "slow", options)
    peak_bytes, peak_streams, deadline_s = 0, 0, time.monotonic() + plan.streams_s
    try:
        while (running := process.poll() is None) and time.monotonic() < deadline_s:
            peak_bytes = max(peak_bytes, gateway.pss_bytes())
            peak_streams = max(peak_streams, _paced_streams(load.mock_port))
            time.sleep(0.4)
    finally:
        process.kill()
        output, _ = process.communicate()
    if not running:
        subject.answered += int(_checked(output, "slow", load)["good"])
    elif plan.thorough:
        raise BenchError(f"slow: not at an end after {plan.streams_s:g} s")
    subject.note({"streams_pss_mb": peak_bytes / 1e6, "open_streams": peak_streams})
    if peak_streams < OPEN_STREAMS:
        subject.problems.append(f"only {peak_streams} of the slow streams were open at once")


def run_load(
    load: Load, subject: Subject, workload: str, options: Sequence[str]
) -> dict[str, float]:
    """Run the load generator to its end and return what it printed.

    Raises:
        BenchError: an answer was not a whole, good one; nothing is measured then.
    """
    process = _start_load(load, subject, workload, options)
    try:
        output, _ = process.communicate(timeout=180)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{workload}: the load did not end") from error
    finally:
        process.kill()
        process.wait()
    counts = _checked(output, workload, load)
    subject.answered += int(counts["good"])
    return counts


def _start_load(
    load: Load, subject: Subject, workload: str, options: Sequence[str]
) -> subprocess.Popen[str]:
    target = _target(subject)
    command = [str(load.binary), "-p", str(target.port), "-u", target.chat_path]
    command += ["-b", str(target.bodies[workload]), *options]
    for header in target.headers:
        command += ["-H", header]
    if not workload.startswith("json"):
        command += ["-s", str(STAMPED_CHUNKS)]
    with load.log.open("w") as log:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)


def _checked(output: str, workload: str, load: Load) -> dict[str, float]:
    said = load.log.read_text(errors="replace").strip().splitlines()
    detail = said[0][:200] if said else ""
    try:
        counts: dict[str, float] = json.loads(output)
    except ValueError as error:
        raise BenchError(f"{workload}: {detail or 'the load generator failed'}") from error
    failed = int(counts["bad_status"] + counts["bad_stream"] + counts["broken"])
    if failed or not counts["good"]:
        raise BenchError(f"{workload}: {failed} of {failed + int(counts['good'])} failed: {detail}")
    return counts


def _target(subject: Subject) -> Target:
    if subject.target is None:
        raise BenchError("it is not configured")
    return subject.target


def _status(
    port: int,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return None
    else:
        return response.status
    finally:
        connection.close()


def _paced_streams(mock_port: int) -> int:
    """How many paced streams the mock is sending."""
    connection = http.client.HTTPConnection("127.0.0.1", mock_port, timeout=10)
    try:
        connection.request("GET", "/stats")
        return int(json.loads(connection.getresponse().read())["paced_streams"])
    except (OSError, http.client.HTTPException, ValueError):
        return 0
    finally:
        connection.close()
