"""Models that draw: `GET /images/models` and their endpoints (contract/catalog-account 1)."""

from portico.catalog import find_model
from portico.dialects.side import IMAGES as DIALECT
from portico.errors import NotFound
from portico.jsonio import JsonObject
from portico.money import usd_number
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site, answer_json
from portico.vocabulary import Endpoint, Model, Pricing

_LINES = (
    ("input_text", "token", "prompt_picousd"),
    ("input_image", "token", "input_image_picousd"),
    ("output_image", "image", "request_picousd"),
)


async def image_models(site: Site, request: Request, reply: AsgiReply) -> None:
    """The models that draw, with what can be wished of them."""
    models = [m for m in site.gateway.snapshot.models.values() if _endpoints(m)]
    await answer_json(reply, {"data": [_row(model) for model in models]})


async def image_endpoints(site: Site, request: Request, reply: AsgiReply) -> None:
    """Which providers draw with one model, at which price for what."""
    name = f"{request.parameters['author']}/{request.parameters['slug']}"
    model = find_model(site.gateway.snapshot, name)
    if model is None or not _endpoints(model):
        raise NotFound(f"No model {name[:200]} draws. GET /images/models lists those that do.")
    providers = site.gateway.resources.providers
    rows = [
        {
            "provider_name": providers[endpoint.provider].name,
            "provider_slug": endpoint.provider,
            "provider_tag": endpoint.tag,
            "supported_parameters": _wishes(endpoint),
            "allowed_passthrough_parameters": [],
            "pricing": [] if endpoint.pricing is None else _lines(endpoint.pricing),
            "supports_streaming": _streams(endpoint),
        }
        for endpoint in _endpoints(model)
    ]
    await answer_json(reply, {"id": model.slug, "endpoints": rows})


def _endpoints(model: Model) -> list[Endpoint]:
    """Those that the route for images can ask."""
    return [e for e in model.endpoints if e.output_modalities == {"image"}]


def _row(model: Model) -> JsonObject:
    endpoints = _endpoints(model)
    wishes: JsonObject = {}
    for endpoint in endpoints:
        wishes |= _wishes(endpoint)
    inputs = frozenset[str]().union(*(e.input_modalities or {"text"} for e in endpoints))
    return {
        "id": model.slug,
        "name": model.name,
        "description": model.description,
        "created": model.created_s,
        "architecture": {
            "input_modalities": sorted(inputs, reverse=True),
            "output_modalities": ["image"],
        },
        "supported_parameters": wishes,
        "supports_streaming": any(map(_streams, endpoints)),
        "endpoints": f"/api/v1/images/models/{model.slug}/endpoints",
    }


def _streams(endpoint: Endpoint) -> bool:
    side = DIALECT.side
    return side is not None and side.streams is not None and side.streams(endpoint.upstream_model)


def _wishes(endpoint: Endpoint) -> JsonObject:
    """What is known to have an effect; of other hosts than OpenAI nobody has said it here."""
    return dict(_OPENAIS) if _streams(endpoint) else {}


def _lines(price: Pricing) -> list[JsonObject]:
    """A line for each thing that is billed."""
    lines = [(kind, unit, getattr(price, rate)) for kind, unit, rate in _LINES]
    drawn = price.output_image_picousd
    lines.append(("output_image", "token", price.completion_picousd if drawn is None else drawn))
    return [
        {"billable": kind, "unit": unit, "cost_usd": usd_number(rate)}
        for kind, unit, rate in lines
        if rate
    ]


_OPENAIS = {
    "aspect_ratio": {"type": "enum", "values": ["1:1", "3:2", "2:3"]},
    "quality": {"type": "enum", "values": ["auto", "low", "medium", "high"]},
    "background": {"type": "enum", "values": ["auto", "transparent", "opaque"]},
    "output_format": {"type": "enum", "values": ["png", "jpeg", "webp"]},
    "output_compression": {"type": "range", "min": 0, "max": 100},
    "n": {"type": "range", "min": 1, "max": 10},
    "input_references": {"type": "range", "min": 0, "max": 16},
}

IMAGE_MODELS = Route(method="GET", path="/images/models", access="key", handler=image_models)
IMAGE_ENDPOINTS = Route(
    method="GET",
    path="/images/models/{author}/{slug}/endpoints",
    access="key",
    handler=image_endpoints,
)
