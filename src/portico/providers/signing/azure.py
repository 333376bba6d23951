"""Azure OpenAI: keys of a resource, and tokens of Microsoft Entra.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow. A
credential is a key, or a JSON object: of an application (`tenant_id`, `client_id` and
`client_secret`, or `federated_token_file` in the place of the secret), or of a token
(`access_token`, `access_token_file`).
"""

import re

from portico.jsonio import JsonObject
from portico.providers.signing.base import Scheme, in_header
from portico.providers.signing.tokens import (
    Source,
    TokenRequest,
    credential_object,
    part,
    ready,
    unusable,
)

AUTHORITY = "https://login.microsoftonline.com"
SCOPE = "https://cognitiveservices.azure.com/.default"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


def exchange(credential: str, now_ms: int) -> Source | None:
    """Where the token for a credential comes from; None for a key of a resource.

    Raises:
        UpstreamKeyRefused: the credential cannot be used.
    """
    parts = credential_object(credential)
    if parts is None:
        return None
    return ready(parts) or _client_credentials(parts)


def _client_credentials(parts: JsonObject) -> TokenRequest:
    tenant = part(parts, "tenant_id")
    if _TENANT.fullmatch(tenant) is None:
        raise unusable("its tenant_id is not one")
    authority = (parts.get("authority") or AUTHORITY).rstrip("/")
    form = {
        "grant_type": "client_credentials",
        "client_id": part(parts, "client_id"),
        "scope": parts.get("scope") or SCOPE,
    }
    files: dict[str, str] = {}
    if path := parts.get("federated_token_file"):
        form["client_assertion_type"] = _ASSERTION_TYPE
        files["client_assertion"] = path
    else:
        form["client_secret"] = part(parts, "client_secret")
    return TokenRequest(
        url=f"{authority}/{tenant}/oauth2/v2.0/token",
        form=form,
        usual=authority == AUTHORITY,
        file_fields=files,
    )


SCHEME = Scheme(sign=in_header("api-key"), exchange=exchange)
