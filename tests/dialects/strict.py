"""The strict profile: what a chat answer must be, so that every client that is known can read it.

The rules are those of the contract (clients 1), by their numbers. Each checker returns
what is wrong, in words; nothing is wrong with an empty list.
"""

import json
from collections.abc import Iterator

COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
DETAILS = ("prompt_tokens_details", "completion_tokens_details")
COSTS = ("upstream_inference_prompt_cost", "upstream_inference_completions_cost")
FINISHES = {"stop", "length", "tool_calls", "content_filter", "error"}
DONE = "[DONE]"


def is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def parses(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def stream_problems(stream: bytes) -> list[str]:
    """What is wrong with a whole event stream: its framing, its end, and all of its chunks."""
    if b"\r" in stream:
        return ["16: a line end that is not LF"]
    blocks = stream.decode().split("\n\n")
    if blocks.pop() != "":
        return ["16: it ends inside of an event"]
    events = [block for block in blocks if not block.startswith(":")]
    if [event for event in events if not event.startswith("data: ") or "\n" in event]:
        return ["16: an event that is not one data line"]
    data = [event.removeprefix("data: ") for event in events]
    if data[-1:] != [DONE] or DONE in data[:-1]:
        return ["15: [DONE] is not the last event, once"]
    return chunks_problems([json.loads(one) for one in data[:-1]])


def chunks_problems(chunks: list[dict]) -> list[str]:
    """What is wrong with the chunks of a stream, one by one and together."""
    failed = any("error" in chunk for chunk in chunks)
    found = [problem for chunk in chunks for problem in chunk_problems(chunk)]
    found += list(_tool_fragments(chunks))
    if len({(chunk.get("id"), chunk.get("created")) for chunk in chunks}) != 1:
        found.append("3: id or created changes")
    counted = [number for number, chunk in enumerate(chunks) if "usage" in chunk]
    if counted != [len(chunks) - 1] and not failed:
        found.append(f"15: usage in {counted} of {len(chunks)} chunks")
    return found


def chunk_problems(chunk: dict) -> list[str]:
    found = [
        *_envelope(chunk, "chat.completion.chunk"),
        *_error(chunk),
        *_usage(chunk),
    ]
    if "system_fingerprint" in chunk and not isinstance(chunk["system_fingerprint"], str):
        found.append("2: system_fingerprint in a chunk is no string")
    for choice in chunk.get("choices") or ():
        if not is_int(choice.get("index")) or not isinstance(choice.get("delta"), dict):
            found.append("4: a choice without index or delta")
            continue
        if "finish_reason" not in choice:
            found.append("4: a choice without finish_reason")
        found += _said(choice["delta"])
    return found


def body_problems(body: dict) -> list[str]:
    """What is wrong with a whole answer."""
    found = [*_envelope(body, "chat.completion"), *_error(body), *_usage(body)]
    if not isinstance(body.get("system_fingerprint", 0), str | None):
        found.append("2: no system_fingerprint")
    if "usage" not in body:
        found.append("9: no usage")
    for choice in body.get("choices") or ():
        if choice.get("finish_reason") not in FINISHES:
            found.append(f"4: finish_reason is {choice.get('finish_reason')!r}")
        message = choice.get("message", {})
        found += _said(message)
        for call in message.get("tool_calls", ()):
            given = call.get("function", {}).get("arguments")
            if not isinstance(given, str) or given == "":
                found.append("6: arguments are no string, or empty")
        details = message.get("reasoning_details", ())
        numbers = sorted({detail.get("index") for detail in details})
        if numbers != list(range(len(numbers))):
            found.append(f"14: reasoning_details are numbered {numbers}")
    return found


def _envelope(body: dict, kind: str) -> Iterator[str]:
    right = (
        isinstance(body.get("id"), str)
        and body.get("object") == kind
        and is_int(body.get("created"))
        and isinstance(body.get("model"), str)
        and isinstance(body.get("provider"), str)
        and body.get("provider")
        and isinstance(body.get("choices"), list)
    )
    if not right:
        yield "3: id, object, created, model, provider or choices"


def _error(body: dict) -> Iterator[str]:
    if "error" not in body:
        return
    error = body["error"]
    if not isinstance(error, dict) or not error:
        yield f"1: error is {error!r}"
    elif not is_int(error.get("code")) or not error.get("metadata", {}).get("error_type"):
        yield "11: an error without an integer code or an error_type"


def _said(said: dict) -> Iterator[str]:
    """A delta or a message."""
    if "tool_calls" in said and not said["tool_calls"]:
        yield "5: tool_calls without any"
    for note in said.get("annotations", ()):
        citation = note.get("url_citation", {})
        if any(not isinstance(citation.get(name, ""), str) for name in ("title", "content")):
            yield "12: title or content of a citation is no string"
    for number, image in enumerate(said.get("images", ())):
        url = image.get("image_url", {}).get("url", "")
        if image.get("type") != "image_url" or not url.startswith("data:"):
            yield "13: an image that is no data URL"
        if not is_int(image.get("index")):
            yield f"13: image {number} has no index"


def _usage(body: dict) -> Iterator[str]:
    if "usage" not in body:
        return
    usage = body["usage"]
    if not isinstance(usage, dict) or not all(is_int(usage.get(name)) for name in COUNTS):
        yield f"9: usage is {usage!r}"
        return
    if usage["total_tokens"] <= 0 and usage["prompt_tokens"] + usage["completion_tokens"] > 0:
        yield "9: total_tokens is not positive"
    for name in DETAILS:
        counts = usage.get(name, {})
        if not isinstance(counts, dict) or not all(is_int(count) for count in counts.values()):
            yield f"9: {name} is {counts!r}"
    if "cost" in usage and not is_number(usage["cost"]):
        yield "9: cost is no number"
    costs = usage.get("cost_details")
    if costs is not None and not all(is_number(costs.get(name)) for name in COSTS):
        yield f"10: cost_details is {costs!r}"


def _tool_fragments(chunks: list[dict]) -> Iterator[str]:
    written: dict[int, str] = {}
    for chunk in chunks:
        for choice in chunk.get("choices") or ():
            for call in (choice.get("delta") or {}).get("tool_calls") or ():
                yield from _fragment(call, written)


def _fragment(call: dict, written: dict[int, str]) -> Iterator[str]:
    number, function = call.get("index"), call.get("function", {})
    arguments = function.get("arguments")
    if not is_int(number) or not isinstance(arguments, str):
        yield "6: a fragment without index or arguments"
        return
    if number not in written:
        if number != len(written):
            yield "7: the numbers of tool calls have a gap"
        if not (call.get("id") and call.get("type") == "function" and function.get("name")):
            yield "6: the first fragment lacks id, type or name"
    elif parses(written[number]) and arguments.strip():
        yield f"8: {written[number]!r} is complete before its end"
    written[number] = written.get(number, "") + arguments
