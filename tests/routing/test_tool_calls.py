"""Which tool calls can be used, and which count against the endpoint that made them."""

import pytest

from portico.routing.tool_calls import broken_call, conforms

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "unit": {"enum": ["C", "F"]},
        "places": {"type": "array", "items": {"type": "object", "required": ["name"]}},
    },
    "required": ["city"],
}
TOOLS = {"weather": WEATHER, "ping": None}


@pytest.mark.parametrize(
    ("calls", "says"),
    [
        ([], None),
        ([("weather", '{"city":"Évora"}')], None),
        ([("ping", "")], None),
        ([("ping", "{}"), ("weather", '{"city":"Porto","days":2}')], None),
        ([("ping", '{"any":["thing"]}')], None),
        ([("weather", '{"city":"Évora"')], "not JSON"),
        ([("weather", "Évora")], "not JSON"),
        ([("weather", '["Évora"]')], "not an object"),
        ([("weather", "null")], "not an object"),
        ([("wether", '{"city":"Évora"}')], "not one of the tools"),
        ([("weather", "{}")], "break its schema"),
        ([("weather", '{"city":7}')], "break its schema"),
        ([("ping", "{}"), ("weather", '{"city":"Porto","unit":"K"}')], "break its schema"),
    ],
)
def test_a_call_is_broken_by_its_form_its_name_or_its_schema(calls, says):
    found = broken_call(calls, TOOLS)

    assert (found is None) if says is None else says in found


@pytest.mark.parametrize(
    ("value", "schema", "kept"),
    [
        ({"city": "x", "days": 2.0}, WEATHER, True),
        ({"city": "x", "days": 2.5}, WEATHER, False),
        ({"city": "x", "days": True}, WEATHER, False),
        ({"city": "x", "places": [{"name": 1}]}, WEATHER, True),
        ({"city": "x", "places": [{}]}, WEATHER, False),
        ({"city": "x", "other": 1}, WEATHER, True),
        ({"city": "x", "other": 1}, WEATHER | {"additionalProperties": False}, False),
        (None, {"type": ["string", "null"]}, True),
        (1, {"type": ["string", "null"]}, False),
        (1, {"anyOf": [{"type": "string"}, {"type": "integer"}]}, True),
        ([], {"oneOf": [{"type": "string"}, {"type": "integer"}]}, False),
        ("a", {"const": "a"}, True),
        ("b", {"const": "a"}, False),
        ("b", {"$ref": "#/$defs/letter"}, True),
        ("b", {"type": "letter"}, True),
        ("b", {"type": 7, "enum": 7, "anyOf": 7, "required": 7}, True),
        ("b", True, True),
        ({"a": {}}, {"properties": 7, "required": 7}, True),
    ],
)
def test_what_is_understood_of_a_schema_is_checked_and_a_doubt_counts_for_the_endpoint(
    value, schema, kept
):
    assert conforms(value, schema) is kept


def test_a_bottomless_schema_is_no_crash():
    schema, value = {}, {}
    for _ in range(200):
        schema, value = {"properties": {"x": schema}, "required": ["x"]}, {"x": value}

    assert conforms(value, schema)
