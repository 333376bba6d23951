"""Every surface before every upstream dialect: the same conversation says the same everywhere.

Each body and each event is also held against the published description of the API.
"""

import json
from collections.abc import Callable

import httpx
import msgspec
import pytest

from portico.dialects import DIALECTS
from tests.surfaces.conftest import Site
from tests.surfaces.natives import CALLS, NATIVES, OUTPUT, PROMPT, TEXT, Native

pytestmark = pytest.mark.io

QUESTION = "What is the weather in Lisbon and in Porto?"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WORDS = "What the weather is"


class Said(msgspec.Struct, kw_only=True):
    """What an answer says, whatever its dialect. Tokens and price as the client was told."""

    text: str
    calls: list[tuple[str, dict]]
    finish: str
    prompt: int
    cached: int
    output: int
    cost: float


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """A path, its request, and how its answers are read and described."""

    path: str
    ask: Callable[[str], dict]
    read: Callable[[dict], Said]
    gather: Callable[[list[dict]], Said]
    event: str


def data_of(body: bytes) -> list[dict]:
    lines = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


def arguments(text: str) -> dict:
    return json.loads(text or "{}")


# Chat


def ask_chat(model: str) -> dict:
    function = {"name": "get_weather", "description": WORDS, "parameters": SCHEMA}
    return {
        "model": model,
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": [{"type": "function", "function": function}],
    }


def read_chat(body: dict) -> Said:
    (choice,) = body["choices"]
    message, usage = choice["message"], body["usage"]
    functions = [call["function"] for call in message["tool_calls"]]
    return Said(
        text=message["content"],
        calls=[(f["name"], arguments(f["arguments"])) for f in functions],
        finish={"tool_calls": "calls"}[choice["finish_reason"]],
        prompt=usage["prompt_tokens"],
        cached=usage["prompt_tokens_details"]["cached_tokens"],
        output=usage["completion_tokens"],
        cost=usage["cost"],
    )


def gather_chat(chunks: list[dict]) -> Said:
    message: dict = {"content": "", "tool_calls": []}
    reason = None
    for chunk in chunks:
        for choice in chunk["choices"]:
            message["content"] += choice["delta"].get("content") or ""
            reason = choice["finish_reason"] or reason
            for call in choice["delta"].get("tool_calls", ()):
                if call["index"] == len(message["tool_calls"]):
                    message["tool_calls"].append({"function": {**call["function"]}})
                else:
                    known = message["tool_calls"][call["index"]]["function"]
                    known["arguments"] += call["function"]["arguments"]
    return read_chat(
        {"choices": [{"message": message, "finish_reason": reason}], "usage": chunks[-1]["usage"]}
    )


# Messages


def ask_messages(model: str) -> dict:
    return {
        "model": model,
        "max_tokens": 500,
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": [{"name": "get_weather", "description": WORDS, "input_schema": SCHEMA}],
    }


def read_messages(body: dict) -> Said:
    usage, content = body["usage"], body["content"]
    cached = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    return Said(
        text="".join(block["text"] for block in content if block["type"] == "text"),
        calls=[(b["name"], b["input"]) for b in content if b["type"] == "tool_use"],
        finish={"tool_use": "calls"}[body["stop_reason"]],
        prompt=usage["input_tokens"] + cached + written,
        cached=cached,
        output=usage["output_tokens"],
        cost=usage["cost"],
    )


def gather_messages(events: list[dict]) -> Said:
    body: dict = {"content": []}
    written = ""
    for event in events:
        match event["type"]:
            case "message_start":
                body["usage"] = dict(event["message"]["usage"])
                assert body["usage"]["input_tokens"] > 0
            case "content_block_start":
                assert event["index"] == len(body["content"])
                body["content"].append(dict(event["content_block"]))
                written = ""
            case "content_block_delta":
                delta, block = event["delta"], body["content"][event["index"]]
                block["text"] = block.get("text", "") + delta.get("text", "")
                written += delta.get("partial_json", "")
            case "content_block_stop":
                block = body["content"][event["index"]]
                if block["type"] == "tool_use":
                    block["input"] = arguments(written)
            case "message_delta":
                body["stop_reason"] = event["delta"]["stop_reason"]
                body["usage"] |= {k: v for k, v in event["usage"].items() if v is not None}
    assert events[-1]["type"] == "message_stop"
    return read_messages(body)


# Responses


def ask_responses(model: str) -> dict:
    return {
        "model": model,
        "input": QUESTION,
        "tools": [
            {
                "type": "function",
                "name": "get_weather",
                "description": WORDS,
                "parameters": SCHEMA,
                "strict": False,
            }
        ],
    }


