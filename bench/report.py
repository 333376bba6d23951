"""The outcome as a table for a terminal and as a page for the documentation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from measure import CHUNKS_PER_STREAM, CONNECTIONS, LATENCY_RPS, OPEN_STREAMS, Plan


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One row: where the figure is and how it reads. Less is better unless the title says so."""

    key: str
    title: str
    digits: int
    ratio: bool = True
    noise: float = 0.0
    """no ratio is made of figures up to this one"""


METRICS: tuple[Metric, ...] = (
    Metric(key="json_2k_cpu_us", title="CPU per JSON request, 2 KB, μs", digits=1),
    Metric(key="json_32k_cpu_us", title="CPU per JSON request, 32 KB, μs", digits=1),
    Metric(key="burst_cpu_us", title="CPU per chunk, burst, μs", digits=2),
    Metric(key="each_cpu_us", title="CPU per chunk, one write each, μs", digits=2),
    Metric(key="paced_cpu_us", title="CPU per chunk, every 5 ms, μs", digits=1),
    Metric(key="max_rps", title="requests/s on one core (more is better)", digits=0),
    Metric(key="added_p50_ms", title="added p50 at 40 rps, ms", digits=2, noise=0.05),
    Metric(key="added_p99_ms", title="added p99 at 40 rps, ms", digits=2, noise=0.05),
    Metric(key="relay_p50_ms", title="paced chunk under way, p50, ms", digits=2),
    Metric(key="relay_p99_ms", title="paced chunk under way, p99, ms", digits=2),
    Metric(key="streams_pss_mb", title="memory, 500 open streams, MB", digits=0),
    Metric(key="idle_pss_mb", title="memory, idle, MB", digits=0),
    Metric(key="health_s", title="start to healthy, s", digits=2),
    Metric(key="first_answer_s", title="start to first completion, s", digits=2),
    Metric(key="distributions", title="installed distributions", digits=0, ratio=False),
    Metric(key="installed_mb", title="installed size, MB", digits=0, ratio=False),
)

Values = Mapping[str, Mapping[str, float]]


def table(columns: Sequence[str], titles: Mapping[str, str], values: Values) -> list[list[str]]:
    """Rows of the figures themselves; a dash where one is missing."""
    rows = [["", *(titles[column] for column in columns)]]
    for metric in METRICS:
        figures = [values.get(column, {}).get(metric.key) for column in columns]
        if any(figure is not None for figure in figures):
            cells = ["-" if f is None else f"{f:,.{metric.digits}f}" for f in figures]
            rows.append([metric.title, *cells])
    return rows


def ratios(
    columns: Sequence[str], titles: Mapping[str, str], values: Values, reference: str
) -> list[list[str]]:
    """Rows of how many times the reference's figure each figure is."""
    if reference not in values:
        return []
    rows = [[f"times {titles[reference]}", *(titles[column] for column in columns)]]
    for metric in METRICS:
        base = values[reference].get(metric.key)
        if metric.ratio and base:
            figures = [values.get(column, {}).get(metric.key) for column in columns]
            rows.append([metric.title, *(_ratio(f, base, metric.noise) for f in figures)])
    return rows


def _ratio(figure: float | None, base: float, noise: float) -> str:
    if figure is None or min(figure, base) <= noise:
        return "-"
    times = figure / base
    return f"{_three_digits(times)}x" if times >= 0.995 else f"1/{_three_digits(1 / times)}"


def _three_digits(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned with spaces, the first to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    )


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, figures to the right."""
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|---" + "|---:" * (len(rows[0]) - 1) + "|", *body])


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the documentation page is made of."""

    command: str
    date: str
    machine: str
    plan: Plan
    columns: Sequence[str]
    titles: Mapping[str, str]
    versions: Mapping[str, str]
    setups: Mapping[str, str]
    values: Values
    problems: Sequence[str]


