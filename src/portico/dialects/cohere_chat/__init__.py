"""Cohere's chat API, version 2: https://docs.cohere.com/v2/reference/chat"""

from portico.dialects.base import Dialect
from portico.dialects.cohere_chat.conversation import decode_request
from portico.dialects.cohere_chat.errors import decode_error, encode_error
from portico.dialects.cohere_chat.request_in import read_head, upstream_body
from portico.dialects.cohere_chat.request_out import encode_request
from portico.dialects.cohere_chat.response import decode_response, encode_response
from portico.dialects.cohere_chat.stream_in import EventDecoder
from portico.dialects.cohere_chat.stream_out import EventEncoder
from portico.dialects.gathering import response_events

DIALECT = Dialect(
    name="cohere_chat",
    read_head=read_head,
    upstream_body=upstream_body,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    response_events=response_events,
    stream_decoder=EventDecoder,
    stream_encoder=EventEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
)
