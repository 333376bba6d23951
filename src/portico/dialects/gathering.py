"""A whole answer as the events of a stream, and the events of a stream as a whole answer."""

from collections.abc import Iterable

from portico.dialects.reasoning import merge
from portico.jsonio import JsonObject
from portico.vocabulary import (
    ChatResponse,
    Choice,
    ExtraDelta,
    Finish,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamEvent,
    StreamUsage,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
)


def response_events(response: ChatResponse) -> list[StreamEvent]:
    """A whole answer as hub events, for an upstream that did not stream though asked to."""
    events: list[StreamEvent] = [
        Start(
            upstream_id=response.upstream_id,
            model=response.upstream_model,
            system_fingerprint=response.system_fingerprint,
        )
    ]
    for choice in response.choices:
        events.extend(_choice_events(choice))
    if response.usage is not None:
        events.append(StreamUsage(usage=response.usage, service_tier=response.service_tier))
    return events


def _choice_events(choice: Choice) -> list[StreamEvent]:
    number = choice.index
    events: list[StreamEvent] = [ReasoningDelta(item=i, choice=number) for i in choice.reasoning]
    if choice.content or choice.logprobs:
        events.append(TextDelta(text=choice.content or "", choice=number, logprobs=choice.logprobs))
    if choice.refusal:
        events.append(RefusalDelta(text=choice.refusal, choice=number))
    extra = dict(choice.extra or {})
    for name in ("annotations", "images"):
        if values := getattr(choice, name):
            extra[name] = list(values)
    if choice.audio is not None:
        extra["audio"] = choice.audio
    if extra:
        events.append(ExtraDelta(fields=extra, choice=number))
    for position, call in enumerate(choice.tool_calls):
        events.append(ToolCallStart(index=position, id=call.id, name=call.name, choice=number))
        events.append(ToolCallDelta(index=position, arguments=call.arguments, choice=number))
    events.append(
        Finish(
            reason=choice.finish_reason, native_reason=choice.native_finish_reason, choice=number
        )
    )
    return events


def gathered(events: Iterable[StreamEvent]) -> ChatResponse:
    """The whole answer that a finished stream of events amounts to."""
    start, counted = Start(), None
    choices: dict[int, _Gathering] = {}
    for event in events:
        if isinstance(event, Start):
            start = event
        elif isinstance(event, StreamUsage):
            counted = event
        else:
            number: int = event.choice  # type: ignore[attr-defined]  # all but the two have it
            choices.setdefault(number, _Gathering()).add(event)
    return ChatResponse(
        choices=tuple(choices[number].choice(number) for number in sorted(choices)),
        upstream_id=start.upstream_id,
        upstream_model=start.model,
        system_fingerprint=start.system_fingerprint,
        service_tier=counted.service_tier if counted else None,
        usage=counted.usage if counted else None,
    )


class _Gathering:
    """One answer as its events come in."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._reasoning: list[Reasoning] = []
        self._calls: list[ToolCallStart] = []
        self._arguments: dict[int, str] = {}
        self._extra: JsonObject = {}
        self._logprobs: JsonObject | None = None
        self._finish: Finish | None = None

    def add(self, event: StreamEvent) -> None:
        match event:
            case TextDelta():
                self._texts.append(event.text)
                self._logprobs = event.logprobs or self._logprobs
            case RefusalDelta():
                self._refusals.append(event.text)
            case ReasoningDelta():
                self._reasoning.append(event.item)
            case ToolCallStart():
                self._calls.append(event)
            case ToolCallDelta():
                before = self._arguments.get(event.index, "")
                self._arguments[event.index] = before + event.arguments
            case ExtraDelta():
                self._add_extra(event.fields)
            case Finish():
                self._finish = event

    def _add_extra(self, fields: JsonObject) -> None:
        """Lists grow; of anything else the last one counts."""
        for name, value in fields.items():
            known = self._extra.get(name)
            if isinstance(value, list):
                self._extra[name] = [*(known if isinstance(known, list) else ()), *value]
            else:
                self._extra[name] = value

    def choice(self, number: int) -> Choice:
        text = "".join(self._texts)
        calls = tuple(
            ToolCall(id=call.id, name=call.name, arguments=self._arguments.get(call.index) or "{}")
            for call in self._calls
        )
        extra = dict(self._extra)
        return Choice(
            index=number,
            content=None if calls and not text else text,
            refusal="".join(self._refusals) or None,
            reasoning=tuple(merge(self._reasoning)),
            tool_calls=calls,
            annotations=tuple(extra.pop("annotations", ())),
            images=tuple(extra.pop("images", ())),
            audio=extra.pop("audio", None),
            logprobs=self._logprobs,
            finish_reason=self._finish.reason if self._finish else "stop",
            native_finish_reason=self._finish.native_reason if self._finish else None,
            extra=extra or None,
        )
