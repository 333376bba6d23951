"""What can be called: `GET /models`, endpoints of a model, providers (contract/catalog-account 1)."""

from datetime import UTC, datetime
from hashlib import sha256

from portico.catalog import find_model
from portico.delivery import Headers
from portico.errors import NotFound
from portico.jsonio import JsonObject, dumps
from portico.money import picousd_to_decimal_text
from portico.planning import Caller
from portico.routing.health import EndpointHealth, Percentiles
from portico.server.asgi import AsgiReply
from portico.server.listing import MOST_ROWS, Entry, page_of, selected, whole
from portico.server.request import Request, Route, Site, answer_json
from portico.vocabulary import Endpoint, Model, PriceOverride, Pricing

_RATES = (
    ("prompt", "prompt_picousd"),
    ("completion", "completion_picousd"),
    ("request", "request_picousd"),
    ("audio", "input_audio_picousd"),
    ("audio_output", "output_audio_picousd"),
    ("image_token", "input_image_picousd"),
    ("image_output", "output_image_picousd"),
    ("input_cache_read", "cache_read_picousd"),
    ("input_cache_write", "cache_write_picousd"),
    ("input_cache_write_1h", "cache_write_1h_picousd"),
)
_ANTHROPIC_PAGE = 20
_ISO = "%Y-%m-%dT%H:%M:%SZ"


async def models(site: Site, request: Request, reply: AsgiReply) -> None:
    """The catalogue; everything unless `limit` or `offset` asks for a page. With the header
    `anthropic-version` in the form of Anthropic's list."""
    found = _selected(site, request)
    if b"anthropic-version" in request.headers:
        body = dumps(anthropic_list([entry.row for entry in found], request))
        await _answer(request, reply, body, seal=body)
        return
    await _listed(request, reply, found)


async def of_user(site: Site, request: Request, reply: AsgiReply) -> None:
    """The catalogue as far as the calling key may use it."""
    principal = request.who()
    caller = Caller(account=principal.user_id, key_hash=principal.key.hash)
    usable = {model.slug for model in site.gateway.planner.callable_by(caller)}
    found = _selected(site, request)
    await _listed(request, reply, [entry for entry in found if entry.model.slug in usable])


async def embeddings(site: Site, request: Request, reply: AsgiReply) -> None:
    """The models that turn text into vectors, in the form of the catalogue."""
    await _listed(request, reply, _selected(site, request, default_output="embeddings"))


async def model(site: Site, request: Request, reply: AsgiReply) -> None:
    """One row of the catalogue."""
    name = f"{request.parameters['author']}/{request.parameters['slug']}"
    await answer_json(reply, {"data": model_row(_found(site, name))})


def _found(site: Site, name: str) -> Model:
    found = find_model(site.gateway.snapshot, name)
    if found is None and ":" in name:  # variants have no rows of their own
        found = find_model(site.gateway.snapshot, name.rpartition(":")[0])
    if found is None:
        raise NotFound(f"There is no model {name[:200]}. GET /models lists the valid ones.")
    return found


def _selected(site: Site, request: Request, *, default_output: str = "text") -> list[Entry]:
    resources = site.gateway.resources
    health = resources.health.snapshot(resources.clock_s())
    return selected(
        _entries(site),
        request.query,
        now_s=resources.now_ms() // 1000,
        health=health.of,
        provider_names=resources.names,
        default_output=default_output,
    )


async def _listed(request: Request, reply: AsgiReply, found: list[Entry]) -> None:
    page, following = page_of(found, request.query, request.path)
    rest = {"total_count": len(found), "links": {"next": following}, "object": "list"}
    if "client_version" in request.query:  # Codex looks for its own list, and fills it itself
        rest["models"] = []
    end = dumps(rest)
    rows = b",".join([entry.encoded for entry in page])
    seal = b"".join([entry.seal for entry in page])
    await _answer(request, reply, b'{"data":[' + rows + b"]," + end[1:], seal=seal + end)


async def _answer(request: Request, reply: AsgiReply, body: bytes, *, seal: bytes) -> None:
    """The body, unless the client has it already; `seal` is as individual as the body."""
    tag = b'"' + sha256(seal).hexdigest()[:32].encode() + b'"'
    headers: Headers = [(b"etag", tag), (b"cache-control", b"private, no-cache")]
    known = request.headers.get(b"if-none-match", b"").split(b",")
    if {one.strip().removeprefix(b"W/") for one in known} & {tag, b"*"}:
        await reply.head(304, headers)
        await reply.body(b"", more=False)
        return
    await reply.json(200, body, headers)


