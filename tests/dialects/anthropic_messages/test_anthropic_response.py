"""Whole answers and failures of the Messages API."""

import json

import pytest
from tests.conftest import body_of, recorded

from portico.dialects import DIALECTS, Envelope, Quirks, StreamRelay
from portico.dialects.anthropic_messages.usage import decode_usage, encode_usage
from portico.errors import (
    CassetteMiss,
    InvalidRequest,
    UpstreamError,
    UpstreamKeyRefused,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from portico.vocabulary import Reasoning, ToolCall, Usage

MESSAGES = DIALECTS["anthropic_messages"]
CHAT = DIALECTS["openai_chat"]
ENVELOPE = Envelope(generation_id="gen-1", created_s=1, model="acme/orca-2", provider="Acme")
USAGE = {"input_tokens": 10, "output_tokens": 5}


def decoded(*content, **fields):
    body = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": list(content), "stop_reason": "end_turn", "stop_sequence": None, "usage": USAGE,
    }  # fmt: skip
    return MESSAGES.decode_response(json.dumps({**body, **fields}).encode(), Quirks())


def text(text, **fields):
    return {"type": "text", "text": text, **fields}


def recorded_answers():
    for record in recorded("anthropic-messages"):
        if not record["stream"] and record["response"]["status"] == 200:
            yield record["id"], body_of(record)


def test_blocks_become_what_they_are():
    answer = decoded(
        {"type": "thinking", "thinking": "hm", "signature": "c2ln+/="},
        {"type": "redacted_thinking", "data": "b3Bh"},
        text("Both "),
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
        text("calls."),
        {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "now", "input": {}},
        stop_reason="tool_use",
    )
    choice = answer.choices[0]

    assert choice.content == "Both calls."
    assert choice.reasoning == (
        Reasoning(text="hm", signature="c2ln+/=", format="anthropic-claude-v1"),
        Reasoning(data="b3Bh", format="anthropic-claude-v1"),
    )
    assert choice.tool_calls == (
        ToolCall(id="t1", name="add", arguments='{"a":1}'),
        ToolCall(id="t2", name="now", arguments="{}"),
    )
    assert choice.extra == {
        "content_parts": [
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
        ]
    }
    assert (answer.upstream_id, answer.upstream_model) == ("msg_1", "m")


def test_pages_are_cited_over_the_text_they_belong_to():
    page = {
        "type": "web_search_result_location", "url": "https://example.org", "title": None,
        "cited_text": "They swim.", "encrypted_index": "eA==",
    }  # fmt: skip
    place = {"type": "page_location", "cited_text": "x", "document_index": 0}

    choice = decoded(text("So: "), text("Orcas swim.", citations=[page, place])).choices[0]

    assert choice.annotations == (
        {
            "type": "url_citation",
            "url_citation": {
                "url": "https://example.org",
                "start_index": 4,
                "end_index": 15,
                "content": "They swim.",
            },
        },
    )
    assert choice.extra == {"citations": [place]}


def test_members_beside_the_content_are_kept_if_they_say_something():
    edited = {"applied_edits": [{"type": "clear"}]}
    empty = {"applied_edits": []}

    assert decoded(container={"id": "c"}, context_management=edited).extra == {
        "container": {"id": "c"},
        "context_management": edited,
    }
    assert decoded(container=None, context_management=empty).extra == {}


@pytest.mark.parametrize(
    ("native", "content", "reason"),
    [
        ("end_turn", [text("Hi")], "stop"),
        ("stop_sequence", [text("Hi")], "stop"),
        ("pause_turn", [text("Hi")], "stop"),
        ("max_tokens", [text("Hi")], "length"),
        ("model_context_window_exceeded", [text("Hi")], "length"),
        ("tool_use", [{"type": "tool_use", "id": "t", "name": "f", "input": {}}], "tool_calls"),
        ("end_turn", [{"type": "tool_use", "id": "t", "name": "f", "input": {}}], "tool_calls"),
        ("refusal", [], "content_filter"),
        ("something_new", [text("Hi")], "stop"),
        (None, [text("Hi")], "stop"),
    ],
)
def test_stop_reasons_are_normalised_and_kept(native, content, reason):
    choice = decoded(*content, stop_reason=native).choices[0]

    assert (choice.finish_reason, choice.native_finish_reason) == (reason, native)


