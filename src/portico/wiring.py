"""The composition root: the only place that names concrete adapters.

From settings to a `Site` that can serve, with the demo where nothing else can
be called.
"""

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from importlib import resources as package_files
from random import Random

import msgspec

from portico import __version__, demo
from portico.cassette.redaction import Redactor
from portico.catalog import FREE as FREE_PRICE
from portico.catalog import EndpointDeclaration, build_snapshot
from portico.dialects import DIALECTS, Quirks
from portico.errors import UpstreamError
from portico.gateway import Gateway
from portico.jsonio import JsonError, loads
from portico.planning import RoutingRules
from portico.ports import Store, Transport, UpstreamRequest
from portico.providers import PROVIDERS, Provider, SideForm, speaking
from portico.providers.signing import SCHEMES, Headers, Outgoing
from portico.resources import GatewayOptions, ProviderAccess, Resources
from portico.routing.budget import RetryBudget
from portico.routing.health import HealthTracker
from portico.routing.routers import RouterLists
from portico.server.app import App
from portico.server.asgi import Application
from portico.server.recording import RecordingApp, RecordingRules
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
from portico.storage.tapes import Tapes
from portico.transport.http1 import Http1Transport
from portico.transport.recording import Clocks, RecordingTransport, Wish
from portico.transport.replaying import ReplayingTransport
from portico.transport.switching import SwitchingTransport
from portico.transport.tokens import TokenSource
from portico.vocabulary import CatalogSnapshot

DATABASE = "portico.db"
NO_KEY = "none"
"""What stands for a provider's key where recordings answer."""

_PROBE_S = 0.3
_LISTING_BYTES = 4 * 1024 * 1024
_SECRET_PART = re.compile(r"(key|secret|token|password)(?!_ur[il])")
_FACTS = (
    "privacy_policy_url", "terms_of_service_url", "status_page_url", "headquarters", "datacenters",
)  # fmt: skip
_USUAL_FORM = SideForm()
_SIMULATOR = Provider(
    slug="portico", name="Portico Simulator", base_url="", auth="none", key_env=()
)


class Assembly(msgspec.Struct, kw_only=True):
    """Everything that one serving process holds. `aclose` gives it back.

    `app` is the application to serve. `demo` tells that recordings and the simulator answer; `found` names what
    was found instead; `warnings` are sentences for the operator. `told` is what a
    person is told in the place of the usual, with `{base_url}` where it belongs.
    """

    site: Site
    app: Application
    store: Store
    transport: Transport
    simulator: Simulator | None
    demo: bool
    found: tuple[str, ...]
    warnings: tuple[str, ...]
    tapes: Tapes | None = None
    told: str | None = None

    async def aclose(self) -> None:
        """Close connections, recordings, the simulator and the ledger, in that order."""
        await self.transport.aclose()
        if self.tapes is not None:
            await self.tapes.aclose()
        if self.simulator is not None:
            await self.simulator.aclose()
        await self.store.aclose()


class Supply(msgspec.Struct, kw_only=True):
    """Who answers: providers with their keys, what can be called, and how it is reached.

    `replayed`: recordings answer in the place of every provider. `token_transport`
    carries questions to token servers, where that is another: they are never recorded.
    """

    providers: dict[str, Provider]
    secrets: Mapping[str, Secret]
    snapshot: CatalogSnapshot
    transport: Transport
    token_transport: Transport | None = None
    simulator: Simulator | None = None
    replayed: bool = False


