"""Whole answers of Cohere's chat API, in and out."""

from typing import Any

from portico.dialects.answers import read_answer
from portico.dialects.base import Envelope, Quirks
from portico.dialects.cohere_chat.citations import citation_fields, own_citations
from portico.dialects.cohere_chat.errors import failure
from portico.dialects.cohere_chat.finish import to_native
from portico.dialects.cohere_chat.thinking import TOOL_PLAN, plan_of, thoughts_of
from portico.dialects.cohere_chat.usage import decode_usage, encode_usage
from portico.dialects.fields import text_of
from portico.dialects.finish import finish_reason
from portico.dialects.tool_calls import arguments_text, id_text, made_up_id
from portico.jsonio import JsonObject, dumps
from portico.money import usd_number
from portico.vocabulary import (
    ChatResponse,
    Choice,
    Cost,
    JsonFields,
    Reasoning,
    ToolCall,
    Usage,
)


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read a 200 body.

    Raises:
        UpstreamError: it is an error object, not JSON, or holds no message.
    """
    return read_answer(body, quirks, _response)


def _response(body: JsonObject, quirks: Quirks) -> ChatResponse:
    message = body.get("message")
    if not isinstance(message, dict):  # in an error it is a sentence
        raise failure(None, {}, body)
    return ChatResponse(
        choices=(_choice(body, message),),
        upstream_id=text_of(body.get("id")),
        usage=decode_usage(body.get("usage")),
    )


def _choice(body: JsonObject, message: JsonObject) -> Choice:
    texts: list[str] = []
    thoughts: list[str] = []
    starts: dict[int, int] = {}
    for position, block in enumerate(_blocks(message.get("content"))):
        starts[position] = sum(map(len, texts))
        if block["type"] == "thinking":
            thoughts.append(block["thinking"])
        elif block["type"] == "text":
            texts.append(block["text"])
    reasoning = [Reasoning(text=text) for text in ("".join(thoughts),) if text]
    if plan := message.get("tool_plan"):
        reasoning.insert(0, Reasoning(text=plan, id=TOOL_PLAN))
    calls = tuple(
        _call(call, f"{body.get('id')}:{n}")
        for n, call in enumerate(message.get("tool_calls") or ())
    )
    cited = citation_fields(message.get("citations") or (), starts)
    native = body.get("finish_reason")
    text = "".join(texts)
    return Choice(
        content=text if text or not calls else None,
        reasoning=tuple(reasoning),
        tool_calls=calls,
        annotations=tuple(cited.pop("annotations", ())),
        logprobs=decode_logprobs(body.get("logprobs")),
        finish_reason=finish_reason(native, has_tool_calls=bool(calls)),
        native_finish_reason=native,
        extra=cited,
    )


def _blocks(content: Any) -> list[JsonObject]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content or []


def _call(body: JsonObject, seed: str) -> ToolCall:
    function = body["function"]
    arguments = arguments_text(function.get("arguments"))
    if arguments in {None, "", "null"}:  # a call without arguments has been seen as "null"
        arguments = "{}"
    return ToolCall(
        id=id_text(body.get("id")) or made_up_id(seed),
        name=function["name"],
        arguments=arguments or "{}",
    )


def decode_logprobs(items: Any) -> JsonFields | None:
    """Log probabilities in the spelling of the chat dialect; an item's tokens as one."""
    if not items:
        return None
    content = [
        {
            "token": item.get("text") or "",
            "logprob": sum(item.get("logprobs") or ()),
            "bytes": list((item.get("text") or "").encode()),
            "top_logprobs": [],
        }
        for item in items
    ]
    return {"content": content, "refusal": None}


def encode_logprobs(logprobs: JsonFields | None) -> list[JsonObject] | None:
    """Log probabilities as this dialect writes them; None if there are none."""
    content: Any = (logprobs or {}).get("content")
    if not isinstance(content, list):
        return None
    return [
        {"text": item.get("token"), "token_ids": [], "logprobs": [item.get("logprob")]}
        for item in content
    ]


def encode_response(response: ChatResponse, envelope: Envelope, cost: Cost | None) -> bytes:
    """Write the answer."""
    choice = response.choices[0]
    body: JsonObject = {
        "id": envelope.generation_id,
        "message": _message(choice, envelope),
        "finish_reason": to_native(choice.finish_reason, choice.native_finish_reason),
        "usage": usage_with_cost(response.usage, cost),
    }
    if (logprobs := encode_logprobs(choice.logprobs)) is not None:
        body["logprobs"] = logprobs
    return dumps(body)


def usage_with_cost(usage: Usage | None, cost: Cost | None) -> JsonObject:
    """Usage in this dialect's terms, and the price in the gateway's."""
    return {**encode_usage(usage or Usage()), "cost": usd_number((cost or Cost()).total_picousd)}


def _message(choice: Choice, envelope: Envelope) -> JsonObject:
    message: JsonObject = {"role": "assistant"}
    reasoning = () if envelope.exclude_reasoning else choice.reasoning
    content: list[JsonObject] = []
    if thoughts := thoughts_of(reasoning):
        content.append({"type": "thinking", "thinking": thoughts})
    if text := choice.content or choice.refusal:
        content.append({"type": "text", "text": text})
    if content:
        message["content"] = content
    if plan := plan_of(reasoning):
        message["tool_plan"] = plan
    if choice.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in choice.tool_calls
        ]
    fields = {**(choice.extra or {}), "annotations": list(choice.annotations)}
    if cited := own_citations(fields):
        message["citations"] = cited
    return message
