"""JSON that a model wrote almost right."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.dialects.healing import healed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), VALUES, min_size=1)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('```\n{"a": 1}', {"a": 1}),
        ('Here you are:\n\n{"a": 1}\n\nAnything else?', {"a": 1}),
        ('{"a": [1, 2,], "b": 3,}', {"a": [1, 2], "b": 3}),
        ("{'a': 'it\\'s', 'b': \"x\"}", {"a": "it's", "b": "x"}),
        ("{'a': 'say \"hi\"'}", {"a": 'say "hi"'}),
        ('{a: True, b_2: None, "c": False}', {"a": True, "b_2": None, "c": False}),
        ('{"a": {"b": [1, 2', {"a": {"b": [1, 2]}}),
        ('{"a": "cut o', {"a": "cut o"}),
        ('{"a": "cut \\', {"a": "cut "}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"a": 1, "b":', {"a": 1, "b": None}),
        ('[{"a": 1}, {"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"a": [1, 2}', {"a": [1, 2]}),
        ('{"a": 1e5}', {"a": 1e5}),
    ],
)
def test_what_can_be_mended_is(written, meant):
    assert json.loads(healed(written)) == meant


@pytest.mark.parametrize("text", ["", "No.", "{", "}", "[1, 2 3]", "{{{}", '"x"', "12", "a: b"])
def test_what_cannot_be_mended_stays_as_it_is_or_becomes_json(text):
    result = healed(text)

    assert result == text or json.loads(result) is not None


def test_what_nests_without_end_stays_as_it_is():
    assert healed("[" * 100) == "[" * 100 + "]" * 100
    assert healed("[" * 300) == "[" * 300


@given(VALUES, st.booleans())
def test_json_is_left_alone(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)

    assert healed(text) == text


@given(OBJECTS, st.sampled_from(["```json\n{}\n```", "Sure!\n{}", "{}\n\nDone."]))
def test_an_object_is_found_among_other_words(value, around):
    text = json.dumps(value).replace("`", "")
    value = json.loads(text)

    assert json.loads(healed(around.replace("{}", text))) == value


@given(OBJECTS, st.data())
def test_an_object_that_was_cut_off_is_closed(value, data):
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(2, len(text)))]

    result = healed(cut)

    assert result == cut or isinstance(json.loads(result), dict)


@given(st.text(alphabet="{}[]\"',:\\ \nab1TrueNone`"))
def test_nothing_is_too_odd_to_be_looked_at(text):
    result = healed(text)

    assert result == text or json.loads(result) is not None or result == "null"