async def count(site: Site, request: Request, reply: AsgiReply) -> None:
    """How many rows `GET /models` would have."""
    await answer_json(reply, {"data": {"count": len(_selected(site, request))}})


async def endpoints(site: Site, request: Request, reply: AsgiReply) -> None:
    """Which providers serve one model, at which price."""
    model = _found(site, request.parameters["slug"])
    resources = site.gateway.resources
    now_s = resources.clock_s()
    rows = [
        endpoint_row(
            model, e, resources.providers[e.provider].name, resources.health.listed(e, now_s)
        )
        for e in model.endpoints
    ]
    data = {
        "id": model.slug,
        "name": model.name,
        "created": model.created_s,
        "description": model.description,
        "architecture": _architecture(model),
        "endpoints": rows,
    }
    await answer_json(reply, {"data": data})


async def without_retention(site: Site, request: Request, reply: AsgiReply) -> None:
    """The endpoints of which the operator says that they retain no data."""
    resources = site.gateway.resources
    now_s = resources.clock_s()
    rows = [
        endpoint_row(
            model, e, resources.providers[e.provider].name, resources.health.listed(e, now_s)
        )
        for model in site.gateway.snapshot.models.values()
        for e in model.endpoints
        if e.zdr is True
    ]
    await answer_json(reply, {"data": rows})


async def providers(site: Site, request: Request, reply: AsgiReply) -> None:
    """The providers that are configured; unknown facts are null."""
    rows = [
        {
            "name": access.name,
            "slug": access.slug,
            "privacy_policy_url": access.facts.get("privacy_policy_url"),
            "terms_of_service_url": access.facts.get("terms_of_service_url"),
            "status_page_url": access.facts.get("status_page_url"),
            "headquarters": access.facts.get("headquarters"),
            "datacenters": access.facts.get("datacenters"),
        }
        for access in site.gateway.resources.providers.values()
    ]
    await answer_json(reply, {"data": sorted(rows, key=lambda row: str(row["slug"]))})


def model_row(model: Model) -> JsonObject:
    """One row of `GET /models`, every key of the contract present."""
    first = model.endpoints[0]
    return {
        "id": model.slug,
        "canonical_slug": model.canonical_slug,
        "hugging_face_id": model.hugging_face_id,
        "name": model.name,
        "created": model.created_s,
        "description": model.description,
        "context_length": _longest_window(model),
        "architecture": _architecture(model),
        "pricing": _pricing(first.pricing),
        **({"price_unknown": True} if first.pricing is None else {}),
        "top_provider": {
            "context_length": first.context_tokens,
            "max_completion_tokens": first.max_completion_tokens,
            "is_moderated": first.is_moderated is True,
        },
        "per_request_limits": None,
        "supported_parameters": sorted(
            frozenset[str]().union(*(e.supported_parameters for e in model.endpoints))
        ),
        "default_parameters": None,
        "supported_voices": None,
        "knowledge_cutoff": model.knowledge_cutoff,
        "expiration_date": None,
        "links": {"details": f"/api/v1/models/{model.canonical_slug}/endpoints"},
        "object": "model",
        "owned_by": model.slug.partition("/")[0],
    }


