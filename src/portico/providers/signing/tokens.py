"""Credentials that are not shown to the provider but exchanged for a token first (RFC 6749).

Pure: what to ask whom, and how to read the answer. Asking is `portico.transport.tokens`.
"""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import msgspec

from portico.errors import UpstreamError, UpstreamKeyRefused, UpstreamUnavailable
from portico.jsonio import JsonError, JsonObject, loads

DEFAULT_LIFETIME_S = 300.0
"""How long a token is taken to be good whose server does not say it."""


class ReadyToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that somebody else keeps fresh, as it is."""

    token: str

    def __repr__(self) -> str:
        return "ReadyToken()"


class TokenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A token in a file that somebody else keeps fresh."""

    path: str


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A form to be posted to a token server.

    `usual`: the server is the vendor's own, and not one that the credential
    names. `file_fields` are to be filled in with the content of files.
    """

    url: str
    form: Mapping[str, str]
    usual: bool
    file_fields: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return "TokenRequest()"

    def body(self, more: Mapping[str, str]) -> bytes:
        """The form as it is sent, with further fields."""
        return urlencode({**self.form, **more}).encode()


Source = ReadyToken | TokenFile | TokenRequest
Exchange = Callable[[str, int], Source | None]
"""(credential, Unix time in ms) -> where its token comes from, None if it is no such credential.

Raises UpstreamKeyRefused with the status 401 for a credential that cannot be used.
"""


def credential_object(credential: str) -> JsonObject | None:
    """The JSON object that a credential of several texts is; None for a plain text.

    Raises:
        UpstreamKeyRefused: it begins like an object and is none.
    """
    if not credential.startswith("{"):
        return None
    try:
        parsed = loads(credential)
    except JsonError:
        raise unusable("it is not a JSON object") from None
    if not all(isinstance(value, str) for value in parsed.values()):
        raise unusable("a value in it is not a text")
    return dict(parsed)


def ready(parts: JsonObject) -> Source | None:
    """The source where the credential has a token itself, or a file with it."""
    if token := parts.get("access_token"):
        return ReadyToken(token=token)
    if path := parts.get("access_token_file"):
        return TokenFile(path=path)
    return None


def part(parts: JsonObject, name: str) -> str:
    """A part that is needed.

    Raises:
        UpstreamKeyRefused: it is missing.
    """
    value = parts.get(name)
    if not value:
        raise unusable(f"it has no {name}")
    return str(value)


def unusable(why: str) -> UpstreamKeyRefused:
    """The failure of a credential that cannot be used; shows nothing of it."""
    return UpstreamKeyRefused(f"The credential cannot be used: {why}.", upstream_status=401)


def read_token(status: int, body: bytes) -> tuple[str, float]:
    """The token in a server's answer, and for how many seconds it is good (RFC 6749, 5).

    Raises:
        UpstreamKeyRefused: it refused.
        UpstreamUnavailable: it did not answer as it should.
    """
    try:
        answer = loads(body)
    except JsonError:
        answer = None
    parts = answer if isinstance(answer, dict) else {}
    token = parts.get("access_token")
    if status == 200 and isinstance(token, str) and token:
        return token, _lifetime_s(parts.get("expires_in"))
    refused = 400 <= status < 500
    code = parts.get("error")
    kind: type[UpstreamError] = UpstreamKeyRefused if refused else UpstreamUnavailable
    raise kind(
        "The provider's token server refused the credential."
        if refused
        else "The provider's token server did not give a token.",
        upstream_status=401 if refused else status,
        raw=body.decode(errors="replace")[:500] or None,
        provider_code=code if isinstance(code, str) else None,
    )


def _lifetime_s(value: object) -> float:
    """Some servers write the number as a text."""
    if isinstance(value, str) and value.isdigit():
        return float(value)
    known = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return float(value) if known else DEFAULT_LIFETIME_S  # type: ignore[arg-type]  # a number
