"""Migrations run once, in order, whole or not at all."""

import subprocess
import sys

import apsw
import pytest

from portico.storage import migrations
from portico.vocabulary import AttemptRecord, Generation

pytestmark = pytest.mark.io


def columns(db, table):
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def test_every_field_of_the_records_has_its_column():
    db = apsw.Connection(":memory:")

    migrations.migrate(db)

    assert columns(db, "generations") == ["seq", *Generation.__struct_fields__]
    assert columns(db, "attempts") == ["generation_seq", *AttemptRecord.__struct_fields__]


def test_the_second_time_nothing_is_pending():
    db = apsw.Connection(":memory:")

    assert migrations.migrate(db) == ["m0001_ledger", "m0002_stream_tail"]
    assert migrations.migrate(db) == []


def test_a_failing_migration_leaves_no_trace(monkeypatch):
    def m9999_broken(db):
        db.execute("CREATE TABLE half_done (x)")
        raise RuntimeError("boom")

    db = apsw.Connection(":memory:")
    monkeypatch.setattr(migrations, "MIGRATIONS", [*migrations.MIGRATIONS, m9999_broken])

    with pytest.raises(RuntimeError, match="boom"):
        migrations.migrate(db)

    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
    assert "half_done" not in tables
    assert "generations" in tables


def test_processes_that_start_together_migrate_once(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from portico.storage.connection import open_database\n"
        "sys.stdin.readline(); open_database(Path(sys.argv[1]))"
    )
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "portico.db")],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip

    errors = [process.communicate("go\n")[1] for process in starting]

    assert errors == [""] * 6
