"""Token counts of Converse, in and out: the buckets are disjoint, as in `Usage`.

`totalTokens` is the sum of all four; what was thought is not counted apart.
"""

from collections.abc import Mapping
from typing import Any

from portico.dialects.fields import object_of
from portico.jsonio import JsonObject
from portico.vocabulary import Usage

_COUNTS = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")


def decode_usage(body: Mapping[str, Any]) -> Usage | None:
    """Read a usage object; None if it counts nothing. `cacheDetails` tells writes by age."""
    if not any(isinstance(body.get(name), int) for name in _COUNTS):
        return None
    details = body.get("cacheDetails")
    rows = [object_of(row) for row in details] if isinstance(details, list) else []
    hour = sum(_count(row, "inputTokens") for row in rows if row.get("ttl") == "1h")
    written = _either(body, "cacheWriteInputToken")
    hour = min(hour, written)
    return Usage(
        input_tokens=_count(body, "inputTokens"),
        cache_read_tokens=_either(body, "cacheReadInputToken"),
        cache_write_tokens=written - hour,
        cache_write_1h_tokens=hour,
        output_tokens=_count(body, "outputTokens"),
    )


def encode_usage(usage: Usage) -> JsonObject:
    """Write usage in this dialect's own terms."""
    written = usage.cache_write_tokens + usage.cache_write_1h_tokens
    body: JsonObject = {
        "inputTokens": usage.prompt_tokens - usage.cache_read_tokens - written,
        "outputTokens": usage.completion_tokens,
        "totalTokens": usage.prompt_tokens + usage.completion_tokens,
        "cacheReadInputTokens": usage.cache_read_tokens,
        "cacheWriteInputTokens": written,
    }
    if usage.cache_write_1h_tokens:
        body["cacheDetails"] = [
            {"ttl": ttl, "inputTokens": count}
            for ttl, count in (
                ("5m", usage.cache_write_tokens),
                ("1h", usage.cache_write_1h_tokens),
            )
            if count
        ]
    return body


def tier_of(body: Mapping[str, Any]) -> str | None:
    """The service tier that answered; the usual one is not worth a word."""
    tier = object_of(body.get("serviceTier")).get("type")
    return tier if isinstance(tier, str) and tier not in {"", "default"} else None


def _either(body: Mapping[str, Any], stem: str) -> int:
    """A count that has a twin of another name."""
    return _count(body, stem + "s") or _count(body, stem + "Count")


def _count(body: Mapping[str, Any], key: str) -> int:
    value = body.get(key)
    return value if isinstance(value, int) and value > 0 else 0
