"""Endpoints prepared for planning: what every plan would work out again, once per snapshot."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter

import msgspec

from portico.vocabulary import Endpoint, Model, ServiceTier

EndpointKey = tuple[str, str]
"""(model slug, endpoint tag): what an endpoint is filed under in snapshots."""

_CHEAPER_FROM_CACHE = frozenset(
    {
        "alibaba", "anthropic", "deepseek", "google-ai-studio", "google-vertex", "groq",
        "moonshotai", "openai", "xai",
    }
)  # fmt: skip
"""Providers that read a cached prompt at a discount, whether or not a price says so
(contract/routing 7): a hint for where to stay, nothing is charged by it."""

_UNBOUNDED = 2**63


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint with the key to call it with; `credential` None is the provider's only one.

    `is_byok`: the key belongs to the caller, who is not charged for the tokens.
    """

    endpoint: Endpoint
    credential: str | None = None
    is_byok: bool = False


class EndpointFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint and what it may be called.

    `names` are what entries of `order`, `only` and `ignore` may call it, in lower
    case: its tag, its provider's slug and display name. For an endpoint of a
    service tier that is its tag alone, and `wide_names` has the others too
    (contract/routing 1). `price_picousd` is the price scalar: prompt plus
    completion rate per token, 0 if the price is not known. `caches`: reading a
    prompt from its cache costs less than sending it anew. `candidate` is the
    endpoint with its provider's only key. `rank` orders by priority, then by price.
    """

    endpoint: Endpoint
    candidate: Candidate
    key: EndpointKey
    names: frozenset[str]
    wide_names: frozenset[str]
    price_picousd: int
    rank: tuple[int, int]
    caches: bool


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A model's endpoints, in catalogue order, and what is true of all of them.

    A filter that all endpoints are known to pass need not look at each. `plain`: all have a
    price and none is of a service tier. `ranked` and `weights` are what the usual draw
    is among while all are well, see `draw_weights`. `sticks`:
    there is a choice, and a cache that is worth going back to.
    `least_context_tokens` and `least_output_tokens` are the smallest known bounds,
    `common_inputs` what all take whose input is known, `common_parameters` what
    all are known to take, `common_outputs` what all give, `highest` the highest rate by field of `Pricing`.
    """

    endpoints: tuple[EndpointFacts, ...]
    ranked: tuple[EndpointFacts, ...]
    weights: tuple[float, ...]
    plain: bool
    all_priced: bool
    all_zdr: bool
    none_trains: bool
    distillable: bool | None
    tiers: frozenset[ServiceTier]
    quantizations: frozenset[str]
    least_context_tokens: int
    least_output_tokens: int
    common_inputs: frozenset[str] | None
    common_parameters: frozenset[str]
    outputs: frozenset[frozenset[str]]
    common_outputs: frozenset[str]
    highest: dict[str, int]
    sticks: bool


def facts_of(model: Model, provider_names: Mapping[str, str]) -> ModelFacts:
    """Return the facts of a model.

    Args:
        model: the catalogue row.
        provider_names: display names by provider slug; a provider that is not
            in it goes by its slug.
    """
    endpoints = model.endpoints
    inputs = [e.input_modalities for e in endpoints if e.input_modalities]
    facts = tuple(_facts(endpoint, provider_names) for endpoint in endpoints)
    ranked = tuple(sorted(facts, key=rank_of))
    return ModelFacts(
        endpoints=facts,
        ranked=ranked,
        weights=tuple(draw_weights(ranked)),
        sticks=len(facts) > 1 and any(f.caches for f in facts),
        plain=all(e.pricing is not None and e.service_tier is None for e in endpoints),
        all_priced=all(e.pricing is not None for e in endpoints),
        all_zdr=all(e.zdr is True for e in endpoints),
        none_trains=all(e.trains is False for e in endpoints),
        distillable=model.distillable,
        tiers=frozenset(e.service_tier for e in endpoints if e.service_tier is not None),
        quantizations=frozenset(e.quantization or "unknown" for e in endpoints),
        least_context_tokens=_least(e.context_tokens for e in endpoints),
        least_output_tokens=_least(e.max_completion_tokens for e in endpoints),
        common_inputs=frozenset.intersection(*inputs) if inputs else None,
        common_parameters=_common(e.supported_parameters for e in endpoints),
        outputs=frozenset(e.output_modalities for e in endpoints),
        common_outputs=_common(e.output_modalities for e in endpoints),
        highest={
            field: max((getattr(e.pricing, field) or 0 for e in endpoints if e.pricing), default=0)
            for field in (
                "prompt_picousd", "completion_picousd", "request_picousd", "input_audio_picousd",
            )
        },
    )  # fmt: skip


def _facts(endpoint: Endpoint, provider_names: Mapping[str, str]) -> EndpointFacts:
    tag = endpoint.tag.lower()
    name = provider_names.get(endpoint.provider, endpoint.provider)
    wide = frozenset({tag, endpoint.provider.lower(), name.lower()})
    return EndpointFacts(
        endpoint=endpoint,
        candidate=Candidate(endpoint=endpoint),
        key=(endpoint.model, endpoint.tag),
        names=wide if endpoint.service_tier is None else frozenset({tag}),
        wide_names=wide,
        price_picousd=price_picousd(endpoint),
        rank=(endpoint.priority, price_picousd(endpoint)),
        caches=_is_cheaper_from_cache(endpoint),
    )


rank_of = attrgetter("rank")


def draw_weights(
    ranked: Sequence[EndpointFacts], out: Collection[EndpointKey] = frozenset()
) -> list[float]:
    """Return the weights of the endpoints at the head of `ranked` that take part in the draw.

    `ranked` is by outage, priority and price; those of `out` do not take part. Where
    some cost nothing only those do. `Endpoint.weight` multiplies; it does not replace
    the price.
    """
    if not ranked:
        return []
    first = ranked[0]
    cheapest, priority = first.price_picousd, first.endpoint.priority
    weights = []
    for facts in ranked:
        endpoint, price = facts.endpoint, facts.price_picousd
        if endpoint.priority != priority or (cheapest == 0 and price > 0):
            break
        if facts.key in out:
            break
        # relative to the cheapest, so that the square cannot underflow
        weights.append(endpoint.weight * ((cheapest / price) ** 2 if price else 1.0))
    return weights


def price_picousd(endpoint: Endpoint) -> int:
    """The price scalar: prompt plus completion rate per token."""
    pricing = endpoint.pricing
    return 0 if pricing is None else pricing.prompt_picousd + pricing.completion_picousd


def _is_cheaper_from_cache(endpoint: Endpoint) -> bool:
    """Whether its price says so; where it says nothing, whether that is the provider's habit."""
    pricing = endpoint.pricing
    if pricing is None or pricing.prompt_picousd == 0:
        return False
    if pricing.cache_read_picousd is None:
        return endpoint.provider in _CHEAPER_FROM_CACHE
    return pricing.cache_read_picousd < pricing.prompt_picousd


def _least(bounds: Iterable[int | None]) -> int:
    return min((bound for bound in bounds if bound is not None), default=_UNBOUNDED)


def _common(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    sets = list(sets)
    return frozenset.intersection(*sets) if sets else frozenset()
