"""A gateway whose providers are recordings: the composition root for replaying.

Cassettes that were recorded at providers stand below the router, so that
routing, fallback, metering and budgets are real. Cassettes of a gateway's own
answers are given to clients as they are.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Literal
from urllib.parse import unquote, urlsplit

import msgspec

from portico.cassette import Cassette, CassetteError, Interaction, load
from portico.cassette.fields import model_of
from portico.cassette.formats import SUFFIXES
from portico.cassette.library import Library
from portico.cassette.matching import matchers_named
from portico.cassette.model import RecordedRequest
from portico.catalog import FREE, EndpointDeclaration, build_snapshot
from portico.gateway import GenerationIds
from portico.keys import ENTROPY_BYTES, issue
from portico.ports import Store, Transport
from portico.providers import PROVIDERS, STANDARD_PARAMETERS, Provider
from portico.providers.base import REASONING_PARAMETERS
from portico.server.app import App
from portico.server.asgi import Application, Scope
from portico.server.auth import authenticate
from portico.server.recording import RecordingApp, RecordingRules
from portico.server.replaying import ReplayingApp
from portico.settings import ConfigError, ResolvedProviders, Secret, Settings, resolve_providers
from portico.storage.tapes import Tapes
from portico.transport.recording import RecordingTransport
from portico.transport.replaying import EpisodesTransport, ReplayingTransport
from portico.vocabulary import ApiKey, CatalogSnapshot, Generation, Hold, Model
from portico.wiring import (
    CLOCKS,
    NO_KEY,
    Assembly,
    Supply,
    catalog_data,
    live_transport,
    now_ms,
    parts_of,
    put_together,
    redactor_of,
    tapes_of,
    wish_of,
)

Mode = Literal["none", "once", "new_episodes", "all"]
UPSTREAM_MATCH = ("method", "origin", "path", "query", "chat_body")
CLIENT_MATCH = ("method", "api_path", "query", "chat_body")
KEY_NAME = "replay"

_CHAT_URL = re.compile(r"https?://[^?]+/chat/completions(\?.*)?")
_MODEL_IN_PATH = re.compile(r"/models?/([^/:]+)")
_HINT = (
    "To do: send what was recorded, leave out what may differ with [recordings] ignore, "
    "or record it with --mode new_episodes."
)
_SEED = 0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ReplayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to replay, and how.

    `path` is a cassette or a directory of them. `mode` says what may be
    recorded: nothing; everything if there is no cassette yet; what is not on
    one; everything anew. `pace` is what recorded times are multiplied by, 0
    does not wait. `live_keys` allows providers' keys to be there.
    """

    path: Path
    mode: Mode = "none"
    pace: float = 0.0
    live_keys: bool = False

    def records(self, interactions: int) -> bool:
        """Whether the network may be touched, where so many exchanges are there already."""
        return self.mode != "none" and not (self.mode == "once" and interactions)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The cassettes, by the side of the gateway they were recorded on."""

    upstream: tuple[Cassette, ...]
    client: tuple[Cassette, ...]

    @property
    def interactions(self) -> int:
        """How many there are in all."""
        return sum(len(tape.interactions) for tape in (*self.upstream, *self.client))


def read_cassettes(path: Path) -> list[Cassette]:
    """Read a cassette, or all in a directory in the order of their names; none if nothing is there.

    Raises:
        ConfigError: one of them cannot be read.
    """
    if path.is_dir():
        files = sorted(
            file
            for file in path.rglob("*")
            if file.suffix in SUFFIXES and file.is_file() and not file.name.startswith(".")
        )
    else:
        files = [path] if path.exists() else []
    try:
        return [load(file.read_bytes(), name=file.name) for file in files]
    except (CassetteError, OSError) as error:
        raise ConfigError(str(error)) from None


async def assemble_replay(
    settings: Settings, environ: Mapping[str, str], options: ReplayOptions
) -> Assembly:
    """Put a gateway together that answers from recordings.

    Args:
        settings: read with `NO_KEY` in the place of keys that are not there.
        environ: where providers' keys would be.
        options: what to replay.

    Raises:
        ConfigError: there is nothing to replay, a cassette cannot be read, or
            keys are there that must not be.
        OSError: the data directory cannot be used.
    """
    resolved = resolve_providers(settings, _with_stand_ins(settings, environ))
    _check_keys(resolved, options)
    cassettes = [] if options.mode == "all" else read_cassettes(options.path)
    if not cassettes and options.mode == "none":
        raise ConfigError(f"{options.path}: there are no cassettes to replay")
    found = _by_side(cassettes, [*PROVIDERS.values(), *resolved.providers.values()])
    records = options.records(found.interactions)
    if records and settings.server.host not in _LOOPBACK:
        raise ConfigError(
            f"replay lets every key in: with --mode {options.mode} it can spend money, and must "
            f"not listen on {settings.server.host}"
        )
    settings = _recording_at(settings, options, records=records)
    providers = {**_recorded_providers(found.upstream, resolved), **resolved.providers}
    snapshot, free = _snapshot(settings, providers, found.upstream)
    redactor = redactor_of(settings, resolved)
    ignored = settings.recordings.ignore
    try:
        upstream, client = (
            Library(
                tapes,
                match_on=matchers_named(settings.recordings.match or usual, ignored=ignored),
                hint=_HINT,
                redactor=redactor,
            )
            for tapes, usual in ((found.upstream, UPSTREAM_MATCH), (found.client, CLIENT_MATCH))
        )
    except ValueError as error:
        raise ConfigError(f"[recordings] {error}") from None
    tapes = tapes_of(settings, resolved, replacing=options.mode == "all")
    assembly = put_together(
        settings,
        resolved,
        Supply(
            providers=providers,
            secrets={slug: resolved.secrets.get(slug, Secret(NO_KEY)) for slug in providers},
            snapshot=snapshot,
            transport=_transport(settings, environ, options, upstream, tapes),
            replayed=not records,
        ),
        rng=Random(_SEED),  # the same requests shall be routed the same way
    )
    return await _as_replay(assembly, settings, options, found, client, tapes, free)


def _with_stand_ins(settings: Settings, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with `NO_KEY` for the built-in providers that the settings name."""
    named = (PROVIDERS[slug] for slug in settings.providers if slug in PROVIDERS)
    missing = {
        provider.key_env[0]: NO_KEY
        for provider in named
        if provider.key_env and not any(environ.get(name) for name in provider.key_env)
    }
    return {**environ, **missing}


