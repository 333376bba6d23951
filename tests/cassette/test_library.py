import asyncio

import pytest

from portico.cassette import Cassette, Interaction, RecordedRequest, RecordedResponse
from portico.cassette.library import Library
from portico.cassette.matching import body, method, path
from portico.cassette.redaction import Redactor
from portico.errors import CassetteMiss
from portico.jsonio import dumps

JSON = (("Content-Type", "application/json"),)
SECRET = "canary" + "0123456789"


def asked(question, url="https://a.example/v1"):
    return RecordedRequest(method="POST", url=url, headers=JSON, body=dumps({"q": question}))


def library(*pairs, **rest):
    interactions = tuple(
        Interaction(request=asked(q), response=RecordedResponse(status=200, body=a))
        for q, a in pairs
    )
    return Library([Cassette(name="tape.yaml", interactions=interactions)], **rest)


async def test_requests_at_the_same_time_each_take_a_recording_of_their_own():
    answers = [b"%d" % n for n in range(50)]
    taped = library(*(("a", answer) for answer in answers))

    async def ask():
        await asyncio.sleep(0)
        return taped.find(asked("a")).response.body

    assert sorted(await asyncio.gather(*(ask() for _ in answers))) == sorted(answers)


def test_sequences_of_different_requests_do_not_disturb_each_other():
    taped = library(("a", b"1"), ("b", b"x"), ("a", b"2"), ("b", b"y"))

    said = [taped.find(asked(q)).response.body for q in "abbaab"]

    assert said == [b"1", b"x", b"y", b"2", b"2", b"y"]


def test_asking_whether_something_is_known_uses_nothing_up():
    taped = library(("a", b"1"), ("a", b"2"))

    assert taped.knows(asked("a"))
    assert not taped.knows(asked("b"))
    assert taped.find(asked("a")).response.body == b"1"
    assert len(taped) == 2


def test_both_sides_are_compared_as_redaction_leaves_them():
    taped = library(("tell [redacted]", b"1"), redactor=Redactor())

    assert taped.find(asked(f"tell {SECRET}"), [SECRET]).response.body == b"1"
    with pytest.raises(CassetteMiss):
        taped.find(asked(f"tell {SECRET}"))


def test_a_recording_that_holds_secrets_is_found_by_a_request_that_holds_others():
    key, other = ("sk-" + letter * 24 for letter in ("a1", "b2"))
    taped = library((key, b"1"), redactor=Redactor())

    assert taped.find(asked(other)).response.body == b"1"


def test_a_miss_tells_no_secret():
    taped = library(("b", b"1"), redactor=Redactor(), match_on=(method, path, body))

    with pytest.raises(CassetteMiss) as missed:
        taped.find(asked(SECRET), [SECRET])

    assert SECRET not in str(missed.value)
    assert missed.value.metadata["closest"] == "interaction 0 of tape.yaml"
    assert missed.value.metadata["differs_in"] == ['body: /q: "[redacted]" != "b"']
