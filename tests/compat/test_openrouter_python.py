"""The official `openrouter` package, unmodified: it validates every answer it reads."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from openrouter import OpenRouter, errors
from openrouter.components import ChatResult, ChatStreamChunk
from openrouter.utils import BackoffStrategy, RetryConfig

from portico.jsonio import JsonObject, loads
from portico.simulator import Step
from tests.compat import prompts
from tests.compat.processes import ASKED, BOUND_S, TEXT, Gateway

pytestmark = pytest.mark.io

AUTHOR, SLUG = prompts.HELLO["model"].split("/")
SEED: JsonObject = {
    **prompts.HELLO,
    "provider": {"only": ["groq"]},
    "stream_options": {"include_usage": True},
}


def connect(gateway: Gateway, **options: Any) -> OpenRouter:
    """A client that does not retry unless `options` say so; it retries for an hour by default."""
    usual = {"api_key": gateway.key, "server_url": gateway.base_url, "retry_config": None}
    return OpenRouter(**{**usual, **options})


class Sync:
    """Asks as a synchronous program does."""

    def __init__(self, gateway: Gateway, **options: Any) -> None:
        self._make = lambda: connect(gateway, **options)

    def ask(self, **request: Any) -> ChatResult:
        with self._make() as client:
            return client.chat.send(**request)

    def stream(self, **request: Any) -> list[ChatStreamChunk]:
        with self._make() as client, client.chat.send(**request, stream=True) as stream:
            return list(stream)


class Async:
    """Asks as an asynchronous program does."""

    def __init__(self, gateway: Gateway, **options: Any) -> None:
        self._make = lambda: connect(gateway, **options)

    def ask(self, **request: Any) -> ChatResult:
        async def run() -> ChatResult:
            async with self._make() as client:
                return await client.chat.send_async(**request)

        return asyncio.run(run())

    def stream(self, **request: Any) -> list[ChatStreamChunk]:
        async def run() -> list[ChatStreamChunk]:
            async with (
                self._make() as client,
                await client.chat.send_async(**request, stream=True) as stream,
            ):
                return [chunk async for chunk in stream]

        return asyncio.run(run())


Make = Callable[..., Sync | Async]


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def client(request: pytest.FixtureRequest) -> Make:
    """Makes a client of either form from a gateway and the package's own options."""
    return request.param


