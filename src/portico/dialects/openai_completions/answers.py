"""Answers as `text_completion`, whole and streamed."""

from portico.dialects.base import Envelope
from portico.dialects.openai_chat.errors import encode_stream_error
from portico.dialects.openai_chat.usage import encode_usage
from portico.dialects.reasoning import visible_text
from portico.errors import GatewayError
from portico.jsonio import JsonObject, dumps
from portico.sse import DONE
from portico.vocabulary import (
    ChatResponse,
    Choice,
    Cost,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    StreamUsage,
    TextDelta,
    Usage,
)


def encode_response(response: ChatResponse, envelope: Envelope, cost: Cost | None) -> bytes:
    """Write the answer; tool calls have no place in it."""
    body = {
        **_head(envelope),
        "system_fingerprint": response.system_fingerprint,
        "choices": [_choice(choice, envelope) for choice in response.choices],
        "usage": encode_usage(response.usage or Usage(), cost, envelope.profile),
    }
    return dumps({**body, **(response.extra or {})})


def _choice(choice: Choice, envelope: Envelope) -> JsonObject:
    body: JsonObject = {
        "index": choice.index,
        "text": choice.content or choice.refusal or "",
        "logprobs": choice.logprobs,
        "finish_reason": choice.finish_reason,
        "native_finish_reason": choice.native_finish_reason,
    }
    thoughts = [text for item in choice.reasoning if (text := visible_text(item)) is not None]
    if thoughts and not envelope.exclude_reasoning:
        body["reasoning"] = "".join(thoughts)
    return body


class CompletionEncoder:
    """One instance per stream."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._finishes: dict[int, Finish] = {}
        self._usage: Usage | None = None
        self._prefix = b"data: " + dumps(_head(envelope))[:-1] + b',"choices":['

    def feed(self, event: StreamEvent) -> bytes:
        """Bytes for one event; may be empty."""
        match event:
            case TextDelta():
                return self._chunk(event.text, event.choice, logprobs=event.logprobs)
            case RefusalDelta():
                return self._chunk(event.text, event.choice)
            case ReasoningDelta() if not self._envelope.exclude_reasoning:
                text = visible_text(event.item)
                return b"" if text is None else self._chunk("", event.choice, reasoning=text)
            case StreamUsage():
                self._usage = event.usage
            case Finish():
                self._finishes.setdefault(event.choice, event)
        return b""

    def text(self, text: str) -> bytes:
        """More text of the only answer."""
        return self._chunk(text, 0)

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """Why each answer ended, then usage and price, and the terminator."""
        counted = encode_usage(usage or self._usage or Usage(), cost, self._envelope.profile)
        ends = [self._chunk("", number, finish) for number, finish in self._finishes.items()]
        last = {**_head(self._envelope), "choices": [], "usage": counted, **extra}
        return b"".join((*ends, b"data: ", dumps(last), b"\n\n", DONE))

    def error(self, error: GatewayError) -> bytes:
        """The error chunk and the terminator."""
        return encode_stream_error(error, self._envelope) + DONE

    def _chunk(
        self, text: str, number: int, finish: Finish | None = None, **further: object
    ) -> bytes:
        choice = {
            "index": number,
            "text": text,
            "logprobs": None,
            "finish_reason": finish.reason if finish else None,
            "native_finish_reason": finish.native_reason if finish else None,
            **further,
        }
        return self._prefix + dumps(choice) + b"]}\n\n"


def _head(envelope: Envelope) -> JsonObject:
    return {
        "id": envelope.generation_id,
        "object": "text_completion",
        "created": envelope.created_s,
        "model": envelope.model,
        "provider": envelope.provider,
    }