def _check_keys(resolved: ResolvedProviders, options: ReplayOptions) -> None:
    """A gateway that replays and could spend money is a mistake, unless it is wanted."""
    everything = [*resolved.secrets.items()]
    everything += [(slug, key) for (slug, _), key in resolved.credential_secrets.items()]
    live = sorted({slug for slug, key in everything if set(parts_of(key)) != {NO_KEY}})
    if live and not options.live_keys:
        raise ConfigError(
            f"replay found live keys of {', '.join(live)} in the environment or the settings. "
            "Unset them, or allow them with --allow-live-keys; they are used only to record."
        )


def _recording_at(settings: Settings, options: ReplayOptions, *, records: bool) -> Settings:
    """The settings with the recordings where the cassettes are, or none."""
    path, wanted = options.path, settings.recordings
    if not records:
        changed = msgspec.structs.replace(wanted, dir=None)
    elif path.suffix in SUFFIXES and not path.is_dir():
        changed = msgspec.structs.replace(wanted, dir=path.parent, tape=path.stem)
    else:
        changed = msgspec.structs.replace(wanted, dir=path)
    return msgspec.structs.replace(settings, recordings=changed)


def _transport(
    settings: Settings,
    environ: Mapping[str, str],
    options: ReplayOptions,
    library: Library,
    tapes: Tapes | None,
) -> Transport:
    replaying = ReplayingTransport(library, pace=options.pace)
    if tapes is None:
        return replaying
    recording = RecordingTransport(live_transport(environ), tapes, CLOCKS, always=wish_of(settings))
    return recording if options.mode != "new_episodes" else EpisodesTransport(replaying, recording)


