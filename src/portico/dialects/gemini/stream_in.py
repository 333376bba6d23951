"""Gemini chunks to hub events.

Each chunk is a whole `GenerateContentResponse` with what is new. Calls come
complete (except `partialArgs`), usage is cumulative, and the stream has no
terminator: it is finished when it ends after every answer named a reason.
"""

import hashlib
from typing import Any

from portico.dialects.answers import chunk_object
from portico.dialects.base import Quirks
from portico.dialects.fields import text_of
from portico.dialects.gemini.errors import failure
from portico.dialects.gemini.finish import finish_reason, native_word
from portico.dialects.gemini.grounding import annotations
from portico.dialects.gemini.media import audio_format
from portico.dialects.gemini.names import FORMAT
from portico.dialects.gemini.partial import add_piece
from portico.dialects.gemini.usage import decode_usage, service_tier
from portico.dialects.media import data_url
from portico.errors import StreamBroken
from portico.jsonio import JsonObject, dumps, loads
from portico.sse import ServerSentEvent
from portico.vocabulary import (
    ExtraDelta,
    Finish,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    StreamUsage,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)

_TELL_USAGE_EVERY = 8  # chunks


class ChunkDecoder:
    """One instance per stream. `quirks.patch` edits a chunk before it is read."""

    def __init__(self, quirks: Quirks, id_seed: str) -> None:
        self.done = False
        self.holding = False
        self.extra: JsonObject = {}
        self._quirks = quirks
        self._id_seed = id_seed
        self._started = False
        self._answers: dict[int, _Answer] = {}
        self._blocked: JsonObject | None = None
        self._counts: JsonObject = {}
        self._untold = _TELL_USAGE_EVERY

    def feed(self, event: ServerSentEvent) -> list[StreamEvent]:
        """Translate one chunk.

        Raises:
            UpstreamError: the chunk is an error object.
            StreamBroken: it is not a JSON object.
        """
        if event.data.strip() == b"[DONE]":  # not the API's own, but proxies add it
            self.done = True
            return []
        body = loads(event.data)
        if isinstance(body, list):
            return [event for item in body for event in self.chunk(item)]
        return self.chunk(body)

    def chunk(self, body: Any) -> list[StreamEvent]:
        """Translate one parsed chunk; raises as `feed`."""
        body = chunk_object(body, self._quirks)
        if body.get("error"):
            raise failure(None, {}, body)
        events: list[StreamEvent] = []
        if not self._started:
            self._started = True
            events.append(
                Start(
                    upstream_id=text_of(body.get("responseId")),
                    model=text_of(body.get("modelVersion")),
                )
            )
        for position, candidate in enumerate(body.get("candidates") or ()):
            events.extend(self._candidate(candidate, position))
        feedback = body.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self._blocked = feedback
        if isinstance(counts := body.get("usageMetadata"), dict):
            events.extend(self._usage(counts))
        return events

    def close(self) -> list[StreamEvent]:
        """Finish the answers.

        Raises:
            StreamBroken: no answer began, or one did not say why it ended.
        """
        if any(answer.native is None for answer in self._answers.values()):
            raise StreamBroken("the upstream closed the stream before it finished")
        return self.finish()

    def finish(self) -> list[StreamEvent]:
        """Finish the answers, those too that gave no reason: whole bodies may leave it out.

        Raises:
            StreamBroken: there is no answer at all.
        """
        if not self._answers:
            if self._blocked is None:
                raise StreamBroken("the upstream ended without an answer")
            return [*self._tell_usage(), *_refused(self._blocked)]
        ends = [event for answer in self._answers.values() for event in answer.finish()]
        return [*self._tell_usage(), *ends]

    def _candidate(self, candidate: JsonObject, position: int) -> list[StreamEvent]:
        number = candidate.get("index")
        number = number if isinstance(number, int) else position
        answer = self._answers.get(number)
        if answer is None:
            answer = self._answers[number] = _Answer(number, self._id_seed)
        return answer.feed(candidate)

    def _usage(self, counts: JsonObject) -> list[StreamEvent]:
        """Counts are cumulative; a chunk may leave some of them out.

        They are told now and then, for the bill of a stream that is cut, and at the end.
        """
        self._counts.update(counts)
        self._untold += 1
        return self._tell_usage() if self._untold >= _TELL_USAGE_EVERY else []

    def _tell_usage(self) -> list[StreamEvent]:
        usage = decode_usage(self._counts)
        if usage is None or not self._untold:
            return []
        self._untold = 0
        return [StreamUsage(usage=usage, service_tier=service_tier(self._counts))]


