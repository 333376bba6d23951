"""Tool-call ids for APIs that insist on their form, one mapping for a whole request.

Accepted are up to 64 letters, digits, "_" and "-", and no id twice (native-wire 13). Clients
bring ids of other providers (`functions.add:0`, `0`, none at all), and some
hosts begin to count again with every turn.
"""

import hashlib
import re

_OTHER = re.compile(r"[^a-zA-Z0-9_-]")
_LOOSE = re.compile(r"[^a-zA-Z0-9_.:-]")
_LONGEST = 64


class ToolIds:
    """Gives every call of a conversation an id of its own. One instance per request.

    An id that fits and is new stays as it is; the same conversation always
    gets the same ids, so that prompt caches keep working.

    Args:
        loose: dots and colons are accepted as well.
    """

    def __init__(self, *, loose: bool = False) -> None:
        self._other = _LOOSE if loose else _OTHER
        self._taken: set[str] = set()
        self._latest: dict[str, str] = {}

    def call(self, native: str) -> str:
        """The id for a call that the conversation knows as `native`."""
        mapped = self._other.sub("_", native) or "call"
        if mapped != native or mapped in self._taken or len(mapped) > _LONGEST:
            seed = f"{native}:{len(self._taken)}"
            mapped = f"{mapped[:40]}_{hashlib.sha256(seed.encode()).hexdigest()[:8]}"
        self._taken.add(mapped)
        self._latest[native] = mapped
        return mapped

    def result(self, native: str) -> str:
        """The id for the result of the latest call known as `native`."""
        return self._latest.get(native) or self._other.sub("_", native)[:_LONGEST] or "call"
