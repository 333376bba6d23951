"""Reads the settings: command line over environment over file over defaults."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from portico.catalog import (
    RESERVED_SUFFIXES,
    EndpointDeclaration,
    usd_per_million_to_picousd,
    usd_to_picousd,
)
from portico.jsonio import dumps
from portico.ports import Deadlines
from portico.providers import PROVIDERS
from portico.providers.signing import SCHEMES
from portico.routing.budget import RetryPolicy
from portico.routing.health import HealthPolicy
from portico.routing.needs import Credential, Placement
from portico.routing.preferences import Quantization
from portico.routing.routers import RouterLists
from portico.settings.records import (
    ConfigError,
    Count,
    DeadlineSettings,
    LimitSettings,
    Origin,
    ProviderSettings,
    RecordingSettings,
    RoutingSettings,
    Seconds,
    Secret,
    ServerSettings,
    Settings,
    StreamSettings,
    Weight,
)
from portico.settings.source import KeyPath, Source, did_you_mean, field_type
from portico.vocabulary import OutputModality, Pricing, ServiceTier

DEFAULT_FILE: Final = "portico.toml"

SECTIONS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "server": ServerSettings,
    "stream": StreamSettings,
    "limits": LimitSettings,
    "deadlines": DeadlineSettings,
    "retries": RetryPolicy,
    "health": HealthPolicy,
    "routing": RoutingSettings,
    "router": RouterLists,
    "recordings": RecordingSettings,
}
"""The sections of plain keys, by name."""

ENVIRONMENT: Final[Mapping[str, tuple[str, str]]] = {
    "PORTICO_HOST": ("server", "host"),
    "PORTICO_PORT": ("server", "port"),
    "PORTICO_DATA_DIR": ("server", "data_dir"),
    "PORTICO_WIRE_PROFILE": ("stream", "wire_profile"),
    "PORTICO_STREAM_TAIL": ("stream", "stream_tail"),
}
"""Environment variables that stand for a key: section and key by name."""

_PROVIDER_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]*")


def load_settings(
    *,
    environ: Mapping[str, str],
    path: str | None = None,
    host: str | None = None,
    port: int | None = None,
    data_dir: str | None = None,
    with_keys: bool = True,
    no_key: Secret | None = None,
) -> Settings:
    """Read the settings.

    Args:
        environ: the environment variables.
        path: the file to read; else `PORTICO_CONFIG`, else `./portico.toml`
            if it exists.
        host: command-line value, over everything else; likewise `port` and `data_dir`.
        with_keys: read the providers' keys; without them nothing can be called.
        no_key: stands for a provider's key that is not there; None refuses to go on.

    Raises:
        ConfigError: a file is missing, or something cannot be used.
    """
    named = path or environ.get("PORTICO_CONFIG") or None
    source = Source.read(named or DEFAULT_FILE, needed=named is not None)
    source.check_sections((*SECTIONS, "providers", "models", "aliases"))
    flags = {("server", "host"): host, ("server", "port"): port, ("server", "data_dir"): data_dir}
    origins: dict[str, Origin] = {}
    sections: dict[str, Any] = {}
    for section, kind in SECTIONS.items():
        values = source.section(section, kind)
        origins |= dict.fromkeys((f"{section}.{key}" for key in kind.__struct_fields__), "default")
        origins |= dict.fromkeys((f"{section}.{key}" for key in values), "file")
        for variable, (place, key) in ENVIRONMENT.items():
            if place == section and environ.get(variable):
                values[key] = _from_text(variable, environ[variable], field_type(kind, key))
                origins[f"{section}.{key}"] = "env"
        for (place, key), value in flags.items():
            if place == section and value is not None:
                values[key] = _from_text(f"--{key.replace('_', '-')}", value, field_type(kind, key))
                origins[f"{section}.{key}"] = "flag"
        sections[section] = kind(**values)
    providers = dict(_providers(source, Keys(environ, no_key) if with_keys else None))
    for slug in providers:
        origins |= dict.fromkeys(
            (f"providers.{slug}.{key}" for key in source.keys("providers", slug)), "file"
        )
    server: ServerSettings = sections["server"]
    home = environ.get("HOME")
    sections["server"] = msgspec.structs.replace(server, data_dir=_expand(server.data_dir, home))
    sections["deadlines"] = Deadlines(**msgspec.structs.asdict(sections["deadlines"]))
    return Settings(
        **sections,
        providers=providers,
        models=tuple(_models(source, providers)),
        aliases=_aliases(source),
        origins=origins,
        warnings=tuple(source.warnings),
        path=source.name if source.exists else None,
    )


def _expand(path: Path, home: str | None) -> Path:
    text = str(path)
    if home and (text == "~" or text.startswith("~/")):
        return Path(home + text[1:])
    return path.expanduser()


def _from_text(name: str, value: object, wanted: Any) -> Any:
    if wanted is Path:
        return Path(str(value))
    try:
        return msgspec.convert(value, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {error}, got {str(value)!r}") from None


class CredentialTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of `credentials` of a provider as written; what it means stands at `ProviderTable`."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    api_key: str | dict[str, str]
    byok: bool = False
    placement: Placement = "shared"
    exclusive: bool = False
    sort_order: int = 0
    models: tuple[str, ...] | None = None
    keys: frozenset[str] | None = None
    users: frozenset[str] | None = None


class ProviderTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[providers.<slug>]` as written: changes a built-in provider, or names a server of yours.

    Attributes:
        base_url: where the API is, up to and without `/chat/completions`.
            Needed for a slug that is not built in, and for providers whose
            address depends on the account.
        api_key: the key: "env:NAME", "file:/path", or itself, which is warned
            about. A table of such texts where one is not enough, for AWS
            `{ access_key_id = "env:ID", secret_access_key = "env:SECRET" }`, for
            Azure `{ tenant_id = "env:A", client_id = "env:B", client_secret = "env:C" }`.
            Unset: the provider's own environment variables. A
            `base_url` of yours without a key is called without one.
        dialect: the family of the API. Unset: the provider's own,
            "openai_chat" for a server of yours.
        chat_path: the path behind `base_url`, where it is not the usual one of the
            dialect; "{model}" in it stands for the model.
        auth: how the key is sent: "bearer", "x-api-key", "x-goog-api-key",
            "query-key", "aws-sigv4", "azure" or "google-cloud". Unset: the provider's own, "bearer" for
            a server of yours.
        account: parts of a built-in address that depend on your account, for
            example `{ region = "eu-central-1" }`. Unset: the provider's own
            environment variables.
        name: what clients see in `provider`.
        enabled: `false` switches it off even where a key is found; `true`
            stops the start if it cannot be used. Unset: used if it can be.
        zdr: whether it retains no data, for requests that demand it. Unset: not
            known, and such requests go elsewhere.
        trains: whether it collects data or trains on it. Unset: not known, and
            requests with `data_collection: "deny"` go elsewhere.
        region: where it processes data, for `data_region`: "eu", "us" or a word of
            yours. Unset: not known.
        is_moderated: whether it judges prompts by their content before the model reads
            them. What one provider refused on such grounds goes to those that do not
            judge, and to no other that does. Unset: not known; one of those is asked.
        weight: multiplies its chance to be asked first, 1 if unset; with 0 it
            is a fallback only.
        priority: providers of a lower number are asked before those of a higher
            one, 0 if unset.
        credentials: further keys, tried in turn after `api_key`. Tables with
            `name` and `api_key`, and optionally `models` (patterns), `keys`
            (hashes of the gateway's keys) and `users`, which restrict a key;
            `placement` "first", "shared" or "fallback", with `sort_order`
            among the first ones; `byok` for a key that callers pay themselves;
            `exclusive` to use no shared key beside it.
    """

    base_url: str | None = None
    api_key: str | dict[str, str] | None = None
    dialect: str | None = None
    chat_path: str | None = None
    auth: str | None = None
    account: dict[str, str] = {}
    name: str | None = None
    enabled: bool | None = None
    zdr: bool | None = None
    trains: bool | None = None
    region: str | None = None
    is_moderated: bool | None = None
    weight: Weight | None = None
    priority: int | None = None
    credentials: tuple[CredentialTable, ...] = ()


