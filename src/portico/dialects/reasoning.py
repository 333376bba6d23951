"""Reasoning items of the hub, whatever dialect they came from."""

import base64
from collections.abc import Sequence

import msgspec

from portico.jsonio import JsonError, dumps
from portico.vocabulary import Reasoning

FOREIGN = "portico:"
"""How a signature or a blob begins that carries other reasoning through a client."""

EFFORT_PERCENT = {"max": 95, "xhigh": 95, "high": 80, "medium": 50, "low": 20, "minimal": 10}
"""How much of an answer each level may think, as OpenRouter has it (contract/chat 1.4)."""

_EVERYWHERE = ("low", "medium", "high")
_USUAL_OUTPUT_TOKENS = 32_000


def nearest_effort(
    budget_tokens: float, cap_tokens: float | None, levels: Sequence[str] = _EVERYWHERE
) -> str:
    """The level that is nearest to a budget: of two equally near ones the first of `levels`,
    which are those that every server knows.

    >>> nearest_effort(1_024, 32_000), nearest_effort(31_999, 32_000), nearest_effort(16_000, None)
    ('low', 'high', 'medium')
    """
    share = 100 * budget_tokens / max(1, cap_tokens or _USUAL_OUTPUT_TOKENS)
    return min(levels, key=lambda level: abs(EFFORT_PERCENT[level] - share))


def visible_text(item: Reasoning) -> str | None:
    """What of an item a person may read: its text or its summary."""
    return item.text if item.text is not None else item.summary


def merge(items: list[Reasoning]) -> list[Reasoning]:
    """Join neighbours that are pieces of one text: a whole answer shows them as one item."""
    merged: list[Reasoning] = []
    for item in items:
        last = merged[-1] if merged else None
        if last is not None and _continues(last, item):
            merged[-1] = Reasoning(
                text=(last.text or "") + (item.text or ""),
                signature=item.signature,
                format=item.format or last.format,
                id=last.id,
                index=last.index,
            )
        else:
            merged.append(item)
    return merged


def _continues(last: Reasoning, item: Reasoning) -> bool:
    plain = last.data is None and last.summary is None and last.signature is None
    return plain and item.data is None and item.summary is None and last.index == item.index


def wrapped(item: Reasoning) -> str:
    """The item as an opaque text, for a client's API that has no other place for it."""
    return FOREIGN + base64.b64encode(dumps(item)).decode()


def unwrapped(text: str) -> Reasoning | None:
    """What `wrapped` wrote; None if it was damaged on its way."""
    try:
        return msgspec.json.decode(base64.b64decode(text[len(FOREIGN) :]), type=Reasoning)
    except (*JsonError, ValueError):
        return None
