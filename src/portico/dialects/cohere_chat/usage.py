"""Token counts of Cohere's chat API, in and out (native-wire 10).

`tokens` is what the model read and wrote, reasoning and cached tokens included.
`billed_units` leaves out the hidden part of the prompt; it counts only where
nothing else does.
"""

from collections.abc import Mapping
from typing import Any

from portico.dialects.fields import object_of
from portico.jsonio import JsonObject
from portico.vocabulary import Usage


def decode_usage(body: object) -> Usage | None:
    """Read a usage object; None if it counts nothing."""
    usage = object_of(body)
    counts = object_of(usage.get("tokens")) or object_of(usage.get("billed_units"))
    if not any(isinstance(counts.get(name), int | float) for name in _COUNTS):
        return None
    prompt, output = (_count(counts, name) for name in _COUNTS)
    cached = min(_count(usage, "cached_tokens"), prompt)
    return Usage(
        input_tokens=prompt - cached,
        cache_read_tokens=cached,
        output_tokens=output,
        reasoning_tokens=min(_count(counts, "reasoning_tokens"), output),
    )


def encode_usage(usage: Usage) -> JsonObject:
    """Write a usage object."""
    counts = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
    tokens = dict(counts)
    if usage.reasoning_tokens:
        tokens["reasoning_tokens"] = usage.reasoning_tokens
    return {
        "billed_units": counts,
        "tokens": tokens,
        "cached_tokens": usage.cache_read_tokens,
    }


_COUNTS = ("input_tokens", "output_tokens")


def _count(body: Mapping[str, Any], key: str) -> int:
    value = body.get(key)
    return int(value) if isinstance(value, int | float) and value > 0 else 0
