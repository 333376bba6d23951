"""Reasoning items and the hub's reasoning, there and back (contract/chat 6).

An item is a summary in parts, open text, and a sealed blob that only the family
that wrote it can read. Items of other families carry their `format` and
`signature` towards this gateway's own clients; no provider is sent those.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from portico.dialects.fields import text_of
from portico.dialects.reasoning import FOREIGN, unwrapped, wrapped
from portico.dialects.seals import SEALED, tagged
from portico.jsonio import JsonObject
from portico.vocabulary import Origin, Reasoning

FORMAT = "openai-responses-v1"
"""The `format` of sealed reasoning where a provider's record does not name another one."""

MADE_UP = "_tmp_"
"""What stands in every id that this gateway made up."""


class Thought(msgspec.Struct, kw_only=True):
    """One item, put together from its pieces. `last` is the index of the latest summary part."""

    id: str | None = None
    summaries: list[str] = []
    texts: list[str] = []
    data: str | None = None
    signature: str | None = None
    format: str | None = None
    last: int | None = None

    def takes(self, item: Reasoning) -> bool:
        """Whether `item` can be a further piece of this one; a sealed or signed one is complete."""
        if self.data is not None or (self.signature is not None and item.signature is None):
            return False
        return item.format is None or self.format in {None, item.format}

    def add(self, item: Reasoning) -> bool:
        """Take a piece in; True if it opened a further part of the summary."""
        self.format = self.format or item.format
        self.id = self.id or item.id
        self.data = self.data or item.data
        self.signature = self.signature or item.signature
        if item.text:
            self.texts.append(item.text)
        if item.summary is None:
            return False
        if self.summaries and self.last == item.index:
            self.summaries[-1] += item.summary
            return False
        self.summaries.append(item.summary)
        self.last = item.index
        return True


def thoughts_of(items: Iterable[Reasoning]) -> list[Thought]:
    """Put pieces together: what belongs to one item stands side by side."""
    thoughts: list[Thought] = []
    for item in items:
        if not thoughts or not thoughts[-1].takes(item):
            thoughts.append(Thought())
        thoughts[-1].add(item)
    return thoughts


def decode_item(item: JsonObject, format: str) -> list[Reasoning]:
    """Read a reasoning item: its summary, its text, and last what is sealed.

    Args:
        item: as a provider or a client sent it.
        format: the family of sealed content where the item names none.
    """
    own = item.get("format") or None
    found = [
        Reasoning(summary=text, format=own or format, index=number)
        for number, text in enumerate(_texts(item.get("summary")))
    ]
    data = item.get("encrypted_content")
    carried = None
    if isinstance(data, str) and data.startswith(FOREIGN):
        carried = unwrapped(data)
        data = carried.data if carried is not None else None
    if carried is not None and carried.signature is not None:  # with the text that it signs
        return [*found, carried]
    texts = _texts(item.get("content"))
    signature = item.get("signature") or None
    if texts or signature:
        found.append(Reasoning(text="".join(texts) or None, signature=signature, format=own))
    if carried is not None and carried.data:
        found.append(carried)
    elif data:
        item_id = item.get("id") or None
        known = None if item_id is None or MADE_UP in item_id else item_id
        found.append(Reasoning(data=data, format=own or format, id=known))
    return found


def native_items(items: Sequence[Reasoning], format: str, *, open_text: bool) -> list[JsonObject]:
    """The items a provider can read back: its own sealed ones.

    Args:
        items: the reasoning of one turn.
        format: the family of the provider.
        open_text: also those without a seal that show their text.
    """
    found = []
    for thought in thoughts_of(items):
        sealed = thought.data is not None and thought.format == format
        shown = open_text and thought.texts and not (thought.data or thought.signature)
        if not sealed and not shown:
            continue
        item: JsonObject = {"type": "reasoning"}
        if thought.id is not None:
            item["id"] = thought.id
        item["summary"] = summary_parts(thought.summaries)
        if thought.texts:
            item["content"] = [{"type": "reasoning_text", "text": "".join(thought.texts)}]
        if thought.data is not None:
            item["encrypted_content"] = thought.data
        found.append(item)
    return found


def client_item(
    thought: Thought, item_id: str, *, sealed: bool, origin: Origin | None, status: str
) -> JsonObject:
    """The item a client sees and sends back.

    Args:
        thought: what is known of it so far.
        item_id: its id.
        sealed: the client asked for encrypted content. Many keep nothing else, so a
            signature is in it as well, with its text, and the family of what this API's
            own providers cannot read.
        origin: the endpoint that sealed content is tagged with.
        status: how far it has come.
    """
    item: JsonObject = {
        "id": item_id,
        "type": "reasoning",
        "status": status,
        "summary": summary_parts(thought.summaries),
    }
    if thought.texts:
        item["content"] = [{"type": "reasoning_text", "text": "".join(thought.texts)}]
    if sealed and (content := _sealed_content(thought, origin)) is not None:
        item["encrypted_content"] = content
    if thought.signature is not None:
        item["signature"] = thought.signature
    if thought.format is not None:
        item["format"] = thought.format
    return item


def _sealed_content(thought: Thought, origin: Origin | None) -> str | None:
    family = thought.format
    if thought.data is not None:
        blob = Reasoning(data=thought.data, format=family, id=thought.id)
        own = family in SEALED or family in {None, "unknown"}
        return tagged(blob, origin).data if own else wrapped(blob)
    if thought.signature is None:
        return None
    text = "".join(thought.texts) or None
    return wrapped(Reasoning(text=text, signature=thought.signature, format=family))


def is_foreign(item: Any, format: str) -> bool:
    """A reasoning item that a provider of the family `format` would refuse or not find."""
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    if text_of(item.get("format")) not in {None, format, "unknown"}:
        return True
    if str(item.get("encrypted_content")).startswith(FOREIGN):
        return True
    return not item.get("encrypted_content") and not item.get("content")


def summary_parts(summaries: Iterable[str]) -> list[JsonObject]:
    """Texts as parts of a summary."""
    return [{"type": "summary_text", "text": text} for text in summaries]


def _texts(parts: Any) -> list[str]:
    if not isinstance(parts, list):
        return []
    return [part["text"] for part in parts if isinstance(part, dict) and part.get("text")]
