"""Google Cloud: service accounts, users and API keys.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest. A
credential is the JSON file that Google gives, of a service account or of a user, or a
token; any other text is an API key.
"""

from portico.jsonio import JsonObject, dumps
from portico.providers.signing.base import Scheme, in_header
from portico.providers.signing.rs256 import jwt, read_key
from portico.providers.signing.tokens import (
    Source,
    TokenRequest,
    credential_object,
    part,
    ready,
    unusable,
)

TOKEN_URL = "https://oauth2.googleapis.com/token"
_USUAL = frozenset({TOKEN_URL, "https://accounts.google.com/o/oauth2/token"})
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME_S = 3600  # the longest that is taken


def exchange(credential: str, now_ms: int) -> Source | None:
    """Where the token for a credential comes from; None for an API key.

    Raises:
        UpstreamKeyRefused: the credential cannot be used.
    """
    parts = credential_object(credential)
    if parts is None:
        return None
    if (source := ready(parts)) is not None:
        return source
    if parts.get("type") == "authorized_user":
        names = ("client_id", "client_secret", "refresh_token")
        form = {"grant_type": "refresh_token", **{name: part(parts, name) for name in names}}
    elif parts.get("type", "service_account") == "service_account":
        form = {"grant_type": _JWT_BEARER, "assertion": assertion(parts, now_ms)}
    else:
        raise unusable("its type is neither service_account nor authorized_user")
    url = parts.get("token_uri") or TOKEN_URL
    return TokenRequest(url=url, form=form, usual=url in _USUAL)


def assertion(parts: JsonObject, now_ms: int) -> str:
    """The signed statement of a service account that it is itself.

    Raises:
        UpstreamKeyRefused: a part is missing, or the private key cannot be read.
    """
    issued_s = now_ms // 1000
    header = {"alg": "RS256", "typ": "JWT"}
    if key_id := parts.get("private_key_id"):
        header["kid"] = key_id
    claims = {
        "iss": part(parts, "client_email"),
        "scope": _SCOPE,
        "aud": parts.get("token_uri") or TOKEN_URL,
        "iat": issued_s,
        "exp": issued_s + _LIFETIME_S,
    }
    try:
        return jwt(read_key(part(parts, "private_key")), dumps(header), dumps(claims))
    except ValueError as error:
        raise unusable(f"its private_key: {error}") from None


SCHEME = Scheme(sign=in_header("x-goog-api-key"), exchange=exchange)