async def _as_replay(
    assembly: Assembly,
    settings: Settings,
    options: ReplayOptions,
    found: Found,
    client: Library,
    tapes: Tapes | None,
    free: Sequence[str],
) -> Assembly:
    """Mark a gateway as one that replays, let every key in, and put clients' recordings before it."""
    key = await _stand_in(assembly.store)
    replay = {"mode": options.mode, "interactions": found.interactions, "pace": options.pace}
    site = msgspec.structs.replace(
        assembly.site,
        stand_in=key,
        facts={**assembly.site.facts, "mode": "replay", "replay": replay},
    )
    app: Application = App(site)
    if tapes is not None and settings.recordings.side == "client":
        rules = RecordingRules(usual=wish_of(settings), always=True)
        app = RecordingApp(app, rules, tapes, CLOCKS)
    warnings = [f"without a known price, replayed as free: {', '.join(free)}"] if free else []
    return msgspec.structs.replace(
        assembly,
        site=site,
        app=ReplayingApp(
            app,
            client,
            mode=options.mode,
            pace=options.pace,
            max_body_bytes=site.max_body_bytes,
            others=bool(found.upstream) or tapes is not None,
            book=Bookkeeper(assembly.store, key).book,
        ),
        tapes=tapes,
        told=_told(options, found, records=tapes is not None),
        warnings=(*assembly.warnings, *warnings),
    )


def _told(options: ReplayOptions, found: Found, *, records: bool) -> str:
    touched = "No network is touched." if not records else f"Mode: {options.mode}."
    return (
        f"Portico replays {found.interactions} exchanges of {options.path} at {{base_url}}\n"
        f"Any key is accepted. {touched}\n"
    )


async def _stand_in(store: Store) -> ApiKey:
    """The key that every unknown one acts for. Nobody knows its secret."""
    for key in await store.keys():
        if key.name == KEY_NAME:
            return key
    entropy = secrets.token_bytes(ENTROPY_BYTES)
    key, _ = issue(name=KEY_NAME, entropy=entropy, created_ms=now_ms())
    return await store.create_key(key)


class Bookkeeper:
    """Enters replayed answers into the ledger: who asked for which model, at no charge."""

    def __init__(self, store: Store, stand_in: ApiKey) -> None:
        self._store = store
        self._stand_in = stand_in
        self._ids = GenerationIds()

    async def book(self, scope: Scope, asked: RecordedRequest, answer: Interaction) -> None:
        """Enter one answer. It keeps its recorded id as long as that is free.

        Raises:
            GatewayError: the key may not be used, or the ledger cannot be written.
        """
        created_ms = now_ms()
        headers = dict(scope["headers"])
        who = await authenticate(headers, self._store, created_ms, self._stand_in)
        model = model_of(asked)
        if model is None:
            return
        recorded_id = _answer_id(answer)
        generation_id = recorded_id or self._ids.new(created_ms)
        if recorded_id and await self._store.find_generation(recorded_id) is not None:
            generation_id = self._ids.new(created_ms)
        hold = Hold(
            generation_id=generation_id,
            key=who.key,
            amount_picousd=0,
            created_ms=created_ms,
            model=model,
        )
        generation = Generation(
            id=generation_id,
            key_hash=who.key.hash,
            created_ms=created_ms,
            model=model,
            streamed=answer.response.is_event_stream,
            upstream_id=recorded_id,
            error_status=answer.response.status if answer.response.status >= 400 else None,
            error_type="replayed" if answer.response.status >= 400 else None,
            replayed=True,
            user_agent=headers.get(b"user-agent", b"").decode("latin-1") or None,
        )
        await self._store.settle(await self._store.reserve(hold), generation, [])


_ID = re.compile(rb'"id"\s*:\s*"(gen-[A-Za-z0-9-]{1,80})"')


def _answer_id(answer: Interaction) -> str | None:
    match = _ID.search(answer.response.body)
    return match[1].decode() if match else None


# --- which providers and models were recorded ----------------------------------------


def _recorded_providers(
    cassettes: Iterable[Cassette], resolved: ResolvedProviders
) -> dict[str, Provider]:
    """The providers whose addresses are on the cassettes. They are shown no key.

    One that is neither built in nor in the settings is made up from its
    address: a server that speaks OpenAI's chat API.
    """
    urls = [one.request.url for tape in cassettes for one in tape.interactions]
    built_in = {
        slug: msgspec.structs.replace(provider, base_url=address, auth="none")
        for slug, provider in PROVIDERS.items()
        if (address := next(filter(None, (_address(url, provider) for url in urls)), None))
    }
    known = [*built_in.values(), *resolved.providers.values()]
    strangers = (url for url in urls if not any(_is_at(url, provider) for provider in known))
    return {**dict(map(_stranger, filter(_CHAT_URL.fullmatch, strangers))), **built_in}


