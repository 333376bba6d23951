"""What a chunk costs between dialects: a ceiling far above the usual 3 to 5 microseconds."""

import json
from time import process_time

import pytest
from tests.dialects.streaming import envelope

from portico.dialects import DIALECTS, Quirks, relay_between

CEILING_US = 30.0
COUNT = 1000


def event(kind: str, **fields) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


RESPONSES = [
    event("response.created", response={"id": "resp_1", "model": "m"}),
    event("response.output_item.added", output_index=0, item={"type": "message", "content": []}),
    *[
        event(
            "response.output_text.delta",
            sequence_number=number,
            item_id="msg_1",
            output_index=0,
            content_index=0,
            delta=" word",
            logprobs=[],
            obfuscation="aX3b",
        )
        for number in range(COUNT)
    ],
]
CHAT = [
    b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
] * COUNT


@pytest.mark.parametrize(
    ("upstream", "surface", "pieces"),
    [
        ("openai_responses", "openai_chat", RESPONSES),
        ("openai_responses", "anthropic_messages", RESPONSES),
        ("openai_responses", "openai_responses", RESPONSES),
        ("openai_chat", "openai_responses", CHAT),
    ],
)
def test_a_chunk_stays_cheap(upstream, surface, pieces):
    best_s = float("inf")
    for _ in range(5):
        relay = relay_between(DIALECTS[upstream], DIALECTS[surface], Quirks(), envelope())
        before_s = process_time()
        for piece in pieces:
            relay.feed(piece)
        best_s = min(best_s, process_time() - before_s)
        assert relay.error is None
        assert relay.output_chars == 5 * COUNT

    assert best_s / COUNT * 1e6 < CEILING_US
