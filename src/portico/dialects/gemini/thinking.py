"""The wish to think: `reasoning` to `thinkingConfig` and back (contract/chat 1.4).

Gemini 2.5 takes a budget in tokens, Gemini 3 a level; older models and other
families (Gemma) take neither. https://ai.google.dev/gemini-api/docs/thinking
"""

from portico.dialects.gemini.names import generation, pick
from portico.dialects.reasoning import EFFORT_PERCENT, nearest_effort
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject
from portico.vocabulary import ReasoningWish

_LEVELS = ("high", "medium", "low", "minimal")
_USUAL_BUDGET = 1024  # effort never asks for less where the output leaves room
_OUTPUT_TOKENS = 65_536  # what the models can write when nobody limits them


class _Budgets:
    """The smallest and largest budget of a model, and whether 0 switches thinking off."""

    def __init__(self, least: int, most: int, *, can_stop: bool) -> None:
        self.least = least
        self.most = most
        self.can_stop = can_stop


_PRO = _Budgets(128, 32_768, can_stop=False)
_FLASH = _Budgets(1, 24_576, can_stop=True)
_LITE = _Budgets(512, 24_576, can_stop=True)


def can_think(model: str) -> bool:
    """Whether a model takes `thinkingConfig` at all."""
    version = generation(model)
    if version is None:
        return "gemini" in model
    return version >= 3 or "gemini-2.5" in model


def encode_thinking(wish: ReasoningWish, model: str, max_tokens: int | None) -> JsonObject | None:
    """The `thinkingConfig` of a model that can think; None to leave it to the model.

    Args:
        wish: what the client asked for.
        model: the upstream's name of the model.
        max_tokens: the client's output cap, else the endpoint's: a budget stays below it.

    Raises:
        InvalidRequest: the model cannot stop thinking, or the cap leaves no room for it.
    """
    effort = wish.effort or ("medium" if wish.enabled and wish.max_tokens is None else None)
    off = effort == "none" or wish.enabled is False or wish.max_tokens == 0
    cap = max_tokens or _OUTPUT_TOKENS
    version = generation(model)
    if version is not None and version >= 3:
        level = _level(effort, wish.max_tokens, cap, model, off=off)
        config: JsonObject = {} if level is None else {"thinkingLevel": level}
    else:
        config = _budget(effort, wish.max_tokens, cap, model, off=off)
    if not off:
        config["includeThoughts"] = not wish.exclude
    return config or None


def decode_thinking(config: JsonObject) -> ReasoningWish:
    """The wish that a `thinkingConfig` expresses. A budget of -1 leaves it to the model."""
    budget = pick(config, "thinkingBudget")
    level = pick(config, "thinkingLevel")
    shown = pick(config, "includeThoughts")
    return ReasoningWish(
        effort="none" if budget == 0 else (level.lower() if isinstance(level, str) else None),
        max_tokens=budget if isinstance(budget, int) and budget > 0 else None,
        exclude=not shown,
    )


def _level(
    effort: str | None, wished_tokens: int | None, cap: int, model: str, *, off: bool
) -> str | None:
    if effort is None and wished_tokens and not off:
        effort = nearest_effort(wished_tokens, cap, _LEVELS)
    pro = "pro" in model
    if off:
        if pro:
            raise _cannot_stop(model)
        return "minimal"
    if effort is None:
        return None
    level = "high" if effort in {"max", "xhigh"} else effort
    if pro and level == "minimal":
        return "low"
    if pro and level == "medium" and "gemini-3-pro" in model:  # 3.0 has two levels
        return "high"
    return level


def _budget(
    effort: str | None, wished_tokens: int | None, cap: int, model: str, *, off: bool
) -> JsonObject:
    limits = _PRO if "pro" in model else _LITE if "lite" in model else _FLASH
    if off:
        if not limits.can_stop:
            raise _cannot_stop(model)
        return {"thinkingBudget": 0}
    if effort is not None:
        tokens = max(_USUAL_BUDGET, cap * EFFORT_PERCENT.get(effort, 50) // 100)
    elif wished_tokens is not None:
        tokens = wished_tokens
    else:
        return {}
    tokens = min(max(tokens, limits.least), limits.most, cap - 1)
    if tokens < limits.least:
        raise InvalidRequest(
            f"max_tokens: {cap} leaves no room for reasoning; "
            f"this model thinks with at least {limits.least} tokens"
        )
    return {"thinkingBudget": tokens}


def _cannot_stop(model: str) -> InvalidRequest:
    return InvalidRequest(f"reasoning: {model} always thinks; lower the effort instead")
