"""What Responses clients are told of streams that end badly, oddly or in odd pieces."""

import json

import pytest
from tests.conformance.schema import Schemas, load_schemas
from tests.conftest import SHARED
from tests.dialects.bedrock_converse.samples import frame
from tests.dialects.openai_responses.test_responses_encoder import check_grammar, parsed, problems
from tests.dialects.streaming import envelope, pieces_of, relay_bytes
from tests.surfaces.natives import NATIVES

from portico.dialects import DIALECTS, Progress, Quirks, relay_between
from portico.dialects.openai_responses.items import other_items
from portico.dialects.openai_responses.reasoning import FORMAT, decode_item
from portico.vocabulary import Reasoning

RESPONSES = DIALECTS["openai_responses"]
SEALED = {"include": b'["reasoning.encrypted_content"]'}


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    path = SHARED / "openrouter" / "openapi.yaml"
    if not path.exists():
        pytest.skip(f"the API's description is not at {path}")
    return load_schemas(path)


def relay_of(dialect: str, request=None, **changes):
    told = envelope(request=request or {}, progress=Progress(), **changes)
    return relay_between(DIALECTS[dialect], RESPONSES, Quirks(), told)


def told_of(dialect: str, pieces, **changes) -> list[dict]:
    """The events for an upstream that sends `pieces` and ends."""
    return parsed(relay_bytes(relay_of(dialect, **changes), pieces))


def done_items(events: list[dict]) -> list[dict]:
    return [e["item"] for e in events if e["type"] == "response.output_item.done"]


# Cut off


@pytest.mark.parametrize("dialect", NATIVES)
def test_a_stream_that_is_cut_off_anywhere_has_failed(dialect, schemas):
    parts = NATIVES[dialect].stream().parts
    failed = 0
    for number in range(2, len(parts)):  # before that there is an HTTP status to tell it by
        events = told_of(dialect, parts[:number])
        check_grammar(events)
        assert [problem for event in events for problem in problems(schemas, event)] == []
        last = events[-1]
        if last["type"] == "response.completed":  # all was said but the terminator or the usage
            assert number >= len(parts) - 2
            continue
        failed += 1
        assert last["type"] == "response.failed"
        assert last["response"]["error"]["code"] == "server_error"
        assert last["response"]["error_type"] == "provider_unavailable"
        assert last["response"]["output"] == done_items(events)
    assert failed >= len(parts) - 4


# Failures of each dialect, in the middle of its answer


def sse(body: object, name: str | None = None) -> bytes:
    line = f"event: {name}\n" if name else ""
    return f"{line}data: {json.dumps(body)}\n\n".encode()


OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}
NO_ROOM = {"code": "context_length_exceeded", "message": "maximum context length"}
FAILED = {"id": "resp_1", "object": "response", "status": "failed", "output": [], "error": {"code": "rate_limit_exceeded", "message": "Busy."}}  # fmt: skip
FAILURES = {
    "chat": ("openai_chat", sse({"error": {"message": "Busy.", "code": 503}}), "provider_overloaded"),
    "chat too long": ("openai_chat", sse({"error": {**NO_ROOM, "code": 400}}), "context_length_exceeded"),
    "messages": ("anthropic_messages", sse(OVERLOADED, "error"), "provider_overloaded"),
    "gemini": ("gemini", sse({"error": {"code": 429, "message": "Busy.", "status": "RESOURCE_EXHAUSTED"}}), "rate_limit_exceeded"),
    "converse": ("bedrock_converse", frame("throttlingException", {"message": "Busy."}, kind="exception"), "rate_limit_exceeded"),
    "responses": ("openai_responses", sse({"type": "error", "sequence_number": 4, **NO_ROOM}, "error"), "context_length_exceeded"),
    "responses failed": ("openai_responses", sse({"type": "response.failed", "sequence_number": 4, "response": FAILED}), "rate_limit_exceeded"),
    "garbage": ("openai_chat", b"data: {\n\n", "provider_unavailable"),
    "no object": ("openai_responses", b"data: [1]\n\n", "provider_unavailable"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_in_the_middle_is_told_by_its_kind(case, schemas):
    dialect, failure, error_type = FAILURES[case]
    parts = NATIVES[dialect].stream().parts[:4]

    events = told_of(dialect, [*parts, failure, b"data: more\n\n"])

    check_grammar(events)
    assert [problem for event in events for problem in problems(schemas, event)] == []
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error_type"] == error_type
    assert events[-1]["response"]["error"]["message"]
    assert len(events) > 3


# Pieces


@pytest.mark.parametrize("dialect", NATIVES)
def test_the_pieces_that_a_stream_comes_in_do_not_matter(dialect):
    """Also those that part a letter."""
    stream = b"".join(NATIVES[dialect].stream().parts)
    whole = relay_bytes(relay_of(dialect), [stream])

    assert "Olá!" in whole.decode()
    for size in (1, 7, 64):
        assert relay_bytes(relay_of(dialect), pieces_of(stream, size)) == whole


def test_huge_arguments_come_whole():
    text = json.dumps({"content": "é\\\n" * 300_000})
    fragments = [text[i : i + 50_000] for i in range(0, len(text), 50_000)]
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "write", "arguments": ""}}  # fmt: skip
    deltas = [{"tool_calls": [call]}] + [
        {"tool_calls": [{"index": 0, "function": {"arguments": fragment}}]}
        for fragment in fragments
    ]
    chunks = [sse({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    end = sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})

    for tool, member in (("function", "arguments"), ("custom", "input")):
        tools = json.dumps([{"type": tool, "name": "write"}]).encode()
        events = told_of("openai_chat", [*chunks, end], request={"tools": tools})
        check_grammar(events)
        (item,) = events[-1]["response"]["output"]
        assert item[member] == text


# Odd answers


def response(output: list, **fields) -> dict:
    usage = {"input_tokens": 1, "output_tokens": 0, "total_tokens": 1}
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
        "output": output, "usage": usage, **fields,
    }  # fmt: skip


