"""A plan told with its reasons and its prices, as JSON: the answer to "what would happen?"."""

from collections.abc import Mapping

import msgspec

from portico.errors import RoutingError
from portico.jsonio import JsonObject
from portico.money import picousd_to_decimal_text, picousd_to_usd
from portico.planning import Drops, Planned
from portico.pricing import cost, upper_bound
from portico.routing.explain import ExplainedCandidate, Explanation, explain
from portico.routing.health import Percentiles
from portico.routing.refusals import Exclusion, nothing_fits
from portico.tokens import estimate_tokens
from portico.vocabulary import Endpoint, Pricing, Usage

_TOKENS_PER_PRICE = 1_000_000


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What one endpoint would bill for `prompt_tokens` in and `output_tokens` out, and the most
    it could: with the upper bound of the prompt at the dearest rates."""

    prompt_tokens: int
    output_tokens: int
    cost_picousd: int
    most_picousd: int


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """An explanation with an estimate for each candidate.

    `dropped` are the parameters that each candidate's API has no place for.
    `hold_picousd` is what would be set aside: the most of the dearest candidate.
    `refusal` is the error the request would get, None if something fits.
    """

    explanation: Explanation
    estimates: tuple[Estimate, ...]
    dropped: tuple[frozenset[str], ...]
    provider_names: Mapping[str, str]
    refusal: RoutingError | None = None

    @property
    def hold_picousd(self) -> int | None:
        """The amount that admission would hold; None without candidates."""
        return max((estimate.most_picousd for estimate in self.estimates), default=None)


def explained(
    planned: Planned,
    *,
    default_output_tokens: int,
    provider_names: Mapping[str, str],
    drops: Drops | None = None,
) -> Explained:
    """Return why a plan is as it is, and what it could cost.

    Args:
        planned: made with `Planner.consider`, so it may be without candidates.
        default_output_tokens: assumed where the request names no cap.
        provider_names: display names by slug.
        drops: what is lost of a request on the way to an endpoint.
    """
    route = planned.route
    refusal = None
    if not route.candidates:
        refusal = nothing_fits(planned.targets, planned.needs, route.excluded)
    return Explained(
        explanation=explain(route, planned.targets, planned.needs, planned.conditions),
        estimates=tuple(
            _estimate(candidate.endpoint, planned, default_output_tokens)
            for candidate in route.candidates
        ),
        dropped=tuple(
            drops(planned.head, candidate.endpoint) if drops is not None else frozenset()
            for candidate in route.candidates
        ),
        provider_names=provider_names,
        refusal=refusal,
    )


def _estimate(endpoint: Endpoint, planned: Planned, default_output_tokens: int) -> Estimate:
    wished, cap = planned.needs.max_output_tokens, endpoint.max_completion_tokens
    output_tokens = default_output_tokens if wished is None else wished
    output_tokens = output_tokens if cap is None else min(output_tokens, cap)
    # Images and files have no estimate of their own: the bound counts them.
    bound = planned.needs.prompt_tokens
    prompt_tokens = bound if planned.head.media else estimate_tokens(planned.head.prompt_bytes)
    pricing = endpoint.pricing or Pricing(prompt_picousd=0, completion_picousd=0)
    usage = Usage(input_tokens=prompt_tokens, output_tokens=output_tokens)
    return Estimate(
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        cost_picousd=cost(usage, pricing).total_picousd,
        most_picousd=upper_bound(bound, output_tokens, pricing),
    )


def as_json(told: Explained) -> JsonObject:
    """Return the stable JSON form. Amounts are USD; prices are per million tokens, as text."""
    plan = told.explanation
    first = told.estimates[0] if told.estimates else None
    body: JsonObject = {
        "requested": plan.requested,
        "models": list(plan.models),
        "strategy": plan.strategy,
        "sorted_by": plan.sorted_by,
        "candidates": [
            {
                **_candidate(candidate, estimate, told.provider_names),
                "dropped": sorted(dropped),
            }
            for candidate, estimate, dropped in zip(
                plan.candidates, told.estimates, told.dropped, strict=True
            )
        ],
        "excluded": [_excluded(exclusion, told.provider_names) for exclusion in plan.excluded],
        "estimate": {
            "prompt_tokens": first and first.prompt_tokens,
            "output_tokens": first and first.output_tokens,
            "cost": first and picousd_to_usd(first.cost_picousd),
            "hold": None if told.hold_picousd is None else picousd_to_usd(told.hold_picousd),
        },
    }
    if told.refusal is not None:
        body["refusal"] = {
            "code": told.refusal.status,
            "message": told.refusal.message,
            "metadata": {"error_type": told.refusal.error_type, **told.refusal.metadata},
        }
    return body


def _candidate(
    candidate: ExplainedCandidate, estimate: Estimate, names: Mapping[str, str]
) -> JsonObject:
    endpoint, measured = candidate.endpoint, candidate.measured
    return {
        "place": candidate.place,
        **_endpoint(endpoint, names),
        "upstream_model": endpoint.upstream_model,
        "credential": candidate.credential,
        "is_byok": candidate.is_byok,
        "service_tier": endpoint.service_tier,
        "quantization": endpoint.quantization,
        "price": _price(endpoint.pricing),
        "weight": endpoint.weight,
        "priority": endpoint.priority,
        "chance": None if candidate.chance is None else round(candidate.chance, 6),
        "preferred": candidate.preferred,
        "health": candidate.health,
        "latency_s": _percentiles(measured.latency_s),
        "throughput_tps": _percentiles(measured.throughput_tps),
        "uptime_5m": measured.uptime_5m,
        "tool_calls": measured.tool_record and msgspec.to_builtins(measured.tool_record),
        "estimated_cost": picousd_to_usd(estimate.cost_picousd),
        "highest_cost": picousd_to_usd(estimate.most_picousd),
    }


def _excluded(exclusion: Exclusion, names: Mapping[str, str]) -> JsonObject:
    return {
        **_endpoint(exclusion.endpoint, names),
        "code": exclusion.code,
        "reason": exclusion.reason,
    }


def _endpoint(endpoint: Endpoint, names: Mapping[str, str]) -> JsonObject:
    return {
        "model": endpoint.model,
        "provider": names.get(endpoint.provider, endpoint.provider),
        "tag": endpoint.tag,
    }


def _price(pricing: Pricing | None) -> JsonObject | None:
    """USD per million tokens, and per request, as exact decimal text."""
    if pricing is None:
        return None
    return {
        "prompt": picousd_to_decimal_text(pricing.prompt_picousd * _TOKENS_PER_PRICE),
        "completion": picousd_to_decimal_text(pricing.completion_picousd * _TOKENS_PER_PRICE),
        "request": picousd_to_decimal_text(pricing.request_picousd),
    }


def _percentiles(measured: Percentiles | None) -> JsonObject | None:
    return None if measured is None else msgspec.to_builtins(measured)
