"""Cohere's chat API, version 2."""

import json

from tests.conformance.accumulate import Call, Choice, JsonObject, Native, sse_data
from tests.conformance.apis.base import Api, failed_at_once, parsed, unreadable
from tests.conformance.asking import (
    Asked,
    canonical,
    fields,
    objects,
    outline,
    read_chat,
    text_of,
)
from tests.conformance.expect import ExpectedUsage, count_of

_NAMES = {
    "max_tokens": "max_tokens", "temperature": "temperature", "p": "top_p", "k": "top_k",
    "stop_sequences": "stop", "seed": "seed", "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}  # fmt: skip
_OWN = ("documents", "citation_options", "safety_mode", "priority", "raw_prompting")


def read_answer(body: bytes, status: int, stream: bool) -> Native:
    """Read a recorded answer, JSON or events."""
    failed = failed_at_once(body, status)
    if failed is not None:
        return failed
    if stream:
        return _read_stream(body)
    whole = parsed(body)
    if not isinstance(whole, dict) or not isinstance(whole.get("message"), dict):
        return unreadable("the answer holds no message")
    native = Native(complete=True, usage=fields(whole.get("usage")) or None)
    message = whole["message"]
    choice = native.choices[0] = Choice(citations=0)
    choice.reasoning += text_of(message.get("tool_plan"))
    content = message.get("content")
    choice.text += content if isinstance(content, str) else ""
    for block in objects(content):
        choice.reasoning += text_of(block.get("thinking"))
        choice.text += text_of(block.get("text"))
    for call in objects(message.get("tool_calls")):
        _open_call(choice, call)
    for citation in objects(message.get("citations")):
        _cite(choice, citation)
    choice.finish = text_of(whole.get("finish_reason")) or None
    return native


def _open_call(choice: Choice, body: JsonObject) -> None:
    function = fields(body.get("function"))
    arguments = text_of(function.get("arguments"))
    call = Call(id=text_of(body.get("id")), name=text_of(function.get("name")))
    call.arguments = "" if arguments == "null" else arguments
    choice.calls.append(call)


def _cite(choice: Choice, citation: JsonObject) -> None:
    """A citation whose source is a page of the web, or another one."""
    urls = []
    for source in objects(citation.get("sources")):
        url = text_of(fields(source.get("document")).get("url"))
        urls += [{"url": url}] if url.startswith(("http://", "https://")) else []
    choice.annotations += urls
    choice.citations = (choice.citations or 0) + (0 if urls else 1)


def _read_stream(body: bytes) -> Native:
    native = Native()
    for data in sse_data(body):
        if data.strip() == "[DONE]":
            continue
        event = parsed(data.encode())
        if not isinstance(event, dict):
            native.doubts.append("an event is not a JSON object")
            continue
        _feed(native, event)
    return native


def _feed(native: Native, event: JsonObject) -> None:
    choice = native.choices.setdefault(0, Choice(citations=0))
    delta = fields(event.get("delta"))
    message = fields(delta.get("message"))
    content, calls = message.get("content"), message.get("tool_calls")
    match event.get("type"):
        case "content-start" | "content-delta":
            choice.reasoning += text_of(fields(content).get("thinking"))
            choice.text += text_of(fields(content).get("text"))
        case "tool-plan-delta":
            choice.reasoning += text_of(message.get("tool_plan"))
        case "tool-call-start":
            _open_call(choice, fields(calls))
        case "tool-call-delta" if choice.calls:
            arguments = fields(fields(calls).get("function")).get("arguments")
            choice.calls[-1].arguments += text_of(arguments)
        case "citation-start":
            _cite(choice, fields(message.get("citations")))
        case "message-end":
            choice.finish = text_of(delta.get("finish_reason")) or None
            native.usage = fields(delta.get("usage")) or None
            native.complete = True


def usage(body: JsonObject) -> ExpectedUsage:
    """`tokens` is what the model read and wrote; reasoning is part of it."""
    tokens = fields(body.get("tokens")) or fields(body.get("billed_units"))
    prompt, output = count_of(tokens.get("input_tokens")), count_of(tokens.get("output_tokens"))
    thought = count_of(tokens.get("reasoning_tokens"))
    return ExpectedUsage(
        prompt_tokens=set() if prompt is None else {prompt},
        completion_tokens=set() if output is None else {output},
        cached_tokens={count_of(body.get("cached_tokens")) or 0},
        cache_write_tokens={0},
        reasoning_tokens=set() if thought is None else {thought},
    )


def client_request(body: JsonObject) -> JsonObject:
    """The chat request that asks for the same: the messages are alike."""
    chat: JsonObject = {"messages": [_chat_message(m) for m in objects(body.get("messages"))]}
    if body.get("tools"):
        chat["tools"] = body["tools"]
    if choice := text_of(body.get("tool_choice")):
        chat["tool_choice"] = choice.lower()
    chat |= {word: body[name] for name, word in _NAMES.items() if body.get(name) is not None}
    chat |= {name: body[name] for name in _OWN if body.get(name) is not None}
    form = fields(body.get("response_format"))
    schema = form.get("json_schema") or form.get("schema")
    if isinstance(schema, dict):
        wish = {"name": "answer", "schema": schema}
        chat["response_format"] = {"type": "json_schema", "json_schema": wish}
    elif form.get("type"):
        chat["response_format"] = {"type": form["type"]}
    thinking = fields(body.get("thinking"))
    if thinking.get("type") == "disabled":
        chat["reasoning"] = {"effort": "none"}
    elif thinking.get("token_budget") is not None:
        chat["reasoning"] = {"max_tokens": thinking["token_budget"]}
    elif thinking:
        chat["reasoning"] = {"enabled": True}
    return chat


def _chat_message(message: JsonObject) -> JsonObject:
    """Thinking becomes reasoning, a document in a result becomes a file."""
    chat = {key: value for key, value in message.items() if key not in {"tool_plan", "citations"}}
    content = objects(message.get("content"))
    if not content:
        return _with_plan(chat, message, [])
    thoughts = [b for b in content if b.get("type") == "thinking"]
    chat["content"] = [_chat_part(block) for block in content if block not in thoughts]
    return _with_plan(chat, message, thoughts)


def _with_plan(chat: JsonObject, message: JsonObject, thoughts: list[JsonObject]) -> JsonObject:
    details: list[JsonObject] = []
    for text, identity in (
        (text_of(message.get("tool_plan")), "tool_plan"),
        *((text_of(block.get("thinking")), None) for block in thoughts),
    ):
        if text:
            detail = {"type": "reasoning.text", "text": text, "index": len(details)}
            details.append(detail | ({"id": identity} if identity else {}))
    if details:
        chat["reasoning_details"] = details
    if message.get("citations"):
        chat["citations"] = message["citations"]
    return chat


def _chat_part(block: JsonObject) -> JsonObject:
    document = fields(block.get("document"))
    if block.get("type") != "document" or not document:
        return block
    return {"type": "text", "text": json.dumps(document.get("data"))}


def understand(body: JsonObject) -> Asked:
    """What a request of this API asks."""
    asked = _turns(body)
    for tool in objects(body.get("tools")):
        function = fields(tool.get("function"))
        asked.tools[text_of(function.get("name"))] = fields(function.get("parameters"))
    wishes: dict[str, object] = {
        word: body[name] for name, word in _NAMES.items() if body.get(name) is not None
    }
    for name in _OWN:
        if body.get(name):
            wishes[name] = canonical(body[name])
    if choice := text_of(body.get("tool_choice")).lower():
        wishes["tool_choice"] = choice
    form = fields(body.get("response_format"))
    schema = form.get("json_schema") or form.get("schema")
    if isinstance(schema, dict):
        wishes["schema"] = outline(schema)
    elif form.get("type") == "json_object":
        wishes["json"] = True
    thinking = fields(body.get("thinking"))
    if thinking:
        budget = thinking.get("token_budget")
        wishes["reasoning"] = budget if budget is not None else thinking.get("type")
    asked.wishes = wishes
    return asked


def _turns(body: JsonObject) -> Asked:
    """The messages are those of the chat dialect, but for thinking and plans."""
    messages = objects(body.get("messages"))
    asked = read_chat({"messages": messages})
    speaking = [turn for turn in asked.turns if turn.role == "assistant"]
    for message in messages:
        blocks = objects(message.get("content"))
        thoughts = [text_of(block.get("thinking")) for block in blocks]
        said = [text for text in (text_of(message.get("tool_plan")), *thoughts) if text]
        if said and speaking:
            speaking[0].own += said
    return asked


API = Api(
    name="cohere-v2-chat",
    dialect="cohere_chat",
    read_answer=read_answer,
    usage=usage,
    client_request=client_request,
    understand=understand,
    slugs={},
)
