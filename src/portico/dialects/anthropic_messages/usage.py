"""Token counts of the Messages API, in and out.

`input_tokens` leaves cache reads and writes out, as the buckets of `Usage` do;
thinking is part of `output_tokens`. A later usage object of a stream replaces
what it names and leaves the rest.
"""

from collections.abc import Mapping
from typing import Any

from portico.dialects.fields import object_of
from portico.jsonio import JsonObject
from portico.vocabulary import Usage

_COUNTS = (
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
)  # fmt: skip

_TIERS = frozenset({"standard", "priority", "batch"})
"""What this API calls its tiers; others have more names for the usual one."""


def merge_usage(known: JsonObject, more: object) -> JsonObject:
    """Return `known` with the members of `more` that say something."""
    if not isinstance(more, dict):
        return known
    return {**known, **{name: value for name, value in more.items() if value is not None}}


def decode_usage(body: Mapping[str, Any]) -> Usage | None:
    """Read a usage object; None if it counts nothing."""
    if not any(isinstance(body.get(name), int) for name in _COUNTS):
        return None
    output = _count(body, "output_tokens")
    by_age = object_of(body.get("cache_creation"))
    hour = _count(by_age, "ephemeral_1h_input_tokens")
    short = _count(by_age, "ephemeral_5m_input_tokens")
    written = max(_count(body, "cache_creation_input_tokens"), hour + short)
    thinking = _count(object_of(body.get("output_tokens_details")), "thinking_tokens")
    return Usage(
        input_tokens=_count(body, "input_tokens"),
        cache_read_tokens=_count(body, "cache_read_input_tokens"),
        cache_write_tokens=written - hour,
        cache_write_1h_tokens=hour,
        output_tokens=output,
        reasoning_tokens=min(thinking, output),
        web_search_requests=_count(object_of(body.get("server_tool_use")), "web_search_requests"),
    )


def tier_of(body: Mapping[str, Any]) -> str | None:
    """The service tier that answered; the usual one has no name outside this dialect."""
    tier = body.get("service_tier")
    return tier if isinstance(tier, str) and tier != "standard" else None


def encode_usage(usage: Usage, service_tier: str | None = None) -> JsonObject:
    """Write usage in this dialect's own terms (contract/other-apis 2)."""
    searches = usage.web_search_requests
    return {
        "input_tokens": usage.prompt_tokens
        - usage.cache_read_tokens
        - usage.cache_write_tokens
        - usage.cache_write_1h_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "server_tool_use": (
            {"web_search_requests": searches, "web_fetch_requests": 0} if searches else None
        ),
        "service_tier": service_tier if service_tier in _TIERS else "standard",
        "inference_geo": None,
    }


def _count(body: Mapping[str, Any], key: str) -> int:
    value = body.get(key)
    return value if isinstance(value, int) and value > 0 else 0
