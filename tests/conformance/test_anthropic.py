"""The run's own reading of the Messages API."""

import base64
import json
import struct
from typing import Any

import pytest

from tests.conformance.apis import anthropic
from tests.conformance.asking import read_chat
from tests.conformance.corpus import Record
from tests.conformance.findings import Findings
from tests.conformance.frames import as_sent_events
from tests.conformance.sent import check_asked

REQUEST: dict[str, Any] = {
    "model": "claude-x",
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Add."},
                {"type": "image", "source": {"type": "url", "url": "https://ex.org/a.png"}},
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "b3Bh"},
                {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}},
                {"type": "tool_use", "id": "toolu_2", "name": "add", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "0"},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "1"}],
                },
                {"type": "text", "text": "Go on."},
            ],
        },
    ],
    "tools": [
        {"name": "add", "input_schema": {"type": "object"}},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "stop_sequences": ["X"],
    "temperature": 1,
}
BLOCKS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "b3Bh"},
    {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "q"}},
    {"type": "text", "text": "Four.", "citations": [{"url": "https://ex.org"}, {"type": "page"}]},
    {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}},
]
USAGE = {
    "input_tokens": 3,
    "cache_read_input_tokens": 5,
    "cache_creation_input_tokens": 7,
    "output_tokens": 11,
    "output_tokens_details": {"thinking_tokens": 2},
}


def _stream(*events: dict[str, Any]) -> bytes:
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


def _events() -> list[dict[str, Any]]:
    """`BLOCKS` as a provider would send them."""
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"usage": USAGE | {"output_tokens": 1}}},
        {"type": "ping"},
    ]
    for index, block in enumerate(BLOCKS):
        bare = {key: value for key, value in block.items() if key not in _PIECES[block["type"]]}
        bare |= {"input": {}} if "input" in block else {}
        events.append({"type": "content_block_start", "index": index, "content_block": bare})
        for delta in _PIECES[block["type"]].values():
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    end = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}
    return [*events, end | {"usage": {"output_tokens": 11}}, {"type": "message_stop"}]


_PIECES: dict[str, dict[str, dict[str, Any]]] = {
    "thinking": {
        "thinking": {"type": "thinking_delta", "thinking": "hm"},
        "signature": {"type": "signature_delta", "signature": "c2ln"},
    },
    "redacted_thinking": {},
    "server_tool_use": {"x": {"type": "input_json_delta", "partial_json": '{"query": "q"}'}},
    "text": {
        "text": {"type": "text_delta", "text": "Four."},
        "citations": {"type": "citations_delta", "citation": {"url": "https://ex.org"}},
        "y": {"type": "citations_delta", "citation": {"type": "page"}},
    },
    "tool_use": {"z": {"type": "input_json_delta", "partial_json": '{"a": 1}'}},
}


def test_a_request_means_the_same_in_both_dialects() -> None:
    chat = read_chat(anthropic.client_request(REQUEST))
    native = anthropic.understand(REQUEST)
    assert native.wishes.pop("breakpoints") == 1

    findings = Findings()
    check_asked(findings, native, chat)

    assert findings.lines() == []
    assert [turn.role for turn in native.turns] == ["user", "assistant", "user"]
    assert [result.text for result in native.turns[2].results] == ["1", "0"]
    assert native.turns[1].blobs == ["c2ln", "b3Bh"]


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("sent.system", {"system": "Be long."}),
        ("sent.roles", {"messages": REQUEST["messages"][:1]}),
        ("sent.tools", {"tools": REQUEST["tools"][1:]}),
        ("sent.own_tools", {"tools": REQUEST["tools"][:1]}),
        ("sent.wish.tool_choice", {"tool_choice": {"disable_parallel_tool_use": True}}),
        ("sent.wish.reasoning", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("sent.wish.max_tokens", {"max_tokens": 1}),
        ("sent.wish.stop", {"stop_sequences": []}),
        ("sent.invented", {"top_k": 3}),
        ("sent.wish.breakpoints", {"system": "Be brief."}),
    ],
)
def test_what_changes_on_the_way_is_named(rule: str, change: dict[str, Any]) -> None:
    findings = Findings()
    check_asked(findings, anthropic.understand(REQUEST), anthropic.understand(REQUEST | change))

    assert rule in {line.split(": ", 1)[0] for line in findings.lines()}


@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_a_lost_block_of_a_turn_is_named(position: int) -> None:
    messages = json.loads(json.dumps(REQUEST["messages"]))
    del messages[1]["content"][position]

    findings = Findings()
    changed = anthropic.understand(REQUEST | {"messages": messages})
    check_asked(findings, anthropic.understand(REQUEST), changed)

    assert findings


def test_an_answer_reads_the_same_whole_and_streamed() -> None:
    whole = json.dumps({"content": BLOCKS, "stop_reason": "tool_use", "usage": USAGE}).encode()

    for native in (
        anthropic.read_answer(whole, 200, stream=False),
        anthropic.read_answer(_stream(*_events()), 200, stream=True),
    ):
        choice = native.choices[0]
        call = choice.calls[0]
        assert native.complete
        assert (choice.text, choice.reasoning, choice.signature) == ("Four.", "hm", "c2ln")
        assert choice.encrypted == ["b3Bh"]
        assert (call.id, call.name, json.loads(call.arguments)) == ("toolu_1", "add", {"a": 1})
        assert (choice.own, len(choice.annotations)) == (["server_tool_use"], 1)
        assert (choice.citations, choice.finish) == (1, "tool_use")
        assert native.usage is not None
        counted = anthropic.usage(native.usage)
        assert (counted.prompt_tokens, counted.completion_tokens) == ({15}, {11})
        assert (counted.cached_tokens, counted.cache_write_tokens) == ({5}, {7})
        assert counted.reasoning_tokens == {2}


def test_an_error_in_a_stream_is_a_failure_with_its_status() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}

    native = anthropic.read_answer(_stream(*_events()[:4], error), 200, stream=True)

    assert native.failure is not None
    assert native.failure.status == 529
    assert not native.complete


def _frame(payload: bytes, **headers: str) -> bytes:
    head = b""
    for name, value in headers.items():
        key = f":{name.replace('_', '-')}".encode()
        head += bytes([len(key)]) + key + b"\x07"
        head += struct.pack(">H", len(value)) + value.encode()
    total = 16 + len(head) + len(payload)
    return struct.pack(">III", total, len(head), 0) + head + payload + b"\x00\x00\x00\x00"


def test_frames_around_events_are_taken_off() -> None:
    inner = base64.b64encode(b'{"type":"message_stop"}').decode()
    framed = _frame(json.dumps({"bytes": inner}).encode(), event_type="chunk")
    broken = _frame(b'{"message":"slow"}', message_type="exception")
    head = {"content-type": "application/vnd.amazon.eventstream"}
    record = Record(id="a", provider="b", api="c", headers=head, body=framed + broken)

    served = as_sent_events(record)

    assert served.body.startswith(b'event: message_stop\ndata: {"type": "message_stop"}\n\n')
    assert b'"api_error"' in served.body
    assert served.headers["content-type"] == "text/event-stream"
    for body in (framed[:-3], b"", b"data: x\n\n"):
        odd = Record(id="a", provider="b", api="c", headers=head, body=body)
        assert as_sent_events(odd).body == body
