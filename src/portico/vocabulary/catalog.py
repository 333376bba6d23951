"""Models, their endpoints and prices, as one immutable snapshot.

Prices are integer pico-dollars per token (or per request): $0.15 per million
tokens is 150_000. A rate of None is "not priced apart": the more general rate
applies. A missing `Pricing` is "price unknown" and is never read as free.
"""

from functools import cached_property
from typing import Literal

import msgspec

ServiceTier = Literal["flex", "priority"]
"""The tiers that have endpoints of their own; the default tier is None."""

OutputModality = Literal[
    "text", "image", "audio", "embeddings", "rerank", "speech", "transcription"
]
"""What an endpoint gives; it decides by which routes its model can be called."""


class PriceOverride(msgspec.Struct, frozen=True, kw_only=True):
    """Rates that replace the base rates while every condition that is set holds.

    `min_prompt_tokens`: applies to prompts strictly longer. `utc_start` and
    `utc_end`: "HHMM", start inclusive, end exclusive, may wrap midnight.
    Later overrides win rate by rate (contract of `GET /models`).
    """

    min_prompt_tokens: int | None = None
    utc_start: str | None = None
    utc_end: str | None = None
    prompt_picousd: int | None = None
    completion_picousd: int | None = None
    cache_read_picousd: int | None = None
    cache_write_picousd: int | None = None
    cache_write_1h_picousd: int | None = None
    input_audio_picousd: int | None = None
    output_audio_picousd: int | None = None
    input_image_picousd: int | None = None
    output_image_picousd: int | None = None


def dearest_picousd(source: "Pricing | PriceOverride") -> tuple[int, int]:
    """Return the highest rate of each side: what goes in, what comes out."""
    ways_in = (
        source.prompt_picousd,
        source.cache_read_picousd,
        source.cache_write_picousd,
        source.cache_write_1h_picousd,
        source.input_audio_picousd,
        source.input_image_picousd,
    )
    ways_out = (
        source.completion_picousd,
        source.output_audio_picousd,
        source.output_image_picousd,
    )
    return max(rate or 0 for rate in ways_in), max(rate or 0 for rate in ways_out)


class Pricing(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What one endpoint bills, in pico-dollars per token; `request_picousd` per request.

    Two kinds of models have a price in another unit, as OpenRouter's catalogue writes it: a
    speech model without a rate for what comes out is billed by the character of what goes in,
    and a transcription model that has no rate but `input_audio_picousd` by the second.
    """

    prompt_picousd: int
    completion_picousd: int
    cache_read_picousd: int | None = None
    cache_write_picousd: int | None = None
    cache_write_1h_picousd: int | None = None
    input_audio_picousd: int | None = None
    output_audio_picousd: int | None = None
    input_image_picousd: int | None = None
    output_image_picousd: int | None = None
    request_picousd: int = 0
    overrides: tuple[PriceOverride, ...] = ()

    @cached_property
    def dearest_picousd(self) -> tuple[int, int]:
        """The highest rate of each side, overrides left out."""
        return dearest_picousd(self)


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One model as served by one provider, with a price.

    `model` is the public slug, `upstream_model` what the provider calls it.
    `tag` is unique among the endpoints of a model: the provider's slug, with a
    suffix where one provider serves a model in several ways. `pricing` None:
    the price is not known and routing refuses the endpoint. `context_tokens`
    and `max_completion_tokens` None: not known, so no request is refused for it;
    the same holds for empty `supported_parameters` and `input_modalities`.

    `zdr` (it retains no data), `trains` (it collects data) and `region` (where
    it processes data: "eu", "us") are what the operator declares; None is not known, and a
    request that demands an answer is not sent there. `is_moderated` (prompts are judged
    before the model reads them), likewise declared, decides who is asked after a refusal on
    grounds of content. `service_tier` None is the default tier. `weight` multiplies the
    chance to be drawn first, 0 is never; endpoints of a lower `priority` number are asked
    before those of a higher one. `dialect` None is the provider's.
    `first_byte_s` is how long it may take to the first token of a stream, None as usual.
    """

    model: str
    provider: str
    tag: str
    upstream_model: str
    pricing: Pricing | None = None
    context_tokens: int | None = None
    max_completion_tokens: int | None = None
    supported_parameters: frozenset[str] = frozenset()
    input_modalities: frozenset[str] = frozenset()
    output_modalities: frozenset[str] = frozenset({"text"})
    quantization: str | None = None
    service_tier: ServiceTier | None = None
    zdr: bool | None = None
    trains: bool | None = None
    region: str | None = None
    is_moderated: bool | None = None
    weight: float = 1.0
    priority: int = 0
    dialect: str | None = None
    first_byte_s: float | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One catalogue row: a slug and the endpoints that serve it, in catalogue order.

    `distillable`: whether the author allows to train other models on what it
    writes; None is not known, and counts as no where it is demanded.
    """

    slug: str
    canonical_slug: str
    name: str
    endpoints: tuple[Endpoint, ...]
    created_s: int = 0
    description: str = ""
    tokenizer: str = "Other"
    knowledge_cutoff: str | None = None
    hugging_face_id: str | None = None
    distillable: bool | None = None


class CatalogSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be called, at one moment.

    `version` names the dated data file (and changes with it); it is stored
    with every generation. `models` is keyed by lower-case slug; `aliases`
    maps other lower-case names (canonical slugs, bare well-known ids) to the keys
    of `models`.
    """

    version: str
    models: dict[str, Model]
    aliases: dict[str, str]
