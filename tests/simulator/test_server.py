"""The simulator on real sockets, asked with raw HTTP so that nothing hides what is sent."""

import asyncio

import aiohttp
import pytest
import uvloop

from portico.jsonio import dumps, loads
from portico.simulator import INSTANT, Arrival, Script, Simulator, Step

pytestmark = pytest.mark.io

STALL_S = 600.0
ASKED = {"model": "m", "messages": [{"role": "user", "content": "Say hi"}]}
STREAMED = {**ASKED, "stream": True}


def instant(*steps, **rest):
    return Script(ttft_s=0.0, chunk_interval_s=0.0, steps=steps, **rest)


def raw_request(body, *, version="1.1", headers=""):
    data = dumps(body)
    return (
        f"POST /v1/chat/completions HTTP/{version}\r\nHost: s\r\n{headers}"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    ).encode() + data


async def connect(simulator, body=ASKED, **rest):
    """Send a request and return the two ends of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    writer.write(raw_request(body, **rest))
    await writer.drain()
    return reader, writer


def dechunk(data):
    """The body inside chunked framing, and whether its end marker came."""
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return body, True
        body, data = body + data[:length], data[length + 2 :]
    return body, False


async def post(simulator, body, path="/chat/completions"):
    async with (
        aiohttp.ClientSession() as session,
        session.post(simulator.url + path, json=body) as response,
    ):
        return response.status, response.headers, await response.read()


async def test_it_answers_json_and_keeps_the_connection():
    async with Simulator(INSTANT) as simulator:
        reader, writer = await connect(simulator)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        first = loads(await reader.readexactly(length))
        writer.write(raw_request(ASKED))
        again = await reader.readuntil(b"\r\n\r\n")
        writer.close()

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert first["choices"][0]["message"]["content"].endswith("You said: Say hi")
    assert again.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_it_streams_with_chunked_framing():
    async with Simulator(instant(Step(text="Hi there!"))) as simulator:
        status, headers, body = await post(simulator, STREAMED)

    assert status == 200
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Transfer-Encoding"] == "chunked"
    assert body.endswith(b"data: [DONE]\n\n")


async def test_an_http_1_0_client_gets_its_stream_until_the_connection_closes():
    async with Simulator(instant(Step(text="Hi"))) as simulator:
        reader, writer = await connect(simulator, STREAMED, version="1.0")
        answer = await reader.read()
        writer.close()

    assert b"transfer-encoding" not in answer
    assert answer.endswith(b"data: [DONE]\n\n")


async def test_requests_sent_ahead_are_answered_in_order():
    async with Simulator(instant(Step(text="one"), Step(text="two"))) as simulator:
        reader, writer = await connect(simulator)
        writer.write(raw_request(ASKED, headers="Connection: close\r\n"))
        answers = await reader.read()
        writer.close()

    assert answers.index(b'"one"') < answers.index(b'"two"')


async def test_a_client_that_expects_to_be_asked_on_is():
    async with Simulator(INSTANT) as simulator:
        reader, writer = await connect(simulator, headers="Expect: 100-continue\r\n")
        line = await reader.readline()
        writer.close()

    assert line == b"HTTP/1.1 100 Continue\r\n"


async def test_what_is_no_http_is_refused():
    async with Simulator(INSTANT) as simulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_the_log_tells_what_arrived_but_not_the_key():
    async with Simulator(INSTANT) as simulator:
        secret = "Authorization: Bearer the-key\r\nX-Other: the-key\r\nUser-Agent: t\r\n"
        reader, writer = await connect(simulator, headers=secret)
        await reader.readuntil(b"\r\n\r\n")
        await simulator.until(lambda log: log[0].ended is not None)
        writer.close()
        [arrival] = simulator.log

    assert arrival.authorized
    assert arrival.headers["user-agent"] == "t"
    assert "the-key" not in repr(arrival)
    assert (arrival.model, arrival.status, arrival.ended) == ("m", 200, "complete")
    assert loads(arrival.body.encode()) == ASKED
    assert arrival.received_at_s <= arrival.first_byte_at_s <= arrival.finished_at_s
    assert arrival.bytes_sent > 100


async def test_the_log_forgets_the_oldest_beyond_its_limit():
    async with Simulator(INSTANT, log_limit=2) as simulator:
        for _ in range(3):
            await post(simulator, ASKED)
        numbers = [arrival.number for arrival in simulator.log]

    assert numbers == [1, 2]


async def cut_stream(how, cut_at_byte):
    """Return the body that came, whether it was whole and reset, and the arrival."""
    step = Step(text="word " * 50, cut_at_byte=cut_at_byte, how=how)
    async with Simulator(instant(step)) as simulator:
        reader, writer = await connect(simulator, STREAMED)
        received, was_reset = b"", False
        try:
            while data := await reader.read(65536):
                received += data
        except ConnectionResetError:
            was_reset = True
        writer.close()
        [arrival] = simulator.log
    return (*dechunk(received.partition(b"\r\n\r\n")[2]), was_reset, arrival)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("cut_at_byte", [0, 1, 100, 777])
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_stream_is_cut_after_exactly_so_many_bytes(how, cut_at_byte, run):
    body, complete, was_reset, arrival = run(cut_stream(how, cut_at_byte))

    assert (len(body), complete) == (cut_at_byte, False)
    assert was_reset is (how == "rst")
    assert (arrival.ended, arrival.bytes_sent) == ("cut", cut_at_byte)


async def test_a_json_answer_is_cut_short_of_the_length_it_announced():
    async with Simulator(instant(Step(cut_at_byte=20))) as simulator:
        reader, writer = await connect(simulator)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()

    assert len(body) == 20
    assert b"content-length: 20\r\n" not in head


async def test_a_connection_can_end_before_the_status_line():
    async with Simulator(instant(Step(cut_at_byte=-1, early_head=True))) as simulator:
        reader, writer = await connect(simulator)
        answer = await reader.read()
        writer.close()

    assert answer == b""


async def test_a_cut_beyond_the_end_is_never_reached():
    async with Simulator(instant(Step(text="Hi", cut_at_byte=1_000_000))) as simulator:
        _, _, body = await post(simulator, STREAMED)

    assert body.endswith(b"data: [DONE]\n\n")


async def test_a_stall_stays_open_until_the_client_gives_up():
    async with Simulator(
        instant(Step(text="word " * 50, cut_at_byte=100, how="stall"))
    ) as simulator:
        reader, writer = await connect(simulator, STREAMED)
        await reader.readuntil(b"\r\n\r\n")
        await simulator.until(lambda log: log[0].bytes_sent == 100)
        before = simulator.log[0].ended
        writer.close()
        await simulator.until(lambda log: log[0].ended is not None)
        [arrival] = simulator.log

    assert before is None
    assert (arrival.ended, arrival.bytes_sent, arrival.finished_at_s) == ("aborted", 100, None)


def hang_up(writer):
    writer.close()


def hang_up_halfway(writer):
    writer.write_eof()


def reset(writer):
    writer.transport.abort()


async def leave_early(step, leave):
    """Return the arrival of a client that left, and when it did."""
    async with Simulator(instant(step)) as simulator:
        _, writer = await connect(simulator, STREAMED)
        await simulator.until(lambda log: len(log) == 1)
        left_at_s = asyncio.get_running_loop().time()
        leave(writer)
        await simulator.until(lambda log: log[0].ended is not None)
        [arrival] = simulator.log
        writer.close()
    return arrival, left_at_s


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("leave", [hang_up, hang_up_halfway, reset])
@pytest.mark.parametrize(
    "step",
    [Step(ttft_s=STALL_S), Step(ttft_s=STALL_S, early_head=True), Step(chunk_interval_s=STALL_S)],
    ids=["before the head", "before the first token", "between two tokens"],
)
def test_a_client_that_leaves_is_noticed_while_the_answer_waits(step, leave, run):
    arrival, left_at_s = run(leave_early(step, leave))

    assert arrival.ended == "aborted"
    assert arrival.finished_at_s is None
    assert arrival.aborted_at_s >= left_at_s


async def test_a_client_that_does_not_read_is_waited_for():
    async with Simulator(instant(Step(text="word " * 200_000))) as simulator:
        reader, writer = await connect(simulator, STREAMED, headers="Connection: close\r\n")
        await simulator.until(lambda log: bool(log) and log[0].first_byte_at_s is not None)
        received = await reader.read()
        writer.close()
        await simulator.until(lambda log: log[0].ended is not None)

    assert received.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


async def test_the_script_can_be_replaced_and_the_log_emptied_over_http():
    async with Simulator(INSTANT) as simulator, aiohttp.ClientSession() as session:
        door = simulator.url.removesuffix("/v1")
        await post(simulator, ASKED)
        await session.post(door + "/__script", json={"ttft_s": 0, "default": {"status": 503}})
        status, _, _ = await post(simulator, ASKED)
        async with session.get(door + "/__log") as response:
            logged = await response.json()
        await session.delete(door + "/__log")
        emptied = simulator.log

    assert status == 503
    assert [arrival["status"] for arrival in logged] == [200, 503]
    assert emptied == []


async def test_a_wrong_script_is_refused_and_changes_nothing():
    async with Simulator(INSTANT) as simulator, aiohttp.ClientSession() as session:
        door = simulator.url.removesuffix("/v1")
        async with session.post(door + "/__script", json={"stepz": []}) as response:
            refused, reason = response.status, await response.text()
        status, _, _ = await post(simulator, ASKED)

    assert refused == 400
    assert "stepz" in reason
    assert status == 200


async def test_it_lists_its_models():
    async with (
        Simulator(instant(models=("a", "b"))) as simulator,
        aiohttp.ClientSession() as session,
        session.get(simulator.url + "/models") as response,
    ):
        listed = await response.json()

    assert [model["id"] for model in listed["data"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/embeddings", ASKED, 404),
        ("/chat/completions", [], 400),
        ("/chat/completions", {"model": "m"}, 400),
    ],
)
async def test_what_it_cannot_answer_is_refused_in_openais_shape(path, body, status):
    async with Simulator(INSTANT) as simulator:
        answered, _, refusal = await post(simulator, body, path)

    assert answered == status
    assert set(loads(refusal)["error"]) == {"message", "type", "param", "code"}


async def test_any_path_can_be_scripted_with_a_raw_body():
    step = Step(path="/embeddings", body='{"data":[]}')
    async with Simulator(instant(step)) as simulator:
        status, _, body = await post(simulator, ASKED, "/embeddings")

    assert (status, body) == (200, b'{"data":[]}')


async def test_a_read_of_another_path_is_not_found():
    async with (
        Simulator(INSTANT) as simulator,
        aiohttp.ClientSession() as session,
        session.get(simulator.url + "/files") as response,
    ):
        status = response.status

    assert status == 404


async def test_a_new_start_of_the_same_script_gives_the_same_answers():
    script, ids = Script(seed=3, ttft_s=0, chunk_interval_s=0), []
    for _ in range(2):
        async with Simulator(script) as simulator:
            ids.append([loads((await post(simulator, ASKED))[2])["id"] for _ in range(3)])

    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


async def test_waiting_for_what_does_not_come_ends():
    async with Simulator(INSTANT) as simulator:
        with pytest.raises(TimeoutError):
            await simulator.until(bool, timeout_s=0.01)


async def test_closing_drops_open_streams_and_can_be_repeated():
    simulator = Simulator(instant(Step(ttft_s=STALL_S)))
    async with simulator:
        reader, writer = await connect(simulator, STREAMED)
        await simulator.until(lambda log: len(log) == 1)
    await simulator.aclose()

    try:
        rest = await reader.read()
    except ConnectionResetError:
        rest = b""
    writer.close()

    assert rest == b""


def test_an_address_of_version_six_is_put_in_brackets():
    assert Simulator(host="::1", port=8401).url == "http://[::1]:8401/v1"


def test_an_arrival_shows_no_headers_that_might_be_secret():
    assert Arrival(number=0, method="GET", path="/", received_at_s=0.0).headers == {}
