import base64
import gzip
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.cassette import Cassette, Frame, Interaction, RecordedRequest, RecordedResponse
from portico.cassette.redaction import REDACTED, Redactor

SECRET = "very/secret " + 'with "quotes" and ü'
PLAIN = "canary" + "0123456789"
SSE = (("Content-Type", "text/event-stream"),)


def answered(body, *, sizes=(), headers=SSE, **rest):
    frames = tuple(Frame(size_bytes=size, at_s=n / 10) for n, size in enumerate(sizes))
    return RecordedResponse(status=200, headers=headers, body=body, frames=frames, **rest)


def asked(url="https://a.example/", body=b"", headers=()):
    return RecordedRequest(method="POST", url=url, headers=headers, body=body)


@pytest.mark.parametrize(
    "form",
    [
        SECRET.encode(),
        json.dumps(SECRET, ensure_ascii=False).encode(),
        json.dumps(SECRET, ensure_ascii=False).replace("/", "\\/").encode(),
        json.dumps(SECRET).encode(),
        quote(SECRET, safe="").encode(),
        quote(SECRET, safe="").lower().encode(),
        base64.b64encode(SECRET.encode()),
    ],
)
def test_a_known_secret_is_replaced_however_it_is_escaped(form):
    body = b"before " + form + b" after"

    redacted = Redactor(secrets=[SECRET]).request(asked(body=body)).body

    assert redacted.startswith(b"before ")
    assert redacted.endswith(b" after")
    assert REDACTED.encode() in redacted
    assert b"secret" not in redacted


def test_a_redactor_can_learn_more_secrets():
    redactor = Redactor(secrets=["first-secret"])

    assert redactor.knowing(["first-secret"]) is redactor
    assert redactor.knowing([PLAIN]).text(f"first-secret {PLAIN}") == f"{REDACTED} {REDACTED}"


def test_short_secrets_are_passed_over():
    assert Redactor(secrets=["", "none"]).text("none of it") == "none of it"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-" + "proj-" + "a1" * 12,
        "gsk_" + "b2" * 12,
        "AIza" + "c" * 35,
        "AKIA" + "A1" * 8,
        "ya29." + "d3" * 12,
        ".".join(("eyJ" + "e4" * 8, "eyJ" + "f5" * 8, "g6" * 8)),
        "Bearer " + "h7" * 12,
        "basic " + base64.b64encode(b"user:password1").decode(),
        "postgres://user:" + "passw0rd" + "@db/x",
    ],
)
def test_what_looks_like_a_key_is_replaced_without_being_known(secret):
    said = Redactor().text(f'{{"error": "{secret}"}}')

    assert REDACTED in said
    assert secret.rpartition(" ")[2].rpartition("//")[2].partition("@")[0] not in said
    assert Redactor().findings(secret.encode())


@pytest.mark.parametrize("before", ["x=", "a=b&x=", "X_KEY=", ", ", ":"])
def test_what_looks_like_a_key_is_found_behind_signs(before):
    secret = "sk-" + "or-v1-" + "0123456789abcdef" * 4

    assert secret not in Redactor().text(before + secret)
    assert secret not in Redactor().url(f"https://a.example/v1?x={secret}")


@pytest.mark.parametrize(
    "text",
    ["a risk-averse-approach-to-everything", "the bearer authentication-scheme", "sk-short", "eyJ"],
)
def test_what_does_not_look_like_a_key_stays(text):
    assert Redactor().text(text) == text


def test_patterns_of_the_operator_replace_their_group_or_everything():
    redactor = Redactor(patterns=[r"order (\d+)", r"c\w+@example\.com"])

    assert redactor.text("order 66 for carol@example.com") == f"order {REDACTED} for {REDACTED}"


def test_a_pattern_that_is_none_is_refused():
    with pytest.raises(ValueError, match="is not a regular expression"):
        Redactor(patterns=["("])


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://user:pw@a.example/x", "https://a.example/x"),
        ("https://a.example/x?key=abc&alt=sse", "https://a.example/x?key=redacted&alt=sse"),
        ("https://a.example/x?X-Amz-Signature=abc", "https://a.example/x?X-Amz-Signature=redacted"),
        (f"https://a.example/{PLAIN}?a=b%20c", "https://a.example/redacted?a=b%20c"),
    ],
)
def test_addresses_lose_credentials_and_parameters_that_are_named_like_secrets(url, redacted):
    assert Redactor(secrets=[PLAIN]).url(url) == redacted


