"""Answers between two ends of this dialect: the upstream's own bytes, with the gateway's words.

What is changed is only what the gateway has to say: the model as it was asked
for, the provider, the price, and `openrouter_metadata`. Ids stay the upstream's.
"""

import msgspec

from portico.dialects.anthropic_messages.errors import error_body
from portico.dialects.anthropic_messages.response import price
from portico.dialects.anthropic_messages.usage import encode_usage
from portico.dialects.base import Envelope, RawFields, RequestHead
from portico.dialects.fields import members_of, raw
from portico.errors import GatewayError
from portico.jsonio import JsonObject, dumps
from portico.sse import ServerSentEvent
from portico.vocabulary import Cost, Usage


class _Kind(msgspec.Struct):
    type: str = ""


_NULL, _ZERO = msgspec.Raw(b"null"), msgspec.Raw(b"0")
_NOTHING = frozenset({b"null", b"0"})
_PROMPT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_NO_END = dict.fromkeys(("stop_reason", "stop_sequence", "stop_details", "container"), _NULL)
_COUNTS = (
    "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens",
)  # fmt: skip
_NO_USAGE = {
    **dict.fromkeys(
        (
            "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation",
            "output_tokens_details", "server_tool_use", "inference_geo", "service_tier",
        ),
        _NULL,
    ),
    "service_tier": raw("standard"),
}  # fmt: skip
"""Members that clients are promised and some hosts leave out."""

_decode_kind = msgspec.json.Decoder(_Kind).decode
_decode_fields = msgspec.json.Decoder(RawFields).decode


class MessageRewriter:
    """One instance per stream. The end waits for the settlement: what follows the stop reason."""

    openers = frozenset({"message_start", "ping"})

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._held: list[tuple[str, bytes]] = []
        self._started = False
        self._blocks = 0  # that have begun
        self._open = False  # whether the last of them has not ended
        self._shift = 0  # what is added to their numbers

    def feed(self, event: ServerSentEvent) -> bytes:
        """Bytes for one event; empty while the end is held back."""
        name = event.name or _decode_kind(event.data).type
        if name == "message_start":
            return self._began_again() if self._started else self._begin(event.data)
        if self._held or (name == "message_delta" and _stops(event.data)):
            self._held.append((name, event.data))
            return b""
        data = event.data
        if name.startswith("content_block_"):
            self._open = name != "content_block_stop"
            self._blocks += name == "content_block_start"
            if self._shift:
                data = _moved(data, self._shift)
        return _event(name, data)

    def _begin(self, data: bytes) -> bytes:
        self._started = True
        return _event("message_start", _began(data, self._envelope))

    def _began_again(self) -> bytes:
        """Some hosts begin a second time and count from 0 again: the answer goes on instead."""
        self._shift = self._blocks
        if not self._open:
            return b""
        self._open = False
        end = {"type": "content_block_stop", "index": self._blocks - 1}
        return _event("content_block_stop", dumps(end))

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The stop reason with usage and price, and the terminator."""
        names = [name for name, _ in self._held]
        last = len(names) - 1 - names[::-1].index("message_delta") if names else -1
        out = []
        for number, (name, data) in enumerate(self._held):
            fields = _decode_fields(data)
            if number == last:
                fields["delta"] = raw({**_NO_END, **members_of(fields.get("delta"))})
                fields["usage"] = _priced(fields.get("usage"), usage, cost)
            elif name == "message_stop" and "openrouter_metadata" in extra:
                fields["openrouter_metadata"] = raw(extra["openrouter_metadata"])
            else:
                out.append(_event(name, data))
                continue
            out.append(_event(name, dumps(fields)))
        if "message_stop" not in names:  # some hosts end without it
            out.append(_event("message_stop", b'{"type":"message_stop"}'))
        return b"".join(out)

    def error(self, error: GatewayError) -> bytes:
        """The error event; nothing follows it."""
        return _event("error", dumps(error_body(error)))


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
    for name in _NO_END:  # older hosts leave out what is null
        fields.setdefault(name, _NULL)
    fields["model"] = raw(envelope.model)
    fields["usage"] = _priced(fields.get("usage"), usage, cost)
    fields["provider"] = raw(envelope.provider)
    fields.update({name: raw(value) for name, value in extra.items()})
    return dumps(fields)


def _began(data: bytes, envelope: Envelope) -> bytes:
    fields = _decode_fields(data)
    message = _decode_fields(fields["message"])
    message["model"] = raw(envelope.model)
    message["provider"] = raw(envelope.provider)
    for name in _NO_END:
        message.setdefault(name, _NULL)
    usage = members_of(message.get("usage"))
    if not any(bytes(usage.get(name, _NULL)) not in _NOTHING for name in _PROMPT_COUNTS):
        # clients fill their context meter from here: an estimate serves them, nothing does not
        usage["input_tokens"] = raw(envelope.prompt_tokens)
    for name, value in {**_NO_USAGE, "output_tokens": _ZERO}.items():
        usage.setdefault(name, value)
    message["usage"] = raw(usage)
    fields["message"] = raw(message)
    return dumps(fields)


def _moved(data: bytes, shift: int) -> bytes:
    fields = _decode_fields(data)
    fields["index"] = raw(int(bytes(fields["index"])) + shift)
    return dumps(fields)


def _stops(data: bytes) -> bool:
    delta = _decode_fields(data).get("delta")
    reason = _decode_fields(delta).get("stop_reason") if delta is not None else None
    return reason is not None and bytes(reason) != b"null"


def _priced(own: msgspec.Raw | None, usage: Usage | None, cost: Cost | None) -> msgspec.Raw:
    """The upstream's own usage with the price; ours where it did not count."""
    known = encode_usage(usage or Usage())
    fields: JsonObject = dict(members_of(own))
    for name, value in {**{name: known[name] for name in _COUNTS}, **_NO_USAGE}.items():
        fields.setdefault(name, value)
    return raw({**fields, **price(cost)})


def _event(name: str, data: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
