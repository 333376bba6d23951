import msgspec
import pytest

from portico.jsonio import dumps, loads
from portico.providers.groq import PROVIDER


def patched(**fields):
    raw = {name: msgspec.Raw(dumps(value)) for name, value in fields.items()}
    PROVIDER.patch_request(raw)
    return {name: loads(value) for name, value in raw.items()}


def test_usage_is_lifted_from_groqs_own_place():
    usage = {"prompt_tokens": 20, "completion_tokens": 4}
    chunk = {"choices": [], "x_groq": {"id": "req_1", "usage": usage}}

    PROVIDER.patch_chunk(chunk)

    assert chunk["usage"] == usage


def test_usage_in_the_usual_place_is_kept():
    chunk = {"usage": {"prompt_tokens": 1}, "x_groq": {"usage": {"prompt_tokens": 2}}}

    PROVIDER.patch_chunk(chunk)

    assert chunk["usage"] == {"prompt_tokens": 1}


@pytest.mark.parametrize("model", ["qwen/qwen3-32b", "deepseek-r1-distill-llama-70b"])
def test_models_that_tag_their_thinking_are_asked_for_it_apart(model):
    assert patched(model=model)["reasoning_format"] == "parsed"


def test_a_wish_for_another_format_is_kept():
    assert patched(model="qwen/qwen3-32b", reasoning_format="raw")["reasoning_format"] == "raw"


def test_other_models_are_not_asked():
    assert "reasoning_format" not in patched(model="moonshotai/kimi-k2-instruct-0905")
