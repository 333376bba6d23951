"""Whole answers by the shortcut: what it recognises reads as on the general way."""

import pytest
from tests.conftest import body_of, recorded

from portico.dialects.base import Quirks
from portico.dialects.openai_chat.response import decode_response
from portico.dialects.openai_chat.shortcut import text_answer
from portico.jsonio import dumps

GENERAL = Quirks(patch=lambda body: None)
"""A patch that does nothing: such providers' answers take the general way."""

PLAIN = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1751500000,
    "model": "koi-1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Oi!", "refusal": None, "annotations": []},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 20,
        "completion_tokens": 4,
        "total_tokens": 24,
        "prompt_tokens_details": {"cached_tokens": 0},
    },
    "system_fingerprint": "fp_1",
}


def with_message(**fields):
    (choice,) = PLAIN["choices"]
    message = {**choice["message"], **fields}
    return {**PLAIN, "choices": [{**choice, "message": message}]}


def read(body):
    return text_answer(dumps(body), reasoning_outside_completion=False)


def test_a_text_with_its_counts_is_recognised():
    response = read(PLAIN)

    assert response == decode_response(dumps(PLAIN), GENERAL)
    assert response.choices[0].content == "Oi!"
    assert response.usage.prompt_tokens == 20


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({**PLAIN, "usage": None}, id="no counts"),
        pytest.param({**PLAIN, "usage": {}}, id="empty counts"),
        pytest.param({**PLAIN, "error": {"message": "no"}}, id="an error beside it"),
        pytest.param({**PLAIN, "weather": "fine"}, id="an unknown field"),
        pytest.param({**PLAIN, "choices": []}, id="no answer"),
        pytest.param({**PLAIN, "choices": PLAIN["choices"] * 2}, id="two answers"),
        pytest.param(with_message(content=None), id="no text"),
        pytest.param(with_message(content=[{"type": "text", "text": "Oi"}]), id="parts"),
        pytest.param(with_message(reasoning="Hm"), id="reasoning"),
        pytest.param(with_message(refusal="No"), id="a refusal"),
        pytest.param(with_message(tool_calls=[{"id": "a"}]), id="a tool call"),
        pytest.param(with_message(annotations=[{"type": "file"}]), id="an annotation"),
        pytest.param(with_message(mood="good"), id="an unknown field of the message"),
    ],
)
def test_anything_more_or_less_takes_the_general_way(body):
    assert read(body) is None


def test_every_recorded_answer_reads_the_same_on_both_ways():
    checked = 0
    for record in recorded("openai-chat"):
        if record["stream"] or record["response"]["status"] != 200:
            continue
        body = body_of(record)
        for outside in (False, True):
            quick = text_answer(body, reasoning_outside_completion=outside)
            if quick is None:
                continue
            general = Quirks(patch=GENERAL.patch, reasoning_outside_completion=outside)
            assert quick == decode_response(body, general), record["id"]
            checked += 1
    assert checked > 50
