"""The parts of the catalogue builder that decide about money and names."""

import sys
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from build_catalog import Names, Unpriceable, beside_pricing, key, picousd, pricing

TODAY = date(2026, 6, 1)


def prices(**usd):
    said = {
        name: Decimal(value) if isinstance(value, str) else value for name, value in usd.items()
    }
    return SimpleNamespace(**said)


def tiered(base, **tiers):
    steps = [SimpleNamespace(start=int(s[1:]), price=Decimal(p)) for s, p in tiers.items()]
    return SimpleNamespace(base=Decimal(base), tiers=steps)


def from_day(day, **usd):
    return SimpleNamespace(constraint=SimpleNamespace(start_date=day), prices=prices(**usd))


def window(start, end, **usd):
    constraint = SimpleNamespace(start_time=time(start), end_time=time(end))
    return SimpleNamespace(constraint=constraint, prices=prices(**usd))


def test_prices_are_exact():
    said = prices(input_mtok="0.15", output_mtok="0.6", cache_read_mtok="0.003625")

    assert pricing(said, TODAY) == {
        "prompt_picousd": 150_000,
        "completion_picousd": 600_000,
        "cache_read_picousd": 3_625,
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [("0.18000000000000002", 180_000), ("0.0833333333333333", 83_334), ("0", 0)],
)
def test_numbers_that_a_computer_wrote_are_read_as_meant_or_rounded_up(written, meant):
    assert picousd(Decimal(written)) == meant


def test_a_price_per_request_is_kept():
    said = prices(input_mtok="1", output_mtok="1", requests_kcount="5")

    assert pricing(said, TODAY)["request_picousd"] == 5_000_000_000


def test_longer_prompts_become_overrides_in_ascending_order():
    said = prices(
        input_mtok=tiered("1", t200000="2", t400000="4"), output_mtok=tiered("5", t200000="10")
    )

    assert pricing(said, TODAY)["overrides"] == [
        {"min_prompt_tokens": 200_000, "prompt_picousd": 2 * 10**6, "completion_picousd": 10**7},
        {"min_prompt_tokens": 400_000, "prompt_picousd": 4 * 10**6},
    ]


def test_a_price_of_the_future_does_not_hold_yet():
    said = [
        SimpleNamespace(constraint=None, prices=prices(input_mtok="1", output_mtok="1")),
        from_day(date(2026, 5, 1), input_mtok="2", output_mtok="2"),
        from_day(date(2026, 7, 1), input_mtok="3", output_mtok="3"),
    ]

    assert pricing(said, TODAY)["prompt_picousd"] == 2_000_000


def test_prices_by_time_of_day_become_overrides():
    said = [
        SimpleNamespace(constraint=None, prices=prices(input_mtok="1", output_mtok="1")),
        window(1, 4, input_mtok="2", output_mtok="2"),
        window(6, 10, input_mtok="2", output_mtok="2"),
    ]

    assert [(o["utc_start"], o["utc_end"]) for o in pricing(said, TODAY)["overrides"]] == [
        ("0100", "0400"),
        ("0600", "1000"),
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"input_mtok": "1"},
        {"input_mtok": "1", "output_mtok": "1", "output_image_mtok": "30"},
        {"input_mtok": "1", "output_mtok": "1", "input_image_mtok": "2"},
        {"input_mtok": "1", "output_mtok": "1", "output_reasoning_mtok": "3"},
        {"input_mtok": "0.0000001", "output_mtok": "1"},
    ],
)
def test_a_price_that_cannot_be_said_is_left_out(said):
    with pytest.raises(Unpriceable):
        pricing(prices(**said), TODAY)


@pytest.mark.parametrize(
    ("kind", "said", "rates"),
    [
        ("embeddings", {"input_mtok": "0.02"}, {"prompt_picousd": 20_000, "completion_picousd": 0}),
        ("embeddings", {"input_mtok": "0.1", "output_mtok": "0.1"},
         {"prompt_picousd": 100_000, "completion_picousd": 0}),
        ("speech", {"input_mchars": "15"}, {"prompt_picousd": 15_000_000, "completion_picousd": 0}),
        ("transcription", {"audio_hours": "0.36", "input_audio_hours": "0.36"},
         {"prompt_picousd": 0, "completion_picousd": 0, "input_audio_picousd": 100_000_000}),
        ("transcription", {"input_audio_hours": "0.04"},
         {"prompt_picousd": 0, "completion_picousd": 0, "input_audio_picousd": 11_111_112}),
        ("image", {"input_mtok": "5", "output_mtok": "10", "input_image_mtok": "8",
                   "output_image_mtok": "32", "cache_image_read_mtok": "2"},
         {"prompt_picousd": 5_000_000, "completion_picousd": 10_000_000,
          "input_image_picousd": 8_000_000, "output_image_picousd": 32_000_000}),
    ],
)  # fmt: skip
def test_prices_in_other_units_than_tokens_are_exact_or_rounded_up(kind, said, rates):
    assert beside_pricing(prices(**said), kind, TODAY) == rates


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("speech", {"input_mtok": "1"}),
        ("speech", {"input_mchars": "1", "output_mtok": "1"}),
        ("transcription", {"input_audio_hours": "1", "input_mtok": "1"}),
        ("transcription", {"audio_hours": "2", "input_audio_hours": "1"}),
        ("image", {"input_mtok": "1", "output_mtok": "1", "images_kcount": "4"}),
    ],
)
def test_a_price_in_units_that_cannot_be_said_is_left_out(kind, said):
    with pytest.raises(Unpriceable):
        beside_pricing(prices(**said), kind, TODAY)


def test_the_last_price_that_holds_by_now_is_taken():
    said = [
        SimpleNamespace(constraint=None, prices=prices(input_mtok="1")),
        from_day(date(2026, 5, 1), input_mtok="2"),
        from_day(date(2026, 7, 1), input_mtok="3"),
    ]

    assert beside_pricing(said, "embeddings", TODAY)["prompt_picousd"] == 2_000_000


SLUGS = {
    "deepseek/deepseek-v3.2",
    "meta-llama/llama-4-maverick",
    "moonshotai/kimi-k2-0905",
    "openai/gpt-4",
    "openai/gpt-4-turbo",
    "openai/gpt-oss-120b",
    "z-ai/glm-5.2",
}


@pytest.mark.parametrize(
    ("provider", "native", "slug"),
    [
        ("groq", "moonshotai/kimi-k2-instruct-0905", "moonshotai/kimi-k2-0905"),
        ("groq", "meta-llama/llama-4-maverick-17b-128e-instruct", "meta-llama/llama-4-maverick"),
        ("fireworks", "accounts/fireworks/models/deepseek-v3p2", "deepseek/deepseek-v3.2"),
        ("baseten", "zai-org/GLM-5.2", "z-ai/glm-5.2"),
        ("databricks", "databricks-glm-5-2", "z-ai/glm-5.2"),
        ("cloudflare", "@cf/openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        ("openai", "gpt-4-turbo", "openai/gpt-4-turbo"),
        ("together", "Gryphe/MythoMax-L2-13B", "gryphe/mythomax-l2-13b"),
        ("together", "acme/GPT-4", "acme/gpt-4"),
        ("groq", "some-model-without-author", None),
    ],
)
def test_native_ids_find_their_slug(provider, native, slug):
    assert Names(SLUGS).slug(provider, native) == slug


def test_packaging_is_not_part_of_a_name_but_turbo_is():
    assert key("Llama-4-Scout-17B-16E-Instruct", loose=True) == key("llama-4-scout", loose=True)
    assert key("gpt-4-turbo", loose=True) != key("gpt-4", loose=True)