async def assemble(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    force_demo: bool = False,
    record_all: bool = False,
) -> Assembly:
    """Open the ledger, find the providers and put the gateway together.

    Args:
        settings: what the operator says.
        environ: where providers' keys are looked for.
        force_demo: use no provider even if there is one.
        record_all: record every exchange, not only those that ask for it.

    Raises:
        ConfigError: something in the settings cannot be used.
        OSError: the data directory cannot be used.
    """
    resolved = resolve_providers(settings, environ)
    live = live_transport(environ)
    local = {} if force_demo else await running_servers(resolved.local)
    found = {**resolved.providers, **{slug: resolved.local[slug] for slug in local}}
    if found and not force_demo:
        snapshot = build_snapshot(
            catalog_data(), found, settings.models, local, declared=settings.declared
        )
        supply = Supply(
            providers=found, secrets=resolved.secrets, snapshot=snapshot, transport=live
        )
    else:
        supply = await _demo_supply(live)
    tapes = tapes_of(settings, resolved)
    if tapes is not None:
        recording = RecordingTransport(supply.transport, tapes, CLOCKS)
        supply = msgspec.structs.replace(
            supply, transport=recording, token_transport=supply.transport
        )
    assembly = put_together(settings, resolved, supply)
    if tapes is None:
        return assembly
    rules = RecordingRules(
        usual=wish_of(settings),
        always=record_all,
        keys=settings.recordings.keys,
        by_header=settings.recordings.by_header,
    )
    app = RecordingApp(assembly.app, rules, tapes, CLOCKS)
    if not record_all:
        return msgspec.structs.replace(assembly, app=app, tapes=tapes)
    note = f"every exchange is recorded in {settings.recordings.dir}"
    warnings = (*assembly.warnings, note)
    return msgspec.structs.replace(assembly, app=app, tapes=tapes, warnings=warnings)


def put_together(
    settings: Settings, resolved: ResolvedProviders, supply: Supply, *, rng: Random | None = None
) -> Assembly:
    """Open the ledger and put the gateway together from what it is supplied with.

    Raises:
        ConfigError: a provider's dialect is not known.
        OSError: the data directory cannot be used.
    """
    is_demo = supply.simulator is not None
    spoken = dialects_spoken(supply.snapshot)
    store = SqliteStore.open(settings.server.data_dir / DATABASE)
    resources = Resources(
        store=store,
        transport=supply.transport,
        tokens=TokenSource(
            supply.token_transport or supply.transport, now_ms=now_ms, clock_s=time.monotonic
        ),
        providers={
            slug: provider_access(
                provider,
                supply.secrets.get(slug),
                keys={n: s for (of, n), s in resolved.credential_secrets.items() if of == slug},
                replayed=is_demo or supply.replayed,
                others=spoken.get(slug, ()),
            )
            for slug, provider in supply.providers.items()
        },
        options=_options(settings),
        health=HealthTracker(settings.health),
        budget=RetryBudget(settings.retries),
        now_ms=now_ms,
        clock_s=time.monotonic,
    )
    mode = "demo" if is_demo else "replay" if supply.replayed else "live"
    site = Site(
        gateway=Gateway(
            resources, supply.snapshot, rng or Random(), _rules(settings, resolved, demo=is_demo)
        ),
        max_body_bytes=settings.limits.max_body_bytes,
        public_catalog=settings.server.public_catalog,
        credits_display_unlimited_usd=settings.server.credits_display_unlimited_usd,
        facts={"mode": mode, "models": len(supply.snapshot.models)},
    )
    return Assembly(
        site=site,
        app=App(site),
        store=store,
        transport=supply.transport,
        simulator=supply.simulator,
        demo=is_demo,
        found=tuple(sorted(provider.name for provider in supply.providers.values())),
        warnings=(*settings.warnings, *resolved.warnings),
    )


def tapes_of(
    settings: Settings, resolved: ResolvedProviders, *, replacing: bool = False
) -> Tapes | None:
    """Where exchanges are recorded, None if the settings name no directory.

    Raises:
        ConfigError: a pattern in the settings is none.
    """
    wanted = settings.recordings
    if wanted.dir is None:
        return None
    return Tapes(
        wanted.dir,
        form=wanted.format,
        redactor=redactor_of(settings, resolved),
        replacing=replacing,
    )


def redactor_of(settings: Settings, resolved: ResolvedProviders) -> Redactor:
    """What knows the gateway's own secrets and the operator's patterns.

    Raises:
        ConfigError: a pattern is none.
    """
    keys = [*resolved.secrets.values(), *resolved.credential_secrets.values()]
    texts = {text for key in keys for text in parts_of(key)}
    kept = [name.lower() for name in settings.recordings.keep_headers]
    try:
        return Redactor(
            secrets=texts - {NO_KEY},
            patterns=settings.recordings.redact,
            request_headers=kept,
            response_headers=kept,
        )
    except ValueError as error:
        raise ConfigError(f"[recordings] redact: {error}") from None


