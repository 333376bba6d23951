"""Law of translation: twice the conversation is about twice the work, whatever it consists of."""

import json
import sys
from types import FrameType
from typing import Any

import pytest

from portico.dialects import DIALECTS, Quirks, request_between

CHAT = DIALECTS["openai_chat"]


def call(number: int) -> dict:
    function = {"name": "look", "arguments": "{}"}
    return {
        "role": "assistant",
        "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}],
    }


def result(number: int) -> dict:
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": "seen"}


CONVERSATIONS = {
    "one speaker": lambda n: [{"role": "user", "content": "x"}] * n,
    "two speakers": lambda n: [{"role": ("user", "assistant")[i % 2], "content": "x"} for i in range(n)],
    "system": lambda n: [{"role": "user", "content": "x"}, *[{"role": "system", "content": "x"}] * n],
    "calls": lambda n: [call(i) for i in range(n)] + [result(i) for i in range(n)],
    "calls in turn": lambda n: [part for i in range(n // 2) for part in (call(i), result(i))],
}  # fmt: skip


def steps(dialect: str, messages: list[dict]) -> int:
    """Lines and calls that Python goes through to translate a conversation."""
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": messages}).encode()
    head = CHAT.read_head(body)
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        request_between(CHAT, DIALECTS[dialect], head, "m", frozenset(), Quirks())
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("dialect", sorted(DIALECTS.keys() - {"openai_chat"}))
def test_twice_the_conversation_is_twice_the_work(dialect, conversation):
    messages = CONVERSATIONS[conversation]

    assert steps(dialect, messages(400)) < 2.5 * steps(dialect, messages(200))
