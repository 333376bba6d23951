"""What has been seen of one attempt, and how that reads in the ledger."""

from typing import Any, Literal

import msgspec

from portico.dialects import Dialect, Envelope, Quirks, RequestHead, StreamRelay, verbatim
from portico.dialects.fields import text_of
from portico.dialects.plugins import mended, wants_mending
from portico.dialects.tool_schemas import declared_tools
from portico.errors import (
    CassetteMiss,
    GatewayError,
    UpstreamError,
    UpstreamKeyRefused,
    UpstreamModelGone,
    UpstreamRateLimited,
    UpstreamRejected,
)
from portico.jsonio import JsonObject
from portico.resources import Resources, access_to
from portico.routing.credentials import REQUEST_KEY
from portico.routing.facts import Candidate
from portico.routing.health import Observation
from portico.routing.tool_calls import broken_call
from portico.tokens import estimate_tokens
from portico.vocabulary import AttemptRecord, ChatResponse, Choice, Cost, Finish, Usage

_CHARS_PER_TOKEN = 4
_NO_QUIRKS = Quirks()


def _written_chars(choice: Choice) -> int:
    """What the model wrote of an answer: thoughts and arguments count as much as text."""
    thoughts = sum(len(item.text or item.summary or "") for item in choice.reasoning)
    arguments = sum(len(call.arguments) for call in choice.tool_calls)
    return len(choice.content or "") + thoughts + arguments


