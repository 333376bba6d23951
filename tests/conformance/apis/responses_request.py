"""Requests of the Responses API: what they ask, and the chat request that asks the same."""

import json

from tests.conformance.accumulate import JsonObject
from tests.conformance.asking import (
    Asked,
    Medium,
    Reading,
    Turn,
    fields,
    flat_text,
    medium,
    objects,
    outline,
    text_of,
)

_FORMAT = "openai-responses-v1"
_SPOKEN = {"system", "developer", "user"}
_OUTPUTS = {"function_call_output", "custom_tool_call_output"}
_CALLS = {"function_call", "custom_tool_call"}
_PLAIN = ("temperature", "top_p", "service_tier", "prompt_cache_key", "parallel_tool_calls", "user")


def _items(body: JsonObject) -> list[JsonObject]:
    given = body.get("input")
    return [{"role": "user", "content": given}] if isinstance(given, str) else objects(given)


def _kind(item: JsonObject) -> str:
    """The type of an item; one without is a message."""
    return text_of(item.get("type")) or "message"


# What it asks.


def understand(body: JsonObject) -> Asked:
    """What a request of this API asks."""
    reading = Reading()
    reading.system(text_of(body.get("instructions")))
    for item in _items(body):
        _read_item(reading, item)
    asked = reading.finish()
    for tool in objects(body.get("tools")):
        if tool.get("type") == "function":
            asked.tools[text_of(tool.get("name"))] = fields(tool.get("parameters"))
        else:
            asked.own_tools.append(text_of(tool.get("type")))
    asked.wishes = _wishes(body)
    choice = fields(body.get("tool_choice"))
    if choice.get("type") == "allowed_tools":
        names = {text_of(tool.get("name")) for tool in objects(choice.get("tools"))}
        asked.tools = {name: tool for name, tool in asked.tools.items() if name in names}
    return asked


def _read_item(reading: Reading, item: JsonObject) -> None:
    kind, role = _kind(item), text_of(item.get("role"))
    if kind == "message" and role in {"system", "developer"}:
        reading.system(flat_text(item.get("content")))
    elif kind == "message":
        turn = reading.turn("assistant" if role == "assistant" else "user")
        turn.text += flat_text(item.get("content"))
        turn.text += "".join(text_of(p.get("refusal")) for p in objects(item.get("content")))
        turn.media += _media(item.get("content"))
    elif kind in _OUTPUTS:
        result = reading.result(reading.turn("user"), identity=item.get("call_id"))
        output = item.get("output")
        result.text = json.dumps(output) if isinstance(output, dict) else flat_text(output)
        result.media = _media(output)
    else:
        _read_done(reading, reading.turn("assistant"), kind, item)


def _read_done(reading: Reading, turn: Turn, kind: str, item: JsonObject) -> None:
    """What the model did: thought, called, or let the provider's tools do."""
    if kind == "reasoning":
        sealed = text_of(item.get("encrypted_content"))
        turn.blobs += [sealed] if sealed else []
    elif kind in _CALLS:
        arguments = item.get("arguments")
        if kind == "custom_tool_call":
            arguments = {"input": item.get("input")}
        name = text_of(item.get("name"))
        reading.call(turn, name=name, arguments=arguments, identity=item.get("call_id"))
    else:
        turn.own.append(kind)


def _media(content: object) -> list[Medium]:
    found: list[Medium] = []
    for part in objects(content):
        if part.get("file_id"):
            found.append(("file", text_of(part["file_id"])))
        elif part.get("type") == "input_audio":
            sound = fields(part.get("input_audio"))
            found.append((f"audio/{sound.get('format')}", text_of(sound.get("data"))))
        elif part.get("type") == "input_image":
            found.append(medium(text_of(part.get("image_url")), kind="image"))
        elif part.get("type") == "input_file":
            url = text_of(part.get("file_url") or part.get("file_data"))
            found.append(medium(url, kind="file"))
    return found


def _wishes(body: JsonObject) -> dict[str, object]:
    wishes: dict[str, object] = {n: body[n] for n in _PLAIN if body.get(n) is not None}
    if wishes.get("parallel_tool_calls") is True:
        del wishes["parallel_tool_calls"]
    if body.get("max_output_tokens") is not None:
        wishes["max_tokens"] = body["max_output_tokens"]
    choice = _choice(body.get("tool_choice"))
    if choice not in (None, "auto"):
        wishes["tool_choice"] = choice
    text = fields(body.get("text"))
    form = fields(text.get("format"))
    if form.get("type") == "json_schema":
        wishes["schema"] = outline(form.get("schema"))
    elif form.get("type") == "json_object":
        wishes["json"] = True
    if text.get("verbosity"):
        wishes["verbosity"] = text["verbosity"]
    if effort := fields(body.get("reasoning")).get("effort"):
        wishes["reasoning"] = effort
    return wishes


def _choice(choice: object) -> object:
    """The tool choice in the chat dialect's words; tools that are not allowed are gone already."""
    if not isinstance(choice, dict):
        return choice
    if choice.get("type") == "allowed_tools":
        return choice.get("mode")
    return ["named", choice.get("name") or choice.get("type")]


# The chat request that asks the same.


