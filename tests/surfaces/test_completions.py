"""`POST /completions` over real sockets, with the client that still has it."""

import json

import openai
import pytest

from tests.surfaces.conftest import Site
from tests.surfaces.requests import CHAT_ANSWER, MESSAGE
from tests.surfaces.upstream import stream, whole

pytestmark = pytest.mark.io

CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
DELTAS = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]},
    {"choices": [{"index": 0, "delta": {"content": "lo"}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": CHAT_ANSWER["usage"]},
]
SSE = b"".join(b"data: " + json.dumps(CHUNK | delta).encode() + b"\n\n" for delta in DELTAS)


@pytest.fixture
def client(site: Site):
    with openai.OpenAI(base_url=site.root + "/api/v1", api_key=site.key, max_retries=0) as made:
        yield made


@pytest.mark.parametrize(
    ("model", "upstream", "native", "finish"),
    [
        ("test/chat", "gpt-test", CHAT_ANSWER, "stop"),
        ("anthropic/claude-haiku-4.5", "claude-haiku-4-5", MESSAGE, "end_turn"),
    ],
)
def test_a_prompt_is_completed_by_any_provider(site: Site, client, model, upstream, native, finish):
    site.upstream.play(upstream, whole(native))

    answer = client.completions.create(model=model, prompt="Say hello", max_tokens=9)

    sent = site.upstream.last.json
    assert "Say hello" in json.dumps(sent["messages"])
    assert sent["max_tokens"] == 9
    assert "prompt" not in sent
    assert (answer.object, answer.choices[0].text) == ("text_completion", "Hello")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].native_finish_reason == finish
    assert answer.usage.total_tokens == 104
    assert answer.usage.cost > 0


def test_a_stream_is_text_then_reason_then_usage(site: Site, client):
    site.upstream.play("gpt-test", stream(SSE + b"data: [DONE]\n\n"))

    chunks = list(client.completions.create(model="test/chat", prompt=["Hi"], stream=True))

    assert "".join(c.choices[0].text for c in chunks if c.choices) == "Hello"
    reasons = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert reasons == [None, None, "stop"]
    assert chunks[-1].usage.cost == pytest.approx((100 + 4 * 5) / 1e6)


def test_a_prompt_in_the_place_of_messages_is_answered_with_text(site: Site):
    body = {"model": "test/chat", "prompt": "Say hello"}
    site.upstream.play("gpt-test", whole(CHAT_ANSWER))
    answer = site.post("/v1/chat/completions", body)
    site.upstream.play("gpt-test", stream(SSE + b"data: [DONE]\n\n"))
    streamed = site.post("/v1/chat/completions", {**body, "stream": True})

    assert answer.json()["choices"][0]["text"] == "Hello"
    assert "message" not in answer.json()["choices"][0]
    data = [line[6:] for line in streamed.text.splitlines() if line.startswith("data: {")]
    choices = [choice for line in data for choice in json.loads(line)["choices"]]
    assert "".join(choice["text"] for choice in choices) == "Hello"
    assert not any("delta" in choice for choice in choices)


def test_a_failure_inside_a_stream_is_a_chunk_of_the_same_shape(site: Site):
    failure = b'data: {"error":{"message":"boom","code":500}}\n\n'
    site.upstream.play("gpt-test", stream(SSE.split(b"\n\n")[0] + b"\n\n" + failure))

    answer = site.post("/v1/completions", {"model": "test/chat", "prompt": "Hi", "stream": True})

    *_, last, end = [block for block in answer.text.split("\n\n") if block]
    chunk = json.loads(last[6:])
    assert end == "data: [DONE]"
    assert chunk["object"] == "text_completion"
    assert chunk["error"]["code"] == 502
    assert chunk["error"]["metadata"]["error_type"] == "provider_unavailable"
    (choice,) = chunk["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("", "error")


LOGPROBS = {
    "content": [
        {"token": "Hel", "logprob": -0.1, "top_logprobs": [{"token": "Hey", "logprob": -2.0}]},
        {"token": "lo", "logprob": -0.2, "top_logprobs": None},
    ]
}
LISTED = {
    "tokens": ["Hel", "lo"],
    "token_logprobs": [-0.1, -0.2],
    "top_logprobs": [{"Hey": -2.0}, {}],
    "text_offset": [0, 3],
}


def test_log_probabilities_are_told_as_the_old_lists(site: Site, client):
    choice = {**CHAT_ANSWER["choices"][0], "logprobs": LOGPROBS}
    site.upstream.play("gpt-test", whole({**CHAT_ANSWER, "choices": [choice]}))

    answer = client.completions.create(model="test/chat", prompt="Hi", logprobs=1)

    assert answer.choices[0].logprobs.model_dump(exclude_none=True) == LISTED


def test_log_probabilities_of_a_stream_count_on(site: Site, client):
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": text}, "logprobs": {"content": [token]}}]}
        for text, token in zip(("Hel", "lo"), LOGPROBS["content"], strict=True)
    ]
    sse = b"".join(b"data: " + json.dumps(CHUNK | c).encode() + b"\n\n" for c in chunks)
    end = b"".join(block + b"\n\n" for block in SSE.split(b"\n\n")[2:4])
    site.upstream.play("gpt-test", stream(sse + end + b"data: [DONE]\n\n"))

    told = client.completions.create(model="test/chat", prompt="Hi", logprobs=1, stream=True)
    found = [c.choices[0].logprobs for c in told if c.choices and c.choices[0].logprobs]

    assert [lists.text_offset for lists in found] == [[0], [3]]
    assert [lists.tokens for lists in found] == [["Hel"], ["lo"]]


def test_a_cut_stream_is_an_error(site: Site, client):
    site.upstream.play("gpt-test", stream(SSE.split(b"\n\n")[0] + b"\n\n", cut=True))

    with pytest.raises(openai.APIError):
        list(client.completions.create(model="test/chat", prompt="Hi", stream=True))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"suffix": "x"}, "suffix"),
        ({"echo": True}, "echo"),
        ({"best_of": 2}, "best_of"),
        ({"max_tokens": -1}, "max_tokens"),
    ],
)
def test_what_cannot_be_done_is_named(site: Site, wrong, named):
    answer = site.post("/v1/completions", {"model": "test/chat", "prompt": "Hi", **wrong})

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(named)
