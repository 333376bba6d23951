"""OpenAI chat chunks, as any provider of the family writes them, to hub events.

What a tolerant reader has to survive is listed in the recordings' notes
(native-wire 2): no choices, usage anywhere, roles anywhere, tool calls
without index or id, content as a list, no terminator, errors after HTTP 200.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from portico.dialects.answers import chunk_object
from portico.dialects.base import Quirks
from portico.dialects.failures import classify
from portico.dialects.fields import text_of
from portico.dialects.finish import finish_reason
from portico.dialects.halves import Halves, loads_halves
from portico.dialects.openai_chat.pieces import (
    index_of,
    logprobs_of,
    native_reason,
    readable,
)
from portico.dialects.openai_chat.reasoning import answered_reasoning, split_content
from portico.dialects.openai_chat.tool_calls import called_function, called_name, calls_of
from portico.dialects.openai_chat.usage import decode_usage, find_usage
from portico.dialects.tool_calls import arguments_text, id_text, made_up_id
from portico.errors import StreamBroken
from portico.jsonio import JsonObject
from portico.sse import ServerSentEvent
from portico.vocabulary import (
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
)

# Known fields of a delta; whatever else it carries travels on as it is.
_DELTA_FIELDS = frozenset(
    {
        "role", "content", "refusal", "reasoning", "reasoning_content", "reasoning_details",
        "reasoning_text", "thinking", "tool_calls", "token_id", "channel", "obfuscation",
    }
)  # fmt: skip
# Known or meaningless outside the upstream; the rest is gathered for the last chunk.
_CHUNK_FIELDS = frozenset(
    {
        "id", "object", "created", "model", "provider", "choices", "usage", "system_fingerprint",
        "service_tier", "obfuscation", "p", "x_groq", "error", "type",
    }
)  # fmt: skip


class ChunkDecoder:
    """One instance per stream.

    `extra` gathers top-level fields the hub has no word for (Perplexity's
    citations, Cerebras' time_info, ...); the last value of each wins.
    """

    def __init__(self, quirks: Quirks, id_seed: str) -> None:
        self.done = False
        self.holding = False
        self.extra: JsonObject = {}
        self._quirks = quirks
        self._id_seed = id_seed
        self._started = False
        self._counted = False
        self._answers: dict[int, _Answer] = {}

    def feed(self, event: ServerSentEvent) -> list[StreamEvent]:
        """Translate one chunk. `[DONE]` sets `done`.

        Raises:
            UpstreamError: the chunk is an error object.
            StreamBroken: it is not a JSON object.
        """
        if event.data.strip() == b"[DONE]":
            self.done = True
            return self._settled(())
        body = chunk_object(loads_halves(event.data), self._quirks)
        if _is_failure(body):
            raise classify(None, {}, body)
        return self._chunk(body)

    def close(self) -> list[StreamEvent]:
        """Finish answers that `[DONE]` ended without a reason.

        Raises:
            StreamBroken: no answer began, or the stream was cut.
        """
        events = self._settled(())
        unfinished = [answer for answer in self._answers.values() if not answer.finished]
        if not self._answers:
            raise StreamBroken("the upstream ended the stream without an answer")
        if unfinished and not self.done:
            raise StreamBroken("the upstream closed the stream before it finished")
        return [*events, *(event for answer in unfinished for event in answer.finish(None))]

    def _chunk(self, body: JsonObject) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if not self._started:
            self._started = True
            events.append(
                Start(
                    upstream_id=text_of(body.get("id")),
                    model=text_of(body.get("model")),
                    system_fingerprint=text_of(body.get("system_fingerprint")),
                )
            )
        unsettled: list[_Answer] = []
        for choice in body.get("choices") or ():
            events.extend(self._choice(choice, unsettled))
        events.extend(self._settled(unsettled))
        self.holding = any(answer.holding for answer in self._answers.values())
        if (usage := find_usage(body)) is not None:
            events.extend(self._usage(usage, body))
        for key, value in body.items():
            if key not in _CHUNK_FIELDS and value is not None:
                self.extra[key] = value
        return events

    def _usage(self, usage: JsonObject, body: JsonObject) -> list[StreamEvent]:
        outside = self._quirks.reasoning_outside_completion
        counted = decode_usage(usage, reasoning_outside_completion=outside)
        if counted is None or (self._counted and not counted.completion_tokens):
            return []  # some hosts end with a chunk of zeros
        self._counted = bool(counted.completion_tokens)
        return [StreamUsage(usage=counted, service_tier=text_of(body.get("service_tier")))]

    def _settled(self, unsettled: "Sequence[_Answer]") -> list[StreamEvent]:
        """Finish the answers whose reason came with their last delta, once no more follows.

        Some hosts repeat the reason on every tool call, or have it on the opening chunk
        already: it counts when a chunk adds nothing to what was said.
        """
        return [
            event
            for answer in self._answers.values()
            if answer.reason is not None and answer not in unsettled
            for event in answer.finish(answer.reason)
        ]

    def _choice(self, choice: JsonObject, unsettled: "list[_Answer]") -> list[StreamEvent]:
        number = index_of(choice.get("index"), 0)
        answer = self._answers.get(number)
        if answer is None:
            answer = self._answers[number] = _Answer(number, self._id_seed)
        delta = choice.get("delta")
        if delta is None:  # some hosts send pieces of a whole message
            delta = choice.get("message")
        delta = delta or {}
        if not isinstance(delta, dict):
            raise TypeError("a delta is an object")
        events = answer.delta(delta, logprobs_of(choice.get("logprobs")))
        answer.reason = native_reason(choice.get("finish_reason")) or answer.reason
        if events or not answer.spoke:
            unsettled.append(answer)
        answer.spoke = answer.spoke or bool(events)
        return events


def _is_failure(body: JsonObject) -> bool:
    """Whether an event reports a failure: an `error`, or an error object in a chunk's place."""
    if body.get("error"):
        return True
    if "choices" in body or "usage" in body:
        return False
    told = (body.get("message"), body.get("detail"))
    return body.get("object") == "error" or any(isinstance(text, str) and text for text in told)


class _Answer:
    """The state of one choice: its tool calls, whether it said anything and has finished."""

    def __init__(self, number: int, id_seed: str) -> None:
        self.spoke = False
        self.finished = False
        self.reason: str | None = None
        self._number = number
        self._id_seed = id_seed
        self._calls: list[_Call] = []
        self._by_key: dict[object, _Call] = {}
        self._halves = Halves()

    @property
    def holding(self) -> bool:
        """Whether something waits: half a character, a reason that may come again, or an
        empty object that may turn out to be none."""
        ending = self.reason is not None and not self.finished
        return self._halves.held or ending or any(call.waiting for call in self._calls)

    def delta(self, delta: Mapping[str, Any], logprobs: Any) -> list[StreamEvent]:
        number = self._number
        waiting = [call for call in self._calls if call.waiting]
        text, thoughts, others = split_content(delta.get("content"))
        if text is not None:
            text = self._halves.join(text)
        events: list[StreamEvent] = [
            ReasoningDelta(item=item, choice=number)
            for item in (*thoughts, *answered_reasoning(delta))
        ]
        if text or logprobs:
            events.append(TextDelta(text=text or "", choice=number, logprobs=logprobs))
        if refusal := text_of(delta.get("refusal")):
            events.append(RefusalDelta(text=refusal, choice=number))
        extra = {
            key: value
            for key, value in delta.items()
            if key not in _DELTA_FIELDS and value is not None and value != []
        }
        for call in calls_of(delta.get("tool_calls")):
            events.extend(self._tool_call(call))
        if others:
            extra["content_parts"] = others
        if extra and (extra := readable(extra)):
            events.append(ExtraDelta(fields=extra, choice=number))
        if not events:
            return events
        settled = [event for call in waiting for event in call.settle(number)]
        return settled + events if settled else events

    def finish(self, native: str | None) -> list[StreamEvent]:
        if self.finished:  # some hosts repeat the reason on their usage chunk
            return []
        self.finished = True
        events: list[StreamEvent] = []
        if rest := self._halves.end():
            events.append(TextDelta(text=rest, choice=self._number))
        events.extend(event for call in self._calls for event in call.close(self._number))
        reason = finish_reason(native, has_tool_calls=any(call.opened for call in self._calls))
        events.append(Finish(reason=reason, native_reason=native, choice=self._number))
        return events

    def _tool_call(self, fields: JsonObject) -> list[StreamEvent]:
        function = called_function(fields)
        call = self._find(fields, function)
        others = [other for other in self._calls if other is not call and other.waiting]
        events = [event for other in others for event in other.settle(self._number)]
        if not call.opened:  # numbered in the order in which clients hear of them
            call.index = sum(other.opened for other in self._calls)
        return events + call.feed(fields, function, self._number)

    def _find(self, fields: JsonObject, function: JsonObject) -> "_Call":
        """The call a fragment belongs to: by index, else by id, else the last one.

        A name that comes with another id under the same index, or with neither
        index nor id, opens a new call.
        """
        index, upstream_id = index_of(fields.get("index"), -1), id_text(fields.get("id"))
        key: object = None
        if index >= 0:
            key, known = index, self._by_key.get(index)
        elif upstream_id:
            key, known = upstream_id, self._by_key.get(upstream_id)
        else:
            key, known = None, self._calls[-1] if self._calls else None
        if known is not None and function.get("name"):
            other_id = upstream_id and known.upstream_id not in {None, upstream_id}
            if other_id or key is None:
                known = None
        if known is None:
            known = _Call(f"{self._id_seed}:{self._number}:{len(self._calls)}")
            self._calls.append(known)
            self._by_key[key] = known
        return known


class _Call:
    """One tool call: `opened` once its name is known, closed with at least `{}`.

    `waiting` is an empty object that opened the arguments: some hosts begin with one and
    then send what it should hold, and readers take the first text that parses for the whole.
    """

    def __init__(self, id_seed: str) -> None:
        self.index = 0
        self.upstream_id: str | None = None
        self.waiting = ""
        self.opened = False
        self._id_seed = id_seed
        self._held: list[str] = []
        self._size = 0

    def feed(self, fields: JsonObject, function: JsonObject, choice: int) -> list[StreamEvent]:
        self.upstream_id = self.upstream_id or id_text(fields.get("id"))
        fragment = arguments_text(function.get("arguments"))
        events: list[StreamEvent] = []
        if self.opened:
            return events if fragment is None else self._grow(fragment, choice)
        if fragment:
            self._held.append(fragment)
        if name := called_name(fields):
            self.opened = True
            call_id = self.upstream_id or made_up_id(self._id_seed)
            events.append(ToolCallStart(index=self.index, id=call_id, name=name, choice=choice))
            for held in self._held:
                events.extend(self._grow(held, choice))
        return events

    def settle(self, choice: int) -> list[StreamEvent]:
        """The empty object that waits is the arguments: something else has come."""
        if not self.waiting:
            return []
        self.waiting = ""
        return [self._more("{}", choice)]

    def close(self, choice: int) -> list[StreamEvent]:
        """A call without arguments still gets the empty object: clients parse it."""
        if not self.opened or self._size:
            return []
        self.waiting = ""
        return [self._more("{}", choice)]

    def _grow(self, fragment: str, choice: int) -> list[StreamEvent]:
        if not self._size and (self.waiting + fragment).strip() == "{}":
            self.waiting += fragment
            return []
        if self.waiting and not fragment.lstrip().startswith("{"):
            fragment = self.waiting + fragment
        self.waiting = ""
        return [self._more(fragment, choice)]

    def _more(self, fragment: str, choice: int) -> ToolCallDelta:
        self._size += len(fragment)
        return ToolCallDelta(index=self.index, arguments=fragment, choice=choice)
