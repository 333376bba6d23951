"""Who may spend, what was held, what was used and what was charged.

Money is integer pico-dollars (10**-12 USD) everywhere; `None` means "not
known", never zero. Times are integer milliseconds since the Unix epoch.
"""

from typing import Literal

import msgspec

from portico.vocabulary.catalog import Pricing

LimitReset = Literal["daily", "weekly", "monthly"]
StreamTail = Literal["repeat_finish", "null_finish", "empty_choices"]
Waiver = Literal["zero_completion", "upstream_error", "interrupted", "byok"]


_MOST_COUNTED = 2**30 - 1


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one generation in disjoint buckets, as counted by the upstream.

    Everything in is the sum of the seven input buckets; everything out is the
    sum of the three output buckets. `reasoning_tokens` is the one overlap: it
    is part of `output_tokens` and says how much of it was thinking. The
    overlapping fields of the OpenAI dialect exist only at the edge.

    Some models are not billed by the token. For them `input_tokens` are characters
    (speech) and `audio_s` is whole seconds of sound that were heard (transcription), which
    are no tokens and in no sum of them; `flat_charges` is how often the price per request
    is due: once, per search unit (rerank) or per image.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    input_audio_tokens: int = 0
    input_video_tokens: int = 0
    input_image_tokens: int = 0
    output_tokens: int = 0
    output_audio_tokens: int = 0
    output_image_tokens: int = 0
    reasoning_tokens: int = 0
    web_search_requests: int = 0
    audio_s: int = 0
    flat_charges: int = 1
    estimated: bool = False

    @property
    def plausible(self) -> bool:
        """Whether no count is negative or beyond what any request can use: such counts are none."""
        # negative if any is, else within the bound, which has all bits set, if all are
        bits = (
            self.input_tokens
            | self.cache_read_tokens
            | self.cache_write_tokens
            | self.cache_write_1h_tokens
            | self.input_audio_tokens
            | self.input_video_tokens
            | self.input_image_tokens
            | self.output_tokens
            | self.output_audio_tokens
            | self.output_image_tokens
            | self.reasoning_tokens
            | self.web_search_requests
            | self.audio_s
            | self.flat_charges
        )
        return 0 <= bits <= _MOST_COUNTED

    @property
    def prompt_tokens(self) -> int:
        """Everything that went in, cache reads and writes included."""
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_tokens
            + self.cache_write_1h_tokens
            + self.input_audio_tokens
            + self.input_video_tokens
            + self.input_image_tokens
        )

    @property
    def completion_tokens(self) -> int:
        """Everything that came out, reasoning included."""
        return self.output_tokens + self.output_audio_tokens + self.output_image_tokens


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a usage comes to at one price, by side. `request_picousd` is the flat part.

    `is_byok`: the caller's own key paid the provider, so the caller owes nothing here.
    """

    prompt_picousd: int = 0
    completion_picousd: int = 0
    request_picousd: int = 0
    is_byok: bool = False

    @property
    def total_picousd(self) -> int:
        """The sum of the parts: what the provider bills."""
        return self.prompt_picousd + self.completion_picousd + self.request_picousd


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of this gateway. The secret itself is never kept.

    `hash` is the lower-case hex SHA-256 of the whole secret and is the public
    identifier; `label` is the masked secret a person may see. `limit_picousd`
    of None is no limit, 0 lets nothing be spent. `stream_tail` is the form of the last
    chunks for the client that has this key, None is the gateway's.
    """

    hash: str
    name: str
    label: str
    created_ms: int
    disabled: bool = False
    limit_picousd: int | None = None
    limit_reset: LimitReset | None = None
    expires_ms: int | None = None
    stream_tail: StreamTail | None = None
    rowid: int = 0


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request acts for. `user_id` is shown in error bodies once the key is known."""

    key: ApiKey
    user_id: str


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """Settled charges of one key: all time and in the current UTC windows, and open holds."""

    total_picousd: int = 0
    daily_picousd: int = 0
    weekly_picousd: int = 0
    monthly_picousd: int = 0
    held_picousd: int = 0


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A request to set money aside: the upper bound of what a generation can cost.

    `model` is the slug asked for, so that a generation interrupted by a crash
    can still say what it was.
    """

    generation_id: str
    key: ApiKey
    amount_picousd: int
    created_ms: int
    model: str = ""


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Money set aside for one generation.

    Only a `Store` makes one (a test asserts it), and a `Transport` cannot be
    opened without one: that is how nothing reaches an upstream unpaid.
    """

    generation_id: str
    key_hash: str
    amount_picousd: int


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One try at one endpoint, as it goes into the ledger.

    `status` is the upstream's HTTP status, None when no answer came.
    `error_type` is None for the attempt that answered.
    """

    number: int
    endpoint_tag: str
    provider: str
    provider_name: str
    model: str
    started_ms: int
    latency_ms: int | None = None
    status: int | None = None
    error_type: str | None = None
    upstream_id: str | None = None


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """One answered (or failed) request: the row that is written once, at settlement.

    `pricing` is the price captured when the request was planned;
    `upstream_cost_picousd` is `usage` at that price (None: usage not known).
    `cost_picousd` is what the key was charged: the same, or 0 with the reason
    in `waiver`. `overrun_picousd` is by how much the charge exceeded the hold.
    """

    id: str
    key_hash: str
    created_ms: int
    model: str
    api_type: str = "completions"
    streamed: bool = False
    cancelled: bool = False
    provider: str | None = None
    provider_name: str | None = None
    endpoint_tag: str | None = None
    upstream_model: str | None = None
    upstream_id: str | None = None
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    error_type: str | None = None
    error_status: int | None = None
    usage: Usage | None = None
    pricing: Pricing | None = None
    catalog_version: str | None = None
    cost_picousd: int = 0
    upstream_cost_picousd: int | None = None
    overrun_picousd: int = 0
    waiver: Waiver | None = None
    latency_ms: int | None = None
    generation_time_ms: int | None = None
    service_tier: str | None = None
    replayed: bool = False
    user_agent: str | None = None
    http_referer: str | None = None
    app_title: str | None = None
    external_user: str | None = None
    session_id: str | None = None