class Keys(NamedTuple):
    """Where providers' keys come from, and what stands for one that is not there."""

    environ: Mapping[str, str]
    stand_in: Secret | None = None


def _providers(source: Source, keys: Keys | None) -> Iterator[tuple[str, ProviderSettings]]:
    """The sections `[providers.<slug>]`; without `keys` theirs are left out."""
    tables = source.document.get("providers", {})
    if not isinstance(tables, dict):
        raise source.fail(("providers",), "[providers]", "must be a table")
    for slug, table in tables.items():
        path, section = ("providers", slug), f"[providers.{slug}]"
        values = source.table(path, section, table, ProviderTable)
        if not _PROVIDER_SLUG.fullmatch(slug):
            raise source.fail(path, section, "a slug has lower-case letters, digits and dashes")
        if slug not in PROVIDERS and "base_url" not in values:
            hint = difflib.get_close_matches(slug, PROVIDERS, n=1)
            meant = f' (did you mean "{hint[0]}"?)' if hint else ""
            raise source.fail(
                path, section, f"is not a built-in provider, so it needs base_url{meant}"
            )
        enabled = values.get("enabled") is not False
        if enabled and keys is not None and values.get("api_key") is not None:
            values["api_key"] = _secret(source, (*path, "api_key"), values["api_key"], keys)
        else:
            values.pop("api_key", None)
        further = values.pop("credentials", ())
        if enabled and keys is not None:
            values["credentials"] = tuple(_credentials(source, path, further, keys))
        if (auth := values.get("auth")) is not None and auth not in SCHEMES:
            near = did_you_mean(auth, sorted(SCHEMES))
            raise source.fail((*path, "auth"), section, f'"auth": not known{near}')
        if (url := values.get("base_url")) is not None:
            if not re.fullmatch(r"https?://[^\s/].*", url):
                raise source.fail((*path, "base_url"), section, '"base_url": not an http(s) URL')
            values["base_url"] = url.rstrip("/")
        yield slug, ProviderSettings(**values)


