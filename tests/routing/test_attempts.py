"""Rows are sentences: "down, down, fine: asks a, a, then b"."""

import pytest

from portico.errors import (
    UpstreamEmpty,
    UpstreamKeyRefused,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from portico.routing import Outcome, final_error
from portico.routing import attempt_flow as flow_of_candidates
from portico.routing.facts import Candidate
from portico.vocabulary import Endpoint


def endpoint(slug, **fields):
    return Endpoint(
        **{"model": "m", "provider": slug, "tag": slug, "upstream_model": "m", **fields}
    )


A, B, C = (endpoint(slug) for slug in "abc")


def attempt_flow(endpoints, **options):
    return flow_of_candidates([Candidate(endpoint=e) for e in endpoints], **options)


def run(flow, outcomes):
    """Play `outcomes` against the flow and return who was asked, in order."""
    asked, attempt = [], next(flow)
    for outcome in outcomes:
        asked.append(attempt.endpoint.provider)
        try:
            attempt = flow.send(outcome)
        except StopIteration:
            break
    return "".join(asked)


FINE = Outcome()
DOWN = Outcome(error=UpstreamUnavailable("down"))
LATE = Outcome(error=UpstreamTimeout("late"))
BUSY = Outcome(error=UpstreamRateLimited("busy"))
OUT_OF_TIME = Outcome(error=UpstreamTimeout("late"), give_up=True)
BAD_KEY = Outcome(error=UpstreamKeyRefused("no"))
GONE = Outcome(error=UpstreamModelGone("no"))
EMPTY = Outcome(error=UpstreamEmpty("nothing"))
REFUSED = Outcome(error=UpstreamRejected("no"))
MID_STREAM = Outcome(error=UpstreamUnavailable("cut"), committed=True)


@pytest.mark.parametrize(
    ("outcomes", "asked"),
    [
        ([FINE], "a"),
        ([DOWN, FINE], "ab"),
        ([DOWN, DOWN, FINE], "aba"),
        ([REFUSED, FINE], "ab"),
        ([BUSY, FINE], "ab"),
        ([LATE, FINE], "ab"),
        ([MID_STREAM], "a"),
        ([DOWN, MID_STREAM], "ab"),
        ([DOWN] * 9, "abab"),
        ([DOWN, BUSY, FINE], "aba"),
        ([BUSY, DOWN, FINE], "abb"),
        ([OUT_OF_TIME], "a"),
        ([BUSY] * 9, "ab"),
        ([BAD_KEY] * 9, "ab"),
        ([BAD_KEY, DOWN, FINE], "abb"),
        ([GONE] * 9, "ab"),
        ([EMPTY, FINE], "ab"),
        ([EMPTY] * 9, "ab"),
        ([EMPTY, DOWN, FINE], "abb"),
        ([DOWN, EMPTY, FINE], "aba"),
        ([DOWN, EMPTY, EMPTY, FINE], "aba"),
    ],
)
def test_attempts(outcomes, asked):
    assert run(attempt_flow([A, B], retries=1), outcomes) == asked


def test_attempts_are_bounded_however_many_endpoints_there_are():
    assert run(attempt_flow([A, B] * 20, retries=0, most=5), [BUSY] * 50) == "ababa"


def test_what_two_providers_refuse_is_not_sent_to_a_third():
    assert run(attempt_flow([A, B, C], retries=1), [REFUSED] * 9) == "ab"


def test_what_two_apis_have_no_words_for_may_be_said_to_a_third():
    unsayable = UpstreamRejected("messages.0: this API takes no sound")
    unsayable.unsent = True

    assert run(attempt_flow([A, B, C], retries=1), [Outcome(error=unsayable)] * 9) == "abc"


@pytest.mark.parametrize(
    ("moderated", "asked"),
    [
        ({}, "ab"),  # nothing is known: once more, as with any refusal
        ({"b": True}, "ac"),
        ({"b": True, "c": True, "d": True}, "a"),
        ({"b": True, "c": True, "d": False}, "ad"),
        ({"b": False, "c": False, "d": False}, "abcd"),
        ({"a": False, "c": False}, "abc"),
    ],
    ids=str,
)
@pytest.mark.parametrize("error_type", ["content_policy_violation", "refusal"])
def test_what_is_refused_for_its_content_is_sent_to_who_does_not_judge_it(
    moderated, asked, error_type
):
    endpoints = [endpoint(slug, is_moderated=moderated.get(slug)) for slug in "abcd"]
    refused = Outcome(error=UpstreamRejected("no", error_type=error_type))

    assert run(attempt_flow(endpoints, retries=1), [refused] * 9) == asked


def test_who_judges_content_is_asked_after_any_other_failure():
    endpoints = [endpoint(slug, is_moderated=True) for slug in "abc"]

    assert run(attempt_flow(endpoints, retries=0), [REFUSED, FINE]) == "ab"
    assert run(attempt_flow(endpoints, retries=0), [DOWN, BUSY, FINE]) == "abc"


def test_after_two_empty_answers_no_third_endpoint_of_the_model_is_asked():
    other = endpoint("z", model="other")

    assert run(attempt_flow([A, B, C, other], retries=1), [EMPTY, EMPTY, FINE]) == "abz"


def test_an_empty_answer_is_not_asked_for_with_the_next_key_of_the_same_endpoint():
    copies = [Candidate(endpoint=A, credential=name) for name in ("first", "second")]
    flow = flow_of_candidates([*copies, Candidate(endpoint=B)], retries=0)

    assert run(flow, [EMPTY, FINE]) == "ab"


def test_a_model_that_is_gone_at_some_providers_is_asked_for_at_all():
    assert run(attempt_flow([A, B, C], retries=1), [GONE, GONE, FINE]) == "abc"


def test_another_model_is_asked_whatever_was_refused_before():
    other = endpoint("z", model="other")

    assert run(attempt_flow([A, B, C, other], retries=0), [REFUSED, REFUSED, FINE]) == "abz"


def test_a_prompt_too_long_is_only_sent_to_larger_windows():
    small, equal, large = (
        endpoint(slug, context_tokens=n) for slug, n in [("s", 8), ("e", 8), ("l", 99)]
    )
    too_long = Outcome(error=UpstreamRejected("long", error_type="context_length_exceeded"))

    assert run(attempt_flow([small, equal, large], retries=1), [too_long] * 9) == "sl"


@pytest.mark.parametrize(
    ("denied", "outcomes", "asked"),
    [
        ("", [DOWN, FINE], "ab"),
        ("a", [FINE], "b"),
        ("a", [DOWN, FINE], "bb"),
        ("ab", [FINE], "a"),
    ],
)
def test_an_endpoint_left_alone_is_passed_over_unless_it_is_the_last(denied, outcomes, asked):
    flow = attempt_flow([A, B], retries=1, admits=lambda c: c.endpoint.provider not in denied)

    assert run(flow, outcomes) == asked


@pytest.mark.parametrize(
    ("denied", "asked"),
    [("", "abcab"), ("a", "abcbc"), ("ab", "abcc"), ("abc", "abc")],
)
def test_an_endpoint_is_asked_again_only_within_the_budget(denied, asked):
    flow = attempt_flow([A, B, C], retries=1, most=5, repeats=lambda e: e.provider not in denied)

    assert run(flow, [DOWN] * 9) == asked


def test_only_a_second_round_waits_and_only_once():
    flow = attempt_flow([A, B], retries=1)
    delays = [next(flow).delay_s, *(flow.send(DOWN).delay_s for _ in range(3))]

    assert delays == [0.0, 0.0, 0.2, 0.0]


def overloaded(retry_after_s):
    return UpstreamOverloaded("full", retry_after_s=retry_after_s, upstream_status=529)


def limited(retry_after_s):
    return UpstreamRateLimited("busy", retry_after_s=retry_after_s, upstream_status=429)


@pytest.mark.parametrize(
    ("errors", "retry_after"),
    [
        ([limited(7), limited(30)], "7"),
        ([limited(30), limited(7.2)], "8"),
        ([limited(7), limited(None)], None),
        ([UpstreamUnavailable("down"), limited(7)], None),
        ([limited(99_999)], "3600"),
        ([limited(0.01)], "1"),
        ([overloaded(9), limited(7)], "7"),
        ([overloaded(9), overloaded(None)], None),
    ],
)
def test_retry_after_is_the_smallest_hint_if_every_attempt_gave_one(errors, retry_after):
    last = final_error([(A, error) for error in errors])

    assert last.headers.get("Retry-After") == retry_after
    # either it says when to come back, or not to repeat what was tried here
    assert ("x-should-retry" in last.headers) is (retry_after is None)


def test_an_earlier_overload_keeps_its_own_code():
    error = final_error([(A, overloaded(None)), (B, UpstreamKeyRefused("no", upstream_status=401))])
    last = final_error([(A, UpstreamKeyRefused("no", upstream_status=401)), (B, limited(7))])

    (first,) = error.metadata["previous_errors"]
    (refused,) = last.metadata["previous_errors"]
    assert (first["code"], first["status"]) == (529, 529)
    assert (refused["code"], refused["status"]) == (502, 401)


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ([limited(7), limited(30)], ("capacity_exhausted", True, 7)),
        ([limited(7), limited(None)], ("capacity_exhausted", True, None)),
        ([limited(7), overloaded(9)], ("temporarily_unavailable", True, 7)),
        ([overloaded(None), overloaded(None)], ("temporarily_unavailable", True, None)),
        ([UpstreamModelGone("no"), UpstreamModelGone("no")], ("model_unavailable_upstream", False, None)),
        ([UpstreamModelGone("no"), limited(7)], None),
        ([UpstreamUnavailable("down")], None),
    ],
)  # fmt: skip
def test_what_all_attempts_failed_for_is_told_where_there_is_a_word_for_it(errors, told):
    last = final_error(list(zip((A, B), errors, strict=False)))

    availability = last.metadata.get("availability")
    if told is None:
        assert availability is None
    else:
        code, retryable, retry_after = told
        assert (availability["code"], availability["retryable"]) == (code, retryable)
        assert availability.get("retry_after") == retry_after
        assert availability["requested_models"] == ["m"]
        assert availability["affected_providers"] == ["a", "b"]


def test_earlier_errors_are_told_beside_the_last_one():
    error = final_error([(A, limited(7)), (B, UpstreamRejected("no", upstream_status=400))])

    assert error.metadata["previous_errors"] == [
        {"provider": "a", "code": 429, "status": 429, "message": "busy"}
    ]
    assert error.headers["x-should-retry"] == "false"


def test_the_next_key_of_an_endpoint_is_asked_after_a_rate_limit():
    copies = [Candidate(endpoint=A, credential=name) for name in ("first", "second")]
    flow = flow_of_candidates([*copies, Candidate(endpoint=B)], retries=0)

    asked = [next(flow).candidate.credential, flow.send(BUSY).candidate.credential]

    assert asked == ["first", "second"]


def test_a_callers_own_key_is_tried_even_where_the_endpoint_is_left_alone():
    own = Candidate(endpoint=A, credential="request", is_byok=True)

    flow = flow_of_candidates([own], retries=0, admits=lambda _: False)

    assert next(flow).candidate is own
