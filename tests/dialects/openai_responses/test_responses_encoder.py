"""What Responses clients are streamed, whatever dialect the provider speaks."""

import json
from collections import Counter
from pathlib import Path

import pytest
from tests.conformance.schema import Schemas, load_schemas
from tests.conftest import SHARED, body_of, recorded
from tests.dialects.streaming import COST, envelope, recorded_streams, relay_bytes

from portico.dialects import DIALECTS, Quirks, relay_between
from portico.errors import StreamBroken, UpstreamOverloaded
from portico.sse import ServerSentEvent
from portico.vocabulary import (
    ExtraDelta,
    Finish,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    Start,
    StreamUsage,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)

RESPONSES = DIALECTS["openai_responses"]
FORMAT = "openai-responses-v1"
ASKED = {"include": ["reasoning.encrypted_content"], "tools": [{"type": "custom", "name": "patch"}]}
ENDS = {"response.completed", "response.incomplete", "response.failed"}


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    path = SHARED / "openrouter" / "openapi.yaml"
    if not path.exists():
        pytest.skip(f"the API's description is not at {path}")
    return load_schemas(path)


def asked(request=None, **changes):
    fields = ASKED if request is None else request
    return envelope(request={n: json.dumps(v).encode() for n, v in fields.items()}, **changes)


def written(*events, request=None, **changes) -> list[dict]:
    """The events a client gets for hub events, parsed."""
    encoder = RESPONSES.stream_encoder(asked(request, **changes))
    out = b"".join(map(encoder.feed, events)) + encoder.trailer(Usage(input_tokens=1), COST, {})
    return parsed(out)


def parsed(out: bytes) -> list[dict]:
    lines = out.split(b"\n\n")
    assert lines[-2:] == [b"data: [DONE]", b""]
    assert all(line.startswith(b"data: {") for line in lines[:-2])
    return [json.loads(line[6:]) for line in lines[:-2]]


def kinds(events: list[dict]) -> list[str]:
    """The names of the events, without those at the beginning and repeated deltas."""
    names = [event["type"].removeprefix("response.") for event in events[2:]]
    return [name for n, name in enumerate(names) if n == 0 or name != names[n - 1]]


def check_grammar(events: list[dict]) -> None:
    """Rules of contract/other-apis 1: numbers, one item after the other, whole items at the end."""
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1]["type"] in ENDS
    opened: dict | None = None
    done: list[dict] = []
    for event in events[2:-1]:
        kind = event["type"].removeprefix("response.")
        assert event["output_index"] == len(done), kind
        if kind == "output_item.added":
            assert opened is None
            opened = event["item"]
            continue
        assert opened is not None
        if kind == "output_item.done":
            assert event["item"]["id"] == opened["id"]
            done.append(event["item"])
            opened = None
        else:
            assert event["item_id"] == opened["id"]
    if events[-1]["type"] != "response.failed":
        assert opened is None
    assert events[-1]["response"]["output"] == done
    check_deltas(events)


def check_deltas(events: list[dict]) -> None:
    """Pieces add up to what `done` says."""
    pieces: Counter[tuple] = Counter()
    texts: dict[tuple, str] = {}
    for event in events[2:-1]:
        stem, _, end = event["type"].rpartition(".")
        place = (
            stem,
            event["output_index"],
            event.get("content_index"),
            event.get("summary_index"),
        )
        if end == "delta":
            texts[place] = texts.get(place, "") + event["delta"]
            pieces[place] += 1
        elif end == "done" and "item" not in event and "part" not in event:
            members = ("text", "refusal", "arguments", "input", "diff")
            said = next(event[name] for name in members if name in event)
            assert texts.get(place, "") == said


def problems(schemas: Schemas, event: dict) -> list[str]:
    """What the description says against an event.

    It has no null for usage, which the recordings have until the end, and asks of a part
    that is reasoning to be text or a refusal at once (an `allOf` with the base event).
    """
    if event.get("part", {}).get("type") == "reasoning_text":
        return schemas.problems("ReasoningTextContent", event["part"])
    response = event.get("response", {})
    if "usage" in response and response["usage"] is None:
        event = {**event, "response": {k: v for k, v in response.items() if k != "usage"}}
    return schemas.problems("StreamEvents", event)


