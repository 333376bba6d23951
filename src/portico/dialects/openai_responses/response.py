"""Whole answers of the Responses API, in and out."""

from collections.abc import Sequence
from typing import Any

import msgspec

from portico.dialects.answers import read_answer
from portico.dialects.base import Envelope, Quirks
from portico.dialects.gathering import response_events
from portico.dialects.media import data_url
from portico.dialects.openai_responses.conversation import OTHER_ITEMS
from portico.dialects.openai_responses.custom import wrap_input
from portico.dialects.openai_responses.errors import error_inside
from portico.dialects.openai_responses.finish import decode_status
from portico.dialects.openai_responses.parts import decode_annotation
from portico.dialects.openai_responses.reasoning import FORMAT, decode_item
from portico.dialects.openai_responses.stream_out import ResponseEncoder
from portico.dialects.openai_responses.usage import decode_usage
from portico.jsonio import JsonObject, dumps
from portico.vocabulary import (
    ChatResponse,
    Choice,
    Cost,
    ExtraDelta,
    JsonFields,
    Reasoning,
    ToolCall,
)

_FAILED = frozenset({"failed", "cancelled"})


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read a 200 body.

    Raises:
        UpstreamError: it is an error object, a response that failed, not JSON, or
            holds no output.
    """
    return read_answer(body, quirks, _response)


def _response(body: JsonObject, quirks: Quirks) -> ChatResponse:
    failed = body.get("error") or body.get("status") in _FAILED
    if failed or not isinstance(body.get("output"), list):
        raise error_inside(body)
    output = body["output"]
    content = Content(quirks.reasoning_format or FORMAT)
    for item in output:
        content.add(item)
    return ChatResponse(
        choices=(content.choice(body),),
        upstream_id=body.get("id"),
        upstream_model=body.get("model"),
        service_tier=tier if isinstance(tier := body.get("service_tier"), str) else None,
        usage=decode_usage(body.get("usage"), output),
        extra={},
    )


class Content:
    """Sorts the items of one answer by what they are. One instance per answer.

    Args:
        format: the family of its sealed reasoning.
    """

    def __init__(self, format: str) -> None:
        self._format = format
        self._texts: list[str] = []
        self._length = 0
        self._refusals: list[str] = []
        self._reasoning: list[Reasoning] = []
        self._calls: list[ToolCall] = []
        self._annotations: list[JsonObject] = []
        self._images: list[JsonObject] = []
        self._logprobs: list[Any] = []
        self._others: list[JsonObject] = []

    def add(self, item: JsonObject) -> None:
        """Take in one output item."""
        match item["type"]:
            case "message":
                for part in item.get("content") or ():
                    self._part(part)
            case "reasoning":
                self._reasoning += decode_item(item, self._format)
            case "function_call":
                self._call(item, item.get("arguments") or "{}")
            case "custom_tool_call":
                self._call(item, wrap_input(item.get("input") or ""))
            case "image_generation_call" if item.get("result"):
                self._images.append(drawn_image(item, len(self._images)))
            case _:
                self._others.append(item)

    def choice(self, response: JsonObject) -> Choice:
        """The answer that the items make, ended as `response` says."""
        reason, native = decode_status(response, has_tool_calls=bool(self._calls))
        text = "".join(self._texts)
        return Choice(
            content=text if text or not self._calls else None,
            refusal="".join(self._refusals) or None,
            reasoning=numbered(self._reasoning),
            tool_calls=tuple(self._calls),
            annotations=tuple(self._annotations),
            images=tuple(self._images),
            logprobs={"content": self._logprobs, "refusal": None} if self._logprobs else None,
            finish_reason=reason,
            native_finish_reason=native,
            extra=self._extra(),
        )

    def _part(self, part: JsonObject) -> None:
        if part.get("type") == "refusal":
            self._refusals.append(part.get("refusal") or "")
            return
        text = part.get("text") or ""
        offset, self._length = self._length, self._length + len(text)
        self._texts.append(text)
        self._logprobs += part.get("logprobs") or ()
        for annotation in part.get("annotations") or ():
            if (known := decode_annotation(annotation, offset=offset)) is not None:
                self._annotations.append(known)

    def _call(self, item: JsonObject, arguments: str) -> None:
        self._calls.append(ToolCall(id=item["call_id"], name=item["name"], arguments=arguments))

    def _extra(self) -> JsonFields:
        return {OTHER_ITEMS: self._others} if self._others else {}


def numbered(items: Sequence[Reasoning]) -> tuple[Reasoning, ...]:
    """Whole answers number their items through: clients take gaps badly."""
    return tuple(msgspec.structs.replace(item, index=number) for number, item in enumerate(items))


def drawn_image(item: JsonObject, number: int) -> JsonObject:
    """A generated image as the chat dialect has it."""
    url = data_url(f"image/{item.get('output_format') or 'png'}", item["result"])
    return {"type": "image_url", "image_url": {"url": url}, "index": number}


def encode_response(response: ChatResponse, envelope: Envelope, cost: Cost | None) -> bytes:
    """Write the answer as a response: what its stream would have ended with."""
    encoder = ResponseEncoder(envelope)
    choice = response.choices[0]
    others = (choice.extra or {}).get(OTHER_ITEMS)
    if others:  # the provider's tools ran before the text was written
        encoder.feed(ExtraDelta(fields={OTHER_ITEMS: others}))
        rest = {k: v for k, v in (choice.extra or {}).items() if k != OTHER_ITEMS}
        choice = msgspec.structs.replace(choice, extra=rest)
    for event in response_events(msgspec.structs.replace(response, choices=(choice,))):
        encoder.feed(event)
    encoder.finished()
    return dumps(encoder.response(response.usage, cost, response.extra or {}))
