"""The composition root: the only place that names concrete adapters.

From settings to a `Site` that can serve, with the demo where nothing else can
be called.
"""

import asyncio
import time
from collections.abc import Mapping
from importlib import resources as package_files
from random import Random

import aiohttp
import msgspec

from portico import __version__, demo
from portico.catalog import FREE as FREE_PRICE
from portico.catalog import EndpointDeclaration, build_snapshot
from portico.dialects import DIALECTS, Quirks
from portico.errors import UpstreamError
from portico.gateway import Gateway
from portico.jsonio import JsonError, loads
from portico.planning import RoutingRules
from portico.ports import Store, Transport
from portico.providers import PROVIDERS, Provider
from portico.providers.signing import SCHEMES, Headers, Outgoing
from portico.resources import GatewayOptions, ProviderAccess, Resources
from portico.routing.budget import RetryBudget
from portico.routing.health import HealthTracker
from portico.routing.routers import RouterLists
from portico.server.request import Site
from portico.settings import (
    ConfigError,
    ResolvedProviders,
    Secret,
    Settings,
    resolve_providers,
    routing_rules,
)
from portico.simulator import Simulator
from portico.storage.sqlite import SqliteStore
from portico.transport.http1 import Http1Transport
from portico.transport.live import LiveTransport
from portico.transport.replaying import ReplayingTransport
from portico.transport.switching import SwitchingTransport
from portico.vocabulary import CatalogSnapshot

DATABASE = "portico.db"
_PROBE_S = 0.3
_SIMULATOR = Provider(
    slug="portico", name="Portico Simulator", base_url="", auth="none", key_env=()
)


class Assembly(msgspec.Struct, kw_only=True):
    """Everything that one serving process holds. `aclose` gives it back.

    `demo` tells that recordings and the simulator answer; `found` names what
    was found instead; `warnings` are sentences for the operator.
    """

    site: Site
    store: Store
    transport: Transport
    simulator: Simulator | None
    demo: bool
    found: tuple[str, ...]
    warnings: tuple[str, ...]

    async def aclose(self) -> None:
        """Close connections, the simulator and the ledger, in that order."""
        await self.transport.aclose()
        if self.simulator is not None:
            await self.simulator.aclose()
        await self.store.aclose()


class _Supply(msgspec.Struct, kw_only=True):
    """Who answers: providers with their keys, what can be called, and how it is reached."""

    providers: dict[str, Provider]
    secrets: Mapping[str, Secret]
    snapshot: CatalogSnapshot
    transport: Transport
    simulator: Simulator | None = None


async def assemble(
    settings: Settings, environ: Mapping[str, str], *, force_demo: bool = False
) -> Assembly:
    """Open the ledger, find the providers and put the gateway together.

    Raises:
        ConfigError: a provider in the settings cannot be used.
        OSError: the data directory cannot be used.
    """
    resolved = resolve_providers(settings, environ)
    live = _live_transport(environ)
    local = {} if force_demo else await _running_servers(resolved.local)
    found = {**resolved.providers, **{slug: resolved.local[slug] for slug in local}}
    if found and not force_demo:
        snapshot = build_snapshot(
            catalog_data(), found, settings.models, local, declared=settings.declared
        )
        supply = _Supply(
            providers=found, secrets=resolved.secrets, snapshot=snapshot, transport=live
        )
    else:
        supply = await _demo_supply(live)
    is_demo = supply.simulator is not None
    store = SqliteStore.open(settings.server.data_dir / DATABASE)
    resources = Resources(
        store=store,
        transport=supply.transport,
        providers={
            slug: provider_access(
                provider,
                supply.secrets.get(slug),
                keys={n: s for (of, n), s in resolved.credential_secrets.items() if of == slug},
                replayed=is_demo,
            )
            for slug, provider in supply.providers.items()
        },
        options=_options(settings),
        health=HealthTracker(settings.health),
        budget=RetryBudget(settings.retries),
        now_ms=now_ms,
        clock_s=time.monotonic,
    )
    site = Site(
        gateway=Gateway(
            resources, supply.snapshot, Random(), _rules(settings, resolved, demo=is_demo)
        ),
        max_body_bytes=settings.limits.max_body_bytes,
        public_catalog=settings.server.public_catalog,
        facts={"mode": "demo" if is_demo else "live", "models": len(supply.snapshot.models)},
    )
    return Assembly(
        site=site,
        store=store,
        transport=supply.transport,
        simulator=supply.simulator,
        demo=is_demo,
        found=tuple(sorted(provider.name for provider in supply.providers.values())),
        warnings=(*settings.warnings, *resolved.warnings),
    )


