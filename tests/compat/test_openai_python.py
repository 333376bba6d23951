"""The `openai` package, unmodified, in both its forms, against a running gateway."""

import asyncio
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from portico.jsonio import loads
from portico.simulator import Step
from tests.compat import prompts
from tests.compat.processes import ASKED, BOUND_S, TEXT, Gateway, Upstream, until

pytestmark = pytest.mark.io

ABORTS = 10


class Sync:
    """Asks as a synchronous program does."""

    def __init__(self, gateway: Gateway, **options: Any) -> None:
        self._make = lambda: openai.OpenAI(
            base_url=gateway.base_url, **{"api_key": gateway.key, "max_retries": 0, **options}
        )

    def ask(self, **request: Any) -> ChatCompletion:
        with self._make() as client:
            return client.chat.completions.create(**request)

    def stream(self, **request: Any) -> list[ChatCompletionChunk]:
        with self._make() as client:
            return list(client.chat.completions.create(**request, stream=True))

    def accumulate(self, **request: Any) -> ChatCompletion:
        """By the package's own stream helper, which assembles the answer."""
        with self._make() as client, client.chat.completions.stream(**request) as stream:
            return stream.get_final_completion()

    def headers_and_answer(self, **request: Any) -> tuple[Any, ChatCompletion]:
        with self._make() as client:
            raw = client.chat.completions.with_raw_response.create(**request)
            return raw.headers, raw.parse()

    def models(self) -> list[Any]:
        with self._make() as client:
            return list(client.models.list())

    def hang_up(self, **request: Any) -> float:
        """Close a stream after its second chunk; return when, on the monotonic clock."""
        with (
            self._make() as client,
            closing(client.chat.completions.create(**request, stream=True)) as stream,
        ):
            next(stream)
            next(stream)
            return time.monotonic()


class Async:
    """Asks as an asynchronous program does."""

    def __init__(self, gateway: Gateway, **options: Any) -> None:
        self._make = lambda: openai.AsyncOpenAI(
            base_url=gateway.base_url, **{"api_key": gateway.key, "max_retries": 0, **options}
        )

    def ask(self, **request: Any) -> ChatCompletion:
        async def run() -> ChatCompletion:
            async with self._make() as client:
                return await client.chat.completions.create(**request)

        return asyncio.run(run())

    def stream(self, **request: Any) -> list[ChatCompletionChunk]:
        async def run() -> list[ChatCompletionChunk]:
            async with self._make() as client:
                stream = await client.chat.completions.create(**request, stream=True)
                return [chunk async for chunk in stream]

        return asyncio.run(run())

    def accumulate(self, **request: Any) -> ChatCompletion:
        async def run() -> ChatCompletion:
            async with self._make() as client, client.chat.completions.stream(**request) as stream:
                return await stream.get_final_completion()

        return asyncio.run(run())

    def headers_and_answer(self, **request: Any) -> tuple[Any, ChatCompletion]:
        async def run() -> tuple[Any, ChatCompletion]:
            async with self._make() as client:
                raw = await client.chat.completions.with_raw_response.create(**request)
                return raw.headers, raw.parse()

        return asyncio.run(run())

    def models(self) -> list[Any]:
        async def run() -> list[Any]:
            async with self._make() as client:
                return [model async for model in client.models.list()]

        return asyncio.run(run())

    def hang_up(self, **request: Any) -> float:
        async def run() -> float:
            async with self._make() as client:
                stream = await client.chat.completions.create(**request, stream=True)
                async with stream:
                    await anext(stream)
                    await anext(stream)
                    return time.monotonic()

        return asyncio.run(run())


Client = Sync | Async
Make = Callable[..., Client]


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def client(request: pytest.FixtureRequest) -> Make:
    """Makes a client of either form from a gateway and the package's own options."""
    return request.param


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def calls_of(answer: ChatCompletion) -> list[tuple[str, Any]]:
    calls = answer.choices[0].message.tool_calls or []
    return [(call.function.name, loads(call.function.arguments)) for call in calls]


def counted(upstream: Upstream) -> int:
    return len(upstream.arrivals())


# Text, usage and cost


def test_text_arrives_whole_with_usage_cost_and_provider(demo, client):
    answer = client(demo).ask(**prompts.HELLO, extra_body={"usage": {"include": True}})

    assert answer.choices[0].message.content == prompts.HELLO_TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (20, 4)
    assert answer.usage.model_extra["cost"] == prompts.HELLO_COST_USD
    assert answer.model_extra["provider"] == "Groq"
    assert answer.model == prompts.HELLO["model"]


def test_text_arrives_as_a_stream_that_ends_with_usage_and_cost(demo, client):
    chunks = client(demo).stream(**prompts.HELLO)

    assert text_of(chunks) == prompts.HELLO_TEXT
    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].usage.total_tokens == 24
    assert chunks[-1].usage.model_extra["cost"] == prompts.HELLO_COST_USD
    assert {chunk.model_extra["provider"] for chunk in chunks} == {"Groq"}
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_stream_of_2025_is_read_as_well(demo_2025, client):
    chunks = client(demo_2025).stream(**prompts.HELLO)

    assert text_of(chunks) == prompts.HELLO_TEXT
    assert chunks[-1].usage.model_extra["cost"] == prompts.HELLO_COST_USD


