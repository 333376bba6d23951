"""One upstream stream in, one client stream out: the whole per-chunk path.

Synchronous, one `try`, no logging, no clock. A failure is kept, not thrown
away with the text that came before it in the same read.
"""

from collections.abc import Callable

from portico.dialects.answers import empty_answer
from portico.dialects.base import Events, Rewriter, Splitter, StreamDecoder, StreamEncoder
from portico.errors import GatewayError, StreamBroken, UpstreamError
from portico.jsonio import JsonError, JsonObject, ShapeError
from portico.sse import ServerSentEvent, SSEParser
from portico.vocabulary import (
    ChatResponse,
    Cost,
    Finish,
    ReasoningDelta,
    Start,
    StreamEvent,
    StreamUsage,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)

_UNREADABLE = (*JsonError, *ShapeError)
_chars = str.__len__  # of a text: a TypeError for what an upstream put in the place of one


class StreamRelay:
    """Translates through the hub. One instance per attempt.

    `usage`, `finish`, `start` and `service_tier` are what the upstream said so
    far; `output_chars` counts text, reasoning and arguments, for an estimate
    when no usage comes. `tool_calls` are the name and the fragments of arguments
    of each call. `error` is why the stream ended badly, None so far.
    """

    def __init__(
        self, decoder: StreamDecoder, encoder: StreamEncoder, splitter: Splitter | None = None
    ) -> None:
        self.usage: Usage | None = None
        self.finish: Finish | None = None
        self.start: Start | None = None
        self.service_tier: str | None = None
        self.error: UpstreamError | None = None
        self.output_chars = 0
        self.tool_calls: dict[tuple[int, int], list[str]] = {}
        self._rare = False  # content of another kind: a refusal, images, sources
        self._parser = splitter or SSEParser()
        self._decoder = decoder
        self._encoder = encoder

    @property
    def extra(self) -> JsonObject:
        """Further top-level fields for the end of the stream."""
        return self._decoder.extra

    @property
    def done(self) -> bool:
        """The upstream said that nothing more will come."""
        return self._decoder.done

    def feed(self, data: bytes) -> bytes:
        """Return what the client should receive for `data`; may be empty.

        Does not raise: a failure is kept in `error`.
        """
        out: list[bytes] = []
        decoder = self._decoder
        if decoder.done:  # nothing counts after the terminator
            return b""
        try:
            for event in self._parser.feed(data):
                self._relay(event, out)
                if decoder.done:
                    break
        except UpstreamError as error:
            self.error = error
        except _UNREADABLE as error:
            self._keep_unreadable(error)
        return b"".join(out)

    def feed_answer(self, response: ChatResponse, events: Events) -> bytes:
        """Return the bytes for a whole answer, told as `events`, that came instead of a stream."""
        self._decoder.extra.update(response.extra or {})
        out: list[bytes] = []
        self._emit(events, out)
        return b"".join(out)

    def end(self) -> bytes:
        """Say that the upstream has ended; sets `error` if it was not finished."""
        out: list[bytes] = []
        try:
            for event in self._parser.close():
                if not self._decoder.done:  # what follows may have been cut off in reading
                    self._relay(event, out)
            self._emit(self._last_events(), out)
        except UpstreamError as error:
            self.error = error
        except _UNREADABLE as error:
            self._keep_unreadable(error)
        return b"".join(out)

    def _last_events(self) -> Events:
        """What is due at the end.

        Raises:
            UpstreamEmpty: nothing came, and no word on why.
            StreamBroken: the stream was cut.
        """
        try:
            events = self._decoder.close()
        except StreamBroken as error:
            if self._is_void(()):
                raise empty_answer() from error
            raise
        if self._is_void(events):
            raise empty_answer()
        return events

    def _is_void(self, last: Events) -> bool:
        """Whether there is nothing in the stream, `last` included, not even why it ended."""
        if self.output_chars or self.tool_calls or self.finish is not None or self._rare:
            return False
        if self.usage is not None and self.usage.completion_tokens:
            return False
        return all(
            isinstance(event, Start | StreamUsage)
            or (isinstance(event, Finish) and event.native_reason is None)
            for event in last
        )

    def trailer(self, cost: Cost | None) -> bytes:
        """The end of a good stream: usage, price and terminator."""
        return self._encoder.trailer(self.usage, cost, self._decoder.extra)

    def fail(self, error: GatewayError) -> bytes:
        """The end of a stream that failed after it began."""
        return self._encoder.error(error)

    def _relay(self, event: ServerSentEvent, out: list[bytes]) -> None:
        self._emit(self._decoder.feed(event), out)

    def _emit(self, events: Events, out: list[bytes]) -> None:
        for event in events:
            self._note(event)
            out.append(self._encoder.feed(event))

    def _note(self, event: StreamEvent) -> None:
        if isinstance(event, TextDelta):
            self.output_chars += _chars(event.text)
        elif isinstance(event, ToolCallDelta):
            self.output_chars += _chars(event.arguments)
            call = self.tool_calls.setdefault((event.choice, event.index), [""])
            call.append(event.arguments)
        elif isinstance(event, ToolCallStart):
            if not (_chars(event.id) and _chars(event.name)):
                raise ValueError("a tool call without a name")
            self.tool_calls[event.choice, event.index] = [event.name]
        elif isinstance(event, ReasoningDelta):
            self.output_chars += _chars(event.item.text or event.item.summary or "")
        elif isinstance(event, StreamUsage):
            _check_texts(*_given(event.service_tier))
            self.usage = event.usage
            self.service_tier = event.service_tier or self.service_tier
        elif isinstance(event, Finish):
            _check_texts(*_given(event.native_reason))
            self.finish = self.finish or event
        elif isinstance(event, Start):
            self.start = event
        else:
            self._rare = True

    def _keep_unreadable(self, cause: Exception) -> None:
        self.error = StreamBroken("the upstream sent an unreadable event")
        self.error.__cause__ = cause


