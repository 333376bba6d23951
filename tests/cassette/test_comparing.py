import pytest

from portico.cassette import Cassette, Interaction, RecordedRequest, RecordedResponse
from portico.cassette.comparing import diff, drift, repeated, without
from portico.cassette.matching import matchers_named
from portico.jsonio import dumps

JSON = (("Content-Type", "application/json"),)
MATCHERS = matchers_named(("method", "path", "body"))


def exchange(question, answer=b"{}", *, headers=JSON, status=200, **rest):
    return Interaction(
        request=RecordedRequest(
            **{"method": "POST", "url": "https://a.example/v1", "headers": JSON} | rest,
            body=dumps(question),
        ),
        response=RecordedResponse(status=status, headers=headers, body=answer),
    )


def tape(*interactions):
    return Cassette(interactions=interactions)


def said(a, b):
    return [f"{change.where}: {change.what}" for change in diff(tape(a), tape(b))]


def test_equal_cassettes_do_not_differ():
    assert diff(tape(exchange({"a": 1})), tape(exchange({"a": 1}))) == []


@pytest.mark.parametrize(
    ("other", "change"),
    [
        ({"question": {"a": 2}}, "request.body /a: 1 != 2"),
        ({"method": "PUT"}, "request.method: POST != PUT"),
        ({"url": "https://b/"}, "request.url: https://a.example/v1 != https://b/"),
        ({"status": 429}, "response.status: 200 != 429"),
        ({"answer": b'{"x": 1}'}, "response.body /x: nothing != 1"),
        ({"answer": b"{ }"}, "response.body: the same JSON, written otherwise"),
        ({"answer": b"{}x"}, "response.body: 2 bytes != 3 bytes, the same as far as they go"),
        ({"answer": b"no"}, "response.body: from byte 0: '{}' != 'no'"),
        ({"headers": (("a", "b"),)}, 'response.headers/a: nothing != "b"'),
    ],
)
def test_a_difference_is_told_with_its_place(other, change):
    assert change in said(exchange({"a": 1}), exchange(**{"question": {"a": 1}} | other))


def test_interactions_that_only_one_cassette_has_are_told():
    one = exchange({})

    assert [c.what for c in diff(tape(one), tape(one, one))] == ["only in the second"]
    assert [c.what for c in diff(tape(one), tape())] == ["only in the first"]


def test_drift_names_what_changed_and_what_nobody_asks_for_any_more():
    recorded = tape(exchange({"q": 1}), exchange({"q": 2, "t": 0}), exchange({"q": 3}))
    today = [exchange({"q": 1}).request, exchange({"q": 2, "t": 1}).request]

    found = drift(recorded, today, MATCHERS)

    assert found.matched == 1
    [changed] = found.changed
    assert (changed.request, changed.closest) == (1, 1)
    assert changed.differs_in == ["body: /t: 0 != 1"] or changed.differs_in == ["body: /t: 1 != 0"]
    assert found.unasked == [1, 2]


def test_each_request_takes_a_recording_of_its_own_and_the_last_repeats():
    recorded = tape(exchange({"q": 1}, b"1"), exchange({"q": 1}, b"2"))
    request = exchange({"q": 1}).request

    assert drift(recorded, [request], MATCHERS).unasked == [1]
    assert drift(recorded, [request] * 3, MATCHERS).unasked == []
    assert drift(recorded, [request] * 3, MATCHERS).matched == 3


def test_nothing_is_close_on_an_empty_tape():
    [changed] = drift(tape(), [exchange({}).request], MATCHERS).changed

    assert changed.closest is None


def test_repeated_interactions_are_those_that_say_nothing_new():
    one, same, other = exchange({"q": 1}), exchange({"q": 1}), exchange({"q": 1}, b"2")

    assert repeated(tape(one, other, same)) == [2]
    assert without(tape(one, other, same), [2]) == tape(one, other)
