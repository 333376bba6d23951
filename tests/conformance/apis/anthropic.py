"""The Messages API: direct, on Bedrock (InvokeModel) and on Vertex."""

import json

from tests.conformance.accumulate import Call, Choice, Failure, JsonObject, Native, sse_data
from tests.conformance.apis.base import Api, failed_at_once, parsed, unreadable
from tests.conformance.asking import (
    Asked,
    Medium,
    Reading,
    Turn,
    fields,
    flat_text,
    objects,
    outline,
    text_of,
)
from tests.conformance.expect import ExpectedUsage, count_of
from tests.conformance.frames import as_sent_events

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}
_MEDIA = {"image", "document"}


def read_answer(body: bytes, status: int, stream: bool) -> Native:
    """Read a recorded answer, JSON or events."""
    failed = failed_at_once(body, status)
    if failed is not None:
        return failed
    if stream:
        return _Stream().read(body)
    whole = parsed(body)
    if not isinstance(whole, dict):
        return unreadable("the answer is not a JSON object")
    if whole.get("error") or not isinstance(whole.get("content"), list):
        return Native(failure=_failure(whole))
    native = Native(complete=True, usage=fields(whole.get("usage")) or None)
    choice = native.choices[0] = Choice(own=[], citations=0)
    for block in objects(whole["content"]):
        _add_block(choice, block)
    _end(choice, whole)
    return native


def _failure(body: JsonObject) -> Failure:
    error = fields(body.get("error"))
    message = str(error.get("message") or body)[:200]
    return Failure(status=_STATUS.get(text_of(error.get("type"))), message=message)


def _add_block(choice: Choice, block: JsonObject) -> None:
    """Add a whole block of an answer."""
    match block.get("type"):
        case "text":
            choice.text += text_of(block.get("text"))
            for citation in objects(block.get("citations")):
                _add_citation(choice, citation)
        case "thinking":
            choice.reasoning += text_of(block.get("thinking"))
            choice.signature += text_of(block.get("signature"))
        case "redacted_thinking":
            choice.encrypted.append(text_of(block.get("data")))
        case "tool_use":
            arguments = json.dumps(block.get("input") or {})
            call = Call(id=text_of(block.get("id")), name=text_of(block.get("name")))
            call.arguments = arguments
            choice.calls.append(call)
        case kind:
            assert choice.own is not None
            choice.own.append(text_of(kind))


def _add_citation(choice: Choice, citation: JsonObject) -> None:
    url = text_of(citation.get("url")) or text_of(citation.get("source"))
    if url.startswith(("http://", "https://")):
        choice.annotations.append({"url": url})
    else:
        choice.citations = (choice.citations or 0) + 1


def _end(choice: Choice, said: JsonObject) -> None:
    if said.get("stop_reason"):
        choice.finish = text_of(said["stop_reason"])
    details = fields(said.get("stop_details"))
    if details.get("type") == "refusal":
        choice.refusal += text_of(details.get("explanation"))


class _Stream:
    """The events of one stream, gathered into whole blocks."""

    def __init__(self) -> None:
        self._native = Native()
        self._blocks: list[JsonObject] = []
        self._open: dict[object, JsonObject] = {}
        self._end: JsonObject = {}
        self._usage: JsonObject = {}

    def read(self, body: bytes) -> Native:
        native = self._native
        for data in sse_data(body):
            try:
                event = json.loads(data)
            except ValueError:
                native.doubts.append("an event is not JSON")
                continue
            if not isinstance(event, dict):
                native.doubts.append("an event is not an object")
                continue
            if event.get("type") == "error" or event.get("error"):
                native.failure = _failure(event)
                break
            self._feed(event)
        if self._blocks or self._end:
            choice = native.choices[0] = Choice(own=[], citations=0)
            for block in self._blocks:
                _add_block(choice, _closed(block))
            _end(choice, self._end)
            native.complete = native.complete or choice.finish is not None
        native.usage = self._usage or None
        return native

    def _feed(self, event: JsonObject) -> None:
        match event.get("type"):
            case "message_start":
                if self._blocks:
                    self._native.doubts.append("the message begins twice")
                self._usage = dict(fields(fields(event.get("message")).get("usage")))
            case "content_block_start":
                block = dict(fields(event.get("content_block")))
                self._open[repr(event.get("index"))] = block
                self._blocks.append(block)
            case "content_block_delta":
                self._delta(repr(event.get("index")), fields(event.get("delta")))
            case "message_delta":
                self._end |= {k: v for k, v in fields(event.get("delta")).items() if v}
                more = fields(event.get("usage"))
                self._usage |= {name: value for name, value in more.items() if value is not None}
            case "message_stop":
                self._native.complete = True

    def _delta(self, index: object, delta: JsonObject) -> None:
        block = self._open.get(index)
        if block is None:
            self._native.doubts.append("a delta of a block that did not start")
            return
        names = {
            "text_delta": ("text", "text"),
            "thinking_delta": ("thinking", "thinking"),
            "signature_delta": ("signature", "signature"),
            "input_json_delta": ("partial_json", "_arguments"),
        }
        kind = text_of(delta.get("type"))
        if kind in names:
            source, target = names[kind]
            block[target] = text_of(block.get(target)) + text_of(delta.get(source))
        elif kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta.get("citation")]


