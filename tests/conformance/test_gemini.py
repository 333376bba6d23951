"""The run's own reading of the Gemini API."""

import copy
import json
from typing import Any

import pytest

from tests.conformance.accumulate import Native
from tests.conformance.apis import gemini
from tests.conformance.asking import read_chat
from tests.conformance.findings import Findings
from tests.conformance.sent import check_asked

REQUEST: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "Add."},
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"file_data": {"file_uri": "https://ex.org/a.pdf", "mime_type": "application/pdf"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "hm", "thought": True, "thoughtSignature": "dGhv"},
                {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
                {"functionCall": {"name": "add", "args": {"a": 2}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "add", "response": {"result": 1}}},
                {"function_response": {"name": "add", "response": {"result": 2}}},
            ],
        },
        {"role": "model", "parts": [{"text": "Three.", "thoughtSignature": "dGV4"}]},
        {"role": "user", "parts": [{"text": "Go on."}]},
    ],
    "tools": [
        {"functionDeclarations": [{"name": "add", "parameters": {"type": "OBJECT"}}]},
        {"googleSearch": {}},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}},
    "generationConfig": {"temperature": 1, "thinkingConfig": {"thinkingBudget": 0}},
}
USAGE = {
    "promptTokenCount": 10,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 3,
    "thoughtsTokenCount": 2,
    "toolUsePromptTokenCount": 5,
}
PARTS: list[dict[str, Any]] = [
    {"text": "hm", "thought": True},
    {"executableCode": {"code": "1"}, "thoughtSignature": "b3du"},
    {"text": "Four."},
    {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
    {"functionCall": {"name": "add", "args": {}, "id": "x1"}},
    {"text": "", "thoughtSignature": "dGV4"},
]
GROUNDING = {
    "groundingChunks": [{"web": {"uri": "https://a"}}, {"web": {"uri": "https://b"}}],
    "groundingSupports": [
        {"segment": {"endIndex": 2}, "groundingChunkIndices": [0]},
        {"segment": {"endIndex": 2}, "groundingChunkIndices": [0]},
    ],
}


def test_a_request_means_the_same_in_both_dialects() -> None:
    chat = read_chat(gemini.client_request(REQUEST))
    native = gemini.understand(REQUEST)
    chat.own_tools, chat.wishes["reasoning"] = ["googleSearch"], 0

    findings = Findings()
    check_asked(findings, native, chat)

    assert findings.lines() == []
    assert [result.call for result in native.turns[2].results] == [0, 1]
    assert native.turns[1].blobs == ["dGhv", "c2ln"]
    assert native.wishes["tool_choice"] == ["named", "add"]


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("sent.system", ("systemInstruction",)),
        ("sent.media", ("contents", 0, "parts", 1)),
        ("sent.blobs", ("contents", 1, "parts", 0)),
        ("sent.calls", ("contents", 1, "parts", 2)),
        ("sent.results", ("contents", 2, "parts", 1)),
        ("sent.text", ("contents", 3, "parts", 0, "text")),
        ("sent.tools", ("tools", 0)),
        ("sent.own_tools", ("tools", 1)),
        ("sent.wish.temperature", ("generationConfig", "temperature")),
        ("sent.wish.reasoning", ("generationConfig", "thinkingConfig")),
        ("sent.wish.tool_choice", ("toolConfig",)),
    ],
)
def test_what_is_lost_on_the_way_is_named(rule: str, place: tuple[Any, ...]) -> None:
    changed = copy.deepcopy(REQUEST)
    inner: Any = changed
    for step in place[:-1]:
        inner = inner[step]
    del inner[place[-1]]

    findings = Findings()
    check_asked(findings, gemini.understand(REQUEST), gemini.understand(changed))

    assert rule in {line.split(": ", 1)[0] for line in findings.lines()}


def _chunks() -> list[dict[str, Any]]:
    chunks: list[dict[str, Any]] = [
        {"candidates": [{"content": {"parts": [part]}}], "usageMetadata": {"promptTokenCount": 1}}
        for part in PARTS
    ]
    end = {"finishReason": 1, "groundingMetadata": GROUNDING}
    return [*chunks, {"candidates": [end], "usageMetadata": USAGE}]


def _check(native: Native) -> None:
    choice = native.choices[0]
    assert native.complete
    assert (choice.text, choice.reasoning, choice.own) == ("Four.", "hm", ["executableCode"])
    assert (choice.encrypted, choice.signed_calls) == (["c2ln", "dGV4"], [0])
    assert [(call.id, call.name) for call in choice.calls] == [("", "add"), ("x1", "add")]
    assert choice.finish == "STOP"
    assert [a["url"] for a in choice.annotations if isinstance(a, dict)] == [
        "https://a",
        "https://b",
    ]
    assert native.usage is not None
    counted = gemini.usage(native.usage)
    assert (counted.prompt_tokens, counted.completion_tokens) == ({15}, {5})
    assert (counted.cached_tokens, counted.reasoning_tokens) == ({4}, {2})


def test_an_answer_reads_the_same_whole_streamed_and_as_an_array() -> None:
    whole: dict[str, Any] = {"content": {"parts": PARTS}, "finishReason": "STOP"}
    body = {"candidates": [whole | {"groundingMetadata": GROUNDING}], "usageMetadata": USAGE}
    events = "".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in _chunks())

    _check(gemini.read_answer(json.dumps(body).encode(), 200, stream=False))
    _check(gemini.read_answer(events.encode(), 200, stream=True))
    _check(gemini.read_answer(json.dumps(_chunks()).encode(), 200, stream=True))


def test_a_blocked_prompt_is_an_answer_without_content() -> None:
    body = b'{"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "No."}}'

    native = gemini.read_answer(body, 200, stream=False)

    assert native.complete
    assert native.choices[0].wanted_finish == "content_filter"
    assert native.choices[0].refusal == "No."


def test_a_stream_without_a_reason_is_not_complete() -> None:
    chunk = json.dumps({"candidates": [{"content": {"parts": [{"text": "Fo"}]}}]})

    assert not gemini.read_answer(f"data: {chunk}\n\n".encode(), 200, stream=True).complete
    assert gemini.read_answer(chunk.encode(), 200, stream=False).complete