# --- grammar ------------------------------------------------------------------------


def test_text_with_everything_around_it():
    events = written(
        Start(), TextDelta(text="He"), TextDelta(text="y"), Finish(reason="stop"), request={}
    )

    check_grammar(events)
    assert kinds(events) == [
        "output_item.added", "content_part.added", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    delta = events[4]
    assert list(delta) == [
        "type", "output_index", "item_id", "content_index", "delta", "logprobs", "sequence_number",
    ]  # fmt: skip
    assert (delta["delta"], delta["logprobs"]) == ("He", [])
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["usage"] is None
    assert events[-1]["response"]["usage"]["cost"] == 0.000032


def test_thoughts_in_parts_and_sealed():
    events = written(
        ReasoningDelta(item=Reasoning(summary="A", format=FORMAT, index=0)),
        ReasoningDelta(item=Reasoning(summary="dd", format=FORMAT, index=0)),
        ReasoningDelta(item=Reasoning(summary="Then", format=FORMAT, index=1)),
        ReasoningDelta(item=Reasoning(data="gAAA", format=FORMAT, id="rs_1")),
        ReasoningDelta(item=Reasoning(data="gBBB", format=FORMAT, id="rs_2")),
        TextDelta(text="Hi"),
    )

    check_grammar(events)
    summary = [
        "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done",
    ]  # fmt: skip
    assert kinds(events)[:12] == [
        "output_item.added", *summary, *summary, "output_item.done",
        "output_item.added", "output_item.done",
    ]  # fmt: skip
    first, second, _ = events[-1]["response"]["output"]
    assert [part["text"] for part in first["summary"]] == ["Add", "Then"]
    assert (first["encrypted_content"], second["encrypted_content"]) == ("gAAA", "gBBB")
    assert second["id"] == "rs_2"


def test_open_thoughts_with_a_signature():
    events = written(
        ReasoningDelta(item=Reasoning(text="Hm", format="anthropic-claude-v1")),
        ReasoningDelta(item=Reasoning(text=".", format="anthropic-claude-v1")),
        ReasoningDelta(item=Reasoning(signature="c2ln", format="anthropic-claude-v1")),
        ReasoningDelta(item=Reasoning(text="Again.", format="anthropic-claude-v1")),
    )

    check_grammar(events)
    first, second = events[-1]["response"]["output"]
    assert first["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert (first["signature"], first["format"]) == ("c2ln", "anthropic-claude-v1")
    assert second["content"][0]["text"] == "Again."


def test_hidden_thoughts_are_not_written():
    thought = ReasoningDelta(item=Reasoning(text="Hm"))

    events = written(thought, TextDelta(text="Hi"), exclude_reasoning=True)

    assert [item["type"] for item in events[-1]["response"]["output"]] == ["message"]


def test_refusals_and_text_are_parts_of_one_message():
    events = written(TextDelta(text="Hm."), RefusalDelta(text="N"), RefusalDelta(text="o."))

    check_grammar(events)
    (message,) = events[-1]["response"]["output"]
    assert message["content"][1] == {"type": "refusal", "refusal": "No."}
    assert "refusal.done" in kinds(events)


def test_citations_stand_in_the_text_they_belong_to_even_before_it():
    page = {"type": "url_citation", "url_citation": {"url": "https://x.org", "start_index": 3}}
    cited = ExtraDelta(fields={"annotations": [page]})

    events = written(cited, TextDelta(text="Hi"), cited)

    check_grammar(events)
    (message,) = events[-1]["response"]["output"]
    flat = {
        "type": "url_citation", "url": "https://x.org", "title": "", "start_index": 3,
        "end_index": 0,
    }  # fmt: skip
    assert message["content"][0]["annotations"] == [flat, flat]
    places = [event["annotation_index"] for event in events if "annotation" in event]
    assert places == [0, 1]


def test_calls_of_a_function_and_of_a_custom_tool():
    events = written(
        ToolCallStart(index=0, id="c1", name="add"),
        ToolCallDelta(index=0, arguments='{"a"'),
        ToolCallDelta(index=0, arguments=":1}"),
        ToolCallStart(index=1, id="c2", name="patch"),
        ToolCallDelta(index=1, arguments='{"input":"+'),
        ToolCallDelta(index=1, arguments='\\n"}'),
        Finish(reason="tool_calls"),
    )

    check_grammar(events)
    assert kinds(events) == [
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done",
        "output_item.done", "output_item.added", "custom_tool_call_input.delta",
        "custom_tool_call_input.done", "output_item.done", "completed",
    ]  # fmt: skip
    add, patch = events[-1]["response"]["output"]
    assert (add["call_id"], add["name"], add["arguments"]) == ("c1", "add", '{"a":1}')
    assert (patch["call_id"], patch["input"]) == ("c2", "+\n")


def test_a_call_of_a_tool_in_a_namespace_names_it_apart():
    space = {"type": "namespace", "name": "docs", "tools": [{"type": "function", "name": "find"}]}

    events = written(
        ToolCallStart(index=0, id="c1", name="docs__find"),
        ToolCallDelta(index=0, arguments="{}"),
        request={"tools": [space]},
    )

    check_grammar(events)
    (call,) = events[-1]["response"]["output"]
    assert (call["namespace"], call["name"]) == ("docs", "find")


# What a model writes as arguments, and the free text that is meant.
WRAPPED = [
    ('{"input":"+a\\n"}', "+a\n"),
    (' { "input" : "\\u00e9\\ud83d\\ude00\\"\\\\/" } ', 'é\U0001f600"\\/'),
    ('{"input":""}', ""),
    ('{"input":"a\nb\tc"}', "a\nb\tc"),  # as they are, where JSON wants escapes
    ('{"input":"\\d+ \\ud800 \\u12"}', "\\d+ \\ud800 \\u12"),  # escapes that are none
    ('{"input":"cut \\n off', "cut \n off"),
    ('{"input":"cut \\', "cut \\"),
    ("*** Begin Patch", "*** Begin Patch"),
    ("", ""),
    ('{"patch":"x"}', '{"patch":"x"}'),
    ('{"why":"y","input":"x"}', "x"),
    ('{"input":5}', '{"input":5}'),
]


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(("arguments", "text"), WRAPPED)
def test_the_text_inside_arguments_comes_as_they_grow(arguments, text, size, schemas):
    pieces = [arguments[i : i + size] for i in range(0, len(arguments), size)]

    events = written(
        ToolCallStart(index=0, id="c", name="patch"),
        *(ToolCallDelta(index=0, arguments=piece) for piece in pieces),
    )

    check_grammar(events)  # also that the deltas add up to the text
    (item,) = events[-1]["response"]["output"]
    assert item["input"] == text
    assert [problem for event in events for problem in problems(schemas, event)] == []
    if size == 1 and text == "+a\n":
        assert [e["delta"] for e in events if e["type"].endswith("delta")] == ["+", "a", "\n"]


def test_a_custom_tool_in_a_namespace_is_called_by_free_text(schemas):
    space = {"type": "namespace", "name": "files", "description": "F.", "tools": [{"type": "custom", "name": "edit"}]}  # fmt: skip

    events = written(
        ToolCallStart(index=0, id="c1", name="files__edit"),
        ToolCallDelta(index=0, arguments='{"input":"+x"}'),
        request={"tools": [space]},
    )

    check_grammar(events)
    (call,) = events[-1]["response"]["output"]
    assert (call["type"], call["namespace"], call["name"], call["input"]) == (
        "custom_tool_call", "files", "edit", "+x",
    )  # fmt: skip
    assert [problem for event in events for problem in problems(schemas, event)] == []


def test_a_tool_that_an_item_brought_is_called_in_its_own_form():
    brought = {"type": "additional_tools", "tools": [{"type": "custom", "name": "edit"}]}

    events = written(
        ToolCallStart(index=0, id="c1", name="edit"),
        ToolCallDelta(index=0, arguments='{"input":"+x"}'),
        request={"input": [brought]},
    )

    assert events[-1]["response"]["output"][0]["type"] == "custom_tool_call"


EXEC = {"type": "exec", "env": {}, "timeout_ms": None, "working_directory": None, "user": None}
RUN = {"timeout_ms": None, "max_output_length": None}
PATCHED = {"type": "update_file", "path": "a.py", "diff": "@@\n-é\n+b\n"}
GONE = {"type": "delete_file", "path": "a.py"}
# What a model calls the function with, and what its client is told to do; None: it cannot be told.
CLIENT_CALLS = [
    ("local_shell", {"command": ["ls"]}, {"action": {**EXEC, "command": ["ls"]}}),
    ("local_shell", {"command": "ls | wc"}, {"action": {**EXEC, "command": ["bash", "-lc", "ls | wc"]}}),
    ("local_shell", {"command": ["ls"], "env": {"A": "b", "C": 1}, "timeout_ms": 9}, {"action": {**EXEC, "command": ["ls"], "env": {"A": "b"}, "timeout_ms": 9}}),
    ("local_shell", {"command": [1]}, None),
    ("local_shell", {}, None),
    ("shell", {"commands": ["ls"], "timeout_ms": 9}, {"action": {**RUN, "commands": ["ls"], "timeout_ms": 9}}),
    ("shell", {"commands": "ls"}, {"action": {**RUN, "commands": ["ls"]}}),
    ("shell", {"commands": []}, None),
    ("apply_patch", PATCHED, {"operation": PATCHED}),
    ("apply_patch", {**GONE, "diff": ""}, {"operation": GONE}),
    ("apply_patch", {"type": "create_file", "path": "a.py"}, None),
    ("apply_patch", {"type": "move_file", "path": "a.py", "diff": ""}, None),
    ("apply_patch", ["x"], None),
    ("tool_search", {"query": "x"}, {"execution": "client", "arguments": {"query": "x"}}),
    ("tool_search", ["x"], None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments", "told"), CLIENT_CALLS)
def test_calls_of_shells_and_patches_have_the_form_that_clients_run(kind, arguments, told, schemas):
    text = json.dumps(arguments)
    add = {"type": "function", "name": "add", "parameters": {}, "strict": None}

    events = written(
        ToolCallStart(index=0, id="c1", name=kind),
        ToolCallDelta(index=0, arguments=text[:5]),
        ToolCallStart(index=1, id="c2", name="add"),
        ToolCallDelta(index=0, arguments=text[5:]),
        ToolCallDelta(index=1, arguments="{}"),
        request={"tools": [{"type": kind, "execution": "client"}, add]},
    )

    check_grammar(events)
    call, other = events[-1]["response"]["output"]
    assert (call["call_id"], call["status"], other["name"]) == ("c1", "completed", "add")
    if told is None:
        assert (call["type"], call["name"], call["arguments"]) == ("function_call", kind, text)
    else:
        assert call["type"] == f"{kind}_call"
        assert {name: call[name] for name in told} == told
    if kind in {"shell", "apply_patch"}:  # the description has no calls of the others
        assert schemas.problems("OutputItems", call) == []
    if kind == "apply_patch":  # those of the shell it has, but not as the item of an event
        assert [problem for event in events for problem in problems(schemas, event)] == []


@pytest.mark.parametrize(
    "order",
    [
        ["s0", "s1", "a0", "b0", "a1", "b1"],
        ["s0", "a0", "s1", "a1", "b0", "b1"],
        ["s0", "s1", "s2", "a2", "a1", "a0", "b2", "b0", "b1"],
        ["s0", "a0", "b0", "s1", "s2", "a2", "b2", "a1", "b1"],
    ],
)
def test_interleaved_calls_become_items_one_after_the_other(order):
    sent = []
    for step, number in order:
        index = int(number)
        fragment = {"a": '{"n":', "b": f"{number}}}"}.get(step, "")
        sent.append(
            ToolCallStart(index=index, id=f"c{number}", name="f")
            if step == "s"
            else ToolCallDelta(index=index, arguments=fragment)
        )

    events = written(*sent)

    check_grammar(events)
    calls = {c["call_id"]: c["arguments"] for c in events[-1]["response"]["output"]}
    assert calls == {f"c{n}": f'{{"n":{n}}}' for n in range(len(calls))}
    assert len(calls) == len({number for _, number in order})


def test_a_call_that_grows_after_other_content_breaks_the_stream():
    encoder = RESPONSES.stream_encoder(asked())
    encoder.feed(ToolCallStart(index=0, id="c", name="f"))
    encoder.feed(ToolCallDelta(index=0, arguments="{}"))
    encoder.feed(TextDelta(text="Hi"))

    assert encoder.feed(ToolCallDelta(index=0, arguments=" \n")) == b""
    with pytest.raises(StreamBroken):
        encoder.feed(ToolCallDelta(index=0, arguments="}"))


def test_images_and_items_of_the_providers_tools():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}, "index": 0}
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}}
    strange = {"type": "server_tool_use", "id": "s"}

    events = written(
        ExtraDelta(fields={"output_items": [search, strange], "images": [image]}),
        TextDelta(text="Hi"),
    )

    check_grammar(events)
    found = events[-1]["response"]["output"]
    assert [item["type"] for item in found] == [
        "web_search_call", "image_generation_call", "message",
    ]  # fmt: skip
    assert found[0] == search
    assert kinds(events)[:5] == [
        "output_item.added", "web_search_call.in_progress", "web_search_call.searching",
        "web_search_call.completed", "output_item.done",
    ]  # fmt: skip
    assert events[2]["item"]["status"] == "in_progress"
    assert (found[1]["result"], found[1]["status"]) == ("aGk=", "completed")


