"""A conversation of the hub as Gemini's `contents` and `systemInstruction`.

Roles alternate between user and model, results of calls are parts of a user
turn in the order of the calls, and a signature stands on the part it signs.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from portico.dialects.gemini.media import encode_media
from portico.dialects.gemini.names import FORMAT, UNSIGNED_CALL, generation
from portico.dialects.tool_calls import arguments_object
from portico.errors import InvalidRequest
from portico.jsonio import JsonError, JsonObject, loads
from portico.vocabulary import (
    Audio,
    File,
    Image,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    Unknown,
    Video,
)

Parts = list[JsonObject]
_INSTRUCTION = frozenset({"system", "developer"})


def encode_turns(messages: Sequence[Message], model: str) -> tuple[Parts, list[JsonObject]]:
    """The parts of the system instruction, and the turns.

    Instructions in the middle of a conversation join the others in front: the
    API has one place for them. A user's turn comes first, an empty one if there
    is none: the API refuses a conversation without it.

    Raises:
        InvalidRequest: a part has no form here.
    """
    instruction: Parts = []
    turns: list[JsonObject] = []
    for message in messages:
        if message.role in _INSTRUCTION:
            for part in _named_parts(message):
                if isinstance(part, Text):
                    instruction.extend(_text(part.text))
                else:
                    _add(turns, "user", [_encode_part(part)])
    rest = [message for message in messages if message.role not in _INSTRUCTION]
    position = 0
    calls: Sequence[ToolCall] = ()  # the latest ones
    names: dict[str, str] = {}  # of all that were called, by id
    while position < len(rest):
        message = rest[position]
        if message.tool_calls:
            calls = message.tool_calls
            names.update((call.id, call.name) for call in calls)
        if message.role == "tool":
            answers = _run_of_tools(rest, position)
            _add(turns, "user", _results(answers, calls, names, model))
            position += len(answers)
            continue
        if message.role == "assistant":
            _add(turns, "model", _model_parts(message, model))
        else:
            _add(turns, "user", [p for part in _named_parts(message) for p in _encode_user(part)])
        position += 1
    if not turns or turns[0]["role"] == "model":
        turns.insert(0, {"role": "user", "parts": [{"text": ""}]})
    return instruction, turns


def _add(turns: list[JsonObject], role: str, parts: Parts) -> None:
    """Append to the last turn if it is of the same role; a turn without parts is refused."""
    if not parts:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["parts"].extend(parts)
    else:
        turns.append({"role": role, "parts": list(parts)})


def _named_parts(message: Message) -> tuple[Part, ...]:
    """The parts, with the speaker's name in front of the text: the API has no place for it."""
    if not message.name or not message.parts:
        return message.parts
    first, *others = message.parts
    if isinstance(first, Text):
        return (Text(text=f"{message.name}: {first.text}"), *others)
    return (Text(text=f"{message.name}: "), first, *others)


def _text(text: str) -> Parts:
    return [{"text": text}] if text else []


def _encode_user(part: Part) -> Parts:
    return _text(part.text) if isinstance(part, Text) else [_encode_part(part)]


def _encode_part(part: Part) -> JsonObject:
    match part:
        case Text():
            return {"text": part.text}
        case Image() | Audio() | Video() | File():
            return encode_media(part)
        case Unknown(type="refusal"):
            return {"text": str(part.fields.get("refusal") or "")}
        case Unknown(type="gemini"):
            return dict(part.fields)
        case Unknown():
            raise InvalidRequest(
                f"messages: a content part of type {part.type!r} has no form at this provider"
            )


def _model_parts(message: Message, model: str) -> Parts:
    """Signed thoughts, what the provider's own tools did, text, then calls, signed as they were."""
    own = [item for item in message.reasoning if item.format == FORMAT]
    parts: Parts = [_thought(item) for item in own if item.signature is not None]
    parts.extend(_server_parts(message))
    texts = [p for part in _named_parts(message) for p in _encode_user(part)]
    texts.extend(_text(message.refusal or ""))
    texts.extend(_pictures(message))
    by_call, loose = _signatures(own, message.tool_calls)
    if loose:
        if not texts:
            texts.append({"text": ""})
        # an earlier signature stood on an empty text of its own
        texts[-1:-1] = [{"text": "", "thoughtSignature": data} for data in loose[:-1]]
        texts[-1]["thoughtSignature"] = loose[-1]
    calls = [_call(call, by_call.get(call.id)) for call in message.tool_calls]
    newest = (generation(model) or 0) >= 3
    if newest and calls and not any("thoughtSignature" in call for call in calls):
        calls[0]["thoughtSignature"] = UNSIGNED_CALL
    return [*parts, *texts, *calls]


