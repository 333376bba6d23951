"""Requests of the Gemini API: what they ask, and the chat request that asks the same."""

import json
from collections.abc import Iterator

from tests.conformance.accumulate import JsonObject
from tests.conformance.asking import (
    Asked,
    Medium,
    Reading,
    Turn,
    canonical,
    fields,
    flat_text,
    objects,
    outline,
    text_of,
)

_FORMAT = "google-gemini-v1"
_PLAIN = {
    "maxOutputTokens": "max_tokens", "temperature": "temperature", "topP": "top_p",
    "topK": "top_k", "stopSequences": "stop", "seed": "seed",
    "presencePenalty": "presence_penalty", "frequencyPenalty": "frequency_penalty",
}  # fmt: skip
_OWN_CONFIG = ("candidateCount", "speechConfig", "imageConfig", "mediaResolution", "audioTimestamp")
_OWN_FIELDS = ("safetySettings", "cachedContent", "labels", "modelArmorConfig", "serviceTier")
_MODES = {"AUTO": "auto", "ANY": "required", "NONE": "none"}


def pick(body: JsonObject, name: str) -> object:
    """A member by its camelCase name or its snake_case one."""
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return body[name] if name in body else body.get(snake)


def _turns(body: JsonObject) -> Iterator[tuple[str, list[JsonObject]]]:
    """Role and parts of each turn, however short it was written."""
    contents = body.get("contents")
    for turn in contents if isinstance(contents, list) else [contents]:
        if isinstance(turn, str):
            yield "user", [{"text": turn}]
        elif isinstance(turn, dict):
            parts = turn.get("parts")
            parts = [parts] if isinstance(parts, dict) else parts
            role = "assistant" if turn.get("role") == "model" else "user"
            yield role, [_spelled(part) for part in objects(parts)]


def _spelled(part: JsonObject) -> JsonObject:
    """A part with the names of its members in camelCase."""
    names = ("functionCall", "functionResponse", "inlineData", "fileData", "thoughtSignature")
    known = {name: value for name in names if (value := pick(part, name)) is not None}
    if not known:
        return part
    rest = {key: value for key, value in part.items() if "_" not in key}
    return rest | known


def _instruction(body: JsonObject) -> str:
    system = pick(body, "systemInstruction")
    return system if isinstance(system, str) else flat_text(fields(system).get("parts"))


# What it asks.


def understand(body: JsonObject) -> Asked:
    """What a request of this API asks."""
    reading = Reading()
    reading.system(_instruction(body))
    for role, parts in _turns(body):
        turn = reading.turn(role)
        for part in parts:
            _read_part(reading, turn, part)
    asked = reading.finish()
    for tool in objects(body.get("tools")):
        declared = objects(pick(tool, "functionDeclarations"))
        for function in declared:
            schema = pick(function, "parametersJsonSchema") or function.get("parameters")
            asked.tools[text_of(function.get("name"))] = fields(schema)
        own = tool.keys() - {"functionDeclarations", "function_declarations"}
        asked.own_tools += sorted(own)
    asked.wishes = _wishes(body)
    return asked


def _read_part(reading: Reading, turn: Turn, part: JsonObject) -> None:
    signature = text_of(part.get("thoughtSignature"))
    if signature:
        turn.blobs.append(signature)
    call, result = fields(part.get("functionCall")), fields(part.get("functionResponse"))
    if call:
        name = text_of(call.get("name"))
        reading.call(turn, name=name, arguments=call.get("args"), identity=call.get("id"))
    elif result:
        name = text_of(result.get("name"))
        answer = reading.result(turn, identity=result.get("id"), name=name)
        answer.text = canonical(result.get("response"))
        answer.media = [_medium(_spelled(inner)) for inner in objects(result.get("parts"))]
    elif "inlineData" in part or "fileData" in part:
        turn.media.append(_medium(part))
    elif "text" in part:
        turn.text += "" if part.get("thought") else text_of(part["text"])
    elif not part.get("thought"):
        turn.own += sorted(part.keys() - {"thoughtSignature"})


def _medium(part: JsonObject) -> Medium:
    inline = fields(part.get("inlineData"))
    if inline:
        return (text_of(pick(inline, "mimeType")), text_of(inline.get("data")))
    uri = text_of(pick(fields(part.get("fileData")), "fileUri"))
    return ("url" if "://" in uri else "file", uri)


