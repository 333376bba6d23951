"""A Gemini client's body: what routing sees, what the hub reads, and back again."""

import json

import pytest
from tests.conftest import recorded

from portico.dialects import Quirks
from portico.dialects.gemini import DIALECT as GEMINI
from portico.dialects.gemini.names import path
from portico.errors import InvalidRequest
from portico.vocabulary import Image, Message, Reasoning, Text, ToolCall, ToolChoice

HI = {"role": "user", "parts": [{"text": "Hi"}]}


def head(**fields):
    return GEMINI.read_head(json.dumps({"model": "m", "contents": [HI], **fields}).encode())


def decoded(**fields):
    return GEMINI.decode_request(head(**fields))


def test_the_path_says_model_and_streaming():
    assert path("gemini-9", False) == "/models/gemini-9:generateContent"
    assert path("gemini-9", True) == "/models/gemini-9:streamGenerateContent?alt=sse"
    assert path("tunedModels/x", False) == "/tunedModels/x:generateContent"


def test_routing_sees_model_cap_parameters_and_media():
    medium = {"inline_data": {"mime_type": "image/png", "data": "aW1n"}}

    seen = head(
        model="models/gemini-9",
        stream=True,
        contents=[{"role": "user", "parts": [medium]}],
        generation_config={"max_output_tokens": 9, "topP": 0.5, "responseMimeType": "x"},
        tools=[],
    )

    assert seen.models == ("gemini-9",)
    assert seen.stream
    assert seen.max_output_tokens == 9
    assert seen.parameters == {"max_tokens", "top_p", "response_format", "tools"}
    assert [modality for modality, _ in seen.media] == ["image"]
    assert b"aW1n" in seen.prompt_bytes


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{" * 5000,
        b'{"a":' * 5000,
        b'{"contents":[{}]}',
        b'{"model":"m","contents":[]}',
        b'{"model":"m","contents":[{}],"generationConfig":7}',
        b'{"model":"m","contents":[{}],"generationConfig":{"maxOutputTokens":"x"}}',
    ],
)
def test_bodies_that_are_wrong_are_refused(body):
    with pytest.raises(InvalidRequest):
        GEMINI.read_head(body)


@pytest.mark.parametrize(
    "fields",
    [
        {"contents": [7]},
        {"contents": [{"parts": [{"functionResponse": {}}]}]},
        {"contents": [{"role": "model", "parts": [{"functionCall": {"args": {}}}]}]},
        {"tools": [{"functionDeclarations": [{}]}]},
    ],
)
def test_turns_and_tools_that_are_wrong_are_refused(fields):
    with pytest.raises(InvalidRequest, match="cannot be read") as caught:
        decoded(**fields)

    assert "Error" not in caught.value.message
    assert "object" not in caught.value.message


def test_the_same_dialect_gets_the_clients_own_bytes():
    raw = b'{"model":"m","stream":true,"contents":[ {"parts":[{"text":"Hi"}]} ],"novelty":1.50}'

    body, dropped = GEMINI.upstream_body(GEMINI.read_head(raw), "other", frozenset(), Quirks())

    assert body == b'{"contents":[ {"parts":[{"text":"Hi"}]} ],"novelty":1.50}'
    assert dropped == frozenset()


def test_calls_without_ids_find_their_results_by_name():
    contents = [
        HI,
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
                {"functionCall": {"name": "clock"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "clock", "response": {"result": "12:00"}}},
                {"functionResponse": {"name": "add", "response": {"sum": 5}}},
            ],
        },
    ]

    _, asked, clock, add = decoded(contents=contents).messages

    assert asked.tool_calls == (
        ToolCall(id="call_1", name="add", arguments='{"a":1}'),
        ToolCall(id="call_2", name="clock", arguments="{}"),
    )
    assert asked.reasoning == (Reasoning(data="c2ln", format="google-gemini-v1", id="call_1"),)
    assert clock == Message(
        role="tool", name="clock", tool_call_id="call_2", parts=(Text(text="12:00"),)
    )
    assert add == Message(
        role="tool", name="add", tool_call_id="call_1", parts=(Text(text='{"sum":5}'),)
    )