def test_log_probabilities_travel_with_their_text():
    sure = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}

    events = written(TextDelta(text="Hi", logprobs={"content": [sure]}))

    check_grammar(events)
    assert events[4]["logprobs"] == [sure]
    assert events[-1]["response"]["output"][0]["content"][0]["logprobs"] == [sure]


def test_an_answer_without_content_still_begins_and_ends():
    events = written(Finish(reason="length"))

    check_grammar(events)
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


CUT = [
    ([TextDelta(text="Hel")], "length", ["incomplete"]),
    ([TextDelta(text="Hel")], "content_filter", ["incomplete"]),
    ([TextDelta(text="Hel")], "error", ["incomplete"]),
    ([TextDelta(text="Hel")], "stop", ["completed"]),
    ([ReasoningDelta(item=Reasoning(text="Hm"))], "length", ["incomplete"]),
    ([ReasoningDelta(item=Reasoning(text="Hm")), TextDelta(text="Hel")], "length", ["completed", "incomplete"]),
    ([ToolCallStart(index=0, id="c", name="f"), ToolCallDelta(index=0, arguments='{"a')], "length", ["incomplete"]),
    ([ToolCallStart(index=0, id="c", name="patch"), ToolCallDelta(index=0, arguments='{"input":"a')], "length", ["incomplete"]),
    ([ToolCallStart(index=0, id="c", name="f"), ToolCallDelta(index=0, arguments="{}")], "length", ["completed"]),
    ([ToolCallStart(index=0, id="c", name="f")], "tool_calls", ["completed"]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "reason", "statuses"), CUT)
