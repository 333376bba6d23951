"""AWS Signature Version 4 against the values that AWS published."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from portico.errors import UpstreamUnavailable
from portico.providers.signing import SCHEMES, Outgoing, secrets_in
from portico.providers.signing.aws_sigv4 import AwsCredentials, read_credentials, region_of, sigv4

# The credentials of the published test suite, in parts so that no scanner takes them for real.
PUBLISHED = AwsCredentials(
    access_key_id="AKID" + "EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG+" + "bPxRfiCYEXAMPLEKEY",
)
SESSION = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfp"
    "SPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQ"
    "DYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+s"
    "cqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
NOW_MS = int(datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp() * 1000)
HOST = "https://example.amazonaws.com"
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SPACES = (("My-Header1", " value1"), ("My-Header2", ' "a   b   c"'))

# name in the suite: method, path, headers, body, signature
SUITE = {
    "get-vanilla": (
        "GET", "/", (), b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-vanilla-empty-query-key": (
        "GET", "/?Param1=value1", (), b"",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    "get-vanilla-query-order-key-case": (
        "GET", "/?Param2=value2&Param1=value1", (), b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-vanilla-utf8-query": (
        "GET", "/?\u1234=bar", (), b"",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    "get-unreserved": (
        "GET", "/" + UNRESERVED, (), b"",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    "get-utf8": (
        "GET", "/\u1234", (), b"",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    "get-header-value-trim": (
        "GET", "/", SPACES, b"",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "post-vanilla": (
        "POST", "/", (), b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "post-x-www-form-urlencoded": (
        "POST", "/", FORM, b"Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
}  # fmt: skip


def proof_of(request: Outgoing, credentials: AwsCredentials, service: str = "service") -> str:
    signed = sigv4(request, credentials, region="us-east-1", service=service, now_ms=NOW_MS)
    return dict(signed.headers)["Authorization"]


@pytest.mark.parametrize("name", SUITE)
def test_the_published_suite(name):
    method, path, headers, body, signature = SUITE[name]

    proof = proof_of(
        Outgoing(method=method, url=HOST + path, headers=headers, body=body), PUBLISHED
    )

    assert proof.startswith(
        f"AWS4-HMAC-SHA256 Credential={PUBLISHED.access_key_id}/20150830/us-east-1/service/"
        "aws4_request, SignedHeaders="
    )
    assert proof.endswith(f", Signature={signature}")


def test_the_published_suites_session_token_is_signed():
    """`post-sts-header-before`."""
    credentials = msgspec.structs.replace(PUBLISHED, session_token=SESSION)
    request = Outgoing(method="POST", url=HOST + "/", headers=(), body=b"")

    proof = proof_of(request, credentials)

    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in proof
    assert proof.endswith("85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead")


def test_the_worked_example_of_the_documentation():
    """ListUsers of IAM, which the general reference works through step by step."""
    kind = (("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),)
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"

    proof = proof_of(Outgoing(method="GET", url=url, headers=kind, body=b""), PUBLISHED, "iam")

    assert "SignedHeaders=content-type;host;x-amz-date," in proof
    assert proof.endswith("5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


REQUEST = Outgoing(
    method="POST",
    url="https://bedrock-runtime.eu-west-3.amazonaws.com/model/a%3A0/converse",
    headers=(("Content-Type", "application/json"), ("User-Agent", "portico/1")),
    body=b"{}",
)
PARTS = {
    "access_key_id": PUBLISHED.access_key_id,
    "secret_access_key": PUBLISHED.secret_access_key,
}


def sign(credential: str, request: Outgoing = REQUEST) -> dict[str, str]:
    return dict(SCHEMES["aws-sigv4"].sign(request, credential, NOW_MS).headers)


def test_an_api_key_is_sent_as_it_is():
    assert sign("bedrock-key")["Authorization"] == "Bearer bedrock-key"


@pytest.mark.parametrize(
    "names",
    [
        ("access_key_id", "secret_access_key", "session_token"),
        ("accessKeyId", "secretAccessKey", "sessionToken"),
        ("AccessKeyId", "SecretAccessKey", "SessionToken"),
    ],
)
def test_every_spelling_of_aws_tools_is_read(names):
    values = ("AKID", "secret", "token")
    text = json.dumps({"Version": 1, **dict(zip(names, values, strict=True)), "Expiration": "x"})

    credentials = read_credentials(text)

    assert (credentials.access_key_id, credentials.secret_access_key) == ("AKID", "secret")
    assert credentials.session_token == "token"


def test_the_region_comes_from_the_host_unless_the_credential_names_one():
    from_host = sign(json.dumps(PARTS))["Authorization"]
    named = sign(json.dumps({**PARTS, "region": "us-west-2"}))["Authorization"]

    assert "/20150830/eu-west-3/bedrock/aws4_request" in from_host
    assert "/20150830/us-west-2/bedrock/aws4_request" in named
    assert "SignedHeaders=content-type;host;x-amz-date," in from_host


def test_a_signature_depends_on_everything_that_is_signed():
    variants = [
        REQUEST,
        msgspec.structs.replace(REQUEST, body=b"{ }"),
        msgspec.structs.replace(REQUEST, url=REQUEST.url + "-stream"),
        msgspec.structs.replace(REQUEST, url=REQUEST.url.replace("%3A", ":")),
        msgspec.structs.replace(REQUEST, url=REQUEST.url.replace(".com/", ".com:8443/")),
    ]

    proofs = {sign(json.dumps(PARTS), request)["Authorization"] for request in variants}

    assert len(proofs) == len(variants)
    same = msgspec.structs.replace(REQUEST, headers=(*REQUEST.headers, ("Accept", "*/*")))
    assert sign(json.dumps(PARTS), same)["Authorization"] in proofs


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("vpce-0a-1b.bedrock-runtime.ap-southeast-12.vpce.amazonaws.com", "ap-southeast-12"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("localhost", None),
        ("gateway.example", None),
    ],
)
def test_the_region_is_read_off_a_host(host, region):
    assert region_of(host) == region


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"access_key_id": "AKID"}',
        '{"access_key_id": "AKID", "secret_access_key": ""}',
        '{"access_key_id": 1, "secret_access_key": "canary-of-the-secret"}',
        '{"access_key_id": "AKID", "secret_access_key": "canary-of-the-secret", "session_token": 7}',
    ],
)
def test_a_credential_that_is_not_whole_is_refused_without_being_shown(text):
    with pytest.raises(UpstreamUnavailable) as refused:
        sign(text)

    assert refused.value.upstream_status == 401
    assert "canary" not in refused.value.message
    assert refused.value.__cause__ is None


def test_without_any_region_the_message_says_so():
    request = msgspec.structs.replace(REQUEST, url="http://127.0.0.1:1/model/a/converse")

    with pytest.raises(UpstreamUnavailable, match="region"):
        sign(json.dumps(PARTS), request)


def test_nothing_prints_a_secret():
    text = json.dumps({**PARTS, "session_token": SESSION})

    assert PUBLISHED.secret_access_key not in repr(read_credentials(text))
    assert {PUBLISHED.secret_access_key, SESSION} <= set(secrets_in(text))
