"""Token counts of the Gemini API, in and out (native-wire 10).

`promptTokenCount` contains what came from the cache, `candidatesTokenCount`
does not contain thoughts, and `toolUsePromptTokenCount` is what the provider's
own tools put into the prompt besides it.
"""

from typing import Any

from portico.jsonio import JsonObject
from portico.vocabulary import Usage

_TIERS = {"standard": "default"}


def decode_usage(body: JsonObject) -> Usage | None:
    """Read a `usageMetadata`; None if it counts nothing (some say only the kind of traffic)."""
    if not isinstance(body.get("promptTokenCount"), int | float):
        return None
    cached = _count(body, "cachedContentTokenCount")
    prompt = _count(body, "promptTokenCount") + _count(body, "toolUsePromptTokenCount")
    if cached > prompt:
        prompt += cached
    thoughts = _count(body, "thoughtsTokenCount")
    written = _count(body, "candidatesTokenCount")
    if _is_text(body, "promptTokensDetails") and _is_text(body, "candidatesTokensDetails"):
        return Usage(
            input_tokens=prompt - cached,
            cache_read_tokens=cached,
            output_tokens=written + thoughts,
            reasoning_tokens=thoughts,
        )
    room = prompt - cached
    audio = min(room, _uncached(body, "AUDIO"))
    video = min(room - audio, _uncached(body, "VIDEO"))
    made = _by_modality(body, "candidatesTokensDetails")
    audio_out = min(written, made.get("AUDIO", 0))
    image_out = min(written - audio_out, made.get("IMAGE", 0))
    return Usage(
        input_tokens=room - audio - video,
        cache_read_tokens=cached,
        input_audio_tokens=audio,
        input_video_tokens=video,
        output_tokens=written - audio_out - image_out + thoughts,
        output_audio_tokens=audio_out,
        output_image_tokens=image_out,
        reasoning_tokens=thoughts,
    )


def service_tier(body: JsonObject) -> str | None:
    """The tier in this gateway's words; None where the provider did not say."""
    tier = body.get("serviceTier")
    return _TIERS.get(tier.lower(), tier.lower()) if isinstance(tier, str) and tier else None


def encode_usage(usage: Usage) -> JsonObject:
    """Write a `usageMetadata`; counts that are 0 are left out, as the API does."""
    written = usage.completion_tokens - usage.reasoning_tokens
    counts = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": written,
        "totalTokenCount": usage.prompt_tokens + usage.completion_tokens,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
    }
    kept: JsonObject = {
        name: count for name, count in counts.items() if count or name.startswith(("prompt", "t"))
    }
    kept.update(_details("promptTokensDetails", usage.prompt_tokens, {
        "AUDIO": usage.input_audio_tokens, "VIDEO": usage.input_video_tokens,
    }))  # fmt: skip
    kept.update(_details("candidatesTokensDetails", written, {
        "AUDIO": usage.output_audio_tokens, "IMAGE": usage.output_image_tokens,
    }))  # fmt: skip
    return kept


def _details(name: str, total: int, parts: dict[str, int]) -> JsonObject:
    if not any(parts.values()):
        return {}
    everything = {"TEXT": total - sum(parts.values()), **parts}
    return {name: [{"modality": m, "tokenCount": n} for m, n in everything.items() if n]}


def _uncached(body: JsonObject, modality: str) -> int:
    sent = _by_modality(body, "promptTokensDetails").get(modality, 0)
    return max(0, sent - _by_modality(body, "cacheTokensDetails").get(modality, 0))


def _by_modality(body: JsonObject, name: str) -> dict[str, int]:
    rows = body.get(name)
    if not isinstance(rows, list):
        return {}
    return {
        str(row.get("modality")): _count(row, "tokenCount") for row in rows if isinstance(row, dict)
    }


def _is_text(body: JsonObject, name: str) -> bool:
    """Whether everything is text: nearly always, and every chunk of a stream is counted."""
    rows = body.get(name)
    if not isinstance(rows, list) or not rows:
        return True
    return len(rows) == 1 and isinstance(rows[0], dict) and rows[0].get("modality") == "TEXT"


def _count(body: JsonObject, key: str) -> int:
    value: Any = body.get(key)
    if value is None:
        return 0
    return int(value) if isinstance(value, int | float) and value >= 0 else 0