def _stranger(url: str) -> tuple[str, Provider]:
    """A provider by the address of its chat API; named by its host."""
    host = urlsplit(url).netloc.rpartition("@")[2].lower()
    slug = re.sub(r"[^a-z0-9]+", "-", host).strip("-") or "unknown"
    base_url = url.partition("?")[0].removesuffix("/chat/completions")
    return slug, Provider(
        slug=slug,
        name=host,
        base_url=base_url,
        auth="none",
        supported_parameters=STANDARD_PARAMETERS | REASONING_PARAMETERS,
        reasoning_field="reasoning_effort",
    )


def _is_at(url: str, provider: Provider) -> bool:
    return _address(url, provider) is not None


def _address(url: str, provider: Provider) -> str | None:
    """The part of `url` that is the provider's base URL, whatever region or account is in it."""
    if not provider.base_url:
        return None
    base = re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(provider.base_url.rstrip("/")))
    match = re.match(f"({base})/", url)
    return match[1] if match else None


def _by_side(cassettes: Iterable[Cassette], providers: Iterable[Provider]) -> Found:
    """Part what providers said from what a gateway answered."""
    known = list(providers)
    upstream: list[Cassette] = []
    client: list[Cassette] = []
    for tape in cassettes:
        at_client = {n for n, one in enumerate(tape.interactions) if _is_client_side(one, known)}
        for side, chosen in ((client, True), (upstream, False)):
            kept = tuple(
                one for n, one in enumerate(tape.interactions) if (n in at_client) is chosen
            )
            if kept:
                side.append(msgspec.structs.replace(tape, interactions=kept))
    return Found(upstream=tuple(upstream), client=tuple(client))


def _is_client_side(one: Interaction, providers: Sequence[Provider]) -> bool:
    """What the cassette says; else by the address: OpenRouter's API, and no provider's."""
    if one.side is not None:
        return one.side == "client"
    parts = urlsplit(one.request.url)
    if parts.hostname == "openrouter.ai":
        return True
    is_api = parts.path.startswith("/api/v1/")
    return is_api and not any(_is_at(one.request.url, provider) for provider in providers)


def _snapshot(
    settings: Settings, providers: Mapping[str, Provider], tapes: Sequence[Cassette]
) -> tuple[CatalogSnapshot, list[str]]:
    """What can be called, and the models among it that have no known price.

    A model of which some endpoint was recorded keeps only those endpoints:
    routing shall not choose one that nothing is known of.
    """
    recorded = set(_recorded_models(tapes, providers.values()))
    declared = settings.declared

    def build(models: Sequence[EndpointDeclaration]) -> CatalogSnapshot:
        return build_snapshot(catalog_data(), providers, models, None, declared=declared)

    snapshot = build(settings.models)
    offered = {
        (endpoint.provider, endpoint.upstream_model)
        for model in snapshot.models.values()
        for endpoint in model.endpoints
    }
    unknown = [
        EndpointDeclaration(
            model=name if "/" in name else f"{provider}/{name}",
            provider=provider,
            upstream_model=name,
            pricing=FREE,
        )
        for provider, name in sorted(recorded - offered)
    ]
    if unknown:
        snapshot = build((*settings.models, *unknown))
    models = {slug: _narrowed(model, recorded) for slug, model in snapshot.models.items()}
    return msgspec.structs.replace(snapshot, version=f"{snapshot.version}+replay", models=models), [
        one.model for one in unknown
    ]


def _narrowed(model: Model, recorded: set[tuple[str, str]]) -> Model:
    kept = tuple(e for e in model.endpoints if (e.provider, e.upstream_model) in recorded)
    return msgspec.structs.replace(model, endpoints=kept) if kept else model


def _recorded_models(
    tapes: Iterable[Cassette], providers: Iterable[Provider]
) -> Iterator[tuple[str, str]]:
    """Provider and upstream model of everything that was asked."""
    known = list(providers)
    for tape in tapes:
        for one in tape.interactions:
            model = model_of(one.request)
            if model is None and (match := _MODEL_IN_PATH.search(urlsplit(one.request.url).path)):
                model = unquote(match[1])
            for provider in known:
                if model is not None and _is_at(one.request.url, provider):
                    yield provider.slug, model
