"""The gateway's answer, JSON or events, read into the same shape as the recorded one."""

import json

import msgspec

from tests.conformance.accumulate import Call, Choice, JsonObject


class Received(msgspec.Struct, kw_only=True):
    """What came back over HTTP. `bodies` is every JSON object in it: one, or one per event.

    `unreadable` says why the answer could not be read, None if it could.
    """

    status: int
    headers: dict[str, str]
    raw: bytes
    stream: bool
    bodies: list[JsonObject] = []
    choices: dict[int, Choice] = {}
    usage: JsonObject | None = None
    error: JsonObject | None = None
    unreadable: str | None = None


def read_received(*, status: int, headers: dict[str, str], raw: bytes) -> Received:
    """Read an answer of the gateway; header names are expected in lower case."""
    stream = "text/event-stream" in headers.get("content-type", "")
    received = Received(status=status, headers=headers, raw=raw, stream=stream)
    try:
        texts = _events(raw) if stream else [raw.decode()]
        received.bodies = [_strict_object(text) for text in texts]
    except ValueError as error:
        received.unreadable = str(error)[:200]
        return received
    for body in received.bodies:
        if isinstance(body.get("error"), dict):
            received.error = body["error"]
        _feed(received, body)
    return received


def _events(raw: bytes) -> list[str]:
    """The data of each event but the closing `[DONE]`. Raises ValueError for bad UTF-8."""
    lines = raw.decode().split("\n")
    data = [line[6:] for line in lines if line.startswith("data: ")]
    return [text for text in data if text != "[DONE]"]


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _strict_object(text: str) -> JsonObject:
    value = json.loads(text, parse_constant=_refuse_constant)
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} where an object belongs")
    return value


def _feed(received: Received, body: JsonObject) -> None:
    if isinstance(body.get("usage"), dict):
        received.usage = body["usage"]
    choices = body.get("choices")
    for raw in choices if isinstance(choices, list) else ():
        if not isinstance(raw, dict):
            continue
        choice = received.choices.setdefault(_index(raw.get("index")), Choice())
        message = raw.get("delta" if received.stream else "message")
        if isinstance(message, dict):
            _feed_message(choice, raw, message)


def _feed_message(choice: Choice, raw: JsonObject, message: JsonObject) -> None:
    choice.text += _text(message.get("content"))
    choice.refusal += _text(message.get("refusal"))
    choice.reasoning += _text(message.get("reasoning"))
    for detail in _objects(message.get("reasoning_details")):
        choice.signature += _text(detail.get("signature"))
        if isinstance(detail.get("data"), str):
            choice.encrypted.append(detail["data"])
    for position, fragment in enumerate(_objects(message.get("tool_calls"))):
        _feed_call(choice, fragment, position)
    named = {call.id: number for number, call in enumerate(choice.calls)}
    for detail in _objects(message.get("reasoning_details")):
        if detail.get("id") and detail.get("type") == "reasoning.encrypted":
            choice.signatures_of.append(_text(detail["id"]))
    choice.signed_calls = [named[i] for i in choice.signatures_of if i in named]
    legacy = message.get("function_call")
    if isinstance(legacy, dict):
        known = choice.legacy_call or Call()
        known.name += _text(legacy.get("name"))
        known.arguments += _text(legacy.get("arguments"))
        choice.legacy_call = known
    choice.annotations += _objects(message.get("annotations"))
    choice.citations = (choice.citations or 0) + len(_objects(message.get("citations")))
    choice.own = [*(choice.own or []), *_kinds(message.get("content_parts"))]
    choice.own += _kinds(message.get("output_items"))
    choice.images += _objects(message.get("images"))
    if isinstance(message.get("audio"), dict):
        choice.audio += _text(message["audio"].get("data"))
    _feed_choice_fields(choice, raw)


def _feed_choice_fields(choice: Choice, raw: JsonObject) -> None:
    if raw.get("finish_reason") is not None:
        choice.finish = raw["finish_reason"]
        choice.native_finish = raw.get("native_finish_reason")
    logprobs = raw.get("logprobs")
    if isinstance(logprobs, dict):
        choice.logprob_tokens += [str(t.get("token")) for t in _objects(logprobs.get("content"))]


def _feed_call(choice: Choice, fragment: JsonObject, position: int) -> None:
    """The contract's index is exact, so it alone decides which call a fragment belongs to."""
    index = fragment.get("index")
    call = choice.by_index.get(index if isinstance(index, int) else position)
    if call is None:
        call = Call()
        choice.calls.append(call)
        choice.by_index[index if isinstance(index, int) else position] = call
    function = fragment.get("function")
    call.id = call.id or _text(fragment.get("id"))
    if isinstance(function, dict):
        call.name = call.name or _text(function.get("name"))
        call.arguments += _text(function.get("arguments"))


def _kinds(parts: object) -> list[str]:
    """The kinds of a provider's own blocks: their `type`, or the member that names them."""
    own = {"thoughtSignature"}
    return [
        str(part.get("type") or "+".join(sorted(part.keys() - own))) for part in _objects(parts)
    ]


def _index(value: object) -> int:
    """A missing or wrong index is reported as such; here it is the first choice's."""
    return value if isinstance(value, int) else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _objects(value: object) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
