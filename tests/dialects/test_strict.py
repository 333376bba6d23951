"""Every recorded answer of every API, as a chat client gets it, keeps to the strict profile."""

import json
from collections.abc import Callable, Iterator

import pytest
from tests.conftest import body_of, recorded
from tests.dialects.streaming import COST, envelope, recorded_streams, relay_bytes
from tests.dialects.strict import body_problems, chunks_problems, stream_problems

from portico.dialects import DIALECTS, Quirks, relay_between
from portico.errors import UpstreamError
from portico.vocabulary import ChatResponse

APIS = {
    "openai-chat": "openai_chat",
    "openrouter-chat": "openai_chat",
    "anthropic-messages": "anthropic_messages",
    "gemini-generate": "gemini",
    "openai-responses": "openai_responses",
    "cohere-v2-chat": "cohere_chat",
    "bedrock-converse": "bedrock_converse",
}
CHAT = DIALECTS["openai_chat"]


def as_chat(api: str, recording: bytes, **changes: object) -> bytes:
    upstream = DIALECTS[APIS[api]]
    relay = relay_between(upstream, CHAT, Quirks(), envelope(**changes))
    return relay_bytes(relay, [recording])


def problems_of_streams(api: str, change: Callable[[bytes], bytes], **changes: object) -> dict:
    found, checked = {}, 0
    for record, recording in recorded_streams(api):
        if problems := stream_problems(as_chat(api, change(recording), **changes)):
            found[record["id"]] = problems[:3]
        checked += 1
    assert checked
    return found


@pytest.mark.parametrize("api", APIS)
def test_every_recorded_stream_keeps_to_it(api):
    assert problems_of_streams(api, lambda recording: recording) == {}


@pytest.mark.parametrize(
    "changes", [{"stream_tail": "null_finish"}, {"stream_tail": "empty_choices"}]
)
def test_in_every_form_of_the_tail(changes):
    assert problems_of_streams("anthropic-messages", lambda recording: recording, **changes) == {}


@pytest.mark.parametrize("part", [1, 2])
@pytest.mark.parametrize("api", APIS)
def test_streams_that_break_keep_to_it_and_say_so(api, part):
    found = problems_of_streams(api, lambda recording: recording[: len(recording) * part // 3])

    assert found == {}


@pytest.mark.parametrize("api", APIS)
def test_every_recorded_whole_answer_keeps_to_it(api):
    found, checked = {}, 0
    for record, response in whole_answers(api):
        body = CHAT.encode_response(response, envelope(), COST)
        if problems := body_problems(json.loads(body)):
            found[record["id"]] = problems[:3]
        checked += 1

    assert found == {}
    assert checked > 5


def whole_answers(api: str) -> Iterator[tuple[dict, ChatResponse]]:
    dialect = DIALECTS[APIS[api]]
    for record in recorded(api):
        body = body_of(record)
        if record["response"]["status"] != 200 or not body.lstrip().startswith((b"{", b"[")):
            continue
        try:
            response = dialect.decode_response(body, Quirks())
        except UpstreamError:
            continue
        yield record, response


# What breaks a rule is found: else the tests above would say nothing.

USAGE = {
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "total_tokens": 5,
    "cost": 0.1,
    "prompt_tokens_details": {"cached_tokens": 0},
    "cost_details": {
        "upstream_inference_prompt_cost": 0.1,
        "upstream_inference_completions_cost": 0,
    },
}
HEAD = {"id": "gen-1", "created": 1, "model": "acme/orca-2", "provider": "Acme"}
GOOD = {**HEAD, "object": "chat.completion.chunk", "choices": []}
WHOLE = {
    **HEAD,
    "object": "chat.completion",
    "system_fingerprint": None,
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hi"}}],
    "usage": USAGE,
}


def delta(**fields: object) -> dict:
    return {**GOOD, "choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


def call(arguments: object, index: int = 0, **fields: object) -> dict:
    return delta(tool_calls=[{"index": index, "function": {"arguments": arguments, **fields}}])


def start(arguments: str, index: int = 0) -> dict:
    chunk = call(arguments, index, name="add")
    chunk["choices"][0]["delta"]["tool_calls"][0] |= {"id": f"call_{index}", "type": "function"}
    return chunk


def said(**message: object) -> dict:
    return {**WHOLE, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}


@pytest.mark.parametrize(
    ("rule", "chunk"),
    [
        (1, {**GOOD, "error": None}),
        (2, {**GOOD, "system_fingerprint": None}),
        (3, {**GOOD, "provider": ""}),
        (3, {**GOOD, "choices": None}),
        (3, {**GOOD, "created": "1"}),
        (4, {**GOOD, "choices": [{"index": 0, "delta": {}}]}),
        (4, {**GOOD, "choices": [{"index": 0, "delta": None, "finish_reason": None}]}),
        (5, delta(tool_calls=[])),
        (5, delta(tool_calls=None)),
        (6, call("{}", name="add")),
        (6, call(None)),
        (7, start("", index=1)),
        (9, {**GOOD, "usage": {**USAGE, "total_tokens": 0}}),
        (9, {**GOOD, "usage": {**USAGE, "total_tokens": 5.0}}),
        (9, {**GOOD, "usage": {**USAGE, "cost": None}}),
        (9, {**GOOD, "usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": None}}}),
        (10, {**GOOD, "usage": {**USAGE, "cost_details": {"upstream_inference_cost": 1}}}),
        (11, {**GOOD, "error": {"code": "502", "message": "x", "metadata": {"error_type": "x"}}}),
        (11, {**GOOD, "error": {"code": 502, "message": "x", "metadata": {}}}),
        (12, delta(annotations=[{"url_citation": {"url": "u", "title": None}}])),
        (13, delta(images=[{"type": "image_url", "image_url": {"url": "https://a"}, "index": 0}])),
        (13, delta(images=[{"type": "image_url", "image_url": {"url": "data:,"}}])),
    ],
)  # fmt: skip
def test_a_chunk_that_breaks_a_rule_is_found(rule, chunk):
    last = {**GOOD, "usage": USAGE}

    assert chunks_problems([delta(content="a"), last]) == []
    assert any(p.startswith(f"{rule}:") for p in chunks_problems([delta(content="a"), chunk, last]))


def test_arguments_that_are_complete_before_their_end_are_found():
    last = {**GOOD, "usage": USAGE}

    assert chunks_problems([start("{"), call("}"), call(""), last]) == []
    assert chunks_problems([start("{}"), call('{"a":1}'), last]) == [
        "8: '{}' is complete before its end"
    ]


def test_a_stream_in_another_form_is_found():
    event = b"data: " + json.dumps({**GOOD, "usage": USAGE}).encode() + b"\n\n"
    done = b"data: [DONE]\n\n"

    assert stream_problems(b": OPENROUTER PROCESSING\n\n" + event + done) == []
    for stream in (event, done + event, event + done + done):
        assert stream_problems(stream) == ["15: [DONE] is not the last event, once"]
    for stream in (b"event: x\n" + event + done, event.replace(b"\n", b"\r\n"), event + b"data: ["):
        assert stream_problems(stream)[0].startswith("16:")


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        (1, {**WHOLE, "error": None}),
        (2, {name: value for name, value in WHOLE.items() if name != "system_fingerprint"}),
        (5, said(content="Hi", tool_calls=[])),
        (6, said(content=None, tool_calls=[{"function": {"name": "a", "arguments": ""}}])),
        (9, {**WHOLE, "usage": None}),
        (14, said(content="Hi", reasoning_details=[{"index": 1}])),
    ],
)
def test_a_whole_answer_that_breaks_a_rule_is_found(rule, body):
    assert body_problems(WHOLE) == []
    assert any(problem.startswith(f"{rule}:") for problem in body_problems(body))


