"""Cohere streams in, chat streams out and back: goldens, and laws over every recorded stream."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.streaming import envelope, pieces_of, recorded_streams, relay_bytes

from portico.dialects import Envelope, Quirks, StreamRelay
from portico.dialects.cohere_chat import DIALECT as COHERE
from portico.dialects.openai_chat import DIALECT as CHAT
from portico.errors import StreamBroken, UpstreamError
from portico.sse import SSEParser
from portico.vocabulary import StreamUsage

GOLDEN = Path(__file__).parent.parent / "golden" / "cohere"
CASES = sorted(path.name.removesuffix(".upstream.sse") for path in GOLDEN.glob("*.upstream.sse"))
ENVELOPE = envelope(model="cohere/command-a", provider="Cohere")
SIZES = (1, 2, 3, 7, 64)


def relay(upstream=COHERE, surface=CHAT, said: Envelope = ENVELOPE) -> StreamRelay:
    return StreamRelay(
        upstream.stream_decoder(Quirks(), said.generation_id), surface.stream_encoder(said)
    )


def through(one: StreamRelay, stream: bytes, size: int | None = None) -> bytes:
    return relay_bytes(one, pieces_of(stream, size or len(stream) or 1))


def events(stream: bytes, size: int | None = None) -> list:
    """Hub events of a Cohere stream."""
    size = size or len(stream)
    parser, decoder = SSEParser(), COHERE.stream_decoder(Quirks(), "seed")
    found: list = []
    whole = (event for piece in pieces_of(stream, size) for event in parser.feed(piece))
    for event in (*whole, *parser.close()):
        if not decoder.done:
            found.extend(decoder.feed(event))
    found.extend(decoder.close())
    return found


def event(kind: str, message: dict | None = None, **fields) -> bytes:
    body = {"type": kind, **fields}
    if message is not None:
        body["delta"] = {"message": message}
    return b"event: " + kind.encode() + b"\ndata: " + json.dumps(body).encode() + b"\n\n"


def end(reason: str = "COMPLETE") -> bytes:
    return event("message-end", delta={"finish_reason": reason})


def call_start(index: int, name: str = "add", **fields) -> bytes:
    call = {"id": f"{name}_{index}", "type": "function", "function": {"name": name}, **fields}
    return event("tool-call-start", {"tool_calls": call}, index=index)


def call_delta(index: int, arguments: str) -> bytes:
    return event(
        "tool-call-delta", {"tool_calls": {"function": {"arguments": arguments}}}, index=index
    )


def deltas(out: bytes) -> list[dict]:
    bodies = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    return [choice["delta"] for body in bodies for choice in body["choices"]]


def arguments_of(out: bytes) -> list[tuple[int, str]]:
    return [
        (call["index"], call["function"]["arguments"])
        for delta in deltas(out)
        for call in delta.get("tool_calls", ())
    ]


@pytest.mark.parametrize("case", CASES)
def test_stream_is_written_as_the_golden_says(case, golden):
    upstream = (GOLDEN / f"{case}.upstream.sse").read_bytes()

    golden(GOLDEN / f"{case}.current.sse", through(relay(), upstream))
    golden(GOLDEN / f"{case}.cohere_chat.sse", through(relay(surface=COHERE), upstream))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES)
def test_output_does_not_depend_on_how_the_network_split_the_bytes(case, size):
    upstream = (GOLDEN / f"{case}.upstream.sse").read_bytes()

    assert through(relay(), upstream, size) == through(relay(), upstream)


def test_every_recorded_stream_has_the_same_events_at_every_split():
    checked = 0
    for record, stream in recorded_streams("cohere-v2-chat"):
        expected = events(stream)
        for size in SIZES:
            assert events(stream, size) == expected, record["id"]
        for line_end in (b"\r\n", b"\r"):
            assert events(stream.replace(b"\n", line_end), 3) == expected, record["id"]
        assert events(b"\xef\xbb\xbf: hello\n\n" + stream) == expected, record["id"]
        checked += 1
    assert checked > 10


def test_every_recorded_stream_keeps_text_thoughts_calls_citations_and_counts():
    checked = 0
    for record, stream in recorded_streams("cohere-v2-chat"):
        bodies = [json.loads(li[5:]) for li in stream.splitlines() if li.startswith(b"data: {")]
        messages = [b.get("delta", {}).get("message", {}) for b in bodies]
        contents = [m["content"] for m in messages if isinstance(m.get("content"), dict)]
        opened = [
            m["tool_calls"] for m in messages if isinstance(m.get("tool_calls"), dict)
            and m["tool_calls"].get("id")
        ]  # fmt: skip
        plan = "".join(m["tool_plan"] for m in messages if m.get("tool_plan"))
        cited = [m["citations"] for m in messages if isinstance(m.get("citations"), dict)]
        tokens = bodies[-1]["delta"]["usage"]["tokens"]

        one = relay()
        out = deltas(through(one, stream))

        reasoning = "".join(d.get("reasoning") or "" for d in out)
        calls = [c for d in out for c in d.get("tool_calls", ()) if c.get("id")]
        assert "".join(d["content"] or "" for d in out) == "".join(
            c.get("text", "") for c in contents
        ), record["id"]
        assert reasoning == plan + "".join(c.get("thinking", "") for c in contents)
        assert [(c["id"], c["function"]["name"]) for c in calls] == [
            (c["id"], c["function"]["name"]) for c in opened
        ]
        assert [c for d in out for c in d.get("citations", ())] == cited
        assert one.usage is not None
        assert one.usage.prompt_tokens == tokens["input_tokens"]
        assert one.usage.completion_tokens == tokens["output_tokens"]
        assert one.finish is not None
        assert one.finish.native_reason == bodies[-1]["delta"]["finish_reason"]
        checked += 1
    assert checked > 10


def test_every_recorded_stream_survives_a_round_trip_through_its_own_dialect():
    checked = 0
    for record, stream in recorded_streams("cohere-v2-chat"):
        again = through(relay(surface=COHERE), stream)

        before = [e for e in events(stream)[1:] if not isinstance(e, StreamUsage)]
        after = [e for e in events(again)[1:] if not isinstance(e, StreamUsage)]
        assert after == before, record["id"]
        checked += 1
    assert checked > 10


def test_a_call_without_arguments_ends_with_an_empty_object():
    stream = call_start(0) + event("tool-call-end", index=0) + call_start(1, "now")

    out = through(relay(), stream + end("TOOL_CALL"))

    assert arguments_of(out) == [(0, ""), (0, "{}"), (1, ""), (1, "{}")]


@pytest.mark.parametrize("pieces", [["null"], ["n", "ull"], ["", "nul", "l"]])
def test_arguments_that_are_null_mean_none(pieces):
    stream = call_start(0) + b"".join(call_delta(0, piece) for piece in pieces)

    out = through(relay(), stream + event("tool-call-end", index=0) + end("TOOL_CALL"))

    assert arguments_of(out) == [(0, ""), (0, "{}")]


def test_indices_of_calls_are_contiguous_whatever_the_upstream_counts():
    stream = call_start(3) + call_delta(3, "{}") + call_start(7) + call_delta(7, "{}")

    out = through(relay(), stream + end("TOOL_CALL"))

    assert [index for index, _ in arguments_of(out)] == [0, 0, 1, 1]


def test_a_citation_counts_from_the_block_that_it_names():
    page = {"type": "document", "document": {"url": "https://a.example", "title": "A"}}
    citation = {"start": 1, "end": 3, "sources": [page], "content_index": 1}
    stream = (
        event("content-start", {"content": {"type": "text", "text": "First. "}}, index=0)
        + event("content-start", {"content": {"type": "text", "text": "Second."}}, index=1)
        + event("citation-start", {"citations": citation}, index=0)
    )

    out = deltas(through(relay(), stream + end()))

    (annotation,) = [a for d in out for a in d.get("annotations", ())]
    assert annotation["url_citation"] == {
        "url": "https://a.example", "title": "A", "start_index": 8, "end_index": 10
    }  # fmt: skip


def test_half_a_character_waits_for_its_other_half():
    stream = b"".join(
        b'data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"%s"}}}}\n\n'
        % half
        for half in (b"\\ud83d", b"\\udc4b")
    )

    out = deltas(through(relay(), stream + end()))

    assert "".join(d["content"] or "" for d in out) == "👋"


def test_log_probabilities_travel():
    item = {"text": "Hi", "token_ids": [7], "logprobs": [-0.5]}
    stream = event("content-delta", {"content": {"text": "Hi"}}, index=0, logprobs=item) + end()

    out = through(relay(), stream)
    back = through(relay(surface=COHERE), stream)

    assert b'"logprobs":{"content":[{"token":"Hi","logprob":-0.5,' in out
    assert b'"logprobs":[{"text":"Hi","token_ids":[],"logprobs":[-0.5]}]' in back


def test_interleaved_calls_are_written_one_after_the_other_for_clients_of_the_dialect():
    chunks = [
        {"index": 0, "id": "a", "function": {"name": "add", "arguments": "{"}},
        {"index": 1, "id": "b", "function": {"name": "now", "arguments": "["}},
        {"index": 0, "function": {"arguments": "}"}},
        {"index": 1, "function": {"arguments": "]"}},
    ]
    stream = b"".join(
        b"data: " + json.dumps({"choices": [{"delta": {"tool_calls": [c]}}]}).encode() + b"\n\n"
        for c in chunks
    ) + b'data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n'  # fmt: skip

    out = through(relay(upstream=CHAT, surface=COHERE), stream)

    kinds = [li[7:].decode() for li in out.splitlines() if li.startswith(b"event: tool-call")]
    start, delta, stop = "tool-call-start", "tool-call-delta", "tool-call-end"
    assert kinds == [start, delta, delta, stop, start, delta, delta, stop]


def test_reasoning_is_left_out_where_the_client_wants_none():
    upstream = (GOLDEN / "thinking.upstream.sse").read_bytes()
    silent = envelope(exclude_reasoning=True)

    for surface in (CHAT, COHERE):
        out = through(relay(surface=surface, said=silent), upstream)
        assert b"Let me" not in out
        assert b"Four" in out


def test_a_stream_that_is_cut_is_broken():
    whole = (GOLDEN / "text.upstream.sse").read_bytes()
    one = relay()

    through(one, whole[: whole.index(b"event: content-end")])

    assert isinstance(one.error, StreamBroken)


def test_an_error_in_the_place_of_events_is_told():
    one = relay()

    one.feed(b'data: {"id":"x","message":"too many tokens: size limit exceeded"}\n\n')

    assert isinstance(one.error, UpstreamError)
    assert one.error.raw is not None


def test_a_failure_ends_a_stream_for_clients_of_the_dialect_with_its_message():
    out = COHERE.stream_encoder(ENVELOPE).error(StreamBroken("the upstream closed the stream"))

    assert b'"finish_reason":"ERROR","error":"the upstream closed the stream"' in out
    assert out.endswith(b"data: [DONE]\n\n")


MEMBERS = st.sampled_from(
    ["type", "delta", "message", "content", "index", "tool_calls", "function", "citations"]
)
KINDS = st.sampled_from(
    [
        "message-start", "content-start", "content-delta", "tool-plan-delta", "tool-call-start",
        "tool-call-delta", "tool-call-end", "citation-start", "message-end", "debug",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(st.tuples(KINDS, VALUES), max_size=6))
def test_malformed_events_break_the_stream_and_nothing_else(rows):
    one = relay()
    stream = b"".join(
        b"data: " + json.dumps({"index": 0, "delta": value, "type": kind}).encode() + b"\n\n"
        for kind, value in rows
    )

    through(one, stream)

    assert one.error is None or isinstance(one.error, UpstreamError)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_do_not_crash(data):
    one = relay()

    through(one, b"data: " + data)

    assert isinstance(one.error, UpstreamError)
