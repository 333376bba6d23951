"""What a client's Converse body says to routing, and its bytes for an upstream of this dialect."""

from typing import Any, Literal

import msgspec

from portico.dialects.base import Quirks, RequestHead
from portico.dialects.bedrock_converse.reasoning import decode_wish
from portico.dialects.checks import asked_models, prompt_bytes, read_body
from portico.dialects.fields import finished_body
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, ShapeError, dumps

MODEL_FIELD, STREAM_FIELD = "model", "stream"
"""What a surface adds to a body: in this dialect both stand in the path."""

_NAMES = {
    "maxTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "stopSequences": "stop",
}
_MODALITY = {"image": "image", "document": "file", "video": "video", "audio": "audio"}
_PROMPT = ("system", "messages", "toolConfig", "outputConfig")


class _Turn(msgspec.Struct):
    role: Literal["user", "assistant"]
    content: list[JsonObject]


class _Inference(msgspec.Struct):
    maxTokens: int | None = None
    temperature: float | None = None
    topP: float | None = None
    stopSequences: list[str] | None = None


class _ToolConfig(msgspec.Struct):
    tools: list[JsonObject]
    toolChoice: JsonObject | None = None


class _Body(msgspec.Struct):
    """The members this gateway understands, with the types it insists on."""

    messages: list[_Turn]
    model: str
    stream: bool = False
    system: list[JsonObject] | None = None
    inferenceConfig: _Inference | None = None
    toolConfig: _ToolConfig | None = None
    outputConfig: JsonObject | None = None
    additionalModelRequestFields: JsonObject | None = None


_decode = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body in this dialect.

    The path names model and streaming: a surface puts them into the body as
    `model` and `stream` before it comes here.

    Raises:
        InvalidRequest: it is not a JSON object, or a member has a wrong type; the
            message names the path (`messages.0.role: ...`).
    """
    fields, typed = read_body(body, _decode, whole=_PROMPT)
    if not typed.messages:
        raise InvalidRequest("messages: at least one message is required")
    config = typed.inferenceConfig or _Inference()
    if config.maxTokens is not None and config.maxTokens < 1:
        raise InvalidRequest(f"inferenceConfig.maxTokens: at least 1, got {config.maxTokens}")
    return RequestHead(
        models=asked_models([typed.model] if typed.model else []),
        stream=typed.stream,
        fields=fields,
        prompt_bytes=prompt_bytes(fields, _PROMPT),
        max_output_tokens=config.maxTokens,
        parameters=_parameters(typed, config),
        media=_media(typed.messages),
    )


def _parameters(body: _Body, config: _Inference) -> frozenset[str]:
    sent = {name for native, name in _NAMES.items() if getattr(config, native) is not None}
    if body.toolConfig is not None:
        sent.add("tools")
        if body.toolConfig.toolChoice is not None:
            sent.add("tool_choice")
    if body.outputConfig:
        sent.add("response_format")
    try:
        wish, _ = decode_wish(body.additionalModelRequestFields or {})
    except ShapeError:
        raise InvalidRequest(
            "additionalModelRequestFields: the wish to think cannot be read"
        ) from None
    if wish is not None:
        sent.add("reasoning")
    return frozenset(sent)


def _media(turns: list[_Turn]) -> tuple[tuple[str, int], ...]:
    """Modality and size in bytes of every block that is not text."""
    found: list[tuple[str, int]] = []
    for turn in turns:
        blocks: list[Any] = list(turn.content)
        for block in blocks:
            for kind, body in block.items() if isinstance(block, dict) else ():
                if kind in _MODALITY:
                    found.append((_MODALITY[kind], len(dumps(body))))
                elif kind == "toolResult" and isinstance(body, dict):
                    inner = body.get("content")
                    blocks.extend(inner if isinstance(inner, list) else ())
    return tuple(found)


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The client's own bytes, without what the path says. Nothing is dropped."""
    fields = {
        name: raw for name, raw in head.fields.items() if name not in {MODEL_FIELD, STREAM_FIELD}
    }
    return finished_body(fields, quirks), frozenset()
