"""Output items that grow: each writes the events of its own life, and is whole at its end."""

from abc import ABC, abstractmethod
from typing import Any, Protocol

from portico.dialects.openai_responses.answer import text_part
from portico.dialects.openai_responses.feed import Feed
from portico.dialects.openai_responses.reasoning import Thought, client_item
from portico.jsonio import JsonObject, dumps
from portico.vocabulary import Origin, Reasoning


class OpenItem(Protocol):
    """An output item that can still grow. `end` is the status that it will end with."""

    end: str

    def cut(self) -> None:
        """Say that the answer ended before the item was whole."""
        ...

    def close(self) -> bytes:
        """Write its end."""
        ...

    def whole(self, status: str) -> JsonObject:
        """The item as it is now."""
        ...


class Item(ABC):
    """What all have in common. `place` is the item's `output_index`."""

    def __init__(self, feed: Feed, place: int, item_id: str) -> None:
        self.place = place
        self.id = item_id
        self.end = "completed"
        self._feed = feed

    @abstractmethod
    def whole(self, status: str) -> JsonObject:
        """See `OpenItem`."""

    def cut(self) -> None:
        """See `OpenItem`."""
        self.end = "incomplete"

    def open(self) -> bytes:
        """Write its beginning."""
        return self._event("output_item.added", item=self.whole("in_progress"))

    def _event(self, name: str, /, **fields: Any) -> bytes:
        return self._feed.event(f"response.{name}", output_index=self.place, **fields)

    def _within(self, name: str, /, **fields: Any) -> bytes:
        return self._event(name, item_id=self.id, **fields)

    def _done(self) -> bytes:
        return self._event("output_item.done", item=self.whole(self.end))


class MessageItem(Item):
    """Text and refusals, each run of one kind a part."""

    def __init__(self, feed: Feed, place: int, item_id: str) -> None:
        super().__init__(feed, place, item_id)
        self._parts: list[JsonObject] = []
        self._kind: str | None = None
        self._pieces: list[str] = []
        self._annotations: list[Any] = []
        self._logprobs: list[Any] = []
        self._head = self._tail = b""

    def whole(self, status: str) -> JsonObject:
        """The message with the parts that are finished."""
        return {
            "id": self.id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": list(self._parts),
        }

    def text(self, text: str) -> bytes:
        """More text without log probabilities: the commonest event, encoded around its text."""
        opened = b"" if self._kind == "output_text" else self._open_part("output_text")
        self._pieces.append(text)
        number = b"%d}\n\n" % self._feed.next()
        return opened + self._head + dumps(text) + self._tail + number

    def text_with_logprobs(self, text: str, logprobs: list[Any]) -> bytes:
        """More text with the log probabilities of its tokens."""
        opened = b"" if self._kind == "output_text" else self._open_part("output_text")
        self._pieces.append(text)
        self._logprobs += logprobs
        return opened + self._within(
            "output_text.delta", content_index=len(self._parts), delta=text, logprobs=logprobs
        )

    def refusal(self, text: str) -> bytes:
        """More of a refusal."""
        opened = b"" if self._kind == "refusal" else self._open_part("refusal")
        self._pieces.append(text)
        return opened + self._within("refusal.delta", content_index=len(self._parts), delta=text)

    def annotate(self, annotation: JsonObject) -> bytes:
        """A citation of the text."""
        opened = b"" if self._kind == "output_text" else self._open_part("output_text")
        self._annotations.append(annotation)
        return opened + self._within(
            "output_text.annotation.added",
            content_index=len(self._parts),
            annotation_index=len(self._annotations) - 1,
            annotation=annotation,
        )

    def close(self) -> bytes:
        """Write its end."""
        return self._close_part() + self._done()

    def _open_part(self, kind: str) -> bytes:
        closed = self._close_part()
        self._kind = kind
        place = len(self._parts)
        if kind == "output_text":
            head = {"output_index": self.place, "item_id": self.id, "content_index": place}
            name = "response.output_text.delta"
            sample = dumps({"type": name, **head, "delta": ""})
            self._head = self._feed.lead(name) + sample.removesuffix(b'""}')
            self._tail = b',"logprobs":[],"sequence_number":'
        empty = self._part("")
        return closed + self._within("content_part.added", content_index=place, part=empty)

    def _close_part(self) -> bytes:
        if self._kind is None:
            return b""
        kind, text, place = self._kind, "".join(self._pieces), len(self._parts)
        part = self._part(text)
        if kind == "refusal":
            done = self._within("refusal.done", content_index=place, refusal=text)
        else:
            done = self._within(
                "output_text.done", content_index=place, text=text, logprobs=self._logprobs
            )
        done += self._within("content_part.done", content_index=place, part=part)
        self._parts.append(part)
        self._kind, self._pieces, self._annotations, self._logprobs = None, [], [], []
        return done

    def _part(self, text: str) -> JsonObject:
        if self._kind == "refusal":
            return {"type": "refusal", "refusal": text}
        return text_part(text, list(self._annotations), list(self._logprobs))