def parts_of(key: Secret) -> list[str]:
    """The secret texts that a provider's key consists of: one, or some of a JSON object."""
    try:
        parts = loads(key.reveal())
    except JsonError:
        parts = None
    if not isinstance(parts, dict):
        return [key.reveal()]
    return [str(text) for name, text in parts.items() if _SECRET_PART.search(name)]


def wish_of(settings: Settings) -> Wish:
    """What is recorded of an exchange that names nothing itself."""
    wanted = settings.recordings
    is_client = wanted.side == "client"
    return Wish(tape=wanted.tape, upstream=not is_client, client=is_client)


def _rules(settings: Settings, resolved: ResolvedProviders, *, demo: bool) -> RoutingRules:
    """In the demo the simulator answers for `openrouter/auto`: it takes any prompt."""
    rules = routing_rules(settings, resolved)
    if not demo:
        return rules
    everything = (f"{_SIMULATOR.slug}/simulator",)
    lists = RouterLists(small=everything, medium=everything, large=everything)
    return msgspec.structs.replace(rules, routers=lists, credentials={})


async def _demo_supply(live: Transport) -> Supply:
    """Recordings in the place of their providers, and the simulator over a real socket."""
    simulator = Simulator()
    await simulator.start()
    recorded = _recorded_providers()
    replaying = ReplayingTransport(demo.load_demo(), match_on=demo.MATCH_ON, hint=demo.HINT)
    return Supply(
        providers={
            **recorded,
            "portico": msgspec.structs.replace(_SIMULATOR, base_url=simulator.url),
        },
        secrets={slug: Secret(NO_KEY) for slug in recorded},
        snapshot=demo_snapshot(),
        transport=SwitchingTransport({_origin(simulator.url): live}, default=replaying),
        simulator=simulator,
    )


def provider_access(
    provider: Provider,
    secret: Secret | None,
    *,
    keys: Mapping[str, Secret] | None = None,
    replayed: bool = False,
    others: Iterable[str] = (),
) -> ProviderAccess:
    """Bind a provider record to its dialect and keys; `keys` are further ones by name.

    `others` are the dialects that single endpoints of it speak.

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
        stream_url=provider.base_url + provider.stream_path if provider.stream_path else None,
        headers=_signed(provider, key, plain),
        unsigned_headers=plain,
        scheme=scheme,
        keys=further,
        secret=key,
        quirks=_quirks(provider),
        replayed=replayed and provider.slug != _SIMULATOR.slug,
        forwards=provider.forwarded_headers,
        known_betas=provider.known_betas,
        side_urls=provider.side_urls(),
        side_quirks=_side_quirks(provider),
        facts={name: getattr(provider, name) for name in _FACTS},
        others={
            name: provider_access(speaking(provider, name), secret, keys=keys, replayed=replayed)
            for name in others
        },
    )


def dialects_spoken(snapshot: CatalogSnapshot) -> dict[str, set[str]]:
    """The dialects that single endpoints speak beside their providers' own, by slug."""
    spoken: dict[str, set[str]] = {}
    for model in snapshot.models.values():
        for endpoint in model.endpoints:
            if endpoint.dialect is not None:
                spoken.setdefault(endpoint.provider, set()).add(endpoint.dialect)
    return spoken


def _signed(provider: Provider, key: str | None, plain: Headers) -> Headers:
    """The headers with a key, where they are the same for every request, else without."""
    if key is None:
        return plain
    scheme = SCHEMES[provider.auth]
    probe = Outgoing(method="POST", url=provider.base_url, headers=plain, body=b"")
    try:
        if scheme.exchange is not None and scheme.exchange(key, 0) is not None:
            return plain
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
        reasoning_format=provider.reasoning_format,
        takes_stream_options=provider.takes_stream_options,
        patch_request=provider.patch_request,
    )