def _wishes(body: JsonObject) -> dict[str, object]:
    config = fields(pick(body, "generationConfig"))
    wishes: dict[str, object] = {
        word: value for name, word in _PLAIN.items() if (value := pick(config, name)) is not None
    }
    for name in (*_OWN_CONFIG, *_OWN_FIELDS):
        value = pick(config, name) or pick(body, name)
        if value is not None:
            wishes[name] = value
    schema = pick(config, "responseJsonSchema") or pick(config, "responseSchema")
    if schema is not None:
        wishes["schema"] = outline(schema)
    elif pick(config, "responseMimeType") == "application/json":
        wishes["json"] = True
    modalities = pick(config, "responseModalities")
    if isinstance(modalities, list) and modalities not in ([], ["TEXT"]):
        wishes["modalities"] = [str(name).upper() for name in modalities]
    if pick(config, "responseLogprobs"):
        wishes["logprobs"] = pick(config, "logprobs") or True
    thinking = fields(pick(config, "thinkingConfig"))
    budget, level = pick(thinking, "thinkingBudget"), pick(thinking, "thinkingLevel")
    if budget is not None or level is not None:
        wishes["reasoning"] = text_of(level).lower() or budget
    choice = _choice(body)
    if choice not in (None, "auto"):
        wishes["tool_choice"] = choice
    return wishes


def _choice(body: JsonObject) -> object:
    """The tool choice in the chat dialect's words, or the native object where it has none."""
    config = fields(pick(body, "toolConfig"))
    calling = fields(pick(config, "functionCallingConfig"))
    if not config:
        return None
    mode, allowed = str(calling.get("mode")).upper(), pick(calling, "allowedFunctionNames")
    if mode == "ANY" and isinstance(allowed, list) and len(allowed) == 1:
        return ["named", allowed[0]]
    if (
        mode in _MODES
        and not allowed
        and config.keys()
        <= {
            "functionCallingConfig",
            "function_calling_config",
        }
    ):
        return _MODES[mode]
    return config


# The chat request that asks the same.


