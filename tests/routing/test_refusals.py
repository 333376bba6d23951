"""Errors for names that mean nothing here, and for routers that are left without a model."""

from portico.routing.refusals import model_not_found, no_match


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