def text_of(chunks: list[ChatStreamChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


# Chat


def test_the_recorded_request_is_answered_whole_with_its_cost(demo, client):
    answer = client(demo).ask(**SEED)

    assert answer.choices[0].message.content == prompts.HELLO_TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.cost == prompts.HELLO_COST_USD
    assert answer.usage.cost_details.upstream_inference_cost == prompts.HELLO_COST_USD


@pytest.mark.parametrize("profile", ["demo", "demo_2025"])
def test_the_recorded_request_is_streamed_with_its_cost_at_the_end(request, profile, client):
    gateway = request.getfixturevalue(profile)

    chunks = client(gateway).stream(**SEED)

    assert text_of(chunks) == prompts.HELLO_TEXT
    assert [chunk.usage is not None for chunk in chunks[-2:]] == [False, True]
    assert chunks[-1].usage.cost == prompts.HELLO_COST_USD
    assert all(chunk.error is None for chunk in chunks)


def test_two_parallel_tool_calls_arrive_whole(demo, client):
    answer = client(demo).ask(**prompts.WEATHER)

    calls = [
        (call.function.name, loads(call.function.arguments.encode()))
        for call in answer.choices[0].message.tool_calls
    ]
    assert calls == prompts.WEATHER_CALLS
    assert answer.choices[0].finish_reason == "tool_calls"


def test_two_parallel_tool_calls_are_streamed_in_fragments(demo, client):
    chunks = client(demo).stream(**prompts.WEATHER)

    names, arguments = {}, {}
    for chunk in chunks:
        for call in chunk.choices[0].delta.tool_calls or []:
            names.setdefault(call.index, call.function.name)
            arguments[call.index] = arguments.get(call.index, "") + call.function.arguments
    calls = [(names[index], loads(arguments[index].encode())) for index in sorted(names)]
    assert sorted(names) == [0, 1]
    assert calls == prompts.WEATHER_CALLS


def test_tool_results_are_answered_from_the_turn_as_the_package_returned_it(demo, client):
    turn = client(demo).ask(**prompts.WEATHER).choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": result}
        for call, result in zip(turn.tool_calls, prompts.WEATHER_RESULTS, strict=True)
    ]
    messages = [prompts.WEATHER_QUESTION, turn.model_dump(), *results]

    answer = client(demo).ask(**{**prompts.WEATHER, "messages": messages})

    assert "Lisbon" in answer.choices[0].message.content
    assert "Porto" in answer.choices[0].message.content


def test_reasoning_arrives_whole_and_streamed(demo, client):
    message = client(demo).ask(**prompts.THINKING).choices[0].message
    chunks = client(demo).stream(**prompts.THINKING)

    thought = [chunk.choices[0].delta.reasoning or "" for chunk in chunks]
    assert message.reasoning == "".join(thought) == prompts.THINKING_REASONING
    assert message.reasoning_details[0].text == prompts.THINKING_REASONING
    assert text_of(chunks) == message.content == prompts.THINKING_TEXT


# What surrounds it: everything below passes the package's own validation


def test_models_are_listed_with_price_and_parameters(demo):
    with connect(demo) as client:
        models = {model.id: model for model in client.models.list().result.data}

    hello = models[prompts.HELLO["model"]]
    assert float(hello.pricing.completion) > float(hello.pricing.prompt) > 0
    assert "tools" in hello.supported_parameters


def test_models_are_counted(demo):
    with connect(demo) as client:
        assert client.models.count().data.count == len(client.models.list().result.data)


def test_providers_are_listed(demo):
    with connect(demo) as client:
        providers = client.providers.list().data

    assert {"Groq", "OpenAI", "Z.AI"} <= {provider.name for provider in providers}


def test_the_endpoints_of_a_model_are_listed(demo):
    with connect(demo) as client:
        model = client.endpoints.list(author=AUTHOR, slug=SLUG).data

    assert model.id == prompts.HELLO["model"]
    assert [endpoint.provider_name for endpoint in model.endpoints] == ["Groq"]


# The package marks two fields of this answer as deprecated and warns of them itself.
@pytest.mark.filterwarnings("ignore:.*DEPRECATED:DeprecationWarning")
def test_the_key_tells_what_it_has_spent(demo):
    with connect(demo) as client:
        before = client.api_keys.get_current_key_metadata().data
        client.chat.send(**SEED)
        after = client.api_keys.get_current_key_metadata().data

    assert after.usage - before.usage == pytest.approx(prompts.HELLO_COST_USD)
    assert after.limit is None


def test_the_generation_is_found_at_once(demo):
    with connect(demo) as client:
        answer = client.chat.send(**SEED)
        found = client.generations.get_generation(id=answer.id).data

    assert found.id == answer.id
    assert found.total_cost == answer.usage.cost
    assert found.provider_name == "Groq"


# Errors


@pytest.mark.parametrize("way", ["ask", "stream"])
def test_a_wrong_key_is_unauthorized(demo, client, way):
    with pytest.raises(errors.UnauthorizedResponseError) as caught:
        getattr(client(demo, api_key="not-a-key"), way)(**SEED)

    assert caught.value.data.error.code == 401


@pytest.mark.parametrize("way", ["ask", "stream"])
def test_an_unknown_model_is_a_bad_request_that_names_it(demo, client, way):
    with pytest.raises(errors.BadRequestResponseError, match="nobody/nothing") as caught:
        getattr(client(demo), way)(**prompts.UNKNOWN_MODEL)

    assert caught.value.data.error.metadata["error_type"] == "invalid_request"


@pytest.mark.parametrize("way", ["ask", "stream"])
def test_a_provider_s_429_is_too_many_requests_with_its_text(demo, client, way):
    with pytest.raises(errors.TooManyRequestsResponseError) as caught:
        getattr(client(demo), way)(**prompts.RATE_LIMITED)

    assert "Rate limit reached" in caught.value.data.error.metadata["raw"]
    assert float(caught.value.headers["retry-after"]) > 0


def test_an_unknown_generation_is_not_found(demo):
    with connect(demo) as client, pytest.raises(errors.NotFoundResponseError):
        client.generations.get_generation(id="gen-1700000000-unknown")


def test_an_unknown_model_has_no_endpoints_to_list(demo):
    with connect(demo) as client, pytest.raises(errors.NotFoundResponseError):
        client.endpoints.list(author="nobody", slug="nothing")


def test_the_package_s_own_retry_of_5xx_ends_in_success(backed, upstream, client):
    upstream.play_text(Step(status=503, times=2))
    patient = RetryConfig("backoff", BackoffStrategy(10, 50, 1.1, 4000, jitter_ms=0), False)

    answer = client(backed, retry_config=patient).ask(**ASKED)

    assert answer.choices[0].message.content == TEXT
    assert len(upstream.arrivals()) == 3


@pytest.mark.parametrize("how", ["fin", "rst", "stall"])
def test_a_stream_that_breaks_before_content_raises_or_says_so(backed, upstream, client, how):
    upstream.play_text(Step(cut_at_byte=20, how=how, times=0))
    started_s = time.monotonic()

    try:
        last = client(backed).stream(**ASKED)[-1]
        told = last.error.code
    except errors.OpenRouterError as error:
        told = error.status_code

    assert told == (504 if how == "stall" else 502)
    assert time.monotonic() - started_s < BOUND_S


@pytest.mark.parametrize("how", ["fin", "rst", "stall"])
def test_a_stream_that_breaks_ends_in_the_package_s_typed_error(backed, upstream, client, how):
    """The package hands an error in a stream to its user as `chunk.error` and raises nothing."""
    upstream.play_text(Step(text=TEXT, cut_at_byte=900, how=how))
    started_s = time.monotonic()

    chunks = client(backed).stream(**ASKED)

    assert TEXT.startswith(text_of(chunks))
    assert [chunk.error is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].error.code == (504 if how == "stall" else 502)
    assert chunks[-1].error.metadata.error_type == (
        "timeout" if how == "stall" else "provider_unavailable"
    )
    assert chunks[-1].choices[0].finish_reason == "error"
    assert time.monotonic() - started_s < BOUND_S
