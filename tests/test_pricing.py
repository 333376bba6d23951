from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.pricing import cache_saving, cost, upper_bound
from portico.vocabulary import PriceOverride, Pricing, Usage

INPUT_BUCKETS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_video_tokens",
    "input_image_tokens",
)
OUTPUT_BUCKETS = ("output_tokens", "output_audio_tokens", "output_image_tokens")

rates = st.integers(0, 200_000_000)
some_rates = st.none() | rates
counts = st.integers(0, 2_000_000)
hours = st.none() | st.sampled_from(["0000", "0030", "0100", "0630", "1200", "1630", "2359"])
times = st.integers(0, 1439).map(lambda m: f"{m // 60:02d}{m % 60:02d}")
usages = st.builds(Usage, **dict.fromkeys((*INPUT_BUCKETS, *OUTPUT_BUCKETS), counts))
optional_rates = dict.fromkeys(
    (
        "cache_read_picousd",
        "cache_write_picousd",
        "cache_write_1h_picousd",
        "input_audio_picousd",
        "output_audio_picousd",
        "input_image_picousd",
        "output_image_picousd",
    ),
    some_rates,
)
overrides = st.builds(
    PriceOverride,
    min_prompt_tokens=st.none() | st.integers(0, 3_000_000),
    utc_start=hours,
    utc_end=hours,
    prompt_picousd=some_rates,
    completion_picousd=some_rates,
    **optional_rates,
)
plain_pricings = st.builds(
    Pricing, prompt_picousd=rates, completion_picousd=rates, request_picousd=rates, **optional_rates
)
pricings = st.builds(
    Pricing,
    prompt_picousd=rates,
    completion_picousd=rates,
    request_picousd=rates,
    overrides=st.lists(overrides, max_size=3).map(tuple),
    **optional_rates,
)

SONNET = Pricing(
    prompt_picousd=3_000_000,
    completion_picousd=15_000_000,
    cache_read_picousd=300_000,
    cache_write_picousd=3_750_000,
    cache_write_1h_picousd=6_000_000,
)


@pytest.mark.parametrize(
    ("usage", "prompt_picousd", "completion_picousd"),
    [
        (Usage(input_tokens=1000), 3_000_000_000, 0),
        (Usage(cache_read_tokens=1000), 300_000_000, 0),
        (Usage(cache_write_tokens=1000), 3_750_000_000, 0),
        (Usage(cache_write_1h_tokens=1000), 6_000_000_000, 0),
        (Usage(input_audio_tokens=1000), 3_000_000_000, 0),
        (Usage(input_video_tokens=1000), 3_000_000_000, 0),
        (Usage(input_image_tokens=1000), 3_000_000_000, 0),
        (Usage(output_tokens=1000, reasoning_tokens=900), 0, 15_000_000_000),
        (Usage(output_image_tokens=1000), 0, 15_000_000_000),
        (Usage(output_audio_tokens=1000), 0, 15_000_000_000),
    ],
)
def test_each_bucket_is_charged_once_at_its_most_specific_rate(
    usage, prompt_picousd, completion_picousd
):
    charged = cost(usage, SONNET)

    assert (charged.prompt_picousd, charged.completion_picousd) == (
        prompt_picousd,
        completion_picousd,
    )


def test_the_long_cache_write_falls_back_to_the_short_one_and_then_to_the_prompt_rate():
    usage = Usage(cache_write_1h_tokens=1)
    short = Pricing(prompt_picousd=5, completion_picousd=0, cache_write_picousd=7)
    neither = Pricing(prompt_picousd=5, completion_picousd=0)

    assert cost(usage, short).total_picousd == 7
    assert cost(usage, neither).total_picousd == 5


def test_images_have_rates_of_their_own():
    brush = Pricing(
        prompt_picousd=5, completion_picousd=10, input_image_picousd=8, output_image_picousd=32
    )

    charged = cost(Usage(input_tokens=1, input_image_tokens=1, output_image_tokens=1), brush)

    assert (charged.prompt_picousd, charged.completion_picousd) == (13, 32)


def test_seconds_of_sound_are_charged_at_the_rate_for_sound_and_are_no_tokens():
    ears = Pricing(prompt_picousd=0, completion_picousd=0, input_audio_picousd=100_000_000)
    heard = Usage(audio_s=3)

    assert cost(heard, ears).total_picousd == 300_000_000
    assert heard.prompt_tokens == 0


def test_a_rate_of_zero_is_a_rate_and_not_a_missing_one():
    free_cache = Pricing(prompt_picousd=5, completion_picousd=5, cache_read_picousd=0)

    assert cost(Usage(cache_read_tokens=100), free_cache).total_picousd == 0


def test_a_long_prompt_price_applies_strictly_above_its_threshold():
    pricing = Pricing(
        prompt_picousd=1,
        completion_picousd=10,
        overrides=(PriceOverride(min_prompt_tokens=100, prompt_picousd=2, completion_picousd=20),),
    )

    at = cost(Usage(input_tokens=60, cache_read_tokens=40, output_tokens=1), pricing)
    above = cost(Usage(input_tokens=61, cache_read_tokens=40, output_tokens=1), pricing)

    assert at.total_picousd == 110
    assert above.total_picousd == 222


