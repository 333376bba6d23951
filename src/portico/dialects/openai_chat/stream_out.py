"""Hub events to OpenRouter's chat chunks.

Profile "current" is the wire since 2026-03 (openrouter-wire 3), "2025" the
one of the first recording. Everything that does not change within a stream is
encoded once, in the constructor.
"""

from portico.dialects.base import Envelope
from portico.dialects.openai_chat.errors import encode_stream_error
from portico.dialects.openai_chat.images import numbered_images
from portico.dialects.openai_chat.reasoning import encode_item
from portico.dialects.openai_chat.usage import encode_usage
from portico.dialects.reasoning import visible_text
from portico.errors import GatewayError
from portico.jsonio import JsonObject, dumps
from portico.sse import DONE
from portico.vocabulary import (
    Cost,
    ExtraDelta,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    StreamUsage,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)


class ChunkEncoder:
    """One instance per stream.

    Nothing is written until there is something to say: the opening chunk of the 2025 profile waits for
    the first content, so that a stream that fails before it can still move to
    another endpoint.
    """

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._modern = envelope.profile == "current"
        self._fingerprint: str | None = None
        self._service_tier: str | None = None
        self._opener = b""
        self._finishes: dict[int, Finish] = {}
        self._showed_details = False
        self._images = 0
        self._frame()

    def feed(self, event: StreamEvent) -> bytes:
        """Bytes for one event; may be empty."""
        if isinstance(event, TextDelta):
            if event.choice == 0 and event.logprobs is None:
                return self.text(event.text)
            return self._chunk({"content": event.text}, event.choice, logprobs=event.logprobs)
        if isinstance(event, ToolCallDelta):
            return self._tool_call({"index": event.index}, "", event.arguments, event.choice)
        if isinstance(event, ReasoningDelta):
            return self._reasoning(event)
        if isinstance(event, ToolCallStart):
            head = {"index": event.index, "id": event.id, "type": "function"}
            return self._tool_call(head, event.name, "", event.choice)
        if isinstance(event, Finish):
            self._finishes[event.choice] = event
            return self._finish(event)
        return self._rare(event)

    def text(self, text: str) -> bytes:
        """The commonest chunk: more text of the only answer."""
        chunk = self._text_head + dumps(text) + self._text_tail
        if self._opener:
            chunk, self._opener = self._opener + chunk, b""
        return chunk

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The usage chunk, in the form of `stream_tail`, and `[DONE]`."""
        counted = encode_usage(usage or Usage(), cost, self._envelope.profile)
        choices: list[JsonObject] = []
        if self._envelope.stream_tail != "empty_choices":
            repeat = self._envelope.stream_tail == "repeat_finish"
            for number, finish in sorted(self._finishes.items()):
                delta = self._delta({"content": ""})
                choices.append(self._choice(delta, number, finish if repeat else None))
        body = self._head(with_fingerprint=self._modern)
        if self._modern:
            body["service_tier"] = self._service_tier
        body["choices"] = choices
        body["usage"] = counted
        body.update(extra)
        return self._take_opener() + b"data: " + dumps(body) + b"\n\n" + DONE

    def error(self, error: GatewayError) -> bytes:
        """The error chunk and `[DONE]`, without which some clients report a cut stream."""
        return encode_stream_error(error, self._envelope) + DONE

    def _rare(self, event: StreamEvent) -> bytes:
        if isinstance(event, Start):
            self._fingerprint = event.system_fingerprint
            self._frame()
            if not self._modern:
                self._opener = self._chunk({"content": ""}, 0)
        elif isinstance(event, StreamUsage):
            self._service_tier = event.service_tier or self._service_tier
        elif isinstance(event, RefusalDelta):
            return self._chunk({"content": "", "refusal": event.text}, event.choice)
        elif isinstance(event, ExtraDelta):
            return self._chunk({"content": "", **self._numbered(event.fields)}, event.choice)
        return b""

    def _numbered(self, fields: JsonObject) -> JsonObject:
        """The fields of a delta, its images counted over the whole stream."""
        images = fields.get("images")
        if not isinstance(images, list):
            return fields
        first, self._images = self._images, self._images + len(images)
        return {**fields, "images": numbered_images(images, first)}

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        if self._envelope.exclude_reasoning:
            return b""
        self._showed_details = True
        item = event.item
        fields: JsonObject = {"content": ""}
        text = visible_text(item)
        if text is not None or item.data is not None:
            fields["reasoning"] = text
        # the wire numbers every streamed item 0, whatever it is (openrouter-wire 3, rule 4)
        fields["reasoning_details"] = [encode_item(item, item.index or 0, self._envelope.origin)]
        return self._chunk(fields, event.choice)

    def _tool_call(self, head: JsonObject, name: str, arguments: str, choice: int) -> bytes:
        function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
        return self._chunk(
            {"content": None, "tool_calls": [{**head, "function": function}]}, choice
        )

    def _finish(self, event: Finish) -> bytes:
        fields: JsonObject = {"content": ""}
        if self._showed_details and self._modern:
            fields["reasoning"] = None
        return self._wrap(self._choice(self._delta(fields), event.choice, event))

    def _chunk(self, fields: JsonObject, choice: int, *, logprobs: object = None) -> bytes:
        body = self._choice(self._delta(fields), choice, None)
        if logprobs is not None:
            body["logprobs"] = logprobs
        return self._wrap(body)

    def _delta(self, fields: JsonObject) -> JsonObject:
        """`fields` begin with content; the role stands after it, in 2025 before it."""
        if not self._modern:
            return {"role": "assistant", **fields}
        content = fields.pop("content")
        return {"content": content, "role": "assistant", **fields}

    def _choice(self, delta: JsonObject, number: int, finish: Finish | None) -> JsonObject:
        body: JsonObject = {
            "index": number,
            "delta": delta,
            "finish_reason": finish.reason if finish else None,
            "native_finish_reason": finish.native_reason if finish else None,
        }
        if not self._modern:
            body["logprobs"] = None
        return body

    def _wrap(self, choice: JsonObject) -> bytes:
        return self._take_opener() + self._prefix + dumps(choice) + self._suffix

    def _take_opener(self) -> bytes:
        opener, self._opener = self._opener, b""
        return opener

    def _head(self, *, with_fingerprint: bool) -> JsonObject:
        envelope = self._envelope
        if not self._modern:
            return {
                "id": envelope.generation_id,
                "provider": envelope.provider,
                "model": envelope.model,
                "object": "chat.completion.chunk",
                "created": envelope.created_s,
            }
        head: JsonObject = {
            "id": envelope.generation_id,
            "object": "chat.completion.chunk",
            "created": envelope.created_s,
            "model": envelope.model,
            "provider": envelope.provider,
        }
        if with_fingerprint and self._fingerprint is not None:
            head["system_fingerprint"] = self._fingerprint
        return head

    def _frame(self) -> None:
        """Encode what every chunk of this stream begins and ends with."""
        head = dumps(self._head(with_fingerprint=True))
        self._prefix = b"data: " + head[:-1] + b',"choices":['
        self._suffix = b"]}\n\n"
        if not self._modern and self._fingerprint is not None:
            self._suffix = b'],"system_fingerprint":' + dumps(self._fingerprint) + b"}\n\n"
        sample = self._prefix + dumps(self._choice(self._delta({"content": "\0"}), 0, None))
        self._text_head, text_tail = sample.split(dumps("\0"), 1)
        self._text_tail = text_tail + self._suffix
