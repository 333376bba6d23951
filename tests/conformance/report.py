"""Counting, explaining and printing the outcome of a run."""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.conformance.corpus import Record


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A failure that a reviewer accepts, with the reason.

    Applies where all the given conditions do: `id` is a prefix of the record's
    id, `rule` of the finding's rule, `model` of the record's model; `provider` and `api`
    are exact. None sets no condition.
    """

    reason: str
    id: str | None = None
    rule: str | None = None
    provider: str | None = None
    api: str | None = None
    model: str | None = None

    def covers(self, record: Record, line: str) -> bool:
        return (
            (self.id is None or record.id.startswith(self.id))
            and (self.rule is None or line.startswith(self.rule))
            and (self.provider is None or record.provider == self.provider)
            and (self.api is None or record.api == self.api)
            and (self.model is None or record.model.startswith(self.model))
        )


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One record's result: `reasons` are the broken rules that nothing explains."""

    record: Record
    reasons: list[str]
    explained: list[str] = []

    def passed(self) -> bool:
        return not self.reasons


def load_explained(path: Path) -> list[Explained]:
    """Read `[[explained]]` tables. Raises ValueError if one has no condition."""
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("explained", [])
    entries = [Explained(**row) for row in rows]
    for entry in entries:
        if entry.id is None and entry.rule is None:
            raise ValueError(f"an explanation needs an id or a rule: {entry.reason}")
    return entries


def judge(record: Record, lines: Sequence[str], explanations: Sequence[Explained]) -> Outcome:
    """Separate the findings that an explanation covers from those that count."""
    reasons: list[str] = []
    explained: list[str] = []
    for line in lines:
        match = next((e for e in explanations if e.covers(record, line)), None)
        if match is None:
            reasons.append(line)
        else:
            explained.append(f"{line} [{match.reason}]")
    return Outcome(record=record, reasons=reasons, explained=explained)


def features_of(record: Record) -> list[str]:
    """The record's labels, with `stream` or `json` for how it was answered."""
    labels = {*record.features} - {"stream", "non_stream"}
    return ["stream" if record.stream else "json", *sorted(labels)]


def summary(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """The JSON report. A record counts once per feature it has in `by`, once in the totals."""
    passed: Counter[tuple[str, str, str]] = Counter()
    failed: Counter[tuple[str, str, str]] = Counter()
    rules: Counter[str] = Counter()
    results = list(outcomes)
    for outcome in results:
        record = outcome.record
        for feature in features_of(record):
            counter = passed if outcome.passed() else failed
            counter[record.provider, record.api, feature] += 1
        rules.update(line.split(": ", 1)[0] for line in outcome.reasons)
    failures = [o for o in results if not o.passed()]
    return {
        "total": len(results),
        "passed": len(results) - len(failures),
        "failed": len(failures),
        "by": [
            {
                "provider": provider,
                "api": api,
                "feature": feature,
                "passed": passed[provider, api, feature],
                "failed": failed[provider, api, feature],
            }
            for provider, api, feature in sorted({*passed, *failed})
        ],
        "rules": dict(rules.most_common()),
        "failures": [
            {"id": o.record.id, "provider": o.record.provider, "reasons": o.reasons}
            for o in failures
        ],
        "explained": [
            {"id": o.record.id, "provider": o.record.provider, "reasons": o.explained}
            for o in results
            if o.explained
        ],
    }


def table(report: dict[str, Any]) -> str:
    """`by` as text, one row per provider x api x feature."""
    rows = [("provider", "api", "feature", "passed", "failed")]
    rows += [
        (r["provider"], r["api"], r["feature"], str(r["passed"]), str(r["failed"] or "-"))
        for r in report["by"]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def print_report(report: dict[str, Any], *, verbose: bool) -> None:
    """The table, the broken rules by frequency, the failures; the totals come last."""
    print(table(report))
    print()
    for rule, count in report["rules"].items():
        print(f"broken {count:4d} x  {rule}")
    for failure in report["failures"]:
        print(f"FAILED {failure['provider']}  {failure['id']}")
        reasons = failure["reasons"]
        for reason in reasons if verbose else reasons[:3]:
            print(f"       {reason}")
        if not verbose and len(reasons) > 3:
            print(f"       and {len(reasons) - 3} more (--verbose shows them)")
    for entry in report["explained"]:
        print(f"EXPLAINED {entry['provider']}  {entry['id']}: {'; '.join(entry['reasons'])}")


def write_report(report: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
