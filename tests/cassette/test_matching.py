import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.cassette import RecordedRequest
from portico.cassette.matching import (
    body,
    body_without,
    chat_body,
    differences,
    explain,
    matchers_named,
    matches,
    method,
    origin,
    path,
    prompt,
    query,
)
from portico.jsonio import dumps

JSON = (("Content-Type", "application/json; charset=utf-8"),)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


def asked(fields=None, *, url="https://a.example/v1/chat", headers=JSON, **rest):
    data = rest.pop("data", None) or dumps({} if fields is None else fields)
    return RecordedRequest(
        **{"method": "POST", "url": url, "headers": headers, "body": data} | rest
    )


@pytest.mark.parametrize(
    ("matcher", "a", "b", "why"),
    [
        (method, {}, {"method": "GET"}, "POST != GET"),
        (path, {}, {"url": "https://b.example/v1/chat"}, None),
        (path, {}, {"url": "https://a.example/v1/x"}, "/v1/chat != /v1/x"),
        (origin, {}, {"url": "https://a.example/v1/x"}, None),
        (origin, {}, {"url": "http://a.example:1/"}, "https://a.example != http://a.example:1"),
        (query, {"url": "https://a/?x=1&y=2"}, {"url": "https://a/?y=2&x=1"}, None),
        (query, {"url": "https://a/?x=1"}, {"url": "https://a/"}, "[('x', '1')] != []"),
    ],
)
def test_the_parts_of_a_request_line(matcher, a, b, why):
    assert matcher(asked(**a), asked(**b)) == why


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        (b'{"a": 1, "b": [2]}', b'{"b":[2],"a":1}', None),
        (b'{"a":1}', b'{"a":1.0}', None),
        (b'{"a":1}', b'{"a":true}', "/a: 1 != true"),
        (b'{"a":0}', b'{"a":false}', "/a: 0 != false"),
        (b'{"a":null}', b"{}", "/a: null != nothing"),
        (b"[1,2]", b"[2,1]", "/0: 1 != 2, /1: 2 != 1"),
        (b'{"a/b":{"~":1}}', b'{"a/b":{"~":2}}', "/a~1b/~0: 1 != 2"),
        (b"1", b"2", "/: 1 != 2"),
        (b"{", b"{}", "bodies differ"),
        (b"[1,2,3,4,5]", b"[]", "/0: 1 != nothing, /1: 2 != nothing, /2: 3 != nothing, and 2 more"),
    ],
)
def test_bodies_are_equal_as_json_values(a, b, why):
    assert body(asked(data=a), asked(data=b)) == why


def test_bodies_that_are_no_json_are_equal_as_bytes():
    plain = (("content-type", "text/plain"),)

    assert body(asked(data=b"{} ", headers=plain), asked(data=b"{}", headers=plain)) is not None
    assert body(asked(data=b"{}", headers=plain), asked(data=b"{}", headers=plain)) is None
    assert body(asked(data=b"{} ", headers=plain), asked(data=b"{}")) is not None


def test_a_body_that_says_nothing_of_itself_is_json_if_it_can_be():
    assert body(asked(data=b"{} ", headers=()), asked(data=b"{}")) is None
    assert body(asked(data=b"{ ", headers=()), asked(data=b"{}", headers=())) == "bodies differ"


def test_a_long_value_is_shown_shortened():
    why = body(asked({"a": "x" * 1000}), asked({"a": ""}))

    assert len(why) < 120


@pytest.mark.parametrize(
    ("ignored", "a", "b"),
    [
        ("/stream_options", {"stream_options": {"x": 1}}, {}),
        ("/a/b", {"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}}),
        ("/a/0/id", {"a": [{"id": 1}, 2]}, {"a": [{"id": 2}, 2]}),
        ("/a~1b", {"a/b": 1}, {"a/b": 2}),
    ],
)
def test_ignored_places_do_not_matter(ignored, a, b):
    assert body(asked(a), asked(b)) is not None
    assert body_without(ignored)(asked(a), asked(b)) is None


def test_what_is_beside_an_ignored_place_still_matters():
    why = body_without("/a/0/id")(asked({"a": [{"id": 1, "n": 1}]}), asked({"a": [{"n": 2}]}))

    assert why == "/a/0/n: 1 != 2"


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ({"stream_options": {"include_usage": True}}, {}, True),
        ({"max_completion_tokens": 5}, {"max_tokens": 5}, True),
        ({"max_completion_tokens": 5}, {"max_tokens": 6}, False),
        ({"stream": False}, {}, True),
        ({"stream": True}, {}, False),
        ({"temperature": 1}, {}, False),
        ([1], [1.0], True),
    ],
)
def test_a_chat_body_is_compared_as_a_provider_understands_it(a, b, equal):
    assert (chat_body(asked(a), asked(b)) is None) is equal


HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize(
    ("change", "equal"),
    [
        ({"max_tokens": 5, "temperature": 0.1, "seed": 3, "user": "u"}, True),
        ({"stream_options": {"include_usage": True}, "stream": False, "tools": []}, True),
        ({"model": "M"}, True),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}, True),
        ({"messages": [{"role": "user", "content": "hello", "name": "", "tool_calls": []}]}, True),
        ({"tool_choice": "auto"}, True),
        ({"stream": True}, False),
        ({"model": "n"}, False),
        ({"model": 5}, False),
        ({"messages": [{"role": "user", "content": "Hello"}]}, False),
        ({"messages": ["hello"]}, False),
        ({"messages": "hello"}, False),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, False),
    ],
)
def test_a_prompt_is_what_the_model_is_asked(change, equal):
    assert (prompt(asked({**HELLO, **change}), asked(HELLO)) is None) is equal


def test_tools_are_the_same_prompt_if_they_are_called_the_same():
    f, g = (
        {**HELLO, "tools": [{"type": "function", "function": {"name": "f", "description": text}}]}
        for text in "ab"
    )

    assert prompt(asked(f), asked(g)) is None
    assert prompt(asked({**HELLO, "tools": [{"type": "web"}]}), asked(f)) is not None


def test_a_call_that_kept_its_index_from_the_stream_is_the_same_prompt():
    def turn(**extra):
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        return {"messages": [{"role": "assistant", "tool_calls": [{**call, **extra}]}]}

    assert prompt(asked(turn(index=0)), asked(turn())) is None
    assert prompt(asked(turn(id="d")), asked(turn())) is not None


def test_a_prompt_that_is_no_object_is_compared_as_it_is():
    assert prompt(asked([1]), asked([2])) == "/0: 1 != 2"


@given(VALUES, VALUES)
def test_values_differ_somewhere_exactly_if_their_canonical_json_differs(a, b):
    def canonical(value):
        if isinstance(value, dict):
            return ["{", *sorted([key, canonical(v)] for key, v in value.items())]
        return [canonical(v) for v in value] if isinstance(value, list) else dumps(value).decode()

    assert bool(list(differences(a, b))) is (str(canonical(a)) != str(canonical(b)))


def test_the_closest_miss_fails_the_fewest_matchers_and_then_differs_least():
    recorded = [
        asked({"a": 1, "b": 2}, method="GET"),
        asked({"a": 9, "b": 9}),
        asked({"a": 1, "b": 9}),
    ]

    why = explain(asked({"a": 1, "b": 2}), recorded[1:], (method, body))
    first = explain(asked({"a": 1, "b": 2}), recorded[:1], (method, body), labels=["the first"])

    assert why == "closest is interaction 1; it differs in body: /b: 2 != 9"
    assert first == "closest is the first; it differs in method: POST != GET"


def test_nothing_recorded_is_said_so():
    assert explain(asked(), [], (method,)) == "the cassette is empty"


def test_a_request_matches_if_no_matcher_objects():
    assert matches(asked(), asked(), (method, path, body))
    assert not matches(asked(), asked({"a": 1}), (method, path, body))


def test_matchers_are_found_by_name_and_leave_out_what_is_ignored():
    found = matchers_named(["method", "chat_body"], ignored=["/metadata", "/messages/0/name"])
    a = asked({"model": "m", "metadata": {"run": 1}, "stream": False, "messages": [{"name": "x"}]})
    b = asked({"model": "m", "messages": [{}]})

    assert [m.__name__ for m in found] == ["method", "chat_body"]
    assert matches(a, b, found)
    assert not matches(a, b, matchers_named(["chat_body"]))
    assert matchers_named(["uri"])[0](a, asked(url="https://b/")) is not None


@pytest.mark.parametrize(
    ("names", "ignored", "says"),
    [(["bodi"], [], "'bodi' is no matcher"), (["body"], ["a/b"], "does not begin with a slash")],
)
def test_a_matcher_that_is_none_is_refused(names, ignored, says):
    with pytest.raises(ValueError, match=says):
        matchers_named(names, ignored=ignored)
