"""One conversation as each upstream dialect tells it: text, two tool calls, usage, in both modes."""

import json
from collections.abc import Callable

import msgspec

from tests.dialects.bedrock_converse.samples import frame
from tests.surfaces.upstream import Played, stream, whole

TEXT = ("Let me ", "look: Olá!")
CALLS = (("get_weather", {"city": "Lisbon"}), ("get_weather", {"city": "Porto"}))
PROMPT, CACHED, OUTPUT = 100, 20, 30


class Native(msgspec.Struct, frozen=True, kw_only=True):
    """How one dialect answers. `cached` are the prompt tokens it says were cached."""

    provider: str
    upstream: str
    whole: Callable[[], Played]
    stream: Callable[[], Played]
    cached: int = CACHED


def sse(events: list[tuple[str | None, object]], end: str = "") -> Played:
    text = "".join(
        (f"event: {name}\n" if name else "") + f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
        for name, data in events
    )
    return stream((text + end).encode())


# OpenAI chat

_CHAT_USAGE = {
    "prompt_tokens": PROMPT,
    "completion_tokens": OUTPUT,
    "total_tokens": PROMPT + OUTPUT,
    "prompt_tokens_details": {"cached_tokens": CACHED},
}


def _chat_call(number: int) -> dict:
    name, arguments = CALLS[number]
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": f"call_{number}", "type": "function", "function": function}


def chat_whole() -> Played:
    message = {
        "role": "assistant",
        "content": "".join(TEXT),
        "tool_calls": [_chat_call(0), _chat_call(1)],
    }
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return whole(
        {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
         "usage": _CHAT_USAGE}
    )  # fmt: skip


def chat_stream() -> Played:
    deltas: list[dict] = [{"role": "assistant", "content": TEXT[0]}, {"content": TEXT[1]}]
    for number in (0, 1):
        call = _chat_call(number)
        arguments = call["function"]["arguments"]
        start = {**call, "index": number, "function": {**call["function"], "arguments": ""}}
        deltas.append({"tool_calls": [start]})
        for part in (arguments[:6], arguments[6:]):
            deltas.append({"tool_calls": [{"index": number, "function": {"arguments": part}}]})
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    chunks.append({**head, "choices": [], "usage": _CHAT_USAGE})
    return sse([(None, chunk) for chunk in chunks], "data: [DONE]\n\n")


# Anthropic messages


_DIRECT = {"type": "direct"}


def anthropic_whole() -> Played:
    calls = [
        {
            "type": "tool_use",
            "id": f"toolu_{n}",
            "name": name,
            "input": arguments,
            "caller": _DIRECT,
        }
        for n, (name, arguments) in enumerate(CALLS)
    ]
    return whole(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": "".join(TEXT), "citations": None}, *calls],
            "stop_reason": "tool_use",
            "stop_sequence": None,
            "usage": {
                "input_tokens": PROMPT - CACHED,
                "cache_read_input_tokens": CACHED,
                "cache_creation_input_tokens": 0,
                "output_tokens": OUTPUT,
            },
        }
    )


