"""A good body passes; each way to break one is named by its rule."""

import copy
from typing import Any

import pytest

from tests.conformance.examples import GENERATION, HEAD, MODEL, USAGE, body, stream, tail, whole
from tests.conformance.findings import Findings
from tests.conformance.received import read_received
from tests.conformance.shape import (
    check_body,
    check_error_body,
    check_generation_id,
    check_head,
    check_usage,
)

CALL = {
    "type": "function",
    "index": 0,
    "id": "call_1",
    "function": {"name": "f", "arguments": "{}"},
}
ERROR: dict[str, Any] = {
    "error": {
        "message": "Provider returned error",
        "code": 429,
        "metadata": {
            "raw": "slow down",
            "provider_name": "Acme",
            "error_type": "rate_limit_exceeded",
        },
    }
}


def _rules(findings: Findings) -> set[str]:
    return {line.split(": ", 1)[0] for line in findings.lines()}


def _body_rules(answer: dict[str, Any]) -> set[str]:
    findings = Findings()
    check_body(findings, answer, model=MODEL)
    return _rules(findings)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"content": None, "tool_calls": [CALL]},
        {"content": "I add.", "tool_calls": [CALL]},
        {"content": None, "refusal": "No."},
        {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "index": 0}]},
    ],
)
def test_bodies_of_the_contract_pass(message: dict[str, Any]) -> None:
    assert _body_rules(body(**message)) == set()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("body.message.optional", {"tool_calls": None}),
        ("body.message.optional", {"tool_calls": []}),
        ("body.message.optional", {"annotations": None}),
        ("body.message.content.calls", {"content": "", "tool_calls": [CALL]}),
        ("body.message.content.text", {"content": None}),
        ("body.call.index", {"content": None, "tool_calls": [CALL | {"index": 1}]}),
        ("body.call.id", {"content": None, "tool_calls": [CALL | {"id": ""}]}),
        (
            "body.call.arguments",
            {"tool_calls": [CALL | {"function": {"name": "f", "arguments": ""}}]},
        ),
        ("body.reasoning_details.index", {"reasoning_details": [{"index": 1}]}),
        ("annotation.null", {"annotations": [{"url_citation": {"title": None}}]}),
    ],
)
def test_broken_messages_are_named(rule: str, message: dict[str, Any]) -> None:
    assert rule in _body_rules(body(**message))


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("body.no-error-key", {"error": None}),
        ("body.object", {"object": "chat.completion.chunk"}),
        ("body.choices", {"choices": []}),
        ("id.created", {"created": 1}),
        ("id.model", {"model": "another"}),
        ("usage.missing", {"usage": None}),
    ],
)
def test_broken_bodies_are_named(rule: str, fields: dict[str, Any]) -> None:
    assert rule in _body_rules(body() | fields)


@pytest.mark.parametrize(
    ("rule", "path", "value"),
    [
        ("usage.count", ("prompt_tokens",), 1.5),
        ("usage.total", ("total_tokens",), 16),
        ("usage.cost", ("cost",), None),
        ("usage.is_byok", ("is_byok",), None),
        ("usage.details", ("prompt_tokens_details", "cached_tokens"), None),
        ("usage.details", ("completion_tokens_details", "image_tokens"), None),
        ("usage.cost_details", ("cost_details", "upstream_inference_prompt_cost"), None),
    ],
)
def test_broken_usage_is_named(rule: str, path: tuple[str, ...], value: object) -> None:
    usage = copy.deepcopy(USAGE)
    *parents, last = path
    place = usage
    for key in parents:
        place = place[key]
    place[last] = value

    findings = Findings()
    check_usage(findings, usage)

    assert _rules(findings) == {rule}


def test_an_error_envelope_passes_and_its_faults_are_named() -> None:
    good, bad = Findings(), Findings()
    broken = {"error": {"code": "429", "message": "", "metadata": {"raw": {"not": "text"}}}}

    check_error_body(good, whole(ERROR, status=429))
    check_error_body(bad, whole(broken, status=429))

    assert not good
    assert _rules(bad) == {
        "error.code",
        "error.code.integer",
        "error.message",
        "error.error_type",
        "error.raw",
    }


def test_the_generation_id_is_the_same_in_head_and_body() -> None:
    good, bad = Findings(), Findings()

    check_generation_id(good, whole(body()))
    check_generation_id(bad, whole(body() | {"id": GENERATION[:-1] + "x"}))

    assert not good
    assert _rules(bad) == {"id.header"}


def test_a_stream_must_not_be_cached_or_compressed() -> None:
    good, bad = Findings(), Findings()
    head = HEAD | {"content-type": "text/event-stream", "content-encoding": "gzip"}

    check_head(good, stream(*tail()))
    check_head(bad, read_received(status=200, headers=head, raw=b""))

    assert not good
    assert _rules(bad) == {"head.cache-control", "head.content-encoding"}
