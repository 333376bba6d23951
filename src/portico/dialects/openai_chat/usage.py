"""Token counts of the OpenAI chat family, in and out.

Inside, the buckets are disjoint (`Usage`); on the wire they overlap: cached,
written and audio tokens are part of `prompt_tokens`, reasoning is part of
`completion_tokens`. Rules: contract/chat 5.2 and the recordings per provider.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from portico.dialects.base import WireProfile
from portico.dialects.fields import object_of
from portico.jsonio import JsonObject
from portico.money import usd_number
from portico.vocabulary import Cost, Usage

_NO_COST = Cost()
_NOTHING = msgspec.Raw(b"0")
_WHOLES = ("prompt_tokens", "completion_tokens", "total_tokens")
_DETAILS = ("prompt_tokens_details", "completion_tokens_details")
_PLAIN = frozenset((*_WHOLES, *_DETAILS))
_CACHE_READ = (
    "cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens",
)  # fmt: skip


def find_usage(body: JsonObject) -> JsonObject | None:
    """The usage object of a body or chunk, wherever a host of the family puts it."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    places = (body, body.get("x_groq"), first)
    for place in places:
        if isinstance(place, dict) and isinstance(usage := place.get("usage"), dict) and usage:
            return usage
    return None


def decode_usage(body: JsonObject, *, reasoning_outside_completion: bool = False) -> Usage | None:
    """Read a usage object as any provider of the family writes it; None if it counts nothing.

    Completion tokens that leave reasoning out are recognised by the total
    (prompt + completion + reasoning) or by being fewer than the reasoning alone;
    `reasoning_outside_completion` decides when the provider gives no total. In
    the same way a cached or audio part larger than the prompt stands beside it.
    Parts that overlap otherwise are cut.
    """
    if body.keys() <= _PLAIN and _is_empty(
        body, *_DETAILS
    ):  # the commonest: no parts to tell apart
        prompt, completion = body.get("prompt_tokens"), body.get("completion_tokens")
        if type(prompt) is int and type(completion) is int and prompt > 0 <= completion:
            return Usage(input_tokens=prompt, output_tokens=completion)
    if not any(_is_count(body.get(name)) for name in _WHOLES):
        return None
    prompt_details = object_of(body.get("prompt_tokens_details"))
    completion_details = object_of(body.get("completion_tokens_details"))
    prompt, completion = _count(body, "prompt_tokens"), _count(body, "completion_tokens")
    total = _count(body, "total_tokens")
    reasoning = _count(completion_details, "reasoning_tokens") or _count(body, "reasoning_tokens")
    if reasoning:
        by_total = total == prompt + completion + reasoning
        # more thinking than output in all can only mean that the output leaves it out
        if by_total or reasoning > completion or (reasoning_outside_completion and not total):
            completion += reasoning
    if not prompt and total > completion:
        prompt = total - completion

    cached = _first_count(prompt_details, ("cached_tokens",)) or _first_count(body, _CACHE_READ)
    written = _first_count(prompt_details, ("cache_write_tokens",)) or _first_count(
        body, ("cache_creation_input_tokens",)
    )
    audio = _count(prompt_details, "audio_tokens")
    prompt += sum(part for part in (cached, audio) if part > prompt)
    room = prompt - cached
    audio = min(room, audio)
    room -= audio
    written = min(room, written)
    room -= written
    video = min(room, _count(prompt_details, "video_tokens"))
    audio_out = min(completion, _count(completion_details, "audio_tokens"))
    image_out = min(completion - audio_out, _count(completion_details, "image_tokens"))
    return Usage(
        input_tokens=room - video,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        input_audio_tokens=audio,
        input_video_tokens=video,
        output_tokens=completion - audio_out - image_out,
        output_audio_tokens=audio_out,
        output_image_tokens=image_out,
        reasoning_tokens=min(reasoning, completion),
    )


def encode_usage(usage: Usage, cost: Cost | None, profile: WireProfile) -> JsonObject:
    """Write usage with its price, in the key order of the profile's era.

    `cost` None (the price could not be applied) writes 0 for the charge: the
    field is never null.
    """
    cost = cost or _NO_COST
    prompt_picousd = cost.prompt_picousd + cost.request_picousd
    total = usd_number(prompt_picousd + cost.completion_picousd)
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    modern = profile == "current"
    if modern:
        prompt_details = {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
            "audio_tokens": usage.input_audio_tokens,
            "video_tokens": usage.input_video_tokens,
        }
        completion_details = {
            "reasoning_tokens": usage.reasoning_tokens,
            "image_tokens": usage.output_image_tokens,
            "audio_tokens": usage.output_audio_tokens,
        }
    else:
        prompt_details = {
            "cached_tokens": usage.cache_read_tokens,
            "audio_tokens": usage.input_audio_tokens,
        }
        completion_details = {
            "reasoning_tokens": usage.reasoning_tokens,
            "image_tokens": usage.output_image_tokens,
        }
    body: JsonObject = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cost": _NOTHING if cost.is_byok else total,
        "is_byok": cost.is_byok,
        "prompt_tokens_details": prompt_details,
        "cost_details": {
            "upstream_inference_cost": total if modern or cost.is_byok else None,
            "upstream_inference_prompt_cost": usd_number(prompt_picousd),
            "upstream_inference_completions_cost": usd_number(cost.completion_picousd),
        },
        "completion_tokens_details": completion_details,
    }
    if usage.web_search_requests:
        body["server_tool_use_details"] = {"web_search_requests": usage.web_search_requests}
    return body


def _is_empty(body: Mapping[str, object], *names: str) -> bool:
    """Whether none of these objects counts anything."""
    for name in names:
        details = body.get(name)
        if details and not (isinstance(details, dict) and not any(details.values())):
            return False
    return True


def _first_count(body: Mapping[str, object], keys: tuple[str, ...]) -> int:
    for key in keys:
        if count := _count(body, key):
            return count
    return 0


def _count(body: Mapping[str, object], key: str) -> int:
    """A count that can be used, else 0."""
    value: Any = body.get(key)
    if type(value) is int:
        return max(value, 0)
    return int(value) if _is_count(value) else 0


def _is_count(value: object) -> bool:
    """A number that is not negative, or its digits."""
    if isinstance(value, str):
        return value.isdecimal()
    return isinstance(value, int | float) and value >= 0