def test_a_refusal_says_why():
    details = {"type": "refusal", "category": "bio", "explanation": "Not this."}

    choice = decoded(stop_reason="refusal", stop_details=details).choices[0]

    assert (choice.refusal, choice.content) == ("Not this.", "")


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (USAGE, Usage(input_tokens=10, output_tokens=5)),
        (
            {**USAGE, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 3},
            Usage(input_tokens=10, output_tokens=5, cache_read_tokens=7, cache_write_tokens=3),
        ),
        (
            {
                **USAGE,
                "cache_creation_input_tokens": 9,
                "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 6},
            },
            Usage(input_tokens=10, output_tokens=5, cache_write_tokens=3, cache_write_1h_tokens=6),
        ),
        (
            {**USAGE, "output_tokens_details": {"thinking_tokens": 9}},
            Usage(input_tokens=10, output_tokens=5, reasoning_tokens=5),
        ),
        (
            {**USAGE, "server_tool_use": {"web_search_requests": 2}},
            Usage(input_tokens=10, output_tokens=5, web_search_requests=2),
        ),
        ({**USAGE, "cache_read_input_tokens": None, "cache_creation": None}, Usage(input_tokens=10, output_tokens=5)),
        ({}, None),
        ({"service_tier": "standard"}, None),
    ],
)  # fmt: skip
def test_usage_falls_into_disjoint_buckets(body, usage):
    assert decode_usage(body) == usage


def test_usage_comes_back_the_same_through_the_dialects_own_words():
    usage = Usage(
        input_tokens=1, cache_read_tokens=2, cache_write_tokens=3, cache_write_1h_tokens=4,
        output_tokens=9, reasoning_tokens=5, web_search_requests=1,
    )  # fmt: skip

    assert decode_usage(encode_usage(usage)) == usage


def test_the_usual_service_tier_has_no_name_and_others_keep_theirs():
    assert decoded(text("Hi"), usage={**USAGE, "service_tier": "standard"}).service_tier is None
    assert (
        decoded(text("Hi"), usage={**USAGE, "service_tier": "priority"}).service_tier == "priority"
    )


def test_every_recorded_answer_keeps_texts_calls_signatures_and_counts():
    checked = 0
    for name, body in recorded_answers():
        native = json.loads(body)
        answer = MESSAGES.decode_response(body, Quirks())
        choice, content = answer.choices[0], native["content"]

        texts = [block["text"] for block in content if block["type"] == "text"]
        assert (choice.content or "") == "".join(texts), name
        calls = [(b["id"], b["name"], b["input"]) for b in content if b["type"] == "tool_use"]
        assert [(c.id, c.name, json.loads(c.arguments)) for c in choice.tool_calls] == calls, name
        signed = [block["signature"] for block in content if block["type"] == "thinking"]
        assert [item.signature for item in choice.reasoning if item.data is None] == signed, name
        assert choice.native_finish_reason == native["stop_reason"], name
        usage, counted = answer.usage, native["usage"]
        assert usage is not None
        assert usage.prompt_tokens == (
            counted["input_tokens"]
            + (counted.get("cache_read_input_tokens") or 0)
            + (counted.get("cache_creation_input_tokens") or 0)
        ), name
        assert usage.completion_tokens == counted["output_tokens"], name
        assert usage.reasoning_tokens <= usage.output_tokens, name
        checked += 1
    assert checked > 200


def test_every_recorded_answer_means_the_same_when_it_is_written_again():
    for name, body in recorded_answers():
        answer = MESSAGES.decode_response(body, Quirks())
        written = MESSAGES.encode_response(answer, ENVELOPE, None)
        again = MESSAGES.decode_response(written, Quirks())
        one, other = answer.choices[0], again.choices[0]

        assert (one.content or "") == (other.content or ""), name
        assert (one.tool_calls, one.reasoning) == (other.tool_calls, other.reasoning), name
        assert one.finish_reason == other.finish_reason, name
        assert answer.usage == again.usage, name


