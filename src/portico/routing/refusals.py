"""What a client is told when no endpoint fits (contract/errors-limits 4)."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from portico.errors import ContextLengthExceeded, ModelNotFound, NoEndpointAvailable, RoutingError
from portico.jsonio import JsonObject
from portico.routing.filters import HARD
from portico.routing.needs import Needs, Target
from portico.vocabulary import Endpoint

_STAGE = {code: stage for stage, (code, _) in enumerate(HARD)}
_LONGEST_DETAILS = 8
_MESSAGES = {
    "tools": "No endpoints found that support tool use for {models}",
    "allowed_providers": "No allowed providers are available for the selected model ({models})",
    "max_price": "No endpoints found for {models} within max_price",
    "require_parameters": "No endpoints found for {models} that support all parameters sent",
    "free_variant": "The free variant of {models} has ended",
    "wrong_endpoint": "{models} cannot be called on this API",
    "service_tier": "No endpoints found for {models} in the service tier asked for",
    "input_modalities": "No endpoints found that support {media} input for {models}",
}
_RESTRICTED = (
    "No endpoints available matching your guardrail restrictions and data policy ({models})"
)
_PRIVATE = frozenset({"data_policy:zdr", "data_policy:training"})


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """Why an endpoint is not in the plan: a code for programs, a sentence for people."""

    endpoint: Endpoint
    code: str
    reason: str


def nothing_fits(
    targets: Sequence[Target], needs: Needs, excluded: Sequence[Exclusion]
) -> RoutingError:
    """Return the error for targets whose endpoints are all excluded.

    What an endpoint failed on last decides: the filters run in the order of
    `HARD`, so that endpoint came closest.
    """
    codes = list(dict.fromkeys(exclusion.code for exclusion in excluded))
    decisive = _decisive(codes, needs)
    if decisive == "context_length":
        too_long = _too_long(needs, excluded)
        too_long.excluded = tuple(excluded)
        return too_long
    names = ", ".join(dict.fromkeys(target.requested for target in targets))
    template = _MESSAGES.get(decisive, "No endpoints found for {models}")
    if decisive in _PRIVATE or decisive in {"data_region", "guardrail"}:
        template = _RESTRICTED
    media = ", ".join(sorted(needs.input_modalities - {"text"}))
    reasons = "; ".join(f"{e.endpoint.tag}: {e.reason}" for e in excluded[:_LONGEST_DETAILS])
    message = template.format(models=names, media=media) + (f". {reasons}" if reasons else "")
    kind = ModelNotFound if decisive == "wrong_endpoint" else NoEndpointAvailable
    error = kind(
        message,
        availability=availability(
            _availability_code(decisive),
            requested=[target.requested for target in targets],
            affected={e.endpoint.provider for e in excluded},
            excluded_by=codes,
            fallbacks=[target.model.slug for target in targets] if decisive == "free_variant" else (),
            constraint=_constraint(decisive, needs, excluded),
        ),
    )  # fmt: skip
    error.excluded = tuple(excluded)
    if decisive == "data_region":
        error.status, error.error_type = 403, "permission_denied"
    return error


def _decisive(codes: Sequence[str], needs: Needs) -> str:
    """The code of the last filter that removed anything.

    A tier that nobody asked for is beside the point, unless there is nothing else.
    """
    if needs.service_tier is None:
        codes = [code for code in codes if code != "service_tier"] or codes
    return max(codes, key=lambda code: _STAGE.get(code, 0), default="")


def model_not_found(name: str, near: Sequence[str], hint: str | None = None) -> ModelNotFound:
    """Return the error for a name that means no model here; `near` are slugs it may have meant."""
    if hint is None:
        meant = " or ".join(near)
        hint = f"Did you mean {meant}?" if near else "GET /models lists the valid ones."
    return ModelNotFound(
        f"{name} is not a valid model ID. {hint}",
        availability=availability("model_not_found", requested=[name], fallbacks=near),
    )


def no_match(name: str) -> NoEndpointAvailable:
    """Return the error of a router whose models all fall to the request's own restrictions."""
    return NoEndpointAvailable(
        "No models match your request and model restrictions",
        availability=availability(
            "constraint_filtered",
            requested=[name],
            constraint={
                "field": "plugins",
                "detail": "allowed_models and excluded_models leave none of the router's models",
            },
        ),
    )


def availability(
    code: str,
    *,
    requested: Iterable[str],
    affected: Iterable[str] = (),
    excluded_by: Iterable[str] = (),
    fallbacks: Iterable[str] = (),
    constraint: JsonObject | None = None,
    retryable: bool = False,
    retry_after_s: int | None = None,
) -> JsonObject:
    """Return the `availability` object of an error's metadata.

    Args:
        code: one of the contract's table.
        requested: models as the client named them.
        affected: slugs of the providers that serve them.
        excluded_by: codes of the filters that removed endpoints.
        fallbacks: slugs that can be called instead.
        constraint: the request's field that decided, and what would satisfy it.
        retryable: whether the same request may succeed later.
        retry_after_s: when, if that is known.
    """
    body: JsonObject = {
        "code": code,
        "retryable": retryable,
        "requested_models": list(dict.fromkeys(requested)),
        "affected_providers": sorted(affected),
        "excluded_by": list(excluded_by),
        "fallback_models": list(fallbacks),
    }
    if retry_after_s is not None:
        body["retry_after"] = retry_after_s
    if constraint is not None:
        body["constraint"] = constraint
    return body