def native(output: list, **fields) -> list[bytes]:
    """A Responses stream with items that come without deltas."""
    begun = {**response([], status="in_progress"), "usage": None}
    events = [
        {"type": f"response.{name}", "response": begun} for name in ("created", "in_progress")
    ]
    for place, item in enumerate(output):
        for step in ("added", "done"):
            name = f"response.output_item.{step}"
            events.append({"type": name, "output_index": place, "item": item})
    ended = response(output, **fields)
    events.append({"type": f"response.{ended['status']}", "response": ended})
    return [sse({**event, "sequence_number": n}) for n, event in enumerate(events)]


THOUGHT = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
REFUSAL = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}  # fmt: skip


@pytest.mark.parametrize("hidden", [False, True], ids=["as it came", "through the hub"])
def test_a_thought_that_is_only_sealed_has_no_deltas(hidden, schemas):
    """`exclude_reasoning` is one way through the hub; it must then leave the thought out."""
    events = told_of(
        "openai_responses", native([THOUGHT, REFUSAL]), request=SEALED, exclude_reasoning=hidden
    )

    check_grammar(events)
    kinds = [event["type"].removeprefix("response.") for event in events]
    items = events[-1]["response"]["output"]
    assert [item["type"] for item in items] == (["message"] if hidden else ["reasoning", "message"])
    assert not any(kind.startswith("reasoning") for kind in kinds)
    assert items[-1]["content"] == [{"type": "refusal", "refusal": "No."}]


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "not asked for"])
def test_what_is_sealed_by_another_provider_is_given_to_who_asked_for_it(asked, schemas):
    sealed = {"type": "reasoning.encrypted", "data": "x9", "format": "google-gemini-v1", "id": "t1", "index": 0}  # fmt: skip
    deltas = [{"reasoning_details": [sealed]}, {"content": "Hi"}]
    chunks = [sse({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    end = sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})

    events = told_of("openai_chat", [*chunks, end], request=SEALED if asked else {})

    check_grammar(events)
    assert [problem for event in events for problem in problems(schemas, event)] == []
    thought = events[-1]["response"]["output"][0]
    assert thought["type"] == "reasoning"
    assert ("encrypted_content" in thought) is asked
    assert decode_item({**thought, "format": None}, FORMAT) == (
        [Reasoning(data="x9", format="google-gemini-v1", id="t1")] if asked else []
    )


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({}, "completed", None),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "incomplete", "max_output_tokens"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "incomplete", "content_filter"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("hidden", [False, True], ids=["as it came", "through the hub"])
def test_an_answer_without_items_begins_and_ends(fields, status, reason, hidden, schemas):
    events = told_of("openai_responses", native([], **fields), exclude_reasoning=hidden)

    check_grammar(events)
    assert events[-1]["type"] == f"response.{status}"
    assert (events[-1]["response"].get("incomplete_details") or {}).get("reason") == reason


def test_a_host_that_forgets_the_beginning_is_given_one():
    events = told_of("openai_responses", native([REFUSAL])[2:])

    check_grammar(events)


def test_a_host_that_leaves_members_out_is_helped(schemas):
    """What clients insist on is there in every response object, also between equal dialects."""
    events = told_of("openai_responses", native([REFUSAL]), request={"temperature": b"0.5"})

    assert [problem for event in events for problem in problems(schemas, event)] == []
    ended = events[-1]["response"]
    assert ended["temperature"] == 0.5
    assert ended["usage"]["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 0}
    assert ended["usage"]["output_tokens_details"] == {"reasoning_tokens": 0}


def test_every_event_and_member_that_is_not_known_passes_between_equal_dialects():
    sent = native([REFUSAL])
    odd = sse({"type": "response.hologram.delta", "z": 1, "a": 2.50, "sequence_number": 2})
    sent.insert(3, odd)

    out = relay_bytes(relay_of("openai_responses"), sent)

    assert odd in out
    assert b"".join(sent[2:-1]) in out


def test_items_of_no_type_are_left_out():
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}

    assert other_items([{"type": {}}, {"type": []}, {}, 5, search]) == [search]
    assert other_items("x") == []
