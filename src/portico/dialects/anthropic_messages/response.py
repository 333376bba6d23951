"""Whole answers of the Messages API, in and out."""

from collections.abc import Sequence
from typing import Any

from portico.dialects.answers import read_answer
from portico.dialects.anthropic_messages.citations import split_citations
from portico.dialects.anthropic_messages.errors import error_inside
from portico.dialects.anthropic_messages.finish import decode_stop, encode_stop
from portico.dialects.anthropic_messages.thinking import decode_block, encode_block
from portico.dialects.anthropic_messages.turns import SERVER_BLOCKS
from portico.dialects.anthropic_messages.usage import decode_usage, encode_usage, tier_of
from portico.dialects.base import Envelope, Quirks
from portico.dialects.tool_calls import arguments_object
from portico.dialects.tool_ids import ToolIds
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

_TOP_EXTRAS = ("container", "context_management")


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read a 200 body.

    Raises:
        UpstreamError: it is an error object, not JSON, or holds no message.
    """
    return read_answer(body, quirks, _response)


def _response(body: JsonObject, quirks: Quirks) -> ChatResponse:
    if body.get("error") or not isinstance(body.get("content"), list):
        raise error_inside(body)
    usage = body.get("usage") or {}
    return ChatResponse(
        choices=(_choice(body),),
        upstream_id=body.get("id"),
        upstream_model=body.get("model"),
        service_tier=tier_of(usage),
        usage=decode_usage(usage),
        extra=extras_of(body),
    )


def extras_of(body: JsonObject) -> JsonObject:
    """Members beside the content that say something to a client of any dialect."""
    extras = {name: body[name] for name in _TOP_EXTRAS if body.get(name)}
    edits = extras.get("context_management")
    if isinstance(edits, dict) and not any(edits.values()):  # nothing was edited
        del extras["context_management"]
    return extras


def _choice(body: JsonObject) -> Choice:
    content = _Content()
    for block in body["content"]:
        content.add(block)
    native = body.get("stop_reason")
    calls = tuple(content.calls)
    text = "".join(content.texts)
    return Choice(
        content=text if text or not calls else None,
        refusal=refusal_of(body.get("stop_details")),
        reasoning=tuple(content.reasoning),
        tool_calls=calls,
        annotations=tuple(content.annotations),
        finish_reason=decode_stop(native, has_tool_calls=bool(calls)),
        native_finish_reason=native,
        extra=content.extra(),
    )


def refusal_of(details: object) -> str | None:
    """What the upstream says about a refusal, for a person; None if nothing."""
    if not isinstance(details, dict) or details.get("type") != "refusal":
        return None
    explanation = details.get("explanation")
    return explanation if isinstance(explanation, str) and explanation else None


class _Content:
    """Sorts the blocks of one answer by what they are. One instance per answer."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.reasoning: list[Reasoning] = []
        self.calls: list[ToolCall] = []
        self.annotations: list[JsonObject] = []
        self._citations: list[JsonObject] = []
        self._others: list[JsonObject] = []
        self._length = 0

    def add(self, block: JsonObject) -> None:
        match block["type"]:
            case "text":
                self._text(block["text"] or "", block.get("citations") or ())
            case "thinking" | "redacted_thinking":
                if (item := decode_block(block)) is not None:
                    self.reasoning.append(item)
            case "tool_use":
                arguments = dumps(block.get("input") or {}).decode()
                self.calls.append(ToolCall(id=block["id"], name=block["name"], arguments=arguments))
            case _:
                self._others.append(block)

    def _text(self, text: str, citations: Sequence[Any]) -> None:
        start, self._length = self._length, self._length + len(text)
        self.texts.append(text)
        pages, others = split_citations(citations, start=start, end=self._length)
        self.annotations.extend(pages)
        self._citations.extend(others)

    def extra(self) -> JsonFields:
        fields: JsonFields = {}
        if self._citations:
            fields["citations"] = self._citations
        if self._others:
            fields[SERVER_BLOCKS] = self._others
        return fields


def encode_response(response: ChatResponse, envelope: Envelope, cost: Cost | None) -> bytes:
    """Write the answer as a message (contract/other-apis 2)."""
    choice = response.choices[0]
    stop = encode_stop(choice.finish_reason, choice.native_finish_reason)
    body: JsonObject = {
        "id": envelope.generation_id,
        "type": "message",
        "role": "assistant",
        "model": envelope.model,
        "content": _blocks(choice, envelope),
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": stop_details(stop, choice.refusal),
        "container": None,
        "usage": usage_with_cost(response.usage, response.service_tier, cost),
        "provider": envelope.provider,
    }
    return dumps({**body, **(response.extra or {})})


def stop_details(stop: str, refusal: str | None) -> JsonObject | None:
    """Why the model refused, where it has said so."""
    if stop != "refusal" or not refusal:
        return None
    return {"type": "refusal", "category": None, "explanation": refusal}


def usage_with_cost(usage: Usage | None, service_tier: str | None, cost: Cost | None) -> JsonObject:
    """Usage in this dialect's terms, and the price in the gateway's."""
    return {**encode_usage(usage or Usage(), service_tier), **price(cost)}


def price(cost: Cost | None) -> JsonObject:
    """What the gateway adds to a usage object; a price that could not be applied reads 0."""
    cost = cost or Cost()
    total = usd_number(cost.total_picousd)
    return {
        "cost": 0 if cost.is_byok else total,
        "is_byok": cost.is_byok,
        "cost_details": {
            "upstream_inference_cost": total,
            "upstream_inference_prompt_cost": usd_number(
                cost.prompt_picousd + cost.request_picousd
            ),
            "upstream_inference_completions_cost": usd_number(cost.completion_picousd),
        },
    }


def _blocks(choice: Choice, envelope: Envelope) -> list[JsonObject]:
    blocks: list[JsonObject] = []
    if not envelope.exclude_reasoning:
        blocks += [encode_block(item, envelope.origin) for item in choice.reasoning]
    others = (choice.extra or {}).get(SERVER_BLOCKS)
    if isinstance(others, list):
        blocks += [block for block in others if isinstance(block, dict) and "type" in block]
    text = choice.content or ""
    if choice.refusal and not text:
        text = choice.refusal
    if text:
        blocks.append(text_block(text, choice))
    ids = ToolIds()
    for call in choice.tool_calls:
        arguments = arguments_object(call.arguments or "{}", wrapper="arguments")
        call_id = ids.call(call.id)
        blocks.append(tool_use(call_id, call.name, arguments))
    return blocks


def tool_use(call_id: str, name: str, arguments: object) -> JsonObject:
    """A call of one of the client's tools; `caller` tells that the model made it itself."""
    return {
        "type": "tool_use",
        "id": call_id,
        "name": name,
        "input": arguments,
        "caller": {"type": "direct"},
    }


def text_block(text: str, choice: Choice) -> JsonObject:
    """The text with the pages and documents it cites."""
    block: JsonObject = {"type": "text", "text": text}
    cited = [page_citation(item) for item in choice.annotations if "url_citation" in item]
    others = (choice.extra or {}).get("citations")
    if isinstance(others, list):
        cited += others
    block["citations"] = cited or None
    return block


def page_citation(annotation: JsonFields) -> JsonObject:
    """A `url_citation` as a citation of this dialect."""
    page: Any = annotation["url_citation"]
    return {
        "type": "web_search_result_location",
        "url": page.get("url"),
        "title": page.get("title"),
        "cited_text": page.get("content") or "",
        "encrypted_index": "",
    }
