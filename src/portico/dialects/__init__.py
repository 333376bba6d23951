"""The dialects, by name, and the relay between two of them."""

from portico.dialects import (
    anthropic_messages,
    bedrock_converse,
    cohere_chat,
    gemini,
    openai_chat,
    openai_responses,
)
from portico.dialects.base import (
    Dialect,
    Envelope,
    Progress,
    Quirks,
    RawFields,
    RequestHead,
    SideApi,
    WireProfile,
)
from portico.dialects.relay import PassthroughRelay, StreamRelay, VerbatimRelay

DIALECTS: dict[str, Dialect] = {
    openai_chat.DIALECT.name: openai_chat.DIALECT,
    anthropic_messages.DIALECT.name: anthropic_messages.DIALECT,
    gemini.DIALECT.name: gemini.DIALECT,
    cohere_chat.DIALECT.name: cohere_chat.DIALECT,
    bedrock_converse.DIALECT.name: bedrock_converse.DIALECT,
    openai_responses.DIALECT.name: openai_responses.DIALECT,
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
        UpstreamRejected: it cannot be said in the upstream's dialect.
    """
    if upstream.name == surface.name:
        return upstream.upstream_body(head, model, supported, quirks)
    return upstream.encode_request(surface.decode_request(head), model, supported, quirks)


def relay_between(
    upstream: Dialect, surface: Dialect, quirks: Quirks, envelope: Envelope
) -> StreamRelay:
    """The relay for one attempt: verbatim between equal dialects where that can be, else by
    the shortcut for added text where the upstream has one."""
    decoder = upstream.stream_decoder(quirks, envelope.generation_id)
    encoder = surface.stream_encoder(envelope)
    if surface.rewriter is not None and verbatim(upstream, surface, quirks, envelope):
        return VerbatimRelay(decoder, encoder, surface.rewriter(envelope))
    if upstream.added_text is not None:
        return PassthroughRelay(decoder, encoder, upstream.added_text, upstream.splitter())
    return StreamRelay(decoder, encoder, upstream.splitter())


def verbatim(upstream: Dialect, surface: Dialect, quirks: Quirks, envelope: Envelope) -> bool:
    """Whether an upstream's answer may reach the client in its own bytes: both speak the
    same, and nothing in it has to be mended or left out."""
    same = upstream.name == surface.name
    return same and quirks.patch is None and not envelope.exclude_reasoning


__all__ = [
    "DIALECTS",
    "Dialect",
    "Envelope",
    "PassthroughRelay",
    "Progress",
    "Quirks",
    "RawFields",
    "RequestHead",
    "SideApi",
    "StreamRelay",
    "VerbatimRelay",
    "WireProfile",
    "relay_between",
    "request_between",
    "verbatim",
]
