"""From a request's body to its plan, as the gateway makes it."""

from random import Random

import pytest

from portico.dialects import DIALECTS
from portico.dialects.seals import tag_of
from portico.errors import InvalidRequest, ModelNotFound, NoEndpointAvailable
from portico.jsonio import dumps
from portico.planning import Caller, Planner, RoutingRules
from portico.routing import Candidate, Credential, Needs
from portico.routing.health import EndpointHealth, HealthSnapshot
from portico.routing.needs import Restrictions
from portico.routing.routers import RouterLists
from portico.vocabulary import CatalogSnapshot, Endpoint, Model, Pricing

NAMES = {"groq": "Groq", "together": "Together"}
ANN = Caller(account="ann")


def endpoint(tag, dollars=1.0, **changes):
    rate = int(dollars * 1_000_000)
    pricing = Pricing(prompt_picousd=rate, completion_picousd=rate, cache_read_picousd=rate // 2)
    fields = {
        "model": "acme/orca-2",
        "provider": tag.partition("/")[0],
        "tag": tag,
        "upstream_model": "orca-2",
        "pricing": pricing,
    }
    return Endpoint(**{**fields, **changes})


ORCA = (
    endpoint("groq", 1),
    endpoint("together", 2),
    endpoint("together/flex", 0.5, service_tier="flex"),
    endpoint("together/priority", 5, service_tier="priority"),
)
KOI = (endpoint("groq", 3, model="zeta/koi"), endpoint("together", 4, model="zeta/koi"))


def snapshot(**models):
    rows = {
        slug.replace("__", "/"): Model(
            slug=slug.replace("__", "/"),
            canonical_slug=slug.replace("__", "/"),
            name=slug,
            endpoints=endpoints,
        )
        for slug, endpoints in models.items()
    }
    return CatalogSnapshot(version="1", models=rows, aliases={})


BOTH = {"acme__orca-2": ORCA, "zeta__koi": KOI}


def planner(**rules):
    return Planner(snapshot(**BOTH), NAMES, Random(1), RoutingRules(**rules))


def head(**fields):
    body = {"model": "acme/orca-2", "messages": [{"role": "user", "content": "hi"}], **fields}
    return DIALECTS["openai_chat"].read_head(dumps(body))


def tags(planned):
    return [c.endpoint.tag for c in planned.route.candidates]


def plan(of=None, caller=ANN, *, now_ms=0, health=None, **fields):
    of = of or planner()
    return of.plan(head(**fields), caller, now_ms=now_ms, health=health or HealthSnapshot())


CHEAPEST = {"sort": "price"}


@pytest.mark.parametrize(
    ("fields", "first"),
    [
        ({}, "groq"),
        ({"service_tier": None}, "groq"),
        ({"service_tier": "auto"}, "groq"),
        ({"service_tier": "default"}, "groq"),
        ({"service_tier": "flex"}, "together/flex"),
        ({"service_tier": "priority"}, "together/priority"),
        ({"service_tier": "fast"}, "together/priority"),
        ({"speed": "fast"}, "together/priority"),
        ({"speed": "standard"}, "groq"),
        ({"route": "fallback"}, "groq"),
        ({"route": "anything"}, "groq"),
    ],
)
def test_routing_fields_outside_the_provider_object_are_read(fields, first):
    assert tags(plan(provider=CHEAPEST, **fields))[0] == first


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"service_tier": "gold"}, "service_tier:"),
        ({"service_tier": 1}, "service_tier:"),
        ({"speed": ["fast"]}, "speed:"),
        ({"prompt_cache_key": 7}, "prompt_cache_key:"),
        ({"provider": {"only": "groq"}}, "provider.only:"),
        ({"model": "openrouter/auto", "plugins": [{"id": "auto-router", "pin_model": 1}]}, "plugins.0.pin_model:"),
    ],
)  # fmt: skip
def test_a_wrong_routing_field_is_refused_by_name(fields, path):
    with pytest.raises(InvalidRequest) as caught:
        plan(**fields)

    assert caught.value.message.startswith(path)


def test_route_sort_orders_the_endpoints_of_all_models_together():
    models = {"models": ["zeta/koi"], "provider": CHEAPEST}

    assert tags(plan(**models)) == ["groq", "together", "groq", "together"]
    dear_first = {"model": "zeta/koi", "models": ["acme/orca-2"], "provider": CHEAPEST}
    ordered = plan(route="sort", **dear_first).route.candidates
    assert [c.endpoint.model for c in ordered] == ["acme/orca-2"] * 2 + ["zeta/koi"] * 2


@pytest.mark.parametrize("wrong", ["gone/model", "acme/orca-2:turbo", "acme/orca-2:online"])
def test_a_name_that_cannot_be_served_moves_on_to_the_next_model(wrong):
    found = plan(model=wrong, models=["zeta/koi"]).route

    assert (found.requested, found.strategy) == (wrong, "fallback")
    assert found.models == ("zeta/koi",)


