"""Whole Converse answers in and out, and failures."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.bedrock_converse.samples import CLAUDE, ENVELOPE, NOVA

from portico.dialects import DIALECTS
from portico.dialects.base import Quirks
from portico.dialects.bedrock_converse import DIALECT
from portico.errors import (
    InvalidRequest,
    StorageUnavailable,
    UpstreamError,
    UpstreamKeyRefused,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from portico.vocabulary import Reasoning, Usage

USAGE = {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}


def answer(*content: dict, stop: str = "end_turn", **more: object) -> bytes:
    message = {"role": "assistant", "content": list(content)}
    body = {"output": {"message": message}, "stopReason": stop, "usage": USAGE, **more}
    return json.dumps(body).encode()


def decoded(*content: dict, model: str = CLAUDE, **more):
    return DIALECT.decode_response(answer(*content, **more), Quirks(model=model))


def call(name: str = "f", **fields: object) -> dict:
    return {"toolUse": {"toolUseId": "t1", "name": name, "input": {"a": 1}, **fields}}


def test_every_kind_of_block_finds_its_place():
    blob = base64.b64encode(b"Eu8E").decode()
    (choice,) = decoded(
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": blob}},
        {"text": "Olá "},
        {"text": "👋"},
        call("ns_x2E_f", type="tool_use"),
        stop="tool_use",
    ).choices

    assert choice.content == "Olá 👋"
    assert choice.reasoning == (
        Reasoning(text="Hm", signature="c2ln", format="anthropic-claude-v1"),
        Reasoning(data="Eu8E", format="anthropic-claude-v1"),
    )
    assert [(c.id, c.name, c.arguments) for c in choice.tool_calls] == [("t1", "ns.f", '{"a":1}')]
    assert (choice.finish_reason, choice.native_finish_reason) == ("tool_calls", "tool_use")


def test_reasoning_of_other_vendors_is_not_called_claudes():
    (choice,) = decoded(
        {"reasoningContent": {"reasoningText": {"text": "Hm"}}},
        {"reasoningContent": {"redactedContent": "AAEC"}},
        model=NOVA,
    ).choices

    assert choice.reasoning == (Reasoning(text="Hm"), Reasoning(data="AAEC"))


def test_tools_that_the_provider_runs_are_not_the_clients_calls():
    use = call("nova_grounding", type="server_tool_use")
    result = {"toolResult": {"toolUseId": "t1", "content": [{"text": "[HIDDEN]"}]}}
    (choice,) = decoded(use, result, {"text": "Four."}, model=NOVA).choices

    assert choice.tool_calls == ()
    assert choice.finish_reason == "stop"
    assert choice.extra == {"content_parts": [use, result]}


def test_citations_of_pages_are_annotations_and_others_stay_as_they_are():
    page = {"location": {"web": {"url": "https://a.example/", "domain": "a.example"}}}
    inside = {
        "location": {"documentChar": {"documentIndex": 0, "start": 1, "end": 2}},
        "title": "D",
    }
    (choice,) = decoded(
        {"text": "Yes."},
        {"citationsContent": {"citations": [page]}},
        {"citationsContent": {"content": [{"text": " No."}], "citations": [inside]}},
    ).choices

    assert choice.content == "Yes. No."
    assert choice.annotations == (
        {
            "type": "url_citation",
            "url_citation": {"url": "https://a.example/", "start_index": 0, "end_index": 4},
        },
    )
    assert choice.extra == {"citations": [inside]}


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        (USAGE, Usage(input_tokens=3, output_tokens=4)),
        (
            {**USAGE, "cacheReadInputTokens": 5, "cacheReadInputTokenCount": 5,
             "cacheWriteInputTokens": 9, "cacheWriteInputTokenCount": 9,
             "cacheDetails": [{"ttl": "1h", "inputTokens": 6}, {"ttl": "5m", "inputTokens": 3}]},
            Usage(input_tokens=3, output_tokens=4, cache_read_tokens=5, cache_write_tokens=3,
                  cache_write_1h_tokens=6),
        ),
        ({"inputTokens": 3, "outputTokens": None, "cacheDetails": 7}, Usage(input_tokens=3)),
        ({}, None),
    ],
)  # fmt: skip
def test_usage_in_disjoint_buckets(said, usage):
    assert decoded({"text": "x"}, usage=said).usage == usage


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("malformed_tool_use", "error"),
        ("something_new", "stop"),
    ],
)
def test_stop_reasons(native, reason):
    (choice,) = decoded({"text": "x"}, stop=native).choices

    assert (choice.finish_reason, choice.native_finish_reason) == (reason, native)


def test_a_calls_stop_is_tool_calls_whatever_the_upstream_says():
    assert decoded(call(), stop="end_turn").choices[0].finish_reason == "tool_calls"


def test_what_a_guardrail_did_and_the_tier_are_kept():
    response = decoded({"text": "x"}, trace={"guardrail": {}}, serviceTier={"type": "flex"})

    assert response.extra == {"trace": {"guardrail": {}}}
    assert response.service_tier == "flex"
    assert decoded({"text": "x"}, serviceTier={"type": "default"}).service_tier is None


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"x"', b"{", b'{"output": {}}', b'{"output": {"message": {"content": [7]}}}',
     b'{"output": {"message": {"content": [{"toolUse": {}}]}}, "usage": {}}'],
)  # fmt: skip
def test_an_answer_that_is_none_is_the_upstreams_failure(body):
    with pytest.raises(UpstreamUnavailable):
        DIALECT.decode_response(body, Quirks())


def test_an_error_inside_a_good_status_is_named():
    body = b'{"__type": "ThrottlingException", "message": "Slow down"}'

    with pytest.raises(UpstreamRateLimited):
        DIALECT.decode_response(body, Quirks())


def test_an_answer_of_any_dialect_is_written_as_the_api_would():
    native = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "Eu8E"},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "toolu_1", "name": "ns.f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3},
    }  # fmt: skip
    response = DIALECTS["anthropic_messages"].decode_response(json.dumps(native).encode(), Quirks())

    body = json.loads(DIALECT.encode_response(response, ENVELOPE, None))

    assert body["output"]["message"]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": base64.b64encode(b"Eu8E").decode()}},
        {"text": "Hi"},
        {"toolUse": {"toolUseId": "toolu_1", "name": "ns_x2E_f", "input": {"a": 1}}},
    ]
    assert body["stopReason"] == "tool_use"
    assert body["usage"] == {
        "inputTokens": 1, "outputTokens": 2, "totalTokens": 6, "cacheReadInputTokens": 3,
        "cacheWriteInputTokens": 0,
    }  # fmt: skip


def test_what_is_written_is_read_again():
    cited = {"location": {"documentChar": {"documentIndex": 0}}, "title": "D"}
    response = decoded(
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}},
        {"citationsContent": {"content": [{"text": "x"}], "citations": [cited]}},
        call(),
        stop="tool_use",
        trace={"guardrail": {"a": 1}},
    )

    again = DIALECT.decode_response(
        DIALECT.encode_response(response, ENVELOPE, None), Quirks(model=CLAUDE)
    )

    assert again == response


# Failures


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "ValidationException:http://internal.amazon.com/x/", UpstreamRejected),
        (400, "ExpiredTokenException", UpstreamKeyRefused),
        (403, "AccessDeniedException", UpstreamKeyRefused),
        (403, "UnrecognizedClientException", UpstreamKeyRefused),
        (404, "ResourceNotFoundException", UpstreamModelGone),
        (408, "ModelTimeoutException", UpstreamTimeout),
        (424, "ModelErrorException", UpstreamUnavailable),
        (429, "ThrottlingException", UpstreamRateLimited),
        (429, "ModelNotReadyException", UpstreamOverloaded),
        (500, "InternalServerException", UpstreamUnavailable),
        (503, "ServiceUnavailableException", UpstreamOverloaded),
        (502, None, UpstreamUnavailable),
    ],
)
@pytest.mark.parametrize("place", ["header", "body"])
def test_failures_by_their_type(status, kind, error, place):
    headers = {"x-amzn-errortype": kind} if kind and place == "header" else {}
    typed = {"__type": f"com.amazon#{kind}"} if kind and place == "body" else {}
    body = json.dumps({"message": "It did not work", **typed}).encode()

    found = DIALECT.decode_error(status, headers, body)

    assert type(found) is error
    assert found.provider_code == (kind and kind.partition(":")[0])


def test_a_prompt_that_is_too_long_is_told_as_that():
    body = b'{"message": "Input is too long for requested model."}'

    found = DIALECT.decode_error(400, {"x-amzn-errortype": "ValidationException:"}, body)

    assert found.error_type == "context_length_exceeded"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("messages: none"), "ValidationException"),
        (UpstreamRateLimited("slow"), "ThrottlingException"),
        (UpstreamTimeout("late"), "ModelTimeoutException"),
        (StorageUnavailable("full"), "ServiceUnavailableException"),
        (UpstreamUnavailable("gone"), "InternalServerException"),
    ],
)
def test_what_a_client_of_this_dialect_is_told(error, kind):
    body = json.loads(DIALECT.encode_error(error, "user"))

    assert body == {"__type": kind, "message": error.message}
    again = DIALECT.decode_error(error.status, {}, DIALECT.encode_error(error, None))
    assert isinstance(again, UpstreamError)


@given(st.binary(max_size=60), st.sampled_from([400, 403, 429, 500]), st.text(max_size=20))
def test_no_error_body_crashes(body, status, kind):
    assert isinstance(DIALECT.decode_error(status, {"x-amzn-errortype": kind}, body), UpstreamError)