def _side_quirks(provider: Provider) -> dict[str, Quirks]:
    """What is odd about each of its APIs beside conversations, by the name of the API."""
    quirks = {}
    for name in provider.side_urls():
        form = provider.side_forms.get(name, _USUAL_FORM)
        quirks[name] = Quirks(
            provider=provider.slug,
            patch_request=form.request,
            restate=form.answer,
            most_inputs=form.most_inputs,
            packs_floats=form.packs_floats,
            own_words=form.own_words,
            counts_when_verbose=form.counts_when_verbose,
        )
    return quirks


def catalog_data() -> bytes:
    """The shipped catalogue file."""
    return package_files.files("portico").joinpath("data/catalog.json").read_bytes()


def now_ms() -> int:
    """The wall clock, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


CLOCKS = Clocks(now_ms=now_ms, clock_s=time.monotonic)


def _options(settings: Settings) -> GatewayOptions:
    return GatewayOptions(
        wire_profile=settings.stream.wire_profile,
        stream_tail=settings.stream.stream_tail,
        keepalive_s=settings.stream.keepalive_s,
        stream_commit_after_s=settings.stream.stream_commit_after_s,
        nonstream_keepalive_after_s=settings.stream.nonstream_keepalive_after_s,
        responses_in_progress_s=settings.stream.responses_in_progress_s,
        responses_event_lines=settings.stream.responses_event_lines,
        codex_error_codes=settings.stream.codex_error_codes,
        default_output_tokens=settings.limits.default_output_tokens,
        max_response_bytes=settings.limits.max_response_bytes,
        tag_reasoning=settings.routing.tag_reasoning,
        deadlines=settings.deadlines,
    )


def _recorded_providers() -> dict[str, Provider]:
    return {row.provider: PROVIDERS[row.provider] for row in demo.DEMO_MODELS}


def demo_snapshot() -> CatalogSnapshot:
    """The recorded models, each with the endpoint that was recorded, and the simulator."""
    simulator = EndpointDeclaration(
        model="portico/simulator",
        provider="portico",
        upstream_model="portico-simulator",
        context_tokens=131_072,
        pricing=FREE_PRICE,
    )
    everything = build_snapshot(
        catalog_data(), {**_recorded_providers(), "portico": _SIMULATOR}, (simulator,)
    )
    served = {(row.model, row.provider) for row in demo.DEMO_MODELS}
    served.add((simulator.model, simulator.provider))
    models = {}
    for slug, model in everything.models.items():
        kept = tuple(e for e in model.endpoints if (model.slug, e.provider) in served)
        if kept:
            models[slug] = msgspec.structs.replace(model, endpoints=kept)
    aliases = {name: slug for name, slug in everything.aliases.items() if slug in models}
    return CatalogSnapshot(version=everything.version + "+demo", models=models, aliases=aliases)


async def running_servers(candidates: Mapping[str, Provider]) -> dict[str, list[str]]:
    """Ask the usual ports of this machine for model servers; return the models of each by slug.

    Who does not answer within a third of a second, or lists nothing, is none.
    """
    if not candidates:
        return {}
    client = Http1Transport()
    try:
        answers = await asyncio.gather(*(_listed(client, p) for p in candidates.values()))
    finally:
        await client.aclose()
    return {slug: ids for slug, ids in zip(candidates, answers, strict=True) if ids}


async def _listed(client: Http1Transport, provider: Provider) -> list[str]:
    question = UpstreamRequest(
        method="GET", url=f"{provider.base_url}/models", headers=(), body=b""
    )
    try:
        async with asyncio.timeout(_PROBE_S):
            answer = await client.ask(question)
            if answer.status != 200:
                return []
            body = loads(await answer.read(_LISTING_BYTES))
        return [str(row["id"]) for row in body["data"]]
    except (UpstreamError, TimeoutError, *JsonError, LookupError, TypeError):
        return []  # not a model server, or none at all


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def live_transport(environ: Mapping[str, str]) -> Transport:
    """The way to providers: our own client; it knows no proxies, so where one is set aiohttp takes its place."""
    if _has_proxy(environ):
        # aiohttp is a third of the time to start, for the few who are behind a proxy
        from portico.transport.live import LiveTransport  # noqa: PLC0415

        return LiveTransport(use_environment_proxies=True)
    return Http1Transport()


def _has_proxy(environ: Mapping[str, str]) -> bool:
    return any(environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY"))
