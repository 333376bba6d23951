"""What differs among the models that speak this dialect, read off their names.

https://platform.openai.com/docs/guides/reasoning: which models think, at which
levels, and which then refuse samplers; Grok keeps its thoughts sealed likewise.
"""

import re

import msgspec

_NAME = re.compile(
    r"(?:^|[/.])(?:(?P<o>o\d)(?!\w)|gpt-(?P<major>\d+)(?:\.(?P<minor>\d+))?(?!\w)"
    r"|(?P<codex>codex)-|grok-(?P<grok>\d+)(?:[.-](?P<grok_minor>\d{1,2})(?!\d))?)"
)
_LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh")
_CLASSIC = ("low", "medium", "high")
EFFORTS = (*_LEVELS, "max")
"""Every level that a client can ask for, the least first."""
_ORDER = {level: number for number, level in enumerate(EFFORTS)}


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of one generation of models.

    `sealed`: it thinks, and gives its thoughts back only encrypted, on demand.
    `efforts` are the levels it knows, none if it takes no level. `summarises`: it may be
    asked for a summary.
    `samplers`: it takes temperature and top_p while it thinks.
    """

    sealed: bool = False
    efforts: tuple[str, ...] = _LEVELS
    summarises: bool = True
    samplers: bool = True


_OPEN = Family()


def family_of(model: str) -> Family:
    """Return the facts of the model a provider calls `model`.

    Names that are not known get a careful default: they may be anything.
    """
    name = _NAME.search(model.lower())
    if name is None:
        return _OPEN
    if name["grok"] is not None:
        return _grok((int(name["grok"]), int(name["grok_minor"] or 0)), model)
    if name["o"] is not None or name["codex"] is not None:
        summarises = name["o"] != "o1"
        return Family(sealed=True, efforts=_CLASSIC, summarises=summarises, samplers=False)
    version = (int(name["major"]), int(name["minor"] or 0))
    if version < (5, 0) or "-chat" in model:
        return _OPEN
    return Family(sealed=True, efforts=_gpt_efforts(version, model), samplers=False)


def known_effort(effort: str, family: Family) -> str | None:
    """The nearest level the model knows; None if it takes none, or cannot but think."""
    if effort in family.efforts:
        return effort
    if effort == "none" or not family.efforts:
        return None
    wanted = _ORDER.get(effort, _ORDER["medium"])
    levels = [level for level in family.efforts if level != "none"]
    return min(levels, key=lambda level: abs(_ORDER[level] - wanted))


def _grok(version: tuple[int, int], model: str) -> Family:
    """Grok shows a summary unasked; the first of the fourth generation take no level."""
    if version < (4, 0) or "non-reasoning" in model:
        return _OPEN
    efforts = ("none", *_CLASSIC) if version > (4, 1) else ()
    return Family(sealed=True, efforts=efforts, summarises=False)


def _gpt_efforts(version: tuple[int, int], model: str) -> tuple[str, ...]:
    if "-pro" in model:
        return ("high",) if version == (5, 0) else ("medium", "high", "xhigh")
    if "-codex" in model:
        newest = version > (5, 1) or "-max" in model
        return (*_CLASSIC, "xhigh") if newest else _CLASSIC
    if version == (5, 0):
        return ("minimal", *_CLASSIC)
    return ("none", *_CLASSIC) if version == (5, 1) else ("none", *_CLASSIC, "xhigh")
