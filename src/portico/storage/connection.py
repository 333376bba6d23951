"""How every connection to the database is opened, by the gateway and beside it."""

import contextlib
import os
from pathlib import Path

import apsw

from portico.storage.errors import StorageError
from portico.storage.migrations import migrate, refuse_newer

DATABASE_NAME = "portico.db"
WAL_LIMIT_BYTES = 64 * 1024 * 1024

_STATEMENTS = 200  # a batch has one per table and number of rows
_BUSY_TIMEOUT_MS = 2_000  # the gateway's own transactions last milliseconds


def open_database(path: Path) -> apsw.Connection:
    """Return a connection that may write, with the schema up to date.

    Creates what is missing: the directory (mode 0700) and the file (0600;
    SQLite gives its companions the same mode). Works beside a running gateway.

    Raises:
        StorageError: the file cannot be used, or is of a newer version.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(path)
        path.chmod(0o600)
        db = apsw.Connection(str(path), statementcachesize=_STATEMENTS)
    except (OSError, apsw.Error) as error:
        raise StorageError(f"cannot open {path}: {error}") from error
    try:
        db.set_busy_timeout(_BUSY_TIMEOUT_MS)
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "full")
        db.pragma("journal_size_limit", WAL_LIMIT_BYTES)
        migrate(db)
    except apsw.Error as error:
        db.close()
        raise StorageError(f"cannot use {path}: {error}") from error
    except StorageError:
        db.close()
        raise
    return db


def _create(path: Path) -> None:
    """Make an empty file for its owner only.

    One that exists is not opened: closing it again would drop the locks that
    SQLite holds on it in this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def open_for_reading(path: Path) -> apsw.Connection:
    """Return a connection that cannot write, to a database that exists.

    Raises:
        StorageError: there is none, it cannot be read, or it is of a newer version.
    """
    if not path.exists():
        raise StorageError(f"there is no ledger at {path}")
    db = None
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        db.set_busy_timeout(_BUSY_TIMEOUT_MS)
        if not refuse_newer(db):
            raise StorageError(f"{path} is not a ledger of Portico")
    except (apsw.Error, StorageError) as error:
        if db is not None:
            db.close()
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"cannot read {path}: {error}") from error
    return db