def _rules(settings: Settings, resolved: ResolvedProviders, *, demo: bool) -> RoutingRules:
    """In the demo the simulator answers for `openrouter/auto`: it takes any prompt."""
    rules = routing_rules(settings, resolved)
    if not demo:
        return rules
    everything = (f"{_SIMULATOR.slug}/simulator",)
    lists = RouterLists(small=everything, medium=everything, large=everything)
    return msgspec.structs.replace(rules, routers=lists, credentials={})


async def _demo_supply(live: Transport) -> _Supply:
    """Recordings in the place of their providers, and the simulator over a real socket."""
    simulator = Simulator()
    await simulator.start()
    recorded = {slug: PROVIDERS[slug] for slug in {row.provider for row in demo.DEMO_MODELS}}
    replaying = ReplayingTransport(demo.load_demo(), match_on=demo.MATCH_ON, hint=demo.HINT)
    return _Supply(
        providers={
            **recorded,
            "portico": msgspec.structs.replace(_SIMULATOR, base_url=simulator.url),
        },
        secrets={slug: Secret("none") for slug in recorded},
        snapshot=_demo_snapshot(recorded),
        transport=SwitchingTransport({_origin(simulator.url): live}, default=replaying),
        simulator=simulator,
    )


def provider_access(
    provider: Provider,
    secret: Secret | None,
    *,
    keys: Mapping[str, Secret] | None = None,
    replayed: bool = False,
) -> ProviderAccess:
    """Bind a provider record to its dialect and keys; `keys` are further ones by name.

    Raises:
        ConfigError: the dialect is not one of ours, or a key is not in the form its
            scheme asks for.
    """
    if provider.dialect not in DIALECTS:
        known = ", ".join(sorted(DIALECTS))
        raise ConfigError(
            f'[providers.{provider.slug}] dialect "{provider.dialect}" is not known; use {known}'
        )
    key = secret.reveal() if secret else None
    dialect = DIALECTS[provider.dialect]
    # a server that asks for no key is shown one all the same if a caller brings it
    scheme = SCHEMES["bearer" if provider.auth == "none" else provider.auth]
    plain = (
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("Accept-Encoding", "identity"),
        ("User-Agent", f"portico/{__version__}"),
        *provider.extra_headers,
    )
    further = {name: secret.reveal() for name, secret in (keys or {}).items()}
    for other in further.values():
        _signed(provider, other, plain)
    return ProviderAccess(
        slug=provider.slug,
        name=provider.name,
        dialect=dialect,
        url=provider.base_url + ("" if dialect.path else provider.chat_path),
        headers=_signed(provider, key, plain),
        unsigned_headers=plain,
        scheme=scheme,
        keys=further,
        secret=key,
        quirks=_quirks(provider),
        replayed=replayed and provider.slug != _SIMULATOR.slug,
        forwards=provider.forwarded_headers,
        side_urls=provider.side_urls(),
        facts={
            name: getattr(provider, name)
            for name in (
                "privacy_policy_url",
                "terms_of_service_url",
                "status_page_url",
                "headquarters",
                "datacenters",
            )
        },
    )


