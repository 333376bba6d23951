"""RS256 by the RFC's vector, and private keys that are not what they should be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers.rsa_vectors import (
    CLAIMS,
    HEADER,
    SIGNATURE,
    P,
    Q,
    der,
    integer,
    numbers,
    pem,
    pkcs1,
    pkcs8,
)

from portico.providers.signing.rs256 import base64url, jwt, read_key, sign

KEY = read_key(pem(pkcs8(numbers())))


def test_the_vector_of_rfc_7515_comes_out():
    token = jwt(KEY, HEADER, CLAIMS)

    assert token.rpartition(".")[2] == SIGNATURE
    assert token.startswith("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog")


def test_both_forms_of_pem_give_the_same_key():
    assert read_key(pem(pkcs1(numbers()), "RSA ")) == KEY
    assert read_key("# a comment\r\n" + pem(pkcs8(numbers())).replace("\n", "\r\n")) == KEY


@given(st.binary(max_size=300))
def test_every_signature_is_the_message_when_it_is_opened(message):
    signature = sign(KEY, message)

    opened = pow(int.from_bytes(signature), KEY.e, KEY.n).to_bytes(256)
    assert len(signature) == 256
    assert opened.startswith(b"\x00\x01\xff\xff")
    assert sign(KEY, message + b"x") != signature


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a key",
        pem(b""),
        pem(pkcs8(numbers(), algorithm="2a8648ce3d0201")),  # an elliptic curve
        pem(pkcs8(numbers())).replace("M", "*", 1),
        pem(pkcs8(numbers())[:-5]),
        pem(pkcs8({**numbers(), "p": P + 2})),
        pem(pkcs8({**numbers(), "d": -5})),
        pem(pkcs8(numbers(p=(1 << 89) - 1, q=(1 << 107) - 1))),  # far too short
        pem(der(0x30, integer(2) + pkcs1(numbers())[4:]), "RSA "),
        pem(b"\x30\x80\x00\x00"),
    ],
)
def test_what_is_no_usual_rsa_key_is_refused(text):
    with pytest.raises(ValueError, match=r"key|base64|ASN|DER"):
        read_key(text)


@pytest.mark.parametrize("name", ["e", "dp", "dq", "qinv"])
def test_a_number_that_would_only_cost_time_is_refused(name):
    larger = {**numbers(), name: 1 << 20_000 | 1}

    with pytest.raises(ValueError, match="not a usual RSA key"):
        read_key(pem(pkcs8(larger)))


def test_primes_of_very_different_lengths_are_refused():
    with pytest.raises(ValueError, match="not a usual RSA key"):
        read_key(pem(pkcs8(numbers(p=P, q=(1 << 1279) - 1))))


def test_a_key_that_is_too_long_to_sign_with_in_passing_is_refused():
    with pytest.raises(ValueError, match="length"):
        read_key(pem(pkcs8(numbers(p=(1 << 2203) - 1, q=(1 << 2281) - 1))))


def test_numbers_that_do_not_belong_together_sign_nothing():
    bad = read_key(pem(pkcs8({**numbers(), "dq": numbers()["dq"] + 2})))

    with pytest.raises(ValueError, match="belong together"):
        sign(bad, b"text")


@given(st.binary(max_size=60))
def test_der_of_any_kind_is_refused_and_never_crashes(data):
    with pytest.raises(ValueError, match=r"key|ASN|DER"):
        read_key(pem(b"\x30" + data))


def test_a_key_does_not_print_itself():
    assert str(P)[:9] not in repr(KEY)
    assert str(Q)[:9] not in repr(KEY)


def test_base64_is_for_urls_and_without_padding():
    assert base64url(b"\xfb\xff\xfe?") == b"-__-Pw"