class ReasoningItem(Item):
    """A thought: open text, or a summary in parts, and perhaps a seal.

    `sealed`: the client asked for encrypted content, which is tagged with `origin`.
    """

    def __init__(
        self, feed: Feed, place: int, item_id: str, *, sealed: bool, origin: Origin | None
    ) -> None:
        super().__init__(feed, place, item_id)
        self._thought = Thought()
        self._sealed = sealed
        self._origin = origin
        self._part: str | None = None
        self._at = 0  # the index of the open part of the summary
        self._pieces: list[str] = []

    def whole(self, status: str) -> JsonObject:
        """The item as it is now."""
        return client_item(
            self._thought, self.id, sealed=self._sealed, origin=self._origin, status=status
        )

    def takes(self, item: Reasoning) -> bool:
        """Whether `item` can be a further piece."""
        return self._thought.takes(item)

    def add(self, item: Reasoning) -> bytes:
        """Take a piece in."""
        new_part = self._thought.add(item)
        out = b""
        if item.summary is not None:
            out += self._summary(item.summary, new=new_part)
        if item.text:
            out += self._text(item.text)
        return out

    def close(self) -> bytes:
        """Write its end."""
        return self._close_part() + self._done()

    def _summary(self, text: str, *, new: bool) -> bytes:
        out = b""
        if new or self._part != "summary":
            out = self._close_part()
            self._part, self._at = "summary", len(self._thought.summaries) - 1
            part = {"type": "summary_text", "text": ""}
            out += self._within("reasoning_summary_part.added", summary_index=self._at, part=part)
        self._pieces.append(text)
        return out + self._within(
            "reasoning_summary_text.delta", summary_index=self._at, delta=text
        )

    def _text(self, text: str) -> bytes:
        out = b""
        if self._part != "text":
            out = self._close_part()
            self._part = "text"
            part = {"type": "reasoning_text", "text": ""}
            out += self._within("content_part.added", content_index=0, part=part)
        self._pieces.append(text)
        return out + self._within("reasoning_text.delta", content_index=0, delta=text)

    def _close_part(self) -> bytes:
        kind, text = self._part, "".join(self._pieces)
        self._part, self._pieces = None, []
        if kind == "summary":
            part = {"type": "summary_text", "text": text}
            at = self._at
            return self._within(
                "reasoning_summary_text.done", summary_index=at, text=text
            ) + self._within("reasoning_summary_part.done", summary_index=at, part=part)
        if kind == "text":
            part = {"type": "reasoning_text", "text": text}
            return self._within("reasoning_text.done", content_index=0, text=text) + self._within(
                "content_part.done", content_index=0, part=part
            )
        return b""


_LIVES = {
    "web_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
    "image_generation_call": ("in_progress", "generating", "completed"),
}
"""What calls of the provider's tools go through."""


class ReadyItem(Item):
    """An item that came whole: what a tool of the provider did, or an image."""

    def __init__(self, feed: Feed, place: int, item: JsonObject) -> None:
        super().__init__(feed, place, str(item.get("id") or ""))
        self._item = item

    def whole(self, status: str) -> JsonObject:
        """The item; its status at the end is its own."""
        if status == "in_progress" and self._item["type"] in _LIVES:
            return {**self._item, "status": status}
        return self._item

    def close(self) -> bytes:
        """Write its short life, if it has one, and its end."""
        kind = self._item["type"]
        lived = b"".join(self._within(f"{kind}.{step}") for step in _LIVES.get(kind, ()))
        return lived + self._done()


class ImageItem(Item):
    """A generated image, given as base64."""

    def __init__(self, feed: Feed, place: int, item_id: str, data: str) -> None:
        super().__init__(feed, place, item_id)
        self._data = data

    def whole(self, status: str) -> JsonObject:
        """The item as it is now."""
        result = self._data if status == "completed" else None
        return {
            "id": self.id,
            "type": "image_generation_call",
            "status": status,
            "result": result,
        }

    def close(self) -> bytes:
        """Write its short life and its end."""
        steps = _LIVES["image_generation_call"]
        lived = b"".join(self._within(f"image_generation_call.{step}") for step in steps)
        return lived + self._done()
