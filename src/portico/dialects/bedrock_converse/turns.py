"""The hub's messages as Converse turns: merged, with results first and system apart.

A prompt-cache marker is a block of its own behind the one it belongs to; at most
four of them, the last ones win (contract/chat 8).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from portico.dialects.bedrock_converse.media import Names, media_block
from portico.dialects.bedrock_converse.names import NAME, Family, encode_tool_name
from portico.dialects.bedrock_converse.reasoning import reasoning_blocks
from portico.dialects.tool_calls import arguments_object
from portico.dialects.tool_ids import ToolIds
from portico.jsonio import JsonError, JsonObject, loads
from portico.vocabulary import (
    Audio,
    File,
    Image,
    JsonFields,
    Message,
    Part,
    Text,
    ToolCall,
    Unknown,
    Video,
)

SERVER_BLOCKS = "content_parts"
"""Where blocks of tools that the provider runs travel in a chat message."""

_POINTS = 4
_SYSTEM = frozenset({"system", "developer"})

Group = list[JsonObject]  # a block, and the cache point behind it


class Turns:
    """Collects a conversation. One instance per request.

    `system` and `messages` are the request's members; `dropped` names what no
    block could say. `called` are the names of the tools in the history.

    Args:
        family: says where a cache point may stand.
        own: the client speaks this dialect: what it sent goes back as it came.
    """

    def __init__(self, family: Family, *, own: bool) -> None:
        self.system: list[JsonObject] = []
        self.dropped: set[str] = set()
        self.called: dict[str, None] = {}
        self._turns: list[tuple[str, list[Group]]] = []
        self._caches = family.caches != "nowhere"
        self._signs = family.claude is not None
        self._own = own
        # models of other vendors make ids like functions.add:0 and read them back
        self._ids = ToolIds(loose=family.vendor not in {None, "anthropic", "amazon"})
        self._names = Names()

    def add(self, messages: Sequence[Message]) -> None:
        """Add the whole conversation; system messages alone become a user's turn."""
        for message in messages:
            if message.role in _SYSTEM:
                self.system.extend(block for group in self._content(message) for block in group)
            elif message.role == "tool":
                self._turn("user", [self._result(message)])
            elif message.role == "assistant":
                self._turn("assistant", self._assistant(message))
            else:
                self._turn("user", self._content(message))
        for role, groups in self._turns:
            if role == "user":
                _add_text(groups)
        if not self._turns and self.system:
            self._turn("user", [[block] for block in self.system])
            self.system = []

    @property
    def messages(self) -> list[JsonObject]:
        """The turns, each with its blocks; a user's results stand before anything else."""
        for role, groups in self._turns:
            if role == "user":
                groups.sort(key=lambda group: "toolResult" not in group[0])
        return [
            {"role": role, "content": [block for group in groups for block in group]}
            for role, groups in self._turns
        ]

    def _turn(self, role: str, groups: list[Group]) -> None:
        """Continue the last turn of the same role."""
        if not groups:
            return
        if not self._turns or self._turns[-1][0] != role:
            self._turns.append((role, []))
        self._turns[-1][1].extend(groups)

    def _assistant(self, message: Message) -> list[Group]:
        groups: list[Group] = []
        if self._signs or self._own:
            blocks = reasoning_blocks(message.reasoning, unsigned=self._own)
            groups += [[block] for block in blocks]
        groups += [[block] for block in _server_blocks(message)]
        groups += self._parts(message)
        groups += [self._call(call) for call in message.tool_calls]
        if message.refusal and not groups:
            groups.append([{"text": message.refusal}])
        return self._marked_last(groups, message.cache_control)

    def _content(self, message: Message) -> list[Group]:
        return self._marked_last(self._parts(message), message.cache_control)

    def _parts(self, message: Message) -> list[Group]:
        groups: list[Group] = []
        for part in message.parts:
            if isinstance(part, Text) and not part.text.strip():  # the API refuses blank texts
                _append_blank(groups, part.text)
            elif group := self._part(part):
                groups.append(group)
        if message.name and message.role != "tool":
            for block, *_ in groups:
                if "text" in block:  # the API has no names of speakers
                    block["text"] = f"{message.name}: {block['text']}"
                    break
        return groups

    def _part(self, part: Part) -> Group:
        block: JsonObject | None = None
        match part:
            case Text():
                block = {"text": part.text}
            case Image() | Video() | Audio() | File():
                block = media_block(part, self._names)
            case Unknown(type=kind) if kind == NAME:
                return [dict(part.fields)]
        if block is None:
            self.dropped.add(part.type if isinstance(part, Unknown) else "file")
            return []
        return self._marked(block, getattr(part, "cache_control", None))

    def _result(self, message: Message) -> Group:
        groups = self._parts(message)
        markers = [part.cache_control for part in message.parts if isinstance(part, Text)]
        result: JsonObject = {
            "toolUseId": self._ids.result(message.tool_call_id or ""),
            "content": [group[0] for group in groups] or [{"text": "(no output)"}],
        }
        if message.extra and message.extra.get("is_error") is True:
            result["status"] = "error"
        marker = message.cache_control or next(filter(None, markers), None)
        return self._marked({"toolResult": result}, marker)

    def _call(self, call: ToolCall) -> Group:
        name = encode_tool_name(call.name)
        self.called[name] = None
        block = {
            "toolUse": {"toolUseId": self._ids.call(call.id), "name": name, "input": _input(call)}
        }
        return self._marked(block, (call.extra or {}).get("cache_control"))

    def _marked(self, block: JsonObject, cache_control: object) -> Group:
        point = cache_point(cache_control) if self._caches else None
        return [block] if point is None else [block, point]

    def _marked_last(self, groups: list[Group], cache_control: JsonFields | None) -> list[Group]:
        """A marker on the message is one behind its last block."""
        if groups and cache_control and len(groups[-1]) == 1:
            groups[-1] = self._marked(groups[-1][0], cache_control)
        return groups


