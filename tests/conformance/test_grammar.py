"""A good stream passes; each way to break one is named by its rule."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.examples import MODEL, chunk, events, stream, tail, text, tool
from tests.conformance.findings import Findings
from tests.conformance.grammar import check_stream
from tests.conformance.received import Received

Chunks = list[dict[str, Any]]


def _rules(received: Received) -> set[str]:
    findings = Findings()
    check_stream(findings, received, model=MODEL)
    return {line.split(": ", 1)[0] for line in findings.lines()}


def _reasoning(content: str) -> dict[str, Any]:
    detail = {"type": "reasoning.text", "text": content, "format": "unknown", "index": 0}
    return text("") | {"reasoning": content, "reasoning_details": [detail]}


GOOD: Chunks = [
    chunk(_reasoning("hm")),
    chunk(text("Fo")),
    chunk(text("ur")),
    chunk(tool(0, "", id="call_1", name="add")),
    chunk(tool(0, '{"a":')),
    chunk(tool(0, "1}")),
    chunk(tool(1, "", id="call_2", name="sub")),
    chunk(tool(1, "{}")),
    *tail("tool_calls"),
]


def test_a_stream_of_the_contract_passes() -> None:
    assert _rules(stream(*GOOD)) == set()


def test_keepalive_comments_are_part_of_the_grammar() -> None:
    raw = b": OPENROUTER PROCESSING\n\n" + events(*GOOD)

    assert _rules(stream(raw=raw)) == set()


def test_an_error_chunk_takes_the_place_of_finish_and_usage() -> None:
    error = {"code": 502, "message": "gone", "metadata": {"error_type": "provider_unavailable"}}
    failed = chunk({"content": ""}, finish="error", error=error)
    failed["choices"][0]["native_finish_reason"] = None

    assert _rules(stream(chunk(text("Fo")), failed)) == set()


@pytest.mark.parametrize(
    ("rule", "replacement"),
    [
        ("stream.done", (b"data: [DONE]\n\n", b"")),
        ("stream.line-ends", (b"\n\n", b"\r\n\r\n")),
        ("stream.comment", (b"data: [DONE]", b": ping\n\ndata: [DONE]")),
        ("stream.event-lines", (b"data: [DONE]", b"event: x\ndata: {}\n\ndata: [DONE]")),
        ("stream.after-done", (b"data: [DONE]\n\n", b"data: [DONE]\n\ndata: [DONE]\n\n")),
    ],
)
def test_broken_framing_is_named(rule: str, replacement: tuple[bytes, bytes]) -> None:
    raw = events(*GOOD).replace(*replacement)

    findings = Findings()
    check_stream(findings, stream(*GOOD), model=MODEL)
    broken = stream(*GOOD)
    broken.raw = raw

    assert not findings
    assert rule in _rules(broken)


def _without(place: int, key: str) -> Callable[[Chunks], None]:
    def change(chunks: Chunks) -> None:
        del chunks[place][key]

    return change


def _in_delta(place: int, **fields: Any) -> Callable[[Chunks], None]:
    def change(chunks: Chunks) -> None:
        chunks[place]["choices"][0]["delta"].update(fields)

    return change


def _in_choice(place: int, **fields: Any) -> Callable[[Chunks], None]:
    def change(chunks: Chunks) -> None:
        chunks[place]["choices"][0].update(fields)

    return change


def _in_call(place: int, **fields: Any) -> Callable[[Chunks], None]:
    def change(chunks: Chunks) -> None:
        chunks[place]["choices"][0]["delta"]["tool_calls"][0].update(fields)

    return change


def _insert(place: int, new: dict[str, Any]) -> Callable[[Chunks], None]:
    def change(chunks: Chunks) -> None:
        chunks.insert(place, new)

    return change


def _at_top(place: int, **fields: Any) -> Callable[[Chunks], None]:
    def change(chunks: Chunks) -> None:
        chunks[place].update(fields)

    return change


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("stream.role", _in_delta(1, role=None)),
        ("stream.empty-delta", _insert(0, chunk(text("")))),
        ("stream.content", _in_delta(1, content=None)),
        ("stream.content.calls", _in_delta(4, content="")),
        ("stream.reasoning.mixed", _in_delta(0, content="x")),
        ("stream.fingerprint", _at_top(1, system_fingerprint=None)),
        ("stream.error-key", _at_top(1, error=None)),
        ("stream.choices.empty", _at_top(1, choices=[])),
        ("stream.constant", _at_top(1, created=1790000001)),
        ("stream.service_tier.early", _at_top(1, service_tier=None)),
        ("stream.service_tier", _without(-1, "service_tier")),
        ("stream.usage.place", _without(-1, "usage")),
        ("stream.usage.repeats", _in_choice(-1, finish_reason=None)),
        ("stream.finish.payload", _in_delta(-2, content="!")),
        ("stream.finish.value", _in_choice(-2, finish_reason="eos")),
        ("stream.finish.missing", lambda chunks: chunks.pop(-2)),
        ("stream.after-finish", _insert(-1, chunk(text("late")))),
        ("stream.native-early", _in_choice(1, native_finish_reason="stop")),
        ("stream.call.index", _in_call(3, index=1)),
        ("stream.call.opener", _in_call(3, id="")),
        ("stream.call.type", _in_call(3, type="custom")),
        ("stream.call.repeats", _in_call(4, id="call_1")),
        ("stream.call.arguments", _in_call(4, function={"arguments": None})),
        ("stream.call.early", _in_call(4, function={"arguments": "{}"})),
        ("stream.order", lambda chunks: chunks[1].update(id=chunks[1].pop("id"))),
        ("id.form", _at_top(1, id="chatcmpl-1")),
        ("id.provider", _at_top(1, provider="")),
    ],
)
def test_each_broken_rule_is_named(rule: str, change: Callable[[Chunks], None]) -> None:
    chunks = copy.deepcopy(GOOD)

    change(chunks)

    assert rule in _rules(stream(*chunks))


def test_whitespace_after_a_whole_argument_text_is_harmless() -> None:
    chunks = copy.deepcopy(GOOD)
    chunks[7]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] = "{}\n"
    chunks.insert(8, chunk(tool(1, " ")))

    assert _rules(stream(*chunks)) == set()


def test_the_examples_are_json_as_clients_read_it() -> None:
    lines = events(*GOOD).decode().splitlines()

    parsed = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]

    assert parsed == GOOD
