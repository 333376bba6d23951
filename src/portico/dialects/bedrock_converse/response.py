"""Whole answers of Converse, in and out."""

from collections.abc import Mapping
from typing import Any

from portico.dialects.answers import read_answer
from portico.dialects.base import Envelope, Quirks
from portico.dialects.bedrock_converse.citations import citation_fields, cited_block
from portico.dialects.bedrock_converse.conversation import is_server_tool
from portico.dialects.bedrock_converse.errors import exception_inside
from portico.dialects.bedrock_converse.finish import decode_stop, encode_stop
from portico.dialects.bedrock_converse.names import (
    decode_tool_name,
    encode_tool_name,
    reads_claude,
)
from portico.dialects.bedrock_converse.reasoning import decode_reasoning, encode_reasoning
from portico.dialects.bedrock_converse.turns import SERVER_BLOCKS
from portico.dialects.bedrock_converse.usage import decode_usage, encode_usage, tier_of
from portico.dialects.fields import object_of
from portico.dialects.tool_calls import arguments_object
from portico.dialects.tool_ids import ToolIds
from portico.jsonio import JsonObject, dumps
from portico.vocabulary import ChatResponse, Choice, Cost, Reasoning, ToolCall, Usage

_TOP_EXTRAS = ("additionalModelResponseFields", "trace")


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read a 200 body.

    Raises:
        UpstreamError: it is an error object, not JSON, or holds no message.
    """
    return read_answer(body, quirks, _response)


def _response(body: JsonObject, quirks: Quirks) -> ChatResponse:
    if "output" not in body:
        raise exception_inside(str(body.get("__type") or ""), body)
    content = _Content(claude=reads_claude(quirks.model))
    for block in body["output"]["message"]["content"]:
        content.add(block)
    usage = object_of(body.get("usage"))
    return ChatResponse(
        choices=(content.choice(body.get("stopReason")),),
        service_tier=tier_of(body),
        usage=decode_usage(usage),
        extra=extras_of(body),
    )


def extras_of(body: Mapping[str, Any]) -> JsonObject:
    """Members beside the message that say something to a client of any dialect: what a
    guardrail did, and what the model was asked to add."""
    return {name: body[name] for name in _TOP_EXTRAS if body.get(name)}


class _Content:
    """Sorts the blocks of one answer by what they are. One instance per answer."""

    def __init__(self, *, claude: bool) -> None:
        self._claude = claude
        self._texts: list[str] = []
        self._reasoning: list[Reasoning] = []
        self._calls: list[ToolCall] = []
        self._fields: dict[str, list[Any]] = {}
        self._length = 0
        self._start = 0  # where the last text began

    def add(self, block: JsonObject) -> None:
        match block:
            case {"text": str(text)}:
                self._text(text)
            case {"reasoningContent": dict(thought)}:
                if (item := decode_reasoning(thought, claude=self._claude)) is not None:
                    self._reasoning.append(item)
            case {"toolUse": dict(call)} if not is_server_tool(call):
                arguments = dumps(call.get("input") or {}).decode()
                name = decode_tool_name(call["name"])
                self._calls.append(ToolCall(id=call["toolUseId"], name=name, arguments=arguments))
            case {"citationsContent": dict(cited)}:
                self._cited(cited)
            case {}:
                self._fields.setdefault(SERVER_BLOCKS, []).append(block)
            case _:
                raise TypeError("a block of the answer is not an object")

    def _text(self, text: str) -> None:
        self._start, self._length = self._length, self._length + len(text)
        self._texts.append(text)

    def _cited(self, block: JsonObject) -> None:
        """Citations without a text of their own belong to the text before them."""
        if parts := block.get("content"):
            self._text("".join(part["text"] for part in parts))
        found = citation_fields(block.get("citations") or (), start=self._start, end=self._length)
        for name, values in found.items():
            self._fields.setdefault(name, []).extend(values)

    def choice(self, native: object) -> Choice:
        text = "".join(self._texts)
        calls = tuple(self._calls)
        fields = dict(self._fields)
        return Choice(
            content=text if text or not calls else None,
            reasoning=tuple(self._reasoning),
            tool_calls=calls,
            annotations=tuple(fields.pop("annotations", ())),
            finish_reason=decode_stop(native, has_tool_calls=bool(calls)),
            native_finish_reason=native if isinstance(native, str) else None,
            extra=dict(fields) or None,
        )


def encode_response(response: ChatResponse, envelope: Envelope, cost: Cost | None) -> bytes:
    """Write the answer as the API would."""
    choice = response.choices[0]
    body: JsonObject = {
        "output": {"message": {"role": "assistant", "content": _blocks(choice, envelope)}},
        "stopReason": encode_stop(choice.finish_reason, choice.native_finish_reason),
        "usage": encode_usage(response.usage or Usage()),
        "metrics": {"latencyMs": 0},
        **(response.extra or {}),
    }
    if response.service_tier is not None:
        body["serviceTier"] = {"type": response.service_tier}
    return dumps(body)


def _blocks(choice: Choice, envelope: Envelope) -> list[JsonObject]:
    shown = () if envelope.exclude_reasoning else choice.reasoning
    blocks = [block for item in shown if (block := encode_reasoning(item)) is not None]
    extra = choice.extra or {}
    others = extra.get(SERVER_BLOCKS)
    blocks += own_blocks(others)
    if text := choice.content or choice.refusal:
        blocks.append(cited_block(text, choice.annotations, extra.get("citations")))
    ids = ToolIds()
    for call in choice.tool_calls:
        tool_use = {
            "toolUseId": ids.call(call.id),
            "name": encode_tool_name(call.name),
            "input": arguments_object(call.arguments or "{}", wrapper="arguments"),
        }
        blocks.append({"toolUse": tool_use})
    return blocks


def own_blocks(parts: object) -> list[JsonObject]:
    """Those of the parts that are blocks of this dialect: what the provider's own tools did."""
    found = parts if isinstance(parts, list) else []
    return [p for p in found if isinstance(p, dict) and p.keys() & {"toolUse", "toolResult"}]
