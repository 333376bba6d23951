"""From a request and a step to the bytes of the answer and their times. No I/O.

The wire is OpenAI's: https://platform.openai.com/docs/api-reference/chat
(an opener with the role and empty content, one delta per piece, an empty delta
with the finish reason, a chunk without choices that carries the usage when
`stream_options.include_usage` asks for it, `[DONE]`).

Tokens are counted by a rule of its own that needs no vocabulary: a token is up
to six letters or digits, or one other sign, each with the white space before
it. A message costs four more, a part that is no text 85, tools what their JSON
costs.
"""

import re
from collections.abc import Iterator, Sequence
from random import Random

import msgspec

from portico.jsonio import JsonObject, dumps
from portico.simulator.script import CutMode, Step, ToolCallStep

_TOKEN = re.compile(r"\s*\w{1,6}|\s*[^\w\s]|\s+")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_PER_MESSAGE_TOKENS = 4
_PER_MEDIA_PART_TOKENS = 85
_QUOTED_CHARACTERS = 300
_NOT_UTF8 = b"\xff\xfe"
_ERROR_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
Headers = tuple[tuple[str, str], ...]


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Body bytes that are sent together, `delay_s` after those before them."""

    delay_s: float
    data: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer and how its sending shall end.

    `headers` lack framing (Content-Length, Transfer-Encoding): that is the
    server's. `streamed` asks for chunked framing. `cut_at_byte` and `how` are
    the step's.
    """

    status: int
    headers: Headers
    frames: tuple[Frame, ...]
    streamed: bool = False
    early_head: bool = False
    cut_at_byte: int | None = None
    how: CutMode = "fin"


def tokens(text: str) -> list[str]:
    """Split `text` into what the simulator calls tokens; joined they are `text`.

    >>> tokens("Say hi, please!")
    ['Say', ' hi', ',', ' please', '!']
    """
    return _TOKEN.findall(text)


def greeting(request: JsonObject) -> str:
    """What the simulator says of its own: that it is no model, and what it was told."""
    said = _last_user_text(request)
    opening = (
        "I am the Portico simulator, not a language model: I answer every prompt like this, "
        "at the pace of a real provider."
    )
    if not said:
        return f"{opening} You sent no text."
    quoted = said if len(said) <= _QUOTED_CHARACTERS else said[:_QUOTED_CHARACTERS] + "…"
    return f"{opening} You said: {quoted}"


def answer(request: JsonObject, step: Step, *, seed: int, number: int, created_s: int) -> Answer:
    """Return the answer to a chat request.

    Args:
        request: the decoded body; what it lacks is taken as empty.
        step: with its pace filled in, see `Player.next_step`.
        seed: of the script.
        number: of the request since the start. With `seed` it decides
            everything random: ids, jitter, wrong counts.
        created_s: Unix time for the `created` fields.
    """
    rng = Random(f"{seed}:{number}")
    if step.body is not None:
        return _finish(step, _whole(step, step.body.encode(), step.content_type), rng)
    if step.status >= 400:
        return _finish(step, _whole(step, error_body(step.status, step.error)), rng)
    plan = _Plan.of(request, step, rng, created_s=created_s)
    if request.get("stream") is True:
        return _finish(step, _stream(plan, step, rng), rng)
    return _finish(step, _json(plan, step), rng)


