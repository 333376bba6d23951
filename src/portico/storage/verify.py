"""Proof that the books are right: every row recomputed, every sum added up again.

Reads beside a running gateway, in one snapshot, and trusts nothing that is derived.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import apsw
import msgspec

from portico import pricing
from portico.limits import utc_time
from portico.storage import rows

PROBLEMS_SHOWN = 100
_PROGRESS_EVERY_ROWS = 100_000


class Overrun(msgspec.Struct, frozen=True, kw_only=True):
    """A settled charge that exceeded its hold: no fault in the books, but worth a look."""

    generation_id: str
    model: str
    overrun_picousd: int


class Findings(msgspec.Struct, kw_only=True):
    """What a verification found.

    `open_holds` are requests in flight, `interrupted` those that a crash cut
    off: charged nothing, at most `liability_picousd` was billed for them.
    `problems` are sentences, at most `PROBLEMS_SHOWN`; `problem_count` counts all.
    """

    generations: int = 0
    charges: int = 0
    charged_picousd: int = 0
    open_holds: int = 0
    held_picousd: int = 0
    interrupted: int = 0
    liability_picousd: int = 0
    overruns: list[Overrun] = []
    problem_count: int = 0
    problems: list[str] = []

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return self.problem_count == 0

    def complain(self, problem: str) -> None:
        """Note a problem."""
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_SHOWN:
            self.problems.append(problem)


def verify(db: apsw.Connection, progress: Callable[[int, int], None]) -> Findings:
    """Check the whole ledger.

    Args:
        db: may be read-only.
        progress: called now and then with generations done and to do.

    Raises:
        apsw.Error: the file cannot be read to the end.
    """
    findings = Findings()
    db.execute("BEGIN")
    try:
        _check_file(db, findings)
        _count(db, findings)
        for query, sentence in _RULES:
            for row in db.execute(query):
                findings.complain(sentence.format(*row))
        _recompute(db, findings, progress)
    finally:
        db.execute("ROLLBACK")
    return findings


def _check_file(db: apsw.Connection, findings: Findings) -> None:
    for (said,) in db.execute("PRAGMA integrity_check"):
        if said != "ok":
            findings.complain(f"the database file is damaged: {said}")


def _count(db: apsw.Connection, findings: Findings) -> None:
    findings.generations = db.execute("SELECT count(*) FROM generations").get
    findings.charges, findings.charged_picousd = db.execute(
        "SELECT count(*), coalesce(sum(amount_picousd), 0) FROM entries WHERE kind = 'charge'"
    ).get
    findings.open_holds, findings.held_picousd = db.execute(_OPEN_HOLDS).get
    findings.interrupted, findings.liability_picousd = db.execute(_INTERRUPTED).get
    findings.overruns = [
        Overrun(generation_id=generation_id, model=model, overrun_picousd=overrun)
        for generation_id, model, overrun in db.execute(_OVERRUNS)
    ]


def _recompute(
    db: apsw.Connection, findings: Findings, progress: Callable[[int, int], None]
) -> None:
    for done, row in enumerate(db.execute(_GENERATIONS), start=1):
        settled = _Settled(*row)
        for problem in _recomputed(settled):
            findings.complain(f"{settled.id}: {problem}")
        if done % _PROGRESS_EVERY_ROWS == 0:
            progress(done, findings.generations)


def _recomputed(row: "_Settled") -> Iterator[str]:
    """What is wrong with one generation, from its own usage and its own price."""
    cost, charged, held = row.cost_picousd, row.charged_picousd, row.held_picousd
    if charged is not None and charged != cost:
        yield f"charged {charged} but the generation says {cost} pico-dollars"
    if held is not None and row.overrun_picousd != max(0, cost - held):
        yield f"cost {cost} of {held} held, but an overrun of {row.overrun_picousd} pico-dollars"
    try:
        usage, price = rows.stored_usage_and_pricing(row.usage, row.pricing)
    except msgspec.MsgspecError as error:
        yield f"usage or price cannot be read: {error}"
        return
    upstream = None
    if usage is not None and price is not None:
        upstream = pricing.cost(usage, price, at_utc=utc_time(row.created_ms)).total_picousd
    recorded = row.upstream_cost_picousd
    if upstream != recorded:
        yield f"the upstream's cost is {upstream}, recorded are {recorded} pico-dollars"
    owed = 0 if row.waiver is not None or upstream is None else upstream
    if owed != cost:
        yield f"it comes to {owed}, charged are {cost} pico-dollars"


class _Settled(NamedTuple):
    """A row of `_GENERATIONS`; the entries' amounts are None where there is no entry."""

    id: str
    created_ms: int
    usage: str | None
    pricing: str | None
    waiver: str | None
    cost_picousd: int
    upstream_cost_picousd: int | None
    overrun_picousd: int
    charged_picousd: int | None
    held_picousd: int | None


