"""Whole Converse requests as the hub's request, for an upstream of another dialect.

What the hub has no word for travels under this dialect's name and is written again
only by it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from portico.dialects.base import RequestHead
from portico.dialects.bedrock_converse.media import decode_medium
from portico.dialects.bedrock_converse.names import NAME, reads_claude
from portico.dialects.bedrock_converse.reasoning import decode_reasoning, decode_wish
from portico.dialects.bedrock_converse.request_out import NATIVE_EXTRAS
from portico.dialects.bedrock_converse.turns import SERVER_BLOCKS
from portico.dialects.checks import misshapen
from portico.errors import InvalidRequest
from portico.jsonio import JsonError, JsonObject, ShapeError, dumps, loads
from portico.vocabulary import (
    ChatRequest,
    File,
    Image,
    JsonFields,
    Message,
    Part,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    Unknown,
)

_MEDIA = ("image", "document", "video", "audio")
_ADDITIONAL = "additionalModelRequestFields"


def decode_request(head: RequestHead) -> ChatRequest:
    """Read the whole conversation of a checked request.

    Raises:
        InvalidRequest: a block or a tool is not shaped as its type asks.
    """
    body: JsonObject = {name: loads(raw) for name, raw in head.fields.items()}
    try:
        return _request(head, body)
    except ShapeError as error:
        raise InvalidRequest(f"messages or tools cannot be read: {misshapen(error)}") from None


def _request(head: RequestHead, body: JsonObject) -> ChatRequest:
    config = body.get("inferenceConfig") or {}
    tool_config = body.get("toolConfig") or {}
    wish, rest = decode_wish(body.get(_ADDITIONAL) or {})
    top_k, rest = _top_k(rest)
    extra: JsonObject = {n: body[n] for n in NATIVE_EXTRAS if body.get(n) is not None}
    extra.pop(_ADDITIONAL, None)
    if rest:
        extra[_ADDITIONAL] = rest
    reader = _Reader(claude=reads_claude(head.models[0]))
    return ChatRequest(
        model=head.models[0],
        messages=(*reader.system(body.get("system") or ()), *reader.messages(body["messages"])),
        stream=head.stream,
        max_tokens=head.max_output_tokens,
        temperature=config.get("temperature"),
        top_p=config.get("topP"),
        top_k=top_k,
        stop=tuple(config.get("stopSequences") or ()),
        tools=tuple(_tools(tool_config.get("tools") or ())),
        tool_choice=_tool_choice(tool_config.get("toolChoice")),
        response_format=_format(body.get("outputConfig") or {}),
        reasoning=wish,
        extra=extra or None,
        dialect=NAME,
    )


def _top_k(fields: JsonObject) -> tuple[int | None, JsonObject]:
    """The sampler, which each vendor has elsewhere, and the fields without it."""
    rest = dict(fields)
    if isinstance(top_k := rest.get("top_k"), int):
        del rest["top_k"]
        return top_k, rest
    inner = rest.get("inferenceConfig")
    if isinstance(inner, dict) and inner.keys() == {"topK"}:
        return rest.pop("inferenceConfig")["topK"], rest
    return None, rest


class _Reader:
    """Turns to messages; a cache point marks the block before it."""

    def __init__(self, *, claude: bool) -> None:
        self._claude = claude

    def system(self, blocks: Sequence[JsonObject]) -> Iterator[Message]:
        parts = tuple(_part(block, point) for block, point in _marked(blocks))
        if parts:
            yield Message(role="system", parts=parts)

    def messages(self, turns: Sequence[JsonObject]) -> Iterator[Message]:
        for turn in turns:
            if turn["role"] == "assistant":
                yield self._assistant(turn["content"])
            else:
                yield from _user(turn["content"])

    def _assistant(self, content: Sequence[JsonObject]) -> Message:
        reasoning: list[Reasoning] = []
        calls: list[ToolCall] = []
        parts: list[Part] = []
        others: list[JsonObject] = []
        for block, point in _marked(content):
            if (thought := block.get("reasoningContent")) is not None:
                item = decode_reasoning(thought, claude=self._claude)
                reasoning += [] if item is None else [item]
            elif (call := block.get("toolUse")) is not None and not is_server_tool(call):
                calls.append(_call(call, point))
            elif "toolUse" in block or "toolResult" in block:
                others.append(block)
            else:
                parts.append(_part(block, point))
        return Message(
            role="assistant",
            parts=tuple(parts),
            tool_calls=tuple(calls),
            reasoning=tuple(reasoning),
            extra={SERVER_BLOCKS: others} if others else None,
        )


def is_server_tool(call: JsonObject) -> bool:
    """Whether the provider itself runs the tool that was called."""
    return str(call.get("type") or "").startswith("server")


def _user(content: Sequence[JsonObject]) -> Iterator[Message]:
    """A turn of a user: each tool result is a message of its own, before the rest."""
    rest: list[Part] = []
    for block, point in _marked(content):
        if (result := block.get("toolResult")) is not None:
            yield Message(
                role="tool",
                parts=tuple(_inside(inner) for inner in result.get("content") or ()),
                tool_call_id=result["toolUseId"],
                cache_control=point,
                extra={"is_error": True} if result.get("status") == "error" else None,
            )
        else:
            rest.append(_part(block, point))
    if rest:
        yield Message(role="user", parts=tuple(rest))


def _marked(blocks: Sequence[JsonObject]) -> Iterator[tuple[JsonObject, JsonFields | None]]:
    """Each block with the marker that the cache point behind it is; one in front of all is none."""
    held: JsonObject | None = None
    for block in blocks:
        if "cachePoint" in block:
            if held is not None:
                yield held, _marker(block["cachePoint"])
            held = None
            continue
        if held is not None:
            yield held, None
        held = block
    if held is not None:
        yield held, None


def _marker(point: JsonObject) -> JsonFields:
    ttl = point.get("ttl")
    return {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}


def _part(block: JsonObject, marker: JsonFields | None) -> Part:
    """One block; what says more than the hub's parts do stays as it is."""
    if isinstance(block.get("text"), str):
        return Text(text=block["text"], cache_control=marker)
    for kind in _MEDIA:
        if kind in block and (medium := decode_medium(kind, block[kind])) is not None:
            if isinstance(medium, Image):
                return Image(url=medium.url, cache_control=marker)
            if isinstance(medium, File):
                return File(filename=medium.filename, data=medium.data, cache_control=marker)
            return medium
    return Unknown(type=NAME, fields=block)


