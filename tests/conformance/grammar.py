"""The grammar of a streamed answer: framing, chunks, deltas, tool-call fragments, the tail.

    stream    = keepalive* event* "data: [DONE]" LF LF
    keepalive = ": OPENROUTER PROCESSING" LF LF
    event     = "data: " json LF LF

    deltas    = (reasoning | text | tool start | tool arguments | attachment)+ finish usage

where the usage chunk repeats the finish chunk's choice. Rule names start with
`stream.`.
"""

from tests.conformance.accumulate import JsonObject
from tests.conformance.findings import Findings, short
from tests.conformance.received import Received
from tests.conformance.shape import (
    BODY_ORDER,
    FINISH_REASONS,
    check_annotations,
    check_error,
    check_identity,
    check_order,
    check_usage,
    is_count,
    parses,
)

_CHOICE_ORDER = ("index", "delta", "finish_reason", "native_finish_reason")
_DELTA_ORDER = (
    "content",
    "role",
    "reasoning",
    "reasoning_details",
    "tool_calls",
    "annotations",
    "images",
)
_PAYLOAD = (
    "content",
    "refusal",
    "reasoning",
    "reasoning_details",
    "tool_calls",
    "annotations",
    "images",
    "audio",
    "function_call",
)
_KEEPALIVE = ": OPENROUTER PROCESSING"


def check_stream(findings: Findings, received: Received, *, model: str) -> None:
    """Check a whole stream. A stream that ends in an error chunk has no finish and no usage."""
    _check_framing(findings, received.raw)
    chunks = received.bodies
    if not chunks:
        findings.add("stream.empty", "no chunk at all")
        return
    for chunk in chunks:
        _check_chunk(findings, chunk, model=model)
    for key in ("id", "created", "model"):
        values = {repr(chunk.get(key)) for chunk in chunks}
        findings.check(
            "stream.constant", f"{key} changes within the stream", holds=len(values) == 1
        )
    _check_tool_fragments(findings, chunks)
    if "error" in chunks[-1]:
        _check_error_chunk(findings, chunks[-1])
    else:
        _check_tail(findings, chunks)


def _check_framing(findings: Findings, raw: bytes) -> None:
    check = findings.check
    check("stream.line-ends", "a carriage return", holds=b"\r" not in raw)
    check("stream.done", f"ends with {short(raw[-40:])}", holds=raw.endswith(b"data: [DONE]\n\n"))
    blocks = raw.decode("utf-8", "replace").split("\n\n")
    check("stream.last-event", "the last event is not closed", holds=blocks[-1] == "")
    for position, block in enumerate(blocks[:-1]):
        if block.startswith(":"):
            check("stream.comment", short(block), holds=block == _KEEPALIVE)
            continue
        one_line = block.startswith("data: ") and "\n" not in block
        check("stream.event-lines", short(block), holds=one_line)
        if block == "data: [DONE]":
            last = position == len(blocks) - 2
            check("stream.after-done", "something follows [DONE]", holds=last)


def _check_chunk(findings: Findings, chunk: JsonObject, *, model: str) -> None:
    check = findings.check
    check_identity(findings, chunk, model=model)
    name = chunk.get("object")
    check("stream.object", short(name), holds=name == "chat.completion.chunk")
    check_order(findings, "stream.order", chunk, BODY_ORDER)
    fingerprint = chunk.get("system_fingerprint", "")
    check("stream.fingerprint", short(fingerprint), holds=isinstance(fingerprint, str))
    if "error" in chunk and not isinstance(chunk["error"], dict):
        findings.add("stream.error-key", f"error is {chunk['error']!r}")
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        findings.add("stream.choices", short(choices))
        return
    failed = isinstance(chunk.get("error"), dict)
    check("stream.choices.empty", "choices is []", holds=failed or bool(choices))
    for choice in choices:
        _check_choice(findings, choice, failed=failed, closing="usage" in chunk)


def _check_choice(findings: Findings, choice: JsonObject, *, failed: bool, closing: bool) -> None:
    check = findings.check
    check("stream.choice.index", short(choice.get("index")), holds=is_count(choice.get("index")))
    for key in ("finish_reason", "native_finish_reason"):
        check(f"stream.choice.{key}", "the key is missing", holds=key in choice)
    reason = choice.get("finish_reason")
    check("stream.finish.value", short(reason), holds=reason is None or reason in FINISH_REASONS)
    early = reason is not None or choice.get("native_finish_reason") is None
    check("stream.native-early", "native_finish_reason before the finish", holds=early)
    check_order(findings, "stream.choice.order", choice, _CHOICE_ORDER)
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        findings.add("stream.delta", short(delta))
    elif not failed:
        _check_delta(findings, choice, delta, closing=closing)


