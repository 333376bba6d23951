"""What a client shows of itself in a request's headers: secrets that no recording may hold."""

from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie

from portico.delivery import Headers
from portico.dialects import DIALECTS
from portico.errors import GatewayError, InvalidRequest
from portico.providers.signing import secrets_in
from portico.routing.credentials import parse_request_keys
from portico.server.asgi import AsgiReply, Send

_KEYS = frozenset({b"x-api-key", b"api-key", b"x-goog-api-key", b"proxy-authorization"})


def shown_secrets(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """The keys, tokens and cookies among a request's headers; names in lower case."""
    found: list[str] = []
    for name, raw in headers:
        value = raw.decode("latin-1").strip()
        if name in {b"authorization", b"proxy-authorization"}:
            found.append(value.partition(" ")[2].strip() or value)
        elif name in _KEYS:
            found.append(value)
        elif name == b"cookie":
            found += _cookies(value)
        elif name == b"x-provider-api-keys":
            found += _brought(value)
    return tuple(found)


def _cookies(value: str) -> list[str]:
    try:
        return [morsel.value for morsel in SimpleCookie(value).values()]
    except CookieError:
        return [value]


def _brought(value: str) -> list[str]:
    try:
        brought = parse_request_keys(value).values()
        return [text for credential in brought for text in secrets_in(credential)]
    except InvalidRequest:
        return [value]


async def refuse(send: Send, error: GatewayError) -> None:
    """Answer with an error before the application was asked."""
    headers: Headers = [(k.lower().encode(), v.encode()) for k, v in error.headers.items()]
    body = DIALECTS["openai_chat"].encode_error(error, None)
    await AsgiReply(send).json(error.status, body, headers)
