"""Which providers can be used, given the settings and the environment."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from portico.jsonio import JsonError, dumps, loads
from portico.providers import PROVIDERS, Provider, speaking
from portico.providers.base import SIDE_PATHS
from portico.routing.needs import Credential
from portico.settings.records import (
    ConfigError,
    ProviderSettings,
    ResolvedProviders,
    Secret,
    Settings,
)

_LIKE = {"anthropic_messages": "anthropic"}
"""Dialects whose servers share more than bodies, and a provider that shows what."""

_OF_DIALECT = (
    "chat_path", "stream_path", "auth", "extra_headers", "forwarded_headers", "supported_parameters",
    "reasoning_field", "takes_stream_options",
)  # fmt: skip

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def resolve_providers(settings: Settings, environ: Mapping[str, str]) -> ResolvedProviders:
    """Return the providers that can be used, with their keys.

    A built-in provider is enabled by a key (in the settings, or in one of its
    environment variables), or by a `base_url` in the settings, which may name
    a server that wants no key. A local server is enabled by its section in
    the settings; without one it waits in `local` to be looked for. Providers
    that are not built in are made from the settings.

    Raises:
        ConfigError: a provider is switched on but cannot be used.
    """
    providers: dict[str, Provider] = {}
    secrets: dict[str, Secret] = {}
    local: dict[str, Provider] = {}
    warnings: list[str] = []
    keys: dict[str, list[tuple[Credential, Secret]]] = {}
    known = {
        **PROVIDERS,
        **{slug: _private(slug) for slug in settings.providers if slug not in PROVIDERS},
    }
    for slug, record in known.items():
        said = settings.providers.get(slug)
        if said is not None and said.enabled is False:
            continue
        variable, found = _key_in(record, environ)
        secret = (said.api_key if said else None) or found
        named = said.credentials if said else ()
        keys[slug] = [(Credential(name=""), secret), *named] if secret is not None else list(named)
        if secret is None and named:
            secret = named[0][1]
        if said is None and record.local_port is not None:
            local[slug] = record
            continue
        provider = _overridden(record, said or ProviderSettings(), has_key=secret is not None)
        provider = _addressed(provider, said or ProviderSettings(), environ, secret)
        problem = _why_unusable(provider, said, variable, has_key=secret is not None)
        if problem is None:
            providers[slug] = provider
            if secret is not None:
                secrets[slug] = secret
        elif said is not None and said.enabled:
            raise ConfigError(f"[providers.{slug}] {problem}")
        elif said is not None or variable is not None:
            warnings.append(f"{record.name} is not used: {problem}")
    several = {
        slug: keys[slug]
        for slug, said in settings.providers.items()
        if said.credentials and slug in providers
    }
    return ResolvedProviders(
        providers=providers, secrets=secrets, local=local, warnings=tuple(warnings),
        **_by_name(several),
    )  # fmt: skip


def _by_name(several: Mapping[str, Sequence[tuple[Credential, Secret]]]) -> dict[str, Any]:
    """The fields of `ResolvedProviders` for providers with named keys."""
    return {
        "credentials": {slug: tuple(key for key, _ in named) for slug, named in several.items()},
        "credential_secrets": {
            (slug, key.name): value for slug, named in several.items() for key, value in named
        },
    }


def _key_in(record: Provider, environ: Mapping[str, str]) -> tuple[str | None, Secret | None]:
    """The provider's own key in the environment, and the variable that it was found by."""
    variable = next((name for name in record.key_env if environ.get(name)), None)
    if variable is not None:
        return variable, Secret(environ[variable])
    parts = {part: environ.get(name, "") for part, name in record.key_parts.items()}
    needed = record.key_parts.keys() - record.optional_key_parts
    if not needed or not all(parts[part] for part in needed):
        return _key_file_in(record, environ)
    text = dumps({part: value for part, value in parts.items() if value}).decode()
    return record.key_parts[min(needed)], Secret(text)


