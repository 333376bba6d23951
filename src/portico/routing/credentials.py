"""Which keys a request may use, by name (contract/routing 9)."""

from collections.abc import Iterable, Mapping, Sequence

from portico.errors import InvalidRequest
from portico.jsonio import JsonError, loads
from portico.routing.needs import Credential, fits_pattern

REQUEST_KEY = "request"
"""The name of a key that came with the request itself."""

_MOST_REQUEST_KEYS = 64


def parse_request_keys(header: str | None) -> dict[str, str]:
    """Return the keys of an `X-Provider-API-Keys` header: provider slug to secret.

    Providers named with an empty key are left out: some clients send those.

    Raises:
        InvalidRequest: it is not a JSON object of texts; the message shows none of it.
    """
    if not header:
        return {}
    try:
        keys = loads(header)
    except JsonError:
        keys = None
    if not isinstance(keys, dict) or len(keys) > _MOST_REQUEST_KEYS:
        raise InvalidRequest("X-Provider-API-Keys: expected a JSON object, provider slug to key")
    if not all(isinstance(key, str) for key in keys.values()):
        raise InvalidRequest("X-Provider-API-Keys: every key must be a text")
    return {slug.strip().lower(): key.strip() for slug, key in keys.items() if key.strip()}


def keys_of_caller(
    credentials: Mapping[str, Sequence[Credential]],
    *,
    key_hash: str | None = None,
    user: str | None = None,
    brought: Iterable[str] = (),
    shared_after_brought: bool = False,
) -> dict[str, tuple[Credential, ...]]:
    """Return the credentials this caller may use, by provider slug.

    Args:
        credentials: all there are; only providers with several keys, or with a
            restricted one, need to be in it.
        key_hash: the caller's key of this gateway.
        user: the end user, as the request names it.
        brought: slugs of the providers the request brought a key for.
        shared_after_brought: whether the operator's keys may be used when the
            one that was brought fails. If not, such a provider is asked with
            the brought key only, so that nobody else pays in silence.
    """
    narrowed = {
        slug: tuple(key for key in keys if _is_for(key, key_hash, user))
        for slug, keys in credentials.items()
    }
    for slug in brought:
        own = Credential(
            name=REQUEST_KEY, placement="first", is_byok=True, exclusive=not shared_after_brought
        )
        narrowed[slug] = (own, *narrowed.get(slug, (Credential(name=""),)))
    return narrowed


def usable_keys(keys: Sequence[Credential], model: str) -> tuple[Credential, ...]:
    """Return those of a provider's keys that may be used for `model`, a slug."""
    usable = tuple(
        key
        for key in keys
        if key.models is None or any(fits_pattern(model, pattern) for pattern in key.models)
    )
    if any(key.exclusive for key in usable):
        return tuple(key for key in usable if key.placement != "shared")
    return usable


def _is_for(key: Credential, key_hash: str | None, user: str | None) -> bool:
    if key.key_hashes is not None and key_hash not in key.key_hashes:
        return False
    return key.users is None or user in key.users
