"""From the asked models to an ordered list of endpoints, or the reasons why there is none."""

from collections.abc import Sequence
from random import Random

import msgspec

from portico.errors import ContextLengthExceeded, NoEndpointAvailable, RoutingError
from portico.jsonio import JsonObject
from portico.routing.filters import FILTERS, Needs
from portico.routing.policies import POLICIES
from portico.routing.preferences import ProviderPreferences, SortRule, names_endpoint
from portico.vocabulary import Endpoint, Model


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """Why an endpoint is not in the plan: a code for programs, a sentence for people."""

    endpoint: Endpoint
    code: str
    reason: str


class RoutePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Endpoints in the order to try them (at least one), and those left out."""

    endpoints: tuple[Endpoint, ...]
    excluded: tuple[Exclusion, ...] = ()


def plan(models: Sequence[Model], needs: Needs, rng: Random) -> RoutePlan:
    """Filter and order the endpoints of `models`, which are tried in the order given.

    Raises:
        ContextLengthExceeded: the window alone excluded everything.
        NoEndpointAvailable: nothing is left; `metadata["availability"]` says why.
    """
    excluded: list[Exclusion] = []
    groups: list[list[Endpoint]] = []
    for model in models:
        kept: list[Endpoint] = []
        for endpoint in model.endpoints:
            objection = _objection(endpoint, needs)
            if objection is None:
                kept.append(endpoint)
            else:
                excluded.append(objection)
        groups.append(kept)
    ordered = _order(groups, needs, rng)
    if not ordered:
        raise _nothing_left(models, needs, excluded)
    if needs.preferences.allow_fallbacks is False and needs.preferences.order is None:
        ordered = ordered[:1]
    return RoutePlan(endpoints=tuple(ordered), excluded=tuple(excluded))


def _objection(endpoint: Endpoint, needs: Needs) -> Exclusion | None:
    for code, objects in FILTERS:
        if reason := objects(endpoint, needs):
            return Exclusion(endpoint=endpoint, code=code, reason=reason)
    return None


def _order(groups: list[list[Endpoint]], needs: Needs, rng: Random) -> list[Endpoint]:
    wishes = needs.preferences
    rule = wishes.sort if isinstance(wishes.sort, SortRule) else SortRule(by=wishes.sort)
    if rule.partition == "none":
        groups = [[endpoint for group in groups for endpoint in group]]
    # a sort whose measurements do not exist yet falls back to the default order
    order_by = POLICIES.get(rule.by or "balanced", POLICIES["balanced"])
    ordered = [endpoint for group in groups for endpoint in order_by(group, rng)]
    return _listed_first(ordered, wishes, needs) if wishes.order else ordered


def _listed_first(
    endpoints: list[Endpoint], wishes: ProviderPreferences, needs: Needs
) -> list[Endpoint]:
    """`provider.order`: listed ones first in that order; entries that match nothing are skipped."""
    entries = wishes.order or ()

    def place(endpoint: Endpoint) -> int:
        name = needs.provider_names.get(endpoint.provider, endpoint.provider)
        for position, entry in enumerate(entries):
            if names_endpoint(entry, endpoint, name):
                return position
        return len(entries)

    models = list(dict.fromkeys(endpoint.model for endpoint in endpoints))
    return sorted(endpoints, key=lambda e: (models.index(e.model), place(e)))


_MESSAGES = {
    "tools": "No endpoints found that support tool use for {models}",
    "allowed_providers": "No allowed providers are available for the selected model ({models})",
    "max_price": "No endpoints found for {models} within max_price",
    "data_policy:zdr": "No endpoints available matching your guardrail restrictions and data policy"
    " ({models})",
    "data_policy:training": "No endpoints available matching your guardrail restrictions and data"
    " policy ({models})",
}


def _nothing_left(models: Sequence[Model], needs: Needs, excluded: list[Exclusion]) -> RoutingError:
    names = ", ".join(model.slug for model in models)
    codes = list(dict.fromkeys(exclusion.code for exclusion in excluded))
    reasons = "; ".join(f"{e.endpoint.tag}: {e.reason}" for e in excluded[:8])
    if codes == ["context_length"]:
        return _too_long(needs, excluded)
    template = _MESSAGES.get(codes[-1] if codes else "", "No endpoints found for {models}")
    if codes and codes[-1] == "input_modalities":
        wanted = ", ".join(sorted(needs.input_modalities - {"text"}))
        template = f"No endpoints found that support {wanted} input for {{models}}"
    message = template.format(models=names) + (f". {reasons}" if reasons else "")
    return NoEndpointAvailable(message, availability=_availability(models, excluded, codes))


def _availability(
    models: Sequence[Model], excluded: list[Exclusion], codes: list[str]
) -> JsonObject:
    private = any(code.startswith("data_policy") for code in codes)
    code = "privacy_restricted" if private else "constraint_filtered" if codes else "no_endpoints"
    return {
        "code": code,
        "retryable": False,
        "requested_models": [model.slug for model in models],
        "affected_providers": sorted({e.endpoint.provider for e in excluded}),
        "excluded_by": codes,
        "fallback_models": [],
    }


def _too_long(needs: Needs, excluded: list[Exclusion]) -> ContextLengthExceeded:
    """Clients compact a conversation on these very words (contract/errors-limits 3)."""
    output = needs.max_output_tokens or 0
    windows = [e.endpoint.context_tokens or 0 for e in excluded]
    return ContextLengthExceeded(
        f"This endpoint's maximum context length is {max(windows)} tokens. However, you requested "
        f"about {needs.prompt_tokens + output} tokens ({needs.prompt_tokens} of input, {output} in "
        "the output). Shorten the prompt or lower max_tokens.",
        provider_name=None,
    )
