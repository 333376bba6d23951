"""Reasoning at Cohere: the wish to think, and what of it stands in a message.

https://docs.cohere.com/docs/reasoning. Thinking is not signed. What the
reference calls `tool_plan`, "a chain-of-thought style reflection" before the
calls, is reasoning as well and is told from the rest by its id.
"""

import re
from collections.abc import Sequence

from portico.dialects.reasoning import EFFORT_PERCENT, visible_text
from portico.jsonio import JsonObject
from portico.vocabulary import Reasoning, ReasoningWish

TOOL_PLAN = "tool_plan"
"""The `id` of reasoning that was the plan of a message with tool calls."""

_LEAST_TOKENS, _MOST_TOKENS = 1024, 128_000
_NEVER_THINKS = re.compile(
    r"^(?:command(?:-light|-nightly)?$|command-r|command-a-(?:03-2025|vision|translate)|c4ai-|aya)"
)


def can_think(model: str) -> bool:
    """Whether a model takes `thinking`: all but the families that are older than it.

    >>> can_think("command-a-reasoning-08-2025"), can_think("command-a-03-2025")
    (True, False)
    """
    return _NEVER_THINKS.match(model) is None


def encode_thinking(wish: ReasoningWish, cap_tokens: int | None) -> JsonObject | None:
    """The `thinking` member for a wish; None to leave it to the model (contract/chat 1.4).

    Args:
        wish: what the client asked for.
        cap_tokens: the most that can be written, None if not known. A budget stays
            below it; an effort has none without it.
    """
    if wish.effort == "none" or wish.enabled is False or wish.max_tokens == 0:
        return {"type": "disabled"}
    tokens = wish.max_tokens
    if wish.effort is not None and tokens is None and cap_tokens is not None:
        wanted = cap_tokens * EFFORT_PERCENT.get(wish.effort, 50) // 100
        tokens = min(max(wanted, _LEAST_TOKENS), _MOST_TOKENS)
    if tokens is None:
        return {"type": "enabled"} if wish.effort or wish.enabled else None
    if cap_tokens is not None:
        tokens = min(tokens, cap_tokens - 1)
    return {"type": "enabled", "token_budget": max(1, int(tokens))}


def decode_thinking(thinking: JsonObject) -> ReasoningWish:
    """The wish that a `thinking` member expresses."""
    if thinking.get("type") == "disabled":
        return ReasoningWish(enabled=False)
    budget = thinking.get("token_budget")
    return ReasoningWish(max_tokens=budget, enabled=True if budget is None else None)


def plan_of(items: Sequence[Reasoning]) -> str:
    """The text of the plan among reasoning items; empty if there is none."""
    return "".join(visible_text(item) or "" for item in items if item.id == TOOL_PLAN)


def thoughts_of(items: Sequence[Reasoning]) -> str:
    """The visible text of all other items."""
    return "".join(visible_text(item) or "" for item in items if item.id != TOOL_PLAN)
