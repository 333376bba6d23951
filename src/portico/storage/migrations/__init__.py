"""Schema changes: functions that run once, in order, each in a transaction of its own.

A migration's name is the record that it ran. It is never edited after release.
"""

import apsw

from portico.storage.errors import NewerSchema
from portico.storage.migrations.m0001_ledger import m0001_ledger
from portico.storage.migrations.m0002_stream_tail import m0002_stream_tail

MIGRATIONS = [m0001_ledger, m0002_stream_tail]


def migrate(db: apsw.Connection) -> list[str]:
    """Apply what is pending and return the names.

    Safe beside another process that migrates: each step looks again once it
    has the write lock.

    Raises:
        NewerSchema: a migration ran here that this version does not know.
    """
    applied: list[str] = []
    if refuse_newer(db) == len(MIGRATIONS):
        return applied
    for step in MIGRATIONS:
        db.execute("BEGIN IMMEDIATE")
        try:
            if step.__name__ not in _done(db):
                db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY) STRICT")
                step(db)
                db.execute("INSERT INTO migrations (name) VALUES (?)", (step.__name__,))
                applied.append(step.__name__)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
    return applied


def refuse_newer(db: apsw.Connection) -> int:
    """Return how many migrations ran; raise `NewerSchema` if one of them is unknown."""
    done = _done(db)
    if unknown := sorted(done - {step.__name__ for step in MIGRATIONS}):
        raise NewerSchema(
            f"{db.filename} was written by a newer version of Portico ({unknown[-1]}). "
            "Upgrade Portico, or choose another data directory."
        )
    return len(done)


def _done(db: apsw.Connection) -> set[str]:
    # Asked of the file itself: what the connection remembers of the schema may be old.
    if not db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'").get:
        return set()
    return {name for (name,) in db.execute("SELECT name FROM migrations")}
