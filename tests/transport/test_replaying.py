import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.cassette import (
    Cassette,
    Frame,
    Interaction,
    RecordedRequest,
    RecordedResponse,
    load,
)
from portico.cassette.matching import body, method, path
from portico.errors import CassetteMiss, UpstreamUnavailable
from portico.jsonio import dumps
from portico.ports import UpstreamRequest
from portico.transport.replaying import ReplayingTransport
from portico.vocabulary import Reservation

URL = "https://a.example/v1/chat/completions"
JSON = (("Content-Type", "application/json"),)
SSE = (("Content-Type", "text/event-stream"),)
PAID = Reservation(generation_id="g", key_hash="k", amount_picousd=1)


def taped(question, answer, *, headers=JSON, status=200):
    return Interaction(
        request=RecordedRequest(method="POST", url=URL, headers=JSON, body=dumps({"q": question})),
        response=RecordedResponse(status=status, headers=headers, body=answer),
    )


def replaying(*interactions, **rest):
    return ReplayingTransport([Cassette(name="tape.yaml", interactions=interactions)], **rest)


def ask(transport, question, **rest):
    request = UpstreamRequest(
        **{"method": "POST", "url": URL, "headers": JSON, "body": dumps({"q": question})} | rest
    )
    return transport.open(request, PAID)


async def read(transport, question):
    async with ask(transport, question) as response:
        return await response.read(1000)


async def test_a_recorded_request_gets_its_answer():
    transport = replaying(taped("a", b"1"), taped("b", b"2", status=429))

    async with ask(transport, "b") as response:
        answer = (response.status, response.headers["content-type"], await response.read(10))

    assert answer == (429, "application/json", b"2")


async def test_a_repeated_request_is_answered_in_order_and_the_last_answer_repeats():
    transport = replaying(taped("a", b"1"), taped("b", b"x"), taped("a", b"2"))

    answers = [await read(transport, "a") for _ in range(4)]

    assert answers == [b"1", b"2", b"2", b"2"]


async def test_a_rewound_tape_begins_anew():
    transport = replaying(taped("a", b"1"), taped("a", b"2"))
    first = [await read(transport, "a") for _ in range(2)]

    transport.rewind()

    assert await read(transport, "a") == first[0]


async def test_a_stream_comes_one_event_at_a_time_to_the_byte():
    events = [b"data: 1\n\n", b": note\r\n\r\n", b"\n\n\n", b"data: 2\n\n", b"data: cut"]
    transport = replaying(taped("a", b"".join(events), headers=SSE))

    async with ask(transport, "a") as response:
        chunks = [chunk async for chunk in response.chunks()]

    assert b"".join(chunks) == b"".join(events)
    assert chunks[0] == events[0]
    assert chunks[-1] == events[-1]
    assert len(chunks) == 5


async def test_what_is_no_stream_comes_in_one_chunk():
    transport = replaying(taped("a", b"a\n\nb"), taped("b", b""))

    async with ask(transport, "a") as response:
        whole = [chunk async for chunk in response.chunks()]
    async with ask(transport, "b") as response:
        empty = [chunk async for chunk in response.chunks()]

    assert (whole, empty) == ([b"a\n\nb"], [])


async def test_headers_of_the_recorded_connection_are_not_replayed():
    headers = (
        ("Content-Length", "99"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Encoding", "gzip"),
        ("X-Up", "1"),
        ("x-up", "2"),
    )
    transport = replaying(taped("a", b"", headers=headers))

    async with ask(transport, "a") as response:
        assert response.headers == {"x-up": "1, 2"}


async def test_an_answer_beyond_the_limit_is_refused():
    transport = replaying(taped("a", b"12345"))

    async with ask(transport, "a") as response:
        with pytest.raises(UpstreamUnavailable):
            await response.read(4)


async def test_a_miss_names_the_closest_recording_what_differs_and_what_to_do():
    transport = replaying(taped("a", b"1"), taped("ab", b"2"), hint="Ask for ab.")

    with pytest.raises(CassetteMiss) as miss:
        await read(transport, "b")

    assert miss.value.message == (
        "No recording matches the request: closest is interaction 0 of tape.yaml; "
        'it differs in chat_body: /q: "b" != "a". Ask for ab.'
    )
    assert miss.value.metadata == {
        "recordings": 2,
        "closest": "interaction 0 of tape.yaml",
        "differs_in": ['chat_body: /q: "b" != "a"'],
    }
    assert miss.value.status == 404


async def test_a_miss_without_recordings_says_so():
    transport = ReplayingTransport([])

    with pytest.raises(CassetteMiss, match="the cassette is empty") as miss:
        await read(transport, "a")

    assert miss.value.metadata["closest"] is None


async def test_recordings_are_numbered_within_their_cassette():
    one = Cassette(interactions=(taped("a", b"1"), taped("b", b"2")))
    two = Cassette(name="two.yaml", interactions=(taped("c", b"3"),))

    with pytest.raises(CassetteMiss, match=r"interaction 0 of two\.yaml"):
        ReplayingTransport([one, two], match_on=(method, path, body)).find(
            UpstreamRequest(method="POST", url=URL, headers=JSON, body=b'{"q":"c","x":1}')
        )


async def test_the_first_recording_replays_to_the_byte(seed_text):
    tape = load(seed_text.encode())
    [recorded] = tape.interactions
    transport = ReplayingTransport([tape], match_on=(method, path, body))

    async with ask(transport, "", url=recorded.request.url, body=recorded.request.body) as response:
        chunks = [chunk async for chunk in response.chunks()]

    assert b"".join(chunks) == recorded.response.body
    assert len(chunks) == 7
    await transport.aclose()


@given(st.lists(st.binary(max_size=9), max_size=6))
async def test_a_recorded_stream_comes_in_the_reads_it_came_in(parts):
    frames = tuple(Frame(size_bytes=len(part), at_s=n / 10) for n, part in enumerate(parts))
    one = taped("a", b"".join(parts), headers=SSE)
    response = msgspec.structs.replace(one.response, frames=frames)
    transport = replaying(msgspec.structs.replace(one, response=response))

    async with ask(transport, "a") as answer:
        chunks = [chunk async for chunk in answer.chunks()]

    assert frames == () or chunks == parts
