"""Answers as odd hosts write them: what they mean comes through, in the types of the contract."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.streaming import COST, envelope, relay_bytes

from portico.dialects import DIALECTS, Quirks, relay_between
from portico.dialects.openai_chat.pieces import logprobs_of
from portico.errors import UpstreamError, UpstreamRateLimited, UpstreamRejected

CHAT = DIALECTS["openai_chat"]
USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


def stream(*chunks, done=True):
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return ("".join(lines) + "data: [DONE]\n\n" * done).encode()


def choice(delta, finish=None, **fields):
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish, **fields}]}


def told(upstream):
    """What a client makes of a stream: text, thoughts, calls, finish, usage, all chunks."""
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())
    raw = relay_bytes(relay, [upstream]).decode()
    chunks = [json.loads(line[6:]) for line in raw.split("\n\n") if line.startswith("data: {")]
    said = {"text": "", "thoughts": "", "calls": {}, "finish": [], "usage": None, "chunks": chunks}
    for chunk in chunks:
        for one in chunk["choices"]:
            delta = one["delta"]
            said["text"] += delta.get("content") or ""
            said["thoughts"] += delta.get("reasoning") or ""
            said["finish"] += [one["finish_reason"]] if one["finish_reason"] else []
            for call in delta.get("tool_calls") or ():
                name, text = said["calls"].get(call["index"], ("", ""))
                function = call["function"]
                text += function["arguments"]
                said["calls"][call["index"]] = (name or function.get("name", ""), text)
        said["usage"] = chunk.get("usage", said["usage"])
    return said


TEXT = {"content": "Hi"}
END = choice({}, "stop")
COUNTED = {"id": "c", "choices": [], "usage": USAGE}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}


@pytest.mark.parametrize(
    "upstream",
    [
        stream(choice(TEXT), END, COUNTED),
        stream(choice(TEXT, "null"), END, COUNTED),
        stream(choice(TEXT, ""), END, COUNTED),
        stream(choice({"role": "assistant"}, "stop"), choice(TEXT, "stop"), COUNTED),
        stream(choice([], index="0"), choice(TEXT, index="0"), choice({}, "stop", index="0"), COUNTED),
        stream(choice(TEXT, index=None), choice({}, "stop", index=None), COUNTED),
        stream(choice({"content": ["Hi", None, 5]}), END, COUNTED),
        stream(choice({"content": [{"text": "Hi"}]}), END, COUNTED),
        stream(choice({**TEXT, "annotations": "none", "images": [None], "audio": 1}), END, COUNTED),
        stream(choice({**TEXT, "refusal": {"no": 1}}, logprobs="none"), END, COUNTED),
        stream(choice(TEXT), choice({}, "stop", message={"content": "Hi"}), COUNTED),
        stream(choice(None, message=TEXT), choice(None, "stop"), COUNTED),
        stream(choice(TEXT), {**END, "model": ["x"], "system_fingerprint": 7}, COUNTED),
        stream(choice(TEXT), {**END, "usage": {n: str(c) for n, c in USAGE.items()}}),
        stream(choice(TEXT), {**END, "x_groq": {"usage": USAGE}}, {"choices": [], "usage": None}),
        stream(choice(TEXT), END, COUNTED, {**COUNTED, "usage": {"prompt_tokens": "many"}}),
        stream(choice(TEXT), END, COUNTED, {**COUNTED, "usage": dict.fromkeys(USAGE, 0)}),
        stream(choice(TEXT), END, COUNTED, done=False),
    ],
)  # fmt: skip
def test_odd_streams_of_text_say_the_same(upstream):
    said = told(upstream)

    assert (said["text"], said["thoughts"], said["calls"]) == ("Hi", "", {})
    assert said["finish"] == ["stop", "stop"]
    assert said["chunks"][-2]["choices"][0]["finish_reason"] == "stop"
    assert [said["usage"][name] for name in USAGE] == [7, 2, 9]
    for chunk in said["chunks"]:
        assert isinstance(chunk.get("system_fingerprint", ""), str)
        assert chunk["choices"][0]["index"] == 0
        assert chunk["choices"][0]["delta"].keys() <= {"content", "role"}


@pytest.mark.parametrize(
    "calls",
    [
        [[{"index": 0, **CALL}]],
        [[CALL]],
        [CALL],
        [[{**CALL, "index": "0"}]],
        [[{**CALL, "index": 3}]],
        [[{**CALL, "type": None, "index": None}]],
        [[{"index": 0, "function": {"arguments": '{"x"'}}],
         [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ":1}"}}]],
        [[{"index": 0, "function": {"name": "f", "arguments": {"x": 1}}}]],
        [[{"index": 0, "id": "z", "function": {"name": None, "arguments": None}}],
         [{**CALL, "index": 1}]],
    ],
)  # fmt: skip
def test_odd_calls_are_one_call_under_number_0(calls):
    chunks = [choice({"tool_calls": piece}) for piece in calls]

    said = told(stream(*chunks, END, COUNTED))

    (call,) = said["calls"].values()
    assert list(said["calls"]) == [0]
    assert (call[0], json.loads(call[1])) == ("f", {"x": 1})
    assert said["finish"] == ["tool_calls", "tool_calls"]


def test_numbers_in_the_place_of_ids_become_texts():
    said = told(stream(choice({"tool_calls": [{**CALL, "id": 7}]}), END, COUNTED))

    (opener, *_) = (c for c in said["chunks"] if c["choices"][0]["delta"].get("tool_calls"))
    assert opener["choices"][0]["delta"]["tool_calls"][0]["id"] == "7"


def test_a_call_that_never_gets_a_name_is_no_reason_to_say_tool_calls():
    nameless = choice({"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": "{}"}}]})

    said = told(stream(choice(TEXT), nameless, END, COUNTED))

    assert (said["calls"], said["finish"]) == ({}, ["stop", "stop"])


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning": "Hm"},
        {"reasoning_content": "Hm", "content": None},
        {"reasoning_text": "Hm", "content": ""},
        {"thinking": "Hm"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "Hm", "index": "0"}]},
        {"reasoning_details": [{"type": "reasoning.text"}], "reasoning_content": "Hm"},
        {"reasoning_details": [None, 5], "reasoning": "Hm"},
        {"content": [{"type": "thinking", "thinking": "Hm"}]},
    ],
)
def test_thoughts_are_found_under_every_name(delta):
    said = told(stream(choice(delta), choice(TEXT), END, COUNTED))
    body = {"choices": [{"message": {**TEXT, **delta}, "finish_reason": "stop"}], "usage": USAGE}
    whole = CHAT.decode_response(json.dumps(body).encode(), Quirks())

    assert said["thoughts"] == "Hm"
    assert "".join(item.text for item in whole.choices[0].reasoning if item.text) == "Hm"


def test_a_sealed_detail_leaves_the_thoughts_beside_it_their_say():
    sealed = {"type": "reasoning.encrypted", "data": "x9", "format": "google-gemini-v1"}
    delta = {"reasoning": "Hm", "reasoning_details": [sealed]}

    said = told(stream(choice(delta), choice(TEXT), END, COUNTED))

    details = [
        d for c in said["chunks"] for d in c["choices"][0]["delta"].get("reasoning_details", ())
    ]
    assert said["thoughts"] == "Hm"
    assert [detail["type"] for detail in details] == ["reasoning.text", "reasoning.encrypted"]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"error": {"message": "busy", "code": 429}}, UpstreamRateLimited),
        ({"error": "no"}, UpstreamError),
        ({"object": "error", "message": "bad", "code": 400}, UpstreamRejected),
        ({"object": "error", "message": "bad", "code": "400", "type": "x"}, UpstreamRejected),
        ({"message": "The security token is expired"}, UpstreamError),
        ({"detail": "gone"}, UpstreamError),
    ],
)
def test_failures_of_every_shape_end_the_stream_with_what_was_said(event, kind):
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    relay.feed(stream(choice(TEXT), event, done=False))

    assert isinstance(relay.error, kind)
    assert relay.error.raw is not None


@pytest.mark.parametrize("lead", [b"", b"\n\n", b": waiting\n\n", b"event: message\n"])
def test_a_host_that_streams_unasked_is_read_all_the_same(lead):
    upstream = stream(
        choice({"reasoning": "Hm"}), choice(TEXT), choice({"tool_calls": [CALL]}), END
    )
    counted = stream({**COUNTED, "citations": ["u"]})

    response = CHAT.decode_response(
        lead + upstream.replace(b"data: [DONE]\n\n", b"") + counted, Quirks()
    )

    (one,) = response.choices
    assert (one.content, one.reasoning[0].text, one.tool_calls[0].name) == ("Hi", "Hm", "f")
    assert (one.finish_reason, one.native_finish_reason) == ("tool_calls", "stop")
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (7, 2)
    assert response.extra == {"citations": ["u"]}


@pytest.mark.parametrize(
    "body",
    [b"data: {}\n\n", b"data: nonsense\n\n", b'data: {"error": "no"}\n\n', b"data:", b": x"],
)
def test_a_stream_in_the_place_of_an_answer_may_fail_like_any_other(body):
    with pytest.raises(UpstreamError):
        CHAT.decode_response(body, Quirks())


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (None, None),
        ("none", None),
        ({}, None),
        ({"content": None, "refusal": None}, None),
        ({"content": [{"token": "a"}]}, {"content": [{"token": "a"}]}),
        ({"content": [None], "refusal": 5}, None),
        (
            {"tokens": ["é"], "token_logprobs": [-0.5], "top_logprobs": None},
            {
                "content": [
                    {"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": []}
                ],
                "refusal": None,
            },
        ),
    ],
)
def test_log_probabilities_are_by_token_or_left_out(sent, shown):
    assert logprobs_of(sent) == shown


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.floats(0, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
MESSAGE = {
    "role": "assistant",
    "content": "Hi",
    "refusal": None,
    "reasoning": "Hm",
    "reasoning_details": [{"type": "reasoning.text", "text": "Hm", "format": "unknown"}],
    "tool_calls": [{"index": 0, **CALL}],
    "annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}],
    "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aa"}}],
}
BODY = {
    "id": "c",
    "model": "orca",
    "system_fingerprint": "fp",
    "service_tier": "default",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop", "logprobs": None}],
    "usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 1}},
}


def places(value, path=()):
    yield from ([path] if path else [])
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from places(inner, (*path, key))


def replaced(value, path, odd):
    if not path:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], odd)
    return copy


@given(st.sampled_from(list(places(BODY))), ODD)
def test_whatever_stands_anywhere_is_an_answer_in_the_types_of_the_contract_or_a_failure(path, odd):
    body = replaced(BODY, path, odd)
    try:
        response = CHAT.decode_response(json.dumps(body).encode(), Quirks())
    except UpstreamError:
        return

    answer = json.loads(CHAT.encode_response(response, envelope(), COST))
    encoder = CHAT.stream_encoder(envelope())
    events = [encoder.feed(event) for event in CHAT.response_events(response)]

    assert_types(answer)
    assert b"".join(events)


@given(st.sampled_from(list(places(BODY))), ODD)
def test_whatever_stands_anywhere_in_a_chunk_ends_as_an_answer_or_a_failure(path, odd):
    body = replaced(BODY, path, odd)
    text = json.dumps(body).replace('"message"', '"delta"')
    relay = relay_between(CHAT, CHAT, Quirks(), envelope())

    relay_bytes(relay, [f"data: {text}\n\ndata: [DONE]\n\n".encode()])

    assert isinstance(relay.error, UpstreamError) or relay.finish is not None


def assert_types(answer):
    assert isinstance(answer["system_fingerprint"], str | None)
    assert isinstance(answer["service_tier"], str | None)
    assert all(type(answer["usage"][name]) is int for name in USAGE)
    for one in answer["choices"]:
        message = one["message"]
        assert type(one["index"]) is int
        assert one["index"] >= 0
        assert isinstance(one["logprobs"], dict | None)
        assert isinstance(one["native_finish_reason"], str | None)
        for name in ("content", "refusal", "reasoning"):
            assert isinstance(message[name], str | None)
        for call in message.get("tool_calls", ()):
            texts = (call["id"], call["function"]["name"], call["function"]["arguments"])
            assert all(isinstance(text, str) and text for text in texts)
        for name in ("annotations", "images", "reasoning_details"):
            assert all(isinstance(item, dict) for item in message.get(name, ()))
