"""One gateway per data directory: an advisory lock that the kernel drops with its process."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from portico.storage.errors import LockHeld, StorageError

__all__ = ["LOCK_NAME", "DataDirLock", "LockHeld"]

LOCK_NAME = "gateway.lock"


class DataDirLock:
    """A context manager: holds DATA_DIR/gateway.lock, or raises `LockHeld` at once.

    Creates the directory (mode 0700) if there is none. The file stays when the
    lock is given back; it names the last process that held it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(
                self._data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise StorageError(
                f"cannot use {self._data_dir} for data: {error.strerror}. Choose another directory "
                "with --data-dir or PORTICO_DATA_DIR."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise LockHeld(
                f"{self._data_dir} is in use by another gateway (process {holder or 'unknown'}). "
                "Stop it, or choose another directory with --data-dir or PORTICO_DATA_DIR."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
