"""The conversation must reach the upstream unchanged; parameters may only be dropped or renamed."""

from typing import Any

import pytest

from tests.conformance.findings import Findings
from tests.conformance.sent import check_sent

CLIENT: dict[str, Any] = {
    "model": "acme/orca-2",
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "2+2?"}, {"type": "image_url"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "function": {"name": "add", "arguments": '{"a": 1}'}}],
        },
    ],
    "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
    "seed": 7,
}


def _rules(upstream: dict[str, Any]) -> set[str]:
    findings = Findings()
    check_sent(findings, CLIENT, upstream)
    return {line.split(": ", 1)[0] for line in findings.lines()}


def _with_message(position: int, **fields: Any) -> dict[str, Any]:
    messages = list(CLIENT["messages"])
    messages[position] = messages[position] | fields
    return CLIENT | {"messages": messages}


def test_the_same_request_passes_with_usage_asked_for_and_parameters_renamed() -> None:
    renamed = {key: value for key, value in CLIENT.items() if key != "seed"} | {"random_seed": 7}

    assert _rules(CLIENT | {"model": "orca", "stream_options": {"include_usage": True}}) == set()
    assert _rules(renamed) == set()
    assert _rules(_with_message(0, role="system")) == set()


@pytest.mark.parametrize(
    ("rule", "upstream"),
    [
        ("sent.invented", CLIENT | {"temperature": 1}),
        ("sent.roles", CLIENT | {"messages": CLIENT["messages"][1:]}),
        ("sent.text", _with_message(0, content="Be long.")),
        ("sent.parts", _with_message(1, content=[{"type": "text", "text": "2+2?"}])),
        ("sent.calls", _with_message(2, tool_calls=[])),
        ("sent.tools", CLIENT | {"tools": []}),
    ],
)
def test_what_changes_on_the_way_is_named(rule: str, upstream: dict[str, Any]) -> None:
    assert _rules(upstream) == {rule}
