"""What the run reads out of recorded answers of the OpenAI-chat family."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.accumulate import Choice, Native, read_native, sse_data
from tests.conformance.corpus import Record, read_records
from tests.conformance.expect import expected_usage, finish_reason
from tests.conformance.shape import FINISH_REASONS
from tests.conftest import SHARED


def _stream(*chunks: object, done: bool = True) -> Native:
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    raw = "".join([*lines, "data: [DONE]\n\n" if done else ""])
    return read_native(raw.encode(), status=200, stream=True)


def _delta(finish: str | None = None, **delta: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _calls(choice: Choice) -> list[tuple[str, str, str]]:
    return [(call.id, call.name, call.arguments) for call in choice.calls]


def _fragment(arguments: str | None, **rest: object) -> dict[str, object]:
    name = rest.pop("name", None)
    return rest | {"function": {"name": name, "arguments": arguments}}


def test_events_are_found_with_any_line_end_comments_and_a_byte_order_mark() -> None:
    raw = b"\xef\xbb\xbf: ping\r\ndata: one\r\n\r\nevent: x\ndata: two\ndata: more\n\ndata:three"

    assert sse_data(raw) == ["one", "two\nmore", "three"]


def test_text_is_joined_and_null_content_adds_nothing() -> None:
    native = _stream(
        _delta(role="assistant", content=None), _delta(content="Fo"), _delta("stop", content="ur")
    )

    assert native.choices[0].text == "Four"
    assert native.choices[0].finish == "stop"
    assert native.complete


def test_a_content_list_is_split_into_thinking_and_text() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]}

    native = _stream(_delta("stop", content=[thinking, {"type": "text", "text": "4"}]))

    assert (native.choices[0].reasoning, native.choices[0].text) == ("2+2", "4")


def test_reasoning_that_is_said_in_three_spellings_counts_once() -> None:
    detail = {"type": "reasoning.text", "text": "hm"}

    native = _stream(_delta(reasoning="hm", reasoning_content="hm", reasoning_details=[detail]))

    assert native.choices[0].reasoning == "hm"


def test_signatures_and_encrypted_reasoning_are_kept_apart_from_text() -> None:
    details = [
        {"type": "reasoning.text", "text": "", "signature": "c2ln"},
        {"type": "reasoning.encrypted", "data": "x9"},
    ]

    choice = _stream(_delta(reasoning_details=details)).choices[0]

    assert (choice.reasoning, choice.signature, choice.encrypted) == ("", "c2ln", ["x9"])


def test_interleaved_fragments_belong_to_the_call_of_their_index() -> None:
    native = _stream(
        _delta(tool_calls=[_fragment(None, index=1, id="a", name="add")]),
        _delta(tool_calls=[_fragment("", index=2, id="b", name="sub")]),
        _delta(tool_calls=[_fragment("{}", index=2), _fragment("[]", index=1)]),
    )

    assert _calls(native.choices[0]) == [("a", "add", "[]"), ("b", "sub", "{}")]


def test_fragments_without_an_index_belong_to_their_id_or_to_the_last_call() -> None:
    native = _stream(
        _delta(tool_calls=[_fragment("{", id="a", name="add"), _fragment("}")]),
        _delta(tool_calls=[_fragment("[]", id="b", name="sub")]),
    )

    assert _calls(native.choices[0]) == [("a", "add", "{}"), ("b", "sub", "[]")]


def test_an_index_that_comes_again_with_another_id_is_another_call() -> None:
    native = _stream(
        _delta(tool_calls=[_fragment("{}", index=0, id="a", name="add")]),
        _delta(tool_calls=[_fragment("{}", index=0, id="b", name="add")]),
    )

    assert _calls(native.choices[0]) == [("a", "add", "{}"), ("b", "add", "{}")]


def test_arguments_given_as_an_object_become_json_text() -> None:
    native = _stream(
        _delta(tool_calls=[{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}])
    )

    assert json.loads(native.choices[0].calls[0].arguments) == {"x": 1}


def test_an_empty_legacy_function_call_is_none() -> None:
    native = _stream(_delta(function_call={"name": "", "arguments": ""}))

    assert native.choices[0].legacy_call is None


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(
            [{"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}], id="own"
        ),
        pytest.param(
            [{"x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}}], id="beside"
        ),
        pytest.param(
            [
                {"usage": {"prompt_tokens": 1, "completion_tokens": 1}},
                {"usage": {"prompt_tokens": 1, "completion_tokens": 2}},
                {"usage": None},
            ],
            id="cumulative",
        ),
        pytest.param(
            [{"choices": [{"usage": {"prompt_tokens": 1, "completion_tokens": 2}}]}],
            id="in a choice",
        ),
    ],
)
def test_usage_is_found_wherever_it_stands_and_the_last_counts(chunks: list[object]) -> None:
    native = _stream(_delta(content="x"), *chunks)

    assert native.usage == {"prompt_tokens": 1, "completion_tokens": 2}


def test_a_stream_without_a_finish_reason_and_done_is_incomplete() -> None:
    assert not _stream(_delta(content="x"), done=False).complete
    assert _stream(_delta(content="x"), done=True).complete
    assert _stream(_delta("stop", content="x"), done=False).complete


def test_several_choices_are_kept_by_index_and_all_must_finish() -> None:
    second = {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": None}]}

    native = _stream(_delta("stop", content="a"), second, done=False)

    assert {index: choice.text for index, choice in native.choices.items()} == {0: "a", 1: "b"}
    assert not native.complete


def test_an_error_event_after_content_keeps_both() -> None:
    native = _stream(_delta(content="x"), {"error": {"message": "boom", "status_code": 400}})

    assert native.failure is not None
    assert (native.failure.status, native.failure.message) == (400, "boom")
    assert native.has_content()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 0, id="no answer"),
        pytest.param(b"", 200, id="empty"),
        pytest.param(b"<html>", 200, id="not JSON"),
        pytest.param(b"[]", 200, id="not an object"),
        pytest.param(b'{"choices": [], "x": NaN}', 200, id="JSON to Python only"),
        pytest.param(b'{"error": "flat"}', 200, id="an error with 200"),
        pytest.param(b'{"message": "no"}', 429, id="a status"),
    ],
)
def test_what_is_not_an_answer_is_a_failure(body: bytes, status: int) -> None:
    assert read_native(body, status=status, stream=False).failure is not None


def test_half_a_surrogate_pair_leaves_the_right_text_open() -> None:
    assert _stream(_delta("stop", content="\ud83d")).doubts


def test_odd_shapes_raise_doubts_instead_of_errors() -> None:
    odd = {"choices": [7, {"delta": {"content": 5, "tool_calls": ["x"]}}], "usage": "none"}

    native = _stream(odd)

    assert len(native.doubts) == 3


_NAMES = [
    *("choices", "delta", "message", "index", "finish_reason", "content", "reasoning", "refusal"),
    *("reasoning_details", "tool_calls", "function", "function_call", "arguments", "id", "name"),
    *("usage", "x_groq", "prompt_tokens", "completion_tokens", "total_tokens", "error", "type"),
    *("prompt_tokens_details", "completion_tokens_details", "logprobs", "audio", "thinking"),
]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats() | st.sampled_from(["", "x", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6)
    ),
    max_leaves=25,
)


@given(
    chunks=st.lists(st.dictionaries(st.sampled_from(_NAMES), _JSON), max_size=3),
    stream=st.booleans(),
)
def test_no_shape_of_answer_stops_the_run(chunks: list[object], stream: bool) -> None:
    lines = [json.dumps(chunk) for chunk in chunks]
    text = "".join(f"data: {line}\n\n" for line in lines) if stream else "".join(lines)

    native = read_native(text.encode(), status=200, stream=stream)

    if native.usage is not None:
        expected_usage(native.usage)
    assert {finish_reason(choice) for choice in native.choices.values()} <= FINISH_REASONS


def test_every_recording_at_hand_can_be_read() -> None:
    corpus = Path(os.environ.get("CORPUS") or SHARED / "corpus")
    if not corpus.is_dir():
        pytest.skip("the recordings are not here")

    rows = list(read_records(corpus, api="openai-chat", provider=None))
    records = [row for row in rows if isinstance(row, Record)]
    answers = [read_native(r.body, status=r.status, stream=r.stream) for r in records]

    assert len(records) == len(rows) > 0
    assert all(answer.choices or answer.failure for answer in answers)
