"""The schemes that prove who pays: what each adds to a request."""

import pytest

from portico.errors import UpstreamKeyRefused
from portico.ports import UpstreamRequest
from portico.providers.signing import SCHEMES, Outgoing, secrets_in

REQUEST = Outgoing(
    method="POST", url="https://api.example/v1/chat", headers=(("Accept", "*/*"),), body=b"{}"
)
KEY = "a key/with&odd signs"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("bearer", ("Authorization", f"Bearer {KEY}")),
        ("x-api-key", ("x-api-key", KEY)),
        ("x-goog-api-key", ("x-goog-api-key", KEY)),
    ],
)
def test_a_key_in_a_header_stands_behind_the_others(name, header):
    signed = SCHEMES[name].sign(REQUEST, KEY, 0)

    assert signed.headers == (("Accept", "*/*"), header)
    assert (signed.method, signed.url, signed.body) == ("POST", REQUEST.url, b"{}")


@pytest.mark.parametrize("name", ["bearer", "x-api-key", "x-goog-api-key", "azure", "aws-sigv4"])
@pytest.mark.parametrize("character", ["\r\n", "\n", "\0", "\x7f"])
def test_a_key_with_a_control_character_is_refused_as_a_key(name, character):
    key = f"one{character}X-Other: two"

    with pytest.raises(UpstreamKeyRefused, match="control character") as caught:
        SCHEMES[name].sign(REQUEST, key, 0)

    assert "two" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "joint"), [("https://api.example/v1", "?"), ("https://api.example/v1?alt=sse", "&")]
)
def test_a_key_in_the_query_is_escaped(url, joint):
    request = Outgoing(method="POST", url=url, headers=(), body=b"")

    signed = SCHEMES["query-key"].sign(request, KEY, 0)

    assert signed.url == f"{url}{joint}key=a%20key%2Fwith%26odd%20signs"
    assert signed.headers == ()


def test_no_scheme_is_no_change():
    assert SCHEMES["none"].sign(REQUEST, KEY, 0) == REQUEST


@pytest.mark.parametrize("name", [name for name, scheme in SCHEMES.items() if scheme.constant])
def test_a_constant_proof_depends_on_the_credential_alone(name):
    other = Outgoing(method="GET", url="https://b.example", headers=REQUEST.headers, body=b"other")
    sign = SCHEMES[name].sign

    assert sign(REQUEST, KEY, 0).headers == sign(other, KEY, 1_000_000).headers
    assert sign(other, KEY, 0).url == other.url


def test_nothing_that_is_printed_shows_a_key():
    signed = SCHEMES["query-key"].sign(REQUEST, KEY, 0)
    sent = UpstreamRequest(
        method="POST", url=signed.url, headers=SCHEMES["bearer"].sign(REQUEST, KEY, 0).headers,
        body=b"",
    )  # fmt: skip

    for shown in (repr(signed), repr(sent), str(sent)):
        assert "odd" not in shown


@pytest.mark.parametrize(
    ("credential", "hidden"),
    [
        ("plain", ("plain",)),
        ('{"half', ('{"half',)),
        ("[1]", ("[1]",)),
        (
            '{"secret":"0123456789abcdef","region":"eu-1","n":1}',
            ('{"secret":"0123456789abcdef","region":"eu-1","n":1}', "0123456789abcdef"),
        ),
    ],
)
def test_the_texts_inside_a_credential_are_secrets_too(credential, hidden):
    assert secrets_in(credential) == hidden
