"""Reasoning items of the hub, whatever dialect they came from."""

from portico.vocabulary import Reasoning


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
