"""The run's own reading of the Responses API."""

import json
from typing import Any

import pytest

from tests.conformance.accumulate import Native
from tests.conformance.apis import responses
from tests.conformance.asking import read_chat
from tests.conformance.findings import Findings
from tests.conformance.sent import check_asked

REQUEST: dict[str, Any] = {
    "model": "gpt-x",
    "instructions": "Be brief.",
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Add."},
                {"type": "input_image", "image_url": "https://ex.org/a.png"},
                {"type": "input_file", "file_id": "file_1"},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2Vh"},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a": 1}'},
        {"type": "web_search_call", "id": "ws_1"},
        {"type": "function_call_output", "call_id": "c1", "output": "3"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Three."}]},
        {"role": "user", "content": "Go on."},
    ],
    "tools": [
        {"type": "function", "name": "add", "parameters": {"type": "object"}},
        {"type": "web_search"},
    ],
    "tool_choice": {"type": "function", "name": "add"},
    "max_output_tokens": 99,
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}},
    "temperature": 1,
}
OUTPUT: list[dict[str, Any]] = [
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "c2Vh",
    },
    {"type": "web_search_call", "id": "ws_1"},
    {
        "type": "message",
        "content": [
            {"type": "output_text", "text": "Four.", "annotations": [{"type": "url_citation"}]}
        ],
    },
    {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a": 1}'},
]
USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
}


def _stream(*events: dict[str, Any]) -> bytes:
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


def _events() -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {}}]
    for place, item in enumerate(OUTPUT):
        head = {"output_index": place}
        events.append({"type": "response.output_item.added", "item": item, **head})
        if item["type"] == "message":
            for piece in ("Fo", "ur."):
                events.append({"type": "response.output_text.delta", "delta": piece, **head})
        events.append({"type": "response.output_item.done", "item": item, **head})
    return events


def test_a_request_means_the_same_in_both_dialects() -> None:
    chat = read_chat(responses.client_request(REQUEST))
    chat.turns[1].own = ["web_search_call"]

    findings = Findings()
    check_asked(findings, responses.understand(REQUEST), chat)

    assert findings.lines() == []
    assert [turn.role for turn in chat.turns] == ["user", "assistant", "user", "assistant", "user"]


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("sent.system", {"instructions": "Be long."}),
        ("sent.media", {"input": [{"role": "user", "content": "Add."}, *REQUEST["input"][1:]]}),
        ("sent.blobs", {"input": [REQUEST["input"][0], *REQUEST["input"][2:]]}),
        ("sent.own", {"input": [*REQUEST["input"][:3], *REQUEST["input"][4:]]}),
        ("sent.wish.tool_choice", {"tool_choice": "auto"}),
        ("sent.wish.reasoning", {"reasoning": {"effort": "high"}}),
        ("sent.wish.schema", {"text": {}}),
        ("sent.invented", {"top_p": 1}),
    ],
)
def test_what_changes_on_the_way_is_named(rule: str, change: dict[str, Any]) -> None:
    findings = Findings()
    check_asked(findings, responses.understand(REQUEST), responses.understand(REQUEST | change))

    assert rule in {line.split(": ", 1)[0] for line in findings.lines()}


def test_tools_that_are_not_allowed_are_as_good_as_absent() -> None:
    tools = [{"type": "function", "name": name, "parameters": {}} for name in ("add", "sub")]
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [tools[0]]}

    asked = responses.understand(REQUEST | {"tools": tools, "tool_choice": allowed})

    assert list(asked.tools) == ["add"]
    assert asked.wishes["tool_choice"] == "required"


def _check(native: Native) -> None:
    choice = native.choices[0]
    assert native.complete
    assert (choice.text, choice.reasoning, choice.encrypted) == ("Four.", "hm", ["c2Vh"])
    assert (choice.own, len(choice.annotations)) == (["web_search_call"], 1)
    assert [(c.id, c.name, c.arguments) for c in choice.calls] == [("c1", "add", '{"a": 1}')]
    assert choice.finish == "completed"
    assert native.usage is not None
    counted = responses.usage(native.usage)
    assert (counted.prompt_tokens, counted.completion_tokens) == ({10}, {5})
    assert (counted.cached_tokens, counted.reasoning_tokens) == ({4}, {2})


def test_an_answer_reads_the_same_whole_and_streamed() -> None:
    whole = {"status": "completed", "output": OUTPUT, "usage": USAGE}
    end = {"type": "response.completed", "response": {"status": "completed", "usage": USAGE}}

    _check(responses.read_answer(json.dumps(whole).encode(), 200, stream=False))
    _check(responses.read_answer(_stream(*_events(), end), 200, stream=True))


def test_how_it_ended_decides_the_finish() -> None:
    cut = {"status": "incomplete", "output": [], "incomplete_details": {"reason": "content_filter"}}
    failed = {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded"}}}

    native = responses.read_answer(json.dumps(cut).encode(), 200, stream=False)
    broken = responses.read_answer(_stream(*_events(), failed), 200, stream=True)
    unfinished = responses.read_answer(_stream(*_events()), 200, stream=True)

    assert native.choices[0].finish == "incomplete:content_filter"
    assert native.choices[0].wanted_finish == "content_filter"
    assert broken.failure is not None
    assert (broken.failure.status, broken.complete) == (429, False)
    assert unfinished.choices[0].text == "Four."
    assert not unfinished.complete
