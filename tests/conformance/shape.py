"""The strict profile: what every chat answer of the gateway must look like.

The rules are those that satisfy every known client at once; a rule's name says
where it applies: `body.*` whole answers, `usage.*` and `error.*` both kinds,
`head.*` the HTTP head. Streams have more, see `grammar`.
"""

import json
import re
from collections.abc import Sequence
from typing import TypeGuard

from tests.conformance.accumulate import JsonObject
from tests.conformance.findings import Findings, short
from tests.conformance.received import Received

GENERATION_ID = re.compile(r"gen-(\d{10})-[A-Za-z0-9]{20}")
FINISH_REASONS = {"stop", "length", "tool_calls", "content_filter", "error"}

BODY_ORDER = (
    "id",
    "object",
    "created",
    "model",
    "provider",
    "system_fingerprint",
    "service_tier",
    "choices",
    "usage",
)
_CHOICE_ORDER = ("index", "logprobs", "finish_reason", "native_finish_reason", "message")
_MESSAGE_ORDER = (
    "role",
    "content",
    "refusal",
    "reasoning",
    "tool_calls",
    "reasoning_details",
    "annotations",
    "images",
    "audio",
)
_OPTIONAL_IN_MESSAGE = ("tool_calls", "reasoning_details", "annotations", "images", "audio")
_USAGE_ORDER = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cost",
    "is_byok",
    "prompt_tokens_details",
    "cost_details",
    "completion_tokens_details",
)
_PROMPT_DETAILS = ("cached_tokens", "cache_write_tokens", "audio_tokens", "video_tokens")
_COMPLETION_DETAILS = ("reasoning_tokens", "image_tokens", "audio_tokens")
_COST_DETAILS = (
    "upstream_inference_cost",
    "upstream_inference_prompt_cost",
    "upstream_inference_completions_cost",
)


