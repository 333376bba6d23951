"""From a request's head to its plan: what the routing core needs, gathered in one place.

No I/O: a snapshot of the catalogue, one of health and the clock come in as
arguments, so that a plan can be made without a running gateway.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import get_args

import msgspec

from portico.catalog import suggestions
from portico.dialects import RequestHead
from portico.dialects.seals import origin_in
from portico.errors import InvalidRequest
from portico.routing import Asking, Candidate, Conditions, Directory, Names, Needs, RoutePlan
from portico.routing.credentials import keys_of_caller
from portico.routing.explain import Explanation, explain, first_chances
from portico.routing.health import HealthSnapshot
from portico.routing.naming import targets_of
from portico.routing.needs import (
    Credential,
    HealthView,
    Remembered,
    Restrictions,
    Target,
    health_view,
)
from portico.routing.plan import admitted, plan, survey
from portico.routing.preferences import NO_WISHES, ParsedPreferences
from portico.routing.refusals import nothing_fits
from portico.routing.routers import RouterLists, parse_auto_router
from portico.routing.sticky import (
    IDLE_MS,
    Conversation,
    StickyMemory,
    conversation_of,
    sticky_key,
    worth_remembering,
)
from portico.tokens import prompt_tokens_bound
from portico.vocabulary import CatalogSnapshot, Endpoint, Model, Origin, OutputModality, ServiceTier

_NOTHING_MEASURED = HealthSnapshot()
_NO_KEYS: Mapping[str, tuple[Credential, ...]] = {}
_TIERS: Mapping[str, ServiceTier | None] = {
    "auto": None,
    "default": None,
    "standard": None,
    "standard_only": None,
    "scale": None,
    "priority": "priority",
    "fast": "priority",
    "flex": "flex",
}
_TEXT = frozenset({"text"})
_CONVERSING = Needs().output_modalities
_ANY_KIND = Needs(output_modalities=frozenset(get_args(OutputModality)))
_ASKS_TO_THINK = frozenset({"reasoning", "reasoning_effort", "include_reasoning"})
_decode_text = msgspec.json.Decoder(str | None).decode


Drops = Callable[[RequestHead, Endpoint], frozenset[str]]
"""What of a request is lost on the way to an endpoint: names of parameters."""


class RoutingRules(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator says about routing; see the settings for each meaning.

    `aliases` are by lower-case name. `credentials` are by provider slug, and
    only of providers that have several keys or restricted ones.
    """

    aliases: Mapping[str, str] = {}
    routers: RouterLists = RouterLists()
    restrictions: tuple[Restrictions, ...] = ()
    credentials: Mapping[str, tuple[Credential, ...]] = {}
    ignore_unsupported_tools: bool = False
    auto_exacto: bool = False
    shared_after_byok: bool = False
    sticky_idle_ms: int = IDLE_MS


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. `session_id` is that of the header; `brought` are the slugs of the
    providers that the request brought a key for; `guardrails` are the key's own."""

    account: str = ""
    key_hash: str | None = None
    session_id: str | None = None
    brought: frozenset[str] = frozenset()
    guardrails: tuple[Restrictions, ...] = ()


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A plan and what it was made from.

    `head` is the request as it shall be sent on: with `:thinking` it asks to
    think. `sticky` is the key and the conversation to remember a success
    under, None where that would change nothing.
    """

    route: RoutePlan
    head: RequestHead
    needs: Needs
    targets: tuple[Target, ...]
    conditions: Conditions
    sticky: tuple[str, Conversation] | None = None


class Planner:
    """Plans requests over one catalogue snapshot, which is replaced whole.

    Owns the memories of conversations and of what clients wish for, and the source of
    randomness.
    """

    def __init__(
        self,
        snapshot: CatalogSnapshot,
        provider_names: Mapping[str, str],
        rng: Random,
        rules: RoutingRules | None = None,
    ) -> None:
        self.rules = rules or RoutingRules()
        self._provider_names = provider_names
        self._rng = rng
        self._memory = StickyMemory(idle_ms=self.rules.sticky_idle_ms)
        self._parsed = ParsedPreferences()
        self._directory = Directory(snapshot, provider_names)
        self._names = Names(
            aliases=self.rules.aliases,
            routers=self.rules.routers,
            suggest=lambda name: suggestions(self.snapshot, name),
        )
        self._health: tuple[HealthSnapshot, HealthView] = (_NOTHING_MEASURED, HealthView())
        self._usual = Conditions()  # of a view that is nobody's

    @property
    def snapshot(self) -> CatalogSnapshot:
        """The catalogue that is planned with."""
        return self._directory.snapshot

    @snapshot.setter
    def snapshot(self, snapshot: CatalogSnapshot) -> None:
        self._directory = Directory(snapshot, self._provider_names)

    def plan(
        self,
        head: RequestHead,
        caller: Caller,
        *,
        now_ms: int,
        health: HealthSnapshot = _NOTHING_MEASURED,
        drops: Drops | None = None,
    ) -> Planned:
        """Return the plan for a request.

        `drops` is asked only by requests that require all of their parameters.

        Raises:
            InvalidRequest: a routing field has a wrong type or value.
            RoutingError: a name means nothing here, or no endpoint fits.
        """
        planned = self.consider(head, caller, now_ms=now_ms, health=health, drops=drops)
        if not planned.route.candidates:
            raise nothing_fits(planned.targets, planned.needs, planned.route.excluded)
        return planned

    def consider(
        self,
        head: RequestHead,
        caller: Caller,
        *,
        now_ms: int,
        health: HealthSnapshot = _NOTHING_MEASURED,
        drops: Drops | None = None,
    ) -> Planned:
        """Plan like `plan`, but return a plan without candidates where no endpoint fits.

        Raises:
            InvalidRequest: a routing field has a wrong type or value.
            RoutingError: a name means nothing here.
        """
        needs = needs_of(head, self._parsed)
        conditions = self._conditions(self._view(health), caller, user=head.user)
        if drops is not None and needs.preferences.require_parameters:
            conditions = msgspec.structs.replace(conditions, drops=partial(drops, head))
        targets = self._targets(head, needs, conditions)
        if targets[0].variant.thinking:
            head = _thinking(head)
            needs = msgspec.structs.replace(needs, parameters=head.parameters)
        sticky = _sticky(head, caller, needs, targets)
        if sticky is not None and (where := self._memory.recall(sticky[0], now_ms)) is not None:
            conditions = msgspec.structs.replace(conditions, remembered=where)
            if targets[0].strategy == "auto":  # the model is kept too while it is on the list
                targets.sort(key=lambda target: target.model.slug != where.model)
        if head.outputs is None and (origin := origin_in(head.prompt_bytes)) is not None:
            head = msgspec.structs.replace(head, sealed=True)
            affinity = _affinity(origin, targets)
            conditions = msgspec.structs.replace(conditions, affinity=affinity)
        route = survey(targets, needs, self._rng, conditions)
        if targets[0].requested != head.models[0]:  # the first name meant nothing
            route = msgspec.structs.replace(route, requested=head.models[0], strategy="fallback")
        return Planned(
            route=route,
            head=head,
            needs=needs,
            targets=tuple(targets),
            conditions=conditions,
            sticky=sticky,
        )

    def first_asked(self, name: str, needs: Needs) -> list[tuple[Endpoint, float]]:
        """Return the endpoints that may be asked first for a model, each with its chance.

        As for a caller without wishes, with every endpoint well and nothing remembered.

        Raises:
            RoutingError: the name means nothing here, or no endpoint fits.
        """
        rules = self.rules
        conditions = Conditions(
            credentials=rules.credentials,
            restrictions=rules.restrictions,
            ignore_unsupported_tools=rules.ignore_unsupported_tools,
        )
        asking = Asking(needs=needs, conditions=conditions)
        targets = targets_of((name,), self._directory, self._names, asking, self._rng)
        route = plan(targets, needs, self._rng, conditions)
        groups, _ = admitted(targets, needs, conditions)
        chances = first_chances(groups, conditions)
        endpoints = {(e.model, e.tag): e for e in route.endpoints}
        if not chances:
            return [(route.endpoints[0], 1.0)]
        return [(endpoints[key], chance) for key, chance in chances.items() if chance > 0]

    def callable_by(self, caller: Caller) -> list[Model]:
        """Return the models that a caller may use: the rules leave an endpoint with a price.

        Of any kind: what a model gives is for the routes to mind.
        """
        conditions = Conditions(
            credentials=self._credentials(caller, user=None),
            restrictions=(*self.rules.restrictions, *caller.guardrails),
        )
        found = []
        for model in self.snapshot.models.values():
            target = self._directory.target(model, requested=model.slug)
            if admitted([target], _ANY_KIND, conditions)[0]:
                found.append(model)
        return found

    def explain(self, planned: Planned) -> Explanation:
        """Return why the plan is as it is."""
        return explain(planned.route, planned.targets, planned.needs, planned.conditions)

    def remember(
        self, planned: Planned, candidate: Candidate, *, cached_tokens: int, now_ms: int
    ) -> None:
        """Note that `candidate` answered, having read `cached_tokens` from its cache."""
        if planned.sticky is None:
            return
        key, conversation = planned.sticky
        where = Remembered(
            model=candidate.endpoint.model,
            tag=candidate.endpoint.tag,
            credential=candidate.credential,
        )
        if worth_remembering(conversation, cached_tokens=cached_tokens):
            self._memory.remember(key, where, now_ms)
        else:
            self._memory.refresh(key, where, now_ms)

    def _targets(self, head: RequestHead, needs: Needs, conditions: Conditions) -> list[Target]:
        """What the names in a request mean; mostly there is one, and it is a model's slug."""
        name = head.models[0]
        if len(head.models) == 1 and name not in self._names.aliases:
            plain = self._directory.by_slug(name)
            if plain is not None:
                return [plain]
        wish = parse_auto_router(_raw(head, "plugins"))
        asking = Asking(
            needs=needs,
            conditions=conditions,
            wish=wish,
            pinned=_last_model(_raw(head, "messages")) if wish.pin_model else None,
        )
        return targets_of(head.models, self._directory, self._names, asking, self._rng)

    def _conditions(self, view: HealthView, caller: Caller, *, user: str | None) -> Conditions:
        """For most callers they are the same until the health changes."""
        rules = self.rules
        special = rules.credentials or caller.brought or caller.guardrails
        if not special and self._usual.health is view:
            return self._usual
        conditions = Conditions(
            health=view,
            credentials=self._credentials(caller, user=user),
            restrictions=(*rules.restrictions, *caller.guardrails),
            ignore_unsupported_tools=rules.ignore_unsupported_tools,
            auto_exacto=rules.auto_exacto,
        )
        if not special:
            self._usual = conditions
        return conditions

    def _credentials(
        self, caller: Caller, *, user: str | None
    ) -> Mapping[str, tuple[Credential, ...]]:
        if not self.rules.credentials and not caller.brought:
            return _NO_KEYS
        return keys_of_caller(
            self.rules.credentials,
            key_hash=caller.key_hash,
            user=user,
            brought=caller.brought,
            shared_after_brought=self.rules.shared_after_byok,
        )

    def _view(self, health: HealthSnapshot) -> HealthView:
        known, view = self._health
        if known is not health:
            view = health_view(health)
            self._health = (health, view)
        return view


