"""Whole Cohere requests as the hub's request, for an upstream of another dialect."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from portico.dialects.base import RequestHead
from portico.dialects.checks import misshapen
from portico.dialects.cohere_chat.request_out import NATIVE_EXTRAS
from portico.dialects.cohere_chat.thinking import TOOL_PLAN, decode_thinking
from portico.dialects.media import data_url
from portico.dialects.tool_calls import arguments_text
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, ShapeError, dumps, loads
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


def decode_request(head: RequestHead) -> ChatRequest:
    """Read the whole conversation of a checked request.

    Documents become files of the last turn of the user.

    Raises:
        InvalidRequest: a message or a tool is not shaped as its type asks.
    """
    body = {name: loads(value) for name, value in head.fields.items()}
    try:
        return _request(head, body)
    except ShapeError as error:
        raise InvalidRequest(f"messages or tools cannot be read: {misshapen(error)}") from None


def _request(head: RequestHead, body: JsonObject) -> ChatRequest:
    messages = [_message(message) for message in body["messages"]]
    files = tuple(_file(document) for document in body.get("documents") or ())
    thinking = body.get("thinking")
    extra = {n: body[n] for n in (*NATIVE_EXTRAS, "logprobs") if body.get(n) is not None}
    choice = {"REQUIRED": "required", "NONE": "none"}.get(body.get("tool_choice") or "")
    return ChatRequest(
        model=body.get("model"),
        messages=tuple(_with_files(messages, files) if files else messages),
        stream=head.stream,
        max_tokens=head.max_output_tokens,
        temperature=body.get("temperature"),
        top_p=body.get("p"),
        top_k=body.get("k"),
        seed=body.get("seed"),
        frequency_penalty=body.get("frequency_penalty"),
        presence_penalty=body.get("presence_penalty"),
        stop=tuple(body.get("stop_sequences") or ()),
        tools=tuple(
            _tool(tool, strict=body.get("strict_tools")) for tool in body.get("tools") or ()
        ),
        tool_choice=ToolChoice(mode=choice) if choice else None,  # type: ignore[arg-type]  # of the two
        response_format=_format(body.get("response_format")),
        reasoning=decode_thinking(thinking) if thinking is not None else None,
        user=head.user,
        extra=extra or None,
        dialect="cohere_chat",
    )


def _with_files(messages: Sequence[Message], files: tuple[File, ...]) -> list[Message]:
    told = list(messages)
    asked = [position for position, message in enumerate(told) if message.role == "user"]
    if not asked:
        return [*told, Message(role="user", parts=files)]
    last = told[asked[-1]]
    told[asked[-1]] = msgspec.structs.replace(last, parts=(*last.parts, *files))
    return told


def _message(body: JsonObject) -> Message:
    citations = body.get("citations")
    return Message(
        role=body["role"],
        parts=tuple(_parts(body.get("content"))),
        tool_calls=tuple(_tool_call(call) for call in body.get("tool_calls") or ()),
        tool_call_id=body.get("tool_call_id"),
        reasoning=tuple(_reasoning(body)),
        extra={"citations": citations} if citations else None,
    )


def _reasoning(body: JsonObject) -> Iterator[Reasoning]:
    if plan := body.get("tool_plan"):
        yield Reasoning(text=plan, id=TOOL_PLAN)
    content = body.get("content")
    for part in content if isinstance(content, list) else ():
        if part["type"] == "thinking" and part["thinking"]:
            yield Reasoning(text=part["thinking"])


def _parts(content: str | Sequence[JsonObject] | None) -> Iterator[Part]:
    if isinstance(content, str):
        yield Text(text=content)
        return
    for part in content or ():
        match part["type"]:
            case "text":
                yield Text(text=part["text"])
            case "image_url":
                image = part["image_url"]
                yield Image(url=image["url"], detail=image.get("detail"))
            case "document":
                yield _file(part["document"])
            case "thinking":
                continue
            case kind:
                yield Unknown(type=str(kind), fields=part)


def _file(document: str | Mapping[str, Any]) -> File:
    """A document as a file: an object's JSON under its id, or a plain text."""
    if isinstance(document, str):
        return File(data=_as_url("text/plain", document.encode()))
    data = document["data"]
    if isinstance(data, str):
        return File(filename=document.get("id"), data=_as_url("text/plain", data.encode()))
    return File(filename=document.get("id"), data=_as_url("application/json", dumps(data)))


def _as_url(media_type: str, content: bytes) -> str:
    return data_url(media_type, b64encode(content).decode())


def _tool_call(body: JsonObject) -> ToolCall:
    function = body["function"]
    arguments = arguments_text(function.get("arguments"))
    return ToolCall(id=body["id"], name=function["name"], arguments=arguments or "{}")


def _tool(body: JsonObject, *, strict: bool | None) -> Tool:
    function = body["function"]
    return Tool(
        name=function["name"],
        description=function.get("description"),
        parameters=function.get("parameters"),
        strict=strict or None,
    )


def _format(value: JsonObject | None) -> JsonFields | None:
    if value is None or value["type"] != "json_object":
        return value
    schema = value.get("json_schema") or value.get("schema")
    if schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