def anthropic_stream() -> Played:
    usage = {
        "input_tokens": PROMPT - CACHED,
        "cache_read_input_tokens": CACHED,
        "cache_creation_input_tokens": 0,
        "output_tokens": 1,
    }
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    events: list[tuple[str | None, object]] = []

    def add(kind: str, **fields: object) -> None:
        events.append((kind, {"type": kind, **fields}))

    add("message_start", message=message)
    add(
        "content_block_start",
        index=0,
        content_block={"type": "text", "text": "", "citations": None},
    )
    add("ping")
    for text in TEXT:
        add("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
    add("content_block_stop", index=0)
    for n, (name, arguments) in enumerate(CALLS):
        block = {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": {}}
        block["caller"] = _DIRECT
        add("content_block_start", index=n + 1, content_block=block)
        written = json.dumps(arguments)
        for part in ("", written[:6], written[6:]):
            delta = {"type": "input_json_delta", "partial_json": part}
            add("content_block_delta", index=n + 1, delta=delta)
        add("content_block_stop", index=n + 1)
    add(
        "message_delta",
        delta={"stop_reason": "tool_use", "stop_sequence": None},
        usage={"output_tokens": OUTPUT},
    )
    add("message_stop")
    return sse(events)


# Gemini

_GEMINI_USAGE = {
    "promptTokenCount": PROMPT,
    "cachedContentTokenCount": CACHED,
    "candidatesTokenCount": OUTPUT,
    "totalTokenCount": PROMPT + OUTPUT,
}


def _gemini(parts: list[dict], *, last: bool) -> dict:
    candidate: dict = {"index": 0, "content": {"role": "model", "parts": parts}}
    if last:
        candidate["finishReason"] = "STOP"
    return {
        "candidates": [candidate],
        "usageMetadata": _GEMINI_USAGE,
        "modelVersion": "m",
        "responseId": "r1",
    }


def _gemini_calls() -> list[dict]:
    return [{"functionCall": {"name": name, "args": arguments}} for name, arguments in CALLS]


def gemini_whole() -> Played:
    return whole(_gemini([{"text": "".join(TEXT)}, *_gemini_calls()], last=True))


def gemini_stream() -> Played:
    bodies = [_gemini([{"text": text}], last=False) for text in TEXT]
    return sse([(None, body) for body in [*bodies, _gemini(_gemini_calls(), last=True)]])


# Cohere

_COHERE_USAGE = {
    "billed_units": {"input_tokens": PROMPT, "output_tokens": OUTPUT},
    "tokens": {"input_tokens": PROMPT, "output_tokens": OUTPUT},
}


def cohere_whole() -> Played:
    return whole(
        {
            "id": "co1",
            "finish_reason": "TOOL_CALL",
            "message": {
                "role": "assistant",
                "content": [{"type": "text", "text": "".join(TEXT)}],
                "tool_calls": [_chat_call(0), _chat_call(1)],
            },
            "usage": _COHERE_USAGE,
        }
    )


def cohere_stream() -> Played:
    events: list[tuple[str | None, object]] = []

    def add(kind: str, **fields: object) -> None:
        events.append((kind, {"type": kind, **fields}))

    add("message-start", id="co1", delta={"message": {"role": "assistant", "content": []}})
    add("content-start", index=0, delta={"message": {"content": {"type": "text", "text": ""}}})
    for text in TEXT:
        add("content-delta", index=0, delta={"message": {"content": {"text": text}}})
    add("content-end", index=0)
    for n in (0, 1):
        call = _chat_call(n)
        arguments = call["function"]["arguments"]
        start = {**call, "function": {**call["function"], "arguments": ""}}
        add("tool-call-start", index=n, delta={"message": {"tool_calls": start}})
        for part in (arguments[:6], arguments[6:]):
            delta = {"message": {"tool_calls": {"function": {"arguments": part}}}}
            add("tool-call-delta", index=n, delta=delta)
        add("tool-call-end", index=n)
    add("message-end", delta={"finish_reason": "TOOL_CALL", "usage": _COHERE_USAGE})
    return sse(events)


# OpenAI responses

_RESPONSES_USAGE = {
    "input_tokens": PROMPT,
    "input_tokens_details": {"cached_tokens": CACHED},
    "output_tokens": OUTPUT,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": PROMPT + OUTPUT,
}


def _response(output: list[dict], *, status: str = "completed") -> dict:
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": status,
        "completed_at": 2 if status == "completed" else None, "error": None,
        "incomplete_details": None, "instructions": None, "max_output_tokens": None,
        "max_tool_calls": None, "model": "m", "output": output, "parallel_tool_calls": True,
        "previous_response_id": None, "prompt_cache_key": None, "background": False,
        "reasoning": {"effort": None, "summary": None}, "safety_identifier": None,
        "service_tier": "default", "store": False, "temperature": 1.0, "top_p": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"}, "tool_choice": "auto",
        "tools": [], "top_logprobs": 0, "truncation": "disabled", "user": None, "metadata": {},
        "presence_penalty": 0, "frequency_penalty": 0,
        "usage": _RESPONSES_USAGE if status == "completed" else None,
    }  # fmt: skip


def _said(text: str) -> dict:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
        "content": [part],
    }  # fmt: skip


def _called(number: int, *, arguments: str | None = None) -> dict:
    name, given = CALLS[number]
    return {
        "type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": name,
        "arguments": json.dumps(given) if arguments is None else arguments,
        "status": "completed" if arguments is None else "in_progress",
    }  # fmt: skip


def responses_whole() -> Played:
    return whole(_response([_said("".join(TEXT)), _called(0), _called(1)]))


