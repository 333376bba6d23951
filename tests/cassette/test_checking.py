import pytest

from portico.cassette import Cassette, Frame, Interaction, RecordedRequest, RecordedResponse
from portico.cassette.checking import check
from portico.cassette.redaction import Redactor

JSON = (("Content-Type", "application/json"),)
SSE = (("Content-Type", "text/event-stream"),)


def found(url="https://a.example/", **answer):
    one = Interaction(
        request=RecordedRequest(method="GET", url=url),
        response=RecordedResponse(**{"status": 200, "body": b"a"} | answer),
    )
    return [(f.kind, f.problem) for f in check(Cassette(interactions=(one,)), Redactor())]


def frames(*times):
    return tuple(Frame(size_bytes=1, at_s=at_s) for at_s in times)


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        ({}, []),
        ({"body": b""}, [("empty", False)]),
        ({"status": 0}, [("status", True)]),
        ({"status": 0, "ended": "error", "failure": "timeout"}, [("ended", False)]),
        ({"ended": "aborted"}, [("ended", False)]),
        ({"status": 0, "ended": "aborted", "body": b""}, [("ended", False)]),
        ({"frames": frames(2, 1)}, [("frames", True)]),
        ({"headers": JSON, "body": b"{"}, [("json", False)]),
        ({"headers": JSON, "body": b"{}"}, []),
        ({"headers": SSE, "body": b"data: 1"}, [("stream", False)]),
        ({"headers": SSE, "body": b"data: 1\n\n"}, []),
        ({"body": b"\xff", "headers": (("content-encoding", "br"),)}, [("encoding", True)]),
        ({"body": b"sk-" + b"a1" * 12}, [("secret", False)]),
        ({"url": "nowhere"}, [("url", True)]),
    ],
)
def test_what_is_found(answer, kinds):
    assert found(**answer) == kinds


def test_a_secret_that_is_found_is_not_told():
    secret = b"sk-" + b"a1" * 12
    one = Interaction(
        request=RecordedRequest(method="GET", url="https://a.example/", body=secret),
        response=RecordedResponse(status=200, body=b"a"),
    )

    [finding] = check(Cassette(interactions=(one,)), Redactor())

    assert "request.body" in finding.message
    assert secret.decode() not in finding.message