@pytest.mark.parametrize(
    ("start", "end", "inside", "outside"),
    [
        ("0100", "0400", ["0100", "0359"], ["0059", "0400", "1200"]),
        ("1630", "0030", ["1630", "2359", "0000", "0029"], ["0030", "1629"]),
        ("1200", None, ["1200", "2359"], ["1159"]),
        (None, "1200", ["0000", "1159"], ["1200"]),
    ],
)
def test_a_time_of_day_price_includes_its_start_and_not_its_end(start, end, inside, outside):
    window = PriceOverride(utc_start=start, utc_end=end, prompt_picousd=2)
    pricing = Pricing(prompt_picousd=1, completion_picousd=1, overrides=(window,))

    def rate(time):
        return cost(Usage(input_tokens=1), pricing, at_utc=time).total_picousd

    assert [rate(time) for time in inside] == [2] * len(inside)
    assert [rate(time) for time in outside] == [1] * len(outside)


def test_later_overrides_win_rate_by_rate():
    pricing = Pricing(
        prompt_picousd=1,
        completion_picousd=1,
        overrides=(
            PriceOverride(prompt_picousd=2, completion_picousd=2),
            PriceOverride(prompt_picousd=3),
        ),
    )

    charged = cost(Usage(input_tokens=1, output_tokens=1), pricing)

    assert (charged.prompt_picousd, charged.completion_picousd) == (3, 2)


def test_a_negative_count_from_a_provider_is_worth_nothing():
    assert cost(Usage(input_tokens=-5, output_tokens=2), SONNET).total_picousd == 30_000_000


@given(usages, plain_pricings)
def test_cost_is_the_exact_sum_over_the_buckets(usage, pricing):
    written = pricing.cache_write_picousd
    written = pricing.prompt_picousd if written is None else written
    by_bucket = {
        "input_tokens": pricing.prompt_picousd,
        "cache_read_tokens": pricing.cache_read_picousd,
        "cache_write_tokens": written,
        "cache_write_1h_tokens": (
            written if pricing.cache_write_1h_picousd is None else pricing.cache_write_1h_picousd
        ),
        "input_audio_tokens": pricing.input_audio_picousd,
        "input_video_tokens": pricing.prompt_picousd,
        "output_tokens": pricing.completion_picousd,
        "output_audio_tokens": pricing.output_audio_picousd,
        "input_image_tokens": pricing.input_image_picousd,
        "output_image_tokens": pricing.output_image_picousd,
    }
    expected_usd = Fraction(pricing.request_picousd, 10**12)
    for bucket, rate in by_bucket.items():
        general = pricing.prompt_picousd if bucket in INPUT_BUCKETS else pricing.completion_picousd
        applied = general if rate is None else rate
        expected_usd += getattr(usage, bucket) * Fraction(applied, 10**12)

    charged = cost(usage, pricing)

    assert Fraction(charged.total_picousd, 10**12) == expected_usd
    assert charged.total_picousd >= 0


@given(usages, usages, plain_pricings)
def test_token_costs_add_up(one, other, pricing):
    both = Usage(
        **{
            bucket: getattr(one, bucket) + getattr(other, bucket)
            for bucket in (*INPUT_BUCKETS, *OUTPUT_BUCKETS)
        }
    )

    parts = [cost(one, pricing), cost(other, pricing)]
    whole = cost(both, pricing)

    assert whole.prompt_picousd == sum(part.prompt_picousd for part in parts)
    assert whole.completion_picousd == sum(part.completion_picousd for part in parts)


@given(usages, pricings, times, st.integers(0, 1000), st.integers(0, 1000))
def test_no_usage_within_the_bounds_costs_more_than_the_upper_bound(
    usage, pricing, at_utc, spare_prompt, spare_output
):
    bound = upper_bound(
        usage.prompt_tokens + spare_prompt, usage.completion_tokens + spare_output, pricing
    )

    assert 0 <= cost(usage, pricing, at_utc=at_utc).total_picousd <= bound


def test_the_upper_bound_leaves_out_prices_for_longer_prompts():
    dear = PriceOverride(min_prompt_tokens=100, prompt_picousd=50)
    pricing = Pricing(prompt_picousd=1, completion_picousd=1, overrides=(dear,))

    assert upper_bound(100, 0, pricing) == 100
    assert upper_bound(101, 0, pricing) == 5050


CACHED = Pricing(
    prompt_picousd=1_000,
    completion_picousd=9_000,
    cache_read_picousd=250,
    cache_write_picousd=1_250,
    cache_write_1h_picousd=2_000,
)


@pytest.mark.parametrize(
    ("usage", "saved"),
    [
        (Usage(input_tokens=5, output_tokens=3), 0),
        (Usage(input_tokens=5, cache_read_tokens=4), 3_000),
        (Usage(cache_write_tokens=4), -1_000),
        (Usage(cache_write_1h_tokens=2, cache_read_tokens=4), 1_000),
    ],
)
def test_what_a_cache_saves_is_the_difference_to_no_cache(usage, saved):
    assert cache_saving(usage, CACHED) == saved


@given(usages, pricings, times)
def test_without_caches_the_cost_would_be_higher_by_what_they_saved(usage, pricing, at_utc):
    caches = ("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    moved = sum(getattr(usage, name) for name in caches)
    uncached = msgspec.structs.replace(
        usage, input_tokens=usage.input_tokens + moved, **dict.fromkeys(caches, 0)
    )

    without = cost(uncached, pricing, at_utc=at_utc).total_picousd

    saved = cache_saving(usage, pricing, at_utc=at_utc)
    assert without - saved == cost(usage, pricing, at_utc=at_utc).total_picousd
