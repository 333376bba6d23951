"""The run's own reading of Cohere's chat API."""

import json
from typing import Any

import pytest

from tests.conformance.accumulate import Native
from tests.conformance.apis import cohere
from tests.conformance.asking import read_chat
from tests.conformance.findings import Findings
from tests.conformance.sent import check_asked

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
CALL = {"id": "add_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
REQUEST: dict[str, Any] = {
    "model": "command-x",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Add."}]},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "add_1", "content": "1"},
    ],
    "tools": [TOOL],
    "tool_choice": "REQUIRED",
    "p": 0.5,
    "k": 3,
    "stop_sequences": ["X"],
    "max_tokens": 9,
}
SOURCES = [{"type": "tool", "id": "add_1:0"}]
USAGE = {
    "billed_units": {"input_tokens": 1, "output_tokens": 1},
    "tokens": {"input_tokens": 10, "output_tokens": 5, "reasoning_tokens": 2},
    "cached_tokens": 4,
}


def _events(*bodies: dict[str, Any]) -> bytes:
    lines = [f"event: {body['type']}\ndata: {json.dumps(body)}\n\n" for body in bodies]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


def _delta(kind: str, **message: Any) -> dict[str, Any]:
    return {"type": kind, "index": 0, "delta": {"message": message}}


def test_a_request_means_the_same_in_both_dialects() -> None:
    findings = Findings()
    check_asked(findings, cohere.understand(REQUEST), read_chat(cohere.client_request(REQUEST)))

    assert findings.lines() == []


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("sent.wish.top_p", {"p": 0.6}),
        ("sent.wish.tool_choice", {"tool_choice": "NONE"}),
        ("sent.invented", {"thinking": {"type": "enabled"}}),
        ("sent.tools", {"tools": []}),
        ("sent.roles", {"messages": REQUEST["messages"][:2]}),
    ],
)
def test_what_changes_on_the_way_is_named(rule: str, change: dict[str, Any]) -> None:
    findings = Findings()
    check_asked(findings, cohere.understand(REQUEST), cohere.understand(REQUEST | change))

    assert rule in {line.split(": ", 1)[0] for line in findings.lines()}


def _check(native: Native) -> None:
    choice = native.choices[0]
    assert native.complete
    assert (choice.text, choice.reasoning, choice.citations) == ("Four.", "planhm", 1)
    assert [(c.id, c.name, json.loads(c.arguments)) for c in choice.calls] == [
        ("add_1", "add", {"a": 1})
    ]
    assert choice.finish == "TOOL_CALL"
    assert native.usage is not None
    counted = cohere.usage(native.usage)
    assert (counted.prompt_tokens, counted.completion_tokens) == ({10}, {5})
    assert (counted.cached_tokens, counted.reasoning_tokens) == ({4}, {2})


def test_an_answer_reads_the_same_whole_and_streamed() -> None:
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Four."}]
    message = {"tool_plan": "plan", "content": content, "tool_calls": [CALL]}
    whole = {
        "message": message | {"citations": [{"sources": SOURCES}]},
        "finish_reason": "TOOL_CALL",
        "usage": USAGE,
    }
    opened = {**CALL, "function": {"name": "add", "arguments": ""}}
    end = {"finish_reason": "TOOL_CALL", "usage": USAGE}
    stream = _events(
        _delta("message-start", role="assistant"),
        _delta("tool-plan-delta", tool_plan="plan"),
        _delta("content-delta", content={"thinking": "hm"}),
        _delta("content-delta", content={"text": "Four."}),
        _delta("citation-start", citations={"sources": SOURCES}),
        _delta("tool-call-start", tool_calls=opened),
        _delta("tool-call-delta", tool_calls={"function": {"arguments": '{"a": 1}'}}),
        {"type": "message-end", "delta": end},
    )

    _check(cohere.read_answer(json.dumps(whole).encode(), 200, stream=False))
    _check(cohere.read_answer(stream, 200, stream=True))


def test_a_stream_that_was_cut_is_not_complete() -> None:
    cut = _events(_delta("content-delta", content={"text": "Fo"}))

    assert not cohere.read_answer(cut, 200, stream=True).complete
