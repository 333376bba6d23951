"""The bundled recordings say what they promise, and prompts find them."""

import pytest

from portico.cassette.matching import origin
from portico.demo import DEMO_MODELS, HINT, MATCH_ON, PROMPTS, load_demo
from portico.errors import CassetteMiss
from portico.jsonio import dumps, loads
from portico.ports import UpstreamRequest
from portico.providers import PROVIDERS
from portico.transport.replaying import ReplayingTransport
from portico.wiring import catalog_data

JSON = (("Content-Type", "application/json"),)
ENDPOINTS = {row.model: row for row in DEMO_MODELS}


def sent(model, messages, **rest):
    """What the gateway would send for this prompt."""
    row = ENDPOINTS[model]
    fields = {"model": row.upstream_model, "messages": messages, **rest}
    url = PROVIDERS[row.provider].base_url + PROVIDERS[row.provider].chat_path
    return UpstreamRequest(method="POST", url=url, headers=JSON, body=dumps(fields))


def find(request):
    return ReplayingTransport(load_demo(), match_on=MATCH_ON, hint=HINT).find(request).response


def events(response):
    return [
        loads(event.removeprefix(b"data: "))
        for event in response.body.split(b"\n\n")
        if event not in {b"", b"data: [DONE]"}
    ]


def user(text):
    return [{"role": "user", "content": text}]


HELLO = [
    {"role": "system", "content": "You are a helpful assistant"},
    {"role": "user", "content": "Say hi in Portuguese"},
]
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: prompt.shows)
def test_every_prompt_that_is_named_was_recorded_streamed_and_whole(prompt, stream):
    tools = [TOOL] if "get_weather" in prompt.needs else []

    answer = find(sent(prompt.model, user(prompt.text), tools=tools, stream=stream))

    assert answer.is_event_stream is (stream and answer.status == 200)


def test_the_hello_streams_in_groqs_wire_format():
    answer = find(sent("moonshotai/kimi-k2-0905", HELLO, stream=True, max_completion_tokens=4000))

    opener, *words, finish, usage = events(answer)
    assert opener["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [chunk["choices"][0]["delta"]["content"] for chunk in words] == ["Ol", "á", "!"]
    assert finish["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert usage["choices"] == []
    for counted in (finish["x_groq"]["usage"], finish["usage"], usage["usage"]):
        assert (counted["prompt_tokens"], counted["completion_tokens"]) == (20, 4)
    assert {chunk["system_fingerprint"] for chunk in events(answer)} == {"fp_6e6ff3688b"}
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_the_hello_says_the_same_whole():
    answer = loads(find(sent("moonshotai/kimi-k2-0905", HELLO)).body)

    assert answer["choices"][0]["message"]["content"] == "Olá!"
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (20, 4)


def test_two_tools_are_called_and_their_results_answered():
    asked = user("What is the weather in Lisbon and in Porto?")
    called = loads(find(sent("openai/gpt-4o-mini", asked, tools=[TOOL])).body)["choices"][0]
    calls = called["message"]["tool_calls"]
    results = ['{"temperature_c":21,"sky":"clear"}', '{"temperature_c":17,"sky":"rain"}']
    back = [
        *asked,
        {"role": "assistant", "content": "", "tool_calls": calls},
        *(
            {"role": "tool", "tool_call_id": call["id"], "content": result}
            for call, result in zip(calls, results, strict=True)
        ),
    ]

    answer = loads(find(sent("openai/gpt-4o-mini", back, tools=[TOOL])).body)["choices"][0]
    streamed = events(find(sent("openai/gpt-4o-mini", back, tools=[TOOL], stream=True)))

    assert called["finish_reason"] == "tool_calls"
    assert [loads(call["function"]["arguments"])["city"] for call in calls] == ["Lisbon", "Porto"]
    assert answer["message"]["content"].startswith("It is 21 °C and clear in Lisbon")
    spoken = "".join(
        chunk["choices"][0]["delta"].get("content", "") for chunk in streamed if chunk["choices"]
    )
    assert spoken == answer["message"]["content"]


def test_the_tool_calls_are_the_same_in_the_stream():
    asked = user("What is the weather in Lisbon and in Porto?")
    whole = loads(find(sent("openai/gpt-4o-mini", asked, tools=[TOOL])).body)["choices"][0]
    joined = [["", ""], ["", ""]]

    for chunk in events(find(sent("openai/gpt-4o-mini", asked, tools=[TOOL], stream=True))):
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                joined[call["index"]][0] += call.get("id", "")
                joined[call["index"]][1] += call["function"]["arguments"]

    assert joined == [
        [call["id"], call["function"]["arguments"]] for call in whole["message"]["tool_calls"]
    ]


def test_the_model_that_reasons_does_so_before_it_answers():
    asked = user("How many times does the letter r occur in strawberry?")

    whole = loads(find(sent("z-ai/glm-4.6", asked)).body)
    deltas = [
        chunk["choices"][0]["delta"]
        for chunk in events(find(sent("z-ai/glm-4.6", asked, stream=True)))
    ]

    message = whole["choices"][0]["message"]
    assert "".join(d.get("reasoning_content", "") for d in deltas) == message["reasoning_content"]
    assert "".join(d.get("content", "") for d in deltas) == message["content"]
    assert "three times" in message["content"]
    assert whole["usage"]["completion_tokens_details"]["reasoning_tokens"] == 26


def test_the_error_is_a_429_that_says_when_to_come_back():
    refused = find(sent("openai/gpt-oss-20b", user("Show me a rate limit")))

    assert refused.status == 429
    assert dict(refused.headers)["Retry-After"] == "4"
    assert loads(refused.body)["error"]["code"] == "rate_limit_exceeded"


def test_a_prompt_that_was_not_recorded_is_told_which_were():
    with pytest.raises(CassetteMiss) as miss:
        find(sent("moonshotai/kimi-k2-0905", user("Say hi in Danish")))

    assert '"Say hi in Danish" != "Say hi in Portuguese"' in miss.value.message
    assert all(prompt.text in miss.value.message for prompt in PROMPTS)
    assert "portico/simulator" in miss.value.message


def test_every_recording_belongs_to_a_served_endpoint_and_every_counted_total_adds_up():
    served = {(row.upstream_model, PROVIDERS[row.provider].base_url) for row in DEMO_MODELS}

    for tape in load_demo():
        for one in tape.interactions:
            model = loads(one.request.body)["model"]
            [base_url] = [url for name, url in served if name == model]
            assert one.request.url.startswith(base_url)
            assert origin(one.request, one.request) is None
            bodies = events(one.response) if one.response.is_event_stream else [one.response.body]
            for body in bodies:
                usage = (body if isinstance(body, dict) else loads(body)).get("usage")
                if usage:
                    total = usage["prompt_tokens"] + usage["completion_tokens"]
                    assert usage["total_tokens"] == total


def test_every_served_endpoint_has_a_price_in_the_catalogue():
    models = {model["slug"]: model for model in loads(catalog_data())["models"]}

    for row in DEMO_MODELS:
        names = {
            offer["provider"]: offer["upstream_model"] for offer in models[row.model]["endpoints"]
        }
        assert names[row.provider].lower() == row.upstream_model