def test_if_no_name_can_be_served_the_error_is_the_first_ones():
    with pytest.raises(ModelNotFound, match="gone/model"):
        plan(model="gone/model", models=["acme/orca-2:turbo"])


def test_thinking_variants_ask_to_think_unless_the_body_says_something():
    said = plan(model="acme/orca-2:thinking", reasoning={"effort": "low"})
    unsaid = plan(model="acme/orca-2:thinking")

    assert bytes(unsaid.head.fields["reasoning"]) == b'{"enabled":true}'
    assert "reasoning" in unsaid.needs.parameters
    assert bytes(said.head.fields["reasoning"]) == b'{"effort":"low"}'
    assert "reasoning" not in plan().head.fields


def test_health_moves_a_failing_endpoint_back():
    down = HealthSnapshot(endpoints={("acme/orca-2", "groq"): EndpointHealth(outage=True)})

    assert tags(plan(provider=CHEAPEST, health=down)) == ["together", "groq"]
    assert tags(plan(provider=CHEAPEST)) == ["groq", "together"]


def test_a_new_snapshot_is_planned_with_at_once():
    gateway_planner = planner()

    gateway_planner.snapshot = snapshot(zeta__koi=KOI)

    assert tags(plan(gateway_planner, model="zeta/koi", provider=CHEAPEST))[0] == "groq"
    with pytest.raises(ModelNotFound):
        plan(gateway_planner)


def candidate(planned, tag):
    return next(c for c in planned.route.candidates if c.endpoint.tag == tag)


def remember(of, tag, *, cached_tokens=0, now_ms=0, **fields):
    planned = plan(of, now_ms=now_ms, **fields)
    of.remember(planned, candidate(planned, tag), cached_tokens=cached_tokens, now_ms=now_ms)


def test_the_second_turn_stays_where_the_first_was_cached():
    of = planner()
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    remember(of, "together", cached_tokens=64, provider=CHEAPEST)

    second = plan(of, now_ms=599_999, provider=CHEAPEST, messages=turns)

    assert tags(second) == ["together", "groq"]
    assert tags(plan(of, now_ms=600_000, provider=CHEAPEST)) == ["groq", "together"]


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        ({}, {}, False),
        ({"session_id": "s"}, {"session_id": "s"}, True),
        ({"prompt_cache_key": "s"}, {"prompt_cache_key": "s"}, True),
        ({"session_id": "s"}, {"session_id": "t"}, False),
        ({"session_id": "s"}, {"session_id": "s", "provider": {"order": ["groq"]}}, False),
        ({"session_id": "s"}, {"session_id": "s", "model": "zeta/koi"}, False),
    ],
)
def test_without_cached_tokens_only_a_named_conversation_stays(first, second, stays):
    of = planner()
    remember(of, "together", provider=CHEAPEST, **first)

    found = tags(plan(of, **{"provider": CHEAPEST, **second}))

    assert (found[0] == "together") is stays


def test_a_session_of_the_header_counts_after_that_of_the_body():
    of, caller = planner(), Caller(account="ann", session_id="header")
    planned = plan(of, caller, provider=CHEAPEST)
    of.remember(planned, candidate(planned, "together"), cached_tokens=0, now_ms=0)

    assert tags(plan(of, caller, provider=CHEAPEST))[0] == "together"
    assert tags(plan(of, caller, provider=CHEAPEST, session_id="body"))[0] == "groq"
    other = Caller(account="bob", session_id="header")
    assert tags(plan(of, other, provider=CHEAPEST))[0] == "groq"


def test_an_ordered_request_is_not_remembered():
    of = planner()
    remember(of, "together", provider={"order": ["together"]}, session_id="s", cached_tokens=9)

    assert tags(plan(of, provider=CHEAPEST, session_id="s"))[0] == "groq"


LISTS = RouterLists(small=("acme/orca-2", "zeta/koi"), medium=("zeta/koi",), large=())


def test_the_auto_router_chooses_by_what_the_request_needs_and_names_the_choice():
    of = planner(routers=LISTS)

    short = plan(of, model="openrouter/auto")
    tooled = plan(of, model="openrouter/auto", tools=[{"type": "function"}])

    assert short.route.models == ("acme/orca-2", "zeta/koi")
    assert tooled.route.models[0] == "zeta/koi"
    assert (short.route.requested, short.route.strategy) == ("openrouter/auto", "auto")


def test_a_conversation_with_the_auto_router_keeps_its_model_while_it_is_on_the_list():
    of = planner(routers=LISTS)
    asking = {"model": "openrouter/auto", "provider": CHEAPEST, "session_id": "s"}
    planned = plan(of, **asking)
    koi = next(c for c in planned.route.candidates if c.endpoint.model == "zeta/koi")

    of.remember(planned, koi, cached_tokens=0, now_ms=0)

    assert plan(of, **asking).route.candidates[0] == koi
    excluding = [{"id": "auto-router", "excluded_models": ["zeta/*"]}]
    assert plan(of, **asking, plugins=excluding).route.models == ("acme/orca-2",)