# What hosts get wrong does not reach a client.

SENT = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
COUNTED = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
NAMED = {"id": "x", "type": "function", "function": {"name": "add", "arguments": ""}}


def sent(given: object, finish: str | None = None, **fields: object) -> dict:
    return {**SENT, "choices": [{"index": 0, "delta": given, "finish_reason": finish}], **fields}


def fragment(index: int, arguments: object, **fields: object) -> dict:
    return sent({"tool_calls": [{"index": index, "function": {"arguments": arguments}, **fields}]})


ODD = {
    "nulls beside the choices": [
        sent({"content": "a"}, error=None, usage=None, system_fingerprint=None, provider=None)
    ],
    "null and empty calls": [
        sent({"content": "a", "tool_calls": None}),
        sent({"content": "b", "tool_calls": []}),
    ],
    "no choices": [sent({"content": "a"}), {**SENT, "choices": None}, SENT],
    "no delta": [sent({"content": "a"}), sent(None)],
    "calls from one on": [fragment(1, "", **NAMED), fragment(1, "{}")],
    "a call whose arguments are no string": [fragment(0, None, **NAMED), fragment(0, '{"a":1}')],
    "arguments that seem to be whole": [
        sent({"tool_calls": [{"index": 0, **NAMED}]}),
        fragment(0, "{}"),
        fragment(0, '{"a":1}'),
    ],
    "a citation with nulls": [
        sent({"content": "a", "annotations": [
            {"type": "url_citation", "url_citation": {"url": "u", "title": None, "content": None}}
        ]}),
    ],
    "images without numbers": [sent({"images": [PICTURE, PICTURE]}), sent({"images": [PICTURE]})],
    "counts in the middle": [
        sent({"content": "a"}, usage=COUNTED),
        sent({"content": "b"}, usage=COUNTED),
    ],
    "an error that is a string": [sent({"content": "a"}), {"error": "boom"}],
    "an error with a word as its code": [{"error": {"message": "boom", "code": "limited"}}],
}  # fmt: skip


@pytest.mark.parametrize("profile", ["current", "2025"])
@pytest.mark.parametrize("name", ODD)
def test_what_odd_hosts_send_is_put_right(name, profile):
    ended = [sent({}, "stop"), {**SENT, "choices": [], "usage": COUNTED}]
    lines = [f"data: {json.dumps(one)}\n\n" for one in (*ODD[name], *ended)]
    stream = "".join((*lines, "data: [DONE]\n\n")).encode()

    got = as_chat("openai-chat", stream, profile=profile)

    assert stream_problems(got) == []


def test_images_are_numbered_over_a_whole_stream():
    stream = "".join(f"data: {json.dumps(one)}\n\n" for one in ODD["images without numbers"])

    got = as_chat("openai-chat", stream.encode() + b"data: [DONE]\n\n").decode()

    chunks = [json.loads(line[6:]) for line in got.split("\n\n") if line.startswith("data: {")]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    numbers = [image["index"] for one in deltas for image in one.get("images", ())]
    assert numbers == [0, 1, 2]
