"""From the names in a request to the models that are tried (contract/routing 1, 6, 10)."""

from collections.abc import Callable, Mapping, Sequence
from random import Random

import msgspec

from portico.errors import GatewayError
from portico.routing.directory import Directory
from portico.routing.needs import Conditions, Needs, Strategy, Target
from portico.routing.plan import admitted
from portico.routing.refusals import model_not_found
from portico.routing.routers import (
    AutoRouterWish,
    RouterLists,
    auto_shortlist,
    free_choice,
)
from portico.routing.variants import PLAIN, Variant, parse_variants
from portico.vocabulary import Model

_LONGEST_NAME = 256
_LONGEST_SHOWN = 64
_ROUTER_AUTHORS = ("openrouter", "portico")
_AUTO = frozenset(
    f"{author}/{name}" for author in _ROUTER_AUTHORS for name in ("auto", "auto-beta")
)
_FREE = frozenset(f"{author}/free" for author in _ROUTER_AUTHORS)
_NOT_SERVED = frozenset(f"openrouter/{name}" for name in ("bodybuilder", "fusion", "pareto-code"))


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What names can mean beside the catalogue's own.

    `aliases` are the operator's, in lower case, to names of any kind; `routers`
    the lists that routers choose from; `suggest` returns slugs that a wrong name
    may have meant.
    """

    aliases: Mapping[str, str] = {}
    routers: RouterLists = RouterLists()
    suggest: Callable[[str], Sequence[str]] = lambda name: ()


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What routers look at: the request, the plugin's fields, the model to keep, what is known."""

    needs: Needs
    conditions: Conditions = Conditions()
    wish: AutoRouterWish = AutoRouterWish()
    pinned: str | None = None


def targets_of(
    requested: Sequence[str], directory: Directory, names: Names, asking: Asking, rng: Random
) -> list[Target]:
    """Return what to try for the names of a request, in their order, each model once.

    Of several names those that mean nothing here are passed over: any error
    moves on to the next model (contract/routing 5). If none means anything, the
    error is the first one's.

    Raises:
        InvalidRequest: a suffix is not known or cannot be served.
        ModelNotFound: a name means nothing here.
        NoEndpointAvailable: a router has nothing to choose from.
    """
    found: dict[tuple[str, Variant], Target] = {}
    errors: list[GatewayError] = []
    for name in requested:
        try:
            for target in _targets(name, directory, names, asking, rng):
                found.setdefault((target.model.slug, target.variant), target)
        except GatewayError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return list(found.values())


def _targets(
    name: str, directory: Directory, names: Names, asking: Asking, rng: Random
) -> list[Target]:
    if len(name) > _LONGEST_NAME:
        raise model_not_found(name[:_LONGEST_SHOWN] + "...", ())
    lower = name.strip().lower()
    model = directory.find(lower)
    if model is not None and lower not in names.aliases:
        return [directory.target(model, requested=name, strategy=_strategy(lower, model))]
    base, suffixes = _base(lower, directory, names)
    strategy: Strategy | None = None
    if base in names.aliases:
        base, more = _base(names.aliases[base].strip().lower(), directory, names, final=True)
        suffixes, strategy = [*more, *suffixes], "alias"
    variant = parse_variants(name, suffixes) if suffixes else PLAIN
    if base in _AUTO | _FREE and directory.find(base) is None:
        return _routed(base, name, variant, directory, names, asking, rng)
    model = _model(base, directory)
    if model is None:
        raise _unknown(name, base, names)
    return [
        directory.target(
            model,
            requested=name,
            variant=variant,
            strategy=strategy or _strategy(base, model),
        )
    ]


def _base(
    name: str, directory: Directory, names: Names, *, final: bool = False
) -> tuple[str, list[str]]:
    """Split a name into the longest beginning that means something, and its suffixes.

    Where no beginning does, the split is at the first colon. `final`: the name
    is what an alias stands for, and is not looked up among the aliases again.
    """
    parts = name.split(":")
    for end in range(len(parts), 0, -1):
        base = ":".join(parts[:end])
        if not final and base in names.aliases:
            return base, parts[end:]
        if directory.find(base) is not None:
            return base, parts[end:]
    return parts[0], parts[1:]


def _model(base: str, directory: Directory) -> Model | None:
    """The model of a name that is no router: a slug, another name, or a family's newest."""
    if base.startswith("~") and base.endswith("-latest"):
        return directory.newest(base[1:].removesuffix("-latest"))
    return directory.find(base)


def _routed(
    router: str,
    name: str,
    variant: Variant,
    directory: Directory,
    names: Names,
    asking: Asking,
    rng: Random,
) -> list[Target]:
    strategy: Strategy = "auto" if router in _AUTO else "free"

    def find(listed: str) -> Model | None:
        lower = listed.strip().lower()
        return _model(names.aliases.get(lower, lower).lower(), directory)

    def target(model: Model) -> Target:
        return directory.target(model, requested=name, variant=variant, strategy=strategy)

    def fits(model: Model) -> bool:
        groups, _ = admitted([target(model)], asking.needs, asking.conditions)
        return bool(groups)

    if router in _AUTO:
        models = auto_shortlist(
            name,
            names.routers,
            find,
            needs=asking.needs,
            wish=asking.wish,
            pinned=asking.pinned,
        )
        return [target(model) for model in models]
    variant = msgspec.structs.replace(variant, free=True)
    listed = names.routers.free
    free = directory.free_models()
    if listed is not None:
        wanted = {model.slug for entry in listed if (model := find(entry)) is not None}
        free = tuple(model for model in free if model.slug in wanted)
    return [target(model) for model in free_choice(name, free, fits, rng)]


def _unknown(name: str, base: str, names: Names) -> Exception:
    if base in _NOT_SERVED:
        return model_not_found(name, (), "This gateway does not have that router.")
    if "@preset/" in base:
        return model_not_found(name, (), "This gateway has no presets.")
    if base.startswith("~"):
        return model_not_found(
            name,
            (),
            "No model of that family can be called here; the form is ~author/family-latest.",
        )
    return model_not_found(name, names.suggest(base))


def _strategy(name: str, model: Model) -> Strategy:
    if name.startswith("~"):
        return "latest"
    return "direct" if name in {model.slug.lower(), model.canonical_slug.lower()} else "alias"
