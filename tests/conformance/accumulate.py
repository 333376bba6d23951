"""The recorded answer of an OpenAI-chat provider, read into what the gateway must say.

Written for this run only and tolerant of everything the family is known to do:
usage on no, some or every chunk, content as a list, indexes and ids that are
missing, finish reasons inside the last delta, errors after HTTP 200.
"""

import json
from typing import Any

import msgspec

JsonObject = dict[str, Any]


class Call(msgspec.Struct, kw_only=True):
    """A tool call; `arguments` is JSON text, "" where nothing was sent."""

    id: str = ""
    name: str = ""
    arguments: str = ""


class Choice(msgspec.Struct, kw_only=True):
    """One answer. `finish` is the provider's own word; `native_finish` a second word of its
    own for it, where it relays another provider's. `legacy_call` is `function_call`.
    `own` are the kinds of blocks that only the provider itself knows, `citations` counts
    those that name no web page, `signed_calls` are the numbers of the calls that carry a
    signature (`signatures_of` their ids); None: not looked at. `wanted_finish` is the contract's word where the
    provider's own does not decide it."""

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    encrypted: list[str] = []
    signature: str = ""
    calls: list[Call] = []
    by_index: dict[int, Call] = {}
    legacy_call: Call | None = None
    finish: str | None = None
    native_finish: str | None = None
    annotations: list[object] = []
    images: list[object] = []
    audio: str = ""
    logprob_tokens: list[str] = []
    own: list[str] | None = None
    citations: int | None = None
    signed_calls: list[int] | None = None
    signatures_of: list[str] = []
    wanted_finish: str | None = None

    def has_content(self) -> bool:
        """Whether a client would have seen anything of it."""
        seen = (self.text, self.refusal, self.reasoning, self.encrypted, self.calls)
        return any(seen) or bool(self.images or self.audio or self.annotations)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error the provider reported; `status` is what it claimed, None if it did not."""

    status: int | None
    message: str


class Native(msgspec.Struct, kw_only=True):
    """A provider's whole answer.

    `complete`: it said that it was finished (a finish reason or `[DONE]`), so the
    gateway has no reason to report a failure. `doubts` are oddities that leave
    open what the right answer is; with any of them only the shape is checked.
    """

    choices: dict[int, Choice] = {}
    usage: JsonObject | None = None
    failure: Failure | None = None
    complete: bool = False
    system_fingerprint: str | None = None
    doubts: list[str] = []

    def has_content(self) -> bool:
        return any(choice.has_content() for choice in self.choices.values())


def read_native(body: bytes, *, status: int, stream: bool) -> Native:
    """Read a provider's answer. Total: odd input ends in `failure` or `doubts`, never raises."""
    if status == 0:
        return Native(failure=Failure(status=None, message="the provider did not answer"))
    if status >= 400:
        return Native(failure=Failure(status=status, message=body[:200].decode("utf-8", "replace")))
    if not body.strip():
        return Native(failure=Failure(status=None, message="the provider's answer is empty"))
    looks_like_events = _looks_like_events(body)
    native = _read_stream(body) if looks_like_events else _read_body(body)
    if any(is_torn(choice.text) for choice in native.choices.values()):
        native.doubts.append("half of a surrogate pair is not text")
    if looks_like_events != stream:
        native.doubts.append("the answer's kind is not the one that was asked for")
    return native


def _looks_like_events(body: bytes) -> bool:
    start = body.lstrip(b"\xef\xbb\xbf \r\n\t")
    return start.startswith((b"data:", b"event:", b"id:", b"retry:", b":"))


