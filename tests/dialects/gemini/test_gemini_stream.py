"""Gemini streams in, chat streams out: goldens, and laws over every recorded stream."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.streaming import envelope, pieces_of, recorded_streams, relay_bytes

from portico.dialects import Envelope, Quirks, StreamRelay
from portico.dialects.gemini import DIALECT as GEMINI
from portico.dialects.openai_chat import DIALECT as CHAT
from portico.errors import StreamBroken, UpstreamEmpty, UpstreamError, UpstreamOverloaded

GOLDEN = Path(__file__).parent.parent / "golden" / "gemini"
CASES = sorted(path.name.removesuffix(".upstream.sse") for path in GOLDEN.glob("*.upstream.sse"))
ENVELOPE = envelope(model="google/gemini-9-flash", provider="Google AI Studio")


def relay(upstream=GEMINI, surface=CHAT, envelope: Envelope = ENVELOPE) -> StreamRelay:
    return StreamRelay(
        upstream.stream_decoder(Quirks(), envelope.generation_id), surface.stream_encoder(envelope)
    )


def through(one: StreamRelay, stream: bytes, size: int | None = None) -> bytes:
    return relay_bytes(one, pieces_of(stream, size or len(stream) or 1))


def chunk(*parts: dict, finish: str | None = None, **more) -> bytes:
    candidate = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
    if finish is not None:
        candidate["finishReason"] = finish
    return b"data: " + json.dumps({"candidates": [candidate], **more}).encode() + b"\n\n"


def deltas(out: bytes) -> list[dict]:
    bodies = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    return [choice["delta"] for body in bodies for choice in body["choices"]]


def called(out: bytes) -> list[tuple[int, str | None, str]]:
    """Index, id and arguments fragment of every tool call delta."""
    return [
        (call["index"], call.get("id"), call["function"]["arguments"])
        for delta in deltas(out)
        for call in delta.get("tool_calls", ())
    ]


def gemini_streams():
    """Recorded streams; those without `alt=sse` are whole arrays and not among them."""
    for record, body in recorded_streams("gemini-generate"):
        if body.lstrip().startswith(b"data:"):
            yield record, body


@pytest.mark.parametrize("case", CASES)
def test_stream_is_written_as_the_golden_says(case, golden):
    upstream = (GOLDEN / f"{case}.upstream.sse").read_bytes()

    actual = through(relay(), upstream)

    golden(GOLDEN / f"{case}.current.sse", actual)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("case", CASES)
def test_output_does_not_depend_on_how_the_network_split_the_bytes(case, size):
    upstream = (GOLDEN / f"{case}.upstream.sse").read_bytes()

    assert through(relay(), upstream, size) == through(relay(), upstream)


def test_every_recorded_stream_is_the_same_at_every_split():
    checked = 0
    for record, stream in gemini_streams():
        expected = through(relay(), stream)
        assert b'"error"' not in expected, record["id"]
        for size in (1, 2, 3, 7, 64):
            assert through(relay(), stream, size) == expected, record["id"]
        checked += 1
    assert checked > 50


def test_every_recorded_stream_keeps_text_calls_signatures_and_counts():
    checked = 0
    for record, stream in gemini_streams():
        bodies = [json.loads(e[5:]) for e in stream.split(b"\n") if e.startswith(b"data:")]
        parts = [
            part
            for body in bodies
            for candidate in body.get("candidates", ())
            for part in candidate.get("content", {}).get("parts", ())
        ]
        text = "".join(p["text"] for p in parts if "text" in p and not p.get("thought"))
        thoughts = "".join(p.get("text", "") for p in parts if p.get("thought"))
        names = [p["functionCall"]["name"] for p in parts if "functionCall" in p]
        signed = [
            p["thoughtSignature"]
            for p in parts
            if "thoughtSignature" in p and p.keys() & {"text", "functionCall"}
        ]

        one = relay()
        out = deltas(through(one, stream))

        details = [d for delta in out for d in delta.get("reasoning_details", ())]
        opened = [c for delta in out for c in delta.get("tool_calls", ()) if c.get("id")]
        assert "".join(d["content"] or "" for d in out) == text, record["id"]
        assert "".join(d.get("reasoning") or "" for d in out) == thoughts, record["id"]
        assert [call["function"]["name"] for call in opened] == names, record["id"]
        assert [call["index"] for call in opened] == list(range(len(opened)))
        assert len({call["id"] for call in opened}) == len(opened)
        assert [d["data"] for d in details if d["type"] == "reasoning.encrypted"] == signed
        assert {d["format"] for d in details} <= {"google-gemini-v1"}
        assert one.usage is not None
        assert one.finish is not None
        assert one.finish.native_reason in {"STOP", "MAX_TOKENS"}
        checked += 1
    assert checked > 50


def test_a_call_gets_an_id_made_of_its_name_and_its_signature_carries_that_id():
    call = {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": "c2ln"}

    out = through(relay(), chunk(call, finish="STOP"))

    details = [d for delta in deltas(out) for d in delta.get("reasoning_details", ())]
    (_, call_id, _), _ = called(out)
    assert call_id.startswith("tool_add_")
    assert len(call_id) == len("tool_add_") + 20
    assert [(d["data"], d["id"]) for d in details] == [("c2ln", call_id)]


def test_calls_of_the_same_function_have_different_ids_even_if_the_upstream_repeats_one():
    call = {"functionCall": {"name": "add", "id": "same"}}

    out = through(relay(), chunk(call, call) + chunk(call, finish="STOP"))

    ids = [call_id for _, call_id, _ in called(out) if call_id]
    assert ids[0] == "same"
    assert len(set(ids)) == 3


def test_a_call_without_arguments_ends_with_an_empty_object():
    out = through(relay(), chunk({"functionCall": {"name": "now"}}, finish="STOP"))

    assert [arguments for _, _, arguments in called(out)] == ["", "{}"]
    assert b'"finish_reason":"tool_calls","native_finish_reason":"STOP"' in out


def test_arguments_that_arrive_in_pieces_go_out_once_and_whole():
    pieces = [
        {"name": "book", "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.to.city", "stringValue": "Rot"}], "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.to.city", "stringValue": "terdam"}], "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.days[0]", "numberValue": 3}], "willContinue": True},
        {},
    ]
    stream = b"".join(chunk({"functionCall": piece}) for piece in pieces)

    out = through(relay(), stream + chunk({"text": ""}, finish="STOP"))

    assert [a for _, _, a in called(out)] == ["", '{"to":{"city":"Rotterdam"},"days":[3]}']


def test_usage_of_the_last_chunk_counts_and_chunks_without_counts_change_nothing():
    stream = (
        chunk({"text": "a"}, usageMetadata={"trafficType": "ON_DEMAND"})
        + chunk({"text": "b"}, usageMetadata={"promptTokenCount": 9, "candidatesTokenCount": 1})
        + chunk(
            {"text": "c"},
            finish="STOP",
            usageMetadata={"promptTokenCount": 9, "candidatesTokenCount": 3},
        )
        + chunk(usageMetadata={"trafficType": "ON_DEMAND"})
    )
    one = relay()

    through(one, stream)

    assert one.usage is not None
    assert (one.usage.prompt_tokens, one.usage.completion_tokens) == (9, 3)


def test_a_stream_that_is_cut_has_told_its_usage_before():
    one = relay()

    for tokens in range(1, 30):
        counts = {"promptTokenCount": 9, "candidatesTokenCount": tokens}
        one.feed(chunk({"text": "a"}, usageMetadata=counts))

    assert one.usage is not None
    assert one.usage.prompt_tokens == 9
    assert one.usage.completion_tokens > 20


def test_two_answers_keep_their_numbers():
    body = {
        "candidates": [
            {"index": n, "content": {"parts": [{"text": t}]}, "finishReason": "STOP"}
            for n, t in enumerate("ab")
        ]
    }

    out = through(relay(), b"data: " + json.dumps(body).encode() + b"\n\n")

    bodies = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    said = [(c["index"], c["delta"]["content"]) for b in bodies for c in b["choices"]]
    assert (0, "a") in said
    assert (1, "b") in said


def test_unknown_parts_and_fields_do_not_disturb():
    stream = chunk({"text": "Hi"}, {"hologram": {"depth": 3}}, finish="STOP", novelty=[1])

    one = relay()
    out = through(one, stream)

    assert one.error is None
    assert "".join(delta["content"] or "" for delta in deltas(out)) == "Hi"


def test_an_error_after_text_keeps_the_text_and_names_the_failure():
    one = relay()

    out = one.feed((GOLDEN / "error_mid_stream.upstream.sse").read_bytes())

    assert b'"content":"Half an"' in out
    assert isinstance(one.error, UpstreamOverloaded)
    assert one.error.provider_code == "UNAVAILABLE"


@pytest.mark.parametrize(
    "stream",
    [
        b"data: 17\n\n",
        b'data: {"candidates":5}\n\n',
        b'data: {"candidates":[{"content":{"parts":[{"text":"Hel"}]}}]}\n\n',
        b'data: {"candidates":[{"content":{"parts":[{"text":"Hel"}]}}]}\n\ndata: {"candi',
        b'data: {"candidates":[{"content":"what?"}]}\n\n',
        b'data: {"candidates":[{"content":{"parts":[{"functionCall":7}]}}]}\n\n',
        b'data: {"candidates":[{"content":{"parts":[{"text":"\xff\xfe"}]}}]}\n\n',
        chunk({"functionCall": {"name": "f", "willContinue": True}})
        + chunk({"functionCall": {"partialArgs": [{"jsonPath": "$.a[9]", "boolValue": True}]}}),
    ],
)
def test_a_stream_that_is_unreadable_or_never_says_why_it_ended_is_broken(stream):
    one = relay()

    through(one, stream)

    assert isinstance(one.error, StreamBroken)


@pytest.mark.parametrize("stream", [b"", b": comment\n\n", b"data: {}\n\n"])
def test_a_stream_that_has_nothing_in_it_is_empty(stream):
    one = relay()

    through(one, stream)

    assert isinstance(one.error, UpstreamEmpty)


@given(st.data())
def test_a_damaged_stream_ends_as_a_broken_one_and_never_as_a_crash(data):
    case = data.draw(st.sampled_from(CASES))
    stream = bytearray((GOLDEN / f"{case}.upstream.sse").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(stream) - 1))
        length = data.draw(st.integers(0, 12))
        stream[position : position + length] = data.draw(st.binary(max_size=4))
    one = relay()

    through(one, bytes(stream))

    assert one.error is None or isinstance(one.error, UpstreamError)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["candidates", "content", "parts", "text", "functionCall", "name", "args", "thought",
             "finishReason", "usageMetadata", "promptTokenCount", "groundingMetadata", "index",
             "groundingChunks", "inlineData", "thoughtSignature", "promptFeedback", "blockReason",
             "partialArgs", "willContinue", "logprobsResult", "error"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(_json)
def test_any_json_at_all_ends_as_a_broken_stream_or_a_readable_one(body):
    one = relay()

    through(one, b"data: " + json.dumps(body).encode() + b"\n\n")

    assert one.error is None or isinstance(one.error, UpstreamError)


def test_a_stream_of_the_dialect_read_and_written_again_means_the_same():
    checked = 0
    for record, stream in gemini_streams():
        native = relay(surface=GEMINI)
        again = through(native, stream)

        first, second = relay(), relay()
        expected, actual = through(first, stream), through(second, again)

        assert second.error is None, record["id"]
        assert second.usage == first.usage, record["id"]
        for field in ("content", "reasoning"):
            said = ["".join(d.get(field) or "" for d in deltas(o)) for o in (expected, actual)]
            assert said[0] == said[1], record["id"]
        assert [a for _, _, a in called(expected)] == [a for _, _, a in called(actual)]
        checked += 1
    assert checked > 50