def _given(text: object) -> tuple[object, ...]:
    return () if text is None else (text,)


def _check_texts(*texts: object) -> None:
    """What any dialect will take for text has to be text: records do not check it.

    Raises:
        TypeError: it is not.
    """
    if not all(type(text) is str for text in texts):
        raise TypeError("expected a text")


class PassthroughRelay(StreamRelay):
    """For an upstream with a shortcut for the commonest chunk, the one that only adds text.

    `added_text` recognises those; they skip the hub and are written around an
    envelope that was encoded once. The first chunk and every other kind take
    the general way, where unknown fields are carried along.
    """

    def __init__(
        self,
        decoder: StreamDecoder,
        encoder: StreamEncoder,
        added_text: Callable[[bytes], str | None],
        splitter: Splitter | None = None,
    ) -> None:
        super().__init__(decoder, encoder, splitter)
        self._added_text = added_text

    def _relay(self, event: ServerSentEvent, out: list[bytes]) -> None:
        general = not self.output_chars or self._decoder.holding
        added = None if general else self._added_text(event.data)
        if added is None:
            self._emit(self._decoder.feed(event), out)
        else:
            self.output_chars += len(added)
            out.append(self._encoder.text(added))


class VerbatimRelay(StreamRelay):
    """Between equal dialects: the decoder only looks on, the client gets the upstream's bytes.

    What only begins a stream waits for what comes after it: another endpoint can still be
    asked until then.
    """

    def __init__(self, decoder: StreamDecoder, encoder: StreamEncoder, rewriter: Rewriter) -> None:
        super().__init__(decoder, encoder)
        self._rewriter = rewriter
        self._streamed = True
        self._opening: list[bytes] | None = []  # until the first that is no beginning

    def feed_answer(self, response: ChatResponse, events: Events) -> bytes:
        """The upstream answered with one body after all: there is nothing to keep."""
        self._streamed = False
        return super().feed_answer(response, events)

    def trailer(self, cost: Cost | None) -> bytes:
        """The upstream's own end, with the price."""
        if not self._streamed:
            return super().trailer(cost)
        return self._rewriter.trailer(self.usage, cost, self._decoder.extra)

    def fail(self, error: GatewayError) -> bytes:
        """The gateway's own end: the upstream has none."""
        if not self._streamed:
            return super().fail(error)
        return self._rewriter.error(error)

    def _relay(self, event: ServerSentEvent, out: list[bytes]) -> None:
        for seen in self._decoder.feed(event):
            self._note(seen)
        data = self._rewriter.feed(event)
        if self._opening is not None:
            if event.name in self._rewriter.openers:
                self._opening.append(data)
                return
            out += self._opening
            self._opening = None
        out.append(data)

    def _emit(self, events: Events, out: list[bytes]) -> None:
        if not self._streamed:
            super()._emit(events, out)
            return
        for event in events:  # what the decoder adds at the end
            self._note(event)
