"""The same meaning passes; lost or changed meaning is named."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.conformance.accumulate import Native, read_native
from tests.conformance.compare import Prices, compare_answer, compare_failure
from tests.conformance.examples import USAGE, body, chunk, stream, tail, text, tool, whole
from tests.conformance.findings import Findings
from tests.conformance.received import Received

PRICES = Prices(
    prompt=Decimal(1), completion=Decimal(3), cache_read=Decimal("0.5"), cache_write=Decimal(2)
)
COUNTS = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


def _native(finish: str = "stop", **message: Any) -> Native:
    answer = {
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": COUNTS,
    }
    return read_native(json.dumps(answer).encode(), status=200, stream=False)


def _rules(native: Native, received: Received) -> set[str]:
    findings = Findings()
    compare_answer(findings, native, received, PRICES)
    return {line.split(": ", 1)[0] for line in findings.lines()}


def _call(arguments: str = '{"a": 1}', **rest: str) -> dict[str, Any]:
    function = {"name": rest.get("name", "add"), "arguments": arguments}
    return {"id": rest.get("id", "call_1"), "type": "function", "function": function}


def test_an_equal_answer_passes_as_json_and_as_a_stream() -> None:
    native = _native(content="Four.")

    assert _rules(native, whole(body())) == set()
    assert _rules(native, stream(chunk(text("Fo")), chunk(text("ur.")), *tail())) == set()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("same.text", {"content": "Five."}),
        ("same.refusal", {"content": "Four.", "refusal": "No."}),
        ("same.reasoning", {"content": "Four.", "reasoning_content": "hm"}),
        ("same.tool_calls", {"content": "Four.", "tool_calls": [_call()]}),
        ("same.annotations", {"content": "Four.", "annotations": [{"type": "url_citation"}]}),
        ("same.images", {"content": "Four.", "images": [{"type": "image_url"}]}),
        ("same.audio", {"content": "Four.", "audio": {"data": "AAAA"}}),
        (
            "same.encrypted_reasoning",
            {
                "content": "Four.",
                "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}],
            },
        ),
    ],
)
def test_what_is_lost_is_named(rule: str, message: dict[str, Any]) -> None:
    assert rule in _rules(_native(**message), whole(body()))


def test_tool_calls_are_equal_by_name_id_and_the_meaning_of_arguments() -> None:
    native = _native("tool_calls", content=None, tool_calls=[_call()])
    opener = chunk(tool(0, "", id="call_1", name="add"))

    same = stream(opener, chunk(tool(0, '{"a":1}')), *tail("tool_calls"))
    other = stream(opener, chunk(tool(0, '{"a":2}')), *tail("tool_calls"))

    assert _rules(native, same) == set()
    assert _rules(native, other) == {"same.tool_arguments"}


def test_a_call_without_arguments_equals_an_empty_object() -> None:
    native = _native("tool_calls", content=None, tool_calls=[_call("")])

    received = stream(
        chunk(tool(0, "", id="call_1", name="add")), chunk(tool(0, "{}")), *tail("tool_calls")
    )

    assert _rules(native, received) == set()


def test_stop_with_a_tool_call_must_become_tool_calls() -> None:
    native = _native("stop", content=None, tool_calls=[_call()])

    received = stream(chunk(tool(0, '{"a":1}', id="call_1", name="add")), *tail("stop"))

    assert _rules(native, received) == {"same.finish_reason"}


def test_wrong_counts_are_named() -> None:
    native = _native(content="Four.")
    native.usage = COUNTS | {"prompt_tokens": 13, "prompt_tokens_details": {"cached_tokens": 5}}

    assert _rules(native, whole(body())) == {"count.prompt_tokens", "count.cached_tokens"}


def test_tokens_that_the_upstream_did_not_count_are_estimated() -> None:
    native = _native(content="Four.")
    native.usage = None
    answer = body()
    answer["usage"] = USAGE | {
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
        "cost": 0,
    }

    assert _rules(native, whole(body())) == set()
    assert "count.estimate" in _rules(native, whole(answer))


def test_the_cost_is_recomputed_from_the_counts_beside_it() -> None:
    native = _native(content="Four.")
    answer = body()
    answer["usage"] = USAGE | {"cost": 0.00002}

    assert _rules(native, whole(answer)) == {"cost.total"}


def _failure_rules(native: Native, received: Received) -> set[str]:
    findings = Findings()
    compare_failure(findings, native, received, sent=True)
    return {line.split(": ", 1)[0] for line in findings.lines()}


def _error(code: int, **metadata: Any) -> dict[str, Any]:
    kind = {"error_type": "provider_unavailable"}
    return {"error": {"code": code, "message": "failed", "metadata": kind | metadata}}


def test_a_refused_operator_key_surfaces_as_bad_gateway() -> None:
    native = read_native(b"{}", status=401, stream=False)

    assert _failure_rules(native, whole(_error(502), status=502)) == set()
    assert _failure_rules(native, whole(_error(401), status=401)) == {"failure.status"}


def test_the_upstreams_own_words_are_in_raw() -> None:
    native = read_native(b"{}", status=429, stream=False)

    assert _failure_rules(native, whole(_error(429, raw="slow"), status=429)) == set()
    assert _failure_rules(native, whole(_error(429), status=429)) == {"failure.raw"}


def test_a_stream_that_breaks_after_content_ends_in_an_error_chunk() -> None:
    raw = b'data: {"choices":[{"index":0,"delta":{"content":"Fo"}}]}\n\n'
    native = read_native(raw, status=200, stream=True)
    failed = chunk({"content": ""}, finish="error", **_error(502))

    assert _failure_rules(native, stream(chunk(text("Fo")), failed)) == set()
    assert _failure_rules(native, stream(chunk(text("F")), failed)) == {"failure.text"}
    assert _failure_rules(native, stream(chunk(text("Fo")), *tail())) == {"failure.chunk"}
