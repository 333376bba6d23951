"""Credentials that are exchanged for tokens: what is asked of whom, and how answers are read."""

import base64
import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers.rsa_vectors import numbers, pem, pkcs8

from portico.errors import UpstreamError, UpstreamKeyRefused, UpstreamUnavailable
from portico.providers.signing import SCHEMES, Outgoing
from portico.providers.signing.rs256 import read_key
from portico.providers.signing.tokens import (
    DEFAULT_LIFETIME_S,
    ReadyToken,
    TokenFile,
    TokenRequest,
    read_token,
)

NOW_MS = 1_700_000_000_123
AZURE, GOOGLE = SCHEMES["azure"].exchange, SCHEMES["google-cloud"].exchange
APPLICATION = {"tenant_id": "contoso.example", "client_id": "app", "client_secret": "s&cret"}
ACCOUNT = {
    "type": "service_account",
    "client_email": "robot@project.example",
    "private_key_id": "k1",
    "private_key": pem(pkcs8(numbers())),
}


def asked(exchange, **parts) -> tuple[TokenRequest, dict[str, str]]:
    """The request for a credential, and the form it sends."""
    source = exchange(json.dumps(parts), NOW_MS)
    assert isinstance(source, TokenRequest)
    return source, {name: value for name, (value,) in parse_qs(source.body({}).decode()).items()}


@pytest.mark.parametrize(
    ("name", "header"), [("azure", "api-key"), ("google-cloud", "x-goog-api-key")]
)
def test_a_plain_key_is_shown_itself(name, header):
    request = Outgoing(method="POST", url="https://a.example", headers=(), body=b"")

    assert SCHEMES[name].exchange("plain", NOW_MS) is None
    assert SCHEMES[name].sign(request, "plain", 0).headers == ((header, "plain"),)


@pytest.mark.parametrize("exchange", [AZURE, GOOGLE])
def test_a_token_of_ones_own_needs_no_exchange(exchange):
    assert exchange('{"access_token":"t"}', 0) == ReadyToken(token="t")
    assert exchange('{"access_token_file":"/run/t"}', 0) == TokenFile(path="/run/t")


def test_an_application_asks_entra():
    request, form = asked(AZURE, **APPLICATION)

    assert request.url == "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    assert request.usual
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": "s&cret",
        "scope": "https://cognitiveservices.azure.com/.default",
    }


def test_clouds_of_their_own_have_their_own_authority_and_scope():
    request, form = asked(AZURE, **APPLICATION, authority="https://login.cloud.example/", scope="x")

    assert request.url == "https://login.cloud.example/contoso.example/oauth2/v2.0/token"
    assert not request.usual
    assert form["scope"] == "x"


def test_a_workload_shows_the_token_in_its_file():
    request, form = asked(
        AZURE, tenant_id="t", client_id="app", federated_token_file="/var/run/token"
    )

    assert request.file_fields == {"client_assertion": "/var/run/token"}
    assert form["client_assertion_type"].endswith(":jwt-bearer")
    assert "client_secret" not in form
    assert b"client_assertion=abc" in request.body({"client_assertion": "abc"})


def test_a_service_account_asks_google_with_a_signed_statement():
    request, form = asked(GOOGLE, **ACCOUNT)

    header, claims, signature = form["assertion"].split(".")
    key = read_key(ACCOUNT["private_key"])
    opened = pow(int.from_bytes(decoded(signature)), key.e, key.n).to_bytes(256)
    assert request.url == "https://oauth2.googleapis.com/token"
    assert request.usual
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert json.loads(decoded(header)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert json.loads(decoded(claims)) == {
        "iss": "robot@project.example",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": 1_700_000_000,
        "exp": 1_700_003_600,
    }
    assert opened.startswith(b"\x00\x01\xff")


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "==")


