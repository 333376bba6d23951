"""The hub's messages as input items: thoughts, texts and calls each an item of their own."""

from collections.abc import Iterable, Sequence
from typing import Any

from portico.dialects.fields import text_of
from portico.dialects.openai_responses.client_tools import ITEM
from portico.dialects.openai_responses.conversation import OTHER_ITEMS
from portico.dialects.openai_responses.custom import unwrap_input
from portico.dialects.openai_responses.namespaces import NAMESPACE, bare
from portico.dialects.openai_responses.parts import encode_parts
from portico.dialects.openai_responses.reasoning import native_items
from portico.dialects.tool_ids import ToolIds
from portico.jsonio import JsonObject
from portico.vocabulary import Message, ToolCall

OWN_ITEMS = frozenset(
    {
        "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
        "computer_call", "computer_call_output", "mcp_list_tools", "mcp_call",
        "mcp_approval_request", "mcp_approval_response", "local_shell_call",
        "local_shell_call_output", "shell_call", "shell_call_output", "apply_patch_call",
        "apply_patch_call_output", "tool_search_call", "tool_search_output", "additional_tools",
        "compaction", "program", "program_output",
    }
)  # fmt: skip
"""Items of this API that the hub has no word for."""

_CALL_EXTRAS = (NAMESPACE, "caller")
_SPEAKERS = frozenset({"system", "developer", "user"})


class Items:
    """Collects a conversation. One instance per request.

    `dropped` names what no item could say.

    Args:
        format: the family of sealed reasoning that the provider can read.
        custom: the names of tools that take free text.
        own: the messages came in this dialect, so what only it knows is written out again.
    """

    def __init__(self, *, format: str, custom: frozenset[str], own: bool) -> None:
        self.items: list[JsonObject] = []
        self.dropped: set[str] = set()
        self._format = format
        self._custom = custom
        self._own = own
        self._ids = ToolIds(loose=True)
        self._free: set[str] = set()  # ids of calls of custom tools

    def add(self, messages: Iterable[Message]) -> None:
        """Add the whole conversation."""
        for message in messages:
            if message.role == "tool":
                self.items.append(self._output(message))
            elif message.role == "assistant":
                self._assistant(message)
            else:
                self._spoken(message)

    def _spoken(self, message: Message) -> None:
        parts = encode_parts(message.parts, self.dropped)
        if not parts:
            return
        if message.name:  # the API has no names of speakers
            parts[0] = _named(parts[0], message.name)
        self.items.append({"role": message.role, "content": _plain(parts)})

    def _assistant(self, message: Message) -> None:
        """What was thought, then what the provider's tools did, what was said, and the calls."""
        self.items += native_items(message.reasoning, self._format, open_text=self._own)
        self.items += other_items((message.extra or {}).get(OTHER_ITEMS))
        content = [
            {"type": "output_text", "text": part["text"]}
            for part in encode_parts(message.parts, self.dropped)
            if part.get("text")
        ]
        if message.refusal:
            content.append({"type": "refusal", "refusal": message.refusal})
        if content:
            self.items.append({"role": "assistant", "content": content})
        self.items += [self._call(call) for call in message.tool_calls]

    def _call(self, call: ToolCall) -> JsonObject:
        call_id = self._ids.call(call.id)
        if self._own and isinstance(item := (call.extra or {}).get(ITEM), dict):
            return item
        extra = {k: v for k, v in (call.extra or {}).items() if self._own and k in _CALL_EXTRAS}
        name = bare(str(extra[NAMESPACE]), call.name) if NAMESPACE in extra else call.name
        if call.name in self._custom:
            self._free.add(call_id)
            text = unwrap_input(call.arguments)
            return {
                "type": "custom_tool_call",
                "call_id": call_id,
                "name": name,
                "input": text,
                **extra,
            }
        return {
            "type": "function_call",
            "call_id": call_id,
            "name": name,
            "arguments": call.arguments,
            **extra,
        }

    def _output(self, message: Message) -> JsonObject:
        if self._own and isinstance(item := (message.extra or {}).get(ITEM), dict):
            return item
        call_id = self._ids.result(message.tool_call_id or "")
        parts = encode_parts(message.parts, self.dropped)
        texts = [part["text"] for part in parts if part["type"] == "input_text"]
        kind = "custom_tool_call_output" if call_id in self._free else "function_call_output"
        return {
            "type": kind,
            "call_id": call_id,
            "output": "".join(texts) if len(parts) == len(texts) < 2 else parts,
        }


def other_items(items: Any) -> list[JsonObject]:
    """The items among `items` that this API has and the hub has not."""
    return [
        dict(item)
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, dict) and text_of(item.get("type")) in OWN_ITEMS
    ]


def _plain(parts: Sequence[JsonObject]) -> object:
    """A lone text as a string."""
    if len(parts) == 1 and parts[0]["type"] == "input_text":
        return parts[0]["text"]
    return list(parts)


def _named(part: JsonObject, name: str) -> JsonObject:
    if part["type"] != "input_text":
        return part
    return {**part, "text": f"{name}: {part['text']}"}