def _credentials(
    source: Source,
    path: KeyPath,
    tables: Sequence[CredentialTable],
    keys: Keys,
) -> Iterator[tuple[Credential, Secret]]:
    names: set[str] = set()
    for table in tables:
        place = (*path, "credentials")
        if table.name in names:
            raise source.fail(place, f"[{path[0]}.{path[1]}]", f'two keys are named "{table.name}"')
        names.add(table.name)
        credential = Credential(
            name=table.name,
            placement=table.placement,
            is_byok=table.byok,
            exclusive=table.exclusive,
            sort_order=table.sort_order,
            models=table.models,
            key_hashes=table.keys,
            users=table.users,
        )
        yield credential, _secret(source, place, table.api_key, keys)


_OPEN_PARTS = frozenset(
    {"region", "authority", "scope", "access_token_file", "federated_token_file"}
)
"""Parts of a key that are no secret: they stand in the file as they are."""


def _secret(source: Source, path: KeyPath, said: str | Mapping[str, str], keys: Keys) -> Secret:
    """Return the secret that is referred to; one of several texts as a JSON object of them."""
    if isinstance(said, str):
        return _secret_text(source, path, said, keys)
    parts = {
        name: text if name in _OPEN_PARTS else _secret_text(source, path, text, keys).reveal()
        for name, text in said.items()
    }
    return Secret(dumps(parts).decode())


