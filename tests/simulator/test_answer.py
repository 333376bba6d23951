import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.jsonio import JsonError, loads
from portico.simulator import Step, ToolCallStep
from portico.simulator.answer import answer, greeting, prompt_tokens, tokens

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Say hi"}]}
STREAMED = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}


def reply(request, number=0, **step):
    pace = {"ttft_s": 0.0, "chunk_interval_s": 0.0}
    return answer(request, Step(**pace | step), seed=1, number=number, created_s=1_758_703_127)


def body(request, **step):
    return b"".join(frame.data for frame in reply(request, **step).frames)


def events(request, **step):
    """The decoded events of a stream, without the end marker, which is checked."""
    *data, done, rest = body(request, **step).split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    return [loads(event.removeprefix(b"data: ")) for event in data]


def deltas(request, **step):
    return [e["choices"][0]["delta"] for e in events(request, **step) if e["choices"]]


@given(st.text())
def test_tokens_are_the_text_cut_in_pieces(text):
    assert "".join(tokens(text)) == text


def test_the_greeting_says_what_it_is_and_what_it_was_told():
    text = greeting(ASKED)

    assert text.startswith("I am the Portico simulator, not a language model")
    assert text.endswith("You said: Say hi")


@pytest.mark.parametrize(
    ("messages", "end"),
    [
        (None, "You sent no text."),
        ([], "You sent no text."),
        ([{"role": "user", "content": [{"type": "text", "text": "parts"}]}], "You said: parts"),
        (
            [{"role": "user", "content": "first"}, {"role": "assistant", "content": "x"}],
            "You said: first",
        ),
        ([{"role": "user", "content": "x" * 400}], "x" * 300 + "…"),
    ],
)
def test_the_greeting_quotes_the_last_words_of_the_user(messages, end):
    assert greeting({"messages": messages}).endswith(end)


def test_a_json_answer_has_the_shape_of_a_chat_completion():
    whole = loads(body(ASKED, text="Hi there!"))

    assert whole["object"] == "chat.completion"
    assert whole["model"] == "m"
    assert whole["created"] == 1_758_703_127
    assert whole["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi there!", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert whole["usage"]["prompt_tokens"] == 6
    assert whole["usage"]["completion_tokens"] == 3
    assert whole["usage"]["total_tokens"] == 9


def test_a_stream_opens_with_the_role_and_ends_with_reason_usage_and_marker():
    opener, *middle, finish, usage = events(STREAMED, chunks=("Hi", " you"))

    assert opener["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert [e["choices"][0]["delta"]["content"] for e in middle] == ["Hi", " you"]
    assert finish["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 2
    assert all(e["usage"] is None for e in (opener, *middle, finish))


def test_a_stream_brings_no_usage_unless_it_is_asked_for():
    plain = {**ASKED, "stream": True}

    assert all("usage" not in event for event in events(plain))


def test_a_stream_says_the_same_as_the_json_answer():
    whole = loads(body(ASKED))
    *_, usage = events(STREAMED)

    spoken = "".join(delta.get("content", "") for delta in deltas(STREAMED))

    assert spoken == whole["choices"][0]["message"]["content"]
    assert usage["usage"] == whole["usage"]
    assert usage["id"] == whole["id"]


def test_the_same_seed_and_number_give_the_same_bytes():
    first, again, other = (reply(STREAMED, number=n, jitter=0.5) for n in (0, 0, 1))

    assert first == again
    assert first != other


def test_the_greeting_obeys_max_tokens_but_a_script_is_sent_whole():
    short = {**ASKED, "max_tokens": 3}

    greeted = loads(body(short))
    scripted = loads(body(short, text="one two three four five"))

    assert greeted["choices"][0]["message"]["content"] == "I am the"
    assert greeted["choices"][0]["finish_reason"] == "length"
    assert greeted["usage"]["completion_tokens"] == 3
    assert scripted["choices"][0]["finish_reason"] == "stop"
    assert scripted["usage"]["completion_tokens"] == 5


def test_reasoning_comes_before_the_text_and_is_counted():
    *_, usage = events(STREAMED, reasoning="let me think", text="ok")
    streamed = deltas(STREAMED, reasoning="let me think", text="ok")
    whole = loads(body(ASKED, reasoning="let me think", text="ok", reasoning_field="reasoning"))

    assert [list(delta) for delta in streamed[1:5]] == [["reasoning_content"]] * 3 + [["content"]]
    assert usage["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3
    assert usage["usage"]["completion_tokens"] == 4
    assert whole["choices"][0]["message"]["reasoning"] == "let me think"


def test_two_tool_calls_are_streamed_in_fragments_by_index():
    calls = (
        ToolCallStep(name="weather", arguments={"city": "Porto"}, id="call_1"),
        ToolCallStep(name="clock", arguments='{"zone": "Lisbon"}'),
    )

    fragments = [
        d["tool_calls"][0] for d in deltas(STREAMED, tool_calls=calls) if "tool_calls" in d
    ]
    finish = events(STREAMED, tool_calls=calls)[-2]
    whole = loads(body(ASKED, tool_calls=calls))["choices"][0]

    joined = ["", ""]
    for fragment in fragments:
        joined[fragment["index"]] += fragment["function"]["arguments"]
    assert joined == ['{"city":"Porto"}', '{"zone": "Lisbon"}']
    assert fragments[0]["id"] == "call_1"
    assert finish["choices"][0]["finish_reason"] == "tool_calls"
    assert whole["finish_reason"] == "tool_calls"
    assert whole["message"]["content"] is None
    assert [call["function"]["arguments"] for call in whole["message"]["tool_calls"]] == joined


def test_usage_can_be_missing():
    assert "usage" not in loads(body(ASKED, usage="missing"))
    assert all("usage" not in event for event in events(STREAMED, usage="missing"))


def test_wrong_usage_is_too_high_and_does_not_add_up():
    right, wrong = loads(body(ASKED))["usage"], loads(body(ASKED, usage="wrong"))["usage"]

    assert wrong["prompt_tokens"] > right["prompt_tokens"]
    assert wrong["completion_tokens"] > right["completion_tokens"]
    assert wrong["total_tokens"] != wrong["prompt_tokens"] + wrong["completion_tokens"]


def test_the_prompt_counts_messages_parts_and_tools():
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    asked = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, image]}],
        "tools": [{}],
    }

    assert prompt_tokens(asked) == 4 + 2 + 85 + len(tokens("[{}]"))


