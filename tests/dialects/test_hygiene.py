"""Shapes that no real request has."""

import json

import pytest

from portico.dialects.hygiene import MAX_DEPTH, MAX_ELEMENTS, check_json
from portico.errors import InvalidRequest


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        nested(MAX_DEPTH),
        b'{"a":' * 60 + b"[1]" + b"}" * 60,
        json.dumps({"a": "[" * 5_000}).encode(),
        json.dumps({"a": '\\"[{' * 500, "b": [[1]]}).encode(),
        json.dumps([{"a": [1, 2]}] * 3_000).encode(),
        json.dumps({"text": "," * (MAX_ELEMENTS + 5)}).encode(),
        "Olá".encode(),
        b"not json at all [[[",
        b"[" * 120 + b'{"a":"' + b"x" * 100_000,  # a text without an end
        (b'"' + b"x" * 50) * 20_001 + b"[" * 100,
        b"[" * 120 + b"{" * 8 + b'"\\' * 1_000_000,  # quadratic for a careless pattern
    ],
)
def test_ordinary_shapes_pass(body):
    check_json(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (nested(MAX_DEPTH + 1), "nested"),
        (b'{"x":' + nested(MAX_DEPTH) + b"}", "nested"),
        (b'{"a":[' * 65 + b"]}" * 65, "nested"),
        (b"[" * 100_000, "nested"),
        (b"[" + b"1," * MAX_ELEMENTS + b"1]", "elements"),
        (b'{"a":"\xff"}', "not UTF-8"),
    ],
)
def test_monstrous_shapes_are_refused(body, why):
    with pytest.raises(InvalidRequest, match=why):
        check_json(body)
