"""Whole answers of Cohere, in and out, and failures."""

import json

import pytest
from tests.conftest import body_of, recorded

from portico.dialects import Envelope, Quirks
from portico.dialects.cohere_chat import DIALECT as COHERE
from portico.dialects.openai_chat import DIALECT as CHAT
from portico.errors import (
    GatewayError,
    InvalidRequest,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)

ENVELOPE = Envelope(generation_id="gen-1", created_s=1, model="cohere/command-a", provider="Cohere")


def decoded(message: dict | str, finish: str = "COMPLETE", **fields):
    body = {"id": "x", "message": message, "finish_reason": finish, **fields}
    return COHERE.decode_response(json.dumps(body).encode(), Quirks())


def recorded_answers():
    for record in recorded("cohere-v2-chat"):
        if not record["stream"] and record["response"]["status"] == 200:
            yield record, json.loads(body_of(record))


def test_every_recorded_answer_keeps_everything_and_its_counts():
    checked = 0
    for record, body in recorded_answers():
        message = body["message"]
        response = COHERE.decode_response(body_of(record), Quirks())
        (choice,) = response.choices
        blocks = message.get("content") or []
        thoughts = "".join(b.get("thinking", "") for b in blocks)
        calls = message.get("tool_calls") or []

        assert (choice.content or "") == "".join(b.get("text", "") for b in blocks), record["id"]
        assert "".join(r.text for r in choice.reasoning) == message.get("tool_plan", "") + thoughts
        assert [(c.id, c.name) for c in choice.tool_calls] == [
            (c["id"], c["function"]["name"]) for c in calls
        ]
        assert all(isinstance(json.loads(c.arguments), dict) for c in choice.tool_calls)
        assert (choice.extra or {}).get("citations", []) == (message.get("citations") or [])
        assert choice.native_finish_reason == body["finish_reason"]
        assert choice.finish_reason == ("tool_calls" if calls else "stop")
        assert response.upstream_id == body["id"]

        usage, counts = response.usage, body["usage"]
        assert usage is not None
        assert usage.prompt_tokens == counts["tokens"]["input_tokens"]
        assert usage.input_tokens == usage.prompt_tokens - counts["cached_tokens"]
        assert usage.completion_tokens == counts["tokens"]["output_tokens"]
        assert usage.reasoning_tokens == counts["tokens"].get("reasoning_tokens", 0)
        assert all(getattr(usage, field) >= 0 for field in usage.__struct_fields__)
        checked += 1
    assert checked > 30


def test_every_recorded_answer_survives_a_round_trip_through_its_own_dialect():
    checked = 0
    for record, _ in recorded_answers():
        once = COHERE.decode_response(body_of(record), Quirks())

        again = COHERE.decode_response(COHERE.encode_response(once, ENVELOPE, None), Quirks())

        assert (again.choices, again.usage) == (once.choices, once.usage), record["id"]
        checked += 1
    assert checked > 30


def test_every_recorded_answer_means_the_same_to_a_chat_client():
    for record, body in recorded_answers():
        response = COHERE.decode_response(body_of(record), Quirks())

        out = json.loads(CHAT.encode_response(response, ENVELOPE, None))

        message = out["choices"][0]["message"]
        assert message["content"] == response.choices[0].content, record["id"]
        assert message.get("citations", []) == (body["message"].get("citations") or [])
        assert out["usage"]["total_tokens"] == sum(
            body["usage"]["tokens"][name] for name in ("input_tokens", "output_tokens")
        )


def test_a_plan_is_reasoning_that_finds_its_way_back():
    call = {"id": "a", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    response = decoded({"tool_plan": "I will add.", "tool_calls": [call]}, "TOOL_CALL")

    message = json.loads(CHAT.encode_response(response, ENVELOPE, None))["choices"][0]["message"]
    history = [{"role": "user", "content": "?"}, message]
    request = CHAT.decode_request(
        CHAT.read_head(json.dumps({"model": "m", "messages": history}).encode())
    )
    body, _ = COHERE.encode_request(request, "command-a-03-2025", frozenset(), Quirks())

    assert message["reasoning"] == "I will add."
    assert json.loads(body)["messages"][1] == {
        "role": "assistant", "tool_plan": "I will add.", "tool_calls": [call]
    }  # fmt: skip


@pytest.mark.parametrize("arguments", [None, "null", "", {}])
def test_a_call_without_arguments_has_an_empty_object(arguments):
    call = {"id": "a", "type": "function", "function": {"name": "now", "arguments": arguments}}

    response = decoded({"tool_calls": [call]}, "TOOL_CALL")

    assert response.choices[0].tool_calls[0].arguments == "{}"
    assert response.choices[0].content is None


def test_a_source_with_a_url_becomes_an_annotation_and_comes_back_as_a_source():
    page = {"id": "d", "url": "https://a.example", "title": "A", "text": "All of A."}
    citation = {"start": 0, "end": 2, "text": "Hi", "sources": [{"type": "document", "document": page}]}  # fmt: skip
    response = decoded({"content": [{"type": "text", "text": "Hi"}], "citations": [citation]})

    chat = json.loads(CHAT.encode_response(response, ENVELOPE, None))["choices"][0]["message"]
    back = json.loads(COHERE.encode_response(response, ENVELOPE, None))["message"]

    assert chat["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {
                "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 2,
                "content": "All of A.",
            },
        }
    ]  # fmt: skip
    assert "citations" not in chat
    assert back["citations"][0]["sources"][0]["document"]["url"] == "https://a.example"


