"""Who is asking: from the request's headers to a `Principal`."""

from collections.abc import Mapping

from portico.errors import InvalidKey
from portico.keys import hash_key, is_well_formed
from portico.ports import Store
from portico.vocabulary import ApiKey, Principal

OPERATOR = "user_operator"
"""The owner of every key while one gateway has one operator."""


def presented_key(headers: Mapping[bytes, bytes]) -> str:
    """The secret of a request: the bearer token, else `x-api-key`.

    Raises:
        InvalidKey: there is none.
    """
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and (token := token.strip()):
        return token.decode("latin-1")
    if key := headers.get(b"x-api-key", b"").strip():
        return key.decode("latin-1")
    raise InvalidKey("Missing Authentication header. Send `Authorization: Bearer <key>`.")


async def authenticate(
    headers: Mapping[bytes, bytes],
    store: Store,
    now_ms: int,
    stand_in: ApiKey | None = None,
) -> Principal:
    """Check the key.

    Args:
        headers: of the request, names in lower case.
        store: knows the keys.
        now_ms: the time.
        stand_in: whom every key that is not known acts for; a gateway that
            replays takes any.

    Raises:
        InvalidKey: missing, malformed, unknown, disabled or expired.
    """
    key = await _known(headers, store, stand_in)
    if key.disabled:
        raise InvalidKey("This key is disabled.")
    if key.expires_ms is not None and key.expires_ms <= now_ms:
        raise InvalidKey("This key has expired.")
    return Principal(key=key, user_id=OPERATOR)


async def _known(headers: Mapping[bytes, bytes], store: Store, stand_in: ApiKey | None) -> ApiKey:
    try:
        secret = presented_key(headers)
        key = await store.find_key(hash_key(secret)) if is_well_formed(secret) else None
    except InvalidKey:
        if stand_in is None:
            raise
        key = None
    if key is not None:
        return key
    if stand_in is None:
        raise _unknown()
    return stand_in


def _unknown() -> InvalidKey:
    return InvalidKey(
        "User not found. The key is not one of this gateway; `portico keys create` makes one."
    )