def test_the_package_s_own_stream_helper_assembles_the_answer(demo, client):
    answer = client(demo).accumulate(**prompts.HELLO)

    assert answer.choices[0].message.content == prompts.HELLO_TEXT
    assert answer.choices[0].finish_reason == "stop"


# Tools


def test_two_parallel_tool_calls_arrive_whole(demo, client):
    answer = client(demo).ask(**prompts.WEATHER)

    assert calls_of(answer) == prompts.WEATHER_CALLS
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content is None


def test_two_parallel_tool_calls_are_assembled_from_a_stream(demo, client):
    answer = client(demo).accumulate(**prompts.WEATHER)

    assert calls_of(answer) == prompts.WEATHER_CALLS
    assert answer.choices[0].finish_reason == "tool_calls"


def test_the_first_fragment_of_a_call_names_it_and_later_ones_only_add_arguments(demo, client):
    chunks = client(demo).stream(**prompts.WEATHER)

    fragments = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    first = {fragment.index: fragment for fragment in reversed(fragments)}
    assert sorted(first) == [0, 1]
    assert all(f.id and f.type == "function" and f.function.name for f in first.values())
    assert all(f.function.name is None for f in fragments if f is not first[f.index])
    assert all(isinstance(f.function.arguments, str) for f in fragments)


@pytest.mark.parametrize("way", ["ask", "accumulate"])
def test_tool_results_are_answered_from_the_calls_as_the_package_returned_them(demo, client, way):
    asking = getattr(client(demo), way)
    turn = asking(**prompts.WEATHER).choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": result}
        for call, result in zip(turn.tool_calls, prompts.WEATHER_RESULTS, strict=True)
    ]
    # The stream helper joins strings, and this API says the role with every delta.
    echoed = {**turn.model_dump(exclude_none=True), "role": "assistant"}

    answer = asking(**{**prompts.WEATHER, "messages": [prompts.WEATHER_QUESTION, echoed, *results]})

    assert "Lisbon" in answer.choices[0].message.content
    assert "Porto" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"


# Reasoning


def test_reasoning_is_an_extra_field_of_the_message(demo, client):
    message = client(demo).ask(**prompts.THINKING).choices[0].message

    assert message.content == prompts.THINKING_TEXT
    assert message.model_extra["reasoning"] == prompts.THINKING_REASONING
    assert message.model_extra["reasoning_details"][0]["text"] == prompts.THINKING_REASONING


def test_reasoning_is_an_extra_field_of_the_deltas_and_comes_first(demo, client):
    chunks = client(demo).stream(**prompts.THINKING)

    deltas = [chunk.choices[0].delta for chunk in chunks]
    thought = [bool((delta.model_extra or {}).get("reasoning")) for delta in deltas]
    assert "".join((d.model_extra or {}).get("reasoning") or "" for d in deltas) == (
        prompts.THINKING_REASONING
    )
    assert text_of(chunks) == prompts.THINKING_TEXT
    assert thought == sorted(thought, reverse=True)
    assert chunks[-1].usage.completion_tokens_details.reasoning_tokens > 0


# The account of it


def test_the_generation_is_found_at_once_under_the_id_in_header_and_body(demo, client):
    headers, answer = client(demo).headers_and_answer(**prompts.HELLO)

    found = httpx.get(
        f"{demo.base_url}/generation", params={"id": answer.id}, headers=demo.headers
    ).json()["data"]
    assert headers["x-generation-id"] == answer.id == found["id"]
    assert found["total_cost"] == answer.usage.model_extra["cost"]
    assert found["user_agent"].startswith(("OpenAI/Python", "AsyncOpenAI/Python"))


def test_the_generation_of_a_stream_is_found_as_soon_as_the_stream_has_ended(demo, client):
    chunks = client(demo).stream(**prompts.HELLO)

    found = httpx.get(
        f"{demo.base_url}/generation", params={"id": chunks[0].id}, headers=demo.headers
    ).json()["data"]
    assert found["streamed"] is True
    assert found["total_cost"] == prompts.HELLO_COST_USD


def test_models_are_listed_in_the_shape_the_package_reads(demo, client):
    models = client(demo).models()

    assert {prompts.HELLO["model"], "portico/simulator"} <= {model.id for model in models}
    assert {model.object for model in models} == {"model"}
    assert all(model.owned_by for model in models)


# Errors


@pytest.mark.parametrize("way", ["ask", "stream"])
def test_a_wrong_key_is_an_authentication_error(demo, client, way):
    with pytest.raises(openai.AuthenticationError) as caught:
        getattr(client(demo, api_key="not-a-key"), way)(**prompts.HELLO)

    assert caught.value.body["code"] == 401