def _closed(block: JsonObject) -> JsonObject:
    """A block whose arguments came in pieces, with them in place."""
    pieces = text_of(block.pop("_arguments", ""))
    if not pieces.strip():
        return block
    try:
        return block | {"input": json.loads(pieces)}
    except ValueError:
        return block | {"input": pieces}


def usage(body: JsonObject) -> ExpectedUsage:
    """`input_tokens` leaves out what the cache read and wrote; thinking is in the output."""
    read = count_of(body.get("cache_read_input_tokens")) or 0
    written = count_of(body.get("cache_creation_input_tokens")) or 0
    fresh, output = count_of(body.get("input_tokens")), count_of(body.get("output_tokens"))
    thinking = count_of(fields(body.get("output_tokens_details")).get("thinking_tokens"))
    return ExpectedUsage(
        prompt_tokens=set() if fresh is None else {fresh + read + written},
        completion_tokens=set() if output is None else {output},
        cached_tokens={read},
        cache_write_tokens={written},
        reasoning_tokens=set() if thinking is None else {thinking},
    )


def client_request(body: JsonObject) -> JsonObject:
    """The chat request that asks for the same."""
    system = body.get("system")
    messages: list[JsonObject] = []
    if system:
        content = system if isinstance(system, str) else [_chat_part(b) for b in objects(system)]
        messages.append({"role": "system", "content": content})
    for message in objects(body.get("messages")):
        messages += _chat_messages(message)
    chat: JsonObject = {"messages": messages}
    if body.get("tools"):
        chat["tools"] = [_chat_tool(tool) for tool in objects(body["tools"])]
    _add_choice(chat, fields(body.get("tool_choice")))
    renamed = {"stop_sequences": "stop"}
    for name in (
        "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "service_tier",
        "container", "context_management", "mcp_servers", "cache_control", "inference_geo",
    ):  # fmt: skip
        if body.get(name) is not None:
            chat[renamed.get(name, name)] = body[name]
    user = fields(body.get("metadata")).get("user_id")
    if user is not None:
        chat["user"] = user
    _add_output(chat, body)
    return chat