def responses_stream() -> Played:
    events: list[tuple[str | None, object]] = []

    def add(kind: str, **fields: object) -> None:
        name = f"response.{kind}"
        events.append((name, {"type": name, "sequence_number": len(events), **fields}))

    begun = _response([], status="in_progress")
    add("created", response=begun)
    add("in_progress", response=begun)
    empty = {**_said(""), "status": "in_progress", "content": []}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    add("output_item.added", output_index=0, item=empty)
    part = _said("")["content"][0]
    add("content_part.added", **at, part=part)
    for text in TEXT:
        add("output_text.delta", **at, delta=text, logprobs=[])
    add("output_text.done", **at, text="".join(TEXT), logprobs=[])
    add("content_part.done", **at, part={**part, "text": "".join(TEXT)})
    add("output_item.done", output_index=0, item=_said("".join(TEXT)))
    for n in (0, 1):
        call = {"item_id": f"fc_{n}", "output_index": n + 1}
        arguments = json.dumps(CALLS[n][1])
        add("output_item.added", output_index=n + 1, item=_called(n, arguments=""))
        for fragment in (arguments[:6], arguments[6:]):
            add("function_call_arguments.delta", **call, delta=fragment)
        add("function_call_arguments.done", **call, name=CALLS[n][0], arguments=arguments)
        add("output_item.done", output_index=n + 1, item=_called(n))
    add("completed", response=_response([_said("".join(TEXT)), _called(0), _called(1)]))
    return sse(events)


# Converse


_CONVERSE_USAGE = {
    "inputTokens": PROMPT - CACHED,
    "cacheReadInputTokens": CACHED,
    "cacheWriteInputTokens": 0,
    "outputTokens": OUTPUT,
    "totalTokens": PROMPT + OUTPUT,
}


def converse_whole() -> Played:
    calls = [
        {"toolUse": {"toolUseId": f"tooluse_{n}", "name": name, "input": arguments}}
        for n, (name, arguments) in enumerate(CALLS)
    ]
    content = [{"text": "".join(TEXT)}, *calls]
    return whole(
        {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": "tool_use",
            "usage": _CONVERSE_USAGE,
            "metrics": {"latencyMs": 1},
        }
    )


def converse_stream() -> Played:
    frames = [frame("messageStart", {"role": "assistant"})]
    for text in TEXT:
        frames.append(frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}))
    frames.append(frame("contentBlockStop", {"contentBlockIndex": 0}))
    for n, (name, arguments) in enumerate(CALLS, start=1):
        start = {"toolUse": {"toolUseId": f"tooluse_{n}", "name": name}}
        frames.append(frame("contentBlockStart", {"contentBlockIndex": n, "start": start}))
        written = json.dumps(arguments)
        for part in (written[:6], written[6:]):
            delta = {"toolUse": {"input": part}}
            frames.append(frame("contentBlockDelta", {"contentBlockIndex": n, "delta": delta}))
        frames.append(frame("contentBlockStop", {"contentBlockIndex": n}))
    frames.append(frame("messageStop", {"stopReason": "tool_use"}))
    frames.append(frame("metadata", {"usage": _CONVERSE_USAGE, "metrics": {"latencyMs": 1}}))
    return Played(parts=tuple(frames), kind="application/vnd.amazon.eventstream")


NATIVES: dict[str, Native] = {
    "openai_chat": Native(
        provider="openai", upstream="grid-chat", whole=chat_whole, stream=chat_stream
    ),
    "anthropic_messages": Native(
        provider="anthropic",
        upstream="grid-claude",
        whole=anthropic_whole,
        stream=anthropic_stream,
    ),
    "gemini": Native(
        provider="google-ai-studio",
        upstream="grid-gemini",
        whole=gemini_whole,
        stream=gemini_stream,
    ),
    "bedrock_converse": Native(
        provider="converse",
        upstream="grid-converse",
        whole=converse_whole,
        stream=converse_stream,
    ),
    "openai_responses": Native(
        provider="answers",
        upstream="grid-responses",
        whole=responses_whole,
        stream=responses_stream,
    ),
    "cohere_chat": Native(
        provider="cohere",
        upstream="grid-cohere",
        whole=cohere_whole,
        stream=cohere_stream,
        cached=0,
    ),
}
