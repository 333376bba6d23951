"""The legacy completions API: a prompt in, text out. A language of clients only.

Models are asked as for a conversation of one turn; what comes back is written
as `text_completion`. Everything that the two APIs share is openai_chat's.
"""

import msgspec

from portico.dialects.openai_chat import DIALECT as _CHAT
from portico.dialects.openai_completions.answers import CompletionEncoder, encode_response
from portico.dialects.openai_completions.request import read_head

DIALECT = msgspec.structs.replace(
    _CHAT,
    name="openai_completions",
    read_head=read_head,
    encode_response=encode_response,
    stream_encoder=CompletionEncoder,
    added_text=None,
)