def sse_data(body: bytes) -> list[str]:
    """The `data` of each event in order; any of the three line ends, BOM and comments skipped."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    events: list[str] = []
    lines: list[str] = []
    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        if not line:
            if lines:
                events.append("\n".join(lines))
            lines = []
        elif line.startswith("data:"):
            lines.append(line.removeprefix("data:").removeprefix(" "))
    return events


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _strict(text: str) -> object:
    """Parse JSON, and nothing that only Python takes for it. Raises ValueError."""
    return json.loads(text, parse_constant=_refuse_constant)


def _read_stream(body: bytes) -> Native:
    native = Native()
    for data in sse_data(body):
        if data.strip() == "[DONE]":
            native.complete = True
            break
        try:
            chunk = _strict(data)
        except ValueError:
            native.doubts.append("an event is not JSON")
            continue
        if not isinstance(chunk, dict):
            native.doubts.append("an event is not an object")
            continue
        if chunk.get("error"):
            native.failure = _failure(chunk)
            break
        _feed(native, chunk)
    finished = [choice.finish is not None for choice in native.choices.values()]
    native.complete = native.complete or (bool(finished) and all(finished))
    return native


def _read_body(body: bytes) -> Native:
    native = Native(complete=True)
    try:
        whole = _strict(body.decode("utf-8", "replace").removeprefix("\ufeff"))
    except ValueError:
        return Native(failure=Failure(status=None, message="the answer is not JSON"))
    if not isinstance(whole, dict):
        return Native(failure=Failure(status=None, message="the answer is not an object"))
    if whole.get("error"):
        native.failure = _failure(whole)
    elif not isinstance(whole.get("choices"), list):
        native.failure = Failure(status=None, message="the answer has no choices")
    else:
        _feed(native, whole)
        if not native.choices:
            native.doubts.append("the answer has no choice in it")
    return native


def _failure(body: JsonObject) -> Failure:
    error = body["error"]
    fields = error if isinstance(error, dict) else {}
    claims = (fields.get("status_code"), fields.get("status"), fields.get("code"))
    status = next((c for c in claims if isinstance(c, int) and 400 <= c <= 599), None)
    return Failure(status=status, message=str(fields.get("message") or error)[:200])


def _feed(native: Native, chunk: JsonObject) -> None:
    """Take in one chunk, or a whole body (whose choices have `message` for `delta`)."""
    if isinstance(chunk.get("system_fingerprint"), str):
        native.system_fingerprint = chunk["system_fingerprint"]
    for position, raw in enumerate(_items(chunk.get("choices"))):
        if not isinstance(raw, dict):
            native.doubts.append("a choice is not an object")
            continue
        index = raw.get("index")
        choice = native.choices.setdefault(index if isinstance(index, int) else position, Choice())
        message = raw.get("delta") if isinstance(raw.get("delta"), dict) else None
        if chunk.get("object") == "chat.completion" or message is None:
            message = raw.get("message") if isinstance(raw.get("message"), dict) else message
        _feed_choice(choice, raw, message or {}, native)
        _take_usage(native, raw.get("usage"))
        if choice.finish and not choice.annotations:
            choice.annotations += _sources(chunk)
    groq = chunk.get("x_groq")
    if isinstance(groq, dict):
        _take_usage(native, groq.get("usage"))
        if groq.get("error"):
            native.doubts.append("the provider reports an error beside the answer")
    _take_usage(native, chunk.get("usage"))


def _sources(chunk: JsonObject) -> list[object]:
    """Perplexity's sources stand beside the choices: with titles, or as bare addresses."""
    named = [s for s in _objects(chunk.get("search_results")) if isinstance(s.get("url"), str)]
    return list(named) or [url for url in _items(chunk.get("citations")) if isinstance(url, str)]


def _take_usage(native: Native, usage: object) -> None:
    """Keep the last usage that counts both sides; cumulative ones replace each other."""
    if not isinstance(usage, dict) or not _is_count(usage.get("prompt_tokens")):
        return
    complete = _is_count(usage.get("completion_tokens"))
    if complete or native.usage is None:
        native.usage = usage


def _feed_choice(choice: Choice, raw: JsonObject, message: JsonObject, native: Native) -> None:
    _feed_content(choice, message.get("content"), native)
    if isinstance(message.get("refusal"), str):
        choice.refusal += message["refusal"]
    _feed_reasoning(choice, message)
    for fragment in _items(message.get("tool_calls")):
        _feed_call(choice, fragment, native)
    legacy = message.get("function_call")
    if isinstance(legacy, dict) and (legacy.get("name") or legacy.get("arguments")):
        call = choice.legacy_call or Call()
        call.name = call.name or _text(legacy.get("name"))
        call.arguments += _arguments_text(legacy.get("arguments"))
        choice.legacy_call = call
    _feed_extras(choice, raw, message)
    if raw.get("finish_reason"):
        choice.finish = str(raw["finish_reason"])
        second = raw.get("native_finish_reason")
        choice.native_finish = second if isinstance(second, str) else None


