"""Responses streams to every surface: goldens, and laws over every recorded stream."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.streaming import COST, envelope, pieces_of, recorded_streams, relay_bytes

from portico.dialects import DIALECTS, Quirks, StreamRelay, relay_between
from portico.errors import (
    StreamBroken,
    UpstreamEmpty,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from portico.sse import ServerSentEvent, SSEParser
from portico.vocabulary import (
    ExtraDelta,
    Finish,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "responses"
CASES = sorted(path.name.removesuffix(".upstream.sse") for path in GOLDEN.glob("*.upstream.sse"))
CHAT, RESPONSES = DIALECTS["openai_chat"], DIALECTS["openai_responses"]
ENVELOPE = envelope()

# the corpus says so: two hold no stream of this API, one reports a failure
BROKEN = {
    "vercel-ai:packages/openai/src/responses/__fixtures__/parallel-tool-call-wrapper",
    "vercel-ai:packages/azure/src/__fixtures__/azure-deepseek-reasoning",
    "prism:tests/Fixtures/openai/stream-unknown-error-responses",
}


def chat_relay() -> StreamRelay:
    return relay_between(RESPONSES, CHAT, Quirks(), ENVELOPE)


def broken(record: dict) -> bool:
    return any(record["id"].startswith(name) for name in BROKEN)


def events_at(stream: bytes, size: int) -> list[StreamEvent]:
    parser, decoder = SSEParser(), RESPONSES.stream_decoder(Quirks(), "seed")
    events: list[StreamEvent] = []
    for piece in pieces_of(stream, size):
        for one in parser.feed(piece):
            if not decoder.done:
                events.extend(decoder.feed(one))
    return events


def events_of(stream: bytes) -> list[StreamEvent]:
    return events_at(stream, len(stream) or 1)


def event(kind: str, **body) -> bytes:
    return b"data: " + json.dumps({"type": kind, **body}).encode() + b"\n\n"


def native_of(stream: bytes) -> list[dict]:
    """The events of the first answer in a recording; some hold several."""
    found = []
    for line in stream.splitlines():
        if line.startswith(b"data: {"):
            found.append(json.loads(line[5:]))
            if found[-1].get("type") in {"response.completed", "response.incomplete"}:
                break
    return found


START = event("response.created", response={"id": "resp_1", "model": "m"})


def finished(status: str = "completed", **fields) -> bytes:
    return event(f"response.{status}", response={"status": status, "output": [], **fields})


def added(place: int, **item) -> bytes:
    return event("response.output_item.added", output_index=place, item=item)


def ended(place: int, **item) -> bytes:
    return event("response.output_item.done", output_index=place, item=item)


@pytest.mark.parametrize("surface", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize("case", CASES)
def test_a_stream_is_written_as_the_golden_says(case, surface, golden):
    upstream = (GOLDEN / f"{case}.upstream.sse").read_bytes()
    relay = relay_between(RESPONSES, DIALECTS[surface], Quirks(), ENVELOPE)

    actual = relay_bytes(relay, [upstream])

    golden(GOLDEN / f"{case}.{surface}.sse", actual)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("surface", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize("case", CASES)
def test_output_does_not_depend_on_how_the_network_split_the_bytes(case, surface, size):
    upstream = (GOLDEN / f"{case}.upstream.sse").read_bytes()
    whole, split = (
        relay_between(RESPONSES, DIALECTS[surface], Quirks(), ENVELOPE) for _ in range(2)
    )

    assert relay_bytes(split, pieces_of(upstream, size)) == relay_bytes(whole, [upstream])
    assert split.usage == whole.usage


def test_every_recorded_stream_gives_the_same_events_at_every_split():
    checked = 0
    for record, stream in recorded_streams("openai-responses"):
        if broken(record):
            continue
        expected = events_of(stream)
        for size in (1, 2, 3, 7, 64):
            assert events_at(stream, size) == expected, record["id"]
        checked += 1
    assert checked > 80


def test_every_recorded_stream_reads_the_same_by_the_names_of_its_events_and_without_them():
    for record, stream in recorded_streams("openai-responses"):
        if not broken(record):
            bare = b"".join(line + b"\n" for line in stream.splitlines() if line[:6] != b"event:")
            assert events_of(bare) == events_of(stream), record["id"]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_every_recorded_stream_is_the_same_with_every_newline(newline):
    for record, stream in recorded_streams("openai-responses"):
        if broken(record):
            continue
        expected = relay_bytes(chat_relay(), [stream])
        other = b"\xef\xbb\xbf: hello\n\n".replace(b"\n", newline) + stream.replace(
            b"\r\n", b"\n"
        ).replace(b"\n", newline)
        for size in (3, 64):
            assert relay_bytes(chat_relay(), pieces_of(other, size)) == expected, record["id"]


def test_no_recorded_stream_breaks_and_none_is_empty():
    for record, stream in recorded_streams("openai-responses"):
        if broken(record):
            continue
        relay = chat_relay()
        out = relay_bytes(relay, [stream])
        assert relay.error is None, record["id"]
        assert relay.finish is not None, record["id"]
        assert relay.finish.native_reason in {"completed", "incomplete"}, record["id"]
        assert relay.usage is not None, record["id"]
        said = relay.output_chars or b'"output_items"' in out or b'"images"' in out
        assert said or b"reasoning_details" in out, record["id"]


def test_recordings_that_are_no_stream_of_this_api_end_as_failures():
    for record, stream in recorded_streams("openai-responses"):
        if broken(record):
            relay = chat_relay()
            relay_bytes(relay, [stream])
            assert isinstance(relay.error, UpstreamError), record["id"]


def test_text_calls_thoughts_seals_and_usage_of_every_recorded_stream_arrive_whole():
    for record, stream in recorded_streams("openai-responses"):
        if broken(record):
            continue
        native = native_of(stream)
        response = native[-1]["response"]
        output = [e["item"] for e in native if e["type"] == "response.output_item.done"]
        events = events_of(stream)
        relay = chat_relay()
        relay_bytes(relay, [stream])
        usage = relay.usage or Usage()
        thoughts = [e.item for e in events if isinstance(e, ReasoningDelta)]
        calls = [item for item in output if item["type"] == "function_call"]

        assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "".join(
            part["text"] for item in output if item["type"] == "message" for part in item["content"]
        ), record["id"]
        assert [(e.id, e.name) for e in events if isinstance(e, ToolCallStart)] == [
            (call["call_id"], call["name"]) for call in calls
        ], record["id"]
        assert [
            "".join(
                e.arguments for e in events if isinstance(e, ToolCallDelta) and e.index == number
            )
            for number in range(len(calls))
        ] == [call["arguments"] for call in calls], record["id"]
        reasoning = [item for item in output if item["type"] == "reasoning"]
        assert "".join(t.summary or "" for t in thoughts) == "".join(
            part["text"] for item in reasoning for part in item["summary"]
        ), record["id"]
        assert "".join(t.text or "" for t in thoughts) == "".join(
            part["text"] for item in reasoning for part in item.get("content") or ()
        ), record["id"]
        assert [(t.data, t.id) for t in thoughts if t.data] == [
            (item["encrypted_content"], item["id"])
            for item in reasoning
            if item.get("encrypted_content")
        ], record["id"]
        counted = response["usage"]
        assert usage.prompt_tokens == counted["input_tokens"], record["id"]
        assert usage.completion_tokens == counted["output_tokens"], record["id"]
        details = counted["output_tokens_details"]
        assert usage.reasoning_tokens == details["reasoning_tokens"], record["id"]


def test_items_of_the_providers_own_tools_travel_whole_and_are_no_calls():
    checked = 0
    for record, stream in recorded_streams("openai-responses"):
        if broken(record):
            continue
        native = native_of(stream)
        known = {"message", "reasoning", "function_call", "image_generation_call"}
        output = native[-1]["response"]["output"]  # some are not among the events
        own = [(item["type"], item["id"]) for item in output if item["type"] not in known]
        events = events_of(stream)
        carried = [
            (item["type"], item["id"])
            for e in events
            if isinstance(e, ExtraDelta)
            for item in e.fields.get("output_items", ())
        ]
        assert sorted(carried) == sorted(own), record["id"]
        checked += bool(own)
    assert checked > 8


# --- what servers leave out ---------------------------------------------------------


def test_what_was_not_streamed_is_taken_from_the_end_of_its_item():
    call = {"type": "function_call", "call_id": "c1", "name": "add"}
    text = {"type": "output_text", "text": "Hi", "annotations": []}
    thought = {"type": "summary_text", "text": "Hm."}
    stream = (
        START
        + added(0, type="reasoning", id="rs_1", summary=[])
        + ended(0, type="reasoning", id="rs_1", summary=[thought], encrypted_content="s1")
        + added(1, type="message")
        + ended(1, type="message", content=[text, {"type": "refusal", "refusal": "No."}])
        + added(2, **call, arguments="")
        + ended(2, **call, arguments='{"a":1}')
        + added(3, **call, arguments="")
        + ended(3, **call, arguments="")
        + finished()
    )

    events = events_of(stream)

    assert [e.item for e in events if isinstance(e, ReasoningDelta)] == [
        Reasoning(summary="Hm.", format="openai-responses-v1", index=0),
        Reasoning(data="s1", format="openai-responses-v1", id="rs_1"),
    ]
    assert [e.text for e in events if isinstance(e, TextDelta | RefusalDelta)] == ["Hi", "No."]
    calls = [(e.index, e.arguments) for e in events if isinstance(e, ToolCallDelta)]
    assert calls == [(0, '{"a":1}'), (1, "{}")]


def test_items_that_only_the_last_object_has_are_taken_from_it():
    text = {"type": "output_text", "text": "Hi", "annotations": []}
    done = finished(output=[{"type": "message", "content": [text]}])

    events = events_of(START + done)

    assert [e.text for e in events if isinstance(e, TextDelta)] == ["Hi"]
    assert isinstance(events[-1], Finish)


def test_deltas_of_items_that_were_never_announced_are_taken_for_what_they_say():
    delta = event("response.output_text.delta", output_index=0, delta="Hi")

    assert [e.text for e in events_of(START + delta) if isinstance(e, TextDelta)] == ["Hi"]


def test_citations_point_into_the_whole_text():
    page = {"type": "url_citation", "url": "https://x.org", "start_index": 0, "end_index": 2}
    stream = START
    for place in (0, 1):
        text = {"type": "output_text", "text": "Hi", "annotations": [page]}
        stream += added(place, type="message") + ended(place, type="message", content=[text])

    found = [e.fields["annotations"][0] for e in events_of(stream) if isinstance(e, ExtraDelta)]

    places = [
        (one["url_citation"]["start_index"], one["url_citation"]["end_index"]) for one in found
    ]
    assert places == [(0, 2), (2, 4)]


def test_free_text_of_a_custom_tool_is_json_at_its_end_and_not_before():
    item = {"type": "custom_tool_call", "call_id": "c1", "name": "patch"}
    stream = START + added(0, **item, input="")
    for delta in ('say "', "\\n\n", "é 🌍"):
        stream += event("response.custom_tool_call_input.delta", output_index=0, delta=delta)
    stream += ended(0, **item, input='say "\\n\né 🌍')

    pieces = [e.arguments for e in events_of(stream) if isinstance(e, ToolCallDelta)]

    assert json.loads("".join(pieces)) == {"input": 'say "\\n\né 🌍'}
    for count in range(1, len(pieces)):
        with pytest.raises(ValueError, match=r".*"):
            json.loads("".join(pieces[:count]))


def test_a_generated_image_is_an_image_of_the_answer():
    item = {
        "type": "image_generation_call",
        "id": "ig_1",
        "result": "aGk=",
        "output_format": "webp",
    }

    events = events_of(START + added(0, **{**item, "result": None}) + ended(0, **item))

    assert [e.fields for e in events if isinstance(e, ExtraDelta)] == [
        {
            "images": [
                {
                    "type": "image_url",
                    "image_url": {"url": "data:image/webp;base64,aGk="},
                    "index": 0,
                }
            ]
        }
    ]


# --- ends ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "details", "reason", "native"),
    [
        ("completed", None, "stop", "completed"),
        ("incomplete", {"reason": "max_output_tokens"}, "length", "incomplete:max_output_tokens"),
        ("incomplete", {"reason": "content_filter"}, "content_filter", "incomplete:content_filter"),
        ("incomplete", None, "length", "incomplete"),
    ],
)
def test_reasons_are_normalised_and_kept(status, details, reason, native):
    relay = chat_relay()

    relay_bytes(relay, [START + finished(status, incomplete_details=details)])

    assert relay.error is None
    assert relay.finish == Finish(reason=reason, native_reason=native)


def test_a_completed_answer_with_calls_has_stopped_for_them():
    relay = chat_relay()
    call = ended(0, type="function_call", call_id="c", name="f", arguments="{}")

    relay_bytes(relay, [START + call + finished()])

    assert relay.finish == Finish(reason="tool_calls", native_reason="completed")


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (event("error", code="server_error", message="Oops", param=None), UpstreamUnavailable),
        (event("error", error={"code": "rate_limit_exceeded", "message": "Slow"}), UpstreamRateLimited),
        (event("response.failed", response={"error": {"code": "server_error", "message": "x"}}), UpstreamUnavailable),
        (event("response.failed", response={"status": "failed", "error": None}), UpstreamUnavailable),
        (event("response.failed", response={"error": {"code": "insufficient_quota", "message": "x"}}), UpstreamRateLimited),
    ],
)  # fmt: skip
def test_a_failure_says_what_the_provider_said_and_keeps_the_text_before_it(failure, error):
    relay = chat_relay()
    text = event("response.output_text.delta", output_index=0, delta="Hel")

    out = relay.feed(START + text + failure)

    assert b'"content":"Hel"' in out
    assert type(relay.error) is error


def test_a_context_that_is_too_long_is_the_clients_mistake():
    relay = chat_relay()
    said = {"code": "context_length_exceeded", "message": "Your input exceeds the context window"}

    relay.feed(START + event("response.failed", response={"error": said}))

    assert relay.error is not None
    assert (relay.error.status, relay.error.error_type) == (400, "context_length_exceeded")


@pytest.mark.parametrize("surface", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize(
    "stream",
    [
        START + event("response.output_text.delta", output_index=0, delta="H"),
        START + b'data: {"type":"response.comp',
        START + event("response.completed"),
        START + event("response.completed", response=None),
        START + event("response.completed", response={"output": 17}),
        START + event("response.output_item.added", output_index=[0], item={"type": "message"}),
        START + event("response.output_text.delta", output_index=0, delta=[1]),
        event("response.created", response=None),
        b"data: 17\n\n",
        b"data: {\xff\xfe}\n\n",
    ],
)
def test_a_stream_that_is_never_completed_is_broken(stream, surface):
    relay = relay_between(RESPONSES, DIALECTS[surface], Quirks(), ENVELOPE)

    relay_bytes(relay, [stream])

    assert isinstance(relay.error, StreamBroken)


@pytest.mark.parametrize("surface", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize(
    "stream",
    [b"", START, START + b"data: [DONE]\n\n"],
    ids=["nothing", "a beginning", "a beginning and the terminator"],
)
def test_a_stream_that_has_nothing_in_it_is_empty(stream, surface):
    relay = relay_between(RESPONSES, DIALECTS[surface], Quirks(), ENVELOPE)

    out = relay.feed(stream) + relay.end()

    assert isinstance(relay.error, UpstreamEmpty)
    assert out == b""


def test_nothing_after_the_end_counts():
    late = event("response.output_text.delta", output_index=0, delta="late")
    relay = chat_relay()

    out = relay_bytes(relay, [START + finished() + late + b"data: [DONE]\n\n"])

    assert relay.error is None
    assert b"late" not in out


def test_half_a_character_waits_for_its_other_half():
    stream = START
    for half in (b"\\ud83c", b"\\udf0d!"):
        stream += b'data: {"type":"response.output_text.delta","output_index":0,"delta":"' + half
        stream += b'"}\n\n'

    assert [e.text for e in events_of(stream) if isinstance(e, TextDelta)] == ["🌍!"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
kinds = st.sampled_from(
    ["response.created", "response.output_item.added", "response.output_item.done",
     "response.output_text.delta", "response.output_text.annotation.added",
     "response.refusal.delta", "response.reasoning_summary_text.delta",
     "response.reasoning_text.delta", "response.function_call_arguments.delta",
     "response.custom_tool_call_input.delta", "response.completed", "response.incomplete",
     "response.failed", "error"]
)  # fmt: skip
items = st.dictionaries(
    st.sampled_from(
        ["id", "type", "content", "summary", "call_id", "name", "arguments", "input", "result",
         "encrypted_content"]
    ),
    json_values
    | st.sampled_from(
        ["message", "reasoning", "function_call", "custom_tool_call", "image_generation_call"]
    ),
    max_size=5,
)  # fmt: skip
bodies = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "output_index": st.integers(0, 3) | json_values,
        "delta": json_values,
        "item": json_values | items,
        "annotation": json_values,
        "summary_index": json_values,
        "logprobs": json_values,
        "response": json_values
        | st.fixed_dictionaries(
            {"output": json_values | st.lists(items, max_size=2)},
            optional={
                "usage": json_values,
                "incomplete_details": json_values,
                "error": json_values,
            },
        ),
        "error": json_values,
    },
)


@given(st.lists(bodies, max_size=8))
def test_whatever_comes_ends_as_an_answer_or_as_an_upstream_error(sent):
    stream = b"".join(b"data: " + json.dumps(body).encode() + b"\n\n" for body in sent)
    for surface in DIALECTS.values():
        relay = relay_between(RESPONSES, surface, Quirks(), ENVELOPE)

        relay_bytes(relay, [stream])

        assert isinstance(relay.error, UpstreamError) or relay.finish is not None


@given(st.data())
def test_a_stream_with_a_damaged_byte_never_crashes(data):
    stream = bytearray((GOLDEN / "reasoning_parallel_calls.upstream.sse").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    for surface in (CHAT, RESPONSES):
        relay = relay_between(RESPONSES, surface, Quirks(), ENVELOPE)

        relay_bytes(relay, [bytes(stream)])

        assert isinstance(relay.error, UpstreamError) or relay.finish is not None


# --- between two ends of this dialect -----------------------------------------------


def test_between_equal_dialects_every_recorded_event_keeps_its_bytes():
    for record, stream in recorded_streams("openai-responses"):
        if broken(record):
            continue
        relay = relay_between(RESPONSES, RESPONSES, Quirks(), ENVELOPE)

        out = relay_bytes(relay, [stream])
        sent = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
        native = native_of(stream)

        assert relay.error is None, record["id"]
        assert len(sent) == len(native), record["id"]
        for ours, theirs in zip(sent, native, strict=True):
            if "response" not in theirs:
                assert ours == theirs, record["id"]
                continue
            changed = {"id", "model", "usage"}
            assert ours["response"]["id"] == ENVELOPE.generation_id
            assert ours["response"]["model"] == ENVELOPE.model
            kept = {k: v for k, v in theirs["response"].items() if k not in changed}
            assert {k: ours["response"][k] for k in kept} == kept, record["id"]
        usage, counted = sent[-1]["response"]["usage"], native[-1]["response"]["usage"]
        for name, value in counted.items():
            if name.endswith("_details") and name != "cost_details":
                assert value.items() <= usage[name].items(), record["id"]
            elif name not in {"cost", "is_byok", "cost_details"}:
                assert usage[name] == value, record["id"]
        assert usage["cost"] == COST.total_picousd / 1e12
        assert out.endswith(b"data: [DONE]\n\n")


def test_a_failure_between_equal_dialects_ends_the_stream_in_its_own_numbers():
    relay = relay_between(RESPONSES, RESPONSES, Quirks(), ENVELOPE)
    text = event("response.output_text.delta", output_index=0, delta="Hel", sequence_number=1)

    out = relay_bytes(relay, [START + text + event("error", message="Oops")])
    last = json.loads(out.splitlines()[-4][6:])

    assert (last["type"], last["sequence_number"]) == ("response.failed", 2)
    assert last["response"]["error"] == {
        "code": "server_error",
        "message": "Oops",
    }
    assert last["response"]["error_type"] == "provider_unavailable"


def test_nothing_is_written_before_there_is_something_to_say():
    for surface in (CHAT, RESPONSES):
        relay = relay_between(RESPONSES, surface, Quirks(), ENVELOPE)

        out = relay.feed(START + event("response.in_progress", response={}))
        relay.feed(event("response.failed", response={"error": {"code": "server_error"}}))

        assert out == b""
        assert isinstance(relay.error, UpstreamUnavailable)


def test_an_event_over_several_lines_is_written_on_one():
    relay = relay_between(RESPONSES, RESPONSES, Quirks(), ENVELOPE)
    begun = b'{"type":"response.created","response":{}}'
    spread = ServerSentEvent("", b'{"type":"keepalive",\n"n":1}')

    relay.feed(b"data: " + begun + b"\n\n")
    out = relay.feed(b"data: " + spread.data.replace(b"\n", b"\ndata: ") + b"\n\n")

    assert out.endswith(b'\n\ndata: {"type":"keepalive", "n":1}\n\n')