def anthropic_list(rows: list[JsonObject], request: Request) -> JsonObject:
    """The rows as Anthropic's `GET /v1/models` has them, one page (contract/clients 6)."""
    ids = [row["id"] for row in rows]
    start, end = 0, len(ids)
    if (after := request.query.get("after_id")) in ids:
        start = ids.index(after) + 1
    if (before := request.query.get("before_id")) in ids:
        end = ids.index(before)
    page = rows[start:end][
        : whole(request.query, "limit", _ANTHROPIC_PAGE, least=1, most=MOST_ROWS)
    ]
    data = [
        {
            "type": "model",
            "id": row["id"],
            "display_name": row["name"],
            "created_at": datetime.fromtimestamp(row["created"], UTC).strftime(_ISO),
        }
        for row in page
    ]
    return {
        "data": data,
        "has_more": start + len(page) < end,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


def _entries(site: Site) -> list[Entry]:
    """All rows, made once per snapshot: nearly every client asks for them at its start."""
    snapshot = site.gateway.snapshot
    kept = site.views.get("models")
    if kept is None or kept[0] is not snapshot:
        entries = [_entry(model) for model in snapshot.models.values()]
        kept = site.views["models"] = (snapshot, entries)
    return kept[1]


def _entry(model: Model) -> Entry:
    row = model_row(model)
    encoded = dumps(row)
    return Entry(model=model, row=row, encoded=encoded, seal=sha256(encoded).digest()[:12])


def endpoint_row(
    model: Model, endpoint: Endpoint, provider_name: str, health: EndpointHealth
) -> JsonObject:
    """One endpoint with every key of the contract, and those that its SDK has come to require."""
    takes_choice = not endpoint.supported_parameters or (
        "tool_choice" in endpoint.supported_parameters
    )
    return {
        "name": f"{provider_name} | {model.canonical_slug}",
        "model_id": model.canonical_slug,
        "model_name": model.name,
        "context_length": _window(model, endpoint),
        "pricing": _pricing(endpoint.pricing),
        "provider_name": provider_name,
        "tag": endpoint.tag,
        "quantization": endpoint.quantization,
        "max_completion_tokens": endpoint.max_completion_tokens,
        "max_prompt_tokens": None,
        "supported_parameters": sorted(endpoint.supported_parameters),
        "status": 0 if health.stable else -2 if health.breaker == "open" else -1,
        "uptime_last_5m": health.uptime_5m,
        "uptime_last_30m": health.uptime_30m,
        "uptime_last_1d": health.uptime_1d,
        "supports_implicit_caching": False,
        "latency_last_30m": _percentiles(health.latency_s, scale=1000),
        "throughput_last_30m": _percentiles(health.throughput_tps, scale=1),
        "native_tools": {},
        "service_tier": endpoint.service_tier,
        "supports_diarization": False,
        "supports_tool_choice": dict.fromkeys(
            ("auto", "function", "none", "required"), takes_choice
        ),
    }


def _longest_window(model: Model) -> int | None:
    windows = (e.context_tokens for e in model.endpoints if e.context_tokens is not None)
    return max(windows, default=None)


def _window(model: Model, endpoint: Endpoint) -> int:
    """The endpoint's window; where nobody said, what the model has elsewhere.

    0 is left for a model whose window is not known anywhere: the schema of the
    field takes integers only, and the official package refuses the list otherwise.
    """
    return endpoint.context_tokens or _longest_window(model) or 0


def _percentiles(measured: Percentiles | None, *, scale: int) -> JsonObject | None:
    """As listed: milliseconds for latency, tokens per second for throughput."""
    if measured is None:
        return None
    return {name: round(getattr(measured, name) * scale, 3) for name in measured.__struct_fields__}


def _architecture(model: Model) -> JsonObject:
    order = ("text", "image", "file", "audio", "video")
    first = model.endpoints[0]
    inputs = frozenset[str]().union(*(e.input_modalities or {"text"} for e in model.endpoints))
    ordered_in = [m for m in order if m in inputs]
    ordered_out = sorted(first.output_modalities, reverse=True)
    return {
        "modality": f"{'+'.join(ordered_in)}->{'+'.join(ordered_out)}",
        "input_modalities": ordered_in,
        "output_modalities": ordered_out,
        "tokenizer": model.tokenizer,
        "instruct_type": None,
    }


def _pricing(pricing: Pricing | None) -> JsonObject:
    """USD per token as decimal strings; rates other than the two main ones only if not zero."""
    if pricing is None:
        return {"prompt": "0", "completion": "0"}
    body = _rates(pricing, always=("prompt", "completion"))
    if pricing.overrides:
        body["overrides"] = [_override(override) for override in pricing.overrides]
    return body


def _override(override: PriceOverride) -> JsonObject:
    conditions = {
        name: value
        for name in ("min_prompt_tokens", "utc_start", "utc_end")
        if (value := getattr(override, name)) is not None
    }
    return {**conditions, **_rates(override, always=())}


def _rates(prices: Pricing | PriceOverride, *, always: tuple[str, ...]) -> JsonObject:
    body: JsonObject = {}
    for name, field in _RATES:
        rate = getattr(prices, field, None)
        if name in always or rate:
            body[name] = picousd_to_decimal_text(rate or 0)
    return body


MODELS = Route(method="GET", path="/models", access="key", handler=models)
OF_USER = Route(method="GET", path="/models/user", access="key", handler=of_user)
EMBEDDINGS = Route(method="GET", path="/embeddings/models", access="key", handler=embeddings)
MODEL = Route(method="GET", path="/model/{author}/{slug}", access="key", handler=model)
COUNT = Route(method="GET", path="/models/count", access="key", handler=count)
ENDPOINTS = Route(method="GET", path="/models/{slug...}/endpoints", access="key", handler=endpoints)
PROVIDERS = Route(method="GET", path="/providers", access="key", handler=providers)
ZDR = Route(method="GET", path="/endpoints/zdr", access="key", handler=without_retention)
