"""What an attempt may take is decided before anything is sent."""

import msgspec
import pytest

from portico.answering import first_token_within_s
from portico.dialects import DIALECTS, RequestHead
from portico.dialects.side import EMBEDDINGS, IMAGES, TRANSCRIPTIONS
from portico.ports import Deadlines
from portico.vocabulary import Endpoint

DEADLINES = Deadlines(first_byte_s=60, total_s=600, first_token_within_s=120)
HEAD = RequestHead(models=("a/b",), stream=True, fields={}, prompt_bytes=b"x")
ENDPOINT = Endpoint(model="a/b", provider="a", tag="a", upstream_model="b")
CHAT = DIALECTS["openai_chat"]


@pytest.mark.parametrize(
    ("surface", "stream", "first_byte_s", "waited_s", "within_s"),
    [
        (CHAT, True, None, 0, 60),
        (CHAT, True, None, 100, 20),
        (CHAT, True, None, 130, 0),
        (CHAT, True, 300, 0, 300),
        (CHAT, False, None, 100, 600),
        (IMAGES, True, None, 0, 600),  # what is shown on the way is not waited for
        (EMBEDDINGS, False, None, 0, 600),
        (TRANSCRIPTIONS, False, None, 0, 60),
    ],
)
def test_how_long_the_first_token_may_take(surface, stream, first_byte_s, waited_s, within_s):
    head = msgspec.structs.replace(HEAD, stream=stream)
    endpoint = msgspec.structs.replace(ENDPOINT, first_byte_s=first_byte_s)

    assert first_token_within_s(DEADLINES, surface, head, endpoint, waited_s) == within_s
