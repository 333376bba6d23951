"""One generation, from the hold to the settlement: attempts, relay, charge.

The only kind of code that may both decide and await. Settling is shielded: a
client that hangs up has still used tokens.
"""

import asyncio
from typing import Any

import msgspec

from portico.accounting import admit, bounds_of, close_generation
from portico.delivery import Delivery
from portico.dialects import Dialect, Envelope, RequestHead, relay_between
from portico.errors import GatewayError, StorageUnavailable, StreamBroken, UpstreamError
from portico.jsonio import JsonObject
from portico.pieces import failure, merged, read_piece, read_whole, requests_of
from portico.planning import Planned
from portico.ports import UpstreamResponse
from portico.requesting import exchange_key, guard_secrets
from portico.resources import Call, Resources
from portico.routing import Attempt, Candidate, Outcome, attempt_flow, final_error
from portico.routing.credentials import REQUEST_KEY
from portico.routing.metadata import router_metadata
from portico.seen import Seen, failed
from portico.vocabulary import (
    AttemptRecord,
    Cost,
    Endpoint,
    Origin,
    Reservation,
    Usage,
)
from portico.watch import Waiting, Watch

_ANSWERED = Outcome(committed=True)


class Answering:
    """Owns what happens to one request after it was planned.

    State grows as attempts are made: a record of each, the errors of those that
    failed, and what is seen of the one that answers.
    """

    def __init__(
        self,
        resources: Resources,
        *,
        call: Call,
        surface: Dialect,
        planned: Planned,
        envelope: Envelope,
        created_ms: int,
        catalog_version: str,
        shared_after_byok: bool,
    ) -> None:
        self._resources = resources
        self._call = call
        self._head = planned.head
        self._surface = surface
        self._route = planned.route
        self._needs = planned.needs
        self._bounds = bounds_of(planned, resources.options.default_output_tokens)
        self._shared_after_byok = shared_after_byok
        self._envelope = envelope
        self._created_ms = created_ms
        self._started_s = resources.clock_s()
        self._waiting = Waiting(resources.deadlines, surface.side, planned, self._started_s)
        self._catalog_version = catalog_version
        self._reservation: Reservation | None = None
        self._attempts: list[AttemptRecord] = []
        self._errors: list[tuple[Endpoint, UpstreamError]] = []
        self._seen: Seen | None = None
        self._error: GatewayError | None = None
        self._usage: Usage | None = None
        self._committed = False
        self._cancelled = False
        self._settled = False

    @property
    def answered(self) -> tuple[Candidate, int] | None:
        """Who answered well, and how many tokens it read from its cache."""
        seen = self._seen
        if seen is None or self._error is not None or not self._settled:
            return None
        usage = seen.counted
        return seen.candidate, usage.cache_read_tokens if usage else 0

    async def admit(self) -> None:
        """Hold the most this request can cost at the dearest planned endpoint.

        Raises:
            KeyLimitExceeded: the key's limit does not leave room for it.
            StorageUnavailable: the ledger cannot be written.
        """
        try:
            self._reservation = await admit(
                self._resources.store,
                generation_id=self._envelope.generation_id,
                key=self._call.principal.key,
                endpoints=[candidate.endpoint for candidate in self._route.candidates],
                bounds=self._bounds,
                now_ms=self._created_ms,
            )
        except GatewayError as error:
            error.beside.update(self._metadata())
            raise

    async def run(self, delivery: Delivery) -> None:
        """Try the endpoints and deliver; whatever happens, settle exactly once."""
        try:
            outcome = await self._try_endpoints(delivery)
            if outcome.error is not None:
                await self._fail(delivery, outcome.error)
        except StorageUnavailable as error:
            self._settled = True  # the store keeps it and tries again
            await self._tell(delivery, error)
        except asyncio.CancelledError:
            self._cancelled = True
            raise
        finally:
            delivery.close()
            if not self._settled:
                await self._settle()

    async def _try_endpoints(self, delivery: Delivery) -> Outcome:
        resources = self._resources
        retries = resources.budget.policy
        flow = attempt_flow(
            self._route.candidates,
            # who wants no fallback wants one attempt (contract/routing 12)
            retries=0 if self._needs.preferences.allow_fallbacks is False else retries.rounds,
            most=retries.most_attempts,
            admits=lambda candidate: resources.health.admits(candidate, resources.clock_s()),
            repeats=resources.budget.allows,
        )
        attempt = next(flow)
        while True:
            if attempt.delay_s:
                await asyncio.sleep(attempt.delay_s)
            with resources.budget.under_way(attempt):
                outcome = await self._try_once(attempt, delivery)
            try:
                attempt = flow.send(outcome)
            except StopIteration as stop:
                result: Outcome = stop.value
                return result

    async def _try_once(self, attempt: Attempt, delivery: Delivery) -> Outcome:
        endpoint = attempt.endpoint
        access = self._resources.providers[endpoint.provider]
        resources = self._resources
        origin = resources.options.origin_of(endpoint, access)
        self._envelope = _told_by(self._envelope, endpoint.model, access.name, origin)
        seen = self._seen = Seen(attempt.candidate, self._surface, resources)
        try:
            first_s = self._waiting.first_s(endpoint, seen.started_s)
            with Watch(resources.deadlines, resources.alarms, first_s=first_s) as watch:
                await self._exchange(seen, watch, delivery)
        except UpstreamError as error:
            error.metadata.setdefault("provider_name", access.name)
            guard_secrets(error, seen, self._call, resources.tokens)
            self._errors.append((endpoint, error))
            self._attempts.append(seen.record(len(self._attempts), error.error_type))
            self._observe(seen, error)
            return Outcome(
                error=error, committed=self._committed, give_up=self._gives_up(seen, error)
            )
        except asyncio.CancelledError:
            self._attempts.append(seen.record(len(self._attempts), "cancelled"))
            raise
        return _ANSWERED

    async def _exchange(self, seen: Seen, watch: Watch, delivery: Delivery) -> None:
        """Send the request, relay the answer, settle, and send the end."""
        if seen.access.scheme.exchange is not None:
            await exchange_key(seen, self._call, self._resources.tokens, self._held())
        options, transport = self._resources.options, self._resources.transport
        *first, last = requests_of(seen, self._head, self._surface, self._call, options)
        for request in first:
            async with transport.open(request, self._held()) as answer:
                await read_piece(answer, seen, watch, options.max_response_bytes)
        async with transport.open(last, self._held()) as answer:
            seen.status = answer.status
            if not 200 <= answer.status < 300:
                raise await failure(answer, seen, watch)
            if self._head.stream and self._surface.side and _is_json(answer) and delivery.whole():
                self._head = msgspec.structs.replace(self._head, stream=False)
            if self._head.stream:
                await self._stream(answer, seen, watch, delivery)
            else:
                await self._whole(answer, seen, watch)
            watch.settling()
            seen.held_up = watch.held_up
            self._attempts.append(seen.record(len(self._attempts), None))
            self._observe(seen, None)
            await self._complete(seen, delivery)

    def _observe(self, seen: Seen, error: UpstreamError | None) -> None:
        """Tell the tracker, unless it was the client's fault."""
        now_s = self._resources.clock_s()
        observation = seen.observation(error, now_s, self._head)
        if observation is not None:
            self._resources.health.record(seen.candidate, observation, now_s)

    def _gives_up(self, seen: Seen, error: UpstreamError) -> bool:
        """No time is left; or the caller's own key was refused, and nobody else's may pay."""
        own_key_refused = (
            seen.candidate.credential == REQUEST_KEY
            and error.upstream_status in {401, 403}
            and not self._shared_after_byok
        )
        return own_key_refused or self._waiting.is_over(self._resources.clock_s())

    async def _stream(
        self, answer: UpstreamResponse, seen: Seen, watch: Watch, delivery: Delivery
    ) -> None:
        """Relay until the upstream has ended; the trailer waits for the settlement."""
        dialect, quirks = seen.dialect, seen.quirks
        relay = seen.relay = relay_between(dialect, self._surface, quirks, self._envelope)
        if _is_json(answer):
            body = await answer.read(self._resources.options.max_response_bytes)
            response = dialect.decode_response(body, quirks)
            out = relay.feed_answer(response, dialect.response_events(response))
            await self._pass_on(out, seen, watch, delivery)
            return
        cut: StreamBroken | None = None
        try:
            async for data in answer.chunks():
                watch.reads += 1
                if out := relay.feed(data):
                    await self._pass_on(out, seen, watch, delivery)
                if relay.error is not None or relay.done:
                    break
        except StreamBroken as error:  # no harm if the answer had been finished
            cut = error
        if relay.error is None and (out := relay.end()):
            await self._pass_on(out, seen, watch, delivery)
        if relay.error is not None:
            raise cut or relay.error

    async def _pass_on(self, out: bytes, seen: Seen, watch: Watch, delivery: Delivery) -> None:
        if not self._committed:
            self._committed = True
            watch.begun()
            seen.first_token_s = self._resources.clock_s()
        watch.sending = True
        await delivery.send(out)
        watch.sending = False

    async def _whole(self, answer: UpstreamResponse, seen: Seen, watch: Watch) -> None:
        body = await read_whole(answer, watch, self._resources.options.max_response_bytes)
        seen.body = merged(body, seen, self._surface)
        seen.response = seen.dialect.decode_response(seen.body, seen.quirks)
        seen.first_token_s = self._resources.clock_s()

    async def _complete(self, seen: Seen, delivery: Delivery) -> None:
        """Settle, then send the end: who saw the end finds it in the ledger."""
        cost = await self._settle()
        usage = self._usage
        if seen.relay is not None:
            seen.relay.usage = usage
            seen.relay.extra.update(self._metadata())
            await delivery.finish(seen.relay.trailer(cost))
        elif seen.response is not None:
            told = seen.told(
                self._surface, self._head, self._envelope, usage, cost, self._metadata()
            )
            await delivery.finish(told)

    async def _fail(self, delivery: Delivery, error: UpstreamError) -> None:
        self._error = error if self._committed else final_error(self._errors)
        self._error.beside.update(self._metadata())
        self._error.generation_id = self._envelope.generation_id
        await self._settle()
        await self._tell(delivery, self._error)

    async def _tell(self, delivery: Delivery, error: GatewayError) -> None:
        """Tell the client of a failure in the only form that is still possible."""
        body = self._surface.encode_error(error, self._call.principal.user_id)
        if delivery.began and self._head.stream:
            seen = self._seen if self._committed else None
            await delivery.finish(failed(seen, self._surface, self._envelope, error))
        elif delivery.began:
            await delivery.finish(body)
        else:
            headers = [(name.lower().encode(), v.encode()) for name, v in error.headers.items()]
            await delivery.refuse(error.status, headers, body)

    def _metadata(self) -> JsonObject:
        """`openrouter_metadata`, for those who ask for it (contract/chat 11)."""
        if not self._call.wants_metadata:
            return {}
        dropped, names = self._seen.dropped if self._seen else (), self._resources.names
        told = router_metadata(self._route, self._attempts, names, dropped=dropped)
        return {"openrouter_metadata": told}

    async def _settle(self) -> Cost | None:
        """Book the generation. The store finishes it even if nobody waits any more."""
        self._settled = True
        usage = self._usage = self._seen.usage(self._head) if self._seen else None
        generation, cost = close_generation(
            self._facts(),
            usage=usage,
            reservation=self._held(),
            is_byok=self._seen is not None and self._seen.candidate.is_byok,
        )
        await self._resources.store.settle(self._held(), generation, self._attempts)
        return cost

    def _held(self) -> Reservation:
        assert self._reservation is not None, "admit() comes first"
        return self._reservation

    def _facts(self) -> dict[str, Any]:
        """The fields of the row as far as they are known; accounting adds usage and charge."""
        error, seen = self._error, self._seen
        facts = _asked(self._call, self._head)
        facts |= {
            "id": self._envelope.generation_id,
            "created_ms": self._created_ms,
            "model": self._envelope.model,
            "api_type": self._surface.api_type,
            "cancelled": self._cancelled,
            "error_type": error.error_type if error else None,
            "error_status": error.status if error else None,
            "catalog_version": self._catalog_version,
            "generation_time_ms": self._resources.now_ms() - self._created_ms,
        }
        if seen is not None:
            facts |= seen.facts(self._started_s, failed=error is not None)
        return facts


def _asked(call: Call, head: RequestHead) -> dict[str, Any]:
    """The fields of a row that the request itself decides."""
    return {
        "key_hash": call.principal.key.hash,
        "streamed": head.stream,
        "user_agent": call.user_agent,
        "http_referer": call.http_referer,
        "app_title": call.app_title,
        "external_user": head.user,
        "session_id": head.session_id or call.session_id,
    }


def _is_json(answer: UpstreamResponse) -> bool:
    return answer.headers.get("content-type", "").lower().startswith("application/json")


def _told_by(envelope: Envelope, model: str, provider: str, origin: Origin | None) -> Envelope:
    """The envelope for what an endpoint answers; mostly that is the one there is."""
    if (envelope.model, envelope.provider, envelope.origin) == (model, provider, origin):
        return envelope
    return msgspec.structs.replace(envelope, model=model, provider=provider, origin=origin)
