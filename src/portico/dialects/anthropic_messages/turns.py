"""The hub's messages as this API's turns: merged, with results first and system apart."""

from collections.abc import Iterator, Sequence

import msgspec

from portico.dialects.anthropic_messages.caching import mark
from portico.dialects.anthropic_messages.media import file_block, image_block
from portico.dialects.anthropic_messages.thinking import thinking_blocks
from portico.dialects.tool_ids import ToolIds
from portico.jsonio import JsonError, JsonObject, dumps, loads
from portico.vocabulary import Audio, File, Image, Message, Part, Text, ToolCall, Unknown, Video

SERVER_BLOCKS = "content_parts"
"""Where blocks of tools that the provider runs travel in a chat message."""

OWN_BLOCKS = frozenset(
    {
        "document", "search_result", "container_upload", "server_tool_use", "mcp_tool_use",
        "mcp_tool_result", "web_search_tool_result", "web_fetch_tool_result",
        "code_execution_tool_result", "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result", "tool_search_tool_result", "advisor_tool_result",
        "compaction", "fallback", "tool_addition", "tool_removal", "tool_use", "text", "image",
        "tool_reference",
    }
)  # fmt: skip
"""Blocks of this API that the hub has no word for, or not for all they say."""

_SYSTEM = frozenset({"system", "developer"})
_MODALITIES: dict[type, str] = {Audio: "input_audio", Video: "video_url", File: "file"}


class Turns:
    """Collects a conversation. One instance per request.

    `system` and `messages` are the request's members; `dropped` names what no
    block could say. `blocks` are all blocks in the order of the prompt.
    """

    def __init__(self, *, system_anywhere: bool) -> None:
        self.system: list[JsonObject] = []
        self.messages: list[JsonObject] = []
        self.dropped: set[str] = set()
        self._system_anywhere = system_anywhere
        self._ids = ToolIds()

    def add(self, messages: Sequence[Message]) -> None:
        """Add the whole conversation.

        A conversation of system messages alone becomes a user turn: the API
        insists on one.
        """
        for message, speaker in zip(messages, _next_speakers(messages), strict=True):
            if message.role in _SYSTEM:
                self._add_system(message, speaker)
            else:
                self._add(message)
        for turn in self.messages:
            if turn["role"] == "user":  # results before anything else
                turn["content"].sort(key=lambda block: block["type"] != "tool_result")
        if not self.messages and self.system:
            self.messages.append({"role": "user", "content": self.system})
            self.system = []

    @property
    def blocks(self) -> list[JsonObject]:
        """System and content blocks, first to last."""
        return [*self.system, *(block for turn in self.messages for block in turn["content"])]

    def _add_system(self, message: Message, speaker: str) -> None:
        """Before the conversation; where it stood only between a user's turn and the answer.

        Nothing may part a call from its result.
        """
        blocks = self._content(message)
        asked = self.messages and self.messages[-1]["role"] in {"user", "system"}
        if self._system_anywhere and asked and speaker == "assistant":
            self._turn("system", blocks)
        else:
            self.system.extend(blocks)

    def _add(self, message: Message) -> None:
        match message.role:
            case "tool":
                self._turn("user", [self._result(message)])
            case "assistant":
                self._turn("assistant", self._assistant(message))
            case "user":
                self._turn("user", self._content(message))

    def _turn(self, role: str, blocks: list[JsonObject]) -> None:
        """Continue the last turn of the same role."""
        if not blocks:
            return
        if not self.messages or self.messages[-1]["role"] != role:
            self.messages.append({"role": role, "content": []})
        self.messages[-1]["content"].extend(blocks)

    def _assistant(self, message: Message) -> list[JsonObject]:
        blocks = thinking_blocks(message.reasoning)
        blocks += _server_blocks(message)
        blocks += self._parts(message)
        blocks += [self._call(call) for call in message.tool_calls]
        if message.refusal and not blocks:
            blocks.append({"type": "text", "text": message.refusal})
        return _marked_last(blocks, message)

    def _content(self, message: Message) -> list[JsonObject]:
        return _marked_last(self._parts(message), message)

    def _parts(self, message: Message) -> list[JsonObject]:
        blocks = [block for part in message.parts if (block := self._part(part)) is not None]
        if not any(block["type"] != "text" or block["text"].strip() for block in blocks):
            return []  # blank text is taken only beside something else
        if message.name and message.role != "tool":
            for block in blocks:
                if block["type"] == "text":  # the API has no names of speakers
                    block["text"] = f"{message.name}: {block['text']}"
                    break
        return blocks

    def _part(self, part: Part) -> JsonObject | None:
        block: JsonObject | None = None
        match part:
            case Text():
                if not part.text:  # the API refuses empty texts
                    return None
                block = {"type": "text", "text": part.text}
            case Image():
                block = image_block(part)
            case File():
                block = file_block(part)
            case Unknown() if part.type in OWN_BLOCKS:
                return dict(part.fields)
        if block is None:
            name = part.type if isinstance(part, Unknown) else _MODALITIES[type(part)]
            self.dropped.add(name)
            return None
        return mark(block, getattr(part, "cache_control", None))

    def _result(self, message: Message) -> JsonObject:
        blocks = self._parts(message)
        markers = [block.pop("cache_control", None) for block in blocks]
        result: JsonObject = {
            "type": "tool_result",
            "tool_use_id": self._ids.result(message.tool_call_id or ""),
            "content": _plain(blocks),
        }
        if message.extra and message.extra.get("is_error") is True:
            result["is_error"] = True
        return mark(result, message.cache_control or next(filter(None, markers), None))

    def _call(self, call: ToolCall) -> JsonObject:
        block = {
            "type": "tool_use",
            "id": self._ids.call(call.id),
            "name": call.name,
            "input": _input(call.arguments),
        }
        return mark(block, (call.extra or {}).get("cache_control"))  # type: ignore[arg-type]  # as sent


def _plain(blocks: list[JsonObject]) -> object:
    """A lone text as a string."""
    if not blocks:
        return ""
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return blocks[0]["text"]
    return blocks


def _input(arguments: str) -> object:
    """The arguments byte for byte; what is not an object is wrapped in one."""
    try:
        parsed = loads(arguments)
    except JsonError:
        parsed = arguments
    if isinstance(parsed, dict):
        return msgspec.Raw(arguments.encode())
    return msgspec.Raw(dumps({"arguments": parsed})) if parsed else {}


def _server_blocks(message: Message) -> Iterator[JsonObject]:
    """What the provider's own tools did, as it came: replayed before the text."""
    parts = (message.extra or {}).get(SERVER_BLOCKS)
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict) and part.get("type") in OWN_BLOCKS:
            yield dict(part)


def _marked_last(blocks: list[JsonObject], message: Message) -> list[JsonObject]:
    """A marker on the message is one on its last block."""
    if blocks and message.cache_control:
        mark(blocks[-1], message.cache_control)
    return blocks


def _next_speakers(messages: Sequence[Message]) -> list[str]:
    """Who speaks after each message, the system aside; at the end it is the model's turn."""
    speakers: list[str] = []
    speaker = "assistant"
    for message in reversed(messages):
        speakers.append(speaker)
        if message.role not in _SYSTEM:
            speaker = message.role
    speakers.reverse()
    return speakers