def test_an_item_that_the_answer_was_cut_off_in_is_not_whole(before, reason, statuses, schemas):
    events = written(*before, Finish(reason=reason))

    check_grammar(events)
    response = events[-1]["response"]
    assert [item["status"] for item in response["output"]] == statuses
    assert ("error_type" in response) is (reason == "error")
    assert [problem for event in events for problem in problems(schemas, event)] == []


def test_only_the_first_of_several_answers_is_written():
    events = written(TextDelta(text="one"), TextDelta(text="two", choice=1))

    assert [e["delta"] for e in events if e["type"].endswith("delta")] == ["one"]


def test_the_tier_that_answered_is_told_at_the_end():
    counted = StreamUsage(usage=Usage(), service_tier="flex")

    events = written(TextDelta(text="Hi"), counted, request={"service_tier": "auto"})

    assert events[0]["response"]["service_tier"] == "auto"
    assert events[-1]["response"]["service_tier"] == "flex"


@pytest.mark.parametrize("before", [(), (TextDelta(text="Hel"),)], ids=["first", "later"])
def test_a_failure_is_a_response_that_failed(before, schemas):
    encoder = RESPONSES.stream_encoder(asked())
    error = UpstreamOverloaded("Busy.")

    events = parsed(b"".join(map(encoder.feed, before)) + encoder.error(error))

    check_grammar(events)
    response = events[-1]["response"]
    assert (events[-1]["type"], response["status"]) == ("response.failed", "failed")
    assert response["error"] == {"code": "server_error", "message": "Busy."}
    assert response["error_type"] == "provider_overloaded"
    assert problems(schemas, events[-1]) == []


GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.mark.parametrize("case", ["text", "tool_calls_parallel", "reasoning_then_whole_call"])
def test_a_chat_stream_is_written_as_the_golden_says(case, golden):
    upstream = (GOLDEN / f"{case}.upstream.sse").read_bytes()
    relay = relay_between(DIALECTS["openai_chat"], RESPONSES, Quirks(), asked({}))

    actual = relay_bytes(relay, [upstream])

    golden(GOLDEN / "responses" / f"from_chat_{case}.sse", actual)


# --- over recordings ----------------------------------------------------------------

APIS = {
    "openai-chat": "openai_chat",
    "openrouter-chat": "openai_chat",
    "anthropic-messages": "anthropic_messages",
    "gemini-generate": "gemini",
}


@pytest.mark.parametrize("api", APIS)
def test_every_recorded_stream_of_every_dialect_becomes_a_valid_response(api, schemas):
    checked = 0
    for number, (record, stream) in enumerate(recorded_streams(api)):
        if number % 3 and api in {"openai-chat", "openrouter-chat"}:  # they are many and alike
            continue
        relay = relay_between(DIALECTS[APIS[api]], RESPONSES, Quirks(), asked())
        out = relay_bytes(relay, [stream])
        if relay.error is not None:
            continue
        events = parsed(out)
        check_grammar(events)
        for event in events:
            assert problems(schemas, event) == [], (record["id"], event["type"])
        checked += 1
    assert checked > 40


