"""Records as rows and rows as records, and the statements that move them.

Columns of `generations` and `attempts` carry the names of the record's fields,
in the record's order; usage and pricing are JSON text. Statements are put
together here, once, from those names and never from data.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain

import apsw
import msgspec
from msgspec.structs import astuple

from portico.jsonio import dumps
from portico.vocabulary import ApiKey, AttemptRecord, Generation, Pricing, Usage

SqlValue = str | int | float | bytes | None
Row = tuple[SqlValue, ...]

KEY_COLUMNS = "hash, name, label, created_ms, disabled, limit_picousd, limit_reset, expires_ms, stream_tail, id"
_ENTRY_COLUMNS = ("seq", "generation_id", "key_hash", "kind", "amount_picousd", "at_ms", "model")
GENERATION_COLUMNS = Generation.__struct_fields__
ATTEMPT_COLUMNS = AttemptRecord.__struct_fields__

_USAGE = GENERATION_COLUMNS.index("usage")
_PRICING = GENERATION_COLUMNS.index("pricing")
_USAGE_DECODER = msgspec.json.Decoder(Usage)
_PRICING_DECODER = msgspec.json.Decoder(Pricing)

_ROWS_PER_STATEMENT = 32
"""Each step of a statement hands the interpreter lock to the event loop and waits to
have it back: many rows per step keep a batch short."""


class Insert:
    """Inserts rows of one table, many per statement.

    >>> Insert("spam", ("a", "b")).statement(2)
    'INSERT INTO spam (a, b) VALUES (?,?),(?,?)'
    """

    def __init__(self, table: str, columns: Sequence[str], *, suffix: str = "") -> None:
        names = ", ".join(columns)
        self._head = f"INSERT INTO {table} ({names}) VALUES "  # noqa: S608  # our own names
        self._row = "(" + ",".join("?" * len(columns)) + ")"
        self._suffix = suffix
        self._statements = [self.statement(n) for n in range(1, _ROWS_PER_STATEMENT + 1)]

    def statement(self, size: int) -> str:
        """Return the statement for `size` rows."""
        return self._head + ",".join([self._row] * size) + self._suffix

    def run(self, db: apsw.Connection, rows: Sequence[Row]) -> None:
        """Insert `rows`; each has as many values as there are columns."""
        for start in range(0, len(rows), _ROWS_PER_STATEMENT):
            chunk = rows[start : start + _ROWS_PER_STATEMENT]
            values = chunk[0] if len(chunk) == 1 else tuple(chain.from_iterable(chunk))
            db.execute(self._statements[len(chunk) - 1], values)


INSERT_ENTRIES = Insert("entries", _ENTRY_COLUMNS)
INSERT_GENERATIONS = Insert("generations", ("seq", *GENERATION_COLUMNS))
INSERT_ATTEMPTS = Insert("attempts", ("generation_seq", *ATTEMPT_COLUMNS))
INSERT_SPENDING = Insert(
    "spending",
    ("key_hash", "day", "charged_picousd"),
    suffix=" ON CONFLICT (key_hash, day) DO UPDATE"
    " SET charged_picousd = charged_picousd + excluded.charged_picousd",
)
_ONE_SEQ = "(SELECT seq FROM entries WHERE generation_id = ? AND kind = 'charge')"
_SELECT_GENERATION = (
    f"SELECT {', '.join(GENERATION_COLUMNS)} FROM generations"  # noqa: S608  # our own names
    f" WHERE seq = {_ONE_SEQ}"
)
_SELECT_ATTEMPTS = (
    f"SELECT {', '.join(ATTEMPT_COLUMNS)} FROM attempts"  # noqa: S608  # our own names
    f" WHERE generation_seq = {_ONE_SEQ} ORDER BY number"
)


def generation_row(seq: int, generation: Generation) -> Row:
    """Return the values for `seq` and `GENERATION_COLUMNS`."""
    values: list[SqlValue] = [seq, *astuple(generation)]
    if generation.usage is not None:
        values[1 + _USAGE] = dumps(generation.usage).decode()
    if generation.pricing is not None:
        values[1 + _PRICING] = _pricing_text(generation.pricing)
    return tuple(values)


def attempt_row(seq: int, attempt: AttemptRecord) -> Row:
    """Return the values for one row of `attempts`; `seq` is its generation's."""
    return (seq, *astuple(attempt))


