"""Pairs: equal meaning passes, a lost or invented part is named, in requests and answers."""

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.apis import anthropic
from tests.conformance.asking import read_chat
from tests.conformance.corpus import Record, Unreadable
from tests.conformance.examples import body, chunk, stream, tail, text, tool, whole
from tests.conformance.findings import Findings
from tests.conformance.pairs import (
    Pair,
    check_pair_answer,
    check_pair_sent,
    pair_record,
    pair_request,
    read_pairs,
    sequence_of,
)
from tests.conformance.received import Received

CHAT: dict[str, Any] = {
    "model": "acme/orca-2",
    "provider": {"only": ["acme"]},
    "max_tokens": 100,
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Add 1 and 2."},
        {
            "role": "assistant",
            "content": "Gladly.",
            "tool_calls": [{"id": "c1", "function": {"name": "add", "arguments": '{"a": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
    ],
    "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
}
NATIVE: dict[str, Any] = {
    "max_tokens": 4096,
    "system": "Be brief.",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Add 1 and 2."}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_9", "name": "add", "input": {"a": 7}}],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_9", "content": "3"}],
        },
    ],
    "tools": [{"name": "add", "input_schema": {"type": "object"}}],
}


def _arrived() -> dict[str, Any]:
    """What the gateway sends for `CHAT`."""
    sent = copy.deepcopy(NATIVE) | {"max_tokens": 100}
    call = {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}
    sent["messages"][1]["content"] = [{"type": "text", "text": "Gladly."}, call]
    sent["messages"][2]["content"][0]["tool_use_id"] = "c1"
    return sent


def _sent_rules(arrived: dict[str, Any], recorded: dict[str, Any]) -> set[str]:
    findings = Findings()
    check_pair_sent(
        findings,
        asked=read_chat(CHAT),
        found=anthropic.understand(arrived),
        recorded=anthropic.understand(recorded),
    )
    return {line.split(": ", 1)[0] for line in findings.lines()}


def test_the_words_of_the_model_and_a_clients_defaults_may_differ() -> None:
    assert _sent_rules(_arrived(), NATIVE) == set()


def test_what_is_changed_on_the_way_is_named_twice_and_other_clients_once() -> None:
    other = copy.deepcopy(NATIVE)
    other["messages"][0]["content"] = "Add 3 and 4."
    louder = _arrived() | {"system": "Be loud."}

    assert _sent_rules(louder, NATIVE) == {"pair.sent.asked.system", "pair.sent.native.system"}
    assert _sent_rules(_arrived(), other) == {"pair.different.turn0"}


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("pair.sent.asked.wish", {"max_tokens": 99}),
        ("pair.sent.asked.tools", {"tools": []}),
        ("pair.sent.asked.turn2", {"messages": _arrived()["messages"][:2]}),
        ("pair.sent.native.wish", {"stop_sequences": ["X"]}),
    ],
)
def test_what_is_lost_or_invented_is_named(rule: str, change: dict[str, Any]) -> None:
    assert rule in _sent_rules(_arrived() | change, NATIVE)


def _pair(era: str = "E3") -> Pair:
    record = Record(id="a", provider="acme", api="openrouter-chat", request=CHAT)
    native = Record(id="b", provider="acme", api="anthropic-messages", request=NATIVE)
    return Pair(grade="A", era=era, openrouter=record, native=native)


def _answer_rules(ours: Received, theirs: Received, era: str = "E3") -> set[str]:
    findings = Findings()
    check_pair_answer(findings, _pair(era), ours, theirs)
    return {line.split(": ", 1)[0] for line in findings.lines()}


def test_answers_of_one_shape_pass_whatever_they_say() -> None:
    mine = whole(body(content="Four."))

    assert _answer_rules(mine, whole(body(content="Five."))) == set()
    assert (
        _answer_rules(stream(chunk(text("Fo")), *tail()), stream(chunk(text("x")), *tail()))
        == set()
    )


def test_an_answer_of_another_shape_is_named() -> None:
    theirs = body()
    theirs["choices"][0]["message"] = {"content": "x"} | theirs["choices"][0]["message"]
    lacking = body()
    del lacking["usage"]["cost_details"]
    annotated = body(annotations=[{"type": "url_citation"}])
    richer = body() | {"timings": {}}

    assert "pair.answer.keys" in _answer_rules(whole(body()), whole(theirs))
    assert "pair.answer.usage" in _answer_rules(whole(lacking), whole(body()))
    assert _answer_rules(whole(richer), whole(body())) == {"pair.answer.more"}
    assert "pair.answer.annotations" in _answer_rules(whole(body()), whole(annotated), "E1")


def test_deltas_must_come_in_the_same_order() -> None:
    call = [chunk(tool(0, "", id="c", name="add")), chunk(tool(0, "{}"))]
    before = stream(chunk(text("x")), *call, *tail("tool_calls"))
    after = stream(*call, chunk(text("x")), *tail("tool_calls"))

    assert sequence_of(before) == ["c", "T", "t", "F", "UF"]
    assert _answer_rules(before, after) == {"pair.answer.sequence"}


def test_reasoning_must_come_in_the_same_form() -> None:
    detail = {"type": "reasoning.text", "text": "hm", "format": "unknown", "index": 0}
    mine = whole(body(reasoning="hm", reasoning_details=[detail]))
    theirs = whole(body(reasoning_details=[detail | {"format": "anthropic-claude-v1"}]))

    assert "pair.answer.details" in _answer_rules(mine, theirs, "E1")


def test_pairs_are_read_and_what_is_missing_is_reported(tmp_path: Path) -> None:
    row = {"native_api": "anthropic-messages", "openrouter": "a", "native": "b", "grade": "B"}
    (tmp_path / "pairs.json").write_text(json.dumps([row, row | {"native": "gone"}]))
    record = {"provider": "acme", "response": {"status": 200}}
    lines = [
        json.dumps(record | {"id": "a", "api": "openrouter-chat"}),
        json.dumps(record | {"id": "b", "api": "anthropic-messages"}),
    ]
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))

    found = list(read_pairs(tmp_path, api="anthropic-messages"))

    assert [type(pair) for pair in found] == [Pair, Unreadable]
    assert list(read_pairs(tmp_path, api="other")) == []
    (tmp_path / "pairs.json").write_text("[{}]")
    assert [type(pair) for pair in read_pairs(tmp_path, api="x")] == [Unreadable]


def test_a_pair_asks_as_its_client_did_but_names_no_host() -> None:
    asked = pair_request(_pair())
    record = pair_record(_pair(), _pair().native)

    assert asked == {name: value for name, value in CHAT.items() if name != "provider"}
    assert (record.id, record.api, record.features[:2]) == (
        "a <-> b",
        "pair:anthropic-messages",
        ("grade_A", "E3"),
    )
