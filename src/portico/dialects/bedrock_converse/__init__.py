"""The Converse API of Amazon Bedrock: one form for the models of all its vendors.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from portico.dialects.base import Dialect
from portico.dialects.bedrock_converse.conversation import decode_request
from portico.dialects.bedrock_converse.errors import decode_error, encode_error
from portico.dialects.bedrock_converse.framing import ConverseSplitter
from portico.dialects.bedrock_converse.names import NAME, path
from portico.dialects.bedrock_converse.request_in import read_head, upstream_body
from portico.dialects.bedrock_converse.request_out import encode_request
from portico.dialects.bedrock_converse.response import decode_response, encode_response
from portico.dialects.bedrock_converse.stream_in import EventDecoder
from portico.dialects.bedrock_converse.stream_out import EventEncoder
from portico.dialects.gathering import response_events

DIALECT = Dialect(
    name=NAME,
    read_head=read_head,
    upstream_body=upstream_body,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    response_events=response_events,
    stream_decoder=EventDecoder,
    stream_encoder=EventEncoder,
    splitter=ConverseSplitter,
    decode_error=decode_error,
    encode_error=encode_error,
    path=path,
    anonymous=True,
)