def needs_of(head: RequestHead, parsed: ParsedPreferences) -> Needs:
    """Return what a request asks of an endpoint.

    Args:
        head: of the request.
        parsed: remembers what its `provider` object means.

    Raises:
        InvalidRequest: a routing field has a wrong type or value; the message names it.
    """
    bound = head.prompt_tokens_bound
    if bound is None:
        bound = prompt_tokens_bound(head.prompt_bytes, head.media)
    written = head.fields.get("provider")
    return Needs(
        prompt_tokens=bound,
        max_output_tokens=head.max_output_tokens,
        parameters=head.parameters,
        input_modalities=_inputs(head) if head.media else _TEXT,
        in_one_window=head.outputs is None,
        preferences=NO_WISHES
        if written is None or head.preferences is None
        else parsed.of(bytes(written), head.preferences),
        service_tier=_service_tier(head),
        one_list=_raw(head, "route") == b'"sort"',
        output_modalities=_CONVERSING if head.outputs is None else head.outputs,
    )


def _inputs(head: RequestHead) -> frozenset[str]:
    """Only a transcription has no text in it."""
    found = frozenset(modality for modality, _ in head.media)
    return found | _TEXT if head.prompt_bytes else found


def _service_tier(head: RequestHead) -> ServiceTier | None:
    """`service_tier`, or `speed: "fast"`, which is the same as its `priority`.

    In the APIs beside conversations these names may mean something else: how fast to speak.
    """
    if head.outputs is not None:
        return None
    for name in ("service_tier", "speed"):
        text = _text(head, name)
        if text is None:
            continue
        if text not in _TIERS:
            known = ", ".join(_TIERS)
            raise InvalidRequest(f"{name}: {text[:40]!r} is not known; expected one of {known}")
        if (tier := _TIERS[text]) is not None:
            return tier
    return None


