"""L8: a client that hangs up is noticed at once; upstream, ledger and gateway show it."""

import asyncio
import gc
import json
import socket
import struct
from collections.abc import Callable

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from portico.simulator import INSTANT, Arrival, Script, Simulator
from portico.simulator.script import Step
from tests.e2e import chat
from tests.e2e.process import Gateway, model, provider

pytestmark = [pytest.mark.io, pytest.mark.asyncio(loop_scope="module")]

NOTICED_WITHIN_S = 0.1
RUNS = 2  # of each way to leave at each moment of each API: 72 in all
FOREVER_S = 60.0
MODEL = "test/slow"
TEXT = "one two three four five six seven eight nine ten"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST


def fin(client: socket.socket) -> None:
    client.close()


def rst(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    client.close()


def half_close(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)


LEAVE = (fin, rst, half_close)


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """An API of the gateway: where it is, how a user is named there, what text comes in."""

    path: str
    asked: Callable[[str], dict]
    text: bytes


HI = [{"role": "user", "content": "Say hi"}]
SURFACES = {
    "chat": Surface(
        path="/chat/completions",
        asked=lambda user: {"messages": HI, "user": user},
        text=b'"content":',
    ),
    "responses": Surface(
        path="/responses",
        asked=lambda user: {"input": "Say hi", "user": user},
        text=b"response.output_text.delta",
    ),
    "messages": Surface(
        path="/messages",
        asked=lambda user: {"messages": HI, "max_tokens": 50, "metadata": {"user_id": user}},
        text=b"text_delta",
    ),
}


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What the client and the upstream are doing when the client goes.

    `after_text`: the client has received some by then; else the upstream has its request.
    """

    step: Step
    stream: bool
    after_text: bool = False
    charged: bool = False


MOMENTS = {
    "before the head": Moment(step=Step(ttft_s=FOREVER_S), stream=True),
    "before the first byte": Moment(step=Step(ttft_s=FOREVER_S, early_head=True), stream=True),
    "in the middle of the stream": Moment(
        step=Step(text=TEXT, ttft_s=0.0, chunk_interval_s=0.02, cut_at_byte=1500, how="stall"),
        stream=True,
        after_text=True,
        charged=True,
    ),
    "waiting for JSON": Moment(step=Step(ttft_s=FOREVER_S), stream=False),
}


class Run(msgspec.Struct, kw_only=True):
    """One client that went away, and how soon its upstream connection was closed."""

    marker: str
    noticed_s: float


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory):
    """A gateway and its simulator, which shares the loop and so the clock of the tests."""
    async with Simulator() as simulator:
        config = provider("sim", simulator.url) + model(MODEL, "sim")
        gateway = Gateway(tmp_path_factory.mktemp("disconnect"), config)
        gateway.start()
        yield gateway, simulator
        gateway.kill()


async def connect(
    gateway: Gateway, marker: str, surface: Surface, *, stream: bool
) -> socket.socket:
    """A client of its own that has sent its request; `marker` is its user."""
    client = socket.socket()
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", gateway.port))
    asked = {"model": MODEL, "stream": stream, **surface.asked(marker)}
    request = json.dumps(asked).encode()
    head = (
        f"POST /api/v1{surface.path} HTTP/1.1\r\nhost: 127.0.0.1:{gateway.port}\r\n"
        f"authorization: Bearer {gateway.key}\r\ncontent-length: {len(request)}\r\n\r\n"
    )
    await loop.sock_sendall(client, head.encode() + request)
    return client


async def read_until(client: socket.socket, wanted: bytes) -> None:
    loop = asyncio.get_running_loop()
    received = b""
    while wanted not in received:
        data = await loop.sock_recv(client, 65536)
        assert data, received
        received += data


def arrived(arrivals: list[Arrival], marker: str) -> Arrival | None:
    return next((one for one in arrivals if marker in one.body), None)


async def hang_up(
    gateway: Gateway,
    simulator: Simulator,
    marker: str,
    moment: Moment,
    leave: Callable[[socket.socket], None],
    surface: Surface = SURFACES["chat"],
) -> Run:
    """Ask, go away at the moment, and see when the upstream's connection closes."""
    client = await connect(gateway, marker, surface, stream=moment.stream)
    try:
        await simulator.until(lambda arrivals: arrived(arrivals, marker) is not None)
        await read_until(client, surface.text if moment.after_text else b"")
        closed_at_s = asyncio.get_running_loop().time()
        leave(client)
        arrival = arrived(simulator.log, marker)
        assert arrival is not None
        await simulator.until(lambda _: arrival.ended is not None)
    finally:
        client.close()
    assert arrival.aborted_at_s is not None
    return Run(marker=marker, noticed_s=arrival.aborted_at_s - closed_at_s)


async def settled(gateway: Gateway, markers: list[str]) -> dict[str, dict]:
    """The rows of the generations with these users; they are booked soon after."""
    async with asyncio.timeout(5):
        while True:
            rows = gateway.rows("SELECT * FROM generations WHERE external_user IS NOT NULL")
            found = {row["external_user"]: row for row in rows}
            if all(marker in found for marker in markers):
                return found
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.parametrize("api", SURFACES)
async def test_a_client_that_hangs_up_closes_the_upstream_connection_and_is_booked(
    scene, api, when
):
    gateway, simulator = scene
    moment = MOMENTS[when]
    ways = {
        f"{api} {when}, {leave.__name__} {run}": leave for leave in LEAVE for run in range(RUNS)
    }
    simulator.set_script(Script(default=moment.step))
    gc.collect()  # of this process, whose clock it is

    runs = [
        await hang_up(gateway, simulator, marker, moment, leave, SURFACES[api])
        for marker, leave in ways.items()
    ]

    rows = await settled(gateway, list(ways))
    late = [run for run in runs if not 0 <= run.noticed_s <= NOTICED_WITHIN_S]
    assert late == []
    for run in runs:
        row = rows[run.marker]
        assert row["cancelled"] == 1
        assert row["error_type"] is None
        assert (row["cost_picousd"] > 0) is moment.charged
        assert (row["usage"] is not None) is moment.charged
    findings = gateway.verify()
    assert (findings["ok"], findings["open_holds"], findings["interrupted"]) == (True, 0, 0)


async def test_text_that_came_before_the_client_left_is_estimated_and_charged(scene):
    gateway, simulator = scene
    moment = MOMENTS["in the middle of the stream"]
    simulator.set_script(Script(default=moment.step))

    await hang_up(gateway, simulator, "early", moment, fin)

    row = (await settled(gateway, ["early"]))["early"]
    usage = json.loads(row["usage"])
    assert usage["estimated"] is True
    assert 1 <= usage["output_tokens"] <= 10
    assert row["cost_picousd"] == row["upstream_cost_picousd"] > 0
    assert row["finish_reason"] is None


async def test_two_hundred_clients_that_hang_up_leave_nothing_behind(scene):
    gateway, simulator = scene
    moment = MOMENTS["before the head"]
    simulator.set_script(Script(default=moment.step))

    async def wave(name: str) -> None:
        markers = [f"{name}-{number}" for number in range(100)]
        await asyncio.gather(
            *(hang_up(gateway, simulator, marker, moment, fin) for marker in markers)
        )
        await settled(gateway, markers)

    await wave("warm")
    before = (gateway.rss_mb, gateway.threads, gateway.descriptors)
    await wave("again")
    after = (gateway.rss_mb, gateway.threads, gateway.descriptors)
    simulator.set_script(INSTANT)
    async with aiohttp.ClientSession() as session:
        answer = await chat.ask(session, gateway.url, gateway.key, chat.body(MODEL))

    assert answer.ended_well
    assert after[0] - before[0] < 10
    assert after[1] == before[1]
    assert after[2] <= before[2] + 1
    assert gateway.err.read_text() == ""
    assert gateway.verify()["open_holds"] == 0


async def test_clients_that_go_right_after_asking_are_no_errors_in_the_log(scene):
    """Most of them are gone while their money is being held: nobody was asked by then."""
    gateway, simulator = scene
    simulator.set_script(INSTANT)

    for number in range(60):
        surface = SURFACES[list(SURFACES)[number % len(SURFACES)]]
        client = await connect(gateway, f"gone-{number}", surface, stream=number % 2 == 0)
        client.close()
    async with aiohttp.ClientSession() as session:
        answer = await chat.ask(session, gateway.url, gateway.key, chat.body(MODEL))

    assert answer.ended_well
    assert gateway.err.read_text() == ""
    findings = gateway.verify()
    assert (findings["ok"], findings["interrupted"]) == (True, 0)