@pytest.mark.parametrize("way", ["ask", "stream"])
def test_an_unknown_model_is_a_bad_request_that_names_it(demo, client, way):
    with pytest.raises(openai.BadRequestError, match="nobody/nothing") as caught:
        getattr(client(demo), way)(**prompts.UNKNOWN_MODEL)

    assert caught.value.body["metadata"]["error_type"] == "invalid_request"


@pytest.mark.parametrize("way", ["ask", "stream"])
def test_a_provider_s_429_is_a_rate_limit_error_with_its_text_and_when_to_come_back(
    demo, client, way
):
    with pytest.raises(openai.RateLimitError) as caught:
        getattr(client(demo), way)(**prompts.RATE_LIMITED)

    assert float(caught.value.response.headers["retry-after"]) > 0
    assert "Rate limit reached" in caught.value.body["metadata"]["raw"]
    assert caught.value.body["metadata"]["provider_name"] == "Groq"


def test_a_429_reaches_the_provider_once_when_the_package_does_not_retry(backed, upstream, client):
    upstream.play_text(Step(status=429, retry_after_s=1, times=0))

    with pytest.raises(openai.RateLimitError):
        client(backed).ask(**ASKED)

    assert counted(upstream) == 1


@pytest.mark.parametrize("way", ["ask", "stream"])
def test_the_package_s_own_retry_waits_as_told_and_then_succeeds(backed, upstream, client, way):
    upstream.play_text(Step(status=429, retry_after_s=1))

    answer = getattr(client(backed, max_retries=1), way)(**ASKED)

    first, second = upstream.arrivals()
    assert answer
    assert second.received_at_s - first.received_at_s >= 0.9


def test_what_the_gateway_has_tried_again_is_not_tried_again_by_the_package(
    backed, upstream, client
):
    upstream.play_text(Step(status=500, times=0))

    with pytest.raises(openai.APIStatusError):
        client(backed, max_retries=2).ask(**ASKED)

    assert counted(upstream) == 2  # both of them the gateway's


def test_what_will_not_get_better_is_not_retried_by_the_package(backed, upstream, client):
    upstream.play_text(Step(status=400, times=0))

    with pytest.raises(openai.BadRequestError):
        client(backed, max_retries=2).ask(**ASKED)

    assert counted(upstream) == 1


@pytest.mark.parametrize("how", ["fin", "rst", "stall"])
def test_a_stream_that_breaks_raises_and_does_not_hang(backed, upstream, client, how):
    upstream.play_text(Step(text=TEXT, cut_at_byte=900, how=how))
    started_s = time.monotonic()

    with pytest.raises(openai.APIError, match="provider") as caught:
        client(backed).stream(**ASKED)

    assert time.monotonic() - started_s < BOUND_S
    assert caught.value.body["code"] == (504 if how == "stall" else 502)
    assert caught.value.body["metadata"]["provider_name"] == "Sim"


def test_an_error_event_in_a_stream_raises_with_the_provider_s_text(backed, upstream, client):
    upstream.play_text(Step(text=TEXT, error_at_chunk=1, error={"message": "out of luck"}))

    with pytest.raises(openai.APIError) as caught:
        client(backed).stream(**ASKED)

    assert "out of luck" in caught.value.body["metadata"]["raw"]


@pytest.mark.parametrize("how", ["fin", "rst", "stall"])
def test_a_stream_that_breaks_before_content_raises_too(backed, upstream, client, how):
    upstream.play_text(Step(cut_at_byte=20, how=how, times=0))
    started_s = time.monotonic()

    with pytest.raises(openai.APIError):
        client(backed).stream(**ASKED)

    assert time.monotonic() - started_s < BOUND_S


# Hanging up


def test_hanging_up_reaches_the_provider_within_100_ms(backed, upstream, client):
    asking = client(backed)
    delays_s = []
    for _ in range(ABORTS):
        upstream.play_text(Step(chunks=("word ",) * 500), ttft_s=0.0, chunk_interval_s=0.01)
        hung_up_s = asking.hang_up(**ASKED)
        (arrival,) = until(upstream.arrivals, lambda seen: seen[0].ended is not None)
        assert arrival.ended == "aborted"
        delays_s.append(arrival.aborted_at_s - hung_up_s)

    assert statistics.median(delays_s) < 0.1
    assert max(delays_s) < 1.0


def test_hanging_up_is_recorded_as_cancelled_with_what_was_counted(backed, upstream):
    upstream.play_text(Step(chunks=("word ",) * 500), chunk_interval_s=0.01)

    with (
        openai.OpenAI(base_url=backed.base_url, api_key=backed.key) as client,
        closing(client.chat.completions.create(**ASKED, stream=True)) as stream,
    ):
        generation_id = next(stream).id

    def look() -> httpx.Response:
        query = {"id": generation_id}
        return httpx.get(f"{backed.base_url}/generation", params=query, headers=backed.headers)

    found = until(look, lambda reply: reply.status_code == 200).json()["data"]
    assert found["cancelled"] is True
    assert found["tokens_completion"] >= 1
    assert found["total_cost"] > 0