def _signatures(
    own: Sequence[Reasoning], calls: Sequence[ToolCall]
) -> tuple[dict[str, str], list[str]]:
    """Signatures by the id of the call they sign, and those of plain text, in order."""
    by_call: dict[str, str] = {}
    loose: list[str] = []
    known = {call.id for call in calls}
    for item in own:
        if item.data is None:
            continue
        if item.id is None:
            loose.append(item.data)
        elif item.id in known:
            by_call[item.id] = item.data
        elif calls and not by_call:  # the ids were rewritten on the way: the first call has it
            by_call[calls[0].id] = item.data
    return by_call, loose


def _thought(item: Reasoning) -> JsonObject:
    """A thought that was signed. One without signature is a summary for people: the model
    does not need it back, and would only be charged for it."""
    part: JsonObject = {"thought": True, "thoughtSignature": item.signature}
    if text := item.text or item.summary:
        part["text"] = text
    return part


def _pictures(message: Message) -> Parts:
    """Images that the model made earlier, as clients send them back."""
    images: Any = (message.extra or {}).get("images")
    nested = [i.get("image_url") for i in images if isinstance(i, dict)] if images else []
    urls = [image.get("url") for image in nested if isinstance(image, dict)]
    return [encode_media(Image(url=url)) for url in urls if isinstance(url, str)]


def _server_parts(message: Message) -> Parts:
    """Parts of tools that the provider ran, as `stream_in` handed them out."""
    parts = (message.extra or {}).get("content_parts")
    if not isinstance(parts, list):
        return []
    names = {"executableCode", "codeExecutionResult", "toolCall", "toolResponse"}
    return [part for part in parts if isinstance(part, dict) and names & part.keys()]


def _call(call: ToolCall, signature: str | None) -> JsonObject:
    function: JsonObject = {
        "name": call.name,
        "args": arguments_object(call.arguments, wrapper="input"),
    }
    if call.id:
        function["id"] = call.id
    part: JsonObject = {"functionCall": function}
    if signature is not None:
        part["thoughtSignature"] = signature
    return part


def _run_of_tools(messages: Sequence[Message], start: int) -> list[Message]:
    end = start
    while end < len(messages) and messages[end].role == "tool":
        end += 1
    return list(messages[start:end])


def _results(
    answers: Sequence[Message], calls: Sequence[ToolCall], names: Mapping[str, str], model: str
) -> Parts:
    """Results in the order of their calls; what cannot be placed keeps its own order."""
    order = {call.id: number for number, call in enumerate(calls)}
    ranked = sorted(answers, key=lambda answer: order.get(answer.tool_call_id or "", len(order)))
    inside = (generation(model) or 0) >= 3
    results: Parts = []
    media: Parts = []
    for answer in ranked:
        name = names.get(answer.tool_call_id or "") or answer.name or "tool"
        shown = list(_media(answer))
        function: JsonObject = {"name": name, "response": _response(answer)}
        if answer.tool_call_id:
            function["id"] = answer.tool_call_id
        if shown and inside:
            function["parts"] = shown
        else:
            media.extend(shown)  # older models read media beside the result
        results.append({"functionResponse": function})
    return results + media


def _response(answer: Message) -> JsonObject:
    """The result as the object that the API asks for; text that is one stays itself."""
    text = "\n".join(part.text for part in answer.parts if isinstance(part, Text))
    if text.lstrip().startswith("{"):
        try:
            body = loads(text)
        except JsonError:
            body = None
        if isinstance(body, dict):
            return body
    failed = answer.extra is not None and answer.extra.get("is_error") is True
    return {"error" if failed else "result": text}


def _media(answer: Message) -> Iterator[JsonObject]:
    return (_encode_part(part) for part in answer.parts if not isinstance(part, Text))
