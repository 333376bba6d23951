"""What holds for every provider record."""

import pkgutil
import re

import pytest
from tests.conftest import body_of, recorded

import portico.providers
from portico.dialects import DIALECTS
from portico.errors import UpstreamError
from portico.jsonio import dumps, loads
from portico.providers import PROVIDERS
from portico.providers.base import (
    LOGPROB_PARAMETERS,
    OPEN_SERVER_PARAMETERS,
    REASONING_PARAMETERS,
    STANDARD_PARAMETERS,
)
from portico.providers.signing import SCHEMES
from portico.wiring import provider_access

NOT_RECORDS = {"base", "patches", "signing"}
LISTED_PARAMETERS = (
    STANDARD_PARAMETERS
    | OPEN_SERVER_PARAMETERS
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS
    | {"top_a", "prediction", "verbosity", "web_search_options"}
)
every_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)


def test_every_module_of_the_folder_is_one_record_named_like_its_slug():
    modules = {m.name for m in pkgutil.iter_modules(portico.providers.__path__)} - NOT_RECORDS

    assert {slug.replace("-", "_") for slug in PROVIDERS} == modules
    assert len(PROVIDERS) == len(modules)


def test_names_are_unique():
    names = [provider.name.lower() for provider in PROVIDERS.values()]

    assert len(set(names)) == len(names)


@every_provider
def test_a_record_is_complete(provider):
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", provider.slug)
    assert provider.base_url == "" or re.fullmatch(r"https?://.*[^/]", provider.base_url)
    assert provider.chat_path.startswith("/")
    assert provider.auth in SCHEMES
    assert (provider.auth == "none") == (provider.local_port is not None)
    assert bool(provider.key_env) == (provider.auth != "none")


@every_provider
def test_only_parameters_that_listings_name_are_claimed(provider):
    assert provider.supported_parameters <= LISTED_PARAMETERS


@every_provider
def test_a_provider_that_takes_the_wish_to_think_says_so_among_its_parameters(provider):
    claims = bool(provider.supported_parameters & REASONING_PARAMETERS)

    assert claims == (provider.reasoning_field is not None)


@every_provider
def test_a_chunk_without_anything_special_is_not_changed(provider):
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}],
    }
    before = repr(chunk)

    if provider.patch_chunk:
        provider.patch_chunk(chunk)

    assert repr(chunk) == before


@every_provider
@pytest.mark.parametrize(
    "chunk",
    [{}, {"choices": None, "usage": None}, {"choices": [], "usage": {}, "x_groq": None}],
)
def test_a_patch_survives_a_chunk_without_the_usual_fields(provider, chunk):
    copy = dict(chunk)

    if provider.patch_chunk:
        provider.patch_chunk(copy)

    assert copy == chunk


def test_a_server_on_this_machine_is_reached_on_its_usual_port():
    local = {p.slug: p for p in PROVIDERS.values() if p.local_port is not None}

    assert {slug: p.local_port for slug, p in local.items()} == {
        "ollama": 11434,
        "lmstudio": 1234,
        "llama-cpp": 8080,
        "vllm": 8000,
    }
    assert all(p.base_url == f"http://127.0.0.1:{p.local_port}/v1" for p in local.values())


def test_no_recorded_answer_breaks_its_providers_patch():
    slugs = {"zai": "z-ai", "moonshot": "moonshotai", "vercel-gateway": "vercel"}
    patched = 0

    for record in recorded("openai-chat"):
        provider = PROVIDERS.get(slugs.get(record["provider"], record["provider"]))
        if provider is None or provider.patch_chunk is None:
            continue
        for line in body_of(record).splitlines() or [b""]:
            data = line.removeprefix(b"data:").strip()
            if data.startswith(b"{") and data.endswith(b"}"):
                chunk = loads(data)
                provider.patch_chunk(chunk)
                patched += 1

    assert patched > 1000


WHOLE = {
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
DAMAGED = (
    {"choices": 5},
    {"choices": ["x"]},
    {"choices": [{"message": "x", "delta": 5}]},
    {"choices": [{"message": {"role": "assistant", "tool_calls": [5]}}]},
    {"usage": "x"},
    {"usage": [1]},
    {"usage": {"cached_tokens": 1, "prompt_tokens_details": 1.5}},
    {"usage": {"num_cached_tokens": 1, "prompt_tokens_details": "x"}},
    {"citations": 5, "search_results": ["x"], "created": [], "cost": "x"},
)


def texts_of(body: object, provider) -> list[str | None]:
    """What is read of an answer; nothing where it is held against the provider."""
    quirks = provider_access(provider, None).quirks
    try:
        answer = DIALECTS["openai_chat"].decode_response(dumps(body), quirks)
    except UpstreamError:
        return []
    return [choice.content for choice in answer.choices]


@pytest.mark.parametrize("damage", DAMAGED, ids=str)
@pytest.mark.parametrize("slug", [slug for slug, one in PROVIDERS.items() if one.patch_chunk])
def test_a_damaged_answer_is_the_providers_failure_or_read_without_that_part(slug, damage):
    provider = PROVIDERS[slug]

    assert texts_of({**WHOLE, **damage}, provider) in ([], ["Hi"])
    assert texts_of(WHOLE, provider) == ["Hi"]