def _inside(block: JsonObject) -> Part:
    """A block of a tool's result; JSON becomes its text."""
    if "json" in block:
        return Text(text=dumps(block["json"]).decode())
    return _part(block, None)


def _call(call: JsonObject, marker: JsonFields | None) -> ToolCall:
    return ToolCall(
        id=call["toolUseId"],
        name=call["name"],
        arguments=dumps(call.get("input") or {}).decode(),
        extra={"cache_control": marker} if marker else None,
    )


def _tools(blocks: Sequence[JsonObject]) -> Iterator[Tool]:
    for block, point in _marked(blocks):
        spec = block.get("toolSpec")
        if spec is None:
            yield Tool(name=next(iter(block), NAME), type=NAME, extra=block)
            continue
        yield Tool(
            name=spec["name"],
            description=spec.get("description"),
            parameters=(spec.get("inputSchema") or {}).get("json"),
            strict=spec.get("strict"),
            cache_control=point,
        )


def _tool_choice(value: Any) -> ToolChoice | None:
    match value:
        case {"tool": {"name": str(name)}}:
            return ToolChoice(mode="named", name=name)
        case {"any": _}:
            return ToolChoice(mode="required")
        case {"auto": _}:
            return ToolChoice(mode="auto")
    return None


def _format(config: JsonObject) -> JsonFields | None:
    wish = config.get("textFormat") or {}
    if wish.get("type") != "json_schema":
        return None
    said = wish["structure"]["jsonSchema"]
    try:
        schema: object = loads(said["schema"])
    except JsonError:
        raise ValueError("the schema of the answer is not JSON") from None
    named = {name: said[name] for name in ("name", "description") if said.get(name)}
    return {"type": "json_schema", "json_schema": {"name": "answer", **named, "schema": schema}}
