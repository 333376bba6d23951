"""The shapes of input items, parts and tools, for as much of them as another dialect is told.

Only members that are read have a type; null stands for absent where clients send it so.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from portico.dialects.checks import explained
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject


class _Message(msgspec.Struct):
    role: Literal["user", "system", "developer"]
    content: str | list[JsonObject]


class _Said(msgspec.Struct):
    content: str | list[JsonObject] | None = None


class _Reasoning(msgspec.Struct):
    id: str | None = None
    summary: list[JsonObject] | None = None
    content: list[JsonObject] | None = None
    encrypted_content: str | None = None
    signature: str | None = None
    format: str | None = None


class _Call(msgspec.Struct):
    call_id: str
    name: str
    namespace: str | None = None


class _FunctionCall(_Call):
    arguments: str | JsonObject | None = None


class _CustomCall(_Call):
    input: str | None = None


class _Output(msgspec.Struct):
    call_id: str
    output: Any


class _Called(msgspec.Struct):
    call_id: str


class _Action(_Called):
    action: JsonObject


class _Operation(_Called):
    operation: JsonObject


class _LocalOutput(msgspec.Struct):
    call_id: str | None = None
    id: str | None = None


class _AddedTools(msgspec.Struct):
    tools: list[JsonObject]


class _SearchCall(msgspec.Struct):
    call_id: str | None = None
    arguments: Any = None


class _SearchOutput(_AddedTools):
    call_id: str | None = None


_ITEMS: Mapping[str, type[msgspec.Struct]] = {
    "message": _Message,
    "reasoning": _Reasoning,
    "function_call": _FunctionCall,
    "function_call_output": _Output,
    "custom_tool_call": _CustomCall,
    "custom_tool_call_output": _Output,
    "local_shell_call": _Action,
    "local_shell_call_output": _LocalOutput,
    "shell_call": _Action,
    "shell_call_output": _Called,
    "apply_patch_call": _Operation,
    "apply_patch_call_output": _Called,
    "additional_tools": _AddedTools,
    "tool_search_call": _SearchCall,
    "tool_search_output": _SearchOutput,
}


class _Text(msgspec.Struct):
    text: str


class _Url(msgspec.Struct):
    url: str


class _Image(msgspec.Struct):
    image_url: str | _Url | None = None
    detail: str | None = None
    file_id: str | None = None


class _File(msgspec.Struct):
    filename: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None


class _Sound(msgspec.Struct):
    data: str
    format: str


class _Audio(msgspec.Struct):
    input_audio: _Sound


class _Video(msgspec.Struct):
    video_url: str | _Url


class _Refusal(msgspec.Struct):
    refusal: str


class _AnyPart(msgspec.Struct):
    type: str


_PARTS: Mapping[str, type[msgspec.Struct]] = {
    **dict.fromkeys(("input_text", "output_text", "text", "summary_text", "reasoning_text"), _Text),
    "input_image": _Image,
    "input_file": _File,
    "input_audio": _Audio,
    "input_video": _Video,
    "refusal": _Refusal,
}


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class _Grammar(msgspec.Struct):
    definition: str | None = None
    syntax: str | None = None


class _Custom(msgspec.Struct):
    name: str
    description: str | None = None
    format: _Grammar | None = None


class _Namespace(msgspec.Struct):
    name: str
    tools: list[JsonObject]


class _AnyTool(msgspec.Struct):
    type: str
    name: str | None = None


class _Named(msgspec.Struct):
    type: str | None = None
    name: str | None = None


class _Choice(msgspec.Struct):
    type: str
    name: str | None = None
    mode: str | None = None
    tools: list[_Named] | None = None


_TOOLS: Mapping[str, type[msgspec.Struct]] = {
    "function": _Function,
    "custom": _Custom,
    "namespace": _Namespace,
}


def check_item(item: JsonObject, path: str) -> None:
    """
    Raises:
        InvalidRequest: the item is not shaped as its type asks; the message names the place.
    """
    kind = item.get("type") or "message"
    shape = _Said if kind == "message" and item.get("role") == "assistant" else _ITEMS.get(kind)
    if shape is not None:
        _check(item, shape, path)
    for place in ("content", "output") if shape in _WITH_PARTS else ():
        parts = item.get(place)
        for number, part in enumerate(parts if isinstance(parts, list) else ()):
            at = f"{path}.{place}.{number}"
            _check(part, _AnyPart, at)
            if (known := _PARTS.get(part["type"])) is not None:
                _check(part, known, at)


_WITH_PARTS = frozenset({_Message, _Said, _Output})


def check_tool(tool: JsonObject, path: str) -> None:
    """
    Raises:
        InvalidRequest: likewise, for an entry of `tools`.
    """
    kind = tool.get("type") or "function"
    _check(tool, _TOOLS.get(kind, _AnyTool) if isinstance(kind, str) else _AnyTool, path)
    if kind == "namespace":
        for number, inner in enumerate(tool["tools"]):
            check_tool(inner, f"{path}.tools.{number}")


def check_choice(choice: object) -> None:
    """
    Raises:
        InvalidRequest: likewise, for `tool_choice`.
    """
    if isinstance(choice, dict):
        _check(choice, _Choice, "tool_choice")


def _check(value: object, shape: type[msgspec.Struct], path: str) -> None:
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise InvalidRequest(explained(error, within=path)) from None
