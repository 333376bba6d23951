"""Asking again is bounded by a share of what is under way."""

import pytest
from routing_samples import endpoint

from portico.routing import Attempt
from portico.routing.budget import RetryBudget, RetryPolicy
from portico.routing.facts import Candidate

A, B = Candidate(endpoint=endpoint("a")), Candidate(endpoint=endpoint("b"))


def first(candidate=A):
    return Attempt(candidate=candidate)


def again(candidate=A):
    return Attempt(candidate=candidate, number=1)


def budget_with(*under_way, **policy):
    budget = RetryBudget(RetryPolicy(**policy))
    for attempt in under_way:
        budget.under_way(attempt).__enter__()
    return budget


@pytest.mark.parametrize(
    ("under_way", "allowed"),
    [
        ([], True),
        ([again()] * 2, True),
        ([again()] * 3, False),  # the floor of three
        ([*[first()] * 12, *[again()] * 3], False),
        ([*[first()] * 17, *[again()] * 3], True),  # a fifth of twenty is four
        ([*[first()] * 16, *[again()] * 4], False),
        ([*[first()] * 96, *[again()] * 20], True),
        ([*[first()] * 80, *[again()] * 20], False),
        ([*[first(B)] * 1000, *[again()] * 3], False),  # of the endpoint's own
        ([again(B)] * 9, True),
    ],
)
def test_a_fifth_of_what_is_under_way_may_be_asking_again_and_three_always(under_way, allowed):
    assert budget_with(*under_way).allows(A.endpoint) is allowed


@pytest.mark.parametrize(
    ("policy", "repeats", "allowed"),
    [
        ({"floor": 0}, 0, False),
        ({"floor": 0, "share": 1.0}, 0, False),
        ({"floor": 1}, 0, True),
        ({"floor": 1}, 1, False),
        ({"floor": 9}, 8, True),
    ],
)
def test_the_operator_sets_share_and_floor(policy, repeats, allowed):
    assert budget_with(*[again()] * repeats, **policy).allows(A.endpoint) is allowed


def test_what_is_over_makes_room():
    budget = budget_with(*[again()] * 2)

    with budget.under_way(again()):
        during = budget.allows(A.endpoint)

    assert (during, budget.allows(A.endpoint)) == (False, True)


def test_what_failed_is_over():
    budget = budget_with(*[again()] * 2)

    with pytest.raises(ValueError, match="cut"), budget.under_way(again()):
        raise ValueError("cut")

    assert budget.allows(A.endpoint)
