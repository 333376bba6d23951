"""How a request proves to a provider who pays for it."""

from portico.providers.base import Provider


def auth_headers(provider: Provider, secret: str | None) -> tuple[tuple[str, str], ...]:
    """Return the headers that carry the provider's key; none where it wants none."""
    if secret is None or provider.auth == "none":
        return ()
    if provider.auth == "x-api-key":
        return (("x-api-key", secret),)
    if provider.auth == "x-goog-api-key":
        return (("x-goog-api-key", secret),)
    return (("Authorization", f"Bearer {secret}"),)