def _sticky(
    head: RequestHead, caller: Caller, needs: Needs, targets: Sequence[Target]
) -> tuple[str, Conversation] | None:
    """The conversation and what it is remembered under; None where staying would gain nothing."""
    if needs.preferences.order is not None:
        return None
    for target in targets:
        if target.facts.sticks or target.strategy == "auto":
            break
    else:
        return None
    conversation = conversation_of(
        named=(head.session_id, caller.session_id, _text(head, "prompt_cache_key")),
        system=_raw(head, "system") or b"",
        messages=_raw(head, "messages"),
    )
    if conversation is None:
        return None
    return sticky_key(caller.account, head.models[0], conversation), conversation


def _affinity(origin: Origin, targets: Sequence[Target]) -> Origin:
    """The endpoint that can read what `origin` wrote: of the model asked for, where it changed."""
    model, tag = origin
    asked = [target.model.slug for target in targets]
    return (model if model in asked else asked[0], tag)


def _raw(head: RequestHead, name: str) -> bytes | None:
    """The JSON of a top-level field; None if it is absent or null."""
    raw = head.fields.get(name)
    if raw is None:
        return None
    text = bytes(raw)
    return None if text == b"null" else text


def _text(head: RequestHead, name: str) -> str | None:
    raw = head.fields.get(name)
    if raw is None:
        return None
    try:
        text: str | None = _decode_text(raw)
    except msgspec.DecodeError:
        raise InvalidRequest(f"{name}: expected a text") from None
    return text


class _Turn(msgspec.Struct):
    role: str = ""
    model: str | None = None


_decode_turns = msgspec.json.Decoder(list[_Turn]).decode


def _last_model(messages: bytes | None) -> str | None:
    """The `model` that the last assistant message says it is by."""
    if messages is None:
        return None
    try:
        turns = _decode_turns(messages)
    except msgspec.DecodeError:
        return None
    return next((turn.model for turn in reversed(turns) if turn.role == "assistant"), None)


def _thinking(head: RequestHead) -> RequestHead:
    """The request with the wish to think, unless it says something about that itself."""
    if head.fields.keys() & _ASKS_TO_THINK:
        return head
    return msgspec.structs.replace(
        head,
        fields={**head.fields, "reasoning": msgspec.Raw(b'{"enabled":true}')},
        parameters=head.parameters | {"reasoning"},
    )
