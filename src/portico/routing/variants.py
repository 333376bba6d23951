"""Suffixes of model names: `acme/orca-2:free:online` (contract/routing 6)."""

from collections.abc import Iterable

import msgspec

from portico.errors import InvalidRequest
from portico.routing.preferences import SortBy
from portico.vocabulary import ServiceTier

KNOWN = ("free", "extended", "thinking", "nitro", "floor", "exacto", "online")
"""The suffixes a name may end in; `batch` and `beta` are reserved and not served."""

_SORTS: dict[str, tuple[SortBy, ServiceTier | None]] = {
    "nitro": ("throughput", "priority"),
    "floor": ("price", "flex"),
    "exacto": ("exacto", None),
}


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """What the suffixes of one name ask for.

    `free` and `extended` keep zero-price endpoints and those with the model's
    longest window; they are for models without a catalogue row of that name.
    `tiers` are service tiers that take part beside the default one.
    """

    free: bool = False
    extended: bool = False
    thinking: bool = False
    sort: SortBy | None = None
    tiers: frozenset[ServiceTier] = frozenset()


PLAIN = Variant()


def parse_variants(name: str, suffixes: Iterable[str]) -> Variant:
    """Return what `suffixes` (in lower case) ask for; of several orders the last one counts.

    Args:
        name: the whole name, for messages.
        suffixes: what follows the model's slug, without colons.

    Raises:
        InvalidRequest: a suffix is not known, or cannot be served here.
    """
    free = extended = thinking = False
    sort: SortBy | None = None
    tiers: set[ServiceTier] = set()
    for suffix in suffixes:
        if suffix in _SORTS:
            sort, tier = _SORTS[suffix]
            tiers |= {tier} if tier else set()
        elif suffix == "free":
            free = True
        elif suffix == "extended":
            extended = True
        elif suffix == "thinking":
            thinking = True
        elif suffix == "online":
            raise InvalidRequest(
                f"model: {name} asks for web search, and this gateway has no search engine. "
                "Leave out :online, or call a model that searches by itself."
            )
        else:
            known = ", ".join(f":{known}" for known in KNOWN)
            raise InvalidRequest(f"model: {name} has an unknown suffix :{suffix}. Known: {known}")
    return Variant(
        free=free, extended=extended, thinking=thinking, sort=sort, tiers=frozenset(tiers)
    )
