"""What is held and what was spent, in memory: the authority that admits or refuses.

Belongs to the writer's thread, which alone changes money. A batch of changes
is either kept (`keep`) when its transaction committed or taken back
(`take_back`) when it did not.
"""

from collections.abc import Iterable

from portico.errors import KeyLimitExceeded
from portico.limits import left_picousd, limit_message, utc_day, window_start_day
from portico.vocabulary import Hold

_DAYS_KEPT = 40  # the longest window is a month


class OpenHold:
    """A hold without a charge. `seq` is its entry's."""

    __slots__ = ("amount_picousd", "key_hash", "seq")

    def __init__(self, key_hash: str, amount_picousd: int, seq: int) -> None:
        self.key_hash = key_hash
        self.amount_picousd = amount_picousd
        self.seq = seq


class Account:
    """Settled charges of one key: all of them, and by UTC day as far back as a window reaches."""

    __slots__ = ("by_day", "total_picousd")

    def __init__(self, by_day: Iterable[tuple[int, int]]) -> None:
        days = dict(by_day)
        self.total_picousd = sum(days.values())
        oldest = max(days, default=0) - _DAYS_KEPT
        self.by_day = {day: charged for day, charged in days.items() if day > oldest}

    def add(self, day: int, amount_picousd: int) -> None:
        """Count a charge, or take one back."""
        self.total_picousd += amount_picousd
        self.by_day[day] = self.by_day.get(day, 0) + amount_picousd

    def spent_picousd(self, first_day: int | None) -> int:
        """What was charged from `first_day` on; None: ever."""
        if first_day is None:
            return self.total_picousd
        return sum(charged for day, charged in self.by_day.items() if day >= first_day)


class Books:
    """Open holds of all keys, and settled charges by UTC day of keys that have a limit."""

    def __init__(self, *, last_seq: int) -> None:
        self.last_seq = last_seq
        self._kept_seq = last_seq
        self._open: dict[str, OpenHold] = {}
        self._held: dict[str, int] = {}
        self._accounts: dict[str, Account] = {}
        self._opened: list[str] = []
        self._closed: list[tuple[str, OpenHold]] = []
        self._charged: dict[tuple[str, int], int] = {}

    # Reading

    @property
    def next_seq(self) -> int:
        """The seq of the entry that the next change writes."""
        return self.last_seq + 1

    def is_open(self, generation_id: str) -> bool:
        """Whether the generation holds money."""
        return generation_id in self._open

    def was_charged(self, generation_id: str) -> bool:
        """Whether the batch that is not yet kept has charged it."""
        return any(charged == generation_id for charged, _ in self._closed)

    def held_picousd(self, key_hash: str) -> int:
        """The open holds of one key; may be asked from any thread."""
        return self._held.get(key_hash, 0)

    def knows(self, key_hash: str) -> bool:
        """Whether the settled charges of this key have been loaded."""
        return key_hash in self._accounts

    def settled_through_seq(self) -> int:
        """Return the last entry before the oldest open hold."""
        for oldest in self._open.values():  # in the order they were opened
            return oldest.seq - 1
        return self.last_seq

    def charges(self) -> Iterable[tuple[str, int, int]]:
        """Yield (key hash, UTC day, pico-dollars) of the batch that is not yet kept."""
        return ((key, day, amount) for (key, day), amount in self._charged.items())

    def check(self, hold: Hold) -> None:
        """Ask whether the key's limit has room; charges of the key must be known.

        Raises:
            KeyLimitExceeded: spent in the window + open holds + `hold` > limit.
        """
        key = hold.key
        if key.limit_picousd is None:
            return
        left = left_picousd(
            limit_picousd=key.limit_picousd,
            spent_picousd=self._accounts[key.hash].spent_picousd(
                window_start_day(key.limit_reset, hold.created_ms)
            ),
            held_picousd=self._held.get(key.hash, 0),
        )
        if hold.amount_picousd <= left:
            return
        error = KeyLimitExceeded(
            limit_message(
                name=key.name,
                reset=key.limit_reset,
                left_picousd=left,
                needed_picousd=hold.amount_picousd,
            )
        )
        error.left_picousd = max(0, left)
        raise error

    # Changing

    def load(self, key_hash: str, by_day: Iterable[tuple[int, int]]) -> None:
        """Learn what a key has spent in the database; what the batch adds is known here."""
        account = Account(by_day)
        for (charged_key, day), amount in self._charged.items():
            if charged_key == key_hash:
                account.add(day, amount)
        self._accounts[key_hash] = account

    def open(self, generation_id: str, key_hash: str, amount_picousd: int) -> None:
        """Hold money. The entry to write has `next_seq`, as it was before."""
        seq = self.last_seq = self.next_seq
        self._open[generation_id] = OpenHold(key_hash, amount_picousd, seq)
        self._held[key_hash] = self._held.get(key_hash, 0) + amount_picousd
        self._opened.append(generation_id)

    def charge(self, generation_id: str, amount_picousd: int, at_ms: int) -> str:
        """Release the hold, count the charge and return the hash of the key that held.

        The entry to write has `next_seq`, as it was before.
        """
        hold = self._open.pop(generation_id)
        self._held[hold.key_hash] -= hold.amount_picousd
        self._closed.append((generation_id, hold))
        day = utc_day(at_ms)
        account = hold.key_hash, day
        self._charged[account] = self._charged.get(account, 0) + amount_picousd
        if (known := self._accounts.get(hold.key_hash)) is not None:
            known.add(day, amount_picousd)
        self.last_seq += 1
        return hold.key_hash

    def keep(self) -> None:
        """The batch is in the database."""
        self._kept_seq = self.last_seq
        self._forget()

    def take_back(self) -> None:
        """The batch is not in the database: as if it had never been."""
        for generation_id, hold in self._closed:
            self._open[generation_id] = hold
            self._held[hold.key_hash] += hold.amount_picousd
        for generation_id in self._opened:
            hold = self._open.pop(generation_id)
            self._held[hold.key_hash] -= hold.amount_picousd
        for (key_hash, day), amount in self._charged.items():
            if (known := self._accounts.get(key_hash)) is not None:
                known.add(day, -amount)
        if self._closed:  # put back at the end: the oldest must come first again
            self._open = dict(sorted(self._open.items(), key=lambda item: item[1].seq))
        self.last_seq = self._kept_seq
        self._forget()

    def _forget(self) -> None:
        self._opened.clear()
        self._closed.clear()
        self._charged.clear()