def test_the_auto_router_pins_the_model_of_the_last_answer():
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "ho", "model": "zeta/koi"},
        {"role": "user", "content": "more"},
    ]
    pin = [{"id": "auto-router", "pin_model": True}]
    of = planner(routers=LISTS)

    assert plan(of, model="openrouter/auto", messages=messages).route.models[0] == "acme/orca-2"
    pinned = plan(of, model="openrouter/auto", messages=messages, plugins=pin)
    assert pinned.route.models[0] == "zeta/koi"


def test_rules_of_the_operator_and_of_the_key_hold_together():
    of = planner(
        aliases={"quick": "acme/orca-2:floor"},
        restrictions=(Restrictions(ignore=("groq",)),),
    )

    assert tags(plan(of, model="quick")) == ["together/flex", "together"]
    guarded = Caller(account="ann", guardrails=(Restrictions(zdr=True),))
    with pytest.raises(NoEndpointAvailable):
        plan(of, guarded)


def test_keys_that_came_with_the_request_are_asked_first_and_alone_at_their_provider():
    caller = Caller(account="ann", brought=frozenset({"together"}))

    found = plan(None, caller, provider={"order": ["groq"]}).route.candidates

    assert [(c.endpoint.tag, c.credential, c.is_byok) for c in found] == [
        ("together", "request", True),
        ("groq", None, False),
    ]


def test_restricted_keys_follow_the_caller():
    of = planner(
        credentials={
            "together": (
                Credential(name="team", key_hashes=frozenset({"abc"})),
                Credential(name="all"),
            )
        }
    )

    def keys(caller):
        found = plan(of, caller, provider={"only": ["together"]}).route.candidates
        return [c.credential for c in found]

    assert keys(Caller(key_hash="abc")) == ["team", "all"]
    assert keys(Caller(key_hash="xyz")) == ["all"]


def test_considering_a_request_that_nothing_fits_raises_nothing():
    planned = planner().consider(head(provider={"zdr": True}), ANN, now_ms=0)

    assert planned.route.candidates == ()
    assert len(planned.route.excluded) == 4


@pytest.mark.parametrize(
    ("name", "chances"),
    [
        ("acme/orca-2", {"groq": 0.8, "together": 0.2}),
        ("acme/orca-2:floor", {"together/flex": 1.0}),
    ],
)
def test_who_may_be_asked_first_has_a_chance(name, chances):
    found = planner().first_asked(name, Needs(prompt_tokens=10))

    assert {endpoint.tag: chance for endpoint, chance in found} == pytest.approx(chances)


def test_what_was_not_remembered_for_one_endpoint_model_needs_no_memory():
    of = Planner(snapshot(solo__fish=(endpoint("groq", model="solo/fish"),)), NAMES, Random(1))

    planned = of.plan(head(model="solo/fish", session_id="s"), ANN, now_ms=0)

    assert planned.sticky is None
    of.remember(planned, Candidate(endpoint=ORCA[0]), cached_tokens=9, now_ms=0)


# Sealed reasoning (contract/chat 6, routing 3)


def sealed_by(*origins):
    """A conversation with a blob of each of them, in turn."""
    return [
        {
            "role": "assistant",
            "content": "x",
            "reasoning_details": [
                {
                    "type": "reasoning.encrypted",
                    "data": "gAAA" + tag_of(origin),
                    "format": "openai-responses-v1",
                }
            ],
        }
        for origin in origins
    ]


@pytest.mark.parametrize(
    ("asked", "origins", "first"),
    [
        ({}, [("acme/orca-2", "together")], ("acme/orca-2", "together")),
        ({}, [("acme/orca-2", "together"), ("acme/orca-2", "groq")], ("acme/orca-2", "groq")),
        ({"models": ["zeta/koi"]}, [("zeta/koi", "together")], ("zeta/koi", "together")),
        ({"model": "zeta/koi"}, [("acme/orca-2", "together")], ("zeta/koi", "together")),
        ({"provider": {"order": ["groq"]}}, [("acme/orca-2", "together")], ("acme/orca-2", "together")),
        ({"provider": {"only": ["groq"]}}, [("acme/orca-2", "together")], ("acme/orca-2", "groq")),
        ({"provider": {"sort": "price"}}, [("gone/model", "nowhere")], ("acme/orca-2", "groq")),
    ],
    ids=["who wrote it", "the last of several", "of a fallback model", "another model now", "before an order", "not against only", "nobody is left"],
)  # fmt: skip
def test_who_sealed_the_reasoning_is_asked_first(asked, origins, first):
    planned = planner().plan(head(messages=sealed_by(*origins), **asked), ANN, now_ms=0)

    endpoint = planned.route.candidates[0].endpoint
    assert (endpoint.model, endpoint.tag) == first
    assert planned.head.sealed


def test_a_conversation_without_sealed_reasoning_is_not_looked_into():
    turns = [{"role": "assistant", "content": f"x{tag_of(('acme/orca-2', 'together'))}"}]

    planned = planner().plan(head(messages=turns), ANN, now_ms=0)

    assert planned.conditions.affinity is None
    assert not planned.head.sealed
