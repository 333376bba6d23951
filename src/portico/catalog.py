"""The catalogue: shipped price data, the operator's declarations and local models as one snapshot.

Pure: the data file comes in as bytes, the snapshot goes out. The snapshot
holds only what can be called: models with at least one enabled provider.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from portico.providers import Provider, speaking
from portico.vocabulary import CatalogSnapshot, Endpoint, Model, Pricing, ServiceTier

RESERVED_SUFFIXES = frozenset(
    {"free", "nitro", "floor", "exacto", "online", "thinking", "extended", "beta"}
)
"""Words that change how a model is called when they follow a colon; no slug may end so."""

FREE = Pricing(prompt_picousd=0, completion_picousd=0)
"""The price of a model on the operator's own machine: declared, not guessed."""

_DECLARED = (
    "service_tier",
    "quantization",
    "zdr",
    "trains",
    "region",
    "is_moderated",
    "weight",
    "priority",
    "first_byte_s",
)

_SUGGESTION_LENGTH = 128  # longer names are not typing mistakes


class EndpointDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """One `[[models]]` entry of the settings: what the operator says about an endpoint.

    A field that is None says nothing: the shipped row's value stays, or the
    provider's where there is no such row. `pricing` None without a shipped
    row means "price unknown", and routing refuses the endpoint.
    """

    model: str
    provider: str
    upstream_model: str | None = None
    context_tokens: int | None = None
    max_completion_tokens: int | None = None
    supported_parameters: frozenset[str] | None = None
    input_modalities: frozenset[str] | None = None
    output_modalities: frozenset[str] | None = None
    pricing: Pricing | None = None
    tag: str | None = None
    service_tier: ServiceTier | None = None
    quantization: str | None = None
    zdr: bool | None = None
    trains: bool | None = None
    region: str | None = None
    is_moderated: bool | None = None
    distillable: bool | None = None
    weight: float | None = None
    priority: int | None = None
    dialect: str | None = None
    first_byte_s: float | None = None


class ProviderDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator says of all endpoints of one provider; None says nothing."""

    zdr: bool | None = None
    trains: bool | None = None
    region: str | None = None
    is_moderated: bool | None = None
    weight: float | None = None
    priority: int | None = None


class _EndpointRow(msgspec.Struct, frozen=True, kw_only=True):
    provider: str
    upstream_model: str
    pricing: Pricing
    tag: str | None = None
    context_tokens: int | None = None
    max_completion_tokens: int | None = None
    parameters: int | None = None
    dialect: str | None = None


class _ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    slug: str
    name: str
    endpoints: tuple[_EndpointRow, ...]
    canonical_slug: str | None = None
    created_s: int = 0
    tokenizer: str = "Other"
    knowledge_cutoff: str | None = None
    hugging_face_id: str | None = None
    parameters: int | None = None
    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)


class _DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """`data/catalog.json`. `parameters` is an index into `parameter_sets`: of a model, or of
    an endpoint where its provider takes others."""

    version: str
    parameter_sets: tuple[frozenset[str], ...]
    models: tuple[_ModelRow, ...]


_decode = msgspec.json.Decoder(_DataFile).decode


def build_snapshot(
    data: bytes,
    providers: Mapping[str, Provider],
    declarations: Sequence[EndpointDeclaration] = (),
    local_models: Mapping[str, Sequence[str]] | None = None,
    declared: Mapping[str, ProviderDeclaration] | None = None,
) -> CatalogSnapshot:
    """Return everything that can be called through `providers`.

    Args:
        data: the bytes of `data/catalog.json`.
        providers: the enabled providers by slug; rows of others are left out.
        declarations: what the settings say. One for a (model, provider) that
            exists already changes that endpoint, any other adds one.
        declared: what the settings say of providers, by slug. What they say of
            an endpoint itself comes before it.
        local_models: provider slug to the ids its server lists. They cost
            nothing and are named by `local_slug`.

    Raises:
        msgspec.DecodeError: `data` is not a catalogue file.
    """
    shipped = _decode(data)
    models = dict(_shipped_models(shipped, providers))
    for declaration in declarations:
        if declaration.provider in providers:
            _declare(models, declaration, providers[declaration.provider])
    for provider_slug, upstream_ids in (local_models or {}).items():
        if provider_slug in providers:
            _add_local(models, providers[provider_slug], upstream_ids)
    if declared:
        models = {slug: _told_of_providers(model, declared) for slug, model in models.items()}
    version = shipped.version + ("+settings" if declarations else "")
    return CatalogSnapshot(version=version, models=models, aliases=_aliases(models))


def _shipped_models(
    shipped: _DataFile, providers: Mapping[str, Provider]
) -> Iterable[tuple[str, Model]]:
    taken: dict[tuple[str, int | None, str | None], frozenset[str]] = {}
    modalities: dict[tuple[str, ...], frozenset[str]] = {}
    for row in shipped.models:
        endpoints = []
        for offer in row.endpoints:
            provider = providers.get(offer.provider)
            if provider is None:
                continue
            listed = row.parameters if offer.parameters is None else offer.parameters
            key = (offer.provider, listed, offer.dialect)
            if key not in taken:
                known = speaking(provider, offer.dialect or provider.dialect).supported_parameters
                facts = None if listed is None else shipped.parameter_sets[listed]
                taken[key] = known if facts is None else known & facts
            endpoints.append(
                Endpoint(
                    model=row.slug,
                    provider=offer.provider,
                    tag=offer.tag or offer.provider,
                    upstream_model=offer.upstream_model,
                    pricing=offer.pricing,
                    context_tokens=offer.context_tokens,
                    max_completion_tokens=offer.max_completion_tokens,
                    supported_parameters=taken[key],
                    input_modalities=_as_set(row.input_modalities, modalities),
                    output_modalities=_as_set(row.output_modalities, modalities),
                    dialect=offer.dialect,
                )
            )
        if endpoints:
            yield row.slug.lower(), _model(row, tuple(endpoints))


def _as_set(names: tuple[str, ...], seen: dict[tuple[str, ...], frozenset[str]]) -> frozenset[str]:
    if names not in seen:
        seen[names] = frozenset(names)
    return seen[names]


def _model(row: _ModelRow, endpoints: tuple[Endpoint, ...]) -> Model:
    return Model(
        slug=row.slug,
        canonical_slug=row.canonical_slug or row.slug,
        name=row.name,
        endpoints=endpoints,
        created_s=row.created_s,
        tokenizer=row.tokenizer,
        knowledge_cutoff=row.knowledge_cutoff,
        hugging_face_id=row.hugging_face_id,
    )


def _declare(models: dict[str, Model], said: EndpointDeclaration, provider: Provider) -> None:
    """Change the endpoint that `said` names, or add it."""
    slug = said.model.lower()
    model = models.get(slug) or Model(
        slug=said.model, canonical_slug=said.model, name=said.model, endpoints=()
    )
    endpoints = list(model.endpoints)
    place = _place(endpoints, said)
    base = _new_endpoint(endpoints, said, provider, model) if place is None else endpoints[place]
    changes = {
        name: value
        for name in (
            "upstream_model",
            "context_tokens",
            "max_completion_tokens",
            "supported_parameters",
            "input_modalities",
            "output_modalities",
            "pricing",
            "dialect",
            *_DECLARED,
        )
        if (value := getattr(said, name)) is not None
    }
    if said.dialect is not None and said.supported_parameters is None:
        changes["supported_parameters"] = speaking(provider, said.dialect).supported_parameters
    endpoint = msgspec.structs.replace(base, **changes)
    if place is None:
        endpoints.append(endpoint)
    else:
        endpoints[place] = endpoint
    distillable = model.distillable if said.distillable is None else said.distillable
    models[slug] = msgspec.structs.replace(
        model, endpoints=tuple(endpoints), distillable=distillable
    )


def _new_endpoint(
    endpoints: Sequence[Endpoint], said: EndpointDeclaration, provider: Provider, model: Model
) -> Endpoint:
    """The endpoint to change: like the provider's other one, if it serves the model already.

    Another region or tier takes the same requests; what it costs has to be said.
    """
    sibling = next((e for e in endpoints if e.provider == said.provider), None)
    tag = said.tag or said.provider
    if sibling is not None:
        return msgspec.structs.replace(
            sibling,
            tag=tag,
            pricing=None,
            quantization=None,
            service_tier=None,
            zdr=None,
            trains=None,
            region=None,
            is_moderated=None,
        )
    return Endpoint(
        model=model.slug,
        provider=said.provider,
        tag=tag,
        upstream_model=said.model,
        supported_parameters=provider.supported_parameters,
    )


def _told_of_providers(model: Model, declared: Mapping[str, ProviderDeclaration]) -> Model:
    """Lay what is said of providers below what is said of the endpoints themselves."""
    endpoints = []
    for endpoint in model.endpoints:
        said = declared.get(endpoint.provider)
        changes = {} if said is None else _unsaid(endpoint, said)
        endpoints.append(msgspec.structs.replace(endpoint, **changes) if changes else endpoint)
    if all(new is old for new, old in zip(endpoints, model.endpoints, strict=True)):
        return model
    return msgspec.structs.replace(model, endpoints=tuple(endpoints))


def _unsaid(endpoint: Endpoint, said: ProviderDeclaration) -> dict[str, Any]:
    """The fields of `said` that the endpoint leaves at their default."""
    nothing = dict.fromkeys(("zdr", "trains", "region", "is_moderated"))
    defaults = {**nothing, "weight": 1.0, "priority": 0}
    return {
        name: value
        for name, default in defaults.items()
        if (value := getattr(said, name)) is not None and getattr(endpoint, name) == default
    }


def _place(endpoints: Sequence[Endpoint], said: EndpointDeclaration) -> int | None:
    """Where the endpoint stands that `said` is about: its tag decides, else the upstream's id."""
    if said.tag is not None:
        return next((i for i, e in enumerate(endpoints) if e.tag == said.tag), None)
    same = [i for i, e in enumerate(endpoints) if e.provider == said.provider]
    exact = [i for i in same if endpoints[i].upstream_model == said.upstream_model]
    return next(iter([*exact, *same]), None)


