"""What blocks, tools and wishes have to look like before another API can be told of them.

An upstream of the same dialect judges them itself. Kinds that are not known here
are left alone: whoever has to translate them says so.
"""

from typing import Any, Literal

import msgspec

from portico.dialects.checks import explained
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject

_Content = str | list[JsonObject] | None


class _Base64(msgspec.Struct, tag="base64"):
    media_type: str
    data: str


class _Url(msgspec.Struct, tag="url"):
    url: str


class _Stored(msgspec.Struct, tag="file"):
    file_id: str


class _Written(msgspec.Struct, tag="text"):
    data: str
    media_type: str = "text/plain"


class _Composed(msgspec.Struct, tag="content"):
    content: str | list[JsonObject]


class _Marked(msgspec.Struct):
    cache_control: JsonObject | None = None


class _Text(_Marked, kw_only=True):
    text: str


class _Image(_Marked, kw_only=True):
    source: _Base64 | _Url | _Stored


class _Document(_Marked, kw_only=True):
    source: _Base64 | _Url | _Stored | _Written | _Composed
    title: str | None = None
    context: str | None = None


class _Call(_Marked, kw_only=True):
    id: str
    name: str
    input: JsonObject | None = None


class _Result(_Marked, kw_only=True):
    tool_use_id: str
    content: _Content = None
    is_error: bool | None = None


class _Thought(msgspec.Struct, kw_only=True):
    thinking: str | None = None
    signature: str | None = None


class _Redacted(msgspec.Struct, kw_only=True):
    data: str


class _Found(_Marked, kw_only=True):
    source: str
    title: str
    content: list[JsonObject]


class _Compaction(_Marked, kw_only=True):
    content: str | None = None


class _Reference(_Marked, kw_only=True):
    tool_name: str


class _ToolName(msgspec.Struct, kw_only=True):
    name: str | None = None
    server_name: str | None = None


class _ToolChange(_Marked, kw_only=True):
    tool: _ToolName


_BLOCKS: dict[str, type] = {
    "text": _Text,
    "image": _Image,
    "document": _Document,
    "tool_use": _Call,
    "tool_result": _Result,
    "thinking": _Thought,
    "redacted_thinking": _Redacted,
    "search_result": _Found,
    "compaction": _Compaction,
    "tool_reference": _Reference,
    "tool_addition": _ToolChange,
    "tool_removal": _ToolChange,
}


class _Kind(msgspec.Struct):
    type: str


class _Tool(_Marked, kw_only=True):
    name: str
    description: str | None = None
    input_schema: JsonObject | None = None
    strict: bool | None = None


class _ServerTool(_Marked, kw_only=True):
    type: str
    name: str | None = None


class _ToolChoice(msgspec.Struct, kw_only=True):
    type: Literal["auto", "any", "none", "tool"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Thinking(msgspec.Struct, kw_only=True):
    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: int | None = None


class _Format(msgspec.Struct, kw_only=True):
    type: Literal["json_schema"]
    schema: JsonObject


class _OutputConfig(msgspec.Struct, kw_only=True):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: _Format | None = None


class _Wishes(msgspec.Struct):
    tool_choice: _ToolChoice | None = None
    thinking: _Thinking | None = None
    output_config: _OutputConfig | None = None


def check_block(block: JsonObject, where: str) -> str:
    """Return the kind of a block that is shaped as its kind asks.

    Raises:
        InvalidRequest: it is not; the message begins with its path.
    """
    kind: str = _shaped(block, _Kind, where).type
    if (shape := _BLOCKS.get(kind)) is not None:
        _shaped(block, shape, where)
    return kind


def check_tool(tool: JsonObject, where: str) -> None:
    """
    Raises:
        InvalidRequest: a member has a wrong type; the message begins with its path.
    """
    kind = tool.get("type")
    own = kind is None or kind == "custom"
    _shaped(tool, _Tool if own else _ServerTool, where)


def check_wishes(body: JsonObject) -> None:
    """Check how to choose tools, to think and to answer.

    Raises:
        InvalidRequest: a member has a wrong type or value; the message begins with its path.
    """
    wishes = _shaped(body, _Wishes, "")
    choice = wishes.tool_choice
    if choice is not None and choice.type == "tool" and not choice.name:
        raise InvalidRequest("tool_choice.name: name the tool that shall be called")
    thinking = wishes.thinking
    if thinking is not None and thinking.type == "enabled" and (thinking.budget_tokens or 0) < 1:
        raise InvalidRequest("thinking.budget_tokens: expected a number of tokens above 0")


def _shaped(value: JsonObject, shape: type, where: str) -> Any:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise InvalidRequest(explained(error, within=where)) from None
