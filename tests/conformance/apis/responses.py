"""OpenAI's Responses API: OpenAI, Azure, xAI and those who follow it."""

import json

from tests.conformance.accumulate import Call, Choice, Failure, JsonObject, Native, sse_data
from tests.conformance.apis.base import Api, failed_at_once, parsed, unreadable
from tests.conformance.apis.responses_request import client_request, understand
from tests.conformance.asking import fields, objects, text_of
from tests.conformance.expect import ExpectedUsage, count_of

_ENDS = {"response.completed", "response.incomplete", "response.failed"}
_FAILED = {"failed", "cancelled"}
_STATUS = {
    "server_error": 500,
    "rate_limit_exceeded": 429,
    "invalid_prompt": 400,
    "invalid_request_error": 400,
    "insufficient_quota": 429,
    "context_length_exceeded": 400,
}


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
    if isinstance(whole.get("choices"), list):
        return Native(doubts=["an answer of another API"])
    if whole.get("error") or text_of(whole.get("status")) in _FAILED:
        return Native(failure=_failure(whole))
    if not isinstance(whole.get("output"), list):
        return unreadable("the answer has no output")
    return _answer(objects(whole["output"]), whole)


def _failure(body: JsonObject) -> Failure:
    error = body.get("error") or body
    code = text_of(fields(error).get("code")) or text_of(fields(error).get("type"))
    message = str(fields(error).get("message") or error)[:200]
    return Failure(status=_STATUS.get(code), message=message)


def _answer(items: list[JsonObject], response: JsonObject) -> Native:
    """The answer that the items of a finished response make."""
    native = Native(complete=True, usage=fields(response.get("usage")) or None)
    choice = native.choices[0] = Choice(own=[])
    for item in items:
        _add_item(choice, item)
    status = text_of(response.get("status")) or "completed"
    reason = text_of(fields(response.get("incomplete_details")).get("reason"))
    choice.finish = f"{status}:{reason}" if status == "incomplete" and reason else status
    if status == "incomplete":
        choice.wanted_finish = "content_filter" if reason == "content_filter" else "length"
    return native


def _add_item(choice: Choice, item: JsonObject) -> None:
    match item.get("type"):
        case "message":
            for part in objects(item.get("content")):
                choice.text += text_of(part.get("text"))
                choice.refusal += text_of(part.get("refusal"))
                choice.annotations += objects(part.get("annotations"))
                tokens = objects(part.get("logprobs"))
                choice.logprob_tokens += [str(token.get("token")) for token in tokens]
        case "reasoning":
            for part in (*objects(item.get("summary")), *objects(item.get("content"))):
                choice.reasoning += text_of(part.get("text"))
            if item.get("encrypted_content"):
                choice.encrypted.append(text_of(item["encrypted_content"]))
        case "function_call":
            _add_call(choice, item, text_of(item.get("arguments")))
        case "custom_tool_call":
            _add_call(choice, item, json.dumps({"input": text_of(item.get("input"))}))
        case "image_generation_call" if item.get("result"):
            choice.images.append(item)
        case kind:
            assert choice.own is not None
            choice.own.append(text_of(kind))


def _add_call(choice: Choice, item: JsonObject, arguments: str) -> None:
    call = Call(id=text_of(item.get("call_id")), name=text_of(item.get("name")))
    call.arguments = arguments
    choice.calls.append(call)


class _Stream:
    """The items of one stream, each as its end had it or as far as it came."""

    def __init__(self) -> None:
        self._native = Native()
        self._items: dict[object, JsonObject] = {}

    def read(self, body: bytes) -> Native:
        end: JsonObject | None = None
        for data in sse_data(body):
            if data.strip() == "[DONE]":
                continue
            event = parsed(data.encode())
            if not isinstance(event, dict):
                self._native.doubts.append("an event is not a JSON object")
                continue
            if "choices" in event:
                self._native.doubts.append("an event of another API")
            if event.get("type") == "error" or event.get("type") == "response.failed":
                self._native.failure = _failure(fields(event.get("response")) or event)
                break
            if text_of(event.get("type")) in _ENDS:
                end = fields(event.get("response"))
                break
            self._feed(event)
        # Calls and texts in the order in which they began.
        native = _answer([*self._items.values()], end or {})
        if end is None:
            native.complete = False
            native.usage = None
        if not self._items and end is not None and end.get("output"):
            native = _answer(objects(end["output"]), end)
        if end is None and not self._items:
            native.choices = {}
        native.doubts, native.failure = self._native.doubts, self._native.failure
        return native

    def _feed(self, event: JsonObject) -> None:
        place = repr(event.get("output_index", event.get("item_id")))
        match event.get("type"):
            case "response.output_item.added":
                self._items[place] = _begun(fields(event.get("item")))
            case "response.output_item.done":
                self._items[place] = fields(event.get("item"))
            case "response.output_text.delta":
                self._grow(place, "message", "content", event)
            case "response.reasoning_text.delta":
                self._grow(place, "reasoning", "content", event)
            case "response.reasoning_summary_text.delta":
                self._grow(place, "reasoning", "summary", event)
            case "response.function_call_arguments.delta" if place in self._items:
                item = self._items[place]
                delta = text_of(event.get("delta"))
                item["arguments"] = text_of(item.get("arguments")) + delta

    def _grow(self, place: object, kind: str, member: str, event: JsonObject) -> None:
        item = self._items.setdefault(place, {"type": kind})
        item[member] = [*objects(item.get(member)), {"text": text_of(event.get("delta"))}]


def _begun(item: JsonObject) -> JsonObject:
    """An item as it is announced; what it holds so far comes again in deltas."""
    return {name: value for name, value in item.items() if name not in {"content", "summary"}}


def usage(body: JsonObject) -> ExpectedUsage:
    """Cached tokens are part of the input, reasoning of the output."""
    given, written = count_of(body.get("input_tokens")), count_of(body.get("output_tokens"))
    inside = fields(body.get("input_tokens_details"))
    thought = count_of(fields(body.get("output_tokens_details")).get("reasoning_tokens"))
    cached = count_of(inside.get("cached_tokens")) or 0
    stored = count_of(inside.get("cache_write_tokens")) or 0
    return ExpectedUsage(
        prompt_tokens=set() if given is None else {given},
        completion_tokens=set() if written is None else {written},
        cached_tokens={cached},
        cache_write_tokens={stored},
        reasoning_tokens=set() if thought is None else {thought},
    )


API = Api(
    name="openai-responses",
    dialect="openai_responses",
    read_answer=read_answer,
    usage=usage,
    client_request=client_request,
    understand=understand,
    slugs={},
    formats={"xai": "xai-responses-v1"},
)