def test_only_headers_on_the_list_are_kept():
    headers = (
        ("Authorization", "x"),
        ("Accept", PLAIN),
        ("Cookie", "a=b"),
        ("Content-Type", "a"),
        ("X-Mine", "1"),
    )
    redactor = Redactor(secrets=[PLAIN], request_headers=["x-mine"])

    assert redactor.request(asked(headers=headers)).headers == (
        ("Accept", REDACTED),
        ("Content-Type", "a"),
        ("X-Mine", "1"),
    )
    said = answered(b"", headers=(("Set-Cookie", "a=b"), ("X-RateLimit-Limit", "5"), ("Date", "d")))
    assert [name for name, _ in redactor.response(said).headers] == ["X-RateLimit-Limit", "Date"]


def test_lengths_follow_the_redacted_body():
    redactor = Redactor(secrets=[PLAIN], response_headers=["content-length"])

    said = redactor.response(answered(PLAIN.encode(), headers=(("Content-Length", "16"),)))

    assert said.headers == (("Content-Length", str(len(said.body))),)


def test_a_secret_across_frames_is_replaced_and_the_frames_follow():
    body = b"data: " + PLAIN.encode() + b"\n\ndata: 2\n\n"
    parts = (3, 8, 8, len(body) - 19)

    said = Redactor(secrets=[PLAIN]).response(answered(body, sizes=parts))

    assert said.body == b"data: [redacted]\n\ndata: 2\n\n"
    assert [frame.size_bytes for frame in said.frames] == [3, 13, len(said.body) - 16]
    assert [frame.at_s for frame in said.frames] == [0.0, 0.1, 0.3]


@given(st.lists(st.sampled_from([PLAIN, PLAIN[:5], PLAIN[5:], "x", "\n"]), max_size=12), st.data())
def test_frames_add_up_to_the_redacted_body_wherever_it_was_cut(words, data):
    body = "".join(words).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    sizes = [b - a for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]

    said = Redactor(secrets=[PLAIN]).response(answered(body, sizes=sizes))

    assert sum(frame.size_bytes for frame in said.frames) == len(said.body)
    assert PLAIN.encode() not in said.body


@given(st.text(max_size=30), st.text(max_size=30))
def test_what_is_redacted_once_stays_as_it_is(before, after):
    redactor = Redactor(secrets=[PLAIN])
    once = redactor.request(asked(body=f"{before}{PLAIN}{after}".encode()))

    assert redactor.request(once) == once


def test_a_compressed_body_is_redacted_too():
    headers = (("Content-Encoding", "gzip"), ("Content-Type", "text/plain"))
    packed = gzip.compress(b"it is " + PLAIN.encode())

    said = Redactor(secrets=[PLAIN]).response(answered(packed, headers=headers))

    assert said.body == b"it is [redacted]"
    assert said.headers == (("Content-Type", "text/plain"),)


@pytest.mark.parametrize("body", [gzip.compress(b"x" * 99)[:-12] + b"\0" * 9, b"\xff\xfe"])
def test_a_body_whose_compression_cannot_be_read_is_refused(body):
    coded = "gzip" if body[0] == 0x1F else "br"

    with pytest.raises(ValueError, match="cannot be read"):
        Redactor().response(answered(body, headers=(("content-encoding", coded),)))


def test_a_body_that_was_decompressed_when_it_was_recorded_is_taken_as_it_is():
    said = answered(b"plain", headers=(("content-encoding", "br"),))

    assert Redactor().response(said).body == b"plain"


def test_a_whole_cassette_is_redacted():
    one = Interaction(request=asked(body=PLAIN.encode()), response=answered(PLAIN.encode()))

    [said] = Redactor(secrets=[PLAIN]).cassette(Cassette(interactions=(one,))).interactions

    assert said.request.body == said.response.body == REDACTED.encode()