def local_slug(provider_slug: str, upstream_id: str) -> str:
    """Return the public slug of a model that a local server lists.

    Author is the server; the name is the server's id in lower case with
    everything but letters, digits, dot, dash and underscore as a dash. The tag
    `:latest` and the file ending `.gguf` say nothing and are left out, and of
    a file path only the last part is kept. Without a colon, the result cannot
    end in a reserved suffix.

    >>> local_slug("ollama", "llama3:8b"), local_slug("ollama", "llama3:latest")
    ('ollama/llama3-8b', 'ollama/llama3')
    >>> local_slug("lmstudio", "qwen/Qwen3-8B"), local_slug("llama-cpp", "/srv/m/phi-4.gguf")
    ('lmstudio/qwen-qwen3-8b', 'llama-cpp/phi-4')
    """
    name = upstream_id.lower()
    if name.startswith(("/", ".", "~")) or "\\" in name:
        name = re.split(r"[/\\]", name)[-1]
    name = name.removesuffix(":latest").removesuffix(".gguf")
    name = re.sub(r"[^a-z0-9._-]+", "-", name).strip("-")
    return f"{provider_slug}/{name or 'model'}"


def _add_local(models: dict[str, Model], provider: Provider, upstream_ids: Sequence[str]) -> None:
    declared = {
        endpoint.upstream_model
        for model in models.values()
        for endpoint in model.endpoints
        if endpoint.provider == provider.slug
    }
    for upstream_id in upstream_ids:
        if upstream_id in declared:
            continue
        wished = local_slug(provider.slug, upstream_id)
        slug, number = wished, 2
        while slug in models:
            slug, number = f"{wished}-{number}", number + 1
        endpoint = Endpoint(
            model=slug,
            provider=provider.slug,
            tag=provider.slug,
            upstream_model=upstream_id,
            pricing=FREE,
            supported_parameters=provider.supported_parameters,
        )
        models[slug] = Model(
            slug=slug,
            canonical_slug=slug,
            name=f"{provider.name}: {upstream_id}",
            endpoints=(endpoint,),
        )


def _aliases(models: Mapping[str, Model]) -> dict[str, str]:
    """Names that mean one model only: canonical slugs first, then bare and upstream ids."""
    aliases = {model.canonical_slug.lower(): slug for slug, model in models.items()}
    shared: dict[str, str | None] = {}
    for slug, model in models.items():
        names = {slug.partition("/")[2]}
        names.update(endpoint.upstream_model.lower() for endpoint in model.endpoints)
        for name in names:
            shared[name] = slug if shared.get(name, slug) == slug else None
    for name, target in shared.items():
        if name and target is not None:
            aliases.setdefault(name, target)
    return {name: slug for name, slug in aliases.items() if name not in models}


def find_model(snapshot: CatalogSnapshot, name: str) -> Model | None:
    """Return the model that `name` means: slug, canonical slug, bare or upstream id, any case."""
    slug = name.lower()
    return snapshot.models.get(snapshot.aliases.get(slug, slug))


def suggestions(snapshot: CatalogSnapshot, name: str) -> list[str]:
    """Return up to three slugs that `name` may have meant, the closest first."""
    wanted = name.lower()[:_SUGGESTION_LENGTH]
    bare = {slug.partition("/")[2]: slug for slug in snapshot.models}
    names = snapshot.models if "/" in wanted else bare
    close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.7)
    if not close and "/" in wanted:  # right name, wrong author
        names, wanted = bare, wanted.rpartition("/")[2]
        close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.7)
    slugs = close if names is snapshot.models else [bare[match] for match in close]
    return [snapshot.models[slug].slug for slug in slugs]


def usd_per_million_to_picousd(text: str) -> int:
    """Return a price in USD per million tokens as pico-dollars per token.

    Raises:
        ValueError: not a number, negative, not finite, or finer than one
            pico-dollar per token (six decimals).

    >>> usd_per_million_to_picousd("0.15")
    150000
    """
    return _exact_picousd(text, per=1_000_000)


def usd_to_picousd(text: str) -> int:
    """Return an amount in USD as pico-dollars; raises ValueError like its sibling.

    >>> usd_to_picousd("0.005")
    5000000000
    """
    return _exact_picousd(text, per=1)


def _exact_picousd(text: str, *, per: int) -> int:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal number") from None
    if not amount.is_finite() or amount < 0 or (amount and abs(amount.adjusted()) > 18):
        raise ValueError(f"{text!r} is not a price")
    numerator, denominator = amount.as_integer_ratio()
    picousd, rest = divmod(numerator * 10**12, denominator * per)
    if rest:
        raise ValueError(f"{text!r} is finer than one pico-dollar per unit")
    return picousd
