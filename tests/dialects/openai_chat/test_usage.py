"""Token counts: many spellings in, disjoint buckets inside, overlapping fields out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import body_of, recorded

from portico.dialects.openai_chat.usage import decode_usage, encode_usage, find_usage
from portico.jsonio import loads
from portico.vocabulary import Cost, Usage


@pytest.mark.parametrize(
    ("body", "prompt", "completion", "cached", "reasoning"),
    [
        ({"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24}, 20, 4, 0, 0),
        ({"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24,
          "prompt_tokens_details": {"cached_tokens": 16}}, 20, 4, 16, 0),
        ({"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29,
          "completion_tokens_details": {"reasoning_tokens": 5}}, 20, 9, 0, 5),
        ({"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 29,
          "completion_tokens_details": {"reasoning_tokens": 5}}, 20, 9, 0, 5),
        ({"prompt_tokens": 20, "completion_tokens": 0, "total_tokens": 20,
          "prompt_tokens_details": None, "completion_tokens_details": {}}, 20, 0, 0, 0),
        ({"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6,
          "prompt_tokens_details": {"cached_tokens": 50}}, 55, 1, 50, 0),
        ({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11,
          "completion_tokens_details": {"reasoning_tokens": 25}}, 9, 27, 0, 25),
        ({"prompt_tokens": None, "completion_tokens": 4, "total_tokens": 24}, 20, 4, 0, 0),
        ({"prompt_tokens": 20, "completion_tokens": 4, "num_cached_tokens": 16}, 20, 4, 16, 0),
        ({"prompt_tokens": 20, "completion_tokens": 4, "prompt_cache_hit_tokens": 16}, 20, 4, 16, 0),
        ({"prompt_tokens": "20", "completion_tokens": "4"}, 20, 4, 0, 0),
    ],
)  # fmt: skip
def test_usage_is_read_from_every_spelling(body, prompt, completion, cached, reasoning):
    usage = decode_usage(body)

    assert usage.prompt_tokens == prompt
    assert usage.completion_tokens == completion
    assert usage.cache_read_tokens == cached
    assert usage.reasoning_tokens == reasoning


@pytest.mark.parametrize(
    "body", [{}, {"prompt_tokens": -1}, {"prompt_tokens": "many"}, {"prompt_tokens": None}]
)
def test_usage_that_counts_nothing_is_no_usage(body):
    assert decode_usage(body) is None


@pytest.mark.parametrize(
    "body",
    [
        {"usage": {"prompt_tokens": 1}},
        {"usage": None, "x_groq": {"usage": {"prompt_tokens": 1}}},
        {"choices": [{"index": 0, "usage": {"prompt_tokens": 1}}]},
    ],
)
def test_usage_is_found_wherever_a_host_puts_it(body):
    assert find_usage(body) == {"prompt_tokens": 1}


counts = st.integers(0, 10**6)


@given(
    prompt=st.integers(1, 10**6), completion=counts, cached=counts, written=counts, audio=counts, video=counts,
    audio_out=counts, image_out=counts, reasoning=counts,
)  # fmt: skip
def test_buckets_are_disjoint_and_never_negative(
    prompt, completion, cached, written, audio, video, audio_out, image_out, reasoning
):
    usage = decode_usage(
        {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {
                "cached_tokens": cached, "cache_write_tokens": written,
                "audio_tokens": audio, "video_tokens": video,
            },
            "completion_tokens_details": {
                "audio_tokens": audio_out, "image_tokens": image_out, "reasoning_tokens": reasoning,
            },
        }
    )  # fmt: skip

    outside_prompt = sum(part for part in (cached, audio) if part > prompt)
    outside_completion = reasoning if reasoning > completion else 0
    assert usage.prompt_tokens == prompt + outside_prompt
    assert usage.completion_tokens == completion + outside_completion
    assert usage.reasoning_tokens == reasoning
    assert all(getattr(usage, f) >= 0 for f in usage.__struct_fields__)


def test_what_is_written_reads_back_the_same():
    usage = Usage(
        input_tokens=5, cache_read_tokens=3, cache_write_tokens=2, input_audio_tokens=1,
        output_tokens=7, output_image_tokens=2, reasoning_tokens=4,
    )  # fmt: skip

    assert decode_usage(encode_usage(usage, None, "current")) == usage


def test_the_seeds_usage_is_written_as_it_was_recorded():
    usage = Usage(input_tokens=20, output_tokens=4)
    cost = Cost(prompt_picousd=20_000_000, completion_picousd=12_000_000)

    body = encode_usage(usage, cost, "2025")

    assert bytes(body["cost"]) == b"0.000032"
    assert list(body) == [
        "prompt_tokens", "completion_tokens", "total_tokens", "cost", "is_byok",
        "prompt_tokens_details", "cost_details", "completion_tokens_details",
    ]  # fmt: skip
    assert body["cost_details"]["upstream_inference_cost"] is None


def test_every_recorded_usage_keeps_its_totals():
    checked = 0
    for record in recorded("openrouter-chat"):
        if record["stream"] or record["response"]["status"] != 200:
            continue
        recorded_usage = loads(body_of(record)).get("usage")
        if not recorded_usage:
            continue
        usage = decode_usage(recorded_usage)
        assert usage.prompt_tokens == recorded_usage["prompt_tokens"], record["id"]
        assert usage.completion_tokens == recorded_usage["completion_tokens"], record["id"]
        checked += 1
    assert checked > 200
