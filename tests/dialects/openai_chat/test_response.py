"""Whole answers: any provider's in, OpenRouter's out."""

import json

import pytest

from portico.dialects import DIALECTS, Envelope, Quirks, relay_between
from portico.dialects.gathering import response_events
from portico.dialects.openai_chat.response import decode_response, encode_response
from portico.errors import (
    UpstreamEmpty,
    UpstreamError,
    UpstreamOverloaded,
    UpstreamRejected,
    UpstreamUnavailable,
)
from portico.vocabulary import Cost

CHAT = DIALECTS["openai_chat"]
COST = Cost(prompt_picousd=12_000_000, completion_picousd=9_000_000)


def envelope(**changes):
    fields = {
        "generation_id": "gen-1790000000-a1B2c3D4e5F6g7H8i9J0",
        "created_s": 1790000000,
        "model": "acme/orca-2",
        "provider": "Acme",
    }
    return Envelope(**{**fields, **changes})


def answer(message, finish="stop", **fields):
    return {
        "id": "up-1",
        "model": "orca",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
        **fields,
    }


def through(upstream, quirks=None, **changes):
    response = decode_response(json.dumps(upstream).encode(), quirks or Quirks())
    return json.loads(encode_response(response, envelope(**changes), COST))


def test_a_plain_answer_has_the_keys_and_order_of_the_wire():
    response = decode_response(
        json.dumps(answer({"role": "assistant", "content": "Four."})).encode(), Quirks()
    )

    assert encode_response(response, envelope(), COST).decode() == (
        '{"id":"gen-1790000000-a1B2c3D4e5F6g7H8i9J0","object":"chat.completion",'
        '"created":1790000000,"model":"acme/orca-2","provider":"Acme",'
        '"system_fingerprint":null,"service_tier":null,"choices":[{"index":0,"logprobs":null,'
        '"finish_reason":"stop","native_finish_reason":"stop","message":{"role":"assistant",'
        '"content":"Four.","refusal":null,"reasoning":null}}],"usage":{"prompt_tokens":12,'
        '"completion_tokens":3,"total_tokens":15,"cost":0.000021,"is_byok":false,'
        '"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"audio_tokens":0,'
        '"video_tokens":0},"cost_details":{"upstream_inference_cost":0.000021,'
        '"upstream_inference_prompt_cost":0.000012,'
        '"upstream_inference_completions_cost":0.000009},'
        '"completion_tokens_details":{"reasoning_tokens":0,"image_tokens":0,"audio_tokens":0}}}'
    )


def test_tool_calls_without_text_have_null_content_and_string_arguments():
    message = {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"function": {"name": "now", "arguments": ""}},
            {"id": "c2", "function": {"name": "add", "arguments": {"a": 1}}},
        ],
    }

    choice = through(answer(message))["choices"][0]

    calls = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["native_finish_reason"] == "stop"
    assert choice["message"]["content"] is None
    assert [c["function"]["arguments"] for c in calls] == ["{}", '{"a":1}']
    assert [c["index"] for c in calls] == [0, 1]
    assert calls[0]["id"].startswith("call_")
    assert calls[1]["id"] == "c2"


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Four.", "reasoning": "2+2"},
        {"content": "Four.", "reasoning_content": "2+2"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]},
                     {"type": "text", "text": "Four."}]},
        {"content": "Four.", "reasoning": "2+2", "reasoning_details": [
            {"type": "reasoning.text", "text": "2", "index": 0},
            {"type": "reasoning.text", "text": "+2", "index": 0}]},
    ],
)  # fmt: skip
def test_reasoning_is_read_from_every_spelling(message):
    out = through(answer(message))["choices"][0]["message"]

    assert out["content"] == "Four."
    assert out["reasoning"] == "2+2"
    assert out["reasoning_details"] == [
        {"type": "reasoning.text", "text": "2+2", "format": "unknown", "index": 0}
    ]
    excluded = through(answer(message), exclude_reasoning=True)["choices"][0]["message"]
    assert excluded["reasoning"] is None
    assert "reasoning_details" not in excluded


def test_fields_nobody_knows_travel_on():
    message = {"content": "x", "mood": "good", "annotations": [{"type": "url_citation"}]}
    upstream = answer(message, citations=["https://example.org"])
    upstream["choices"][0]["content_filter_results"] = {"hate": {"filtered": False}}

    out = through(upstream)

    assert out["citations"] == ["https://example.org"]
    assert out["choices"][0]["message"]["mood"] == "good"
    assert out["choices"][0]["message"]["annotations"] == [{"type": "url_citation"}]
    assert "hate" in out["choices"][0]["content_filter_results"]


def test_the_2025_profile_orders_keys_as_they_were():
    out = through(answer({"content": "x"}), profile="2025")

    assert list(out) == ["id", "provider", "model", "object", "created", "choices", "usage"]
    assert list(out["choices"][0])[:3] == ["logprobs", "finish_reason", "native_finish_reason"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>busy</html>", UpstreamUnavailable),
        (b"[]", UpstreamUnavailable),
        (b"", UpstreamEmpty),
        (b" \n", UpstreamEmpty),
        (b'{"choices":[]}', UpstreamEmpty),
        (b'{"choices":[],"error":{"code":503}}', UpstreamOverloaded),
        (b'{"choices":[5]}', UpstreamUnavailable),
        (b'{"choices":[{"message":{"content":"x","tool_calls":[3]}}]}', UpstreamUnavailable),
        (
            b'{"choices":[{"message":{"tool_calls":[{"id":"a","function":{}}]}}]}',
            UpstreamUnavailable,
        ),
        (b'{"error":{"message":"no","code":400}}', UpstreamRejected),
        (b'{"choices":[{"message":{"content":"\xff"}}]}', UpstreamUnavailable),
    ],
)
def test_what_is_no_answer_is_an_upstream_error(body, kind):
    with pytest.raises(UpstreamError) as caught:
        decode_response(body, Quirks())

    assert type(caught.value) is kind


def test_an_upstream_that_does_not_stream_is_streamed_all_the_same():
    message = {
        "content": "Sum:",
        "reasoning": "hm",
        "tool_calls": [{"id": "c1", "function": {"name": "add", "arguments": "{}"}}],
    }
    response = decode_response(json.dumps(answer(message, "tool_calls")).encode(), Quirks())
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    out = (relay.feed_answer(response, response_events(response)) + relay.trailer(COST)).decode()

    assert out.count("data: ") == 7
    assert '"reasoning":"hm"' in out
    assert '"content":"Sum:"' in out
    assert '"finish_reason":"tool_calls"' in out
    assert '"total_tokens":15' in out


def test_ids_that_are_no_texts_are_none():
    call = {"id": {"a": 1}, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = {**answer(message), "id": {"a": 1}, "model": 5, "service_tier": ["x"]}

    response = decode_response(json.dumps(body).encode(), Quirks())

    (read,) = response.choices[0].tool_calls
    assert read.id.startswith("call_")
    assert (response.upstream_id, response.upstream_model, response.service_tier) == (None,) * 3