def _check_delta(
    findings: Findings, choice: JsonObject, delta: JsonObject, *, closing: bool
) -> None:
    check = findings.check
    check("stream.role", f"role is {delta.get('role')!r}", holds=delta.get("role") == "assistant")
    check_order(findings, "stream.delta.order", delta, _DELTA_ORDER)
    check_annotations(findings, delta.get("annotations") or [])
    payload = [key for key in _PAYLOAD if delta.get(key)]
    if choice.get("finish_reason") is not None:
        check("stream.finish.payload", f"a finish with {payload}", holds=not payload)
    elif not closing:
        unknown = [key for key in delta if key not in {"content", "role", *_PAYLOAD}]
        carries = bool(payload) or bool(unknown) or bool(choice.get("logprobs"))
        check("stream.empty-delta", short(delta), holds=carries)
    if "tool_calls" in delta:
        filled = isinstance(delta["tool_calls"], list) and bool(delta["tool_calls"])
        check("stream.tool_calls", short(delta["tool_calls"]), holds=filled)
        content = delta.get("content", "")
        check("stream.content.calls", f"{short(content)} beside calls", holds=content is None)
    else:
        text = isinstance(delta.get("content"), str)
        check("stream.content", f"content is {delta.get('content')!r}", holds=text)
    if delta.get("reasoning") or delta.get("reasoning_details"):
        alone = not delta.get("content") and not delta.get("tool_calls")
        check("stream.reasoning.mixed", "reasoning and content in one delta", holds=alone)
        told = "reasoning_details" in delta
        check("stream.reasoning.details", "reasoning without reasoning_details", holds=told)


def _check_tool_fragments(findings: Findings, chunks: list[JsonObject]) -> None:
    """Indexes contiguous from 0; one opener with id, type and name; no early whole JSON."""
    texts: dict[tuple[object, object], list[str]] = {}
    for chunk in chunks:
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            for fragment in delta.get("tool_calls") or ():
                key = (choice.get("index"), fragment.get("index"))
                opens = key not in texts
                if opens:
                    before = sum(1 for known in texts if known[0] == key[0])
                    findings.check(
                        "stream.call.index",
                        f"{key[1]!r} after {before} calls",
                        holds=key[1] == before,
                    )
                _check_fragment(findings, fragment, opens=opens)
                arguments = (fragment.get("function") or {}).get("arguments")
                texts.setdefault(key, []).append(arguments if isinstance(arguments, str) else "")
    for fragments in texts.values():
        _check_not_whole_early(findings, fragments)


def _check_fragment(findings: Findings, fragment: JsonObject, *, opens: bool) -> None:
    check = findings.check
    function = fragment.get("function")
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    check("stream.call.arguments", short(arguments), holds=isinstance(arguments, str))
    if opens:
        complete = bool(fragment.get("id")) and bool(function.get("name"))
        check("stream.call.opener", short(fragment), holds=complete)
        check("stream.call.type", short(fragment), holds=fragment.get("type") == "function")
    else:
        extra: list[str] = [key for key in ("id", "type") if key in fragment]
        extra += ["name"] if "name" in function else []
        check("stream.call.repeats", f"a later fragment with {extra}", holds=not extra)


def _check_not_whole_early(findings: Findings, fragments: list[str]) -> None:
    """A reader that finalises a call as soon as it parses must not lose what follows."""
    total = "".join(fragments)
    if len(total) > 20_000:
        return  # quadratic below; nothing this long is whole by accident
    so_far = ""
    for fragment in fragments:
        so_far += fragment
        more = total[len(so_far) :].strip()
        if fragment and more and so_far.rstrip()[-1:] in {"}", "]", '"'} and parses(so_far):
            findings.add("stream.call.early", f"{short(so_far)} is whole, {short(more)} follows")
            return


def _check_tail(findings: Findings, chunks: list[JsonObject]) -> None:
    """A finish chunk per choice, nothing of the choice after it, then usage repeating it."""
    check = findings.check
    with_usage = [i for i, chunk in enumerate(chunks) if "usage" in chunk]
    only_last = with_usage == [len(chunks) - 1]
    check("stream.usage.place", f"on chunks {with_usage} of {len(chunks)}", holds=only_last)
    check_usage(findings, chunks[-1].get("usage"))
    finished: dict[object, tuple[object, object]] = {}
    for chunk in chunks[:-1]:
        for choice in chunk.get("choices") or ():
            _check_before_tail(findings, choice, finished)
        tier = "service_tier" not in chunk or _finishes(chunk)
        check("stream.service_tier.early", "service_tier before the end", holds=tier)
    check("stream.service_tier", "none on the usage chunk", holds="service_tier" in chunks[-1])
    check("stream.finish.missing", "no finish chunk before usage", holds=bool(finished))
    for choice in chunks[-1].get("choices") or ():
        pair = (choice.get("finish_reason"), choice.get("native_finish_reason"))
        known = finished.get(choice.get("index"))
        check("stream.usage.repeats", f"{pair}, finish was {known}", holds=pair == known)


def _check_before_tail(
    findings: Findings, choice: JsonObject, finished: dict[object, tuple[object, object]]
) -> None:
    index = choice.get("index")
    if index in finished:
        findings.add("stream.after-finish", short(choice.get("delta")))
    if choice.get("finish_reason") is not None:
        finished[index] = (choice["finish_reason"], choice.get("native_finish_reason"))


def _finishes(chunk: JsonObject) -> bool:
    return any(choice.get("finish_reason") is not None for choice in chunk.get("choices") or ())


def _check_error_chunk(findings: Findings, chunk: JsonObject) -> None:
    error = chunk.get("error")
    if isinstance(error, dict):
        check_error(findings, error)
    for choice in chunk.get("choices") or ():
        reason = choice.get("finish_reason")
        findings.check("stream.error.finish", short(reason), holds=reason == "error")
