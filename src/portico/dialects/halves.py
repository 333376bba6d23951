"""Characters that a host has cut in two: half a surrogate pair at the end of a delta.

Hosts that count UTF-16 units cut emoji so. JSON can say half a pair, UTF-8
cannot, so the half waits for its other one.
"""

import json  # noqa: TID251  # the one reader that accepts half a pair
from typing import Any

from portico.jsonio import JsonError, loads


def loads_halves(data: bytes) -> Any:
    """Decode JSON in which half a surrogate pair may stand.

    Raises:
        JsonError: it is not JSON for any other reason.
    """
    try:
        return loads(data)
    except JsonError:
        if b"\\ud" not in data.lower():
            raise
        return json.loads(data)  # a ValueError if it is no JSON either


class Halves:
    """Joins the texts of one answer; a half at the end is held until the next text."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    @property
    def held(self) -> bool:
        """Whether a half waits for its other one."""
        return bool(self._held)

    def end(self) -> str:
        """What is left of a half whose other one never came."""
        rest, self._held = self._held, ""
        return "\ufffd" if rest else ""

    def join(self, text: str) -> str:
        """Return `text` with what was held before it and without a half at its end."""
        if not self._held and (text.isascii() or not _has_half(text)):
            return text
        text, self._held = self._held + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _has_half(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)
