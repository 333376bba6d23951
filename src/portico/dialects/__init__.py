"""The dialects, by name, and the relay between two of them."""

from portico.dialects import anthropic_messages, gemini, openai_chat
from portico.dialects.base import (
    Dialect,
    Envelope,
    Quirks,
    RawFields,
    RequestHead,
    StreamTail,
    WireProfile,
)
from portico.dialects.relay import PassthroughRelay, StreamRelay

DIALECTS: dict[str, Dialect] = {
    openai_chat.DIALECT.name: openai_chat.DIALECT,
    anthropic_messages.DIALECT.name: anthropic_messages.DIALECT,
    gemini.DIALECT.name: gemini.DIALECT,
}


def request_between(
    surface: Dialect,
    upstream: Dialect,
    head: RequestHead,
    model: str,
    supported: frozenset[str],
    quirks: Quirks,
) -> tuple[bytes, frozenset[str]]:
    """The body for an upstream, and the names of parameters that had to be dropped.

    Between equal dialects the client's own bytes travel; otherwise they pass the hub.

    Raises:
        InvalidRequest: the conversation cannot be read.
    """
    if upstream is surface:
        return upstream.upstream_body(head, model, supported, quirks)
    return upstream.encode_request(surface.decode_request(head), model, supported, quirks)


def relay_between(
    upstream: Dialect, surface: Dialect, quirks: Quirks, envelope: Envelope
) -> StreamRelay:
    """The relay for one attempt: by the shortcut for added text where the upstream has one."""
    decoder = upstream.stream_decoder(quirks, envelope.generation_id)
    encoder = surface.stream_encoder(envelope)
    if upstream.added_text is not None:
        return PassthroughRelay(decoder, encoder, upstream.added_text)
    return StreamRelay(decoder, encoder)


__all__ = [
    "DIALECTS",
    "Dialect",
    "Envelope",
    "PassthroughRelay",
    "Quirks",
    "RawFields",
    "RequestHead",
    "StreamRelay",
    "StreamTail",
    "WireProfile",
    "relay_between",
    "request_between",
]
