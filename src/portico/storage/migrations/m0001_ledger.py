"""Keys, money entries, generations and attempts."""

import apsw

_TABLES = """
    CREATE TABLE keys (
        id INTEGER PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        label TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
        limit_picousd INTEGER CHECK (limit_picousd >= 0),
        limit_reset TEXT CHECK (limit_reset IN ('daily', 'weekly', 'monthly')),
        expires_ms INTEGER
    ) STRICT;

    -- A hold is open while its generation has no charge. `model` is set on holds.
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY,
        generation_id TEXT NOT NULL,
        key_hash TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('hold', 'charge')),
        amount_picousd INTEGER NOT NULL CHECK (amount_picousd >= 0),
        at_ms INTEGER NOT NULL,
        model TEXT,
        UNIQUE (generation_id, kind)
    ) STRICT;

    -- `seq` is that of the charge: ids are random, and one index over them is enough.
    CREATE TABLE generations (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        key_hash TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        model TEXT NOT NULL,
        api_type TEXT NOT NULL,
        streamed INTEGER NOT NULL,
        cancelled INTEGER NOT NULL,
        provider TEXT,
        provider_name TEXT,
        endpoint_tag TEXT,
        upstream_model TEXT,
        upstream_id TEXT,
        finish_reason TEXT,
        native_finish_reason TEXT,
        error_type TEXT,
        error_status INTEGER,
        usage TEXT,
        pricing TEXT,
        catalog_version TEXT,
        cost_picousd INTEGER NOT NULL CHECK (cost_picousd >= 0),
        upstream_cost_picousd INTEGER CHECK (upstream_cost_picousd >= 0),
        overrun_picousd INTEGER NOT NULL CHECK (overrun_picousd >= 0),
        waiver TEXT CHECK (
            waiver IN ('zero_completion', 'upstream_error', 'interrupted', 'byok')
        ),
        latency_ms INTEGER,
        generation_time_ms INTEGER,
        service_tier TEXT,
        replayed INTEGER NOT NULL,
        user_agent TEXT,
        http_referer TEXT,
        app_title TEXT,
        external_user TEXT,
        session_id TEXT
    ) STRICT;

    CREATE TABLE attempts (
        generation_seq INTEGER NOT NULL,
        number INTEGER NOT NULL,
        endpoint_tag TEXT NOT NULL,
        provider TEXT NOT NULL,
        provider_name TEXT NOT NULL,
        model TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        latency_ms INTEGER,
        status INTEGER,
        error_type TEXT,
        upstream_id TEXT,
        PRIMARY KEY (generation_seq, number)
    ) STRICT, WITHOUT ROWID;

    -- Derived: the charges of a key by UTC day, in step with every commit.
    CREATE TABLE spending (
        key_hash TEXT NOT NULL,
        day INTEGER NOT NULL,
        charged_picousd INTEGER NOT NULL CHECK (charged_picousd >= 0),
        PRIMARY KEY (key_hash, day)
    ) STRICT, WITHOUT ROWID;

    -- Derived: every hold up to this seq is known to have its charge.
    CREATE TABLE progress (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        settled_through_seq INTEGER NOT NULL
    ) STRICT;

    INSERT INTO progress VALUES (1, 0);

    CREATE TRIGGER entries_are_never_updated BEFORE UPDATE ON entries
        BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
    CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
        BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
    CREATE TRIGGER generations_are_never_updated BEFORE UPDATE ON generations
        BEGIN SELECT RAISE(ABORT, 'generations are append-only'); END;
    CREATE TRIGGER generations_are_never_deleted BEFORE DELETE ON generations
        BEGIN SELECT RAISE(ABORT, 'generations are append-only'); END;
    CREATE TRIGGER attempts_are_never_updated BEFORE UPDATE ON attempts
        BEGIN SELECT RAISE(ABORT, 'attempts are append-only'); END;
    CREATE TRIGGER attempts_are_never_deleted BEFORE DELETE ON attempts
        BEGIN SELECT RAISE(ABORT, 'attempts are append-only'); END;
"""


def m0001_ledger(db: apsw.Connection) -> None:
    """Create everything; columns of generations and attempts are the records' fields."""
    db.execute(_TABLES)
