"""Answers as `text_completion`, whole and streamed."""

from portico.dialects.base import Envelope
from portico.dialects.openai_chat.errors import error_object
from portico.dialects.openai_chat.usage import encode_usage
from portico.dialects.openai_completions.logprobs import legacy_logprobs
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
        "logprobs": legacy_logprobs(choice.logprobs),
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
        self._lengths: dict[int, int] = {}  # of the texts that came with log probabilities
        self._usage: Usage | None = None
        self._prefix = b"data: " + dumps(_head(envelope))[:-1] + b',"choices":['

    def feed(self, event: StreamEvent) -> bytes:
        """Bytes for one event; may be empty."""
        match event:
            case TextDelta():
                return self._text(event)
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
        end = Finish(reason="error")
        body = {
            **_head(self._envelope),
            "error": error_object(error),
            "choices": [_piece("", 0, end)],
            **error.beside,
        }
        return b"data: " + dumps(body) + b"\n\n" + DONE

    def _text(self, event: TextDelta) -> bytes:
        if event.logprobs is None:
            return self._chunk(event.text, event.choice)
        start = self._lengths.get(event.choice, 0)
        self._lengths[event.choice] = start + len(event.text)
        logprobs = legacy_logprobs(event.logprobs, start=start)
        return self._chunk(event.text, event.choice, logprobs=logprobs)

    def _chunk(
        self, text: str, number: int, finish: Finish | None = None, **further: object
    ) -> bytes:
        return self._prefix + dumps({**_piece(text, number, finish), **further}) + b"]}\n\n"


def _piece(text: str, number: int, finish: Finish | None) -> JsonObject:
    return {
        "index": number,
        "text": text,
        "logprobs": None,
        "finish_reason": finish.reason if finish else None,
        "native_finish_reason": finish.native_reason if finish else None,
    }


def _head(envelope: Envelope) -> JsonObject:
    return {
        "id": envelope.generation_id,
        "object": "text_completion",
        "created": envelope.created_s,
        "model": envelope.model,
        "provider": envelope.provider,
    }
