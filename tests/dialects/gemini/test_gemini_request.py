"""The hub's conversation as a Gemini body."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import SHARED, recorded

from portico.dialects import Quirks
from portico.dialects.gemini import DIALECT as GEMINI
from portico.dialects.gemini.names import UNSIGNED_CALL
from portico.dialects.openai_chat import DIALECT as CHAT
from portico.errors import InvalidRequest

MODEL = "gemini-2.5-flash"
NEWEST = "gemini-3-flash-preview"
USER = {"role": "user", "content": "Hi"}
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    },
}


def encoded(model: str = MODEL, supported=frozenset(), **fields) -> tuple[dict, frozenset[str]]:
    body = {"model": "google/any", "messages": [USER], **fields}
    request = CHAT.decode_request(CHAT.read_head(json.dumps(body).encode()))
    data, dropped = GEMINI.encode_request(request, model, frozenset(supported), Quirks())
    return json.loads(data), dropped


def turns(*messages: dict, model: str = MODEL) -> list[dict]:
    return encoded(model, messages=list(messages))[0]["contents"]


def call(call_id: str, name: str = "add", arguments: str = '{"a":1}') -> dict:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def asked(*calls: dict, **fields) -> dict:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **fields}


def result(call_id: str, content) -> dict:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def test_a_plain_request_says_nothing_that_the_client_did_not_say():
    body, dropped = encoded()

    assert body == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    assert dropped == frozenset()


def test_instructions_from_anywhere_stand_in_front():
    body, _ = encoded(
        messages=[
            {"role": "system", "content": "Be brief."},
            USER,
            {"role": "assistant", "content": "Hello"},
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": "Bye"},
        ]
    )

    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}
    assert [turn["role"] for turn in body["contents"]] == ["user", "model", "user"]


@pytest.mark.parametrize("opening", [{"role": "assistant", "content": "Hello"}, None])
def test_a_conversation_that_no_user_opens_gets_an_empty_turn_of_theirs(opening):
    messages = [{"role": "system", "content": "Be brief."}, *([opening] if opening else [])]

    body, _ = encoded(messages=messages)

    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"][0] == {"role": "user", "parts": [{"text": ""}]}


def test_the_name_of_a_speaker_stands_in_front_of_what_they_say():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}}

    contents = turns(
        {"role": "user", "name": "Ada", "content": "Hi"},
        {"role": "user", "name": "Bob", "content": [picture]},
    )

    assert [part.get("text") for part in contents[0]["parts"]] == ["Ada: Hi", "Bob: ", None]


def test_consecutive_turns_of_one_role_are_merged_and_empty_ones_left_out():
    contents = turns(
        USER,
        {"role": "user", "content": "there"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "?"},
    )

    assert contents == [
        {"role": "user", "parts": [{"text": "Hi"}, {"text": "there"}, {"text": "?"}]}
    ]


def test_results_of_parallel_calls_share_one_turn_in_the_order_of_the_calls():
    contents = turns(
        USER,
        asked(call("functions.add:0"), call("c 2", "clock", "")),
        result("c 2", "12:00"),
        result("functions.add:0", '{"sum":5}'),
        {"role": "user", "content": "And?"},
    )

    assert contents[1]["parts"] == [
        {"functionCall": {"name": "add", "args": {"a": 1}, "id": "functions.add:0"}},
        {"functionCall": {"name": "clock", "args": {}, "id": "c 2"}},
    ]
    assert contents[2]["parts"] == [
        {
            "functionResponse": {
                "name": "add", "response": {"sum": 5}, "id": "functions.add:0"
            }
        },
        {"functionResponse": {"name": "clock", "response": {"result": "12:00"}, "id": "c 2"}},
        {"text": "And?"},
    ]  # fmt: skip


def test_the_same_id_in_two_turns_names_the_call_it_follows():
    contents = turns(
        USER,
        asked(call("c1", "add")),
        result("c1", "1"),
        asked(call("c1", "clock")),
        result("c1", "2"),
    )

    names = [turn["parts"][0]["functionResponse"]["name"] for turn in (contents[2], contents[4])]
    assert names == ["add", "clock"]


def test_arguments_that_are_no_object_still_travel():
    contents = turns(USER, asked(call("c1", arguments="not json")))

    assert contents[1]["parts"][0]["functionCall"]["args"] == {"input": "not json"}


@pytest.mark.parametrize(
    ("part", "native"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}},
            {"inlineData": {"mimeType": "image/png", "data": "aW1n"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/a.webp?x=1"}},
            {"fileData": {"fileUri": "https://example.org/a.webp?x=1", "mimeType": "image/webp"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:,a%20b"}},
            {"inlineData": {"mimeType": "image/jpeg", "data": "YSBi"}},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,cGRm"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "cGRm"}},
        ),
        (
            {"type": "file", "file": {"filename": "a.csv", "file_data": "YSxi"}},
            {"inlineData": {"mimeType": "text/csv", "data": "YSxi"}},
        ),
        (
            {"type": "file", "file": {"file_data": "https://example.org/doc"}},
            {"fileData": {"fileUri": "https://example.org/doc", "mimeType": "application/pdf"}},
        ),
        (
            {"type": "file", "file": {"file_id": "files/abc"}},
            {"fileData": {"fileUri": "files/abc"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "d2F2", "format": "wav"}},
            {"inlineData": {"mimeType": "audio/wav", "data": "d2F2"}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://example.org/watch?v=1"}},
            {"fileData": {"fileUri": "https://example.org/watch?v=1", "mimeType": "video/mp4"}},
        ),
    ],
)  # fmt: skip
def test_media_travel_as_bytes_or_by_reference(part, native):
    assert turns({"role": "user", "content": [part]})[0]["parts"] == [native]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "hologram", "hologram": {}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64"}},
        {"type": "file", "file": {"filename": "a.pdf"}},
    ],
)
def test_a_part_without_a_form_here_is_refused_and_not_lost(part):
    with pytest.raises(InvalidRequest, match="messages: "):
        turns({"role": "user", "content": [part]})


def test_an_image_of_a_result_stands_in_the_result_or_beside_it_for_older_models():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}}
    messages = (USER, asked(call("c1")), result("c1", [{"type": "text", "text": "see"}, image]))
    native = {"inlineData": {"mimeType": "image/png", "data": "aW1n"}}

    older, newer = turns(*messages)[2]["parts"], turns(*messages, model=NEWEST)[2]["parts"]

    assert older[1:] == [native]
    assert newer[0]["functionResponse"]["parts"] == [native]


def test_cache_markers_are_left_out():
    mark = {"cache_control": {"type": "ephemeral"}}
    content = [{"type": "text", "text": "Hi", **mark}]

    body, _ = encoded(
        messages=[{"role": "user", "content": content, **mark}], tools=[{**ADD, **mark}]
    )

    assert "cache" not in json.dumps(body)


def test_a_signature_goes_back_byte_for_byte_to_the_part_it_came_from():
    odd = "CiQB+/_-=="
    details = [
        {"type": "reasoning.text", "text": "a summary", "format": "google-gemini-v1"},
        {"type": "reasoning.text", "text": "hm", "signature": "aG0=", "format": "google-gemini-v1"},
        {"type": "reasoning.encrypted", "data": odd, "format": "google-gemini-v1", "id": "c1"},
        {"type": "reasoning.encrypted", "data": "dGV4dA==", "format": "google-gemini-v1"},
    ]
    turn = {"role": "assistant", "content": "So:", "reasoning_details": details}

    parts = turns(USER, {**turn, "tool_calls": [call("c1"), call("c2")]}, model=NEWEST)[1]["parts"]

    assert parts == [
        {"thought": True, "thoughtSignature": "aG0=", "text": "hm"},
        {"text": "So:", "thoughtSignature": "dGV4dA=="},
        {
            "functionCall": {"name": "add", "args": {"a": 1}, "id": "c1"},
            "thoughtSignature": odd,
        },
        {"functionCall": {"name": "add", "args": {"a": 1}, "id": "c2"}},
    ]


@pytest.mark.parametrize("form", ["anthropic-claude-v1", "openai-responses-v1", "unknown", None])
def test_signatures_and_thoughts_of_other_families_are_dropped(form):
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": "Zm9yZWlnbg==", "format": form},
        {"type": "reasoning.encrypted", "data": "b3BhcXVl", "format": form, "id": "c1"},
    ]

    parts = turns(USER, asked(call("c1"), reasoning_details=details))[1]["parts"]

    assert parts == [{"functionCall": {"name": "add", "args": {"a": 1}, "id": "c1"}}]


def test_a_call_of_another_model_is_marked_as_unsigned_where_signatures_are_checked():
    calls = asked(call("c1"), call("c2"))

    parts = turns(USER, calls, model=NEWEST)[1]["parts"]

    assert [part.get("thoughtSignature") for part in parts] == [UNSIGNED_CALL, None]


def test_parts_of_the_providers_own_tools_go_back_as_they_came():
    own = [
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "c2ln"},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
    ]

    parts = turns(USER, {"role": "assistant", "content": "1", "content_parts": own})[1]["parts"]

    assert parts == [*own, {"text": "1"}]


def test_tools_keep_their_json_schema():
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/n"}},
        "$defs": {"n": {"type": ["integer", "null"]}},
        "additionalProperties": False,
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}

    body, _ = encoded(tools=[tool, {"type": "function", "function": {"name": "g"}}])

    kept = {name: value for name, value in schema.items() if name != "$schema"}
    assert body["tools"] == [
        {"functionDeclarations": [{"name": "f", "parametersJsonSchema": kept}, {"name": "g"}]}
    ]


@pytest.mark.parametrize(
    ("choice", "native"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "add"}},
            {"mode": "ANY", "allowedFunctionNames": ["add"]},
        ),
    ],
)
def test_tool_choice_becomes_a_calling_mode(choice, native):
    body, _ = encoded(tools=[ADD], tool_choice=choice)

    assert body["toolConfig"] == {"functionCallingConfig": native}


def test_tool_choice_without_tools_is_left_out():
    body, _ = encoded(tool_choice="auto")

    assert "toolConfig" not in body


def test_web_search_becomes_the_providers_own():
    by_tool, _ = encoded(tools=[{"type": "openrouter:web_search"}, {"type": "web_search"}])
    by_option, _ = encoded(web_search_options={"search_context_size": "low"})

    assert by_tool["tools"] == by_option["tools"] == [{"googleSearch": {}}]


def test_a_tool_without_a_form_here_is_refused():
    with pytest.raises(InvalidRequest, match="openrouter:bash"):
        encoded(tools=[{"type": "openrouter:bash"}])


def test_sampling_parameters_are_renamed_cut_to_their_range_and_the_rest_reported():
    body, dropped = encoded(
        temperature=3, top_p=0.5, top_k=7, seed=1, presence_penalty=0.5, frequency_penalty=-3,
        max_completion_tokens=50, stop=["a", "b", "c", "d", "e", "f"], min_p=0.1, top_a=0.2,
        repetition_penalty=1.1, logit_bias={"5": 1}, verbosity="low", parallel_tool_calls=False,
        logprobs=True, top_logprobs=2, user="u",
    )  # fmt: skip

    assert body["generationConfig"] == {
        "maxOutputTokens": 50, "temperature": 2.0, "topP": 0.5, "topK": 7, "seed": 1,
        "presencePenalty": 0.5, "frequencyPenalty": -2.0,
        "stopSequences": ["a", "b", "c", "d", "e"], "responseLogprobs": True, "logprobs": 2,
    }  # fmt: skip
    assert dropped == {
        "temperature", "frequency_penalty", "stop", "min_p", "top_a", "repetition_penalty",
        "logit_bias", "verbosity", "parallel_tool_calls",
    }  # fmt: skip


def test_a_top_k_of_zero_is_none_at_all():
    body, dropped = encoded(top_k=0)

    assert "generationConfig" not in body
    assert dropped == frozenset()


def test_pictures_the_model_made_go_back_with_their_signature():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}}
    signed = {"type": "reasoning.encrypted", "data": "c2ln", "format": "google-gemini-v1"}
    turn = {"role": "assistant", "content": "", "images": [image], "reasoning_details": [signed]}

    assert turns(USER, turn)[1]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "aW1n"}, "thoughtSignature": "c2ln"}
    ]


def test_parameters_that_the_endpoint_does_not_take_are_dropped_and_reported():
    body, dropped = encoded(
        supported={"max_tokens", "temperature"},
        temperature=1, seed=3, max_tokens=9, tools=[ADD], tool_choice="auto",
        response_format={"type": "json_object"},
    )  # fmt: skip

    assert body["generationConfig"] == {"maxOutputTokens": 9, "temperature": 1}
    assert body.keys() == {"contents", "generationConfig"}
    assert dropped == {"seed", "tools", "tool_choice", "response_format"}


@pytest.mark.parametrize(
    ("wish", "native"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"responseMimeType": "application/json"}),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        ),
    ],
)
def test_response_formats_take_the_native_form(wish, native):
    body, dropped = encoded(response_format=wish)

    assert body.get("generationConfig") == native
    assert dropped == frozenset()


def test_json_beside_tools_is_only_for_models_that_can():
    wish = {"type": "json_object"}

    old, dropped = encoded(tools=[ADD], response_format=wish)
    new, kept = encoded(NEWEST, tools=[ADD], response_format=wish)

    assert "generationConfig" not in old
    assert dropped == {"response_format"}
    assert new["generationConfig"] == {"responseMimeType": "application/json"}
    assert kept == frozenset()


def test_effort_is_a_share_of_the_clients_cap_or_else_of_the_endpoints():
    request = CHAT.decode_request(
        CHAT.read_head(
            json.dumps({"model": "m", "messages": [USER], "reasoning": {"effort": "low"}}).encode()
        )
    )

    data, _ = GEMINI.encode_request(request, MODEL, frozenset(), Quirks(output_limit_tokens=10_000))
    capped, _ = encoded(reasoning={"effort": "low"}, max_tokens=6000)

    assert json.loads(data)["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 2000
    assert capped["generationConfig"]["thinkingConfig"]["thinkingBudget"] == 1200


def test_the_wish_to_think_is_reported_where_the_model_cannot():
    body, dropped = encoded("gemini-2.0-flash", reasoning={"effort": "high"})

    assert "generationConfig" not in body
    assert dropped == {"reasoning"}


def test_a_picture_can_be_asked_for():
    body, _ = encoded(modalities=["image", "text"], image_config={"aspect_ratio": "1:1"})

    assert body["generationConfig"] == {
        "responseModalities": ["IMAGE", "TEXT"],
        "imageConfig": {"aspectRatio": "1:1"},
    }


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "url", "name", "schema", "data", "format", "voice", "text", "id"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(_anything, _anything)
def test_fields_that_hold_anything_are_written_or_refused(one, other):
    content = [
        {"type": "image_url", "image_url": {"url": one}},
        {"type": "input_audio", "input_audio": {"data": one, "format": other}},
        {"type": "file", "file": {"filename": other, "file_data": one}},
    ]
    for fields in (
        *({"messages": [{"role": "user", "content": [part]}]} for part in content),
        {"response_format": {"type": "json_schema", "json_schema": one}},
        {"presence_penalty": one, "verbosity": other},
        {"modalities": one, "image_config": other, "audio": one},
        {"logprobs": one, "top_logprobs": other, "web_search_options": one},
        {"messages": [{**asked(call("c1")), "reasoning_details": [one], "images": other}]},
    ):
        try:
            body, _ = encoded(**fields)
        except InvalidRequest:
            continue
        assert body["contents"]


def sampled(body: dict) -> dict:
    """What a body means, in one spelling: keys in camelCase, types in lower case."""
    config = body.get("generationConfig", {})
    declared = [d for tool in body.get("tools", ()) for d in tool.get("functionDeclarations", ())]
    return {
        "system": [p["text"] for p in body.get("systemInstruction", {}).get("parts", ())],
        "turns": [
            (turn["role"], [_meaning(part) for part in turn["parts"]]) for turn in body["contents"]
        ],
        "tools": sorted(d["name"] for d in declared),
        "cap": config.get("maxOutputTokens"),
        "temperature": config.get("temperature"),
        "choice": body.get("toolConfig", {}).get("functionCallingConfig", {}).get("mode"),
    }


def _meaning(part: dict) -> tuple:
    if "functionCall" in part:
        arguments = json.dumps(part["functionCall"]["args"], sort_keys=True)
        # the two recordings may have been answered with a blank more or less
        return ("call", part["functionCall"]["name"], arguments.replace(" ", ""))
    if "functionResponse" in part:
        response = part["functionResponse"]["response"]
        return ("result", part["functionResponse"]["name"], str(next(iter(response.values()), "")))
    return tuple(sorted(key for key in part if key != "thoughtSignature")), part.get("text")


def test_recorded_pairs_ask_the_upstream_the_same():
    everything = {r["id"]: r for r in recorded("gemini-generate")}
    everything |= {r["id"]: r for r in recorded("openrouter-chat")}
    pairs = json.loads((SHARED / "corpus" / "pairs.json").read_text())
    checked = 0
    for pair in pairs:
        if pair["native_api"] != "gemini-generate":
            continue
        native, client = everything[pair["native"]], everything[pair["openrouter"]]
        request = CHAT.decode_request(
            CHAT.read_head(json.dumps(client["request"]["body"]).encode())
        )
        data, dropped = GEMINI.encode_request(request, native["model"], frozenset(), Quirks())
        assert sampled(json.loads(data)) == sampled(native["request"]["body"]), pair
        assert dropped == frozenset(), pair
        checked += 1
    assert checked > 50
