"""Token counts of the Responses API, in and out.

`input_tokens` include what was read from and written to a cache, `output_tokens`
include reasoning (native-wire 10).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from portico.dialects.fields import object_of
from portico.jsonio import JsonObject
from portico.money import usd_number
from portico.vocabulary import Cost, Usage

_NO_COST = Cost()


def decode_usage(body: object, output: Sequence[Any] = ()) -> Usage | None:
    """Read a usage object; None if it counts nothing. `output`: the items that were counted."""
    if not isinstance(body, dict):
        return None
    if not any(isinstance(body.get(name), int) for name in ("input_tokens", "output_tokens")):
        return None
    sent, written = _count(body, "input_tokens"), _count(body, "output_tokens")
    details = object_of(body.get("input_tokens_details"))
    cached = min(sent, _count(details, "cached_tokens"))
    audio = min(sent - cached, _count(details, "audio_tokens"))
    cache_write = min(sent - cached - audio, _count(details, "cache_write_tokens"))
    reasoning = _count(object_of(body.get("output_tokens_details")), "reasoning_tokens")
    return Usage(
        input_tokens=sent - cached - audio - cache_write,
        cache_read_tokens=cached,
        cache_write_tokens=cache_write,
        input_audio_tokens=audio,
        output_tokens=written,
        reasoning_tokens=min(reasoning, written),
        web_search_requests=sum(_is_search(item) for item in output),
    )


def encode_usage(usage: Usage, cost: Cost | None) -> JsonObject:
    """Write usage with its price; one that could not be applied reads 0."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        **price(cost),
    }


def price(cost: Cost | None) -> JsonObject:
    """What the gateway adds to a usage object."""
    cost = cost or _NO_COST
    total = usd_number(cost.total_picousd)
    return {
        "cost": 0 if cost.is_byok else total,
        "is_byok": cost.is_byok,
        "cost_details": {
            "upstream_inference_cost": total,
            "upstream_inference_input_cost": usd_number(cost.prompt_picousd + cost.request_picousd),
            "upstream_inference_output_cost": usd_number(cost.completion_picousd),
        },
    }


def _is_search(item: Any) -> bool:
    """Whether an item is a search that ran; opening a page it found is none."""
    if not isinstance(item, dict) or item.get("type") != "web_search_call":
        return False
    action = item.get("action")
    return not isinstance(action, dict) or action.get("type") in {None, "search"}


def _count(body: Mapping[str, Any], key: str) -> int:
    value = body.get(key)
    return value if isinstance(value, int) and value > 0 else 0
