"""A catalogue snapshot made ready for planning, and what names in it mean (contract/routing 1)."""

import re
from collections.abc import Mapping
from datetime import date

from portico.routing.facts import ModelFacts, facts_of
from portico.routing.needs import Strategy, Target
from portico.routing.variants import PLAIN, Variant
from portico.vocabulary import CatalogSnapshot, Model

# "4.5", "k2", "v3.1", "2025", "20251001", "0905": what tells members of a family apart
_VERSION = re.compile(r"[kv]?\d+(?:\.\d+)*")
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_DATE = re.compile(r"-(20\d\d)-?(\d\d)-?(\d\d)$")


class Directory:
    """One snapshot with everything that is worked out once: facts, families, free models.

    Made anew with each snapshot. What it keeps is derived from the snapshot alone.
    """

    def __init__(self, snapshot: CatalogSnapshot, provider_names: Mapping[str, str]) -> None:
        self.snapshot = snapshot
        self._names = provider_names
        self._facts: dict[str, ModelFacts] = {}
        self._by_slug: dict[str, Target] = {}
        self._families: dict[str, Model] | None = None
        self._free: tuple[Model, ...] | None = None

    def find(self, name: str) -> Model | None:
        """Return the model that `name`, in lower case, is a slug or another name of."""
        models = self.snapshot.models
        return models.get(name) or models.get(self.snapshot.aliases.get(name, name))

    def target(
        self,
        model: Model,
        *,
        requested: str,
        variant: Variant = PLAIN,
        strategy: Strategy = "direct",
    ) -> Target:
        """Return the model as a target of a plan."""
        facts = self._facts.get(model.slug)
        if facts is None:
            facts = self._facts[model.slug] = facts_of(model, self._names)
        return Target(
            model=model, facts=facts, requested=requested, variant=variant, strategy=strategy
        )

    def by_slug(self, name: str) -> Target | None:
        """Return the model whose slug is exactly `name` as a target without suffixes."""
        known = self._by_slug.get(name)
        if known is None and (model := self.snapshot.models.get(name)) is not None:
            known = self._by_slug[name] = self.target(model, requested=name)
        return known

    def newest(self, family: str) -> Model | None:
        """Return the newest model of `family`, "author/name" in lower case without versions."""
        if self._families is None:
            self._families = {}
            for model in self.snapshot.models.values():
                known = self._families.get(name := family_of(model.slug))
                if known is None or _age(model) > _age(known):
                    self._families[name] = model
        return self._families.get(family)

    def free_models(self) -> tuple[Model, ...]:
        """Return the models with an endpoint that costs nothing, in catalogue order."""
        if self._free is None:
            self._free = tuple(m for m in self.snapshot.models.values() if _has_free(m))
        return self._free


def family_of(slug: str) -> str:
    """Return a slug without versions and dates, in lower case: what its family shares.

    >>> family_of("acme/orca-4.5-mini"), family_of("acme/orca-3.5"), family_of("acme/koi-k2")
    ('acme/orca-mini', 'acme/orca', 'acme/koi')
    """
    author, _, name = slug.lower().partition("/")
    words = [word for word in name.split("-") if not _VERSION.fullmatch(word)]
    return f"{author}/{'-'.join(words)}"


def _age(model: Model) -> tuple[str, tuple[tuple[int, ...], ...]]:
    """Greater is newer: by the date of the canonical slug or of creation, then by version."""
    dated = _DATE.search(model.canonical_slug)
    day = "".join(dated.groups()) if dated else _utc_day(model.created_s)
    words = _VERSION.findall(model.slug.lower().partition("/")[2])
    return day, tuple(tuple(map(int, re.findall(r"\d+", word))) for word in words)


def _utc_day(created_s: int) -> str:
    """Return "YYYYMMDD"; empty if the time is not known."""
    if created_s <= 0:
        return ""
    return date.fromordinal(_EPOCH_ORDINAL + created_s // 86_400).strftime("%Y%m%d")


def _has_free(model: Model) -> bool:
    return any(
        e.pricing is not None
        and not (e.pricing.prompt_picousd or e.pricing.completion_picousd)
        and not e.pricing.request_picousd
        for e in model.endpoints
    )