def markdown(page: Page) -> str:
    """The whole of docs/benchmarks.md."""
    gateways = [column for column in page.columns if column != "direct"]
    blocks = [
        "# Benchmarks",
        "This page is written by the command below; run it again to replace it. Absolute figures "
        "belong to one machine and one run. The ratios are between programs that took turns "
        "on the same core within a minute, and are the part to trust.",
        f"    {page.command}",
        f"{page.date}, {page.machine}",
        as_markdown(table(page.columns, page.titles, page.values)),
        "`direct` is the mock upstream without a gateway: what mock and load generator can do "
        "at most on their core, and what the added latencies are counted from.",
    ]
    for reference in ("nginx", "litellm"):
        rows = ratios(gateways, page.titles, page.values, reference)
        if rows:
            blocks += [f"## Against {page.titles[reference]}", as_markdown(rows)]
    blocks += ["## What was measured", _gateways(page, gateways), _method(page.plan)]
    blocks += ["## What was not measured", NOT_MEASURED]
    if page.problems:
        blocks += [
            "## What went wrong or was in the way",
            "\n".join(f"- {problem}" for problem in page.problems),
        ]
    return "\n\n".join(blocks) + "\n"


def _gateways(page: Page, gateways: Sequence[str]) -> str:
    return "\n".join(
        f"- **{page.titles[slug]} {page.versions.get(slug, '')}**: {page.setups[slug]}."
        for slug in gateways
    )


def _method(plan: Plan) -> str:
    ending = "run to their end" if plan.thorough else f"run for {plan.streams_s:g} s"
    return f"""\
All gateways are pinned to one core and measured there one at a time; the mock upstream \
(`bench/mock.c`) and the load generator (`bench/load.c`) run on another. All traffic is plain \
HTTP over loopback with keep-alive. For each workload every gateway is warmed up for \
{plan.warm_s:g} s, then they take turns: a figure is the median of {plan.repeats} windows of \
{plan.window_s:g} s, of {plan.latency_repeats} for latencies, start-up of {plan.starts} \
start(s). An answer that is not a complete 200 fails the figure: streams must end with \
`[DONE]` and hold every content chunk that the mock sent.

- **CPU** is user and system time that the kernel booked for the gateway's whole process tree, \
divided by requests or by chunks. JSON runs in a closed loop of {CONNECTIONS["json_2k"]} \
connections, burst and each of {CONNECTIONS["burst"]}, paced of {CONNECTIONS["paced"]}. A \
stream has {CHUNKS_PER_STREAM} chunks, and the cost of its request is in its chunks: CPU of \
the run / (streams x {CHUNKS_PER_STREAM}). Burst: the upstream sends all chunks in one write; \
one write each: 64 writes without a pause; paced: one chunk every 5 ms, streams out of step.
- **Requests/s** is the same closed loop with 2 KB bodies and answers of 1 KB. Where the \
gateway used less than its whole core, the load generator was the limit; the JSON report has \
the share as `busy_json_2k`.
- **Added latency** is the gateway's p50 or p99 less that of the mock alone, at \
{LATENCY_RPS} requests/s in an open loop of {plan.latency_s:g} s, counted from the instant each \
request was due.
- **Paced chunk under way** is the time from the mock's write to the load generator's read, \
by a stamp in the chunk.
- **Memory** is the peak proportional set size of the process tree while {OPEN_STREAMS} streams \
with a chunk every 150 ms are started at once in a fresh process and {ending}; idle is after the first \
answer. MB are 10^6 bytes.
- **Start** is from the creation of the process to its first 200 on its health path and to its \
first completion, with warm file caches and compiled bytecode.
- **Installed** counts what the program's own installation needs at run time: Python \
distributions, npm packages, or the one binary; the interpreter is not counted."""


NOT_MEASURED = """\
- Real upstreams, TLS, HTTP/2, networks with delay or loss, clients that read slowly.
- Several workers or several cores, and horizontal scaling.
- LiteLLM with its database and Portkey with caches or guardrails: they would cost more. nginx \
and Portkey check no keys and keep no books.
- Tool calls, images, long answers, errors and fallback."""
