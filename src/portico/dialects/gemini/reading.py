"""A Gemini body as the hub's request: what a client of this dialect asked.

Keys may be camelCase or snake_case. What the hub has no word for travels in
`extra` under its own name and is written again only by this dialect.
"""

from typing import Any, Literal

from portico.dialects.base import RequestHead
from portico.dialects.checks import misshapen
from portico.dialects.gemini.media import decode_media, encode_media
from portico.dialects.gemini.names import FORMAT, UNSIGNED_CALL, camel, pick
from portico.dialects.gemini.request import NATIVE_CONFIG, NATIVE_FIELDS
from portico.dialects.gemini.thinking import decode_thinking
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, ShapeError, dumps, loads
from portico.vocabulary import (
    ChatRequest,
    Message,
    Part,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    Unknown,
)

_SCALARS = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_MODES: dict[str, Literal["none", "auto", "required"]] = {
    "NONE": "none",
    "AUTO": "auto",
    "VALIDATED": "auto",
    "ANY": "required",
}
_SERVER_PARTS = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")


def decode_request(head: RequestHead) -> ChatRequest:
    """Read the whole conversation of a checked request.

    Raises:
        InvalidRequest: a turn or a tool is not shaped as the API asks.
    """
    body: JsonObject = {name: loads(raw) for name, raw in head.fields.items()}
    try:
        return _request(head, body)
    except ShapeError as error:
        raise InvalidRequest(f"contents or tools cannot be read: {misshapen(error)}") from None


def _request(head: RequestHead, body: JsonObject) -> ChatRequest:
    config: JsonObject = {camel(k): v for k, v in (body.get("generationConfig") or {}).items()}
    contents = body["contents"]
    extra: JsonObject = {n: body[n] for n in NATIVE_FIELDS if body.get(n) is not None}
    extra |= {n: config[n] for n in NATIVE_CONFIG if config.get(n) is not None}
    if config.get("responseLogprobs"):
        extra["logprobs"] = True
        if "logprobs" in config:
            extra["top_logprobs"] = config["logprobs"]
    choice, rest = _tool_choice(body.get("toolConfig") or {})
    if rest is not None:
        extra["toolConfig"] = rest
    thinking = config.get("thinkingConfig")
    reader = _Reader()
    return ChatRequest(
        model=head.models[0],
        messages=(
            *_instruction(body.get("systemInstruction")),
            *reader.messages(contents if isinstance(contents, list) else [contents]),
        ),
        stream=head.stream,
        max_tokens=head.max_output_tokens,
        stop=tuple(config.get("stopSequences") or ()),
        tools=tuple(tool for group in body.get("tools") or () for tool in _tools(group)),
        tool_choice=choice,
        response_format=_response_format(config),
        reasoning=decode_thinking(thinking) if thinking is not None else None,
        extra=extra or None,
        **{name: config.get(native) for name, native in _SCALARS.items()},
    )


def _instruction(content: Any) -> list[Message]:
    if content is None:
        return []
    if isinstance(content, str):
        return [Message(role="system", parts=(Text(text=content),))]
    texts = [part["text"] for part in content["parts"]]
    return [Message(role="system", parts=tuple(Text(text=text) for text in texts))]


class _Reader:
    """Turns to messages. Calls without ids get one, and their results find it by name."""

    def __init__(self) -> None:
        self._made = 0
        self._open: list[ToolCall] = []

    def messages(self, contents: list[JsonObject]) -> list[Message]:
        found: list[Message] = []
        for content in contents:
            parts = content["parts"]
            if content.get("role") == "model":
                found.append(self._model(parts))
            else:
                found.extend(self._user(parts))
        return found

    def _user(self, parts: list[JsonObject]) -> list[Message]:
        answers = [pick(part, "functionResponse") for part in parts]
        results = [self._result(answer) for answer in answers if answer is not None]
        rest = tuple(_part(p) for p, a in zip(parts, answers, strict=True) if a is None)
        return [*results, Message(role="user", parts=rest)] if rest or not results else results

    def _model(self, parts: list[JsonObject]) -> Message:
        said: list[Part] = []
        reasoning: list[Reasoning] = []
        calls: list[ToolCall] = []
        own: list[JsonObject] = []
        for part in parts:
            signature = pick(part, "thoughtSignature")
            if (call := pick(part, "functionCall")) is not None:
                calls.append(self._call(call))
                if signature is not None and signature != UNSIGNED_CALL:
                    reasoning.append(Reasoning(data=signature, format=FORMAT, id=calls[-1].id))
            elif part.get("thought"):
                text = part.get("text")
                reasoning.append(Reasoning(text=text, signature=signature, format=FORMAT))
            elif any(pick(part, name) is not None for name in _SERVER_PARTS):
                own.append({camel(name): value for name, value in part.items()})
            else:
                if part.get("text") or "text" not in part:
                    said.append(_part(part))
                if signature is not None:
                    reasoning.append(Reasoning(data=signature, format=FORMAT))
        self._open.extend(calls)
        return Message(
            role="assistant",
            parts=tuple(said),
            reasoning=tuple(reasoning),
            tool_calls=tuple(calls),
            extra={"content_parts": own} if own else None,
        )

    def _call(self, call: JsonObject) -> ToolCall:
        self._made += 1
        return ToolCall(
            id=call.get("id") or f"call_{self._made}",
            name=call["name"],
            arguments=dumps(call.get("args") or {}).decode(),
        )

    def _result(self, result: JsonObject) -> Message:
        name, call_id = result["name"], result.get("id")
        fits = (n for n, call in enumerate(self._open) if call_id in {None, call.id})
        matches = [n for n in fits if call_id is not None or self._open[n].name == name]
        if matches:
            call_id = self._open.pop(matches[0]).id
        media = tuple(_part(part) for part in result.get("parts") or ())
        text = Text(text=_result_text(result.get("response")))
        return Message(role="tool", name=name, tool_call_id=call_id, parts=(text, *media))


