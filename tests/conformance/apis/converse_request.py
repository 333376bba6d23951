"""Requests of Converse: what they ask, and the chat request that asks the same."""

import base64
import binascii
import json

from tests.conformance.accumulate import JsonObject
from tests.conformance.asking import (
    Asked,
    Medium,
    Reading,
    Turn,
    canonical,
    fields,
    objects,
    outline,
    text_of,
)

_MEDIA = ("image", "document", "video", "audio")
_CONFIG = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p"}
_OWN = ("guardrailConfig", "performanceConfig", "requestMetadata", "promptVariables")
_TYPES = {
    "png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "pdf": "application/pdf", "csv": "text/csv", "txt": "text/plain", "html": "text/html",
    "md": "text/markdown", "mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm",
    "doc": "application/msword", "xls": "application/vnd.ms-excel",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


def _text(block: JsonObject) -> str | None:
    """The text of a block; what is marked for the guardrail or was found is text as well."""
    if "text" in block:
        return text_of(block["text"])
    guarded = fields(fields(block.get("guardContent")).get("text"))
    if guarded:
        return text_of(guarded.get("text"))
    found = fields(block.get("searchResult"))
    if found:
        return "".join(text_of(part.get("text")) for part in objects(found.get("content")))
    return canonical(block["json"]) if "json" in block else None


def _kind(block: JsonObject) -> str | None:
    return next((kind for kind in _MEDIA if kind in block), None)


def _data(body: JsonObject) -> tuple[str, str]:
    """Media type and base64; for an object in S3 "url" and its address."""
    source = fields(body.get("source"))
    media_type = _TYPES.get(text_of(body.get("format")) or "txt", "application/octet-stream")
    if "s3Location" in source:
        return ("url", text_of(fields(source["s3Location"]).get("uri")))
    if "text" in source:
        return (media_type, base64.b64encode(text_of(source["text"]).encode()).decode())
    return (media_type, text_of(source.get("bytes")))


def opened(blob: str) -> str:
    """What Claude's own API has as text travels in base64 here."""
    try:
        return base64.b64decode(blob, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return blob


# What it asks.


def understand(body: JsonObject) -> Asked:
    """What a request of this API asks."""
    reading = Reading()
    reading.system("".join(text_of(block.get("text")) for block in objects(body.get("system"))))
    for message in objects(body.get("messages")):
        turn = reading.turn(text_of(message.get("role")))
        for block in objects(message.get("content")):
            _read_block(reading, turn, block)
    asked = reading.finish()
    tools = objects(fields(body.get("toolConfig")).get("tools"))
    for tool in tools:
        spec = fields(tool.get("toolSpec"))
        if spec:
            schema = fields(spec.get("inputSchema")).get("json")
            asked.tools[text_of(spec.get("name"))] = fields(schema)
        elif "cachePoint" not in tool:
            asked.own_tools += sorted(tool)
    asked.wishes = _wishes(body)
    return asked


def _read_block(reading: Reading, turn: Turn, block: JsonObject) -> None:
    text, kind = _text(block), _kind(block)
    call, result = fields(block.get("toolUse")), fields(block.get("toolResult"))
    thought = fields(block.get("reasoningContent"))
    if text is not None:
        turn.text += text
    elif kind is not None:
        turn.media.append(_medium(fields(block[kind])))
    elif call:
        name = text_of(call.get("name"))
        reading.call(turn, name=name, arguments=call.get("input"), identity=call.get("toolUseId"))
    elif result:
        answer = reading.result(turn, identity=result.get("toolUseId"))
        parts = objects(result.get("content"))
        answer.text = "".join(_text(part) or "" for part in parts)
        answer.media = [_medium(fields(part[k])) for part in parts if (k := _kind(part))]
    elif thought:
        said = fields(thought.get("reasoningText"))
        signed = text_of(said.get("signature")) or text_of(thought.get("redactedContent"))
        turn.blobs += [signed] if signed else []
    elif "cachePoint" not in block:
        turn.own += sorted(block)


def _medium(body: JsonObject) -> Medium:
    return _data(body)


def _wishes(body: JsonObject) -> dict[str, object]:
    config = fields(body.get("inferenceConfig"))
    wishes: dict[str, object] = {
        word: config[name] for name, word in _CONFIG.items() if config.get(name) is not None
    }
    if config.get("stopSequences"):
        wishes["stop"] = config["stopSequences"]
    wishes |= {name: canonical(body[name]) for name in _OWN if body.get(name) is not None}
    if (choice := _choice(body)) not in (None, "auto"):
        wishes["tool_choice"] = choice
    if (schema := _schema(body)) is not None:
        wishes["schema"] = outline(schema)
    reasoning, top_k = _additional(body)
    if reasoning is not None:
        wishes["reasoning"] = reasoning
    if top_k is not None:
        wishes["top_k"] = top_k
    wishes["breakpoints"] = json.dumps(body).count('"cachePoint":')
    return wishes


def _choice(body: JsonObject) -> object:
    choice = fields(fields(body.get("toolConfig")).get("toolChoice"))
    if "tool" in choice:
        return ["named", fields(choice["tool"]).get("name")]
    return "required" if "any" in choice else "auto" if "auto" in choice else None


def _schema(body: JsonObject) -> object:
    text = fields(fields(body.get("outputConfig")).get("textFormat"))
    schema = fields(fields(text.get("structure")).get("jsonSchema")).get("schema")
    try:
        return json.loads(schema) if isinstance(schema, str) else schema
    except ValueError:
        return schema


def _additional(body: JsonObject) -> tuple[object, object]:
    """The wish to think, a budget or a level, and `top_k`: every vendor has its own words."""
    more = fields(body.get("additionalModelRequestFields"))
    top_k = more.get("top_k") or fields(more.get("inferenceConfig")).get("topK")
    said = more.get("thinking") or more.get("reasoning_config") or more.get("reasoningConfig")
    if isinstance(said, dict):
        level = said.get("maxReasoningEffort") or fields(more.get("output_config")).get("effort")
        return said.get("budget_tokens") or level or said.get("type"), top_k
    return said or more.get("reasoning_effort"), top_k


# The chat request that asks the same.


def client_request(body: JsonObject) -> JsonObject:
    """The chat request that asks for the same."""
    messages: list[JsonObject] = []
    if system := _parts(objects(body.get("system"))):
        messages.append({"role": "system", "content": system})
    for message in objects(body.get("messages")):
        messages += _chat_messages(message)
    chat: JsonObject = {"messages": messages}
    if tools := _chat_tools(objects(fields(body.get("toolConfig")).get("tools"))):
        chat["tools"] = tools
    choice = _choice(body)
    if isinstance(choice, list):
        chat["tool_choice"] = {"type": "function", "function": {"name": choice[1]}}
    elif choice is not None:
        chat["tool_choice"] = choice
    config = fields(body.get("inferenceConfig"))
    chat |= {word: config[name] for name, word in _CONFIG.items() if config.get(name) is not None}
    if config.get("stopSequences"):
        chat["stop"] = config["stopSequences"]
    chat |= {name: body[name] for name in _OWN if body.get(name) is not None}
    if (schema := _schema(body)) is not None:
        form = {"name": "answer", "schema": schema}
        chat["response_format"] = {"type": "json_schema", "json_schema": form}
    return chat | _chat_additional(body)


def _chat_additional(body: JsonObject) -> JsonObject:
    """The wish to think and `top_k`."""
    chat: JsonObject = {}
    reasoning, top_k = _additional(body)
    if isinstance(reasoning, int):
        chat["reasoning"] = {"max_tokens": reasoning}
    elif reasoning is not None:
        chat["reasoning"] = {"effort": "none" if reasoning == "disabled" else reasoning}
    if top_k is not None:
        chat["top_k"] = top_k
    return chat


def _chat_tools(tools: list[JsonObject]) -> list[JsonObject]:
    found: list[JsonObject] = []
    for tool in tools:
        spec = fields(tool.get("toolSpec"))
        if "cachePoint" in tool and found:
            found[-1]["cache_control"] = {"type": "ephemeral"}
        elif spec:
            names = ("name", "description", "strict")
            function = {name: spec[name] for name in names if name in spec}
            function["parameters"] = fields(spec.get("inputSchema")).get("json")
            found.append({"type": "function", "function": function})
        else:
            found.append({"type": "bedrock_converse", **tool})
    return found


def _parts(blocks: list[JsonObject]) -> list[JsonObject]:
    """Texts and media; a cache point marks the part before it."""
    parts: list[JsonObject] = []
    for block in blocks:
        text, kind = _text(block), _kind(block)
        if "cachePoint" in block and parts:
            parts[-1]["cache_control"] = {"type": "ephemeral"}
        elif text is not None:
            parts.append({"type": "text", "text": text})
        elif kind is not None:
            parts.append(_chat_medium(kind, fields(block[kind])))
    return parts


def _chat_medium(kind: str, body: JsonObject) -> JsonObject:
    media_type, data = _data(body)
    url = data if media_type == "url" else f"data:{media_type};base64,{data}"
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "video":
        return {"type": "video_url", "video_url": {"url": url}}
    if kind == "audio":
        return {"type": "input_audio", "input_audio": {"data": data, "format": body.get("format")}}
    file = {"file_data": url, "filename": text_of(body.get("name"))}
    return {"type": "file", "file": file}


def _chat_messages(message: JsonObject) -> list[JsonObject]:
    """Results first, each a message; then what else the turn says."""
    blocks = objects(message.get("content"))
    found: list[JsonObject] = []
    rest: list[JsonObject] = []
    for block in blocks:
        result = fields(block.get("toolResult"))
        if not result:
            rest.append(block)
            continue
        answer: JsonObject = {"role": "tool", "tool_call_id": result.get("toolUseId")}
        answer["content"] = _parts(objects(result.get("content")))
        if result.get("status") == "error":
            answer["is_error"] = True
        found.append(answer)
    if found and rest and "cachePoint" in rest[0]:
        found[-1]["cache_control"] = {"type": "ephemeral"}
        rest = rest[1:]
    if message.get("role") == "assistant":
        return [*found, _assistant(rest)]
    return [*found, {"role": "user", "content": _parts(rest)}] if _parts(rest) else found


def _assistant(blocks: list[JsonObject]) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": _parts(blocks) or None}
    calls: list[JsonObject] = []
    details: list[JsonObject] = []
    own: list[JsonObject] = []
    for block in blocks:
        call, thought = fields(block.get("toolUse")), fields(block.get("reasoningContent"))
        said = fields(thought.get("reasoningText"))
        detail: JsonObject = {"format": "anthropic-claude-v1", "index": len(details)}
        if call:
            arguments = json.dumps(call.get("input") or {})
            function = {"name": call.get("name"), "arguments": arguments}
            calls.append({"id": call.get("toolUseId"), "type": "function", "function": function})
        elif said:
            signed = {"signature": said["signature"]} if said.get("signature") else {}
            details.append(detail | {"type": "reasoning.text", "text": said.get("text")} | signed)
        elif thought:
            data = opened(text_of(thought.get("redactedContent")))
            details.append(detail | {"type": "reasoning.encrypted", "data": data})
        elif _text(block) is None and _kind(block) is None and "cachePoint" not in block:
            own.append(block)
    for name, value in (
        ("tool_calls", calls), ("reasoning_details", details), ("content_parts", own)
    ):  # fmt: skip
        if value:
            message[name] = value
    return message
