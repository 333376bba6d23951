"""Measure Portico beside nginx, Portkey's gateway and the LiteLLM proxy.

    python bench/run.py [--quick] [--only portico,nginx] [--json FILE] [--write-docs FILE]

Needs Linux, gcc and two cores. Gateways other than Portico are installed into
bench/envs on first use; what cannot be installed is reported and left out.
"""

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import measure
import report
from bodies import write_bodies
from measure import Load, Plan, Subject, Target
from peers import PEERS
from peers.base import Peer, Ready, Site, run
from processes import BenchError, Spawned, stop_all

BENCH = Path(__file__).resolve().parent
ENVS = BENCH / "envs"
BUILD = BENCH / "build"
BEGAN_S = time.monotonic()


@dataclass(kw_only=True)
class Bench:
    """One run: its tools, its cores and whom it measures. The first subject is the mock alone."""

    plan: Plan
    work: Path
    gateway_core: int
    load: Load
    mock: Spawned
    subjects: list[Subject]
    versions: dict[str, str] = field(default_factory=dict)


def say(text: str) -> None:
    print(f"[{time.monotonic() - BEGAN_S:6.1f} s] {text}", file=sys.stderr, flush=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def build_tools() -> None:
    """Compile mock and load generator.

    Raises:
        BenchError: there is no gcc, or it failed.
    """
    BUILD.mkdir(exist_ok=True)
    for name in ("mock", "load"):
        command = ["gcc", "-O2", "-o", str(BUILD / name), str(BENCH / f"{name}.c")]
        run(command, log=BUILD / "gcc.log")


def start_mock(port: int, core: int) -> Spawned:
    """Start the upstream.

    Raises:
        BenchError: it does not listen.
    """
    mock = Spawned([str(BUILD / "mock"), str(port)], core=core, log=BUILD / "mock.log")
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return mock
        time.sleep(0.01)
    raise BenchError(f"the mock does not listen: {mock.last_words()}")


def check_mock(bench: Bench) -> None:
    """Without the upstream every gateway looks broken.

    Raises:
        BenchError: it has ended.
    """
    if not bench.mock.alive:
        raise BenchError(f"the mock upstream ended with {bench.mock.exit_code}")


def direct(work: Path, mock_port: int) -> Subject:
    """The mock without a gateway: the limit of the tools, the zero of added latency."""
    target = Target(
        port=mock_port,
        chat_path="/v1/chat/completions",
        headers=(),
        bodies=write_bodies(work / "direct", "bench-{}"),
    )
    return Subject(slug="direct", name="direct", target=target)


def set_up(bench: Bench, peer: Peer, subject: Subject) -> Ready:
    """Install and configure one gateway and note what that put on the machine.

    Raises:
        BenchError: it cannot be had here.
    """
    say(f"{peer.name}: installing and configuring")
    work = bench.work / peer.slug
    work.mkdir()
    (BUILD / f"{peer.slug}.log").unlink(missing_ok=True)
    site = Site(
        root=BENCH.parent,
        envs=ENVS,
        work=work,
        port=free_port(),
        mock_port=bench.load.mock_port,
    )
    ready = peer.prepare(site)
    bench.versions[peer.slug] = ready.version
    subject.target = Target(
        port=site.port,
        chat_path=ready.chat_path,
        headers=ready.headers,
        bodies=write_bodies(work / "bodies", ready.model),
    )
    if ready.distributions is not None:
        subject.note({"distributions": ready.distributions})
    if ready.installed_bytes is not None:
        subject.note({"installed_mb": ready.installed_bytes / 1e6})
    return ready


def start(bench: Bench, peer: Peer, subject: Subject, ready: Ready) -> None:
    """Start the gateway as often as planned, measure its memory, and leave it running.

    Memory is measured here, in a process that has done nothing else. Of the
    gateways started before, only LiteLLM shares pages with another one, and
    too few to matter.

    Raises:
        BenchError: it does not start.
    """
    spawn = partial(
        Spawned,
        ready.command,
        core=bench.gateway_core,
        log=BUILD / f"{peer.slug}.log",
        environment=ready.environment,
        cwd=ready.cwd,
    )
    for number in range(1, bench.plan.starts + 1):
        say(f"{peer.name}: start {number} of {bench.plan.starts}")
        gateway = measure.start_gateway(spawn, subject, ready.health_path, peer.start_timeout_s)
        if number < bench.plan.starts:
            gateway.stop()
    time.sleep(0.5)
    subject.note({"idle_pss_mb": gateway.pss_bytes() / 1e6})
    say(f"{peer.name}: {measure.OPEN_STREAMS} open streams")
    try:
        measure.measure_open_streams(bench.load, subject, gateway, bench.plan)
    except BenchError as error:
        subject.problems.append(str(error))
        say(f"{peer.name}: {error}")
    subject.gateway = gateway


def take_turns(bench: Bench) -> None:
    """Everything that is measured under load, for all gateways that run."""
    load, plan, running = bench.load, bench.plan, [s for s in bench.subjects if s.gateway]
    for workload in plan.workloads:
        windows = measure.cpu_windows(load, plan, workload, bench.gateway_core)
        subjects = bench.subjects[:1] + running if workload == "json_2k" else running
        measure.in_turns(subjects, plan.repeats, workload, *windows, say)
    windows = measure.latency_windows(load, plan)
    subjects = bench.subjects[:1] + running
    measure.in_turns(subjects, plan.latency_repeats, "latency", *windows, say)


def finish(bench: Bench, audits: dict[str, Callable[[int], None]]) -> None:
    """Stop the gateways and look into the books of those that keep any."""
    for subject in bench.subjects:
        if subject.gateway is None:
            continue
        if not subject.gateway.alive:
            subject.problems.append(f"ended: {subject.gateway.last_words()}")
        subject.gateway.stop()
        if subject.slug in audits:
            say(f"{subject.name}: audit")
            try:
                audits[subject.slug](subject.answered)
            except BenchError as error:
                subject.problems.append(str(error))


def run_peers(bench: Bench, slugs: Sequence[str]) -> None:
    """Set up and start the gateways one after the other, then measure them in turns."""
    audits: dict[str, Callable[[int], None]] = {}
    for peer in PEERS:
        if peer.slug not in slugs:
            continue
        check_mock(bench)
        subject = Subject(slug=peer.slug, name=peer.name)
        bench.subjects.append(subject)
        try:
            ready = set_up(bench, peer, subject)
            start(bench, peer, subject, ready)
        except BenchError as error:
            subject.problems.append(str(error))
            say(f"{peer.name}: {error}")
            continue
        if ready.audit is not None:
            audits[peer.slug] = ready.audit
    check_mock(bench)
    take_turns(bench)
    check_mock(bench)
    finish(bench, audits)


def reported(bench: Bench) -> dict[str, dict[str, float]]:
    """The medians, with latencies as what each gateway adds to the mock's own."""
    values = {subject.slug: subject.values for subject in bench.subjects}
    zero = values["direct"]
    for slug, figures in values.items():
        for quantile in ("p50", "p99"):
            latency = figures.get(f"{quantile}_ms")
            if slug != "direct" and latency is not None and f"{quantile}_ms" in zero:
                figures[f"added_{quantile}_ms"] = latency - zero[f"{quantile}_ms"]
    return values


def machine() -> str:
    """The processor, without anything that names the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), "?")
    return f"{os.cpu_count()} cores ({model}), {platform.system()} {platform.machine()}"


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    slugs = [peer.slug for peer in PEERS]
    parser.add_argument("--quick", action="store_true", help="under two minutes, rougher figures")
    parser.add_argument("--only", metavar="A,B", help=f"some of {','.join(slugs)}")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all figures as JSON")
    parser.add_argument("--write-docs", metavar="FILE", type=Path, help="write the page")
    options = parser.parse_args(argv)
    options.peers = options.only.split(",") if options.only else slugs
    if unknown := set(options.peers) - set(slugs):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(slugs)}")
    return options


def command(options: argparse.Namespace) -> str:
    """The command as the page shows it, without the places of its output."""
    words = ["python bench/run.py"]
    words += ["--quick"] if options.quick else []
    words += ["--only", options.only] if options.only else []
    return " ".join([*words, "--write-docs docs/benchmarks.md"])


def run_all(options: argparse.Namespace, work: Path) -> Bench:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        say("only one core: gateway, mock and load share it, latencies mean little")
    load_core, mock_core = cores[0], cores[1] if len(cores) > 2 else cores[0]
    os.sched_setaffinity(0, {load_core})
    mock_port = free_port()
    build_tools()
    bench = Bench(
        plan=measure.QUICK if options.quick else measure.FULL,
        work=work,
        gateway_core=cores[-1],
        load=Load(binary=BUILD / "load", mock_port=mock_port, log=BUILD / "load.log"),
        mock=start_mock(mock_port, mock_core),
        subjects=[direct(work, mock_port)],
    )
    run_peers(bench, options.peers)
    return bench


def page_of(options: argparse.Namespace, bench: Bench) -> report.Page:
    titles = {"direct": "direct"} | {peer.slug: peer.name for peer in PEERS}
    values = reported(bench)
    problems = [f"{s.name}: {problem}" for s in bench.subjects for problem in s.problems]
    return report.Page(
        command=command(options),
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        machine=machine(),
        plan=bench.plan,
        columns=[slug for slug in titles if values.get(slug)],
        titles=titles,
        versions=bench.versions,
        setups={peer.slug: peer.setup for peer in PEERS},
        values=values,
        problems=[*problems, *filter(None, [disturbance(bench)])],
    )


def disturbance(bench: Bench) -> str | None:
    """A sentence if other programs took much of the gateway's core."""
    shares = [
        share
        for subject in bench.subjects
        for metric, runs in subject.runs.items()
        if metric.startswith("others_")
        for share in runs
    ]
    if not shares or max(shares) < 0.1:
        return None
    return (
        f"Other programs used up to {max(shares):.0%} of the gateway's core during a window "
        f"({sum(shares) / len(shares):.0%} on average): latencies and requests/s suffer, CPU a little."
    )


def publish(options: argparse.Namespace, bench: Bench, page: report.Page) -> None:
    """Print the tables and write what was asked for."""
    gateways = [column for column in page.columns if column != "direct"]
    blocks = [report.table(page.columns, page.titles, page.values)]
    blocks += [report.ratios(gateways, page.titles, page.values, r) for r in ("nginx", "litellm")]
    print("\n\n".join(report.as_text(rows) for rows in blocks if rows))
    for problem in page.problems:
        print(f"! {problem}")
    if options.json:
        document = {
            "date": page.date,
            "machine": page.machine,
            "quick": options.quick,
            "versions": bench.versions,
            "gateways": {
                s.slug: {"values": page.values[s.slug], "runs": s.runs, "problems": s.problems}
                for s in bench.subjects
            },
        }
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    if options.write_docs:
        options.write_docs.parent.mkdir(parents=True, exist_ok=True)
        options.write_docs.write_text(report.markdown(page))


def main(argv: Sequence[str]) -> int:
    options = arguments(argv)
    if sys.platform != "linux":
        print("the benchmark reads /proc: it runs on Linux only", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ENVS.mkdir(exist_ok=True)
    BUILD.mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=BUILD))
    try:
        bench = run_all(options, work)
    except BenchError as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    finally:
        stop_all()
        shutil.rmtree(work, ignore_errors=True)
    publish(options, bench, page_of(options, bench))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
