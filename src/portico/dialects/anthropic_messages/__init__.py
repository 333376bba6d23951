"""The Messages API of Anthropic: https://docs.anthropic.com/en/api/messages.

Also the language of Claude on other clouds and of several vendors' second APIs.
"""

from portico.dialects.anthropic_messages.conversation import decode_request
from portico.dialects.anthropic_messages.errors import decode_error, encode_error
from portico.dialects.anthropic_messages.request_in import (
    count_body,
    read_head,
    slug_of,
    upstream_body,
)
from portico.dialects.anthropic_messages.request_out import encode_request
from portico.dialects.anthropic_messages.response import decode_response, encode_response
from portico.dialects.anthropic_messages.stream_in import MessageDecoder
from portico.dialects.anthropic_messages.stream_out import PING, MessageEncoder
from portico.dialects.anthropic_messages.verbatim import MessageRewriter, rewrite_response
from portico.dialects.base import Dialect
from portico.dialects.gathering import response_events

DIALECT = Dialect(
    name="anthropic_messages",
    read_head=read_head,
    upstream_body=upstream_body,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    response_events=response_events,
    stream_decoder=MessageDecoder,
    stream_encoder=MessageEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
    keep_alive=PING,
    rewriter=MessageRewriter,
    rewrite_response=rewrite_response,
)

__all__ = ["DIALECT", "count_body", "slug_of"]
