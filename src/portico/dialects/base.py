"""What a dialect is: pure functions and per-stream state machines, bytes and records only."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from portico.errors import GatewayError, UpstreamError
from portico.jsonio import JsonObject
from portico.sse import KEEP_ALIVE, ServerSentEvent, SSEParser
from portico.vocabulary import (
    ChatRequest,
    ChatResponse,
    Cost,
    Origin,
    Pricing,
    StreamEvent,
    StreamTail,
    Usage,
)

WireProfile = Literal["current", "2025"]
RawFields = dict[str, msgspec.Raw]
Events = Sequence[StreamEvent]

PARAMETERS = frozenset(
    {
        "temperature", "top_p", "top_k", "min_p", "top_a", "frequency_penalty", "presence_penalty",
        "repetition_penalty", "max_tokens", "max_completion_tokens", "logit_bias", "logprobs",
        "top_logprobs", "prediction", "seed", "response_format", "structured_outputs", "stop",
        "tools", "tool_choice", "parallel_tool_calls", "include_reasoning", "reasoning",
        "reasoning_effort", "web_search_options", "verbosity",
    }
)  # fmt: skip
"""What `supported_parameters` of `GET /models` can name."""


class Progress(msgspec.Struct, kw_only=True):
    """How many events of a stream its client has been sent, whoever wrote them."""

    events: int = 0


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway says about an answer, beside the answer itself.

    `profile` picks the era of OpenRouter's wire format, `stream_tail` the form
    of the last chunks (contract: chat completions 4.3). `model` is the slug the
    client asked for, `provider` the display name of who answered. `prompt_tokens` is an
    estimate, for dialects that tell it before the upstream has counted. `request` are the
    top-level fields of what the client sent, for dialects whose answers repeat them.
    `progress` is shared by all attempts and by the signs of life of a dialect that counts
    its events; None otherwise. `origin` is the endpoint that sealed reasoning is tagged
    with; None: it is told as it came.
    """

    generation_id: str
    created_s: int
    model: str
    provider: str
    profile: WireProfile = "current"
    stream_tail: StreamTail = "repeat_finish"
    exclude_reasoning: bool = False
    prompt_tokens: int = 0
    request: RawFields = {}
    progress: Progress | None = None
    origin: Origin | None = None


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider does differently inside its dialect.

    Answers: `patch` edits a parsed body or stream chunk in place before it is
    read; `reasoning_outside_completion`: its completion count leaves reasoning
    out. Requests: what it calls the output cap, other names of parameters, how
    it takes the wish to think (`reasoning_field` "reasoning" also means that it
    understands this gateway's own fields: it is OpenRouter), how it takes earlier
    reasoning back (as a field of the message, as parts of its content, not at all),
    and a last edit of the top-level fields in place. `output_limit_tokens` is the most
    the endpoint can write, for dialects that insist on an output cap; None is not known.
    `model` is what the upstream calls the model, for dialects whose answers do not name it.
    `reasoning_format` names the family that sealed reasoning belongs to; None is the
    dialect's own. The others are for APIs beside conversations. `provider` is the slug
    that `provider.options` of a request may name. `most_inputs` is how many texts it
    embeds at once. `packs_floats`: what it writes in base64 are 32-bit floats.
    `own_words`: it understands the API as clients write it, because it is OpenRouter.
    `counts_when_verbose`: it says how long a sound was only in `verbose_json`. `restate`
    puts a whole answer that a host gives in a form of its own into the API's, before
    anything reads it.
    """

    patch: Callable[[JsonObject], None] | None = None
    reasoning_outside_completion: bool = False
    output_cap_field: str = "max_tokens"
    renamed_parameters: dict[str, str] = {}
    reasoning_field: str | None = None
    replayed_reasoning: Literal["reasoning_content", "thinking"] | None = None
    takes_stream_options: bool = True
    patch_request: Callable[[RawFields], None] | None = None
    output_limit_tokens: int | None = None
    model: str = ""
    reasoning_format: str | None = None
    provider: str = ""
    most_inputs: int | None = None
    packs_floats: bool = False
    own_words: bool = False
    counts_when_verbose: bool = False
    restate: Callable[[JsonObject], JsonObject] | None = None


class RequestHead(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a request that routing, limits and pricing look at.

    `models` are the asked slugs in order, without repeats. `parameters` are the
    names of the sampling and output fields that were sent with a value.
    `fields` are the top-level fields of the body with their exact bytes: what
    goes to an upstream of the same dialect is patched from them, not rebuilt.
    `marked` False: no message and no tool has a member that only this gateway understands.
    `sealed`: it holds reasoning that is tagged with the endpoint that wrote it, see `seals`.
    `prompt_bytes` is the JSON the prompt tokens are bounded from, `media` the
    modality and size in bytes of each of its parts that is not text.

    For APIs beside conversations: `billed` is what the request itself tells of its
    usage in every unit that a price can have, for an upstream that does not count, and
    for one that counts in another unit; `prompt_tokens_bound` stands in the
    place of a bound from `prompt_bytes`; `outputs` are the kinds of models that can
    answer, None is the usual ones; `flat_charges` is how often the price per
    request can be due; `media_type` is that of the answer.
    """

    models: tuple[str, ...]
    stream: bool
    fields: RawFields
    prompt_bytes: bytes
    max_output_tokens: int | None = None
    parameters: frozenset[str] = frozenset()
    media: tuple[tuple[str, int], ...] = ()
    preferences: JsonObject | None = None
    marked: bool = True
    sealed: bool = False
    exclude_reasoning: bool = False
    user: str | None = None
    session_id: str | None = None
    billed: Usage | None = None
    outputs: frozenset[str] | None = None
    prompt_tokens_bound: int | None = None
    flat_charges: int = 1
    media_type: bytes = b"application/json"


class SideApi(msgspec.Struct, frozen=True, kw_only=True):
    """An API beside conversations: the same with every provider that has it.

    `name` is that in `ProviderAccess.side_urls`, `api_type` that in the ledger;
    `content_type` reads it off a body; None where that is JSON. `charged` is what is billed,
    in the unit of the price: (what the upstream counted or None, how many characters it
    wrote, `RequestHead.billed`, the price) -> Usage, marked where any of it is an estimate.
    `streams` says of an upstream's model whether it streams this API; None: none does, and
    the wish for a stream is answered in one piece. `within_s` is how long an upstream may
    take, where that is less than usual. `split` cuts a request that is larger than an
    upstream takes into several, in order, and `merge` makes one body of what they gave;
    both are told how much that is. `url_name` names the URL in `side_urls` where it depends
    on the request and the upstream's model; None: `name` does.
    """

    name: str
    api_type: str
    id_prefix: str
    charged: Callable[[Usage | None, int, Usage, Pricing], Usage]
    content_type: Callable[[bytes], str | None] | None = None
    streams: Callable[[str], bool] | None = None
    within_s: float | None = None
    split: Callable[[RequestHead, int], tuple[RequestHead, ...]] | None = None
    merge: Callable[[Sequence[bytes], int], bytes] | None = None
    url_name: Callable[[RequestHead, str, Quirks], str] | None = None


class Splitter(Protocol):
    """The bytes of a stream to its events, whatever the split. One instance per stream."""

    def feed(self, data: bytes) -> Iterable[ServerSentEvent]:
        """The events completed by `data`, to be iterated once, up to the last or to the end.

        Raises:
            StreamBroken: the bytes are not framed as they should be; events before
                that place may still come.
        """
        ...

    def close(self) -> Iterable[ServerSentEvent]:
        """The events that only the end of the stream completes."""
        ...


class StreamDecoder(Protocol):
    """An upstream's events to hub events. One instance per stream.

    `done` turns True when the upstream said that nothing more will come;
    `extra` gathers top-level fields the hub has no word for. While `holding`,
    part of what came waits for the next event, which must come here too.
    """

    done: bool
    holding: bool
    extra: JsonObject

    def feed(self, event: ServerSentEvent) -> Events:
        """Translate one event; unknown kinds give nothing.

        Raises:
            UpstreamError: the event reports a failure, or cannot be read.
        """
        ...

    def close(self) -> Events:
        """What is still due when the upstream has ended.

        Raises:
            StreamBroken: it never said why it finished.
        """
        ...


class StreamEncoder(Protocol):
    """Hub events to the bytes of a surface. One instance per stream."""

    def feed(self, event: StreamEvent) -> bytes:
        """Bytes for one event; may be empty."""
        ...

    def text(self, text: str) -> bytes:
        """Bytes for more text of the only answer: the commonest event, without a record."""
        ...

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The end of the stream: usage with its price, unknown fields, and the terminator."""
        ...

    def error(self, error: GatewayError) -> bytes:
        """The end of a stream that failed after it began."""
        ...


class Rewriter(Protocol):
    """An upstream's events to the same dialect's clients: their own bytes, save where the
    gateway has something to say. One instance per stream.

    `openers` are the names of events that only begin a stream; a rewriter that holds them
    back itself names none.
    """

    openers: frozenset[str]

    def feed(self, event: ServerSentEvent) -> bytes:
        """Bytes for one event that reports no failure; empty while the end is held back."""
        ...

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The end that was held back, with the price."""
        ...

    def error(self, error: GatewayError) -> bytes:
        """The end of a stream that failed after it began."""
        ...


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON and stream format family, both directions, as a table of pure functions.

    read_head:        a client's body -> what routing looks at; raises InvalidRequest
    upstream_body:    the body for an upstream of the same dialect, and the names of
                      the parameters that had to be dropped
    decode_request:   a checked head -> ChatRequest, for an upstream of another dialect;
                      raises InvalidRequest
    encode_request:   (ChatRequest, model, supported parameters, Quirks) -> the body for
                      an upstream, and what had to be dropped
    decode_response:  a 200 body -> ChatResponse; raises UpstreamError
    encode_response:  ChatResponse -> the client's body
    response_events:  ChatResponse -> the events a stream would have had
    stream_decoder, stream_encoder: one object per stream
    splitter:         how its streams are framed; one object per stream
    added_text:       see `PassthroughRelay`; None where there is no shortcut
    decode_error:     (status, lower-case headers, body) -> UpstreamError
    encode_error:     (error, user id) -> the client's body
    keep_alive:       what a client of a stream is sent while it waits
    pulse:            Envelope -> a function that writes what its client is sent once it
                      has waited long, where comments do not count; None: they do
    rewriter:         for streams between equal dialects; None: they pass the hub
    rewrite_response: (a 200 body that `decode_response` took, the request's head,
                      Envelope, Usage, Cost, further top-level fields) -> the body for a
                      client of the same dialect, with its own bytes; None: it passes the hub
    side:             None for a dialect of conversations
    path:             (model, whether it streams) -> what follows the base URL, for a
                      dialect that says either there; None: the provider's own path
    anonymous:        its answers do not say which model wrote them; `Quirks.model` does
    """

    name: str
    read_head: Callable[[bytes], RequestHead]
    upstream_body: Callable[
        [RequestHead, str, frozenset[str], Quirks], tuple[bytes, frozenset[str]]
    ]
    decode_request: Callable[[RequestHead], ChatRequest]
    encode_request: Callable[
        [ChatRequest, str, frozenset[str], Quirks], tuple[bytes, frozenset[str]]
    ]
    decode_response: Callable[[bytes, Quirks], ChatResponse]
    encode_response: Callable[[ChatResponse, Envelope, Cost | None], bytes]
    response_events: Callable[[ChatResponse], Events]
    stream_decoder: Callable[[Quirks, str], StreamDecoder]
    stream_encoder: Callable[[Envelope], StreamEncoder]
    decode_error: Callable[[int, Mapping[str, str], bytes], UpstreamError]
    encode_error: Callable[[GatewayError, str | None], bytes]
    splitter: Callable[[], Splitter] = SSEParser
    added_text: Callable[[bytes], str | None] | None = None
    keep_alive: bytes = KEEP_ALIVE
    pulse: Callable[[Envelope], Callable[[], bytes]] | None = None
    rewriter: Callable[[Envelope], Rewriter] | None = None
    rewrite_response: (
        Callable[[bytes, RequestHead, Envelope, Usage | None, Cost | None, JsonObject], bytes]
        | None
    ) = None
    side: SideApi | None = None

    @property
    def api_type(self) -> str:
        """What the ledger calls requests of this dialect."""
        return "completions" if self.side is None else self.side.api_type

    path: Callable[[str, bool], str] | None = None
    anonymous: bool = False
