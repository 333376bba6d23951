"""Cassettes in a directory, written while exchanges end."""

import asyncio
import logging
import re
from collections import Counter
from pathlib import Path

import msgspec

from portico.cassette import FORMATS, Cassette, Interaction, load
from portico.cassette.redaction import Redactor
from portico.storage.files import replace_file
from portico.tasks import spawn

_log = logging.getLogger("portico.tapes")
_EXCHANGES_PER_FILE = 500
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


class _Pending(msgspec.Struct, frozen=True):
    """An exchange that is not written yet."""

    tape: str
    place: int
    interaction: Interaction
    secrets: tuple[str, ...]


class Tapes:
    """Records onto `<directory>/<tape>.yaml`. Nothing unredacted is ever written.

    Exchanges stand in the order they began in, behind those that the file had.
    Redacting and writing happen in a thread; who adds does not wait. A file is
    written anew for each exchange, so long tapes go on in further ones, `<tape>_0002.yaml`.

    Args:
        directory: made if it is missing.
        form: one of `FORMATS`, by name.
        redactor: knows the gateway's own secrets and the operator's patterns.
        replacing: begin each file anew instead of adding to it.
    """

    def __init__(
        self, directory: Path, *, form: str, redactor: Redactor, replacing: bool = False
    ) -> None:
        self._directory = directory
        self._form = FORMATS[form]
        self._redactor = redactor
        self._replacing = replacing
        self._begun: Counter[str] = Counter()
        self._before: dict[Path, tuple[Interaction, ...]] = {}
        self._written: dict[Path, dict[int, Interaction]] = {}
        self._pending: list[_Pending] = []
        self._writer: asyncio.Task[None] | None = None

    def path(self, tape: str, place: int = 1) -> Path:
        """Where the exchange at a place of a tape is.

        Raises:
            ValueError: its name has other characters than letters, digits, `.`, `_` and `-`.
        """
        if not _NAME.fullmatch(tape):
            raise ValueError("a tape's name has letters, digits, dots, dashes and underscores")
        part = (place - 1) // _EXCHANGES_PER_FILE + 1
        name = tape if part == 1 else f"{tape}_{part:04}"
        return self._directory / f"{name}{self._form.suffix}"

    def begin(self, tape: str) -> int:
        """See `Recorder.begin`."""
        self._begun[tape] += 1
        return self._begun[tape]

    def add(
        self, tape: str, place: int, interaction: Interaction, secrets: tuple[str, ...]
    ) -> None:
        """See `Recorder.add`."""
        self._pending.append(_Pending(tape, place, interaction, secrets))
        if self._writer is None or self._writer.done():
            self._writer = spawn(self._write_pending(), name="tape writer")

    async def aclose(self) -> None:
        """Wait until everything is written."""
        while self._writer is not None and not self._writer.done():
            await asyncio.wait([self._writer])

    async def _write_pending(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            await asyncio.to_thread(self._write, batch)

    def _write(self, batch: list[_Pending]) -> None:
        """Runs in a thread, one at a time."""
        files: dict[Path, list[_Pending]] = {}
        for one in batch:
            files.setdefault(self.path(one.tape, one.place), []).append(one)
        for path, fresh in files.items():
            try:
                self._write_file(path, fresh)
            except (OSError, ValueError) as error:  # the exchanges themselves went well
                _log.error("%s is not written: %s", path.name, error)

    def _write_file(self, path: Path, fresh: list[_Pending]) -> None:
        if path not in self._before:
            self._before[path] = self._existing(path)
        written = self._written.setdefault(path, {})
        for one in fresh:
            try:
                written[one.place] = self._redacted(one)
            except ValueError as error:  # what cannot be searched for secrets is not written
                _log.error("an exchange is not written to %s: %s", path.name, error)
        ordered = (written[place] for place in sorted(written))
        cassette = Cassette(name=path.name, interactions=(*self._before[path], *ordered))
        replace_file(path, self._form.write(cassette))
        if len(written) == _EXCHANGES_PER_FILE:  # nothing more comes here
            del self._before[path], self._written[path]

    def _existing(self, path: Path) -> tuple[Interaction, ...]:
        if self._replacing or not path.exists():
            return ()
        return load(path.read_bytes(), name=path.name).interactions

    def _redacted(self, one: _Pending) -> Interaction:
        return self._redactor.knowing(one.secrets).interaction(one.interaction)