def error_body(status: int, fields: JsonObject | None = None) -> bytes:
    """Return an error in OpenAI's shape; `fields` are merged over the usual ones."""
    kind = _ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    usual: JsonObject = {
        "message": f"The simulator was told to answer with status {status}.",
        "type": kind,
        "param": None,
        "code": None,
    }
    return dumps({"error": {**usual, **(fields or {})}})


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the simulated model says, before it is put into a wire form."""

    id: str
    created_s: int
    model: str
    reasoning: tuple[str, ...]
    pieces: tuple[str, ...]
    calls: tuple[tuple[str, ToolCallStep], ...]
    finish_reason: str
    usage: JsonObject | None
    wants_usage_chunk: bool

    @classmethod
    def of(cls, request: JsonObject, step: Step, rng: Random, *, created_s: int) -> "_Plan":
        pieces, cut_short = _pieces(request, step)
        reasoning = tuple(tokens(step.reasoning or ""))
        calls = tuple((call.id or f"call_{_noise(rng, 24)}", call) for call in step.tool_calls)
        told = sum(len(tokens(name_and_arguments(call))) for _, call in calls)
        fitting = "tool_calls" if calls else "length" if cut_short else "stop"
        options = request.get("stream_options")
        return cls(
            id=f"chatcmpl-{_noise(rng, 29)}",
            created_s=created_s,
            model=str(request.get("model") or ""),
            reasoning=reasoning,
            pieces=pieces,
            calls=calls,
            finish_reason=step.finish_reason or fitting,
            usage=_usage(
                step,
                rng,
                prompt=prompt_tokens(request),
                completion=len(tokens("".join(pieces))) + len(reasoning) + told,
                reasoning=len(reasoning),
            ),
            wants_usage_chunk=isinstance(options, dict) and options.get("include_usage") is True,
        )


def name_and_arguments(call: ToolCallStep) -> str:
    """The text of a call that its tokens are counted of."""
    return call.name + arguments_text(call)


def arguments_text(call: ToolCallStep) -> str:
    """The arguments as the JSON text that goes over the wire."""
    if isinstance(call.arguments, str):
        return call.arguments
    return dumps(call.arguments).decode()


def prompt_tokens(request: JsonObject) -> int:
    """Count the prompt by the rule at the top of this module."""
    count = len(tokens(dumps(request["tools"]).decode())) if request.get("tools") else 0
    for message in _messages(request):
        count += _PER_MESSAGE_TOKENS
        for part in _parts(message):
            count += _PER_MEDIA_PART_TOKENS if part is None else len(tokens(part))
    return count


def _messages(request: JsonObject) -> Iterator[JsonObject]:
    messages = request.get("messages")
    if isinstance(messages, list):
        yield from (message for message in messages if isinstance(message, dict))


def _parts(message: JsonObject) -> Iterator[str | None]:
    """The parts of a message; None for each that is no text."""
    content = message.get("content")
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, dict) else None
            yield text if isinstance(text, str) else None


def _last_user_text(request: JsonObject) -> str:
    said = ""
    for message in _messages(request):
        if message.get("role") == "user":
            said = " ".join(part for part in _parts(message) if part).strip() or said
    return said


def _pieces(request: JsonObject, step: Step) -> tuple[tuple[str, ...], bool]:
    """The text as it shall be streamed, and whether `max_tokens` ended it."""
    if step.chunks is not None:
        return step.chunks, False
    if step.text is not None:
        return tuple(tokens(step.text)), False
    if step.tool_calls:
        return (), False
    pieces = tokens(greeting(request))
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    if isinstance(limit, int) and 0 < limit < len(pieces):
        return tuple(pieces[:limit]), True
    return tuple(pieces), False


def _usage(
    step: Step, rng: Random, *, prompt: int, completion: int, reasoning: int
) -> JsonObject | None:
    if step.usage == "missing":
        return None
    total = prompt + completion
    if step.usage == "wrong":
        prompt, completion, reasoning = (
            count * rng.randint(2, 9) + 1 for count in (prompt, completion, reasoning)
        )
        total = prompt + completion + rng.randint(1, 99)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
    }


def _noise(rng: Random, length: int) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(rng.choices(letters, k=length))


def _whole(step: Step, body: bytes, content_type: str = "application/json") -> Answer:
    frames = (Frame(delay_s=step.ttft_s or 0.0, data=body),)
    return Answer(status=step.status, headers=(("content-type", content_type),), frames=frames)


def _json(plan: _Plan, step: Step) -> Answer:
    message: JsonObject = {"role": "assistant", "content": "".join(plan.pieces) or None}
    if plan.reasoning:
        message[step.reasoning_field] = "".join(plan.reasoning)
    if plan.calls:
        message["tool_calls"] = [
            {
                "id": call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": arguments_text(call)},
            }
            for call_id, call in plan.calls
        ]
    message["refusal"] = None
    body: JsonObject = {
        "id": plan.id,
        "object": "chat.completion",
        "created": plan.created_s,
        "model": plan.model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": plan.finish_reason,
            }
        ],
        "system_fingerprint": "fp_portico",
    }
    if plan.usage is not None:
        body["usage"] = plan.usage
    intervals = max(0, sum(1 for _ in _deltas(plan, step)) - 1)
    waiting_s = intervals * (step.chunk_interval_s or 0.0)
    frame = Frame(delay_s=(step.ttft_s or 0.0) + waiting_s, data=dumps(body))
    headers = (("content-type", "application/json"),)
    return Answer(status=step.status, headers=headers, frames=(frame,))


def _stream(plan: _Plan, step: Step, rng: Random) -> Answer:
    head = dumps(
        {
            "id": plan.id,
            "object": "chat.completion.chunk",
            "created": plan.created_s,
            "model": plan.model,
            "system_fingerprint": "fp_portico",
        }
    )
    opening = b"data: " + head[:-1] + b',"choices":['
    closing = b'],"usage":null}\n\n' if plan.wants_usage_chunk and plan.usage else b"]}\n\n"

    def event(delta: JsonObject, finish_reason: str | None = None) -> bytes:
        choice = {
            "index": 0,
            "delta": delta,
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        return opening + dumps(choice) + closing

    opener = event({"role": "assistant", "content": "", "refusal": None})
    events = [opener, *(event(delta) for delta in _deltas(plan, step))]
    finish = [event({}, plan.finish_reason)]
    if plan.wants_usage_chunk and plan.usage is not None:
        finish.append(opening + b'],"usage":' + dumps(plan.usage) + b"}\n\n")
    finish.append(b"data: [DONE]\n\n")
    if step.error_at_chunk is not None:
        events = events[: step.error_at_chunk + 1] if step.error_at_chunk else []
        finish = [b"data: " + error_body(500, step.error) + b"\n\n"]
    return Answer(
        status=step.status,
        headers=(
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-cache"),
        ),
        frames=tuple(_paced(events, b"".join(finish), step, rng)),
        streamed=True,
    )


def _deltas(plan: _Plan, step: Step) -> Iterator[JsonObject]:
    for piece in plan.reasoning:
        yield {step.reasoning_field: piece}
    for piece in plan.pieces:
        yield {"content": piece}
    for index, (call_id, call) in enumerate(plan.calls):
        function: JsonObject = {"name": call.name, "arguments": ""}
        call_opener = {"index": index, "id": call_id, "type": "function", "function": function}
        yield {"tool_calls": [call_opener]}
        for piece in tokens(arguments_text(call)):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _paced(events: Sequence[bytes], finish: bytes, step: Step, rng: Random) -> Iterator[Frame]:
    """The opener comes with the first delta, as providers do, the rest at the step's pace.

    The finish comes at once after the last delta.
    """
    for number, event in enumerate(events):
        spread = 1.0 + step.jitter * rng.uniform(-1.0, 1.0)
        interval_s = (step.chunk_interval_s or 0.0) * spread if number > 1 else 0.0
        yield Frame(delay_s=interval_s if number else step.ttft_s or 0.0, data=event)
    yield Frame(delay_s=0.0 if events else step.ttft_s or 0.0, data=finish)


def _finish(step: Step, plain: Answer, rng: Random) -> Answer:
    """Add the step's headers and its faults."""
    headers = [*plain.headers, ("x-request-id", f"req_{_noise(rng, 16)}")]
    if step.retry_after_s is not None:
        headers.append(("retry-after", f"{step.retry_after_s:g}"))
    own = {name.lower(): value for name, value in step.headers.items()}
    kept = [(name, value) for name, value in headers if name not in own]
    return msgspec.structs.replace(
        _malformed(plain, step),
        headers=(*kept, *own.items()),
        early_head=step.early_head,
        cut_at_byte=step.cut_at_byte,
        how=step.how,
    )


def _malformed(plain: Answer, step: Step) -> Answer:
    if step.malformed is None:
        return plain
    middle = (len(plain.frames) - 1) // 2
    frame = plain.frames[middle]
    damaged = _damage(frame.data, step.malformed, streamed=plain.streamed)
    frames = list(plain.frames)
    frames[middle] = msgspec.structs.replace(frame, data=damaged)
    return msgspec.structs.replace(plain, frames=tuple(frames))


def _damage(data: bytes, kind: str, *, streamed: bool) -> bytes:
    """Break the event in `data`, or the body when it is no stream."""
    if kind == "sse" and not streamed:
        return b"data: " + data + b"\n\n"
    text, end = (data[:-2], b"\n\n") if streamed else (data, b"")
    half = len(text) // 2
    if kind == "json":
        return text[:half] + end
    if kind == "utf8":
        place = _inside_a_string(text, half)
        return text[:place] + _NOT_UTF8 + text[place:] + end
    return text[:half] + b"\n\n" + text[half:] + end


def _inside_a_string(text: bytes, near: int) -> int:
    """A place inside a JSON string, where any byte would be allowed if it were UTF-8."""
    return next((found.start() + 1 for found in _STRING.finditer(text) if found.end() > near), near)
