"""AWS Signature Version 4, and Bedrock's API keys, which need no signature.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from portico.errors import UpstreamKeyRefused
from portico.jsonio import JsonError
from portico.providers.signing.base import Headers, Outgoing, Scheme, with_headers

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "bedrock"
_USUAL_PORTS = {"http": 80, "https": 443}
# What a proxy may change on the way, and what says nothing of the request.
_UNSIGNED = frozenset({"accept", "accept-encoding", "connection", "expect", "user-agent"})
_REGION = re.compile(r"(?<![a-z0-9])[a-z]{2,3}(?:-[a-z]+){1,2}-\d{1,2}(?![a-z0-9])")


class AwsCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """Long-lived or temporary credentials.

    `region` is what requests are signed for; without it, what their host names.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    region: str | None = None

    def __repr__(self) -> str:
        return "AwsCredentials()"


_decode = msgspec.json.Decoder(dict[str, object]).decode


def _sign(request: Outgoing, credential: str, now_ms: int) -> Outgoing:
    """A JSON object is signed with; any other text is an API key and goes as it is."""
    if not credential.startswith("{"):
        return with_headers(request, (("Authorization", f"Bearer {credential}"),))
    credentials = read_credentials(credential)
    region = credentials.region or region_of(urlsplit(request.url).hostname or "")
    if region is None:
        raise _unusable("it has no region, and the provider's address names none")
    return sigv4(request, credentials, region=region, service=_SERVICE, now_ms=now_ms)


SCHEME = Scheme(sign=_sign)


def read_credentials(text: str) -> AwsCredentials:
    """Read a JSON object of credentials; `access_key_id`, `accessKeyId` and `AccessKeyId` are one.

    Raises:
        UpstreamKeyRefused: it is none, or lacks one of the two keys.
    """
    try:
        fields = {name.replace("_", "").lower(): value for name, value in _decode(text).items()}
        return AwsCredentials(
            access_key_id=_text(fields["accesskeyid"]),
            secret_access_key=_text(fields["secretaccesskey"]),
            session_token=_text(fields["sessiontoken"]) if fields.get("sessiontoken") else None,
            region=_text(fields["region"]) if fields.get("region") else None,
        )
    except (*JsonError, LookupError, ValueError):
        raise _unusable(
            "expected an API key, or a JSON object with access_key_id and secret_access_key"
        ) from None


def region_of(host: str) -> str | None:
    """The region that a host name of AWS names.

    >>> region_of("bedrock-runtime.eu-central-1.amazonaws.com"), region_of("127.0.0.1")
    ('eu-central-1', None)
    """
    found = _REGION.search(host)
    return found[0] if found else None


def sigv4(
    request: Outgoing, credentials: AwsCredentials, *, region: str, service: str, now_ms: int
) -> Outgoing:
    """The request with `X-Amz-Date`, the session's token if there is one, and `Authorization`.

    Its URL has to be sent as it stands: path and query are part of what is signed.
    """
    at = datetime.fromtimestamp(now_ms // 1000, UTC)
    stamp = f"{at:%Y%m%dT%H%M%SZ}"
    dated: Headers = (("X-Amz-Date", stamp),)
    if credentials.session_token is not None:
        dated = (*dated, ("X-Amz-Security-Token", credentials.session_token))
    dated_request = with_headers(request, dated)
    canonical, signed_headers = _canonical(dated_request)
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        key = _hmac(key, part)
    proof = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={signed_headers}, Signature={_hmac(key, text).hex()}"
    )
    return with_headers(dated_request, (("Authorization", proof),))


def _canonical(request: Outgoing) -> tuple[str, str]:
    """The canonical request, and the names of the headers in it."""
    parts = urlsplit(request.url)
    values: dict[str, list[str]] = {"host": [_host(request.url)]}
    for name, value in request.headers:
        if name.lower() not in _UNSIGNED:
            values.setdefault(name.lower(), []).append(" ".join(value.split()))
    names = sorted(values)
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    signed_headers = ";".join(names)
    canonical = (
        request.method,
        # as it is sent, and encoded once more: every service but S3 does so
        quote(parts.path or "/", safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in query),
        *(f"{name}:{','.join(values[name])}" for name in names),
        "",
        signed_headers,
        hashlib.sha256(request.body).hexdigest(),
    )
    return "\n".join(canonical), signed_headers


def _host(url: str) -> str:
    """The Host header for a URL, as clients write it: without the usual port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    if parts.port is None or parts.port == _USUAL_PORTS.get(parts.scheme):
        return host
    return f"{host}:{parts.port}"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("not a text")
    return value.strip()


def _unusable(why: str) -> UpstreamKeyRefused:
    return UpstreamKeyRefused(
        f"The provider's credential cannot be used: {why}.", upstream_status=401
    )
