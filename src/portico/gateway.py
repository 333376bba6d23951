"""The twelve steps: where decisions and I/O meet.

A request is read, routed, paid for, tried at its endpoints in order, relayed
and settled. Decisions come from the pure core, I/O goes through the ports;
this file only carries the one out with the other.
"""

import secrets
from collections.abc import Collection
from random import Random

import msgspec

from portico.accounting import check_left
from portico.answering import Answering
from portico.counting import CountBody, Question, provider_count
from portico.delivery import JSON, Delivery, Patience, Reply
from portico.dialects import Dialect, Envelope, Progress, RequestHead, SideApi
from portico.errors import RoutingError
from portico.explaining import Explained, explained
from portico.planning import Caller, Drops, Planned, Planner, RoutingRules
from portico.requesting import lost_on_the_way
from portico.resources import Call, Resources, access_to
from portico.routing import RoutePlan
from portico.routing.metadata import router_metadata
from portico.tokens import estimate_prompt_tokens, estimate_tokens
from portico.vocabulary import CatalogSnapshot

_ID_RANDOM = 17
_ID_ORDER = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # as bytes sort
_ID_BASE = len(_ID_ORDER)
_ID_PAIRS = [first + second for first in _ID_ORDER for second in _ID_ORDER]
_ID_PER_MS = _ID_BASE**3 // 1000
_ID_LETTERS = bytes(ord(_ID_ORDER[byte % _ID_BASE]) for byte in range(256))


class Gateway:
    """Holds the ports and the core together; one instance per process.

    `snapshot` is replaced whole when the catalogue changes; a request keeps
    the one it was planned with.
    """

    def __init__(
        self,
        resources: Resources,
        snapshot: CatalogSnapshot,
        rng: Random,
        rules: RoutingRules | None = None,
    ) -> None:
        self.resources = resources
        self._names = resources.names
        self._ids = GenerationIds()
        self._lost: dict[str, Drops] = {}
        self.planner = Planner(snapshot, self._names, rng, rules)

    @property
    def snapshot(self) -> CatalogSnapshot:
        """The catalogue that requests are planned with now."""
        return self.planner.snapshot

    @snapshot.setter
    def snapshot(self, snapshot: CatalogSnapshot) -> None:
        self.planner.snapshot = snapshot

    def explain(self, call: Call, surface: Dialect, *, brought: Collection[str] = ()) -> Explained:
        """Return how `call` would be routed and what it could cost; nothing is held or sent.

        `brought` are the slugs of the providers that the request brought a key for.

        Raises:
            InvalidRequest: the body is wrong.
            RoutingError: a name in it means nothing here.
        """
        planned = self.planner.consider(
            surface.read_head(call.body),
            msgspec.structs.replace(caller_of(call), brought=frozenset(brought)),
            now_ms=self.resources.now_ms(),
            health=self.resources.health.snapshot(self.resources.clock_s()),
            drops=self._drops(surface),
        )
        return explained(
            planned,
            default_output_tokens=self.resources.options.default_output_tokens,
            provider_names=self._names,
            drops=self._drops(surface),
        )

    def _drops(self, surface: Dialect) -> Drops:
        known = self._lost.get(surface.name)
        if known is None:
            known = self._lost[surface.name] = lambda head, endpoint: lost_on_the_way(
                surface, access_to(self.resources.providers, endpoint), head, endpoint
            )
        return known

    async def chat(self, call: Call, surface: Dialect, reply: Reply) -> None:
        """Answer one request in the surface's dialect.

        Raises:
            GatewayError: refused before anything was held or sent; the caller
                renders it. Later failures are told to the client from here.
        """
        now_ms = self.resources.now_ms()
        asked = surface.read_head(call.body)
        try:
            planned = self.planner.plan(
                asked,
                caller_of(call),
                now_ms=now_ms,
                health=self.resources.health.snapshot(self.resources.clock_s()),
                drops=self._drops(surface),
            )
        except RoutingError as error:
            await check_left(self.resources.store, call.principal.key, now_ms)
            if call.wants_metadata:
                nobody = RoutePlan(
                    candidates=(), excluded=error.excluded, requested=asked.models[0]
                )
                told = router_metadata(nobody, (), self._names)
                error.beside["openrouter_metadata"] = told
            raise
        if surface.side is not None and planned.head.stream:
            planned = _streamed_if_possible(planned, surface.side)
        head, route = planned.head, planned.route
        generation_id = self._ids.new(now_ms, surface.side.id_prefix if surface.side else "gen-")
        envelope = self._envelope(call, head, route, generation_id, now_ms)
        pulse = None
        if surface.pulse is not None and head.stream:
            envelope = msgspec.structs.replace(envelope, progress=Progress())
            pulse = surface.pulse(envelope)
        answering = Answering(
            self.resources,
            call=call,
            surface=surface,
            planned=planned,
            envelope=envelope,
            created_ms=now_ms,
            catalog_version=self.snapshot.version,
            shared_after_byok=self.planner.rules.shared_after_byok,
        )
        await answering.admit()
        delivery = Delivery(
            reply,
            [(b"x-generation-id", generation_id.encode())],
            self._patience(head),
            self.resources.alarms,
            stream=head.stream,
            keep_alive=surface.keep_alive,
            pulse=pulse,
            media_type=head.media_type,
        )
        await answering.run(delivery)
        if (answered := answering.answered) is not None:
            candidate, cached_tokens = answered
            self.planner.remember(planned, candidate, cached_tokens=cached_tokens, now_ms=now_ms)

    async def count_tokens(self, call: Call, surface: Dialect, body: CountBody) -> int:
        """How many tokens the prompt of `call` has: as a provider counts them, else about.

        Raises:
            InvalidRequest: the body is wrong.
            UpstreamRejected: a provider says so.
        """
        head = surface.read_head(call.body)
        try:
            planned = self.planner.plan(
                head,
                caller_of(call),
                now_ms=self.resources.now_ms(),
                health=self.resources.health.snapshot(self.resources.clock_s()),
            )
        except RoutingError:  # too long for every window, say: that is what is asked
            counted = None
        else:
            question = Question(call=call, head=planned.head, surface=surface, body=body)
            counted = await provider_count(question, planned.route.candidates, self.resources)
        return counted or estimate_prompt_tokens(head.prompt_bytes, head.media)

    def _envelope(
        self, call: Call, head: RequestHead, route: RoutePlan, generation_id: str, now_ms: int
    ) -> Envelope:
        first = route.candidates[0].endpoint
        return Envelope(
            generation_id=generation_id,
            created_s=now_ms // 1000,
            model=first.model,
            provider=self._names[first.provider],
            origin=self.resources.options.origin_of(
                first, self.resources.providers[first.provider]
            ),
            profile=self.resources.options.wire_profile,
            stream_tail=call.principal.key.stream_tail or self.resources.options.tail,
            exclude_reasoning=head.exclude_reasoning,
            prompt_tokens=estimate_tokens(head.prompt_bytes) if head.stream else 0,
            request=head.fields,
        )

    def _patience(self, head: RequestHead) -> Patience:
        options, stream = self.resources.options, head.stream
        if head.media_type != JSON[1]:  # there is no filler that sound would not notice
            return Patience(first_s=0, every_s=0)
        first_s = options.stream_commit_after_s if stream else options.nonstream_keepalive_after_s
        return Patience(
            first_s=first_s, every_s=options.keepalive_s, pulse_s=options.responses_in_progress_s
        )


