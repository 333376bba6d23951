"""What a usage costs at a price: exact integer arithmetic in pico-dollars.

Rules: contract of `usage.cost` and of `pricing.overrides` in `GET /models`.
"""

import msgspec

from portico.vocabulary import Cost, PriceOverride, Pricing, Usage
from portico.vocabulary.catalog import dearest_picousd

_RATES = tuple(name for name in PriceOverride.__struct_fields__ if name.endswith("_picousd"))


def cost(usage: Usage, pricing: Pricing, *, at_utc: str = "1200") -> Cost:
    """Return what `usage` comes to, by side.

    Each token is charged once, at the most specific rate that is set:

        input, input video        prompt rate
        cache read                cache read rate, else prompt
        cache write               cache write rate, else prompt
        cache write 1 h           its rate, else cache write, else prompt
        input audio, seconds      their rate, else prompt
        input image               its rate, else prompt
        output                    completion rate (reasoning is part of it)
        output audio, image       their own rate, else completion

    Args:
        usage: counts in disjoint buckets. What is negative in them (a
            provider's mistake) counts as zero, so a cost never is negative.
        pricing: the endpoint's price when the request was planned. Never look
            it up again afterwards: it may have changed.
        at_utc: time of day as "HHMM" when the request was planned, for prices
            that depend on it.

    >>> kimi = Pricing(prompt_picousd=1_000_000, completion_picousd=3_000_000)
    >>> cost(Usage(input_tokens=20, output_tokens=4), kimi).total_picousd
    32000000
    """
    rates = _rates(pricing, prompt_tokens=usage.prompt_tokens, at_utc=at_utc)
    prompt, completion = rates.prompt_picousd, rates.completion_picousd
    if not _has_parts(usage):
        # most usages, and max() is slow for what it does
        taken, given, charges = usage.input_tokens, usage.output_tokens, usage.flat_charges
        return Cost(
            prompt_picousd=taken * prompt if taken > 0 else 0,
            completion_picousd=given * completion if given > 0 else 0,
            request_picousd=pricing.request_picousd * charges if charges > 0 else 0,
        )
    cache_read = _first(rates.cache_read_picousd, prompt)
    cache_write = _first(rates.cache_write_picousd, prompt)
    cache_write_1h = _first(rates.cache_write_1h_picousd, cache_write)
    input_audio = _first(rates.input_audio_picousd, prompt)
    input_image = _first(rates.input_image_picousd, prompt)
    output_audio = _first(rates.output_audio_picousd, completion)
    output_image = _first(rates.output_image_picousd, completion)
    return Cost(
        prompt_picousd=max(0, usage.input_tokens) * prompt
        + max(0, usage.input_video_tokens) * prompt
        + max(0, usage.cache_read_tokens) * cache_read
        + max(0, usage.cache_write_tokens) * cache_write
        + max(0, usage.cache_write_1h_tokens) * cache_write_1h
        + max(0, usage.input_audio_tokens) * input_audio
        + max(0, usage.audio_s) * input_audio
        + max(0, usage.input_image_tokens) * input_image,
        completion_picousd=max(0, usage.output_tokens) * completion
        + max(0, usage.output_image_tokens) * output_image
        + max(0, usage.output_audio_tokens) * output_audio,
        request_picousd=pricing.request_picousd * max(0, usage.flat_charges),
    )


def cache_saving(usage: Usage, pricing: Pricing, *, at_utc: str = "1200") -> int:
    """Return by how much prompt caches made `usage` cheaper, in pico-dollars.

    Negative where writing to a cache cost more than reading from it saved.

    >>> kimi = Pricing(prompt_picousd=1_000_000, completion_picousd=3_000_000, cache_read_picousd=500_000)
    >>> cache_saving(Usage(input_tokens=4, cache_read_tokens=16), kimi)
    8000000
    """
    uncached = msgspec.structs.replace(
        usage,
        input_tokens=usage.input_tokens
        + usage.cache_read_tokens
        + usage.cache_write_tokens
        + usage.cache_write_1h_tokens,
        cache_read_tokens=0,
        cache_write_tokens=0,
        cache_write_1h_tokens=0,
    )
    without, with_ = (cost(counts, pricing, at_utc=at_utc) for counts in (uncached, usage))
    return without.prompt_picousd - with_.prompt_picousd


def _has_parts(usage: Usage) -> bool:
    """Whether anything is counted that may have a rate of its own."""
    return bool(
        usage.input_video_tokens
        | usage.cache_read_tokens
        | usage.cache_write_tokens
        | usage.cache_write_1h_tokens
        | usage.input_audio_tokens
        | usage.audio_s
        | usage.input_image_tokens
        | usage.output_image_tokens
        | usage.output_audio_tokens
    )


def upper_bound(
    prompt_tokens_bound: int, output_tokens_bound: int, pricing: Pricing, *, flat_charges: int = 1
) -> int:
    """Return pico-dollars that no usage within the bounds can exceed, at any time of day.

    It takes the dearest rate of each side, because nobody knows beforehand
    how many tokens will be written to a cache or be audio. Rates for longer
    prompts than the bound are left out.

    >>> kimi = Pricing(prompt_picousd=1_000_000, completion_picousd=3_000_000)
    >>> upper_bound(20, 4, kimi)
    32000000
    """
    prompt, completion = pricing.dearest_picousd
    for override in pricing.overrides:
        least = override.min_prompt_tokens
        if least is None or least < prompt_tokens_bound:
            other_prompt, other_completion = dearest_picousd(override)
            prompt = max(prompt, other_prompt)
            completion = max(completion, other_completion)
    bound = pricing.request_picousd * flat_charges
    if prompt_tokens_bound > 0:
        bound += prompt_tokens_bound * prompt
    if output_tokens_bound > 0:
        bound += output_tokens_bound * completion
    return bound


def _rates(pricing: Pricing, *, prompt_tokens: int, at_utc: str) -> Pricing:
    """Return the rates that apply: base rates with every matching override laid over."""
    if not pricing.overrides:
        return pricing
    changes: dict[str, int] = {}
    for override in pricing.overrides:
        if _applies(override, prompt_tokens=prompt_tokens, at_utc=at_utc):
            for name in _RATES:
                rate = getattr(override, name)
                if rate is not None:
                    changes[name] = rate
    return msgspec.structs.replace(pricing, **changes)


def _applies(override: PriceOverride, *, prompt_tokens: int, at_utc: str) -> bool:
    if override.min_prompt_tokens is not None and prompt_tokens <= override.min_prompt_tokens:
        return False
    start, end = override.utc_start, override.utc_end
    if start is None and end is None:
        return True
    start, end = start or "0000", end or "2400"
    if start <= end:
        return start <= at_utc < end
    return at_utc >= start or at_utc < end  # the window wraps midnight


def _first(rate: int | None, general: int) -> int:
    return general if rate is None else rate
