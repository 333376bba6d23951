"""Reasons to exclude an endpoint, one function each.

A filter returns None for "no objection", else a sentence a user can read.
`FILTERS` gives each its code in `availability.excluded_by`; the order is the
order in which reasons are looked for.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from portico.routing.preferences import (
    MaxPrice,
    ProviderPreferences,
    names_endpoint,
    price_bound,
)
from portico.vocabulary import Endpoint

_PICOUSD_PER_TOKEN = 1_000_000  # of one USD per million tokens
_FAMILIES = {"fp4": {"fp4", "mxfp4", "nvfp4"}, "fp8": {"fp8", "mxfp8"}}


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks of an endpoint. `prompt_tokens` is an upper bound.

    `provider_names` maps provider slugs to display names, for matching.
    """

    prompt_tokens: int = 0
    max_output_tokens: int | None = None
    parameters: frozenset[str] = frozenset()
    input_modalities: frozenset[str] = frozenset({"text"})
    preferences: ProviderPreferences = ProviderPreferences()
    provider_names: dict[str, str] = {}


Filter = Callable[[Endpoint, Needs], str | None]


def has_price(endpoint: Endpoint, needs: Needs) -> str | None:
    """An endpoint whose price is not known is never used: it could not be counted."""
    if endpoint.pricing is not None:
        return None
    return (
        "its price is not known; declare one in portico.toml: [[models]] "
        f'id = "{endpoint.model}", provider = "{endpoint.provider}", '
        'price = { prompt = "1.00", completion = "3.00" }'
    )


def is_allowed(endpoint: Endpoint, needs: Needs) -> str | None:
    """`provider.only`."""
    only = needs.preferences.only
    if only is None or _named(only, endpoint, needs):
        return None
    return f"not among provider.only ({', '.join(only)})"


def is_not_ignored(endpoint: Endpoint, needs: Needs) -> str | None:
    """`provider.ignore`."""
    if _named(needs.preferences.ignore or (), endpoint, needs):
        return "ignored by the request (provider.ignore)"
    return None


def is_listed_without_fallbacks(endpoint: Endpoint, needs: Needs) -> str | None:
    """`provider.order` with `allow_fallbacks: false` keeps listed endpoints only."""
    wishes = needs.preferences
    if wishes.order is None or wishes.allow_fallbacks is not False:
        return None
    if _named(wishes.order, endpoint, needs):
        return None
    return "not in provider.order, and allow_fallbacks is false"


def keeps_no_data(endpoint: Endpoint, needs: Needs) -> str | None:
    """`provider.zdr`: no endpoint is known to keep nothing, so none is assumed to."""
    return "not known to retain no data" if needs.preferences.zdr else None


def does_not_train(endpoint: Endpoint, needs: Needs) -> str | None:
    """`provider.data_collection: deny`, with the same caution."""
    deny = needs.preferences.data_collection == "deny"
    return "not known to refrain from collecting data" if deny else None


def has_quantization(endpoint: Endpoint, needs: Needs) -> str | None:
    """`provider.quantizations`; an endpoint without a known value is "unknown"."""
    wanted = needs.preferences.quantizations
    if wanted is None:
        return None
    accepted = set().union(*(_FAMILIES.get(name, {name}) for name in wanted))
    known = endpoint.quantization or "unknown"
    return None if known in accepted else f"quantization is {known}"


def costs_at_most(endpoint: Endpoint, needs: Needs) -> str | None:
    """`provider.max_price`."""
    bounds, pricing = needs.preferences.max_price or MaxPrice(), endpoint.pricing
    if pricing is None:
        return None
    rates = (
        ("prompt", bounds.prompt, pricing.prompt_picousd, _PICOUSD_PER_TOKEN),
        ("completion", bounds.completion, pricing.completion_picousd, _PICOUSD_PER_TOKEN),
        ("request", bounds.request, pricing.request_picousd, 10**12),
    )
    for name, bound, rate_picousd, unit in rates:
        most = price_bound(bound, name)
        if most is not None and Decimal(rate_picousd) / unit > most:
            return f"{name} price is {Decimal(rate_picousd) / unit}, above max_price {most}"
    return None


def fits_context(endpoint: Endpoint, needs: Needs) -> str | None:
    """Prompt and wished output must fit the window, the output the endpoint's own cap."""
    output = needs.max_output_tokens or 0
    window, cap = endpoint.context_tokens, endpoint.max_completion_tokens
    if window is not None and needs.prompt_tokens + output > window:
        return f"context is {window} tokens, {needs.prompt_tokens + output} needed"
    if cap is not None and output > cap:
        return f"output is at most {cap} tokens, {output} wished"
    return None


def takes_input(endpoint: Endpoint, needs: Needs) -> str | None:
    """Every kind of input in the messages must be one the endpoint takes."""
    if not endpoint.input_modalities:
        return None
    missing = needs.input_modalities - endpoint.input_modalities
    return f"does not take {', '.join(sorted(missing))} input" if missing else None


def calls_tools(endpoint: Endpoint, needs: Needs) -> str | None:
    """A request with tools never goes where they would be ignored in silence."""
    known = endpoint.supported_parameters
    if "tools" in needs.parameters and known and "tools" not in known:
        return "does not support tool use"
    return None


def supports_parameters(endpoint: Endpoint, needs: Needs) -> str | None:
    """`provider.require_parameters`."""
    if not needs.preferences.require_parameters:
        return None
    missing = needs.parameters - endpoint.supported_parameters
    return f"does not support {', '.join(sorted(missing))}" if missing else None


FILTERS: tuple[tuple[str, Filter], ...] = (
    ("price_unknown", has_price),
    ("allowed_providers", is_allowed),
    ("allowed_providers", is_not_ignored),
    ("allowed_providers", is_listed_without_fallbacks),
    ("data_policy:zdr", keeps_no_data),
    ("data_policy:training", does_not_train),
    ("quantization", has_quantization),
    ("max_price", costs_at_most),
    ("context_length", fits_context),
    ("input_modalities", takes_input),
    ("tools", calls_tools),
    ("require_parameters", supports_parameters),
)


def _named(entries: tuple[str, ...], endpoint: Endpoint, needs: Needs) -> bool:
    name = needs.provider_names.get(endpoint.provider, endpoint.provider)
    return any(names_endpoint(entry, endpoint, name) for entry in entries)
