"""The Gemini API (generateContent), as Google AI Studio and Vertex AI speak it."""

from portico.dialects.base import Dialect
from portico.dialects.gathering import response_events
from portico.dialects.gemini.errors import decode_error, encode_error
from portico.dialects.gemini.names import path
from portico.dialects.gemini.reading import decode_request
from portico.dialects.gemini.request import encode_request, read_head, upstream_body
from portico.dialects.gemini.response import decode_response, encode_response
from portico.dialects.gemini.stream_in import ChunkDecoder
from portico.dialects.gemini.stream_out import ChunkEncoder

DIALECT = Dialect(
    name="gemini",
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
    path=path,
)