def test_every_recorded_answer_of_other_dialects_becomes_a_valid_response(schemas):
    checked = 0
    for api, dialect in APIS.items():
        for number, record in enumerate(recorded(api)):
            if record["stream"] or record["response"]["status"] != 200 or number % 5:
                continue
            if record["response"].get("body_encoding") == "base64":
                continue
            try:
                answer = DIALECTS[dialect].decode_response(body_of(record), Quirks())
            except Exception:  # noqa: BLE001  # other tests say which recordings are none
                continue
            told = json.loads(RESPONSES.encode_response(answer, asked(), COST))
            assert schemas.problems("OpenResponsesResult", told) == [], record["id"]
            checked += 1
    assert checked > 100


def test_every_recorded_event_of_openrouter_has_the_members_that_we_write():
    """The recorded stream goes in, and the same events come out, in the same key order."""
    checked = 0
    for record, stream in recorded_streams("openrouter-responses"):
        request = {n: json.dumps(v).encode() for n, v in record["request"]["body"].items()}
        theirs = [
            json.loads(line[5:]) for line in stream.splitlines() if line.startswith(b"data: {")
        ]
        decoder = RESPONSES.stream_decoder(Quirks(), "seed")
        encoder = RESPONSES.stream_encoder(envelope(request=request))
        usage = None
        out = b""
        for line in stream.splitlines():
            if line.startswith(b"data: {") and not decoder.done:
                for event in decoder.feed(ServerSentEvent("", line[6:])):
                    usage = event.usage if isinstance(event, StreamUsage) else usage
                    out += encoder.feed(event)
        ours = parsed(out + encoder.trailer(usage, COST, {}))

        assert [event["type"] for event in ours] == [event["type"] for event in theirs]
        for mine, other in zip(ours, theirs, strict=True):
            assert list(mine) == list(other), mine["type"]
            for name in ("item", "part", "response"):
                if name in other:
                    assert set(mine[name]) == set(other[name]), mine["type"]
            for name in ("delta", "text", "arguments", "output_index", "sequence_number"):
                assert mine.get(name) == other.get(name)
        assert list(ours[-1]["response"]) == list(theirs[-1]["response"])
        checked += 1
    assert checked == 8