def _secret_text(source: Source, path: KeyPath, text: str, keys: Keys) -> Secret:
    """Return the secret that `text` refers to: `env:NAME`, `file:/path`, or a literal one."""
    section = f"[providers.{path[1]}]"
    kind, separator, name = text.partition(":")
    if separator and kind == "env":
        value = keys.environ.get(name, "")
        missing = f"the environment variable {name} is not set"
    elif separator and kind == "file":
        missing = f"the file {name} is empty or cannot be read"
        try:
            value = Path(name).expanduser().read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            value = ""
    else:
        value, missing = text.strip(), "is empty"
        source.warnings.append(
            f'{source.name}: {section} has its key in the file; write "env:NAME" or "file:/path"'
        )
    if not value:
        if keys.stand_in is not None:
            return keys.stand_in
        raise source.fail(path, section, f'"api_key": {missing}')
    return Secret(value)


class ModelTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[[models]]` as written: a model that a provider serves. `price` is a table of its own.

    One for a model and provider that the catalogue has already changes what is
    said and leaves the rest.

    Attributes:
        id: the slug that clients ask for, `author/name`.
        provider: slug of a built-in provider or of a `[providers.<slug>]`.
        upstream_model: what the provider calls the model. Unset: the `id`.
        context_tokens: window for prompt and output. Unset: not known, and no
            request is refused for it.
        max_completion_tokens: most output tokens of one answer.
        supported_parameters: request parameters that it takes, by the names in
            `GET /models`; others are not sent to it. Unset: the provider's.
        input_modalities: what it reads: "text", "image", "file", "audio",
            "video". Unset: not known, and no request is refused for it.
        output_modalities: what it gives: "text", "image", "audio", "embeddings",
            "rerank", "speech", "transcription". Unset: text only.
        dialect: the family of the API that it is called by, for a model that its provider
            serves by another one than the rest. Unset: the provider's.
        tag: names one of several endpoints of the provider, as its slug and a
            suffix: "acme/eu", "acme/turbo". Unset: the slug alone.
        service_tier: the tier of the endpoint, which requests have to ask for;
            its `tag` has a suffix, usually the tier's name. Unset: the default tier.
        quantization: of the weights. Unset: not known.
        zdr: whether the endpoint retains no data; before what is said of the provider.
        trains: whether it collects data, likewise.
        region: where it processes data, likewise.
        is_moderated: whether prompts are judged by their content, likewise.
        distillable: whether the model's author allows to train other models on
            its output. Unset: not known, which counts as no.
        weight: multiplies the chance to be asked first, before what is said of
            the provider.
        priority: lower numbers are asked first, likewise.
        first_byte_s: seconds to the first token of a stream, whatever was measured.
            Unset: that of `[deadlines]`, or `thinking_first_byte_s` where it thinks.
    """

    id: str
    provider: str
    upstream_model: str | None = None
    context_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    supported_parameters: frozenset[str] | None = None
    input_modalities: frozenset[str] | None = None
    output_modalities: frozenset[OutputModality] | None = None
    dialect: str | None = None
    tag: str | None = None
    service_tier: ServiceTier | None = None
    quantization: Quantization | None = None
    zdr: bool | None = None
    trains: bool | None = None
    region: str | None = None
    is_moderated: bool | None = None
    distillable: bool | None = None
    weight: Weight | None = None
    priority: int | None = None
    first_byte_s: Seconds | None = None


class PriceTable(msgspec.Struct, frozen=True, kw_only=True):
    """`price` of a model: USD per million tokens, exact to the sixth decimal; "0" is free.

    Written as text, "0.15"; a number is taken digit by digit. Without it the
    price is not known, and the model is refused rather than counted as free.

    Attributes:
        prompt: prompt tokens. Of a speech model whose `completion` is "0": characters.
        completion: output tokens, reasoning included.
        cache_read: prompt tokens read from a cache. Unset: as `prompt`.
        cache_write: prompt tokens written to a cache. Unset: as `prompt`.
        cache_write_1h: those written for an hour. Unset: as `cache_write`.
        input_audio: audio tokens of the prompt. Unset: as `prompt`. Of a transcription
            model whose `prompt` and `completion` are "0": seconds.
        output_audio: audio tokens of the output. Unset: as `completion`.
        input_image: image tokens of the prompt. Unset: as `prompt`.
        output_image: image tokens of the output. Unset: as `completion`.
        request: USD for each request, beside its tokens; for each image, or each
            search unit, of models that are billed so.
    """

    prompt: str
    completion: str
    cache_read: str | None = None
    cache_write: str | None = None
    cache_write_1h: str | None = None
    input_audio: str | None = None
    output_audio: str | None = None
    input_image: str | None = None
    output_image: str | None = None
    request: str = "0"


def _models(
    source: Source, providers: Mapping[str, ProviderSettings]
) -> Iterator[EndpointDeclaration]:
    entries = source.document.get("models", [])
    if not isinstance(entries, list):
        raise source.fail(("models",), "[[models]]", "must be a list of tables: write [[models]]")
    for position, entry in enumerate(entries):
        path, section = ("models", position), "[[models]]"
        table = dict(source.entries(path, section, entry, (*ModelTable.__struct_fields__, "price")))
        price = table.pop("price", None)
        values = source.table(path, section, table, ModelTable)
        for key in ("id", "provider"):
            if not values.get(key):
                raise source.fail(path, section, f'"{key}" is missing')
        if values["id"].rpartition(":")[2] in RESERVED_SUFFIXES and ":" in values["id"]:
            raise source.fail((*path, "id"), section, '"id": ends in a reserved suffix')
        known = [*PROVIDERS, *providers]
        if values["provider"] not in known:
            named = values["provider"]
            told = f'"provider": "{named}" is not known{did_you_mean(named, known)}'
            raise source.fail((*path, "provider"), section, told)
        tag = values.get("tag")
        if tag is not None and not _is_tag(tag, values["provider"]):
            raise source.fail(
                (*path, "tag"), section, f'"tag": must begin with "{values["provider"]}/"'
            )
        if values.get("service_tier") is not None and tag in {None, values["provider"]}:
            raise source.fail(
                path, section, '"tag" is missing: a service tier needs one of its own'
            )
        pricing = None if price is None else _pricing(source, (*path, "price"), price)
        yield EndpointDeclaration(model=values.pop("id"), pricing=pricing, **values)


def _is_tag(tag: str, provider: str) -> bool:
    return (
        tag == provider or re.fullmatch(re.escape(provider) + r"(/[a-z0-9._-]+)+", tag) is not None
    )


def _aliases(source: Source) -> dict[str, str]:
    """`[aliases]`: other names for models, in lower case."""
    table = source.document.get("aliases", {})
    if not isinstance(table, dict):
        raise source.fail(("aliases",), "[aliases]", "must be a table")
    for name, target in table.items():
        if not isinstance(target, str) or not target.strip():
            raise source.fail(("aliases", name), "[aliases]", f'"{name}": expected a model as text')
    return {name.strip().lower(): target.strip() for name, target in table.items()}


def _pricing(source: Source, path: KeyPath, table: object) -> Pricing:
    """Return the declared price. Prompt and completion must be there; free is "0"."""
    section = "[[models]] price"
    entries = source.entries(path, section, table, PriceTable.__struct_fields__)
    rates: dict[str, int] = {}
    for key, value in entries.items():
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise source.fail((*path, key), section, f'"{key}": write USD as "0.15"')
        convert = usd_to_picousd if key == "request" else usd_per_million_to_picousd
        try:
            rates[f"{key}_picousd"] = convert(str(value))
        except ValueError as error:
            raise source.fail((*path, key), section, f'"{key}": {error}') from None
    for key in ("prompt", "completion"):
        if key not in entries:
            raise source.fail(path, section, f'"{key}" is missing (write "0" if it is free)')
    return msgspec.convert(rates, Pricing)