def find_generation(db: apsw.Connection, generation_id: str) -> Generation | None:
    """Read one settled generation."""
    for row in db.execute(_SELECT_GENERATION, (generation_id,)):
        return generation_record(row)
    return None


def generation_record(row: Row) -> Generation:
    """Return the record of a row of `GENERATION_COLUMNS`.

    Raises:
        msgspec.MsgspecError: a value is not what this program writes.
    """
    values: dict[str, object] = dict(zip(GENERATION_COLUMNS, row, strict=True))
    if values["usage"] is not None:
        values["usage"] = _USAGE_DECODER.decode(str(values["usage"]))
    if values["pricing"] is not None:
        values["pricing"] = _PRICING_DECODER.decode(str(values["pricing"]))
    return msgspec.convert(values, Generation, strict=False)


def find_attempts(db: apsw.Connection, generation_id: str) -> list[AttemptRecord]:
    """Read the attempts of one generation, in order."""
    return [
        msgspec.convert(dict(zip(ATTEMPT_COLUMNS, row, strict=True)), AttemptRecord)
        for row in db.execute(_SELECT_ATTEMPTS, (generation_id,))
    ]


def find_key(db: apsw.Connection, key_hash: str) -> ApiKey | None:
    """Read one key by its hash."""
    for row in db.execute(f"SELECT {KEY_COLUMNS} FROM keys WHERE hash = ?", (key_hash,)):  # noqa: S608  # a constant
        return _key(row)
    return None


def all_keys(db: apsw.Connection) -> list[ApiKey]:
    """Read every key, oldest first."""
    return list(map(_key, db.execute(f"SELECT {KEY_COLUMNS} FROM keys ORDER BY id")))  # noqa: S608  # a constant


def insert_key(db: apsw.Connection, key: ApiKey) -> ApiKey:
    """Add a key and return it with its `rowid`.

    Raises:
        apsw.ConstraintError: its hash is there already.
    """
    db.execute(
        "INSERT INTO keys (hash, name, label, created_ms, disabled, limit_picousd, limit_reset,"
        " expires_ms, stream_tail) VALUES (?,?,?,?,?,?,?,?,?)",
        astuple(key)[:-1],
    )
    return msgspec.structs.replace(key, rowid=db.last_insert_rowid())


def update_disabled(db: apsw.Connection, key_hash: str, *, disabled: bool) -> ApiKey | None:
    """Switch a key off or on and return it; None if there is no such key."""
    db.execute("UPDATE keys SET disabled = ? WHERE hash = ?", (disabled, key_hash))
    return find_key(db, key_hash)


def stored_usage_and_pricing(
    usage: str | None, pricing: str | None
) -> tuple[Usage | None, Pricing | None]:
    """Decode the two JSON columns of a generation.

    Raises:
        msgspec.MsgspecError: one is not what this program writes.
    """
    return (
        None if usage is None else _USAGE_DECODER.decode(usage),
        None if pricing is None else _known_pricing(pricing),
    )


def charged_by_day(db: apsw.Connection, key_hash: str) -> Iterator[tuple[int, int]]:
    """Yield (UTC day, settled pico-dollars) of one key."""
    for day, charged in db.execute(
        "SELECT day, charged_picousd FROM spending WHERE key_hash = ?", (key_hash,)
    ):
        yield int(day), int(charged)


@lru_cache(maxsize=1024)
def _pricing_text(pricing: Pricing) -> str:
    """The same few prices are pinned over and over; what is not set is left out."""
    fields = msgspec.to_builtins(pricing)
    fields["overrides"] = [_set_fields(override) for override in fields["overrides"]]
    return dumps(_set_fields(fields)).decode()


def _set_fields(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None and value != []}


@lru_cache(maxsize=1024)
def _known_pricing(text: str) -> Pricing:
    return _PRICING_DECODER.decode(text)


def _key(row: Row) -> ApiKey:
    names = (*KEY_COLUMNS.split(", ")[:-1], "rowid")
    return msgspec.convert(dict(zip(names, row, strict=True)), ApiKey, strict=False)
