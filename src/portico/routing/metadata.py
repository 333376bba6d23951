"""`openrouter_metadata`: what routing did, for clients that ask (contract/chat 11)."""

from collections.abc import Collection, Mapping, Sequence

from portico.jsonio import JsonObject
from portico.routing.plan import RoutePlan
from portico.vocabulary import AttemptRecord

_NO_ANSWER = {"timeout": 504, "provider_overloaded": 503, "rate_limit_exceeded": 429}


def router_metadata(
    plan: RoutePlan,
    attempts: Sequence[AttemptRecord],
    provider_names: Mapping[str, str],
    *,
    dropped: Collection[str] = (),
    region: str | None = None,
) -> JsonObject:
    """Return the object for the end of an answer, or beside an error.

    Args:
        plan: what was planned.
        attempts: all that were made so far, oldest first; the last one that is
            without an error is the one that answers.
        provider_names: display names by slug.
        dropped: parameters that the last endpoint's API had no place for.
        region: where the gateway runs, if it says.
    """
    answered = next((a for a in reversed(attempts) if a.error_type is None), None)
    endpoints = plan.endpoints
    names = [provider_names.get(endpoint.provider, endpoint.provider) for endpoint in endpoints]
    total = len({(e.endpoint.model, e.endpoint.tag) for e in plan.excluded}) + len(endpoints)
    body: JsonObject = {
        "requested": plan.requested,
        "strategy": _strategy(plan, answered),
        "region": region,
        "summary": f"available={len(endpoints)}, selected="
        + (answered.provider_name if answered is not None else "none"),
        "attempt": len(attempts),
        "is_byok": answered is not None and _is_byok(plan, answered),
        "endpoints": {
            "total": total,
            "available": [
                {
                    "provider": name,
                    "model": endpoint.model,
                    "selected": answered is not None
                    and (endpoint.model, endpoint.tag) == (answered.model, answered.endpoint_tag),
                }
                for endpoint, name in zip(endpoints, names, strict=True)
            ],
        },
        "params": {"dropped": sorted(dropped)} if dropped else {},
        "pipeline": [],
    }
    if attempts:
        body["attempts"] = [
            {"provider": a.provider_name, "model": a.model, "status": _status(a)} for a in attempts
        ]
    return body


def _strategy(plan: RoutePlan, answered: AttemptRecord | None) -> str:
    """How the model was found that answered: not the first of several is a fallback."""
    if answered is not None and plan.models and answered.model != plan.models[0]:
        return plan.strategy if plan.strategy in {"auto", "free"} else "fallback"
    return plan.strategy


def _is_byok(plan: RoutePlan, answered: AttemptRecord) -> bool:
    """Whether the first candidate at the answering endpoint has a key of the caller."""
    key = (answered.model, answered.endpoint_tag)
    return next(
        (c.is_byok for c in plan.candidates if (c.endpoint.model, c.endpoint.tag) == key), False
    )


def _status(attempt: AttemptRecord) -> int:
    """The upstream's status; where no answer came, the one its failure amounts to."""
    if attempt.status is not None:
        return attempt.status
    return _NO_ANSWER.get(attempt.error_type or "", 502)