def _signed(provider: Provider, key: str | None, plain: Headers) -> Headers:
    """The headers with a key, where they are the same for every request, else without."""
    if key is None:
        return plain
    scheme = SCHEMES[provider.auth]
    probe = Outgoing(method="POST", url=provider.base_url, headers=plain, body=b"")
    try:
        signed = scheme.sign(probe, key, 0)
    except UpstreamError as error:
        raise ConfigError(f"[providers.{provider.slug}] its key: {error.message}") from None
    return signed.headers if scheme.constant else plain


def _quirks(provider: Provider) -> Quirks:
    return Quirks(
        patch=provider.patch_chunk,
        reasoning_outside_completion=provider.reasoning_outside_completion,
        output_cap_field=provider.output_cap_field,
        renamed_parameters=provider.renamed_parameters,
        reasoning_field=provider.reasoning_field,
        replayed_reasoning=provider.replayed_reasoning,
        takes_stream_options=provider.takes_stream_options,
        patch_request=provider.patch_request,
    )


def catalog_data() -> bytes:
    """The shipped catalogue file."""
    return package_files.files("portico").joinpath("data/catalog.json").read_bytes()


def now_ms() -> int:
    """The wall clock, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _options(settings: Settings) -> GatewayOptions:
    return GatewayOptions(
        wire_profile=settings.stream.wire_profile,
        stream_tail=settings.stream.stream_tail,
        keepalive_s=settings.stream.keepalive_s,
        stream_commit_after_s=settings.stream.stream_commit_after_s,
        nonstream_keepalive_after_s=settings.stream.nonstream_keepalive_after_s,
        default_output_tokens=settings.limits.default_output_tokens,
        max_response_bytes=settings.limits.max_response_bytes,
        deadlines=settings.deadlines,
    )


def _demo_snapshot(providers: Mapping[str, Provider]) -> CatalogSnapshot:
    """The recorded models, each with the endpoint that was recorded, and the simulator."""
    simulator = EndpointDeclaration(
        model="portico/simulator",
        provider="portico",
        upstream_model="portico-simulator",
        context_tokens=131_072,
        pricing=FREE_PRICE,
    )
    everything = build_snapshot(catalog_data(), {**providers, "portico": _SIMULATOR}, (simulator,))
    served = {(row.model, row.provider) for row in demo.DEMO_MODELS}
    served.add((simulator.model, simulator.provider))
    models = {}
    for slug, model in everything.models.items():
        kept = tuple(e for e in model.endpoints if (model.slug, e.provider) in served)
        if kept:
            models[slug] = msgspec.structs.replace(model, endpoints=kept)
    aliases = {name: slug for name, slug in everything.aliases.items() if slug in models}
    return CatalogSnapshot(version=everything.version + "+demo", models=models, aliases=aliases)


async def _running_servers(candidates: Mapping[str, Provider]) -> dict[str, list[str]]:
    """Ask the usual ports of this machine for model servers; return what each lists."""
    if not candidates:
        return {}
    timeout = aiohttp.ClientTimeout(total=_PROBE_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        answers = await asyncio.gather(*(_listed(session, p) for p in candidates.values()))
    return {slug: ids for slug, ids in zip(candidates, answers, strict=True) if ids}


async def _listed(session: aiohttp.ClientSession, provider: Provider) -> list[str]:
    try:
        async with session.get(provider.base_url + "/models") as answer:
            if answer.status != 200:
                return []
            body = loads(await answer.read())
            return [str(row["id"]) for row in body["data"]]
    except (aiohttp.ClientError, OSError, *JsonError, LookupError, TypeError):
        return []  # not a model server, or none at all


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def _live_transport(environ: Mapping[str, str]) -> Transport:
    """Our own client; it knows no proxies, so where one is set aiohttp takes its place."""
    if _has_proxy(environ):
        return LiveTransport(use_environment_proxies=True)
    return Http1Transport()


def _has_proxy(environ: Mapping[str, str]) -> bool:
    return any(environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY"))
