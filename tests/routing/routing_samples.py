"""Invented models, and plans over them in one line."""

from random import Random

import msgspec

from portico.routing import Conditions, Needs, Target, parse_preferences, plan
from portico.routing.facts import facts_of
from portico.routing.health import EndpointHealth, HealthSnapshot, Percentiles
from portico.routing.needs import HealthView, health_view
from portico.routing.variants import PLAIN, parse_variants
from portico.vocabulary import CatalogSnapshot, Endpoint, Model, Pricing

NAMES = {"groq": "Groq", "together": "Together", "amazon-bedrock": "Amazon Bedrock"}
ORCA = "acme/orca-2"


def endpoint(tag, dollars=1.0, **changes):
    """An endpoint of `tag`'s provider at `dollars` per million tokens, in and out."""
    rate = int(dollars * 1_000_000)
    fields = {
        "model": ORCA,
        "provider": tag.partition("/")[0],
        "tag": tag,
        "upstream_model": "orca-2",
        "pricing": Pricing(prompt_picousd=rate, completion_picousd=rate),
        "context_tokens": 8_000,
        "max_completion_tokens": 2_000,
        "supported_parameters": frozenset({"tools", "temperature", "max_tokens"}),
        "input_modalities": frozenset({"text"}),
    }
    return Endpoint(**{**fields, **changes})


def cached(tag, dollars=1.0, **changes):
    """An endpoint that reads from its cache at a tenth of the price."""
    rate = int(dollars * 1_000_000)
    pricing = Pricing(prompt_picousd=rate, completion_picousd=rate, cache_read_picousd=rate // 10)
    return endpoint(tag, dollars, pricing=pricing, **changes)


def model(*endpoints, slug=ORCA, **changes):
    """A model of `endpoints`, which are made its own."""
    own = tuple(msgspec.structs.replace(e, model=slug) for e in endpoints)
    fields = {"slug": slug, "canonical_slug": slug, "name": slug, "endpoints": own}
    return Model(**{**fields, **changes})


def target(of, *, variant="", strategy="direct"):
    """`of` as a target; `variant` is the suffixes after its name, without colons."""
    suffixes = [suffix for suffix in variant.split(":") if suffix]
    return Target(
        model=of,
        facts=facts_of(of, NAMES),
        requested=of.slug,
        variant=parse_variants(of.slug, suffixes) if suffixes else PLAIN,
        strategy=strategy,
    )


def health(**by_tag) -> HealthView:
    """A view of the health of ORCA's endpoints; in tags write `__` for a slash."""
    return health_view(
        HealthSnapshot(
            endpoints={(ORCA, tag.replace("__", "/")): state for tag, state in by_tag.items()}
        )
    )


def measured(*, latency_s=None, tps=None, outage=False):
    """Health with all percentiles of a measurement the same."""

    def flat(value):
        return None if value is None else Percentiles(p50=value, p75=value, p90=value, p99=value)

    return EndpointHealth(latency_s=flat(latency_s), throughput_tps=flat(tps), outage=outage)


DOWN = EndpointHealth(outage=True)
OPEN = EndpointHealth(outage=True, breaker="open")
HALF_OPEN = EndpointHealth(breaker="half_open")


def route(of, preferences=None, *, conditions=None, seed=1, **needs):
    """A plan for one model or several (or targets)."""
    models = of if isinstance(of, list | tuple) else [of]
    targets = [m if isinstance(m, Target) else target(m) for m in models]
    wishes = parse_preferences(preferences or {})
    return plan(
        targets, Needs(preferences=wishes, **needs), Random(seed), conditions or Conditions()
    )


def tags(*args, **kwargs):
    """The tags of a plan's candidates, in order."""
    return [c.endpoint.tag for c in route(*args, **kwargs).candidates]


def catalogue(*models, aliases=None):
    """A snapshot of `models`."""
    return CatalogSnapshot(
        version="1", models={m.slug.lower(): m for m in models}, aliases=aliases or {}
    )
