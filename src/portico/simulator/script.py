"""What the simulator shall answer, as data: decodable from JSON and TOML.

A script is a list of steps. Each request takes the first step that fits it and
is not used up; when none is left, the default step answers, for ever.
"""

from typing import Literal

import msgspec

from portico.errors import InvalidRequest

JsonFields = dict[str, object]
UsageMode = Literal["exact", "missing", "wrong"]
CutMode = Literal["fin", "rst", "stall"]
Malformation = Literal["json", "utf8", "sse"]

DEFAULT_MODEL = "portico/simulator"


class ToolCallStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call the simulated model makes.

    Attributes:
        name: of the function.
        arguments: an object, or JSON text sent as it is.
        id: unset: one is made up from the seed.
    """

    name: str
    arguments: JsonFields | str = {}
    id: str | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer to one request, faults included. Every field is optional.

    Which requests it answers:
        model, stream: only requests that say so; unset fits all.
        path: only request paths that end with this ("/chat/completions").
        times: how many requests it answers; 0 is all that come.

    Pace, in seconds (unset: the script's):
        ttft_s: from the end of the request to the first byte of the answer.
        chunk_interval_s: between two pieces of a stream; a JSON answer waits
            as long as the stream would have taken.
        jitter: each interval is drawn from `interval * (1 ± jitter)`, seeded.
        early_head: send status and headers at once, so that `ttft_s` passes
            between head and first event.

    Content:
        text: unset: the simulator's own greeting, which obeys the request's
            `max_tokens`; scripted content is sent whole.
        chunks: the text piece by piece, as it shall be streamed; wins over `text`.
        reasoning: streamed before the text.
        reasoning_field: where the reasoning stands.
        tool_calls: streamed after the text; with them and without `text` or
            `chunks` there is no text at all.
        finish_reason: unset: "tool_calls", "length" or "stop" as it fits.
        usage: "missing" leaves it out; "wrong" multiplies every count by a
            seeded factor and has a total that does not add up.

    Faults:
        status: 400 and above answers with an error body instead of content.
        headers: more headers of the answer.
        retry_after_s: the Retry-After header.
        error: the `error` object of an error body, merged over the usual one.
        error_at_chunk: after so many pieces of a stream an error event takes
            the place of the rest (0: HTTP 200, then an error before content).
        body: sent as it is, in place of everything above.
        content_type: of `body`.
        malformed: "json" cuts the middle event (or the body) in half, "utf8"
            puts bytes that are no UTF-8 into it, "sse" breaks its line in two
            (a JSON answer becomes an event stream nobody asked for).
        cut_at_byte: stop after so many bytes of the body, chunked framing not
            counted; -1 stops before the status line.
        how: "fin" closes the connection, "rst" resets it, "stall" says no more.
    """

    model: str | None = None
    path: str | None = None
    stream: bool | None = None
    times: int = 1
    ttft_s: float | None = None
    chunk_interval_s: float | None = None
    jitter: float = 0.0
    early_head: bool = False
    text: str | None = None
    chunks: tuple[str, ...] | None = None
    reasoning: str | None = None
    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    tool_calls: tuple[ToolCallStep, ...] = ()
    finish_reason: str | None = None
    usage: UsageMode = "exact"
    status: int = 200
    headers: dict[str, str] = {}
    retry_after_s: float | None = None
    error: JsonFields | None = None
    error_at_chunk: int | None = None
    body: str | None = None
    content_type: str = "application/json"
    malformed: Malformation | None = None
    cut_at_byte: int | None = None
    how: CutMode = "fin"


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Steps in order, then `default` for ever. The same seed gives the same answers.

    Attributes:
        seed: what is drawn (pace, ids, wrong counts) is drawn from it.
        ttft_s: seconds to the first byte, for steps that do not say. The
            defaults are the pace of a hosted model; with 0 for both it answers at once.
        chunk_interval_s: seconds between two pieces, likewise.
        models: what `GET /v1/models` lists; a request may name any other.
        steps: each request takes the first one that fits and is not used up.
        default: the step that answers when none is left.
    """

    seed: int = 0
    ttft_s: float = 0.15
    chunk_interval_s: float = 0.02
    models: tuple[str, ...] = (DEFAULT_MODEL,)
    steps: tuple[Step, ...] = ()
    default: Step = Step()


INSTANT = Script(ttft_s=0.0, chunk_interval_s=0.0)
"""No steps and no waiting."""


def decode_script(data: bytes, *, toml: bool = False) -> Script:
    """Read a script from JSON, or from TOML.

    Raises:
        InvalidRequest: the message names the field that is wrong.
    """
    decode = msgspec.toml.decode if toml else msgspec.json.decode
    try:
        return decode(data, type=Script)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"not a simulator script: {error}") from error


class Player:
    """Hands out the steps of one script. The state is how often each was used."""

    __slots__ = ("_used", "script")

    def __init__(self, script: Script) -> None:
        self.script = script
        self._used = [0] * len(script.steps)

    def next_step(self, *, path: str, model: str, stream: bool) -> Step:
        """Return the step for a request, with its pace filled in from the script."""
        step = self._take(path, model, stream=stream)
        ttft_s = self.script.ttft_s if step.ttft_s is None else step.ttft_s
        interval_s = step.chunk_interval_s
        if interval_s is None:
            interval_s = self.script.chunk_interval_s
        return msgspec.structs.replace(step, ttft_s=ttft_s, chunk_interval_s=interval_s)

    def _take(self, path: str, model: str, *, stream: bool) -> Step:
        for number, step in enumerate(self.script.steps):
            spent = step.times > 0 and self._used[number] >= step.times
            if not spent and _fits(step, path, model, stream=stream):
                self._used[number] += 1
                return step
        return self.script.default


def _fits(step: Step, path: str, model: str, *, stream: bool) -> bool:
    return (
        step.model in {None, model}
        and step.stream in {None, stream}
        and (step.path is None or path.endswith(step.path))
    )