_OPEN_HOLDS = """
    SELECT count(*), coalesce(sum(amount_picousd), 0) FROM entries AS hold
    WHERE kind = 'hold' AND NOT EXISTS (
        SELECT 1 FROM entries WHERE generation_id = hold.generation_id AND kind = 'charge'
    )
"""
_INTERRUPTED = """
    SELECT count(*), coalesce(sum(hold.amount_picousd), 0)
    FROM generations JOIN entries AS hold
        ON hold.generation_id = generations.id AND hold.kind = 'hold'
    WHERE generations.waiver = 'interrupted'
"""
_OVERRUNS = """
    SELECT id, model, overrun_picousd FROM generations WHERE overrun_picousd > 0
    ORDER BY overrun_picousd DESC LIMIT 100
"""
_GENERATIONS = """
    SELECT g.id, g.created_ms, g.usage, g.pricing, g.waiver, g.cost_picousd,
        g.upstream_cost_picousd, g.overrun_picousd, charge.amount_picousd, hold.amount_picousd
    FROM generations AS g
    LEFT JOIN entries AS charge ON charge.generation_id = g.id AND charge.kind = 'charge'
    LEFT JOIN entries AS hold ON hold.generation_id = g.id AND hold.kind = 'hold'
    ORDER BY g.seq
"""
_RULES = (
    (
        """SELECT generation_id, kind, count(*) FROM entries
        GROUP BY generation_id, kind HAVING count(*) > 1""",
        "{0}: {2} entries of kind {1}",
    ),
    (
        "SELECT id, count(*) FROM generations GROUP BY id HAVING count(*) > 1",
        "{0}: {1} generations with this id",
    ),
    (
        """SELECT generation_id FROM entries AS charge WHERE kind = 'charge' AND NOT EXISTS (
            SELECT 1 FROM entries WHERE generation_id = charge.generation_id AND kind = 'hold')""",
        "{0}: charged without a hold",
    ),
    (
        """SELECT charge.generation_id FROM entries AS charge
        JOIN entries AS hold ON hold.generation_id = charge.generation_id AND hold.kind = 'hold'
        WHERE charge.kind = 'charge' AND hold.key_hash <> charge.key_hash""",
        "{0}: held by one key, charged to another",
    ),
    (
        """SELECT generation_id FROM entries AS charge WHERE kind = 'charge' AND NOT EXISTS (
            SELECT 1 FROM generations WHERE seq = charge.seq AND id = charge.generation_id
                AND key_hash = charge.key_hash)""",
        "{0}: charged without its generation",
    ),
    (
        """SELECT id FROM generations AS g WHERE NOT EXISTS (
            SELECT 1 FROM entries WHERE generation_id = g.id AND kind = 'charge')""",
        "{0}: a generation without a charge",
    ),
    (
        """SELECT DISTINCT generation_seq FROM attempts WHERE NOT EXISTS (
            SELECT 1 FROM generations WHERE seq = generation_seq)""",
        "attempts of a generation that is not there (seq {0})",
    ),
    (
        """SELECT key_hash, day, sum(booked), sum(kept) FROM (
            SELECT key_hash, at_ms / 86400000 AS day, amount_picousd AS booked, 0 AS kept
            FROM entries WHERE kind = 'charge'
            UNION ALL SELECT key_hash, day, 0, charged_picousd FROM spending)
        GROUP BY key_hash, day HAVING sum(booked) <> sum(kept)""",
        "key {0:.12}..., UTC day {1}: charges add up to {2}, the balance says {3} pico-dollars",
    ),
    (
        """SELECT hold.generation_id FROM entries AS hold, progress
        WHERE hold.kind = 'hold' AND hold.seq <= settled_through_seq AND NOT EXISTS (
            SELECT 1 FROM entries WHERE generation_id = hold.generation_id AND kind = 'charge')""",
        "{0}: a hold that was taken for settled and is open",
    ),
)
"""Queries that find nothing in a sound ledger, and what each row they find means."""
