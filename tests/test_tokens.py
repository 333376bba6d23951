"""Bounds on prompt tokens, from bytes."""

import pytest

from portico.tokens import IMAGE_TOKENS, estimate_tokens, prompt_tokens_bound, text_tokens_bound


@pytest.mark.parametrize(
    ("text", "at_least"),
    [
        ("The quick brown fox jumps over the lazy dog.", 44 / 4),
        ("今天天气很好我们去公园散步吧", 14),
        ("Привет, мир! Как дела?", 22 / 2),
        ("def main():\n    return sum(x * x for x in range(10))\n", 53 / 4),
    ],
    ids=["four letters a token", "a token a character", "two letters a token", "code as prose"],
)
def test_the_bound_is_above_the_usual_rate_of_each_script(text, at_least):
    assert at_least * 1.1 < text_tokens_bound(text.encode()) < at_least * 1.6


def test_the_bound_grows_with_the_text_and_is_never_zero():
    bounds = [prompt_tokens_bound(b"word " * count) for count in (0, 1, 10, 1000)]

    assert bounds == sorted(bounds)
    assert bounds[0] == 1
    assert estimate_tokens(b"") == 1


@pytest.mark.parametrize("character", ["é", "你", "😀"])
def test_long_text_is_sampled_close_to_a_full_count(character):
    short = (character + "abc ") * 400
    long = short * 50

    ratio = text_tokens_bound(long.encode()) / (50 * text_tokens_bound(short.encode()))

    assert 0.97 < ratio < 1.03


def test_an_image_is_charged_as_an_image_not_as_the_text_it_looks_like():
    url = b"data:image/png;base64," + b"A" * 1_000_000
    body = b'{"messages":[{"type":"image_url","image_url":{"url":"' + url + b'"}}]}'

    bound = prompt_tokens_bound(body, [("image", len(url))])

    assert IMAGE_TOKENS < bound < IMAGE_TOKENS + 50


def test_documents_are_charged_by_size():
    small, large = (
        prompt_tokens_bound(b"x" * size, [("file", size)]) for size in (1_000, 1_000_000)
    )

    assert 2_000 <= small < 2_100
    assert large > 60_000
