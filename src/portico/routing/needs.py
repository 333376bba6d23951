"""What a request asks of an endpoint, and what else a plan depends on."""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from portico.routing.facts import EndpointKey, ModelFacts
from portico.routing.health import EndpointHealth, HealthSnapshot, ToolRecord
from portico.routing.preferences import ProviderPreferences
from portico.routing.variants import PLAIN, Variant
from portico.vocabulary import Endpoint, Model, ServiceTier

Strategy = Literal["direct", "auto", "free", "latest", "alias", "fallback"]
Placement = Literal["first", "shared", "fallback"]


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks of an endpoint.

    `prompt_tokens` is an upper bound. `parameters` are the names of the fields
    that were sent. `output_modalities` are those the surface can deliver: an
    endpoint must have one of them. `service_tier` is what the body asks for,
    None is the default tier. `one_list`: all models' endpoints are ordered
    together (`route: "sort"`), as with `provider.sort.partition: "none"`.
    `in_one_window` False: the prompt is read piece by piece, so its length says nothing
    of whether it fits.
    """

    prompt_tokens: int = 0
    max_output_tokens: int | None = None
    parameters: frozenset[str] = frozenset()
    input_modalities: frozenset[str] = frozenset({"text"})
    output_modalities: frozenset[str] = frozenset({"text", "image", "audio"})
    preferences: ProviderPreferences = ProviderPreferences()
    service_tier: ServiceTier | None = None
    one_list: bool = False
    in_one_window: bool = True

    @property
    def together(self) -> bool:
        """Whether the endpoints of all models are ordered as one list."""
        return self.one_list or self.preferences.partition == "none"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One model to try: its endpoints, what its name's suffixes ask for, how it was found."""

    model: Model
    facts: ModelFacts
    requested: str
    variant: Variant = PLAIN
    strategy: Strategy = "direct"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One key for one provider, by name: the secret itself never enters a plan.

    An empty name is the only key of a provider that needs no name for it.

    `placement` (contract/routing 9): "first" jumps ahead of `provider.order`,
    in the order of `sort_order`; "shared" is an operator's own; "fallback"
    comes after those. `models` (patterns), `key_hashes` and `users` restrict
    where it is used; None does not. `exclusive`: while it can be used, the
    provider's shared keys are not.
    """

    name: str
    placement: Placement = "shared"
    is_byok: bool = False
    exclusive: bool = False
    sort_order: int = 0
    models: tuple[str, ...] | None = None
    key_hashes: frozenset[str] | None = None
    users: frozenset[str] | None = None


class Restrictions(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator, or a key's guardrail, allows. None and False restrict nothing.

    Of several levels every one holds: what is allowed is the intersection, what
    is ignored the union, and `zdr` at one of them is enough. `data_region` is where
    data has to be processed.
    `models` are patterns as of `fits_pattern`.
    """

    only: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    zdr: bool = False
    deny_training: bool = False
    data_region: str | None = None


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """Where the last answer of a conversation came from."""

    model: str
    tag: str
    credential: str | None = None


class HealthView(msgspec.Struct, frozen=True, kw_only=True):
    """A health snapshot with the few endpoints picked out that planning treats apart.

    `out` fail at present, or were told to wait; of these, the breaker of `ejected`
    is open. Both are empty most of the time. `tool_records` are of those that called tools.
    """

    known: Mapping[EndpointKey, EndpointHealth] = {}
    out: frozenset[EndpointKey] = frozenset()
    ejected: frozenset[EndpointKey] = frozenset()
    tool_records: Mapping[EndpointKey, ToolRecord] = {}


def health_view(snapshot: HealthSnapshot) -> HealthView:
    """Return the view of `snapshot`: once for each snapshot, not for each plan."""
    known = snapshot.endpoints
    ejected = frozenset(key for key, health in known.items() if health.breaker == "open")
    out = frozenset(key for key, health in known.items() if health.outage)
    records = {key: health.tool_record for key, health in known.items() if health.tool_record}
    return HealthView(known=known, out=out | ejected, ejected=ejected, tool_records=records)


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan depends on beside the request: the operator's rules and what was observed.

    `credentials` are by provider slug, already narrowed down to the caller; a
    provider that is not in it has one key and needs no name for it.
    `remembered` is of this conversation. `affinity` is the (model slug, tag) of
    the endpoint that alone can read the conversation's opaque reasoning.
    `drops` tells what of the request an endpoint's API has no place for; None:
    nobody asked for more than `supported_parameters`.
    """

    health: HealthView = HealthView()
    credentials: Mapping[str, tuple[Credential, ...]] = {}
    restrictions: tuple[Restrictions, ...] = ()
    ignore_unsupported_tools: bool = False
    auto_exacto: bool = False
    remembered: Remembered | None = None
    affinity: EndpointKey | None = None
    drops: Callable[[Endpoint], frozenset[str]] | None = None


def fits_pattern(slug: str, pattern: str) -> bool:
    """Whether a model slug fits a pattern where `*` is any run of characters; case is ignored.

    >>> fits_pattern("acme/koi-1", "acme/*"), fits_pattern("acme/koi-1", "*/koi")
    (True, False)
    """
    slug, pattern = slug.lower(), pattern.lower()
    head, *middles = pattern.split("*")
    if not middles:
        return slug == pattern
    *middles, tail = middles
    if not slug.startswith(head) or not slug.endswith(tail):
        return False
    place, end = len(head), len(slug) - len(tail)
    for part in middles:
        found = slug.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return place <= end
