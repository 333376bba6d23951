"""Answers between two ends of this dialect: the upstream's own bytes, with the gateway's words.

What is changed is only what the gateway has to say: the model as it was asked
for, the provider, the price, and `openrouter_metadata`. Ids stay the upstream's.
"""

import msgspec

from portico.dialects.anthropic_messages.response import price
from portico.dialects.anthropic_messages.usage import encode_usage
from portico.dialects.base import Envelope, RawFields, RequestHead
from portico.jsonio import JsonObject, dumps
from portico.sse import ServerSentEvent
from portico.vocabulary import Cost, Usage


class _Kind(msgspec.Struct):
    type: str = ""


_decode_kind = msgspec.json.Decoder(_Kind).decode
_decode_fields = msgspec.json.Decoder(RawFields).decode


class MessageRewriter:
    """One instance per stream. The end waits for the settlement: what follows the stop reason."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._held: list[tuple[str, bytes]] = []

    def feed(self, event: ServerSentEvent) -> bytes:
        """Bytes for one event; empty while the end is held back."""
        name = event.name or _decode_kind(event.data).type
        if name == "message_start":
            return _event(name, _began(event.data, self._envelope))
        if self._held or (name == "message_delta" and _stops(event.data)):
            self._held.append((name, event.data))
            return b""
        return _event(name, event.data)

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The stop reason with usage and price, and the terminator."""
        names = [name for name, _ in self._held]
        last = len(names) - 1 - names[::-1].index("message_delta") if names else -1
        out = []
        for number, (name, data) in enumerate(self._held):
            fields = _decode_fields(data)
            if number == last:
                fields["usage"] = _priced(fields.get("usage"), usage, cost)
            elif name == "message_stop" and "openrouter_metadata" in extra:
                fields["openrouter_metadata"] = _raw(extra["openrouter_metadata"])
            else:
                out.append(_event(name, data))
                continue
            out.append(_event(name, dumps(fields)))
        if "message_stop" not in names:  # some hosts end without it
            out.append(_event("message_stop", b'{"type":"message_stop"}'))
        return b"".join(out)


def rewrite_response(
    body: bytes,
    head: RequestHead,
    envelope: Envelope,
    usage: Usage | None,
    cost: Cost | None,
    extra: JsonObject,
) -> bytes:
    """A whole message with the price in it."""
    fields = _decode_fields(body)
    fields["model"] = _raw(envelope.model)
    fields["usage"] = _priced(fields.get("usage"), usage, cost)
    fields["provider"] = _raw(envelope.provider)
    fields.update({name: _raw(value) for name, value in extra.items()})
    return dumps(fields)


def _began(data: bytes, envelope: Envelope) -> bytes:
    fields = _decode_fields(data)
    message = _decode_fields(fields["message"])
    message["model"] = _raw(envelope.model)
    message["provider"] = _raw(envelope.provider)
    fields["message"] = _raw(message)
    return dumps(fields)


def _stops(data: bytes) -> bool:
    delta = _decode_fields(data).get("delta")
    reason = _decode_fields(delta).get("stop_reason") if delta is not None else None
    return reason is not None and bytes(reason) != b"null"


def _priced(counted: msgspec.Raw | None, usage: Usage | None, cost: Cost | None) -> msgspec.Raw:
    """The upstream's own usage with the price; ours where it did not count."""
    own = counted is not None and bytes(counted) != b"null"
    fields: JsonObject = (
        dict(_decode_fields(counted)) if own and counted else encode_usage(usage or Usage())
    )
    return _raw({**fields, **price(cost)})


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(dumps(value))


def _event(name: str, data: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