def _feed_content(choice: Choice, content: object, native: Native) -> None:
    """Text, or Mistral's list of parts in which thinking stands beside text."""
    if isinstance(content, str):
        choice.text += content
    elif isinstance(content, list):
        for part in content:
            _feed_part(choice, part, native)
    elif content is not None:
        native.doubts.append(f"content is a {type(content).__name__}")


def _feed_part(choice: Choice, part: object, native: Native) -> None:
    if isinstance(part, str):
        choice.text += part
    elif isinstance(part, dict) and part.get("type") == "thinking":
        choice.reasoning += _thinking_text(part.get("thinking"))
    elif isinstance(part, dict) and isinstance(part.get("text"), str):
        choice.text += part["text"]
    elif isinstance(part, dict) and part.get("type") in {"reference", "tool_reference"}:
        return  # a citation mark without text
    else:
        native.doubts.append("a content part of a kind without a translation")


def _thinking_text(thinking: object) -> str:
    if isinstance(thinking, str):
        return thinking
    if not isinstance(thinking, list):
        return ""
    return "".join(
        str(item.get("text") or "") if isinstance(item, dict) else str(item) for item in thinking
    )


def _feed_reasoning(choice: Choice, message: JsonObject) -> None:
    """Reasoning is often said twice in one message; each spelling repeats the others."""
    details = _objects(message.get("reasoning_details"))
    visible = "".join(
        d[key] for d in details for key in ("text", "summary") if isinstance(d.get(key), str)
    )
    plain = (message.get("reasoning"), message.get("reasoning_content"))
    choice.reasoning += next((t for t in plain if isinstance(t, str) and t), visible)
    for detail in details:
        if isinstance(detail.get("data"), str):
            choice.encrypted.append(detail["data"])
        if isinstance(detail.get("signature"), str):
            choice.signature += detail["signature"]


def _arguments_text(arguments: object) -> str:
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else json.dumps(arguments)


def _feed_call(choice: Choice, fragment: object, native: Native) -> None:
    function = fragment.get("function") if isinstance(fragment, dict) else None
    if not isinstance(fragment, dict) or not isinstance(function, dict):
        native.doubts.append("a tool call without a function")
        return
    call = _open_call(choice, fragment, function)
    call.name = call.name or _text(function.get("name"))
    call.arguments += _arguments_text(function.get("arguments"))


def _open_call(choice: Choice, fragment: JsonObject, function: JsonObject) -> Call:
    """The call that `fragment` belongs to: by index, else by id, else the last one.

    An index that comes again with another id and a name is another call: some
    hosts number every parallel call 0.
    """
    given_id = _text(fragment.get("id"))
    index = fragment.get("index")
    known = choice.by_index.get(index) if isinstance(index, int) else None
    if index is None and choice.calls:
        last = choice.calls[-1]
        opens = given_id != last.id if given_id else bool(function.get("name"))
        known = None if opens else last
    elif known is not None and given_id and given_id != known.id and function.get("name"):
        known = None
    if known is not None:
        return known
    call = Call(id=given_id)
    choice.calls.append(call)
    if isinstance(index, int):
        choice.by_index[index] = call
    return call


def _feed_extras(choice: Choice, raw: JsonObject, message: JsonObject) -> None:
    """Attachments, of which the run only asks whether they arrive, and log probabilities."""
    choice.annotations += _objects(message.get("annotations"))
    choice.images += _objects(message.get("images"))
    audio = message.get("audio")
    if isinstance(audio, dict) and isinstance(audio.get("data"), str):
        choice.audio += audio["data"]
    logprobs = raw.get("logprobs")
    if isinstance(logprobs, dict):
        choice.logprob_tokens += [str(t.get("token")) for t in _objects(logprobs.get("content"))]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_torn(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _objects(value: object) -> list[JsonObject]:
    return [item for item in _items(value) if isinstance(item, dict)]
