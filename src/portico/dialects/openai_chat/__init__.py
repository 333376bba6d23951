"""The OpenAI chat dialect: what most providers speak, and this gateway's own first surface."""

from portico.dialects.base import Dialect
from portico.dialects.failures import decode_error
from portico.dialects.gathering import response_events
from portico.dialects.openai_chat.conversation import decode_request, encode_request
from portico.dialects.openai_chat.errors import encode_error
from portico.dialects.openai_chat.request import read_head, upstream_body
from portico.dialects.openai_chat.response import decode_response, encode_response
from portico.dialects.openai_chat.shortcut import added_text
from portico.dialects.openai_chat.stream_in import ChunkDecoder
from portico.dialects.openai_chat.stream_out import ChunkEncoder

DIALECT = Dialect(
    name="openai_chat",
    read_head=read_head,
    upstream_body=upstream_body,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    response_events=response_events,
    stream_decoder=ChunkDecoder,
    stream_encoder=ChunkEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
    added_text=added_text,
)