def caller_of(call: Call) -> Caller:
    """Return what routing may know of who asks."""
    principal = call.principal
    return Caller(
        account=principal.user_id,
        key_hash=principal.key.hash,
        session_id=call.session_id,
        brought=frozenset(call.brought_keys),
    )


def _streamed_if_possible(planned: Planned, side: SideApi) -> Planned:
    """The plan, with the wish for a stream forgotten unless every endpoint can do it."""
    streams = side.streams
    if streams and all(streams(endpoint.upstream_model) for endpoint in planned.route.endpoints):
        return planned
    head = msgspec.structs.replace(planned.head, stream=False)
    return msgspec.structs.replace(planned, head=head)


class GenerationIds:
    """Makes ids: `gen-`, the unix second, and 20 letters and digits.

    The first three of these grow with the time within the second, so that the ledger's
    index of ids is written at its end; 17 are random (101 bits). Randomness is fetched
    for two hundred at a time; no byte is used twice.
    """

    def __init__(self) -> None:
        self._pool = ""
        self._used = 0
        self._now_ms = 0
        self._within_ms = 0

    def new(self, now_ms: int, prefix: str = "gen-") -> str:
        """An id that nobody can guess; `prefix` tells what kind of request it was."""
        start = self._used
        if start == len(self._pool):
            start = 0
            self._pool = secrets.token_bytes(200 * _ID_RANDOM).translate(_ID_LETTERS).decode()
        self._used = start + _ID_RANDOM
        if now_ms != self._now_ms:
            self._now_ms, self._within_ms = now_ms, 0
        second, ms = divmod(now_ms, 1000)
        place = ms * _ID_PER_MS + self._within_ms
        if self._within_ms < _ID_PER_MS - 1:
            self._within_ms += 1
        high, low = divmod(place, _ID_BASE)
        return f"{prefix}{second}-{_ID_PAIRS[high]}{_ID_ORDER[low]}{self._pool[start : self._used]}"
