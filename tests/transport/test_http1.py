"""The client against servers that are scripted byte by byte: what is written, what is understood."""

import asyncio
import socket
import ssl
import subprocess

import pytest

from portico.errors import UpstreamTimeout, UpstreamUnavailable
from portico.transport.http1 import Http1Transport
from tests.transport.scripted import (
    CHUNKED,
    OK,
    PAID,
    TEXT,
    answering,
    ask,
    request,
    serving,
    within,
)

pytestmark = pytest.mark.io


async def test_the_request_is_written_as_asked_with_host_and_length():
    async with serving(answering(OK)) as server:
        await ask(server, headers=(("Authorization", "Bearer k"), ("X-A", "ü")), body=b'{"a":1}')

    [(head, body)] = server.connections[0].requests
    host = server.url.split("/")[2]
    assert head.decode().split("\r\n") == [
        "POST /v1/chat?a=b HTTP/1.1",
        f"Host: {host}",
        "Authorization: Bearer k",
        "X-A: ü",
        "Content-Length: 7",
        "",
        "",
    ]
    assert body == b'{"a":1}'


async def test_what_frames_the_request_cannot_be_given_and_a_given_host_is_taken():
    given = (
        ("Content-Length", "99"),
        ("transfer-encoding", "chunked"),
        ("Connection", "close"),
        ("HOST", "a.example"),
    )

    async with serving(answering(OK)) as server:
        await ask(server, headers=given)

    assert server.connections[0].requests == [
        (b"POST /v1/chat?a=b HTTP/1.1\r\nHOST: a.example\r\nContent-Length: 2\r\n\r\n", b"{}")
    ]


async def test_credentials_in_the_url_are_sent_as_basic_unless_others_are_given():
    async with serving(answering(OK, OK)) as server:
        server.url = server.url.replace("//", "//me:p%40ss@")
        await ask(server)
        await ask(server, headers=(("Authorization", "Bearer k"),))

    heads = [head for head, _ in server.connections[0].requests]
    assert b"\r\nAuthorization: Basic bWU6cEBzcw==\r\n" in heads[0]
    assert heads[1].count(b"uthorization") == 1


@pytest.mark.parametrize("poison", ["a\r\nX-B: 1", "a\nb", "a\rb", "a\0b"])
@pytest.mark.parametrize("place", ["name", "value", "method"])
async def test_nothing_is_sent_when_a_header_would_break_out_of_its_line(poison, place):
    rest = {
        "name": {"headers": ((poison, "1"),)},
        "value": {"headers": (("X-A", poison),)},
        "method": {"method": poison},
    }[place]

    async with serving(answering(OK)) as server:
        with pytest.raises(UpstreamUnavailable):
            await ask(server, **rest)

    assert server.connections == []


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "http:///x", "nonsense", "http://a:b/", "http://a/\r\nX: 1"]
)
async def test_what_is_no_url_of_ours_is_unavailable(url):
    client = Http1Transport()

    with pytest.raises(UpstreamUnavailable):
        async with client.open(request(url), PAID):
            pass


@pytest.mark.parametrize("pieces", [0, 1, 2, 3, 7, 64])
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (CHUNKED, b"hello small wrld!!"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(TEXT), TEXT), TEXT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"ok"),
    ],
    ids=["chunked", "length", "zero", "204", "304", "1xx"],
)
async def test_an_answer_does_not_depend_on_how_it_was_split_and_frees_its_connection(
    answer, body, pieces
):
    async with serving(answering(answer, answer, pieces=pieces)) as server:
        answers = [await within(ask(server)) for _ in range(2)]

    assert answers == [(int(answer.split(b" ")[1]) if b"100" not in answer else 200, body)] * 2
    assert len(server.connections) == 1


@pytest.mark.parametrize("pieces", [0, 1, 7])
@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n"])
async def test_a_body_without_a_length_ends_with_the_connection(head, pieces):
    async with serving(answering(head + TEXT, pieces=pieces, close=True)) as server:
        assert await within(ask(server)) == (200, TEXT)


async def test_the_answer_to_head_has_no_body_whatever_it_says():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"

    async with serving(answering(answer)) as server:
        assert await within(ask(server, method="HEAD", body=b"")) == (200, b"")


async def test_where_nobody_listens_the_provider_cannot_be_reached():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"

        with pytest.raises(UpstreamUnavailable, match="cannot be reached"):
            async with Http1Transport().open(request(url), PAID):
                pass


async def test_a_connection_that_is_not_ready_in_time_is_a_timeout_and_is_closed():
    async def script(connection):
        await connection.gone()
        went.set()

    went = asyncio.Event()
    async with serving(script) as server:  # it never greets
        server.url = server.url.replace("http:", "https:")
        with pytest.raises(UpstreamTimeout, match="did not accept the connection in time"):
            await within(ask(server, connect_within_s=0.05))
        await within(went.wait())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for 127.0.0.1, made for this run."""
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
        " -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    )
    try:
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    except OSError:
        pytest.skip("there is no openssl")
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return served, ssl.create_default_context(cafile=folder / "cert.pem")


async def test_https_is_spoken_with_who_is_trusted_and_connections_are_kept(certificate):
    served, trusting = certificate

    async with serving(answering(OK, CHUNKED), tls=served, client_tls=trusting) as server:
        answers = [await within(ask(server)) for _ in range(2)]

    assert answers == [(200, b"ok"), (200, b"hello small wrld!!")]
    assert len(server.connections) == 1


async def test_who_is_not_trusted_gets_no_request(certificate):
    served, _ = certificate

    async with serving(answering(OK), tls=served) as server:
        with pytest.raises(UpstreamUnavailable, match="TLS"):
            await within(ask(server))

    assert [connection.requests for connection in server.connections] in ([], [[]])