class Seen:
    """Filled in as the attempt goes on: the `token` that its key was exchanged for, if it
    had to be, the upstream's status, then a relay (streams) or a whole response with its
    `body`, and when the first of it came. `held_up`: it had to wait for the client, so its
    pace is not the provider's. `pieces` are answers to parts of a request that is larger than
    the provider takes. `dropped` are the parameters that its API had no place for."""

    def __init__(self, candidate: Candidate, surface: Dialect, resources: Resources) -> None:
        access = access_to(resources.providers, candidate.endpoint)
        self.candidate = candidate
        # an API beside conversations is the same with every provider
        beside = surface.side is not None
        self.dialect = surface if beside else access.dialect
        self.quirks = access.quirks
        if surface.side is not None:
            self.quirks = access.side_quirks.get(surface.side.name, _NO_QUIRKS)
        self.endpoint = candidate.endpoint
        self.access = access
        if self.dialect.anonymous:
            model = candidate.endpoint.upstream_model
            self.quirks = msgspec.structs.replace(access.quirks, model=model)
        self.started_ms = resources.now_ms()
        self.started_s = resources.clock_s()
        self.token: str | None = None
        self.status: int | None = None
        self.relay: StreamRelay | None = None
        self.response: ChatResponse | None = None
        self.body = b""
        self.pieces: list[bytes] = []
        self.first_token_s: float | None = None
        self.held_up = False
        self.dropped: frozenset[str] = frozenset()
        self._plausible: Usage | None = None

    @property
    def counted(self) -> Usage | None:
        """What the upstream counted, None if it did not, or said numbers that cannot be."""
        seen = self.relay or self.response
        usage = None if seen is None else seen.usage
        if usage is not None and usage is not self._plausible:
            if not usage.plausible:
                return None
            self._plausible = usage
        return usage

    def usage(self, head: RequestHead) -> Usage | None:
        """What the upstream counted; where it did not, an estimate of what was seen, or
        what the request itself tells.

        None: nothing was counted and nothing came.
        """
        if self.relay is None and self.response is None:
            return None
        counted, side, price = self.counted, self.dialect.side, self.endpoint.pricing
        if side is not None and head.billed is not None and price is not None:
            if self._finish() is None:  # all of it or nothing: half an image is none
                return None
            return side.charged(counted, self._chars(), head.billed, price)
        if counted is not None:
            return counted
        chars = self._chars()
        if not chars:
            return None
        return Usage(
            input_tokens=estimate_tokens(head.prompt_bytes),
            output_tokens=-(-chars // _CHARS_PER_TOKEN),
            estimated=True,
        )

    def _chars(self) -> int:
        """How much text has come."""
        if self.relay is not None:
            return self.relay.output_chars
        return sum(map(_written_chars, self.response.choices if self.response else ()))

    def told(
        self,
        surface: Dialect,
        head: RequestHead,
        envelope: Envelope,
        usage: Usage | None,
        cost: Cost | None,
        metadata: JsonObject,
    ) -> bytes:
        """A whole answer as the client gets it: in the upstream's own bytes where it can be."""
        assert self.response is not None, "only whole answers"
        rewrite = surface.rewrite_response
        mending = wants_mending(head)
        own_bytes = not mending and verbatim(self.dialect, surface, self.quirks, envelope)
        if rewrite is not None and own_bytes:
            return rewrite(self.body, head, envelope, usage, cost, metadata)
        response = self.response
        if metadata or usage is not response.usage:
            extra = {**(response.extra or {}), **metadata}
            response = msgspec.structs.replace(response, usage=usage, extra=extra)
        if mending:
            response = mended(response)
        return surface.encode_response(response, envelope, cost)

    def record(self, number: int, error_type: str | None) -> AttemptRecord:
        """The attempt's own row."""
        return AttemptRecord(
            number=number,
            endpoint_tag=self.endpoint.tag,
            provider=self.access.slug,
            provider_name=self.access.name,
            model=self.endpoint.model,
            started_ms=self.started_ms,
            latency_ms=self._latency_ms(self.started_s),
            status=self.status,
            error_type=error_type,
            upstream_id=self._upstream_id(),
        )

    def observation(
        self, error: UpstreamError | None, now_s: float, head: RequestHead
    ) -> Observation | None:
        """What the attempt says of the endpoint; None where the client is to blame."""
        if error is None:
            return self._praise(now_s, head)
        if isinstance(error, UpstreamRateLimited | UpstreamKeyRefused):
            if self.candidate.credential == REQUEST_KEY:  # says nothing of anybody else's key
                return None
            fault: Literal["limited", "key"] = (
                "limited" if isinstance(error, UpstreamRateLimited) else "key"
            )
            return Observation(fault=fault, wait_s=error.retry_after_s)
        if isinstance(error, CassetteMiss):
            return None
        if isinstance(error, UpstreamRejected) and not isinstance(error, UpstreamModelGone):
            return None
        return Observation(fault="endpoint", wait_s=error.retry_after_s)

    def _praise(self, now_s: float, head: RequestHead) -> Observation:
        first_s = self.first_token_s or now_s
        usage = self.counted
        # a whole answer comes at once: its tokens took all the time there was
        writing_s = now_s - (self.started_s if self.response is not None else first_s)
        tokens = usage.completion_tokens if usage is not None and not usage.estimated else 0
        measured = tokens and writing_s > 0 and not self.held_up
        return Observation(
            latency_s=first_s - self.started_s,
            throughput_tps=tokens / writing_s if measured else None,
            tool_calls=self._judged_calls(head),
        )

    def _judged_calls(self, head: RequestHead) -> Literal["fine", "broken"] | None:
        """Whether the tool calls that the answer ended in can be used; None without any."""
        raw, finish = head.fields.get("tools"), self._finish()
        if raw is None or finish is None or finish.reason != "tool_calls":
            return None
        tools = declared_tools(bytes(raw))
        if tools is None:
            return None
        if self.relay is not None:
            calls = [(name, "".join(rest)) for name, *rest in self.relay.tool_calls.values()]
        else:
            choices = self.response.choices if self.response is not None else ()
            calls = [(call.name, call.arguments) for c in choices for call in c.tool_calls]
        return "fine" if broken_call(calls, tools) is None else "broken"

    def facts(self, created_s: float, *, failed: bool) -> dict[str, Any]:
        """The fields of a `Generation` that this attempt decides."""
        finish = self._finish()
        relay, response = self.relay, self.response
        tier = relay.service_tier if relay else response.service_tier if response else None
        return {
            "provider": self.access.slug,
            "provider_name": self.access.name,
            "endpoint_tag": self.endpoint.tag,
            "upstream_model": self.endpoint.upstream_model,
            "upstream_id": self._upstream_id(),
            "finish_reason": "error" if failed else finish.reason if finish else None,
            "native_finish_reason": text_of(finish.native_reason) if finish else None,
            "pricing": self.endpoint.pricing,
            "latency_ms": self._latency_ms(created_s),
            "service_tier": text_of(tier),
            "replayed": self.access.replayed,
        }

    def _latency_ms(self, since_s: float) -> int | None:
        first_s = self.first_token_s
        return None if first_s is None else round((first_s - since_s) * 1000)

    def _finish(self) -> Finish | None:
        if self.relay is not None:
            return self.relay.finish
        if self.response is not None:
            choice = self.response.choices[0]
            return Finish(reason=choice.finish_reason, native_reason=choice.native_finish_reason)
        return None

    def _upstream_id(self) -> str | None:
        if self.relay is not None and self.relay.start is not None:
            return text_of(self.relay.start.upstream_id)
        return text_of(self.response.upstream_id) if self.response else None


def failed(seen: Seen | None, surface: Dialect, envelope: Envelope, error: GatewayError) -> bytes:
    """The end of a stream that failed; `seen` is what the client has received part of."""
    relay = seen.relay if seen is not None else None
    fail = relay.fail if relay is not None else surface.stream_encoder(envelope).error
    return fail(error)
