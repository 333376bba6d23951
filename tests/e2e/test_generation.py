"""`GET /generation` tells what happened, field by field, and agrees with what the answer said."""

import json

import aiohttp
import pytest

from tests.e2e import chat
from tests.e2e.process import provider
from tests.e2e.upstream import Upstream

pytestmark = [pytest.mark.io, pytest.mark.asyncio]

FIELDS = {
    "id", "upstream_id", "request_id", "model", "api_type", "created_at", "provider_name",
    "router", "preset_id", "app_id", "origin", "http_referer", "user_agent", "external_user",
    "session_id", "workspace_id", "data_region", "streamed", "cancelled", "finish_reason",
    "native_finish_reason", "service_tier", "is_byok", "total_cost", "usage",
    "upstream_inference_cost", "cache_discount", "tokens_prompt", "tokens_completion",
    "native_tokens_prompt", "native_tokens_completion", "native_tokens_reasoning",
    "native_tokens_cached", "native_tokens_completion_images", "num_media_prompt",
    "num_input_audio_prompt", "num_media_completion", "num_search_results", "num_fetches",
    "web_search_engine", "latency", "moderation_latency", "generation_time",
    "response_cache_source_id", "provider_responses",
}  # fmt: skip
MODEL = """
[[models]]
id = "test/cached"
provider = "sim"
context_tokens = 100000
price = { prompt = "1.00", completion = "3.00", cache_read = "0.25" }
"""
COUNTED = {
    "prompt_tokens": 1000,
    "completion_tokens": 10,
    "total_tokens": 1010,
    "prompt_tokens_details": {"cached_tokens": 800},
    "completion_tokens_details": {"reasoning_tokens": 6},
}


def answered(usage: dict) -> bytes:
    message = {"role": "assistant", "content": "Hi"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "up-1", "model": "m", "choices": [choice], "usage": usage}).encode()


async def told(start_gateway, usage: dict, **fields: object) -> tuple[dict, dict]:
    """The answer's usage and the generation's row."""
    async with Upstream(body=answered(usage)) as upstream, aiohttp.ClientSession() as session:
        gateway = start_gateway(provider("sim", upstream.url) + MODEL)
        request = chat.body("test/cached", **fields)
        answer = await chat.ask(session, gateway.url, gateway.key, request)
        assert answer.generation_id is not None
        row = await chat.generation(session, gateway.url, gateway.key, answer.generation_id)
    last = answer.chunks[-1] if fields.get("stream") else answer.json
    return last["usage"], row


@pytest.mark.parametrize("stream", [False, True])
async def test_every_field_is_there_and_the_money_is_that_of_the_answer(start_gateway, stream):
    usage, row = await told(start_gateway, COUNTED, stream=stream, user="u-1", session_id="s-1")

    assert row.keys() >= FIELDS
    assert usage["cost"] == row["total_cost"] == row["usage"] == row["upstream_inference_cost"]
    assert usage["cost"] == pytest.approx(0.0002 + 0.0002 + 0.00003)
    assert row["cache_discount"] == pytest.approx(0.0006)
    assert (row["tokens_prompt"], row["native_tokens_cached"]) == (1000, 800)
    assert (row["tokens_completion"], row["native_tokens_reasoning"]) == (10, 6)
    assert (row["streamed"], row["cancelled"], row["finish_reason"]) == (stream, False, "stop")
    assert (row["external_user"], row["session_id"]) == ("u-1", "s-1")
    (attempt,) = row["provider_responses"]
    assert (attempt["id"], attempt["status"], attempt["is_byok"]) == ("up-1", 200, False)


async def test_without_a_cache_nothing_was_saved(start_gateway):
    _, row = await told(start_gateway, {"prompt_tokens": 20, "completion_tokens": 4})

    assert row["cache_discount"] is None
    assert row["total_cost"] == pytest.approx(0.000032)