def cache_point(cache_control: object) -> JsonObject | None:
    """The block for a marker; five minutes is what the API takes without a word."""
    if not isinstance(cache_control, dict):
        return None
    point: JsonObject = {"type": "default"}
    if cache_control.get("ttl") == "1h":
        point["ttl"] = "1h"
    return {"cachePoint": point}


def keep_last_points(contents: Iterable[list[JsonObject]]) -> None:
    """Take all but the last cache points out, in place; `contents` in the order of the prompt."""
    found = [(content, block) for content in contents for block in content if "cachePoint" in block]
    for content, point in found[: max(0, len(found) - _POINTS)]:
        content[:] = [block for block in content if block is not point]


def _append_blank(groups: list[Group], blank: str) -> None:
    """A blank text is no block of its own, but what it parts has to stay apart."""
    if groups and "text" in groups[-1][0]:
        groups[-1][0]["text"] += blank


def _add_text(groups: list[Group]) -> None:
    """A document needs a text beside it; its own name is the least that can be said."""
    places = [place for place, group in enumerate(groups) if "document" in group[0]]
    if places and not any("text" in group[0] for group in groups):
        name = groups[places[0]][0]["document"]["name"]
        groups.insert(places[0], [{"text": name}])


def _input(call: ToolCall) -> object:
    """The arguments byte for byte where they are an object."""
    try:
        parsed: Any = loads(call.arguments)
    except JsonError:
        parsed = None
    if isinstance(parsed, dict):
        return msgspec.Raw(call.arguments.encode())
    return arguments_object(call.arguments, wrapper="arguments")


def _server_blocks(message: Message) -> Iterator[JsonObject]:
    """What the provider's own tools did, as it came: replayed before the text."""
    parts = (message.extra or {}).get(SERVER_BLOCKS)
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict) and part.keys() & {"toolUse", "toolResult"}:
            yield dict(part)
