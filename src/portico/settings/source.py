"""A TOML file that knows its lines, so that every complaint can say where."""

import difflib
import re
import tomllib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from portico.settings.records import ConfigError

KeyPath = tuple[str | int, ...]


class _Line(NamedTuple):
    """One key of the file: its dotted path, list positions included, and its line."""

    path: KeyPath
    number: int


class Source:
    """A parsed TOML file that knows on which line each key stands."""

    def __init__(self, name: str, text: str, *, exists: bool) -> None:
        self.name = name
        self.exists = exists
        self.warnings: list[str] = []
        try:
            # Decimals, so that a price written as a number is what was written.
            self.document: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            match = re.search(r"at line (\d+)", str(error))
            line = match[1] if match else "end"
            raise ConfigError(f"{name}:{line}: {error}") from None
        self._lines = {line.path: line.number for line in reversed(list(_key_lines(text)))}

    @classmethod
    def read(cls, path: str, *, needed: bool) -> "Source":
        """Read the file; a missing one that is not `needed` is an empty one."""
        try:
            return cls(path, Path(path).read_text("utf-8"), exists=True)
        except FileNotFoundError:
            if needed:
                raise ConfigError(f"{path}: there is no such file") from None
            return cls(path, "", exists=False)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from None

    def fail(self, path: Sequence[str | int], section: str, message: str) -> ConfigError:
        """Return the error for the key at `path`, or for the nearest one around it."""
        place: KeyPath = tuple(path)
        while place and place not in self._lines:
            place = place[:-1]
        line = self._lines.get(place, 1)
        return ConfigError(f"{self.name}:{line}: {section} {message}")

    def check_sections(self, known: Sequence[str]) -> None:
        """Refuse top-level names that are not `known`."""
        for name in self.document:
            if name not in known:
                hint = did_you_mean(name, known)
                raise self.fail((name,), f"[{name}]", f'unknown section "{name}"{hint}')

    def keys(self, *path: str) -> list[str]:
        """The keys of the table at `path`, none if it is not there."""
        table = self.document
        for name in path:
            table = table.get(name, {})
        return list(table)

    def section(self, name: str, kind: type[msgspec.Struct]) -> dict[str, Any]:
        """Return the checked values of one section of plain fields."""
        table = self.document.get(name, {})
        return self.table((name,), f"[{name}]", table, kind)

    def table(
        self, path: KeyPath, section: str, table: object, kind: type[msgspec.Struct]
    ) -> dict[str, Any]:
        """Return the values of `table`, each checked against its field of `kind`."""
        entries = self.entries(path, section, table, kind.__struct_fields__)
        return {
            key: self.value((*path, key), section, key, value, field_type(kind, key))
            for key, value in entries.items()
        }

    def entries(
        self, path: KeyPath, section: str, table: object, known: Sequence[str]
    ) -> dict[str, Any]:
        """Return `table` if it is one and has `known` keys only."""
        if not isinstance(table, dict):
            raise self.fail(path, section, "must be a table")
        for key in table:
            if key not in known:
                hint = did_you_mean(key, known)
                raise self.fail((*path, key), section, f'unknown key "{key}"{hint}')
        return table

    def value(self, path: KeyPath, section: str, key: str, value: object, wanted: Any) -> Any:
        """Return `value` as `wanted`."""
        if wanted in (Path, Path | None) and isinstance(value, str):
            return Path(value)
        if isinstance(value, Decimal):
            value = float(value)
        try:
            return msgspec.convert(value, wanted)
        except msgspec.ValidationError as error:
            reason = str(error)[:1].lower() + str(error)[1:]
            raise self.fail(path, section, f'"{key}": {reason}') from None


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")


def _key_lines(text: str) -> Iterator[_Line]:
    """Yield where sections and keys stand.

    A scan of lines, not a parser: the text is known to be valid TOML, and a
    wrong guess inside a multi-line string only costs precision of a message.
    """
    section: KeyPath = ()
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            names = _names(header[2])
            if header[1] == "[[":
                counts[names] = counts.get(names, -1) + 1
            section = _numbered(names, counts)
            yield _Line(section, number)
        elif key := _KEY.match(line):
            yield _Line((*section, *_names(key[1])), number)


def _numbered(names: tuple[str, ...], counts: dict[tuple[str, ...], int]) -> KeyPath:
    """The path of a header: after the name of a list of tables, which of them it is in."""
    path: list[str | int] = []
    for end, name in enumerate(names, start=1):
        path.append(name)
        if names[:end] in counts:
            path.append(counts[names[:end]])
    return tuple(path)


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return the end of a sentence: the closest of `known`, or all of them."""
    close = difflib.get_close_matches(name, known, n=1)
    return f' (did you mean "{close[0]}"?)' if close else f" (known: {', '.join(known)})"


def field_type(kind: type[msgspec.Struct], key: str) -> Any:
    """Return the declared type of a section's field."""
    return next(f.type for f in msgspec.structs.fields(kind) if f.name == key)
