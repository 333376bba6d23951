"""The same answers to two clients: ours must understand what the well-known one understands."""

import asyncio
import gzip
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portico.errors import UpstreamError
from portico.ports import UpstreamRequest
from portico.transport.http1 import Http1Transport
from portico.transport.live import LiveTransport
from portico.vocabulary import Reservation

pytestmark = pytest.mark.io

PAID = Reservation(generation_id="g", key_hash="k", amount_picousd=1)
STATUSES = (200, 200, 200, 201, 204, 304, 400, 401, 404, 429, 500, 503, 529)
NAMES = ("Content-Type", "X-Request-Id", "retry-after", "Server", "Set-Cookie", "X-A")
ENCODERS = {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}
quietly = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@st.composite
def well_formed(draw):
    """A whole answer, in bytes."""
    status = draw(st.sampled_from(STATUSES))
    printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
    headers = [f"{n}: {draw(printable)}" for n in draw(st.lists(st.sampled_from(NAMES)))]
    body = draw(st.binary(max_size=600)) if status not in {204, 304} else b""
    encoding = draw(st.sampled_from(["", "", "", *ENCODERS]))
    if body and encoding:
        headers.append(f"Content-Encoding: {encoding}")
        body = ENCODERS[encoding](body)
    version = draw(st.sampled_from(["1.1", "1.1", "1.0"]))
    framing = draw(st.sampled_from(["length", "close", "chunked"]))
    if status in {204, 304}:
        pass
    elif framing == "chunked" and version == "1.1":
        headers.append("Transfer-Encoding: chunked")
        body = chunked(draw, body)
    elif framing == "length":
        headers.append(f"Content-Length: {len(body)}")
    draw(st.randoms(use_true_random=False)).shuffle(headers)
    interim = "".join(
        f"HTTP/1.1 {code} Wait\r\nLink: x\r\n\r\n"
        for code in draw(st.lists(st.sampled_from([100, 102, 103]), max_size=2))
    )
    head = "\r\n".join([f"HTTP/{version} {status} Said", *headers, "", ""])
    return (interim + head).encode() + body


def chunked(draw, body):
    out = b""
    while body:
        size = draw(st.integers(1, len(body)))
        extension = draw(st.sampled_from([b"", b";a", b';a="b c"']))
        out += b"%x%b\r\n%b\r\n" % (size, extension, body[:size])
        body = body[size:]
    return (
        out
        + b"0\r\n"
        + draw(st.sampled_from([b"", b"X-Sum: 1\r\n", b"A: b\r\nC: d\r\n"]))
        + b"\r\n"
    )


@st.composite
def malformed(draw):
    """An answer with something cut off, taken out, put in or altered; or nothing like one."""
    answer = draw(well_formed())
    place = draw(st.integers(0, len(answer)))
    extra = draw(
        st.sampled_from(
            [b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]
        )
        | st.binary(min_size=1, max_size=8)
    )
    match draw(st.sampled_from(["cut", "take", "put", "alter", "noise"])):
        case "cut":
            return answer[:place]
        case "take":
            return answer[:place] + answer[place + draw(st.integers(1, 20)) :]
        case "put":
            return answer[:place] + extra + answer[place:]
        case "alter":
            return answer[:place] + extra + answer[place + len(extra) :]
    return draw(st.binary(max_size=100))


splits = st.lists(st.integers(1, 400), max_size=6)


def outcome_of(transport, answer, sizes):
    """(status, body, error class) of an exchange with a server that says `answer` and closes."""

    served = asyncio.Event()

    async def serve(reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            rest = answer
            for size in sizes:
                writer.write(rest[:size])
                rest = rest[size:]
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            writer.write(rest)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            served.set()

    async def exchange():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        request = UpstreamRequest(method="POST", url=url, headers=(), body=b"{}")
        client = transport()
        status = None
        try:
            async with asyncio.timeout(10), client.open(request, PAID) as response:
                status = response.status
                return status, await response.read(1 << 20), None
        except UpstreamError as error:
            return status, b"", type(error)
        finally:
            await client.aclose()
            await served.wait()
            server.close()
            await server.wait_closed()

    return asyncio.run(exchange())


@quietly
@given(well_formed(), splits)
def test_a_well_formed_answer_means_the_same_to_both(answer, sizes):
    ours = outcome_of(Http1Transport, answer, sizes)

    assert ours == outcome_of(LiveTransport, answer, [])
    assert ours[2] is None


@quietly
@given(malformed(), splits)
def test_a_malformed_answer_means_the_same_to_both_or_is_an_error_to_ours(answer, sizes):
    ours = outcome_of(Http1Transport, answer, sizes)

    if ours[2] is None and ours != outcome_of(LiveTransport, answer, sizes):
        # The well-known client may fail because of what follows a complete answer.
        assert any(
            ours == outcome_of(LiveTransport, answer[:size], []) for size in range(len(answer))
        )


@pytest.mark.parametrize("transport", [Http1Transport, LiveTransport])
@pytest.mark.parametrize(
    "target", ["/model/a.b-v1%3A0/converse", "/v1/chat?alt=sse", "/model/arn%3Aaws%2Fx/converse"]
)
async def test_both_send_an_escaped_path_as_it_stands(transport, target):
    """A signature covers the path: an escape that is undone on the way is refused."""
    heads: list[bytes] = []

    async def serve(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 Done\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = transport()
    request = UpstreamRequest(
        method="POST", url=f"http://127.0.0.1:{port}{target}", headers=(), body=b""
    )
    async with client.open(request, PAID) as answer:
        assert answer.status == 204
    await client.aclose()
    server.close()

    assert heads[0].startswith(f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode())
