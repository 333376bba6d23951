"""`openrouter_metadata`: what routing did."""

import pytest
from routing_samples import NAMES, endpoint, model, route, target

from portico.routing import Conditions, Credential
from portico.routing.metadata import router_metadata
from portico.vocabulary import AttemptRecord

ORCA = model(endpoint("groq", 1), endpoint("together", 2), endpoint("dear", 9))
KOI = model(endpoint("groq"), slug="zeta/koi")


def attempt(number, tag, *, of="acme/orca-2", status=200, error_type=None):
    return AttemptRecord(
        number=number,
        endpoint_tag=tag,
        provider=tag,
        provider_name=NAMES.get(tag, tag),
        model=of,
        started_ms=0,
        status=status,
        error_type=error_type,
    )


def planned(of=ORCA, **kwargs):
    return route(of, {"sort": "price", "max_price": {"prompt": 5}}, **kwargs)


def test_an_answer_at_the_first_attempt():
    body = router_metadata(planned(), [attempt(0, "groq")], NAMES)

    assert body == {
        "requested": "acme/orca-2",
        "strategy": "direct",
        "region": None,
        "summary": "available=2, selected=Groq",
        "attempt": 1,
        "is_byok": False,
        "endpoints": {
            "total": 3,
            "available": [
                {"provider": "Groq", "model": "acme/orca-2", "selected": True},
                {"provider": "Together", "model": "acme/orca-2", "selected": False},
            ],
        },
        "params": {},
        "pipeline": [],
        "attempts": [{"provider": "Groq", "model": "acme/orca-2", "status": 200}],
    }


def test_parameters_that_the_answering_api_had_no_place_for_are_told():
    body = router_metadata(planned(), [attempt(0, "groq")], NAMES, dropped={"seed", "min_p"})

    assert body["params"] == {"dropped": ["min_p", "seed"]}


def test_without_any_attempt_nothing_is_selected():
    body = router_metadata(planned(), [], NAMES)

    assert body["attempt"] == 0
    assert "attempts" not in body
    assert body["summary"] == "available=2, selected=none"
    assert not any(e["selected"] for e in body["endpoints"]["available"])


@pytest.mark.parametrize(
    ("status", "error_type", "told"),
    [
        (429, "rate_limit_exceeded", 429),
        (None, "timeout", 504),
        (None, "provider_unavailable", 502),
        (None, "provider_overloaded", 503),
    ],
)
def test_an_attempt_without_an_answer_has_the_status_its_failure_amounts_to(
    status, error_type, told
):
    attempts = [attempt(0, "groq", status=status, error_type=error_type), attempt(1, "together")]

    body = router_metadata(planned(), attempts, NAMES)

    assert [a["status"] for a in body["attempts"]] == [told, 200]
    assert body["attempt"] == 2
    assert [e["selected"] for e in body["endpoints"]["available"]] == [False, True]


@pytest.mark.parametrize(
    ("strategy", "answering", "told"),
    [
        ("direct", "acme/orca-2", "direct"),
        ("latest", "acme/orca-2", "latest"),
        ("direct", "zeta/koi", "fallback"),
        ("alias", "zeta/koi", "fallback"),
        ("auto", "zeta/koi", "auto"),
        ("free", "zeta/koi", "free"),
    ],
)
def test_the_strategy_is_how_the_answering_model_was_found(strategy, answering, told):
    plan = planned([target(ORCA, strategy=strategy), target(KOI, strategy=strategy)])

    assert router_metadata(plan, [attempt(0, "groq", of=answering)], NAMES)["strategy"] == told


def test_a_key_of_the_caller_is_told():
    key = Credential(name="mine", placement="first", is_byok=True)
    plan = planned(conditions=Conditions(credentials={"groq": (key,)}))

    assert router_metadata(plan, [attempt(0, "groq")], NAMES)["is_byok"] is True
    assert router_metadata(plan, [attempt(0, "together")], NAMES)["is_byok"] is False