def _key_file_in(record: Provider, environ: Mapping[str, str]) -> tuple[str | None, Secret | None]:
    """The key in the file that a variable names; a file that cannot be read is none."""
    variable = next((name for name in record.key_file_env if environ.get(name)), None)
    if variable is None:
        return None, None
    try:
        text = Path(environ[variable]).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    return variable, Secret(text) if text else None


def _private(slug: str) -> Provider:
    return Provider(slug=slug, name=slug, base_url="")


def _overridden(record: Provider, said: ProviderSettings, *, has_key: bool) -> Provider:
    changes: dict[str, Any] = {
        name: value
        for name in ("base_url", "dialect", "chat_path", "auth", "name")
        if (value := getattr(said, name)) is not None
    }
    record = speaking(record, said.dialect or record.dialect)
    if record.slug not in PROVIDERS and said.dialect in _LIKE:
        like = PROVIDERS[_LIKE[said.dialect]]
        changes = {name: getattr(like, name) for name in _OF_DIALECT} | changes
    if said.base_url is not None and not has_key:
        changes["auth"] = "none"
    elif has_key and said.auth is None and record.auth == "none":
        changes["auth"] = "bearer"
    return msgspec.structs.replace(record, **changes)


def _addressed(
    provider: Provider, said: ProviderSettings, environ: Mapping[str, str], secret: Secret | None
) -> Provider:
    """The provider at the address of this account; what nobody says stays in braces."""
    account = _account(provider, said, environ, secret)
    if provider.by_version is not None and "api_version" in account:
        usual_url, chat_path = provider.by_version
        side_urls = {
            name: chat_path.replace(provider.chat_path, path) for name, path in SIDE_PATHS.items()
        }
        provider = msgspec.structs.replace(
            provider,
            base_url=said.base_url or usual_url,
            chat_path=chat_path,
            side_paths={**side_urls, **provider.side_paths},
        )

    def filled(text: str) -> str:
        for part, value in account.items():
            text = text.replace(f"{{{part}}}", value)
        return text

    scheme, separator, rest = filled(provider.base_url).partition("://")
    host, slash, path = rest.partition("/")
    host = provider.renamed_hosts.get(host, host)
    return msgspec.structs.replace(
        provider,
        base_url=scheme + separator + host + slash + path,
        chat_path=filled(provider.chat_path),
        side_paths={name: filled(path) for name, path in provider.side_paths.items()},
    )


def _account(
    provider: Provider, said: ProviderSettings, environ: Mapping[str, str], secret: Secret | None
) -> dict[str, str]:
    """The parts of the address that are known: by the settings, the environment, the key."""
    account: dict[str, str] = {}
    for part, variables in provider.account_env.items():
        found = next((environ[name] for name in variables if environ.get(name)), "")
        value = (
            said.account.get(part) or found or _in_key(provider.account_in_key.get(part), secret)
        )
        value = value or provider.account_defaults.get(part, "")
        if _PART.fullmatch(value):
            account[part] = value
    return account


def _in_key(member: str | None, secret: Secret | None) -> str:
    """A member of a key that is a JSON object; empty where there is none."""
    if member is None or secret is None or not secret.reveal().startswith("{"):
        return ""
    try:
        value = loads(secret.reveal()).get(member)
    except JsonError:
        return ""
    return value if isinstance(value, str) else ""


def _why_unusable(
    provider: Provider, said: ProviderSettings | None, variable: str | None, *, has_key: bool
) -> str | None:
    if not provider.base_url:
        found = f"{variable} is set, but " if variable and said is None else ""
        return f"{found}base_url is missing: it depends on your account"
    if (unknown := _PLACEHOLDER.search(provider.base_url)) is not None:
        part = unknown[1]
        names = " or ".join(provider.account_env.get(part, ()))
        return f'its {part} is not known: set {names} or give account = {{ {part} = "..." }}'
    if provider.auth != "none" and not has_key:
        parts = [
            name
            for part, name in provider.key_parts.items()
            if part not in provider.optional_key_parts
        ]
        ways = [*provider.key_env, *([" and ".join(parts)] if parts else [])]
        names = " or ".join([*ways, *provider.key_file_env])
        return f"it has no key: set {names} or give api_key"
    return None
