"""The wish to think as a budget or a level."""

import pytest

from portico.dialects.gemini.thinking import can_think, decode_thinking, encode_thinking
from portico.errors import InvalidRequest
from portico.vocabulary import ReasoningWish

FLASH, PRO, LITE = "gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.5-flash-lite"


@pytest.mark.parametrize(
    ("model", "wish", "cap", "config"),
    [
        (FLASH, {"effort": "high"}, 10_000, {"thinkingBudget": 8000}),
        (FLASH, {"effort": "medium"}, 10_000, {"thinkingBudget": 5000}),
        (FLASH, {"effort": "low"}, 10_000, {"thinkingBudget": 2000}),
        (FLASH, {"effort": "minimal"}, 10_000, {"thinkingBudget": 1024}),
        (FLASH, {"effort": "xhigh"}, 10_000, {"thinkingBudget": 9500}),
        (FLASH, {"effort": "high"}, None, {"thinkingBudget": 24_576}),
        (PRO, {"effort": "max"}, None, {"thinkingBudget": 32_768}),
        (FLASH, {"enabled": True}, 10_000, {"thinkingBudget": 5000}),
        (FLASH, {"max_tokens": 300}, 10_000, {"thinkingBudget": 300}),
        (LITE, {"max_tokens": 300}, 10_000, {"thinkingBudget": 512}),
        (FLASH, {"max_tokens": 5000}, 1000, {"thinkingBudget": 999}),
        (FLASH, {"effort": "low"}, 500, {"thinkingBudget": 499}),
        (FLASH, {}, None, {}),
        ("gemini-flash-latest", {"effort": "low"}, 10_000, {"thinkingBudget": 2000}),
        ("gemini-3-flash-preview", {"effort": "minimal"}, None, {"thinkingLevel": "minimal"}),
        ("gemini-3-flash-preview", {"effort": "medium"}, None, {"thinkingLevel": "medium"}),
        ("gemini-3-flash-preview", {"effort": "max"}, None, {"thinkingLevel": "high"}),
        ("gemini-3-flash-preview", {"max_tokens": 450}, 1000, {"thinkingLevel": "medium"}),
        ("gemini-3-pro-preview", {"effort": "medium"}, None, {"thinkingLevel": "high"}),
        ("gemini-3.1-pro-preview", {"effort": "medium"}, None, {"thinkingLevel": "medium"}),
        ("gemini-3.1-pro-preview", {"effort": "minimal"}, None, {"thinkingLevel": "low"}),
    ],
)
def test_effort_and_tokens_become_what_the_model_takes(model, wish, cap, config):
    assert encode_thinking(ReasoningWish(**wish), model, cap) == {
        **config,
        "includeThoughts": True,
    }


@pytest.mark.parametrize("wish", [{"effort": "none"}, {"enabled": False}, {"max_tokens": 0}])
def test_thinking_can_be_switched_off_where_the_model_allows_it(wish):
    assert encode_thinking(ReasoningWish(**wish), FLASH, None) == {"thinkingBudget": 0}
    newer = encode_thinking(ReasoningWish(**wish), "gemini-3-flash-preview", None)
    assert newer == {"thinkingLevel": "minimal"}


@pytest.mark.parametrize("model", [PRO, "gemini-3-pro-preview"])
def test_switching_off_what_cannot_be_switched_off_is_refused(model):
    with pytest.raises(InvalidRequest, match="always thinks"):
        encode_thinking(ReasoningWish(effort="none"), model, None)


def test_a_cap_that_leaves_no_room_for_thinking_is_refused():
    with pytest.raises(InvalidRequest, match="max_tokens"):
        encode_thinking(ReasoningWish(effort="low"), PRO, 100)


def test_excluded_reasoning_is_still_thought_but_not_shown():
    config = encode_thinking(ReasoningWish(effort="low", exclude=True), FLASH, 10_000)

    assert config == {"thinkingBudget": 2000, "includeThoughts": False}


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("gemini-2.5-pro", True),
        ("gemini-3.5-flash", True),
        ("gemini-flash-latest", True),
        ("gemini-2.0-flash", False),
        ("gemini-1.5-pro", False),
        ("gemma-3-27b-it", False),
    ],
)
def test_models_that_cannot_think_are_known(model, thinks):
    assert can_think(model) is thinks


@pytest.mark.parametrize(
    "config",
    [
        {"includeThoughts": True, "thinkingBudget": 2000},
        {"includeThoughts": False, "thinkingBudget": 2000},
        {"thinkingBudget": 0},
        {"includeThoughts": True},
    ],
)
def test_a_configuration_read_and_written_again_is_the_same(config):
    assert encode_thinking(decode_thinking(config), FLASH, None) == config