@pytest.mark.parametrize(
    ("native", "normal"),
    [
        ("COMPLETE", "stop"), ("STOP_SEQUENCE", "stop"), ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"), ("ERROR", "error"), ("TIMEOUT", "error"),
        ("ERROR_TOXIC", "content_filter"), ("WHO_KNOWS", "stop"),
    ],
)  # fmt: skip
def test_finish_reasons(native, normal):
    choice = decoded({"content": [{"type": "text", "text": "x"}]}, native).choices[0]

    assert (choice.finish_reason, choice.native_finish_reason) == (normal, native)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"tokens": {"input_tokens": 9, "output_tokens": 4}}, (9, 0, 4)),
        ({"tokens": {"input_tokens": 9.0, "output_tokens": 4.0}, "cached_tokens": 5}, (4, 5, 4)),
        ({"tokens": {"input_tokens": 3, "output_tokens": 4}, "cached_tokens": 5}, (0, 3, 4)),
        ({"billed_units": {"input_tokens": 2, "output_tokens": 1}}, (2, 0, 1)),
        ({"billed_units": {"search_units": 1}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_usage_counts_what_the_model_read_and_wrote(usage, expected):
    counted = decoded({"content": []}, usage=usage).usage

    got = counted and (counted.input_tokens, counted.cache_read_tokens, counted.output_tokens)
    assert got == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"message":{"content":[{}]}}',
        b'{"message":{"tool_calls":[1]}}',
    ],
)
def test_an_answer_that_cannot_be_read_is_the_upstreams_failure(body):
    with pytest.raises(UpstreamError):
        COHERE.decode_response(body, Quirks())


def test_an_error_in_an_answer_of_200_is_one():
    with pytest.raises(UpstreamError) as caught:
        decoded("model not found")

    assert "model not found" in (caught.value.raw or "")


def test_recorded_failures_are_named():
    named = {}
    for record in recorded("cohere-v2-chat"):
        status = record["response"]["status"]
        if status != 200:
            named[status] = COHERE.decode_error(status, {}, body_of(record))

    assert isinstance(named[401], UpstreamUnavailable)
    assert isinstance(named[400], UpstreamRejected)
    assert named[400].error_type == "context_length_exceeded"
    assert named[400].provider_code == "TOO_MANY_TOKENS"


def test_failures_by_status():
    slow = COHERE.decode_error(429, {"retry-after": "3"}, b'{"message":"Trial key"}')

    assert isinstance(slow, UpstreamRateLimited)
    assert slow.retry_after_s == 3
    assert isinstance(COHERE.decode_error(500, {}, b"<html>"), UpstreamUnavailable)


def test_errors_for_clients_of_the_dialect_say_nothing_of_the_inside():
    told = json.loads(COHERE.encode_error(InvalidRequest("model: name a model"), "u"))
    hidden = COHERE.encode_error(GatewayError("secret detail"), None)

    assert told == {"message": "model: name a model", "error_type": "invalid_request"}
    assert b"secret" not in hidden


def test_a_chat_answer_reads_as_one_of_this_dialect():
    body = {
        "id": "c",
        "choices": [
            {
                "message": {
                    "content": "No.", "reasoning_content": "Hm.",
                    "tool_calls": [{"id": "1", "type": "function",
                                    "function": {"name": "add", "arguments": "{}"}}],
                },
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }  # fmt: skip
    response = CHAT.decode_response(json.dumps(body).encode(), Quirks())

    out = json.loads(COHERE.encode_response(response, ENVELOPE, None))

    assert out["finish_reason"] == "TOOL_CALL"
    assert out["message"]["content"] == [
        {"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "No."}
    ]  # fmt: skip
    assert out["message"]["tool_calls"][0]["function"]["name"] == "add"
    assert out["usage"]["tokens"] == {"input_tokens": 7, "output_tokens": 3}
    assert out["usage"]["cost"] == 0