def read_responses(body: dict) -> Said:
    usage, output = body["usage"], body["output"]
    assert body["error"] is None
    parts = [p for item in output if item["type"] == "message" for p in item["content"]]
    calls = [item for item in output if item["type"] == "function_call"]
    return Said(
        text="".join(part["text"] for part in parts),
        calls=[(call["name"], arguments(call["arguments"])) for call in calls],
        finish={"completed": "calls"}[body["status"]],
        prompt=usage["input_tokens"],
        cached=usage["input_tokens_details"]["cached_tokens"],
        output=usage["output_tokens"],
        cost=usage["cost"],
    )


def gather_responses(events: list[dict]) -> Said:
    """By the deltas, which have to agree with the items and with the last object."""
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [e["type"] for e in events[:2]] == ["response.created", "response.in_progress"]
    text, written, done = "", {}, []
    for event in events:
        match event["type"]:
            case "response.output_text.delta":
                text += event["delta"]
            case "response.function_call_arguments.delta":
                at = event["output_index"]
                written[at] = written.get(at, "") + event["delta"]
            case "response.output_item.done":
                assert event["output_index"] == len(done)
                done.append(event["item"])
    last = events[-1]
    assert last["type"] == "response.completed"
    assert last["response"]["output"] == done
    said = read_responses(last["response"])
    assert said.text == text
    assert [given for _, given in said.calls] == [arguments(one) for one in written.values()]
    return said


SURFACES = {
    "openai_chat": Surface(
        path="/chat/completions",
        ask=ask_chat,
        read=read_chat,
        gather=gather_chat,
        event="ChatStreamChunk",
    ),
    "anthropic_messages": Surface(
        path="/messages",
        ask=ask_messages,
        read=read_messages,
        gather=gather_messages,
        event="MessagesStreamEvents",
    ),
    "openai_responses": Surface(
        path="/responses",
        ask=ask_responses,
        read=read_responses,
        gather=gather_responses,
        event="StreamEvents",
    ),
}
CAPS = (
    "max_tokens", "max_completion_tokens", "max_output_tokens", "generationConfig",
    "inferenceConfig", "stream",
)  # fmt: skip


def answer(site: Site, surface: Surface, native: Native, *, streamed: bool) -> httpx.Response:
    site.upstream.play(native.upstream, native.stream() if streamed else native.whole())
    request = {**surface.ask(f"grid/{native.upstream}"), "stream": streamed}
    got = site.post("/api/v1" + surface.path, request)
    assert got.status_code == 200, got.text
    return got


def test_the_grid_knows_every_dialect():
    """A dialect that is added has to answer here as well."""
    assert set(NATIVES) == set(DIALECTS)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("upstream", NATIVES)
@pytest.mark.parametrize("name", SURFACES)
def test_the_same_conversation_says_the_same(site: Site, name, upstream, streamed):
    surface, native = SURFACES[name], NATIVES[upstream]

    got = answer(site, surface, native, streamed=streamed)

    said = surface.gather(data_of(got.content)) if streamed else surface.read(got.json())
    cost = (PROMPT - native.cached + native.cached * 0.1 + OUTPUT * 5) / 1e6
    assert said.text == "".join(TEXT)
    assert said.calls == list(CALLS)
    assert said.finish == "calls"
    assert (said.prompt, said.cached, said.output) == (PROMPT, native.cached, OUTPUT)
    assert said.cost == pytest.approx(cost)
    row = site.generation(got)
    assert (row["total_cost"], row["finish_reason"]) == (said.cost, "tool_calls")
    assert (row["tokens_prompt"], row["tokens_completion"]) == (PROMPT, OUTPUT)
    assert row["streamed"] is streamed


@pytest.mark.parametrize("upstream", NATIVES)
@pytest.mark.parametrize("name", SURFACES)
def test_the_provider_is_asked_the_same(site: Site, name, upstream):
    answer(site, SURFACES[name], NATIVES[upstream], streamed=False)
    sent = site.upstream.last.json
    answer(site, SURFACES["openai_chat"], NATIVES[upstream], streamed=False)
    asked = site.upstream.last.json

    for body in (sent, asked):
        # one of the surfaces insists on a cap, and "stream": false need not be said
        for cap in CAPS:
            body.pop(cap, None)
        text = json.dumps(body)
        assert QUESTION in text
        assert WORDS in text
    if name == upstream:
        return
    assert sent.keys() == asked.keys()


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("upstream", NATIVES)
@pytest.mark.parametrize("name", SURFACES)
def test_bodies_and_events_are_as_described(site: Site, api, name, upstream, streamed):
    surface = SURFACES[name]

    got = answer(site, surface, NATIVES[upstream], streamed=streamed)

    if not streamed:
        assert api.answer(surface.path, got.json()) == []
        return
    for event in data_of(got.content):
        response = event.get("response", {})
        if response.get("status") == "in_progress":
            # recordings of OpenRouter have null here, its description does not
            assert response.pop("usage") is None
        assert api.problems(surface.event, event) == [], event
