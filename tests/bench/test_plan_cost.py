"""What planning costs: a ceiling far above the usual, so that only a real loss trips it."""

from random import Random
from time import process_time
from timeit import repeat

from portico.routing import Conditions, Needs, Target, parse_preferences, plan
from portico.routing.facts import facts_of
from portico.routing.health import EndpointHealth, HealthSnapshot, Percentiles
from portico.routing.needs import health_view
from portico.vocabulary import Endpoint, Model, Pricing

CEILING_US = 120.0
FULL = {
    "order": ["host-3", "Host 4"],
    "only": [f"host-{number}" for number in range(10)],
    "ignore": ["nobody", "host-9"],
    "allow_fallbacks": True,
    "require_parameters": True,
    "data_collection": "deny",
    "zdr": True,
    "enforce_distillable_text": True,
    "quantizations": ["fp8", "bf16"],
    "max_price": {"prompt": "5", "completion": 20, "request": 1},
    "sort": {"by": "throughput", "partition": "model"},
    "preferred_min_throughput": {"p50": 20, "p90": 10},
    "preferred_max_latency": {"p50": 2, "p99": 9},
}


def koi():
    endpoints = tuple(
        Endpoint(
            model="zeta/koi-1",
            provider=f"host-{number}",
            tag=f"host-{number}",
            upstream_model="koi-1",
            pricing=Pricing(prompt_picousd=500_000 + number, completion_picousd=2_000_000),
            context_tokens=131_072,
            max_completion_tokens=16_384,
            supported_parameters=frozenset({"tools", "temperature", "max_tokens", "seed"}),
            input_modalities=frozenset({"text", "image"}),
            quantization="fp8",
            zdr=True,
            trains=False,
        )
        for number in range(10)
    )
    model = Model(
        slug="zeta/koi-1",
        canonical_slug="zeta/koi-1",
        name="Koi 1",
        endpoints=endpoints,
        distillable=True,
    )
    names = {f"host-{number}": f"Host {number}" for number in range(10)}
    return Target(model=model, facts=facts_of(model, names), requested=model.slug)


def test_planning_ten_endpoints_with_a_full_provider_object_stays_cheap():
    target = koi()
    needs = Needs(
        prompt_tokens=8_000,
        max_output_tokens=1_000,
        parameters=frozenset({"tools", "temperature", "max_tokens"}),
        preferences=parse_preferences(FULL),
    )
    measured = Percentiles(p50=1.0, p75=1.5, p90=2.0, p99=4.0)
    speed = Percentiles(p50=80.0, p75=60.0, p90=40.0, p99=20.0)
    well = EndpointHealth(latency_s=measured, throughput_tps=speed)
    health = health_view(HealthSnapshot(endpoints={f.key: well for f in target.facts.endpoints}))
    conditions, rng = Conditions(health=health), Random(1)

    seconds = min(
        repeat(
            lambda: plan([target], needs, rng, conditions),
            timer=process_time,  # what others do on the machine does not count
            number=200,
            repeat=5,
        )
    )

    assert len(plan([target], needs, rng, conditions).candidates) == 9
    assert seconds / 200 * 1e6 < CEILING_US
