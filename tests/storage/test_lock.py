"""One gateway per data directory."""

import os
import subprocess
import sys

import pytest

from portico.storage.lock import DataDirLock, LockHeld

pytestmark = pytest.mark.io


def test_a_second_gateway_is_told_which_process_serves(tmp_path):
    data_dir = tmp_path / "new"

    with (
        DataDirLock(data_dir),
        pytest.raises(LockHeld, match=rf"new is in use .*process {os.getpid()}\)"),
        DataDirLock(data_dir),
    ):
        pass


def test_the_lock_is_free_again_when_it_is_given_back(tmp_path):
    with DataDirLock(tmp_path):
        pass

    with DataDirLock(tmp_path):
        pass


def test_the_lock_dies_with_its_process(tmp_path):
    code = (
        "import sys; from pathlib import Path; from portico.storage.lock import DataDirLock\n"
        "DataDirLock(Path(sys.argv[1])).__enter__(); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdin is not None
    holder.stdout.readline()

    with pytest.raises(LockHeld), DataDirLock(tmp_path):
        pass
    holder.kill()
    holder.wait()

    with DataDirLock(tmp_path):
        pass
    holder.stdin.close()
    holder.stdout.close()
