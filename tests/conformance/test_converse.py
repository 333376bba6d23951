"""The run's own reading of Bedrock's Converse."""

import json
import struct
from typing import Any

import pytest

from tests.conformance.accumulate import Native
from tests.conformance.apis import converse
from tests.conformance.asking import read_chat
from tests.conformance.findings import Findings
from tests.conformance.sent import check_asked

REQUEST: dict[str, Any] = {
    "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"text": "Add."},
                {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
                {"document": {"format": "pdf", "name": "a", "source": {"bytes": "JVBE"}}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
                {"toolUse": {"toolUseId": "t1", "name": "add", "input": {"a": 1}}},
            ],
        },
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "t1", "content": [{"json": {"sum": 3}}]}}],
        },
    ],
    "inferenceConfig": {"maxTokens": 9, "topP": 0.5, "stopSequences": ["X"]},
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "add", "inputSchema": {"json": {"type": "object"}}}}],
        "toolChoice": {"tool": {"name": "add"}},
    },
    "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
}
BLOCKS: list[dict[str, Any]] = [
    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
    {"reasoningContent": {"redactedContent": "RXU4RQ=="}},
    {"text": "Four."},
    {"toolUse": {"toolUseId": "t1", "name": "add", "input": {"a": 1}}},
]
USAGE = {
    "inputTokens": 3,
    "cacheReadInputTokens": 5,
    "cacheWriteInputTokenCount": 7,
    "outputTokens": 11,
}


def _frame(name: str, body: dict[str, Any], kind: str = ":event-type") -> bytes:
    payload = json.dumps(body | {"p": "abc"}).encode()
    head = bytes([len(kind)]) + kind.encode() + b"\x07"
    head += struct.pack(">H", len(name)) + name.encode()
    total = 16 + len(head) + len(payload)
    return struct.pack(">III", total, len(head), 0) + head + payload + b"\x00\x00\x00\x00"


def _delta(place: int, **delta: Any) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"contentBlockIndex": place, "delta": delta}


def _events() -> list[tuple[str, dict[str, Any]]]:
    start = {"toolUse": {"toolUseId": "t1", "name": "add"}}
    return [
        ("messageStart", {"role": "assistant"}),
        _delta(0, reasoningContent={"text": "h"}),
        _delta(0, reasoningContent={"text": "m"}),
        _delta(0, reasoningContent={"signature": "c2ln"}),
        _delta(1, reasoningContent={"redactedContent": "RXU4RQ=="}),
        _delta(2, text="Fo"),
        _delta(2, text="ur."),
        ("contentBlockStart", {"contentBlockIndex": 3, "start": start}),
        _delta(3, toolUse={"input": '{"a":'}),
        _delta(3, toolUse={"input": "1}"}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": USAGE}),
    ]


def test_a_request_means_the_same_in_both_dialects() -> None:
    native = converse.understand(REQUEST)
    assert native.wishes.pop("breakpoints") == 1

    findings = Findings()
    check_asked(findings, native, read_chat(converse.client_request(REQUEST)))

    assert findings.lines() == []
    assert native.turns[1].blobs == ["c2ln"]


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("sent.system", {"system": []}),
        ("sent.roles", {"messages": REQUEST["messages"][:1]}),
        ("sent.wish.max_tokens", {"inferenceConfig": {}}),
        ("sent.wish.reasoning", {"additionalModelRequestFields": {}}),
        ("sent.invented", {"additionalModelRequestFields": {"top_k": 3}}),
        ("sent.tools", {"toolConfig": {}}),
    ],
)
def test_what_changes_on_the_way_is_named(rule: str, change: dict[str, Any]) -> None:
    findings = Findings()
    check_asked(findings, converse.understand(REQUEST), converse.understand(REQUEST | change))

    assert rule in {line.split(": ", 1)[0] for line in findings.lines()}


def _check(native: Native) -> None:
    choice = native.choices[0]
    assert native.complete
    assert (choice.text, choice.reasoning, choice.signature) == ("Four.", "hm", "c2ln")
    assert choice.encrypted == ["Eu8E"]
    assert [(c.id, c.name, json.loads(c.arguments)) for c in choice.calls] == [
        ("t1", "add", {"a": 1})
    ]
    assert choice.finish == "tool_use"
    assert native.usage is not None
    counted = converse.usage(native.usage)
    assert (counted.prompt_tokens, counted.completion_tokens) == ({15}, {11})
    assert (counted.cached_tokens, counted.cache_write_tokens) == ({5}, {7})


def test_an_answer_reads_the_same_whole_in_frames_and_as_sent_events() -> None:
    whole = {"output": {"message": {"content": BLOCKS}}, "stopReason": "tool_use", "usage": USAGE}
    framed = b"".join(_frame(name, body) for name, body in _events())
    sent = "".join(f"data: {json.dumps({name: body})}\n\n" for name, body in _events())

    _check(converse.read_answer(json.dumps(whole).encode(), 200, stream=False))
    _check(converse.read_answer(framed, 200, stream=True))
    _check(converse.read_answer(sent.encode(), 200, stream=True))


def test_an_exception_in_a_stream_is_a_failure_with_its_status() -> None:
    body = _frame(*_events()[5]) + _frame(
        "throttlingException", {"message": "slow"}, ":exception-type"
    )

    native = converse.read_answer(body, 200, stream=True)

    assert native.failure is not None
    assert native.failure.status == 429
    assert native.choices[0].text == "Fo"
    assert not native.complete