def test_a_whole_answer_and_its_stream_say_the_same():
    answer = decoded(
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        text("Hi"),
        {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}},
        stop_reason="tool_use",
    )
    relay = StreamRelay(MESSAGES.stream_decoder(Quirks(), "s"), CHAT.stream_encoder(ENVELOPE))

    direct = relay.feed_answer(answer, MESSAGES.response_events(answer))
    encoder = StreamRelay(MESSAGES.stream_decoder(Quirks(), "s"), MESSAGES.stream_encoder(ENVELOPE))
    stream = encoder.feed_answer(answer, MESSAGES.response_events(answer)) + encoder.trailer(None)
    back = StreamRelay(MESSAGES.stream_decoder(Quirks(), "s"), CHAT.stream_encoder(ENVELOPE))
    through_a_stream = back.feed(stream) + back.end()

    assert relay.usage == back.usage == answer.usage
    assert relay.finish == back.finish
    for part in (b'"reasoning":"hm"', b'"signature":"c2ln"', b'"content":"Hi"', b'{\\"a\\":1}'):
        assert part in direct
        assert part in through_a_stream


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"content": "Hi"}',
        b'{"content": [{"type": "text"}]}',
        b'{"content": [7], "usage": {}}',
        b'{"content": [{"type": "tool_use"}], "usage": {}}',
        b'{"type": "error", "error": {"type": "api_error", "message": "oops"}}',
    ],
)
def test_an_answer_that_is_none_is_the_providers_failure(body):
    with pytest.raises(UpstreamUnavailable):
        MESSAGES.decode_response(body, Quirks())


def said(kind, message="No."):
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "error", "outward"),
    [
        (400, "invalid_request_error", UpstreamRejected, 400),
        (401, "authentication_error", UpstreamKeyRefused, 502),
        (402, "billing_error", UpstreamKeyRefused, 502),
        (403, "permission_error", UpstreamKeyRefused, 502),
        (404, "not_found_error", UpstreamModelGone, 404),
        (413, "request_too_large", UpstreamRejected, 413),
        (429, "rate_limit_error", UpstreamRateLimited, 429),
        (500, "api_error", UpstreamUnavailable, 502),
        (500, "overloaded_error", UpstreamOverloaded, 503),
        (504, "timeout_error", UpstreamTimeout, 504),
        (529, "overloaded_error", UpstreamOverloaded, 503),
    ],
)
def test_failures_by_status_and_type(status, kind, error, outward):
    failure = MESSAGES.decode_error(status, {"retry-after": "7"}, said(kind))

    assert type(failure) is error
    assert failure.status == outward
    assert failure.provider_code == kind
    assert failure.retry_after_s == 7


def test_a_prompt_that_is_too_long_is_told_in_the_words_that_clients_look_for():
    body = said("invalid_request_error", "prompt is too long: 200016 tokens > 200000 maximum")

    failure = MESSAGES.decode_error(400, {}, body)

    assert failure.error_type == "context_length_exceeded"
    assert "maximum context length" in failure.message
    assert "200016" in failure.message


