"""The Responses API of OpenAI: https://platform.openai.com/docs/api-reference/responses.

Also spoken by xAI, Azure and others, and the only language of some models.
"""

from functools import partial

import msgspec

from portico.dialects.base import Dialect
from portico.dialects.failures import decode_error
from portico.dialects.gathering import response_events
from portico.dialects.openai_responses.conversation import decode_request
from portico.dialects.openai_responses.errors import encode_error
from portico.dialects.openai_responses.feed import Manner, pulse
from portico.dialects.openai_responses.request_in import read_head, upstream_body
from portico.dialects.openai_responses.request_out import encode_request
from portico.dialects.openai_responses.response import decode_response, encode_response
from portico.dialects.openai_responses.stream_in import ResponseDecoder
from portico.dialects.openai_responses.stream_out import ResponseEncoder
from portico.dialects.openai_responses.verbatim import ResponseRewriter, rewrite_response


def speaking(manner: Manner) -> Dialect:
    """The dialect towards clients that want to be spoken to in a manner of their own."""
    return msgspec.structs.replace(
        DIALECT,
        encode_error=partial(encode_error, precise=manner.precise_codes),
        stream_encoder=partial(ResponseEncoder, manner=manner),
        rewriter=partial(ResponseRewriter, manner=manner),
        pulse=partial(pulse, manner=manner),
    )


DIALECT = Dialect(
    name="openai_responses",
    read_head=read_head,
    upstream_body=upstream_body,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    response_events=response_events,
    stream_decoder=ResponseDecoder,
    stream_encoder=ResponseEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
    keep_alive=b": \n\n",
    pulse=partial(pulse, manner=Manner()),
    rewriter=ResponseRewriter,
    rewrite_response=rewrite_response,
    path=lambda _model, _streams: "/responses",
)
