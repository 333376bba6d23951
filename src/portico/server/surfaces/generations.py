"""`GET /generation`: one settled generation, field by field (contract/catalog-account 2)."""

from portico.errors import NotFound
from portico.jsonio import JsonObject
from portico.limits import utc_time
from portico.money import usd_number
from portico.pricing import cache_saving
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site, answer_json
from portico.server.surfaces.account import iso_time
from portico.vocabulary import AttemptRecord, CatalogSnapshot, Generation, Usage


async def generation(site: Site, request: Request, reply: AsgiReply) -> None:
    """One generation; found from the moment the client has seen the end of the answer."""
    generation_id = request.required("id")
    found = await site.gateway.resources.store.find_generation(generation_id)
    if found is None:
        raise NotFound(f"Generation {generation_id[:80]} not found.")
    row, attempts = found
    region = _region(site.gateway.snapshot, row)
    data = _data(row, attempts, user_id=request.who().user_id, region=region)
    await answer_json(reply, {"data": data})


def _region(snapshot: CatalogSnapshot, row: Generation) -> str | None:
    """Where the endpoint that answered processes data, as far as that is declared now."""
    model = snapshot.models.get(row.model.lower())
    endpoints = model.endpoints if model is not None else ()
    return next((e.region for e in endpoints if e.tag == row.endpoint_tag), None)


def _data(
    row: Generation, attempts: list[AttemptRecord], *, user_id: str, region: str | None
) -> JsonObject:
    usage = row.usage
    cost = usd_number(row.cost_picousd)
    upstream = row.upstream_cost_picousd
    return {
        "id": row.id,
        "upstream_id": row.upstream_id,
        "request_id": None,
        "model": row.model,
        "api_type": row.api_type,
        "created_at": iso_time(row.created_ms),
        "provider_name": row.provider_name,
        "router": None,
        "preset_id": None,
        "app_id": None,
        "origin": row.http_referer or "",
        "http_referer": row.http_referer,
        "user_agent": row.user_agent,
        "external_user": row.external_user,
        "session_id": row.session_id,
        "workspace_id": None,
        "data_region": region or "global",
        "streamed": row.streamed,
        "cancelled": row.cancelled,
        "finish_reason": row.finish_reason,
        "native_finish_reason": row.native_finish_reason,
        "service_tier": row.service_tier,
        "is_byok": row.waiver == "byok",
        "total_cost": cost,
        "usage": cost,
        "upstream_inference_cost": None if upstream is None else usd_number(upstream),
        "cache_discount": _cache_discount(row),
        **_counts(usage),
        "num_media_prompt": None,
        "num_input_audio_prompt": None,
        "num_media_completion": None,
        "num_search_results": None,
        "num_fetches": None,
        "web_search_engine": None,
        "latency": row.latency_ms,
        "moderation_latency": None,
        "generation_time": row.generation_time_ms,
        "response_cache_source_id": None,
        "creator_user_id": user_id,
        "provider_responses": [_attempt(attempt, row) for attempt in attempts],
    }


def _cache_discount(row: Generation) -> object:
    """What the provider's prompt cache saved in USD; None where there was none or no price."""
    usage, price = row.usage, row.pricing
    if usage is None or price is None:
        return None
    if not (usage.cache_read_tokens or usage.cache_write_tokens or usage.cache_write_1h_tokens):
        return None
    return usd_number(cache_saving(usage, price, at_utc=utc_time(row.created_ms)))


def _counts(usage: Usage | None) -> JsonObject:
    """Token counts; None where the upstream did not count and nothing was estimated."""
    return {
        "tokens_prompt": usage and usage.prompt_tokens,
        "tokens_completion": usage and usage.completion_tokens,
        "native_tokens_prompt": usage and usage.prompt_tokens,
        "native_tokens_completion": usage and usage.completion_tokens,
        "native_tokens_reasoning": usage and usage.reasoning_tokens,
        "native_tokens_cached": usage and usage.cache_read_tokens,
        "native_tokens_completion_images": usage and usage.output_image_tokens,
    }


def _attempt(attempt: AttemptRecord, row: Generation) -> JsonObject:
    return {
        "id": attempt.upstream_id,
        "endpoint_id": attempt.endpoint_tag,
        "model_permaslug": attempt.model,
        "provider_name": attempt.provider_name,
        "status": attempt.status,
        "latency": attempt.latency_ms,
        "is_byok": attempt.error_type is None and row.waiver == "byok",
    }


GENERATION = Route(method="GET", path="/generation", access="key", handler=generation)