def is_count(value: object) -> TypeGuard[int]:
    """Whether `value` is a JSON integer that can count something."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_order(findings: Findings, rule: str, fields: JsonObject, order: Sequence[str]) -> None:
    """The known keys of `fields` must follow `order`; unknown ones may stand anywhere."""
    known = [key for key in fields if key in order]
    wanted = [key for key in order if key in fields]
    findings.check(rule, f"{' '.join(known)}", holds=known == wanted)


def check_head(findings: Findings, received: Received) -> None:
    """HTTP headers that clients and browsers rely on."""
    headers = received.headers
    check = findings.check
    content_type = headers.get("content-type", "")
    expected = "text/event-stream" if received.stream else "application/json"
    check("head.content-type", short(content_type), holds=content_type.startswith(expected))
    origin = headers.get("access-control-allow-origin")
    check("head.cors", f"access-control-allow-origin is {origin!r}", holds=origin == "*")
    if received.stream:
        cache = headers.get("cache-control", "")
        check("head.cache-control", short(cache), holds="no-cache" in cache)
        encoding = headers.get("content-encoding")
        check("head.content-encoding", short(encoding), holds=encoding is None)


def check_generation_id(findings: Findings, received: Received) -> None:
    """`X-Generation-Id` is there, and it is the id of the body or of every event."""
    header = received.headers.get("x-generation-id", "")
    matched = GENERATION_ID.fullmatch(header) is not None
    findings.check("head.x-generation-id", short(header), holds=matched)
    for body in received.bodies:
        if "id" in body:
            found = f"{short(body['id'])} in the body, {short(header)} in the head"
            findings.check("id.header", found, holds=body["id"] == header)


def check_identity(findings: Findings, body: JsonObject, *, model: str) -> None:
    """id, created, model and provider of a body or of an event."""
    identity = body.get("id")
    match = GENERATION_ID.fullmatch(identity) if isinstance(identity, str) else None
    findings.check("id.form", short(identity), holds=match is not None)
    created = body.get("created")
    same = match is None or created == int(match[1])
    findings.check("id.created", f"created {created!r} is not the id's time", holds=same)
    findings.check(
        "id.model",
        f"{short(body.get('model'))}, asked for {model}",
        holds=body.get("model") == model,
    )
    provider = body.get("provider")
    findings.check(
        "id.provider", short(provider), holds=isinstance(provider, str) and provider != ""
    )


def check_body(findings: Findings, body: JsonObject, *, model: str) -> None:
    """A whole answer (HTTP 200, JSON)."""
    check = findings.check
    check("body.no-error-key", "an error key in an answer", holds="error" not in body)
    check_identity(findings, body, model=model)
    check("body.object", short(body.get("object")), holds=body.get("object") == "chat.completion")
    for key in ("system_fingerprint", "service_tier"):
        check(f"body.{key}", "the key is missing", holds=key in body)
    check_order(findings, "body.order", body, BODY_ORDER)
    choices = body.get("choices")
    is_list = isinstance(choices, list) and bool(choices)
    check("body.choices", short(choices), holds=is_list)
    for choice in choices if isinstance(choices, list) else ():
        _check_choice(findings, choice)
    check_usage(findings, body.get("usage"))


def _check_choice(findings: Findings, choice: JsonObject) -> None:
    check = findings.check
    for key in ("logprobs", "native_finish_reason"):
        check(f"body.choice.{key}", "the key is missing", holds=key in choice)
    check("body.choice.index", short(choice.get("index")), holds=is_count(choice.get("index")))
    reason = choice.get("finish_reason")
    check("body.choice.finish_reason", short(reason), holds=reason in FINISH_REASONS)
    check_order(findings, "body.choice.order", choice, _CHOICE_ORDER)
    message = choice.get("message")
    if not isinstance(message, dict):
        findings.add("body.message", short(message))
        return
    check("body.message.role", short(message.get("role")), holds=message.get("role") == "assistant")
    for key in ("content", "refusal", "reasoning"):
        check(f"body.message.{key}", "the key is missing", holds=key in message)
    for key in _OPTIONAL_IN_MESSAGE:
        absent = key not in message or bool(message[key])
        check("body.message.optional", f"{key} is {message.get(key)!r}, not absent", holds=absent)
    check_order(findings, "body.message.order", message, _MESSAGE_ORDER)
    _check_content(findings, message)
    for position, call in enumerate(message.get("tool_calls") or ()):
        _check_call(findings, call, position)
    details = message.get("reasoning_details") or []
    numbers = [detail.get("index") for detail in details]
    contiguous = numbers == list(range(len(numbers)))
    check("body.reasoning_details.index", short(numbers), holds=contiguous)
    check_annotations(findings, message.get("annotations") or [])


def _check_content(findings: Findings, message: JsonObject) -> None:
    """null when the reply is only tool calls, otherwise text."""
    content = message.get("content")
    if message.get("tool_calls"):
        findings.check(
            "body.message.content.calls",
            f"{short(content)} beside tool calls, should be null",
            holds=content is None or (isinstance(content, str) and content != ""),
        )
    elif not any(message.get(key) for key in ("refusal", "images", "audio", "function_call")):
        findings.check("body.message.content.text", short(content), holds=isinstance(content, str))


def _check_call(findings: Findings, call: JsonObject, position: int) -> None:
    check = findings.check
    check("body.call.index", short(call.get("index")), holds=call.get("index") == position)
    identity = call.get("id")
    check("body.call.id", short(identity), holds=isinstance(identity, str) and identity != "")
    check("body.call.type", short(call.get("type")), holds=call.get("type") == "function")
    function = call.get("function") or {}
    check("body.call.name", short(function.get("name")), holds=bool(function.get("name")))
    arguments = function.get("arguments")
    filled = isinstance(arguments, str) and arguments != ""
    check("body.call.arguments", short(arguments), holds=filled)


def check_annotations(findings: Findings, annotations: Sequence[JsonObject]) -> None:
    """Title and content of a citation are text or absent."""
    for annotation in annotations:
        citation = annotation.get("url_citation") or {}
        for key in ("title", "content"):
            text = key not in citation or isinstance(citation[key], str)
            findings.check("annotation.null", f"{key} is {citation.get(key)!r}", holds=text)


def check_usage(findings: Findings, usage: object) -> None:
    """Counts are integers, costs are numbers, nothing is null, the total is the sum."""
    check = findings.check
    if not isinstance(usage, dict):
        findings.add("usage.missing", short(usage))
        return
    check_order(findings, "usage.order", usage, _USAGE_ORDER)
    for key in ("prompt_tokens", "completion_tokens", "total_tokens"):
        check("usage.count", f"{key} is {usage.get(key)!r}", holds=is_count(usage.get(key)))
    total, prompt = usage.get("total_tokens"), usage.get("prompt_tokens")
    completion = usage.get("completion_tokens")
    if is_count(total) and is_count(prompt) and is_count(completion):
        check(
            "usage.total", f"{prompt} + {completion} != {total}", holds=total == prompt + completion
        )
    cost = usage.get("cost")
    check("usage.cost", f"cost is {cost!r}", holds=is_number(cost))
    check(
        "usage.is_byok", short(usage.get("is_byok")), holds=isinstance(usage.get("is_byok"), bool)
    )
    for name, keys in (
        ("prompt_tokens_details", _PROMPT_DETAILS),
        ("completion_tokens_details", _COMPLETION_DETAILS),
    ):
        details = usage.get(name)
        details = details if isinstance(details, dict) else {}
        for key in keys:
            count = details.get(key)
            check("usage.details", f"{name}.{key} is {count!r}", holds=is_count(count))
    details = usage.get("cost_details")
    details = details if isinstance(details, dict) else {}
    for key in _COST_DETAILS:
        check(
            "usage.cost_details",
            f"{key} is {details.get(key)!r}",
            holds=is_number(details.get(key)),
        )


def check_error_body(findings: Findings, received: Received) -> None:
    """The error envelope of a failed request (any status but 200)."""
    check = findings.check
    body = received.bodies[0] if received.bodies else {}
    error = body.get("error")
    if not isinstance(error, dict):
        findings.add("error.envelope", short(body))
        return
    code = error.get("code")
    check("error.code", f"{code!r}, status {received.status}", holds=code == received.status)
    check_error(findings, error)


def check_error(findings: Findings, error: JsonObject) -> None:
    """The error object itself, in a body or in an event."""
    check = findings.check
    check("error.code.integer", short(error.get("code")), holds=is_count(error.get("code")))
    message = error.get("message")
    check("error.message", short(message), holds=isinstance(message, str) and message != "")
    metadata = error.get("metadata")
    if not isinstance(metadata, dict):
        findings.add("error.metadata", short(metadata))
        return
    kind = metadata.get("error_type")
    check("error.error_type", short(kind), holds=isinstance(kind, str) and kind != "")
    for key in ("raw", "provider_code"):
        text = key not in metadata or isinstance(metadata[key], str)
        check(f"error.{key}", short(metadata.get(key)), holds=text)


def parses(text: str) -> bool:
    """Whether `text` is a whole JSON document."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
