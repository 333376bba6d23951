"""What was acknowledged survives: a killed process, and a power cut."""

import asyncio
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import apsw
import pytest
from ledger_samples import a_hold, a_key, an_attempt, settled

from portico.storage.connection import open_database, open_for_reading
from portico.storage.ledger import Ledger
from portico.storage.sqlite import SqliteStore
from portico.storage.verify import verify

pytestmark = pytest.mark.io

KILLS = 20
HERE = Path(__file__).parent

HAMMER = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ledger_samples import a_hold, a_key, an_attempt, settled
from portico.storage.sqlite import SqliteStore

async def main():
    store = SqliteStore.open(Path(sys.argv[1]))
    key = a_key()

    async def client():
        while True:
            hold = a_hold(key, 0.02, generation_id="gen-" + os.urandom(8).hex())
            reservation = await store.reserve(hold)
            await store.settle(reservation, settled(reservation, 0.01), [an_attempt()])
            os.write(1, hold.generation_id.encode() + b"\\n")

    await asyncio.gather(*(client() for _ in range(16)))

asyncio.run(main())
"""


def hammered(path: Path, lifetime_s: float) -> list[str]:
    """Ids whose settlement was acknowledged by a process that is then killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HAMMER, str(path), str(HERE)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    received = [process.stdout.read1()]  # it runs
    until_s = time.monotonic() + lifetime_s
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left_s := until_s - time.monotonic()) > 0:
            if selector.select(left_s):
                received.append(process.stdout.read1())
    process.send_signal(signal.SIGKILL)
    received.append(process.stdout.read())
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return [line.decode() for line in b"".join(received).splitlines()]


def test_twenty_kills_lose_and_double_nothing(tmp_path):
    path, rng = tmp_path / "portico.db", Random(2026)
    acknowledged: list[str] = []

    for _ in range(KILLS):
        acknowledged += hammered(path, rng.uniform(0.02, 0.2))
        Ledger(open_database(path)).close()

    db = open_for_reading(path)
    found = verify(db, lambda done, total: None)
    booked = [i for (i,) in db.execute("SELECT id FROM generations WHERE waiver IS NULL")]
    db.close()
    assert found.problems == []
    assert found.open_holds == 0
    assert len(booked) == len(set(booked))
    assert len(acknowledged) >= KILLS
    assert set(acknowledged) <= set(booked)


class Disk(apsw.VFS):
    """A disk whose files hold, after a power cut, what was in them at the last sync."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "")
        self.name = name
        self.durable: dict[str, bytes] = {}

    def xOpen(self, name, flags):
        return DiskFile(self, name, flags)

    def xDelete(self, filename, syncdir):
        super().xDelete(filename, syncdir)
        self.durable.pop(filename, None)

    def after_power_cut(self, directory: Path) -> Path:
        """Write what survived to `directory` and return the database in it."""
        for name, content in self.durable.items():
            (directory / os.path.basename(name)).write_bytes(content)
        return directory / "portico.db"


class DiskFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name, flags) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else name
        disk.durable.setdefault(self._name, b"")

    def xSync(self, flags):
        super().xSync(flags)
        self._disk.durable[self._name] = Path(self._name).read_bytes()


def opened_on(disk: Disk, directory: Path) -> Ledger:
    """A ledger whose every file goes through `disk`."""
    path = directory / "portico.db"
    open_database(path).close()
    disk.durable[str(path)] = path.read_bytes()
    db = apsw.Connection(str(path), vfs=disk.name)
    return Ledger(db)


async def booked_before_power_cut(tmp_path, monkeypatch, *, lose_syncs: bool) -> tuple[int, int]:
    """Settle 200 generations, cut the power, and count: acknowledged, found again."""
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    disk = Disk(f"disk-{tmp_path.name}")
    ledger = opened_on(disk, before)
    if lose_syncs:
        commit = ledger.commit
        monkeypatch.setattr(ledger, "commit", lambda work, *, durable: commit(work, durable=False))
    store = SqliteStore(ledger, open_for_reading(before / "portico.db"))
    key = await store.create_key(a_key())
    acknowledged = 0

    async def client() -> None:
        nonlocal acknowledged
        for _ in range(20):
            reservation = await store.reserve(a_hold(key, 0.02))
            await store.settle(reservation, settled(reservation, 0.01), [an_attempt()])
            acknowledged += 1

    await asyncio.gather(*(client() for _ in range(10)))
    survivor = disk.after_power_cut(after)
    await store.aclose()
    db = open_database(survivor)
    found = verify(db, lambda done, total: None)
    db.close()
    assert found.problems == []
    return acknowledged, found.charges


async def test_a_power_cut_takes_nothing_back_that_was_acknowledged(tmp_path, monkeypatch):
    acknowledged, found = await booked_before_power_cut(tmp_path, monkeypatch, lose_syncs=False)

    assert acknowledged == found == 200


async def test_without_waiting_for_the_disk_a_power_cut_does_take_charges(tmp_path, monkeypatch):
    """The control: the harness would notice."""
    acknowledged, found = await booked_before_power_cut(tmp_path, monkeypatch, lose_syncs=True)

    assert found < acknowledged == 200
