"""Errors that planning offers to those who find out later that nobody can answer."""

import pytest

from portico.routing.refusals import model_not_found, no_match, not_now


@pytest.mark.parametrize(
    ("code", "status", "error_type"),
    [
        ("capacity_exhausted", 429, "rate_limit_exceeded"),
        ("temporarily_unavailable", 503, "provider_overloaded"),
    ],
)
def test_what_passes_by_itself_is_retryable_and_says_when(code, status, error_type):
    error = not_now(code, ["acme/orca-2"], affected=["groq"], retry_after_s=7)

    availability = error.metadata["availability"]
    assert (error.status, error.error_type) == (status, error_type)
    assert error.headers == {"Retry-After": "7"}
    assert (availability["code"], availability["retryable"]) == (code, True)
    assert availability["retry_after"] == 7
    assert availability["affected_providers"] == ["groq"]


def test_without_a_hint_there_is_no_header():
    error = not_now("temporarily_unavailable", ["acme/orca-2"])

    assert error.headers == {}
    assert "retry_after" not in error.metadata["availability"]


def test_a_wrong_name_suggests_right_ones():
    error = model_not_found("acme/orka-2", ["acme/orca-2", "acme/orca-1"])

    assert error.status == 400
    assert error.message == (
        "acme/orka-2 is not a valid model ID. Did you mean acme/orca-2 or acme/orca-1?"
    )
    assert error.metadata["availability"]["fallback_models"] == ["acme/orca-2", "acme/orca-1"]


def test_a_name_like_no_other_points_to_the_list():
    assert model_not_found("x", []).message.endswith("GET /models lists the valid ones.")


def test_restrictions_that_leave_a_router_nothing_answer_in_its_words():
    error = no_match("openrouter/auto")

    assert error.status == 404
    assert error.message == "No models match your request and model restrictions"
