"""Whole Gemini answers in, chat answers out, and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import body_of, recorded

from portico.dialects import Envelope, Quirks, StreamRelay
from portico.dialects.gemini import DIALECT as GEMINI
from portico.dialects.openai_chat import DIALECT as CHAT
from portico.errors import UpstreamError, UpstreamRateLimited, UpstreamUnavailable
from portico.vocabulary import ChatResponse, Choice, Reasoning, ToolCall, Usage

ENVELOPE = Envelope(
    generation_id="gen-1", created_s=1, model="google/gemini-9-flash", provider="Google AI Studio"
)


def answer(*parts: dict, finish: object = "STOP", usage: dict | None = None, **more) -> bytes:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish}
    return json.dumps(
        {"candidates": [{**candidate, **more}], "usageMetadata": usage or {}, "responseId": "r1"}
    ).encode()


def read(body: bytes) -> Choice:
    return GEMINI.decode_response(body, Quirks()).choices[0]


def recorded_answers():
    for record in recorded("gemini-generate"):
        body = body_of(record)
        if record["response"]["status"] == 200 and not body.lstrip().startswith(b"data:"):
            yield record, body


def chunks_of(body: bytes) -> list[dict]:
    parsed = json.loads(body)
    return parsed if isinstance(parsed, list) else [parsed]


def test_every_recorded_answer_keeps_text_calls_and_signatures():
    checked = 0
    for record, body in recorded_answers():
        parts = [
            part
            for chunk in chunks_of(body)
            for candidate in chunk.get("candidates", ())
            for part in (candidate.get("content") or {}).get("parts", ())
        ]
        response = GEMINI.decode_response(body, Quirks())
        choice = response.choices[0]

        text = "".join(p["text"] for p in parts if "text" in p and not p.get("thought"))
        calls = [p["functionCall"] for p in parts if "functionCall" in p]
        signed = [
            p["thoughtSignature"]
            for p in parts
            if "thoughtSignature" in p and p.keys() & {"text", "functionCall"}
        ]
        assert (choice.content or "") == text, record["id"]
        assert (choice.content is None) == (bool(calls) and not text)
        assert [json.loads(c.arguments) for c in choice.tool_calls] == [
            call.get("args", {}) for call in calls
        ]
        assert [item.data for item in choice.reasoning if item.data] == signed
        named = {item.id for item in choice.reasoning if item.id}
        assert named <= {call.id for call in choice.tool_calls}
        checked += 1
    assert checked > 200


def test_every_recorded_usage_is_disjoint_buckets_that_add_up():
    checked = 0
    for record, body in recorded_answers():
        counts = chunks_of(body)[-1].get("usageMetadata", {})
        usage = GEMINI.decode_response(body, Quirks()).usage
        if usage is None:
            assert "promptTokenCount" not in counts, record["id"]
            continue
        tool_tokens = counts.get("toolUsePromptTokenCount", 0)
        thoughts = counts.get("thoughtsTokenCount", 0)
        assert usage.prompt_tokens == counts["promptTokenCount"] + tool_tokens, record["id"]
        assert usage.completion_tokens == counts.get("candidatesTokenCount", 0) + thoughts
        assert usage.cache_read_tokens == counts.get("cachedContentTokenCount", 0)
        assert usage.reasoning_tokens == thoughts <= usage.completion_tokens
        assert all(getattr(usage, name) >= 0 for name in Usage.__struct_fields__)
        if "media-detection-2" not in record["id"]:  # its own total does not add up
            total = usage.prompt_tokens + usage.completion_tokens
            assert total == counts["totalTokenCount"], record["id"]
        checked += 1
    assert checked > 200


def test_every_recorded_answer_is_the_same_as_the_stream_it_would_have_been():
    checked = 0
    for record, body in recorded_answers():
        response = GEMINI.decode_response(body, Quirks())
        relay = StreamRelay(
            GEMINI.stream_decoder(Quirks(), response.upstream_id or ""),
            CHAT.stream_encoder(ENVELOPE),
        )

        relay.feed_answer(response, GEMINI.response_events(response))

        assert relay.usage == response.usage, record["id"]
        assert relay.finish is not None
        assert relay.finish.reason == response.choices[0].finish_reason
        checked += 1
    assert checked > 200


def test_every_recorded_answer_written_by_this_dialect_reads_the_same_again():
    checked = 0
    for record, body in recorded_answers():
        first = GEMINI.decode_response(body, Quirks())

        again = GEMINI.encode_response(first, ENVELOPE, None)
        second = GEMINI.decode_response(again, Quirks())

        one, two = first.choices[0], second.choices[0]
        if one.native_finish_reason == "MODEL_ARMOR":
            continue  # a blocked prompt has no answer to write
        assert (one.content or "") == (two.content or ""), record["id"]
        assert one.tool_calls == two.tool_calls
        assert one.finish_reason == two.finish_reason
        assert [r.data for r in one.reasoning] == [r.data for r in two.reasoning], record["id"]
        assert (first.usage or Usage()) == second.usage
        checked += 1
    assert checked > 200


def test_modalities_are_counted_apart():
    counts = {
        "promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 50,
        "thoughtsTokenCount": 7, "totalTokenCount": 157, "serviceTier": "standard",
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 30}, {"modality": "AUDIO", "tokenCount": 50},
            {"modality": "VIDEO", "tokenCount": 20},
        ],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 40}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 45}],
    }  # fmt: skip

    response = GEMINI.decode_response(answer({"text": "x"}, usage=counts), Quirks())

    assert response.service_tier == "default"
    assert response.usage == Usage(
        input_tokens=30, cache_read_tokens=40, input_audio_tokens=10, input_video_tokens=20,
        output_tokens=12, output_image_tokens=45, reasoning_tokens=7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("UNEXPECTED_TOOL_CALL", "error"),
        ("OTHER", "error"),
        ("SOMETHING_NEW", "stop"),
    ],
)
def test_finish_reasons_are_normalised_and_kept(native, reason):
    choice = read(answer({"text": "x"}, finish=native))

    assert (choice.finish_reason, choice.native_finish_reason) == (reason, native)


def test_a_reason_written_as_the_number_of_the_enum_is_named():
    choice = read(answer({"text": "x"}, finish=2))

    assert (choice.finish_reason, choice.native_finish_reason) == ("length", "MAX_TOKENS")


def test_a_stop_after_calls_is_a_tool_call():
    choice = read(answer({"functionCall": {"name": "f", "args": {}}}))

    assert choice.finish_reason == "tool_calls"
    assert choice.content is None


def test_log_probabilities_take_the_chat_form():
    result = {
        "chosenCandidates": [{"token": "é", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "e", "logProbability": -1.5}]}],
    }

    choice = read(answer({"text": "é"}, logprobsResult=result))

    assert choice.logprobs == {
        "content": [
            {
                "token": "é", "logprob": -0.5, "bytes": [195, 169],
                "top_logprobs": [{"token": "e", "logprob": -1.5, "bytes": [101]}],
            }
        ],
        "refusal": None,
    }  # fmt: skip


def test_sound_and_pictures_stand_in_their_own_fields():
    choice = read(
        answer(
            {"inlineData": {"mimeType": "image/png", "data": "aW1n"}},
            {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "cGNt"}},
        )
    )

    url = {"url": "data:image/png;base64,aW1n"}
    assert choice.images == ({"type": "image_url", "image_url": url, "index": 0},)
    assert choice.audio == {"data": "cGNt", "format": "pcm16"}


def test_an_array_of_chunks_is_one_answer():
    body = b"[" + answer({"text": "Hel"}, finish=None) + b"\n,\n" + answer({"text": "lo"}) + b"]"

    assert read(body).content == "Hello"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"17",
        b"[]",
        b"{}",
        b'{"candidates":[]}',
        b'{"candidates":[{"content":7}]}',
        b'{"candidates":"x"}',
        b"[" + answer({"text": "cut"}, finish=None) + b"]",
    ],
)
def test_an_answer_that_cannot_be_read_is_an_unavailable_provider(body):
    with pytest.raises(UpstreamUnavailable):
        GEMINI.decode_response(body, Quirks())


@given(st.data())
def test_a_damaged_answer_is_read_or_refused_and_never_a_crash(data):
    parts = [
        {"text": "Hi", "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "f", "args": {"a": [1]}}},
        {"inlineData": {"mimeType": "image/png", "data": "aW1n"}},
    ]
    grounding = {"groundingChunks": [{"web": {"uri": "https://example.org"}}]}
    body = bytearray(answer(*parts, groundingMetadata=grounding, usage={"promptTokenCount": 1}))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(body) - 1))
        length = data.draw(st.integers(0, 12))
        body[position : position + length] = data.draw(st.sampled_from([b"", b"7", b'"', b"[]"]))

    try:
        response = GEMINI.decode_response(bytes(body), Quirks())
    except UpstreamError:
        return

    assert response.choices


def test_an_error_inside_an_answer_of_200_is_raised_as_what_it_is():
    body = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}

    with pytest.raises(UpstreamRateLimited):
        GEMINI.decode_response(json.dumps([body]).encode(), Quirks())


def test_an_answer_of_another_family_is_written_without_its_signatures():
    response = ChatResponse(
        choices=(
            Choice(
                content="Hi",
                reasoning=(
                    Reasoning(text="hm", signature="Zm9yZWlnbg==", format="anthropic-claude-v1"),
                    Reasoning(data="b3BhcXVl", format="openai-responses-v1", id="rs_1"),
                ),
                tool_calls=(ToolCall(id="c1", name="f", arguments="{}"),),
                finish_reason="tool_calls",
                native_finish_reason="tool_use",
            ),
        ),
        usage=Usage(input_tokens=3, output_tokens=5, reasoning_tokens=2),
    )

    body = json.loads(GEMINI.encode_response(response, ENVELOPE, None))

    assert body["candidates"][0]["content"]["parts"] == [
        {"text": "hm", "thought": True},
        {"text": "Hi"},
        {"functionCall": {"name": "f", "args": {}, "id": "c1"}},
    ]
    assert body["candidates"][0]["finishReason"] == "STOP"
    assert body["usageMetadata"] == {
        "promptTokenCount": 3, "candidatesTokenCount": 3, "totalTokenCount": 8,
        "thoughtsTokenCount": 2,
    }  # fmt: skip