def test_an_error_status_answers_with_an_error_body_and_the_wait_it_asks_for():
    refused = reply(ASKED, status=429, retry_after_s=2.5, error={"message": "slow down"})

    error = loads(refused.frames[0].data)["error"]
    assert refused.status == 429
    assert dict(refused.headers)["retry-after"] == "2.5"
    assert (error["message"], error["type"]) == ("slow down", "rate_limit_error")


def test_an_error_can_come_in_a_stream_before_or_after_content():
    before = body(STREAMED, error_at_chunk=0)
    after = body(STREAMED, error_at_chunk=2, text="one two three", error={"code": 502})

    assert list(loads(before.removeprefix(b"data: "))) == ["error"]
    *content, failure, rest = after.split(b"\n\n")
    assert rest == b""
    assert len(content) == 3
    assert loads(failure.removeprefix(b"data: "))["error"]["code"] == 502


def test_a_raw_body_and_headers_are_sent_as_they_are():
    raw = reply(ASKED, body="<html>", content_type="text/html", status=502, headers={"X-Up": "1"})

    assert raw.frames[0].data == b"<html>"
    assert dict(raw.headers)["content-type"] == "text/html"
    assert dict(raw.headers)["x-up"] == "1"


def test_a_scripted_header_replaces_the_usual_one():
    typed = reply(ASKED, headers={"Content-Type": "text/plain"})

    assert [v for name, v in typed.headers if name == "content-type"] == ["text/plain"]


def test_the_first_token_takes_its_time_and_the_rest_keep_the_interval():
    paced = reply(STREAMED, chunks=("a", "b", "c"), ttft_s=0.5, chunk_interval_s=0.1)

    assert [frame.delay_s for frame in paced.frames] == [0.5, 0.0, 0.1, 0.1, 0.0]


def test_a_json_answer_takes_as_long_as_its_stream():
    paced = reply(ASKED, chunks=("a", "b", "c"), ttft_s=0.5, chunk_interval_s=0.25)

    assert [frame.delay_s for frame in paced.frames] == [1.0]


def test_jitter_stays_within_its_bounds():
    paced = reply(STREAMED, text="a " * 50, chunk_interval_s=0.1, jitter=0.5)

    delays = {frame.delay_s for frame in paced.frames[2:-1]}
    assert len(delays) > 10
    assert all(0.05 <= delay_s <= 0.15 for delay_s in delays)


@pytest.mark.parametrize("request_body", [ASKED, STREAMED])
def test_malformed_utf8_is_no_utf8(request_body):
    with pytest.raises(UnicodeDecodeError):
        body(request_body, malformed="utf8").decode()


def test_malformed_utf8_sits_inside_a_string_so_that_only_the_encoding_is_wrong():
    damaged = body(ASKED, malformed="utf8")

    assert loads(damaged.replace(b"\xff\xfe", b""))["object"] == "chat.completion"


def test_malformed_json_breaks_one_event_and_leaves_the_framing():
    data = [e for e in body(STREAMED, malformed="json").split(b"\n\n") if b"{" in e]

    broken = 0
    for event in data:
        try:
            loads(event.removeprefix(b"data: "))
        except JsonError:
            broken += 1
    assert broken == 1


def test_malformed_json_breaks_a_json_body():
    with pytest.raises(JsonError):
        loads(body(ASKED, malformed="json"))


def test_malformed_sse_breaks_an_event_in_two():
    pieces = [e for e in body(STREAMED, malformed="sse").split(b"\n\n") if e]

    assert sum(1 for piece in pieces if not piece.startswith(b"data: ")) == 1


def test_malformed_sse_turns_a_json_answer_into_an_event():
    assert body(ASKED, malformed="sse").startswith(b'data: {"id":')


def test_cuts_are_passed_on_to_whoever_sends():
    cut = reply(STREAMED, cut_at_byte=7, how="rst", early_head=True)

    assert (cut.cut_at_byte, cut.how, cut.early_head) == (7, "rst", True)
