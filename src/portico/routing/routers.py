"""Pseudo-models that choose a model: `openrouter/auto` and `openrouter/free` (contract/routing 10)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Literal

import msgspec

from portico.errors import InvalidRequest, NoEndpointAvailable
from portico.routing.needs import Needs, fits_pattern
from portico.routing.preferences import invalid
from portico.routing.refusals import availability, model_not_found, no_match
from portico.vocabulary import Model

Tier = Literal["small", "medium", "large"]
TIERS: tuple[Tier, ...] = ("small", "medium", "large")
LONGEST_SHORTLIST = 10

_SHORT_PROMPT_TOKENS = 1_000
_LONG_PROMPT_TOKENS = 16_000
_COST_TIERS: Mapping[str, Tier] = {
    "low": "small",
    "medium": "medium",
    "high": "large",
    "xhigh": "large",
    "max": "large",
}
_FREE_CHOICES = 3
_MOST_PATTERNS = 1024


class RouterLists(msgspec.Struct, frozen=True, kw_only=True):
    """`[router]`: the models that `openrouter/auto` and `openrouter/free` choose from.

    Names of models, best first; those that nothing serves are skipped. The
    defaults name families, so that they do not grow old.

    Attributes:
        small: for short texts without tools, and `cost_tier` low.
        medium: for tools, images and longer prompts, and `cost_tier` medium.
        large: for the longest prompts, and `cost_tier` high and above.
        free: what `openrouter/free` draws from, as far as it costs nothing.
            Unset: every model with an endpoint that costs nothing.
    """

    small: tuple[str, ...] = (
        "~openai/gpt-mini-latest",
        "~anthropic/claude-haiku-latest",
        "~google/gemini-flash-latest",
        "~deepseek/deepseek-flash-latest",
        "~mistralai/mistral-small-latest",
    )
    medium: tuple[str, ...] = (
        "~openai/gpt-latest",
        "~anthropic/claude-sonnet-latest",
        "~google/gemini-pro-latest",
        "~google/gemini-flash-latest",
        "~moonshotai/kimi-latest",
        "~deepseek/deepseek-pro-latest",
        "~x-ai/grok-latest",
        "~mistralai/mistral-medium-latest",
    )
    large: tuple[str, ...] = (
        "~anthropic/claude-opus-latest",
        "~openai/gpt-pro-latest",
        "~openai/gpt-latest",
        "~google/gemini-pro-latest",
        "~moonshotai/kimi-latest",
        "~mistralai/mistral-large-latest",
    )
    free: tuple[str, ...] | None = None


class AutoRouterWish(msgspec.Struct, frozen=True, kw_only=True):
    """The `auto-router` plugin of a request; None is "not said".

    `cost_quality_tradeoff` is the older form of `cost_tier`: 10 is the cheapest.
    """

    id: str = ""
    enabled: bool | None = None
    allowed_models: tuple[str, ...] | None = None
    excluded_models: tuple[str, ...] | None = None
    cost_tier: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    cost_quality_tradeoff: int | None = None
    pin_model: bool | None = None


def parse_auto_router(plugins: bytes | None) -> AutoRouterWish:
    """Return what `plugins` (JSON) says to the auto router; the other plugins are not looked at.

    Raises:
        InvalidRequest: a field has a wrong type; the message names it.
    """
    if plugins is None:
        return AutoRouterWish()
    path = "plugins"
    try:
        for place, entry in enumerate(_decode_plugins(plugins) or ()):
            if b'"auto-router"' not in bytes(entry):
                continue
            path = f"plugins.{place}"
            wish = _decode_wish(entry)
            _check_patterns(wish, path)
            if wish.id == "auto-router":
                return wish if wish.enabled is not False else AutoRouterWish()
    except msgspec.ValidationError as error:
        raise invalid(path, error) from None
    return AutoRouterWish()


def _check_patterns(wish: AutoRouterWish, path: str) -> None:
    for name in ("allowed_models", "excluded_models"):
        patterns = getattr(wish, name) or ()
        if len(patterns) > _MOST_PATTERNS or any(len(p) > _MOST_PATTERNS for p in patterns):
            raise InvalidRequest(
                f"{path}.{name}: at most {_MOST_PATTERNS} patterns of {_MOST_PATTERNS} characters"
            )


_decode_plugins = msgspec.json.Decoder(tuple[msgspec.Raw, ...] | None).decode
_decode_wish = msgspec.json.Decoder(AutoRouterWish).decode


def tier_for(needs: Needs, wish: AutoRouterWish) -> Tier:
    """Return the tier to begin with: the one asked for, else by what the request needs.

    A short text without tools is small, a long prompt is large, the rest medium.
    """
    if wish.cost_tier is not None:
        return _COST_TIERS[wish.cost_tier]
    if wish.cost_quality_tradeoff is not None:
        balance = wish.cost_quality_tradeoff
        return "small" if balance >= 8 else "medium" if balance >= 4 else "large"
    if needs.prompt_tokens > _LONG_PROMPT_TOKENS:
        return "large"
    plain = "tools" not in needs.parameters and needs.input_modalities <= {"text"}
    return "small" if plain and needs.prompt_tokens <= _SHORT_PROMPT_TOKENS else "medium"


def auto_shortlist(
    name: str,
    lists: RouterLists,
    find: Callable[[str], Model | None],
    *,
    needs: Needs,
    wish: AutoRouterWish,
    pinned: str | None = None,
) -> list[Model]:
    """Return the models to try for `openrouter/auto`, the choice first.

    The rest of the chosen tier follows, then the tiers around it.

    Args:
        name: the router, for messages.
        lists: the operator's.
        find: the model that a name means, None where nothing serves it.
        needs: what the request asks.
        wish: the plugin's fields; an exclusion wins over an allowance.
        pinned: the model of the last assistant message, if it is to be kept.

    Raises:
        ModelNotFound: nothing on the lists is served here.
        NoEndpointAvailable: the request's own restrictions leave nothing.
    """
    tier = tier_for(needs, wish)
    others = TIERS[TIERS.index(tier) + 1 :] + TIERS[: TIERS.index(tier)][::-1]
    listed = list(_served([n for t in (tier, *others) for n in getattr(lists, t)], find))
    allowed = wish.allowed_models
    exact = [pattern for pattern in allowed or () if "*" not in pattern]
    named = list(_served(exact, find))
    if not listed and not named:
        raise model_not_found(
            name,
            (),
            "None of the models it chooses from can be called here. Name some under "
            '[router] in portico.toml: small = ["..."], medium = ["..."], large = ["..."].',
        )
    shortlist = [
        model
        for model in {model.slug: model for model in (*listed, *named)}.values()
        if (allowed is None or _fits_any(model.slug, allowed))
        and not _fits_any(model.slug, wish.excluded_models or ())
    ]
    if not shortlist:
        raise no_match(name)
    leader = (pinned or "").lower()
    shortlist.sort(key=lambda model: model.slug.lower() != leader)
    return shortlist[:LONGEST_SHORTLIST]


def free_choice(
    name: str, models: Sequence[Model], fits: Callable[[Model], bool], rng: Random
) -> list[Model]:
    """Return a few free models in random order, those that fit the request if any do.

    Raises:
        NoEndpointAvailable: no model here is free.
    """
    if not models:
        raise NoEndpointAvailable(
            f"No endpoints found for {name}: no model here is free.",
            availability=availability("no_endpoints", requested=[name]),
        )
    chosen: list[Model] = []
    shuffled = rng.sample(models, len(models))
    for model in shuffled:
        if fits(model):
            chosen.append(model)
            if len(chosen) == _FREE_CHOICES:
                break
    return chosen or shuffled[:_FREE_CHOICES]


def _served(names: Iterable[str], find: Callable[[str], Model | None]) -> Iterable[Model]:
    for name in names:
        model = find(name)
        if model is not None:
            yield model


def _fits_any(slug: str, patterns: Iterable[str]) -> bool:
    return any(fits_pattern(slug, pattern) for pattern in patterns)