def test_instruction_media_and_thoughts_become_what_they_are():
    request = decoded(
        systemInstruction={"parts": [{"text": "Be brief."}]},
        contents=[
            {"parts": [{"inlineData": {"mimeType": "image/png", "data": "aW1n"}}]},
            {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "Hi"}]},
        ],
    )

    system, user, model = request.messages
    assert system == Message(role="system", parts=(Text(text="Be brief."),))
    assert user.parts == (Image(url="data:image/png;base64,aW1n"),)
    assert model.reasoning == (Reasoning(text="hm", format="google-gemini-v1"),)
    assert model.parts == (Text(text="Hi"),)


def test_openapi_schemas_become_json_schema():
    parameters = {
        "type": "OBJECT",
        "properties": {"type": {"type": "STRING", "nullable": True}},
        "propertyOrdering": ["type"],
        "required": ["type"],
    }

    tool = decoded(
        tools=[{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]
    ).tools[0]

    assert tool.parameters == {
        "type": "object",
        "properties": {"type": {"type": ["string", "null"]}},
        "required": ["type"],
    }


def test_a_choice_of_one_function_is_named_and_of_several_is_required():
    def choice(*names: str) -> ToolChoice | None:
        calling = {"mode": "ANY", "allowedFunctionNames": list(names)}
        return decoded(toolConfig={"functionCallingConfig": calling}).tool_choice

    assert choice("add") == ToolChoice(mode="named", name="add")
    assert choice("add", "clock") == ToolChoice(mode="required")


def meaning(value: object, inside: str = "") -> object:
    """A body in one spelling: keys in camelCase, without what only names things."""
    if isinstance(value, list):
        return [meaning(item, inside) for item in value]
    if not isinstance(value, dict):
        return value
    if inside in {"args", "response", "parameters", "schema"}:
        return value
    found = {}
    for key, item in value.items():
        name = "".join(w if n == 0 else w.title() for n, w in enumerate(key.split("_")))
        if name in {"id", "role"} and inside != "turn":
            continue
        found[name] = meaning(item, "turn" if name == "contents" else name)
    return found


def shape(body: dict) -> dict:
    """What must survive reading and writing: turns, tools, configuration."""
    one = meaning(body)
    config = one.get("generationConfig", {})
    turns = []
    for turn in one["contents"]:
        role = "model" if turn.get("role") == "model" else "user"
        # empty texts and the order of answers to parallel calls say nothing
        parts = [p for p in turn["parts"] if p != {"text": ""}]
        kinds = sorted(json.dumps(part, sort_keys=True) for part in parts)
        if turns and turns[-1][0] == role:
            turns[-1] = (role, sorted(turns[-1][1] + kinds))
        else:
            turns.append((role, kinds))
    declared = [d for t in one.get("tools", ()) for d in t.get("functionDeclarations", ())]
    return {
        "turns": turns,
        "system": [p["text"] for p in one.get("systemInstruction", {}).get("parts", ())],
        "tools": [(d["name"], d.get("description")) for d in declared],
        "others": sorted(key for t in one.get("tools", ()) for key in t),
        "toolConfig": json.dumps(one.get("toolConfig"), sort_keys=True).upper(),
        "safety": one.get("safetySettings"),
        "cached": one.get("cachedContent"),
        "config": {
            key: value
            for key, value in config.items()
            if key not in {"responseSchema", "responseJsonSchema", "thinkingConfig"}
        },
    }


def test_every_recorded_request_read_and_written_again_means_the_same():
    checked = 0
    for record in recorded("gemini-generate"):
        body = (record.get("request") or {}).get("body")
        if not isinstance(body, dict):
            continue
        model = record["model"] or "gemini-2.5-flash"
        asked = GEMINI.read_head(json.dumps({**body, "model": model}).encode())

        data, dropped = GEMINI.encode_request(
            GEMINI.decode_request(asked), model, frozenset(), Quirks()
        )

        assert dropped == frozenset(), record["id"]
        assert shape(json.loads(data)) == shape(body), record["id"]
        checked += 1
    assert checked > 250
