"""Answers between two ends of this dialect: the upstream's own bytes, with the gateway's words.

What is changed is only what the gateway has to say, in the response objects:
the id, the model as it was asked for, the price, and `openrouter_metadata`.
Items, their ids and their events stay as they are.
"""

import msgspec

from portico.dialects.base import Envelope, RawFields, RequestHead
from portico.dialects.checks import decode_fields
from portico.dialects.fields import members_of, raw, text_of
from portico.dialects.openai_responses.answer import Asked
from portico.dialects.openai_responses.errors import failed_response
from portico.dialects.openai_responses.feed import Feed, Manner
from portico.dialects.openai_responses.usage import encode_usage, price
from portico.dialects.seals import tag_members
from portico.errors import GatewayError
from portico.jsonio import JsonObject, dumps, loads
from portico.sse import DONE, ServerSentEvent
from portico.vocabulary import Cost, Usage

_OPENERS = frozenset({"response.created", "response.in_progress", "response.queued"})
_USUAL = Manner()
_ITEM_DONE = "response.output_item.done"
_ITEMS = frozenset({_ITEM_DONE, "response.output_item.added"})
_DETAILS = ("input_tokens_details", "output_tokens_details")
_INSISTED = (
    "object", "created_at", "status", "completed_at", "output", "error", "incomplete_details",
    "tools", "tool_choice", "parallel_tool_calls", "temperature", "top_p", "presence_penalty",
    "frequency_penalty", "metadata", "instructions",
)  # fmt: skip
_ENDS = frozenset({"response.completed", "response.incomplete"})


class _Kind(msgspec.Struct):
    type: str = ""


_decode_kind = msgspec.json.Decoder(_Kind).decode


class ResponseRewriter:
    """One instance per stream. The beginning waits for the first content, as another endpoint
    can still be asked until then; the end waits for the settlement. Events are numbered anew
    once a sign of life has stood between them, or had to begin the stream."""

    openers: frozenset[str] = frozenset()

    def __init__(self, envelope: Envelope, manner: Manner = _USUAL) -> None:
        self._envelope = envelope
        self._manner = manner
        self._feed = Feed(envelope, manner)
        self._openers: list[tuple[str, bytes]] = []
        self._end: tuple[str, bytes] | None = None
        self._items: list[bytes] = []
        self._opened = False  # by the upstream's own beginning
        self._count = 0  # of the upstream's events, whether written or left out

    def feed(self, event: ServerSentEvent) -> bytes:
        """Bytes for one event; empty for the beginning and the end, which are held back."""
        if event.data.strip() == b"[DONE]":
            return b""
        kind = event.name or _decode_kind(event.data).type
        if kind in _OPENERS:
            self._openers.append((kind, event.data))
            return b""
        if kind in _ENDS:
            self._end = kind, event.data
            return b""
        data = event.data
        if kind in _ITEMS:
            data = tag_members(data, self._envelope.origin)
            if kind == _ITEM_DONE:
                self._items.append(data)
        return self._begin() + self._event(kind, data)

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The whole response with the price, and the terminator."""
        out = self._begin()
        if self._end is not None:
            kind, data = self._end
            fields = decode_fields(data)
            response = _priced(fields["response"], self._envelope, usage, cost, extra)
            out += self._event(kind, dumps({**fields, "response": response}))
        return out + DONE

    def error(self, error: GatewayError) -> bytes:
        """A response that failed, with the items that are whole, and the terminator."""
        precise = self._manner.precise_codes
        output = [loads(data)["item"] for data in self._items]
        response = failed_response(Asked(self._envelope), error, output=output, precise=precise)
        return self._begin() + self._feed.event("response.failed", response=response) + DONE

    def _begin(self) -> bytes:
        """The upstream's own beginning; left out where a sign of life was one, made where the
        upstream has none."""
        openers, self._openers = self._openers, []
        if not self._opened and self._feed.began:
            self._count += len(openers)
            return b""
        if openers:
            self._opened = True
            return b"".join([self._event(kind, self._told(data)) for kind, data in openers])
        return b"" if self._feed.began else self._feed.begin(Asked(self._envelope))

    def _told(self, data: bytes) -> bytes:
        fields = decode_fields(data)
        response = dict(members_of(fields.get("response")))
        response["id"] = raw(self._envelope.generation_id)
        response["model"] = raw(self._envelope.model)
        return dumps({**fields, "response": _completed(response, self._envelope)})

    def _event(self, kind: str, data: bytes) -> bytes:
        number = self._feed.next()
        if number != self._count:
            data = dumps({**decode_fields(data), "sequence_number": raw(number)})
        self._count += 1
        line = data.replace(b"\n", b" ") if b"\n" in data else data  # never inside a string
        return self._feed.lead(kind) + line + b"\n\n"


def rewrite_response(
    body: bytes,
    head: RequestHead,
    envelope: Envelope,
    usage: Usage | None,
    cost: Cost | None,
    extra: JsonObject,
) -> bytes:
    """A whole response with the price in it."""
    return dumps(_priced(body, envelope, usage, cost, extra))


def _priced(
    body: bytes | msgspec.Raw,
    envelope: Envelope,
    usage: Usage | None,
    cost: Cost | None,
    extra: JsonObject,
) -> RawFields:
    fields = decode_fields(body)
    if output := fields.get("output"):
        fields["output"] = msgspec.Raw(tag_members(bytes(output), envelope.origin))
    fields["id"] = raw(envelope.generation_id)
    fields["model"] = raw(envelope.model)
    fields["usage"] = raw(_counted(fields.get("usage"), usage or Usage(), cost))
    fields.update({name: raw(value) for name, value in extra.items()})
    return _completed(fields, envelope)


def _counted(sent: msgspec.Raw | None, usage: Usage, cost: Cost | None) -> JsonObject:
    """The upstream's counts with the price; what it leaves out is there for clients as well."""
    counted = encode_usage(usage, cost)
    for name, value in _said(sent).items():
        if name not in _DETAILS:
            counted[name] = value
        else:
            counted[name] |= _said(value)
    return {**counted, **price(cost)}


def _said(value: msgspec.Raw | None) -> JsonObject:
    return {name: inner for name, inner in members_of(value).items() if bytes(inner) != b"null"}


def _completed(fields: RawFields, envelope: Envelope) -> RawFields:
    """The response with every member that clients insist on, whatever the host leaves out."""
    if missing := [name for name in _INSISTED if name not in fields]:
        status = text_of(loads(fields.get("status", b"null"))) or "in_progress"
        usual = Asked(envelope).response(status=status, output=[])
        fields.update({name: raw(usual[name]) for name in missing})
    return fields