def _availability_code(decisive: str) -> str:
    if not decisive:
        return "no_endpoints"
    if decisive in _PRIVATE:
        return "privacy_restricted"
    return {
        "data_region": "region_restricted",
        "free_variant": "free_variant_ended",
        "wrong_endpoint": "wrong_endpoint",
        "price_unknown": "no_endpoints",
    }.get(decisive, "constraint_filtered")


def _constraint(decisive: str, needs: Needs, excluded: Sequence[Exclusion]) -> JsonObject | None:
    """The request's field that decided, with what the endpoints it removed would take."""
    last = [e.endpoint for e in excluded if e.code == decisive]
    describe = _CONSTRAINTS.get(decisive)
    if describe is None:
        return None
    field, detail = describe(last, needs)
    return {"field": field, "detail": detail}


def _of_providers(endpoints: Sequence[Endpoint], needs: Needs) -> tuple[str, str]:
    wishes = needs.preferences
    named = "only" if wishes.only is not None else "ignore" if wishes.ignore else "order"
    tags = ", ".join(dict.fromkeys(e.tag for e in endpoints))
    return f"provider.{named}", f"served by {tags}"


def _of_price(endpoints: Sequence[Endpoint], needs: Needs) -> tuple[str, str]:
    """The first bound that none of the endpoints meets, else the first one given."""
    bounds = needs.preferences.max_price
    name = "prompt"
    for name in ("prompt", "completion", "request", "audio"):
        bound = getattr(bounds, name, None)
        if bound is not None and _cheapest(endpoints, name) > float(bound):
            break
    return f"provider.max_price.{name}", f"cheapest is {_cheapest(endpoints, name)}"


def _cheapest(endpoints: Sequence[Endpoint], name: str) -> float:
    """In the unit of `max_price`: USD per million tokens, or per request or unit."""
    field = "input_audio_picousd" if name == "audio" else f"{name}_picousd"
    unit_picousd = 10**6 if name in {"prompt", "completion"} else 10**12
    rates = [getattr(e.pricing, field) or 0 for e in endpoints if e.pricing is not None]
    return min(rates, default=0) / unit_picousd


def _of_quantization(endpoints: Sequence[Endpoint], needs: Needs) -> tuple[str, str]:
    known = sorted({e.quantization or "unknown" for e in endpoints})
    return "provider.quantizations", f"available are {', '.join(known)}"


def _of_parameters(endpoints: Sequence[Endpoint], needs: Needs) -> tuple[str, str]:
    taken = frozenset[str]().union(*(e.supported_parameters for e in endpoints))
    missing = needs.parameters - taken
    detail = f"none takes {', '.join(sorted(missing))}" if missing else "none takes all of them"
    return "provider.require_parameters", detail


def _of_tier(endpoints: Sequence[Endpoint], needs: Needs) -> tuple[str, str]:
    tiers = sorted({e.service_tier or "default" for e in endpoints})
    return "service_tier", f"available are {', '.join(tiers)}"


_CONSTRAINTS: dict[str, Callable[[Sequence[Endpoint], Needs], tuple[str, str]]] = {
    "allowed_providers": _of_providers,
    "max_price": _of_price,
    "quantization": _of_quantization,
    "require_parameters": _of_parameters,
    "service_tier": _of_tier,
    "data_policy:zdr": lambda endpoints, needs: (
        "provider.zdr", "no endpoint is declared to retain no data"
    ),
    "data_policy:training": lambda endpoints, needs: (
        "provider.data_collection", "no endpoint is declared not to collect data"
    ),
    "data_region": lambda endpoints, needs: (
        "data_region", "no endpoint is declared to process data in the region demanded here"
    ),
    "distillable": lambda endpoints, needs: (
        "provider.enforce_distillable_text", "no model is declared to allow distillation"
    ),
    "tools": lambda endpoints, needs: ("tools", "no endpoint supports tool use"),
    "input_modalities": lambda endpoints, needs: (
        "messages",
        f"accepted is {', '.join(sorted(frozenset[str]().union(*(e.input_modalities for e in endpoints))))}",
    ),
}  # fmt: skip


def _too_long(needs: Needs, excluded: Sequence[Exclusion]) -> ContextLengthExceeded:
    """Clients compact a conversation on these very words (contract/errors-limits 3)."""
    output = needs.max_output_tokens or 0
    last = [e.endpoint for e in excluded if e.code == "context_length"]
    requested = (
        f"However, you requested about {needs.prompt_tokens + output} tokens "
        f"({needs.prompt_tokens} of input, {output} in the output)."
    )
    windows = [e.context_tokens for e in last if e.context_tokens is not None]
    window = max(windows, default=0)
    if len(windows) == len(last) and needs.prompt_tokens + output > window:
        message = (
            f"This endpoint's maximum context length is {window} tokens. {requested} "
            "Shorten the prompt or lower max_tokens."
        )
    else:  # there would be room, but not for so long an answer
        most = max(endpoint.max_completion_tokens or 0 for endpoint in last)
        message = f"This endpoint's maximum output is {most} tokens. {requested} Lower max_tokens."
    return ContextLengthExceeded(message, provider_name=None)