def test_the_token_server_that_an_account_names_is_the_audience():
    request, form = asked(GOOGLE, **ACCOUNT, token_uri="https://tokens.example/t")

    claims = json.loads(decoded(form["assertion"].split(".")[1]))
    assert (request.url, claims["aud"]) == ("https://tokens.example/t",) * 2
    assert not request.usual


def test_a_user_refreshes():
    parts = {"client_id": "c", "client_secret": "s", "refresh_token": "r"}

    request, form = asked(GOOGLE, type="authorized_user", **parts)

    assert request.url == "https://oauth2.googleapis.com/token"
    assert form == {"grant_type": "refresh_token", **parts}


@pytest.mark.parametrize(
    ("exchange", "parts", "why"),
    [
        (AZURE, "{half", "not a JSON object"),
        (AZURE, '{"tenant_id":5}', "not a text"),
        (AZURE, {**APPLICATION, "tenant_id": "../evil"}, "tenant_id"),
        (AZURE, {**APPLICATION, "tenant_id": ""}, "tenant_id"),
        (AZURE, {**APPLICATION, "client_secret": ""}, "client_secret"),
        (GOOGLE, {**ACCOUNT, "private_key": "hidden"}, "private_key"),
        (GOOGLE, {**ACCOUNT, "client_email": ""}, "client_email"),
        (GOOGLE, {"type": "external_account"}, "type"),
        (GOOGLE, {"type": "authorized_user", "client_id": "c"}, "client_secret"),
    ],
)
def test_a_credential_that_cannot_be_used_says_why_and_shows_nothing(exchange, parts, why):
    credential = parts if isinstance(parts, str) else json.dumps(parts)

    with pytest.raises(UpstreamKeyRefused, match=why) as caught:
        exchange(credential, NOW_MS)

    assert caught.value.upstream_status == 401
    for hidden in ("hidden", "s&cret", "PRIVATE"):
        assert hidden not in str(caught.value)


@given(
    st.dictionaries(
        st.sampled_from([*APPLICATION, *ACCOUNT, "token_uri", "access_token", "authority"]),
        st.text(max_size=9) | st.integers() | st.none() | st.sampled_from(list(ACCOUNT.values())),
    ),
    st.sampled_from([AZURE, GOOGLE]),
)
def test_odd_credentials_are_refused_and_never_crash(parts, exchange):
    try:
        exchange(json.dumps(parts), NOW_MS)
    except UpstreamError as error:
        assert error.upstream_status == 401  # noqa: PT017  # most of them raise


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"access_token": "t", "expires_in": 3599, "token_type": "Bearer"}, ("t", 3599.0)),
        ({"access_token": "t", "expires_in": "3599"}, ("t", 3599.0)),
        ({"access_token": "t"}, ("t", DEFAULT_LIFETIME_S)),
        ({"access_token": "t", "expires_in": -1}, ("t", DEFAULT_LIFETIME_S)),
    ],
)
def test_a_token_and_how_long_it_is_good(body, expected):
    assert read_token(200, json.dumps(body).encode()) == expected


@pytest.mark.parametrize(
    ("status", "body", "as_status"),
    [
        (400, b'{"error":"invalid_grant","error_description":"expired"}', 401),
        (401, b'{"error":"invalid_client"}', 401),
        (503, b"<html>", 503),
        (200, b'{"id_token":"x"}', 200),
        (200, b"[]", 200),
        (200, b'{"access_token":5}', 200),
    ],
)
def test_no_token_is_a_failure_that_says_whose(status, body, as_status):
    with pytest.raises(UpstreamUnavailable) as caught:
        read_token(status, body)

    assert caught.value.upstream_status == as_status
    assert isinstance(caught.value, UpstreamKeyRefused) == (as_status == 401)
    assert caught.value.raw == body.decode()
    if b"invalid" in body:
        assert caught.value.provider_code in {"invalid_grant", "invalid_client"}


def test_nothing_that_is_printed_shows_a_token():
    request, _ = asked(AZURE, **APPLICATION)

    assert "cret" not in repr(request)
    assert "abc" not in repr(ReadyToken(token="abc"))