def test_every_recorded_failure_is_classified():
    statuses = []
    for record in recorded("anthropic-messages"):
        if record["response"]["status"] >= 400:
            failure = MESSAGES.decode_error(record["response"]["status"], {}, body_of(record))
            statuses.append((record["response"]["status"], failure.status))

    assert set(statuses) >= {(400, 400), (401, 502), (404, 404)}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("messages: none"), "invalid_request_error"),
        (UpstreamRateLimited("Slow down."), "rate_limit_error"),
        (UpstreamOverloaded("Full."), "overloaded_error"),
        (UpstreamUnavailable("Gone."), "api_error"),
        (CassetteMiss("No recording."), "not_found_error"),
    ],
)
def test_clients_are_told_in_their_own_form(error, kind):
    body = json.loads(MESSAGES.encode_error(error, "user_1"))

    assert body["type"] == "error"
    assert (body["error"]["type"], body["error"]["message"]) == (kind, error.message)
    assert body["error"]["error_type"] == error.error_type


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (408, "timeout_error"),
        (409, "invalid_request_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_every_status_has_the_vendors_type(status, kind):
    error = UpstreamError("It failed.")
    error.status = status

    assert json.loads(MESSAGES.encode_error(error, None))["error"]["type"] == kind


TOO_LONG = "prompt is too long: 9001 tokens > 8192 maximum"
TOO_MUCH = "input length and `max_tokens` exceed context limit: 8000 + 1000 > 8192"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (TOO_LONG, TOO_LONG),
        (f"ValidationException: {TOO_LONG}", TOO_LONG),
        (f"{TOO_MUCH}, decrease input length", f"{TOO_MUCH}, decrease"),
        (
            "This endpoint's maximum context length is 8192 tokens. However, you requested about "
            "9000 tokens (8000 of input, 1000 in the output).",
            TOO_MUCH,
        ),
        (
            "This endpoint's maximum context length is 8192 tokens. However, you requested about "
            "9000 tokens (8000 of text input, 1000 in the output). Reduce either.",
            TOO_MUCH,
        ),
        (
            "This endpoint's maximum context length is 8192 tokens. However, you requested about "
            "9001 tokens (9001 of text input). Please reduce the length of either one.",
            TOO_LONG,
        ),
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted "
            "in 9001 tokens. Please reduce the length of the messages.",
            TOO_LONG,
        ),
        (
            "This model's maximum context length is 8192 tokens. However, you requested 9000 "
            "tokens (8000 in the messages, 1000 in the completion).",
            TOO_MUCH,
        ),
        (
            "This model's maximum context length is 8192 tokens. However, you requested 9100 "
            "tokens (8000 in the messages, 100 in the functions, 1000 in the completion).",
            TOO_MUCH,
        ),
        (
            "'max_tokens' is too large: 1000. This model's maximum context length is 8192 tokens "
            "and your request has 8000 input tokens (1000 > 8192 - 8000).",
            TOO_MUCH,
        ),
        (
            "The input token count (9001) exceeds the maximum number of tokens allowed (8192).",
            TOO_LONG,
        ),
        ("The input token count is 9001 but model only supports up to 8192", TOO_LONG),
        (
            "This model's maximum prompt length is 8192 but the request contains 9001 tokens.",
            TOO_LONG,
        ),
        (
            "Prompt contains 9001 tokens and 0 draft tokens, too large for model with 8192 "
            "maximum context length",
            TOO_LONG,
        ),
        (
            "too many tokens: total number of tokens in the prompt cannot exceed 8192 - "
            "received 9001. Try using a shorter prompt.",
            TOO_LONG,
        ),
        (
            "The decoder prompt (length 9001) is longer than the maximum model length of 8192.",
            TOO_LONG,
        ),
        ("request (9001 tokens) exceeds the available context size (8192 tokens)", TOO_LONG),
        ("Your input exceeds the context window of this model.", "prompt is too long. "),
        ("Input is too long for requested model.", "prompt is too long. "),
    ],
)
def test_whoever_says_it_an_overflow_is_told_in_the_vendors_words(said, told):
    body = json.dumps({"error": {"message": said, "type": "invalid_request_error"}}).encode()
    failure = CHAT.decode_error(400, {}, body)

    told_so = json.loads(MESSAGES.encode_error(failure, None))["error"]

    assert failure.error_type == told_so["error_type"] == "context_length_exceeded"
    assert told_so["type"] == "invalid_request_error"
    assert told_so["message"].startswith(told)


def test_nothing_of_the_inside_is_told():
    error = UpstreamError("a stack trace")
    error.status = 500

    assert b"stack" not in MESSAGES.encode_error(error, None)
