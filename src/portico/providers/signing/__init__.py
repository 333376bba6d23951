"""How a request proves to a provider who pays for it: a table of schemes by name.

A provider's record names its scheme (`auth`). A scheme is a pure function of the
request, the credential and the time, so that one that signs bodies and one that sends
a key are called alike.
"""

from collections.abc import Mapping
from urllib.parse import quote

from portico.jsonio import JsonError, loads
from portico.providers.signing import aws_sigv4, azure, google
from portico.providers.signing.base import Headers, Outgoing, Scheme, in_header

__all__ = ["SCHEMES", "Headers", "Outgoing", "Scheme", "secrets_in"]

_SHORTEST_SECRET = 16


def _nothing(request: Outgoing, credential: str, now_ms: int) -> Outgoing:
    return request


def _in_query(request: Outgoing, credential: str, now_ms: int) -> Outgoing:
    joint = "&" if "?" in request.url else "?"
    url = f"{request.url}{joint}key={quote(credential, safe='')}"
    return Outgoing(method=request.method, url=url, headers=request.headers, body=request.body)


SCHEMES: Mapping[str, Scheme] = {
    "none": Scheme(sign=_nothing, constant=True),
    "bearer": Scheme(sign=in_header("Authorization", "Bearer "), constant=True),
    "x-api-key": Scheme(sign=in_header("x-api-key"), constant=True),
    "x-goog-api-key": Scheme(sign=in_header("x-goog-api-key"), constant=True),
    "query-key": Scheme(sign=_in_query),
    "aws-sigv4": aws_sigv4.SCHEME,
    "azure": azure.SCHEME,
    "google-cloud": google.SCHEME,
}
"""Every scheme by the name that records and settings use; "none" sends no key at all."""


def secrets_in(credential: str) -> tuple[str, ...]:
    """What must not be shown of a credential: itself, and the long texts of a JSON object.

    >>> secrets_in("a key"), secrets_in('{"region": "eu-1"}')
    (('a key',), ('{"region": "eu-1"}',))
    """
    parts: object = None
    if credential.startswith("{"):
        try:
            parts = loads(credential)
        except JsonError:
            parts = None
    if not isinstance(parts, dict):
        return (credential,)
    long = (v for v in parts.values() if isinstance(v, str) and len(v) >= _SHORTEST_SECRET)
    return (credential, *long)