class _Ids:
    """Ids for calls that have none; results are given to them by name, first come first."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[str]] = {}
        self._made = 0

    def call(self, call: JsonObject) -> str:
        self._made += 1
        name = text_of(call.get("name"))
        identity = text_of(call.get("id")) or f"call_{self._made}"
        self._waiting.setdefault(name, []).append(identity)
        return identity

    def result(self, result: JsonObject) -> str:
        waiting = self._waiting.get(text_of(result.get("name")), [])
        identity = text_of(result.get("id"))
        if not identity:
            return waiting.pop(0) if waiting else "call_0"
        if identity in waiting:
            waiting.remove(identity)
        return identity


def client_request(body: JsonObject) -> JsonObject:
    """The chat request that asks for the same."""
    messages: list[JsonObject] = []
    if instruction := _instruction(body):
        messages.append({"role": "system", "content": instruction})
    ids = _Ids()
    for role, parts in _turns(body):
        messages += _assistant(parts, ids) if role == "assistant" else _user(parts, ids)
    chat: JsonObject = {"messages": messages}
    tools = [made for tool in objects(body.get("tools")) for made in _chat_tools(tool)]
    if tools:
        chat["tools"] = tools
    choice = _choice(body)
    if isinstance(choice, list):
        chat["tool_choice"] = {"type": "function", "function": {"name": choice[1]}}
    elif isinstance(choice, dict):
        chat["toolConfig"] = choice
    elif choice is not None:
        chat["tool_choice"] = choice
    chat |= {name: value for name in _OWN_FIELDS if (value := pick(body, name)) is not None}
    return chat | _chat_config(fields(pick(body, "generationConfig")))


def _chat_tools(tool: JsonObject) -> Iterator[JsonObject]:
    for declared in objects(pick(tool, "functionDeclarations")):
        function = {name: declared[name] for name in ("name", "description") if name in declared}
        schema = pick(declared, "parametersJsonSchema") or declared.get("parameters")
        if schema is not None:
            function["parameters"] = _lower(schema)
        yield {"type": "function", "function": function}
    for name in sorted(tool.keys() - {"functionDeclarations", "function_declarations"}):
        yield {"type": "gemini", name: tool[name]}


def _lower(schema: object) -> object:
    """A schema with JSON Schema's names of types instead of OpenAPI's."""
    if isinstance(schema, list):
        return [_lower(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    lowered = {name: _lower(value) for name, value in schema.items()}
    if isinstance(lowered.get("type"), str):
        lowered["type"] = lowered["type"].lower()
    return lowered


def _user(parts: list[JsonObject], ids: _Ids) -> list[JsonObject]:
    """Results first, each a message; then what else the turn says."""
    messages: list[JsonObject] = []
    rest: list[JsonObject] = []
    for part in parts:
        result = fields(part.get("functionResponse"))
        if not result:
            rest.append(_chat_part(part))
            continue
        text = {"type": "text", "text": json.dumps(fields(result.get("response")))}
        media = [_chat_part(_spelled(inner)) for inner in objects(result.get("parts"))]
        message: JsonObject = {"role": "tool", "tool_call_id": ids.result(result)}
        messages.append(message | {"content": [text, *media] if media else text["text"]})
    if rest:
        messages.append({"role": "user", "content": rest})
    return messages


def _assistant(parts: list[JsonObject], ids: _Ids) -> list[JsonObject]:
    message: JsonObject = {"role": "assistant", "content": None}
    texts: list[JsonObject] = []
    details: list[JsonObject] = []
    calls: list[JsonObject] = []
    own: list[JsonObject] = []
    for part in parts:
        signature = part.get("thoughtSignature")
        call = fields(part.get("functionCall"))
        encrypted = {"type": "reasoning.encrypted", "data": signature, "format": _FORMAT}
        if call:
            identity = ids.call(call)
            function = {"name": call.get("name"), "arguments": json.dumps(call.get("args") or {})}
            calls.append({"id": identity, "type": "function", "function": function})
            if signature:
                details.append(encrypted | {"id": identity})
        elif part.get("thought"):
            thought = {"type": "reasoning.text", "text": part.get("text"), "format": _FORMAT}
            details.append(thought | ({"signature": signature} if signature else {}))
        elif "text" in part or "inlineData" in part:
            texts.append(_chat_part(part))
            if signature:
                details.append(encrypted)
        else:
            own.append(part)
    for position, detail in enumerate(details):
        detail["index"] = position
    for name, value in (
        ("content", texts), ("reasoning_details", details), ("tool_calls", calls),
        ("content_parts", own),
    ):  # fmt: skip
        if value:
            message[name] = value
    return [message]


def _chat_part(part: JsonObject) -> JsonObject:
    if "text" in part:
        return {"type": "text", "text": text_of(part["text"])}
    inline, file = fields(part.get("inlineData")), fields(part.get("fileData"))
    mime = text_of(pick(inline or file, "mimeType"))
    uri = text_of(pick(file, "fileUri"))
    url = uri if file else f"data:{mime};base64,{inline.get('data')}"
    kind = mime.partition("/")[0]
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "video":
        return {"type": "video_url", "video_url": {"url": url}}
    if kind == "audio" and inline:
        sound = {"data": inline.get("data"), "format": mime.partition("/")[2]}
        return {"type": "input_audio", "input_audio": sound}
    if file and "://" not in uri:
        return {"type": "file", "file": {"file_id": uri}}
    return {"type": "file", "file": {"file_data": url}}


def _chat_config(config: JsonObject) -> JsonObject:
    chat: JsonObject = {
        word: value for name, word in _PLAIN.items() if (value := pick(config, name)) is not None
    }
    chat |= {name: value for name in _OWN_CONFIG if (value := pick(config, name)) is not None}
    schema = pick(config, "responseJsonSchema") or pick(config, "responseSchema")
    if schema is not None:
        form = {"name": "answer", "schema": _lower(schema)}
        chat["response_format"] = {"type": "json_schema", "json_schema": form}
    elif pick(config, "responseMimeType") == "application/json":
        chat["response_format"] = {"type": "json_object"}
    modalities = pick(config, "responseModalities")
    if isinstance(modalities, list):
        chat["modalities"] = [str(name).lower() for name in modalities]
    if pick(config, "responseLogprobs"):
        chat["logprobs"] = True
        if (top := pick(config, "logprobs")) is not None:
            chat["top_logprobs"] = top
    thinking = fields(pick(config, "thinkingConfig"))
    budget, level = pick(thinking, "thinkingBudget"), pick(thinking, "thinkingLevel")
    if level is not None:
        chat["reasoning"] = {"effort": str(level).lower()}
    elif budget == 0:
        chat["reasoning"] = {"effort": "none"}
    elif budget is not None:
        chat["reasoning"] = {"max_tokens": budget}
    elif thinking:
        chat["reasoning"] = {"exclude": not pick(thinking, "includeThoughts")}
    return chat