def _result_text(response: Any) -> str:
    """The plain text of a wrapped result, the JSON of any other."""
    if isinstance(response, dict) and response.keys() == {"result"}:
        text = response["result"]
        if isinstance(text, str) and not text.lstrip().startswith("{"):
            return text
    return dumps(response if response is not None else {}).decode()


def _part(part: JsonObject) -> Part:
    if "text" in part:
        return Text(text=part["text"])
    inline, file = pick(part, "inlineData"), pick(part, "fileData")
    if inline is not None:
        return decode_media(str(pick(inline, "mimeType")), data=inline["data"], uri=None)
    if file is not None:
        mime = str(pick(file, "mimeType") or "")
        medium = decode_media(mime, data=None, uri=pick(file, "fileUri"))
        if not mime or pick(encode_media(medium)["fileData"], "mimeType") == mime:
            return medium  # any other type cannot be told from the URL alone
    return Unknown(type="gemini", fields=part)


def _tools(group: JsonObject) -> list[Tool]:
    found: list[Tool] = []
    for key, value in group.items():
        name = camel(key)
        if name == "functionDeclarations":
            found.extend(_declared(declaration) for declaration in value)
        elif name == "googleSearch" and not value:
            found.append(Tool(name="web_search", type="web_search"))
        else:
            found.append(Tool(name=name, type="gemini", extra={name: value}))
    return found


def _declared(declaration: JsonObject) -> Tool:
    schema = pick(declaration, "parametersJsonSchema")
    if schema is None and (subset := declaration.get("parameters")) is not None:
        schema = _json_schema(subset)
    response = declaration.get("response")
    return Tool(
        name=declaration["name"],
        description=declaration.get("description"),
        parameters=schema,
        extra={"response": response} if response is not None else None,
    )


def _json_schema(subset: Any) -> Any:
    """The API's OpenAPI subset as JSON Schema: types in lower case, `nullable` as a type."""
    if isinstance(subset, list):
        return [_json_schema(item) for item in subset]
    if not isinstance(subset, dict):
        return subset
    schema: JsonObject = {}
    for name, value in subset.items():
        if name == "properties" and isinstance(value, dict):
            schema[name] = {key: _json_schema(inner) for key, inner in value.items()}
        elif name == "type" and isinstance(value, str):
            schema[name] = value.lower()
        elif name in {"items", "anyOf", "any_of"}:
            schema[camel(name)] = _json_schema(value)
        elif name not in {"nullable", "propertyOrdering", "property_ordering"}:
            schema[name] = value
    if subset.get("nullable") and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    return schema


def _tool_choice(config: JsonObject) -> tuple[ToolChoice | None, JsonObject | None]:
    """The choice, and the whole configuration where the hub cannot say all of it."""
    calling = pick(config, "functionCallingConfig") or {}
    mode = str(calling.get("mode") or "").upper()
    allowed = pick(calling, "allowedFunctionNames") or []
    said = mode in {"AUTO", "NONE", "ANY"} and len(config) == 1 and len(allowed) < 2
    rest = None if said or not config else config
    if mode == "ANY" and len(allowed) == 1:
        return ToolChoice(mode="named", name=allowed[0]), rest
    return (ToolChoice(mode=_MODES[mode]) if mode in _MODES else None), rest


def _response_format(config: JsonObject) -> JsonObject | None:
    if config.get("responseMimeType") != "application/json":
        return None
    schema = config.get("responseJsonSchema")
    if schema is None and (subset := config.get("responseSchema")) is not None:
        schema = _json_schema(subset)
    if schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