def _add_choice(chat: JsonObject, choice: JsonObject) -> None:
    kind = choice.get("type")
    if kind == "tool":
        chat["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    elif kind:
        chat["tool_choice"] = "required" if kind == "any" else kind
    if "disable_parallel_tool_use" in choice:
        chat["parallel_tool_calls"] = not choice["disable_parallel_tool_use"]


def _add_output(chat: JsonObject, body: JsonObject) -> None:
    """Thinking, effort and the format of the answer."""
    config = fields(body.get("output_config"))
    form = fields(config.get("format") or body.get("output_format"))
    if form.get("type") == "json_schema":
        schema = {"name": "answer", "schema": form.get("schema")}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    thinking = fields(body.get("thinking"))
    effort = config.get("effort")
    match thinking.get("type"):
        case "enabled":
            chat["reasoning"] = {"max_tokens": thinking.get("budget_tokens")}
        case "adaptive":
            chat["reasoning"] = {"effort": effort} if effort else {"enabled": True}
        case "disabled":
            chat["reasoning"] = {"effort": "none"}
    if effort and "reasoning" not in chat:
        chat["verbosity"] = effort


def _chat_tool(tool: JsonObject) -> JsonObject:
    if tool.get("type", "custom") != "custom":
        return tool
    function = {name: tool[name] for name in ("name", "description", "strict") if name in tool}
    function["parameters"] = tool.get("input_schema")
    beside = {"name", "description", "strict", "input_schema", "type"}
    rest = {name: value for name, value in tool.items() if name not in beside}
    return {"type": "function", "function": function, **rest}


def _chat_messages(message: JsonObject) -> list[JsonObject]:
    """Results first, each a message; then what else the turn says."""
    role, content = message.get("role"), message.get("content")
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    blocks = objects([content] if isinstance(content, dict) else content)
    found = [_chat_result(block) for block in blocks if block.get("type") == "tool_result"]
    rest = [block for block in blocks if block.get("type") != "tool_result"]
    if role == "assistant":
        found.append(_chat_assistant(rest))
    elif rest:
        found.append({"role": role, "content": [_chat_part(block) for block in rest]})
    return found


def _chat_result(block: JsonObject) -> JsonObject:
    content = block.get("content")
    if not isinstance(content, str):
        content = [_chat_part(part) for part in objects(content)]
    message: JsonObject = {"role": "tool", "tool_call_id": block.get("tool_use_id")}
    message["content"] = content
    if block.get("is_error"):
        message["is_error"] = True
    if block.get("cache_control"):
        message["cache_control"] = block["cache_control"]
    return message


def _chat_assistant(blocks: list[JsonObject]) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": None}
    texts = [_chat_part(block) for block in blocks if block.get("type") == "text"]
    if texts:
        message["content"] = texts
    details: list[JsonObject] = []
    for block in blocks:
        detail: JsonObject = {"format": "anthropic-claude-v1", "index": len(details)}
        if block.get("type") == "thinking":
            detail |= {"type": "reasoning.text", "text": block.get("thinking")}
            details.append(detail | {"signature": block.get("signature")})
        elif block.get("type") == "redacted_thinking":
            details.append(detail | {"type": "reasoning.encrypted", "data": block.get("data")})
    calls = [_chat_call(block) for block in blocks if block.get("type") == "tool_use"]
    known = {"text", "thinking", "redacted_thinking", "tool_use"}
    own = [block for block in blocks if block.get("type") not in known]
    for name, value in (
        ("reasoning_details", details), ("tool_calls", calls), ("content_parts", own)
    ):  # fmt: skip
        if value:
            message[name] = value
    return message


def _chat_call(block: JsonObject) -> JsonObject:
    function = {"name": block.get("name"), "arguments": json.dumps(block.get("input") or {})}
    call: JsonObject = {"id": block.get("id"), "type": "function", "function": function}
    return call | {name: block[name] for name in ("cache_control",) if name in block}


def _chat_part(block: JsonObject) -> JsonObject:
    """A block as a part of the chat dialect, or as it is where the dialect has no word for it."""
    source = fields(block.get("source"))
    part: JsonObject = block
    plain = block.keys() <= {"type", "source", "title", "cache_control"}
    if block.get("type") == "text":
        part = {"type": "text", "text": text_of(block.get("text"))}
    elif block.get("type") == "image" and text_of(source.get("type")) in {"base64", "url"}:
        part = {"type": "image_url", "image_url": {"url": _url(source)}}
    elif (
        block.get("type") == "document"
        and plain
        and text_of(source.get("type")) in {"base64", "url"}
    ):
        part = {"type": "file", "file": {"file_data": _url(source)}}
        if block.get("title"):
            part["file"]["filename"] = block["title"]
    elif block.get("type") == "document" and plain and source.get("type") == "file":
        part = {"type": "file", "file": {"file_id": source.get("file_id")}}
    if part is not block and block.get("cache_control"):
        part["cache_control"] = block["cache_control"]
    return part


def _url(source: JsonObject) -> str:
    if source.get("type") == "url":
        return text_of(source.get("url"))
    return f"data:{source.get('media_type')};base64,{source.get('data')}"


def understand(body: JsonObject) -> Asked:
    """What a request of this API asks."""
    reading = Reading()
    reading.system(flat_text(body.get("system")))
    for message in objects(body.get("messages")):
        content = message.get("content")
        if message.get("role") == "system":
            reading.system(flat_text([b for b in objects(content) if b.get("type") == "text"]))
            if isinstance(content, str):
                reading.system(content)
            continue
        turn = reading.turn(text_of(message.get("role")))
        content = [content] if isinstance(content, dict | str) else content
        for block in content if isinstance(content, list) else ():
            _read_block(
                reading, turn, {"type": "text", "text": block} if isinstance(block, str) else block
            )
    asked = reading.finish()
    for tool in objects(body.get("tools")):
        if tool.get("type", "custom") == "custom":
            asked.tools[text_of(tool.get("name"))] = fields(tool.get("input_schema"))
        else:
            asked.own_tools.append(text_of(tool.get("type")))
    asked.wishes = _wishes(body)
    return asked


def _read_block(reading: Reading, turn: Turn, block: JsonObject) -> None:
    match block.get("type"):
        case "text":
            turn.text += text_of(block.get("text"))
        case "image" | "document":
            turn.media.append(_medium(block))
        case "thinking":
            turn.blobs.append(text_of(block.get("signature")))
        case "redacted_thinking":
            turn.blobs.append(text_of(block.get("data")))
        case "tool_use":
            name = text_of(block.get("name"))
            reading.call(turn, name=name, arguments=block.get("input"), identity=block.get("id"))
        case "tool_result":
            result = reading.result(turn, identity=block.get("tool_use_id"))
            result.text = flat_text(block.get("content"))
            parts = objects(block.get("content"))
            result.media = [_medium(part) for part in parts if text_of(part.get("type")) in _MEDIA]
        case kind:
            turn.own.append(text_of(kind))


def _medium(block: JsonObject) -> Medium:
    source = fields(block.get("source"))
    match source.get("type"):
        case "url":
            return ("url", text_of(source.get("url")))
        case "file":
            return ("file", text_of(source.get("file_id")))
        case "content":
            return ("content", flat_text(source.get("content")))
    return (text_of(source.get("media_type")), text_of(source.get("data")))


def _wishes(body: JsonObject) -> dict[str, object]:
    names = {
        "max_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p",
        "top_k": "top_k", "stop_sequences": "stop", "service_tier": "service_tier",
        "container": "container", "mcp_servers": "mcp_servers",
        "context_management": "context_management",
    }  # fmt: skip
    wishes = {word: body[name] for name, word in names.items() if body.get(name) is not None}
    choice = fields(body.get("tool_choice"))
    if choice.get("type") == "tool":
        wishes["tool_choice"] = ["named", choice.get("name")]
    elif choice.get("type") and choice["type"] != "auto":
        wishes["tool_choice"] = "required" if choice["type"] == "any" else choice["type"]
    if choice.get("disable_parallel_tool_use"):
        wishes["parallel_tool_calls"] = False
    if user := fields(body.get("metadata")).get("user_id"):
        wishes["user"] = user
    config = fields(body.get("output_config"))
    form = fields(config.get("format") or body.get("output_format"))
    if form.get("type") == "json_schema":
        wishes["schema"] = outline(form.get("schema"))
    thinking = fields(body.get("thinking"))
    effort = config.get("effort")
    if thinking.get("type") == "adaptive":
        wishes["reasoning"] = effort or "medium"
    elif thinking.get("type") == "enabled":
        wishes["reasoning"] = thinking.get("budget_tokens")
    if effort and thinking.get("type") != "adaptive":
        wishes["verbosity"] = effort
    wishes["breakpoints"] = _breakpoints(body)
    return wishes


def _breakpoints(value: object) -> int:
    """How many prompt-cache markers stand anywhere in the prompt."""
    if isinstance(value, list):
        return sum(_breakpoints(item) for item in value)
    if not isinstance(value, dict):
        return 0
    here = 1 if value.get("cache_control") else 0
    inner = (v for k, v in value.items() if k not in {"cache_control", "input_schema", "input"})
    return here + sum(_breakpoints(item) for item in inner)


API = Api(
    name="anthropic-messages",
    dialect="anthropic_messages",
    read_answer=read_answer,
    usage=usage,
    client_request=client_request,
    understand=understand,
    as_served=as_sent_events,
    slugs={"bedrock": "anthropic", "vertex": "google-vertex-anthropic"},
)
