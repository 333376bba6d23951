"""Converse and ConverseStream of Amazon Bedrock."""

import json
import struct

from tests.conformance.accumulate import Call, Choice, Failure, JsonObject, Native, sse_data
from tests.conformance.apis.base import Api, failed_at_once, parsed, unreadable
from tests.conformance.apis.converse_request import client_request, opened, understand
from tests.conformance.asking import fields, objects, text_of
from tests.conformance.expect import ExpectedUsage, count_of
from tests.conformance.frames import frames

_STATUS = {
    "throttlingException": 429,
    "validationException": 400,
    "serviceUnavailableException": 503,
    "internalServerException": 500,
}


def read_answer(body: bytes, status: int, stream: bool) -> Native:
    """Read a recorded answer: JSON, frames of an event stream, or the same events as SSE."""
    failed = failed_at_once(body, status)
    if failed is not None:
        return failed
    if stream:
        return _Stream().read(body)
    whole = parsed(body)
    message = fields(fields(whole).get("output")).get("message")
    if not isinstance(whole, dict) or not isinstance(message, dict):
        return unreadable("the answer holds no message")
    native = Native(complete=True, usage=fields(whole.get("usage")) or None)
    choice = native.choices[0] = Choice(own=[], citations=0)
    for block in objects(message.get("content")):
        _add_block(choice, block)
    choice.finish = text_of(whole.get("stopReason")) or None
    return native


def _add_block(choice: Choice, block: JsonObject) -> None:
    thought = fields(block.get("reasoningContent"))
    call = fields(block.get("toolUse"))
    cited = fields(block.get("citationsContent"))
    if thought:
        _add_thought(choice, fields(thought.get("reasoningText")) or thought)
    elif call and call.get("type") != "server_tool_use":
        found = Call(id=text_of(call.get("toolUseId")), name=text_of(call.get("name")))
        found.arguments = json.dumps(call.get("input") or {})
        choice.calls.append(found)
    elif cited:
        choice.text += "".join(text_of(part.get("text")) for part in objects(cited.get("content")))
        for citation in objects(cited.get("citations")):
            _cite(choice, citation)
    elif "text" in block:
        choice.text += text_of(block["text"])
    else:
        assert choice.own is not None
        choice.own.append("+".join(sorted(block)))


def _add_thought(choice: Choice, thought: JsonObject) -> None:
    choice.reasoning += text_of(thought.get("text"))
    choice.signature += text_of(thought.get("signature"))
    if blob := text_of(thought.get("redactedContent")):
        choice.encrypted.append(opened(blob))


def _cite(choice: Choice, citation: JsonObject) -> None:
    """A citation of a page of the web, or of something else."""
    web = fields(fields(citation.get("location")).get("web"))
    urls = (text_of(web.get("url")), text_of(citation.get("source")))
    url = next((url for url in urls if url.startswith(("http://", "https://"))), None)
    if url is None:
        choice.citations = (choice.citations or 0) + 1
    else:
        choice.annotations.append({"url": url})


class _Stream:
    """The events of one stream, gathered into blocks."""

    def __init__(self) -> None:
        self._native = Native()
        self._blocks: dict[object, JsonObject] = {}
        self._cited: list[JsonObject] = []

    def read(self, body: bytes) -> Native:
        native = self._native
        choice = Choice(own=[], citations=0)
        try:
            for name, event in _events(body):
                if name.endswith("xception"):
                    message = str(event.get("message"))[:200]
                    native.failure = Failure(status=_STATUS.get(name), message=message)
                    break
                self._feed(choice, name, event)
        except (ValueError, struct.error) as error:
            native.doubts.append(f"the frames cannot be read: {error}")
        for block in self._blocks.values():
            _add_block(choice, _closed(block))
        for citation in self._cited:
            _cite(choice, citation)
        if self._blocks or native.complete:
            native.choices[0] = choice
        return native

    def _feed(self, choice: Choice, name: str, event: JsonObject) -> None:
        place = repr(event.get("contentBlockIndex"))
        match name:
            case "contentBlockStart":
                self._blocks[place] = {
                    k: dict(fields(v)) for k, v in fields(event.get("start")).items()
                }
            case "contentBlockDelta":
                self._delta(self._blocks.setdefault(place, {}), fields(event.get("delta")))
            case "messageStop":
                choice.finish = text_of(event.get("stopReason")) or None
                self._native.complete = True
            case "metadata":
                self._native.usage = fields(event.get("usage")) or None

    def _delta(self, block: JsonObject, delta: JsonObject) -> None:
        if "text" in delta:
            block["text"] = text_of(block.get("text")) + text_of(delta["text"])
        if thought := fields(delta.get("reasoningContent")):
            known = block.setdefault("reasoningContent", {})
            for name in ("text", "signature", "redactedContent"):
                if thought.get(name):
                    known[name] = text_of(known.get(name)) + text_of(thought[name])
        if "toolUse" in delta:
            call = block.setdefault("toolUse", {})
            call["_input"] = text_of(call.get("_input")) + text_of(
                fields(delta["toolUse"]).get("input")
            )
        if citation := fields(delta.get("citation")):
            self._cited.append(citation)


def _closed(block: JsonObject) -> JsonObject:
    """A block whose arguments came in pieces, with them in place."""
    call = fields(block.get("toolUse"))
    pieces = text_of(call.pop("_input", ""))
    if pieces.strip():
        try:
            call["input"] = json.loads(pieces)
        except ValueError:
            call["input"] = pieces
    return block


def _events(body: bytes) -> list[tuple[str, JsonObject]]:
    """Names and bodies; test servers write `data: {"name": {...}}` in place of frames."""
    if body[:1] != b"\x00":
        wrapped = [fields(parsed(data.encode())) for data in sse_data(body)]
        return [(name, fields(value)) for event in wrapped for name, value in event.items()]
    found = []
    for headers, payload in frames(body):
        name = headers.get(":event-type") or headers.get(":exception-type") or ""
        found.append((name, fields(parsed(payload))))
    return found


def usage(body: JsonObject) -> ExpectedUsage:
    """`inputTokens` leaves out what the cache read and wrote; some counts have two names."""
    read, written = (
        count_of(body.get(f"cache{kind}InputTokens"))
        or count_of(body.get(f"cache{kind}InputTokenCount"))
        or 0
        for kind in ("Read", "Write")
    )
    fresh, output = count_of(body.get("inputTokens")), count_of(body.get("outputTokens"))
    return ExpectedUsage(
        prompt_tokens=set() if fresh is None else {fresh + read + written},
        completion_tokens=set() if output is None else {output},
        cached_tokens={read},
        cache_write_tokens={written},
    )


API = Api(
    name="bedrock-converse",
    dialect="bedrock_converse",
    read_answer=read_answer,
    usage=usage,
    client_request=client_request,
    understand=understand,
    slugs={"bedrock": "amazon-bedrock"},
)