class _Answer:
    """The state of one candidate."""

    def __init__(self, number: int, id_seed: str) -> None:
        self.native: str | None = None
        self._number = number
        self._id_seed = id_seed
        self._ids: set[str] = set()
        self._calls = 0
        self._images = 0
        self._growing: JsonObject | None = None
        self._texts: list[str] = []
        self._grounding: JsonObject = {}
        self._citations: JsonObject = {}

    def feed(self, candidate: JsonObject) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        content = candidate.get("content")
        for part in (content.get("parts") or ()) if content else ():
            events.extend(self._part(part))
        if result := candidate.get("logprobsResult"):
            logprobs = _logprobs(result)
            events.append(TextDelta(text="", choice=self._number, logprobs=logprobs))
        if (grounding := candidate.get("groundingMetadata")) is not None:
            self._grounding.update(grounding)
        if (citations := candidate.get("citationMetadata")) is not None:
            self._citations.update(citations)
        if (reason := candidate.get("finishReason")) is not None:
            self.native = native_word(reason) or self.native
        return events

    def finish(self) -> list[StreamEvent]:
        events = self._close_call()
        cited = annotations(self._grounding, self._citations, "".join(self._texts))
        if cited:
            events.append(ExtraDelta(fields={"annotations": cited}, choice=self._number))
        reason = finish_reason(self.native or "STOP", has_tool_calls=self._calls > 0)
        events.append(Finish(reason=reason, native_reason=self.native, choice=self._number))
        return events

    def _part(self, part: JsonObject) -> list[StreamEvent]:
        text = part.get("text")
        if text and len(part) == 1:  # the usual part
            self._texts.append(text)
            return [TextDelta(text=text, choice=self._number)]
        signature = text_of(part.get("thoughtSignature"))
        if (call := part.get("functionCall")) is not None:
            return self._call(call, signature)
        if part.get("thought"):
            return self._thought(text_of(text), signature)
        if text is None and (part.keys() - {"thoughtSignature", "thought"}):
            return self._other(part, signature)
        events: list[StreamEvent] = []
        if text:
            self._texts.append(text)
            events.append(TextDelta(text=text, choice=self._number))
        if signature is not None:
            events.append(self._signed(signature, None))
        return events

    def _thought(self, text: str | None, signature: str | None) -> list[StreamEvent]:
        if text is None and signature is None:
            return []
        item = Reasoning(text=text, signature=signature, format=FORMAT)
        return [ReasoningDelta(item=item, choice=self._number)]

    def _signed(self, signature: str, call_id: str | None) -> ReasoningDelta:
        item = Reasoning(data=signature, format=FORMAT, id=call_id)
        return ReasoningDelta(item=item, choice=self._number)

    def _other(self, part: JsonObject, signature: str | None) -> list[StreamEvent]:
        """Media, and what the provider's own tools did: that keeps its signature in the part."""
        medium = part.get("inlineData")
        if not isinstance(medium, dict):
            return [ExtraDelta(fields={"content_parts": [part]}, choice=self._number)]
        mime, data = str(medium.get("mimeType") or ""), str(medium.get("data") or "")
        if mime.startswith("audio/"):
            fields: JsonObject = {"audio": {"data": data, "format": audio_format(mime)}}
        else:
            url = {"url": data_url(mime, data)}
            image = {"type": "image_url", "image_url": url, "index": self._images}
            fields = {"images": [image]}
            self._images += 1
        events: list[StreamEvent] = [ExtraDelta(fields=fields, choice=self._number)]
        if signature is not None:
            events.append(self._signed(signature, None))
        return events

    def _call(self, call: JsonObject, signature: str | None) -> list[StreamEvent]:
        if self._growing is not None and not call.get("name"):
            return self._grow(call)
        events = self._close_call()
        name = str(call.get("name") or "")
        call_id = self._call_id(text_of(call.get("id")), name)
        if signature is not None:
            events.append(self._signed(signature, call_id))
        index, self._calls = self._calls, self._calls + 1
        events.append(ToolCallStart(index=index, id=call_id, name=name, choice=self._number))
        arguments = call.get("args") or {}
        if call.get("willContinue"):
            self._growing = arguments
            return events + self._grow(call)
        text = dumps(arguments).decode()
        events.append(ToolCallDelta(index=index, arguments=text, choice=self._number))
        return events

    def _grow(self, call: JsonObject) -> list[StreamEvent]:
        """Gather pieces; the arguments go out whole, as they may not be in order."""
        assert self._growing is not None, "only a call that was opened grows"
        for piece in call.get("partialArgs") or ():
            add_piece(self._growing, piece)
        return [] if call.get("willContinue") else self._close_call()

    def _close_call(self) -> list[StreamEvent]:
        if self._growing is None:
            return []
        text = dumps(self._growing).decode()
        self._growing = None
        return [ToolCallDelta(index=self._calls - 1, arguments=text, choice=self._number)]

    def _call_id(self, native: str | None, name: str) -> str:
        """The upstream's id where it gives one that is new, else one made of the name."""
        if native is not None and native not in self._ids:
            self._ids.add(native)
            return native
        seed = f"{self._id_seed}:{self._number}:{self._calls}"
        return f"tool_{name}_{hashlib.sha256(seed.encode()).hexdigest()[:20]}"


def _refused(feedback: JsonObject) -> list[StreamEvent]:
    """A prompt that was blocked: an answer without content."""
    events: list[StreamEvent] = []
    if message := text_of(feedback.get("blockReasonMessage")):
        events.append(RefusalDelta(text=message))
    native = str(feedback["blockReason"])
    return [*events, Finish(reason="content_filter", native_reason=native)]


def _logprobs(result: JsonObject) -> JsonObject:
    """`logprobsResult` in the spelling of the chat dialect."""
    tops = result.get("topCandidates") or []
    content = []
    for number, chosen in enumerate(result.get("chosenCandidates") or ()):
        others = tops[number].get("candidates") or () if number < len(tops) else ()
        content.append({**_token(chosen), "top_logprobs": [_token(other) for other in others]})
    return {"content": content, "refusal": None}


def _token(candidate: JsonObject) -> JsonObject:
    token = str(candidate.get("token") or "")
    return {
        "token": token,
        "logprob": candidate.get("logProbability"),
        "bytes": list(token.encode()),
    }
