"""The contract's tables, as the run applies them."""

import pytest

from tests.conformance.accumulate import Call, Choice
from tests.conformance.expect import (
    allowed_statuses,
    expected_usage,
    finish_reason,
    native_finish_reasons,
)


@pytest.mark.parametrize(
    ("native", "calls", "wanted"),
    [
        ("stop", 0, "stop"),
        ("eos", 0, "stop"),
        ("stop", 1, "tool_calls"),
        ("tool_use", 1, "tool_calls"),
        ("length", 1, "length"),
        ("model_length", 0, "length"),
        ("SAFETY", 0, "content_filter"),
        ("never heard of", 0, "stop"),
        (None, 1, "tool_calls"),
    ],
)
def test_finish_reasons_are_normalised(native: str | None, calls: int, wanted: str) -> None:
    choice = Choice(finish=native, calls=[Call(name="f")] * calls)

    assert finish_reason(choice) == wanted


def test_the_native_reason_may_be_the_word_of_the_upstreams_own_upstream() -> None:
    assert native_finish_reasons(Choice(finish="stop", native_finish="STOP")) == {"stop", "STOP"}
    assert native_finish_reasons(Choice(finish="stop")) == {"stop"}
    assert native_finish_reasons(Choice()) == {None, ""}


def test_reasoning_inside_the_completion_leaves_the_count_alone() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 9,
        "total_tokens": 19,
        "completion_tokens_details": {"reasoning_tokens": 7},
    }

    expected = expected_usage(usage)

    assert expected.completion_tokens == {9}
    assert expected.reasoning_tokens == {7}


def test_reasoning_outside_the_completion_is_added_when_the_total_gives_it_away() -> None:
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 2,
        "total_tokens": 334,
        "completion_tokens_details": {"reasoning_tokens": 320},
    }

    assert expected_usage(usage).completion_tokens == {322}


def test_a_part_larger_than_its_whole_is_not_inside_it() -> None:
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 161},
        "completion_tokens_details": {"reasoning_tokens": 25},
    }

    expected = expected_usage(usage)

    assert expected.prompt_tokens == {7, 168}
    assert expected.completion_tokens == {2, 27}
    assert (expected.cached_tokens, expected.reasoning_tokens) == ({161}, {25})


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt_tokens_details": {"cached_tokens": 4}},
        {"prompt_cache_hit_tokens": 4, "prompt_tokens_details": {"cached_tokens": 0}},
        {"num_cached_tokens": 4},
        {"cached_tokens": 4},
    ],
)
def test_cached_tokens_have_many_spellings(fields: dict[str, object]) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11} | fields

    assert expected_usage(usage).cached_tokens == {4}


def test_tokens_that_only_the_total_knows_are_set_apart() -> None:
    usage = {"prompt_tokens": 66, "completion_tokens": 6, "total_tokens": 100}

    assert expected_usage(usage).outside == 28


@pytest.mark.parametrize("status", [401, 402, 403])
def test_the_operators_trouble_is_never_the_clients(status: int) -> None:
    assert allowed_statuses(status) == {502}


def test_an_unknown_server_error_is_the_upstreams_fault() -> None:
    assert allowed_statuses(520) == {502, 503}
    assert 418 in allowed_statuses(418)