def client_request(body: JsonObject) -> JsonObject:
    """The chat request that asks for the same."""
    messages: list[JsonObject] = []
    if instructions := text_of(body.get("instructions")):
        messages.append({"role": "system", "content": instructions})
    for item in _items(body):
        _add_chat(messages, item)
    chat: JsonObject = {"messages": messages}
    if body.get("tools"):
        chat["tools"] = [_chat_tool(tool) for tool in objects(body["tools"])]
    if (choice := body.get("tool_choice")) is not None:
        chat["tool_choice"] = _chat_choice(choice)
    chat |= {name: body[name] for name in _PLAIN if body.get(name) is not None}
    if body.get("max_output_tokens") is not None:
        chat["max_completion_tokens"] = body["max_output_tokens"]
    text = fields(body.get("text"))
    form = fields(text.get("format"))
    if form.get("type") == "json_schema":
        schema = {name: value for name, value in form.items() if name != "type"}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif form.get("type") == "json_object":
        chat["response_format"] = {"type": "json_object"}
    if text.get("verbosity"):
        chat["verbosity"] = text["verbosity"]
    wish = fields(body.get("reasoning"))
    known = {name: wish[name] for name in ("effort", "summary") if wish.get(name)}
    if known:
        chat["reasoning"] = known
    return chat


def _chat_tool(tool: JsonObject) -> JsonObject:
    if tool.get("type") == "custom":
        inner = {name: value for name, value in tool.items() if name != "type"}
        return {"type": "custom", "custom": inner}
    if tool.get("type") != "function":
        return tool
    names = ("name", "description", "parameters", "strict")
    function = {name: tool[name] for name in names if tool.get(name) is not None}
    rest = {name: value for name, value in tool.items() if name not in {*names, "type"}}
    return {"type": "function", "function": function, **rest}


def _chat_choice(choice: object) -> object:
    if not isinstance(choice, dict):
        return choice
    if choice.get("type") == "allowed_tools":
        tools = [
            {"type": "function", "function": {"name": tool.get("name")}}
            for tool in objects(choice.get("tools"))
        ]
        allowed = {"mode": choice.get("mode"), "tools": tools}
        return {"type": "allowed_tools", "allowed_tools": allowed}
    name = choice.get("name") or choice.get("type")
    return {"type": "function", "function": {"name": name}}


def _add_chat(messages: list[JsonObject], item: JsonObject) -> None:
    """Add an item; what the model did in a row is one message."""
    kind, role = _kind(item), text_of(item.get("role"))
    content = item.get("content")
    if kind == "message" and role in _SPOKEN:
        messages.append({"role": role, "content": _chat_content(content)})
        return
    if kind in _OUTPUTS:
        output = item.get("output")
        text = json.dumps(output) if isinstance(output, dict) else _chat_content(output)
        messages.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": text})
        return
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    message = messages[-1]
    if kind == "message":
        message["content"] = [*(message["content"] or []), *_chat_parts(content)]
    elif kind == "reasoning":
        message["reasoning_details"] = [*message.get("reasoning_details", []), *_details(item)]
    elif kind in _CALLS:
        arguments = item.get("arguments")
        if kind == "custom_tool_call":
            arguments = json.dumps({"input": item.get("input")})
        function = {"name": item.get("name"), "arguments": arguments}
        call = {"id": item.get("call_id"), "type": "function", "function": function}
        message["tool_calls"] = [*message.get("tool_calls", []), call]
    else:
        message["output_items"] = [*message.get("output_items", []), item]


def _details(item: JsonObject) -> list[JsonObject]:
    details: list[JsonObject] = [
        {"type": "reasoning.summary", "summary": text_of(part.get("text")), "format": _FORMAT}
        for part in objects(item.get("summary"))
    ]
    details += [
        {"type": "reasoning.text", "text": text_of(part.get("text"))}
        for part in objects(item.get("content"))
    ]
    if item.get("encrypted_content"):
        sealed = {"type": "reasoning.encrypted", "data": item["encrypted_content"]}
        details.append(sealed | {"format": _FORMAT, "id": item.get("id")})
    for position, detail in enumerate(details):
        detail["index"] = position
    return details


def _chat_content(content: object) -> object:
    return content if isinstance(content, str) else _chat_parts(content)


def _chat_parts(content: object) -> list[JsonObject]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [_chat_part(part) for part in objects(content)]


def _chat_part(part: JsonObject) -> JsonObject:
    kind = text_of(part.get("type"))
    if kind == "input_image" and part.get("image_url"):
        image = {n: part[m] for n, m in (("url", "image_url"), ("detail", "detail")) if part.get(m)}
        return {"type": "image_url", "image_url": image}
    if kind in {"input_image", "input_file"}:
        names = {"filename": "filename", "file_id": "file_id", "file_data": "file_data"}
        file = {word: part[name] for name, word in names.items() if part.get(name)}
        if part.get("file_url"):
            file["file_data"] = part["file_url"]
        return {"type": "file", "file": file}
    if kind == "refusal":
        return {"type": "refusal", "refusal": text_of(part.get("refusal"))}
    return {"type": "text", "text": text_of(part.get("text"))}
