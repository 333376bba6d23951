"""The hub's conversation as a Cohere body, and Cohere bodies as the hub's conversation."""

import base64
import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import recorded

from portico.dialects import Quirks
from portico.dialects.cohere_chat import DIALECT as COHERE
from portico.dialects.openai_chat import DIALECT as CHAT
from portico.errors import InvalidRequest

MODEL = "command-a-03-2025"
THINKER = "command-a-reasoning-08-2025"
USER = {"role": "user", "content": "Hi"}


def function(name: str, **fields) -> dict:
    return {"type": "function", "function": {"name": name, **fields}}


def encoded(model: str = MODEL, supported=frozenset(), quirks=None, **fields):
    body = {"model": "cohere/any", "messages": [USER], **fields}
    request = CHAT.decode_request(CHAT.read_head(json.dumps(body).encode()))
    data, dropped = COHERE.encode_request(request, model, frozenset(supported), quirks or Quirks())
    return json.loads(data), dropped


def turns(*messages: dict, model: str = MODEL) -> list[dict]:
    return encoded(model, messages=list(messages))[0]["messages"]


def call(call_id: str, name: str = "add", arguments: str = '{"a":1}') -> dict:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def asked(*calls: dict, **fields) -> dict:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **fields}


def text_file(text: str, filename: str = "a.txt", media_type: str = "text/plain") -> dict:
    data = base64.b64encode(text.encode()).decode()
    data_url = f"data:{media_type};base64,{data}"
    return {"type": "file", "file": {"filename": filename, "file_data": data_url}}


def test_a_plain_request_says_nothing_that_the_client_did_not_say():
    body, dropped = encoded()

    assert body == {"model": MODEL, "messages": [USER]}
    assert dropped == frozenset()


def test_instructions_stay_where_they_stand_and_names_are_said():
    messages = turns(
        {"role": "system", "content": "Be brief."},
        {"role": "user", "name": "Ada", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "developer", "content": "Be kind."},
    )

    assert messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Ada: Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "system", "content": "Be kind."},
    ]


def test_images_travel_as_urls_and_cache_markers_do_not():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n", "detail": "low"}}  # fmt: skip
    text = {"type": "text", "text": "What?", "cache_control": {"type": "ephemeral"}}

    messages = turns({"role": "user", "content": [text, image]})

    assert messages[0]["content"] == [{"type": "text", "text": "What?"}, image]


def test_parallel_calls_and_their_results_keep_ids_that_this_provider_takes():
    messages = turns(
        USER,
        asked(call("functions.add:0"), call("", "now", "")),
        {"role": "tool", "tool_call_id": "functions.add:0", "content": '{"sum":5}'},
        {"role": "tool", "tool_call_id": "", "content": "12:00"},
    )

    ids = [c["id"] for c in messages[1]["tool_calls"]]
    assert messages[1].keys() == {"role", "tool_calls"}
    assert messages[1]["tool_calls"][1]["function"] == {"name": "now", "arguments": "{}"}
    assert len({*ids, ""}) == 3
    assert [m["tool_call_id"] for m in messages[2:]] == ids
    assert [m["content"] for m in messages[2:]] == ['{"sum":5}', "12:00"]


@pytest.mark.parametrize(("model", "shown"), [(MODEL, False), (THINKER, True)])
def test_thoughts_go_back_to_models_that_think(model, shown):
    messages = turns(
        USER, {"role": "assistant", "content": "4", "reasoning": "2 and 2."}, USER, model=model
    )

    thought = {"type": "thinking", "thinking": "2 and 2."}
    content = [thought, {"type": "text", "text": "4"}] if shown else "4"
    assert messages[1] == {"role": "assistant", "content": content}


def test_foreign_signatures_and_opaque_blobs_are_not_sent():
    details = [
        {"type": "reasoning.text", "text": "Hm.", "signature": "SIGNED", "format": "anthropic-claude-v1"},
        {"type": "reasoning.encrypted", "data": "BLOB", "format": "openai-responses-v1"},
    ]  # fmt: skip

    body, _ = encoded(
        THINKER,
        messages=[USER, {"role": "assistant", "content": "4", "reasoning_details": details}, USER],
    )

    assert "SIGNED" not in json.dumps(body)
    assert "BLOB" not in json.dumps(body)


def test_an_empty_turn_of_the_assistant_is_left_out_and_a_refusal_is_its_text():
    messages = turns(
        USER,
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": None, "refusal": "No."},
    )

    assert messages == [USER, {"role": "assistant", "content": "No."}]


def test_files_of_text_become_documents():
    parts = [
        {"type": "text", "text": "Who?"},
        text_file("Ruby is the best."),
        text_file('{"k":"v"}', "doc:0", "application/json"),
    ]

    body, _ = encoded(messages=[{"role": "user", "content": parts}])

    assert body["messages"] == [{"role": "user", "content": "Who?"}]
    assert body["documents"] == [
        {"data": {"title": "a.txt", "text": "Ruby is the best."}},
        {"id": "doc:0", "data": {"k": "v"}},
    ]


def test_documents_of_a_chat_client_stand_before_its_files():
    body, _ = encoded(messages=[{"role": "user", "content": [text_file("b")]}], documents=["first"])

    assert body["documents"] == ["first", {"data": {"title": "a.txt", "text": "b"}}]
    with pytest.raises(InvalidRequest, match="documents"):
        encoded(documents="first")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aa=="}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,%%"}},
        {"type": "input_audio", "input_audio": {"data": "aa", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://v.example"}},
        {"type": "hologram"},
    ],
)  # fmt: skip
def test_what_has_no_form_here_is_refused_by_name(part):
    with pytest.raises(InvalidRequest, match="messages"):
        encoded(messages=[{"role": "user", "content": [part]}])


def test_parameters_have_this_dialects_names_and_ranges():
    body, dropped = encoded(
        temperature=1.7, top_p=1, top_k=900, seed=3, frequency_penalty=-1, presence_penalty=0.5,
        max_tokens=50, stop=["a", "b", "c", "d", "e", "f"], stream=True, logprobs=True,
        min_p=0.1, logit_bias={"1": 2}, verbosity="low", parallel_tool_calls=False,
        safety_mode="NONE", user="u",
    )  # fmt: skip

    del body["messages"]
    assert body == {
        "model": MODEL, "stream": True, "max_tokens": 50, "temperature": 1, "p": 0.99, "k": 500,
        "seed": 3, "frequency_penalty": 0, "presence_penalty": 0.5,
        "stop_sequences": ["a", "b", "c", "d", "e"], "logprobs": True, "safety_mode": "NONE",
    }  # fmt: skip
    assert dropped == {
        "temperature", "top_k", "frequency_penalty", "stop", "min_p", "logit_bias", "verbosity",
        "parallel_tool_calls",
    }  # fmt: skip


def test_what_an_endpoint_does_not_list_is_dropped_and_said():
    body, dropped = encoded(
        THINKER, supported={"tools"}, temperature=0.5, tools=[function("add")],
        tool_choice="required", reasoning={"effort": "high"}, stop="x",
        response_format={"type": "json_object"}, logprobs=True,
    )  # fmt: skip

    assert body.keys() == {"model", "messages", "tools"}
    assert dropped == {
        "temperature", "tool_choice", "reasoning", "stop", "response_format", "logprobs"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "native", "names"),
    [
        ("auto", None, ["add", "now"]),
        ("none", "NONE", ["add", "now"]),
        ("required", "REQUIRED", ["add", "now"]),
        ({"type": "function", "function": {"name": "now"}}, "REQUIRED", ["now"]),
    ],
)
def test_a_named_tool_is_the_only_one_of_a_required_call(choice, native, names):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    tools = [function("add", description="Adds", parameters=schema, strict=True), function("now")]

    body, _ = encoded(tools=tools, tool_choice=choice)

    assert body.get("tool_choice") == native
    assert [tool["function"]["name"] for tool in body["tools"]] == names
    assert body["tools"][-1]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert "strict_tools" not in body


def test_tools_that_are_all_strict_say_so_once():
    body, _ = encoded(tools=[function("add", strict=True)])

    assert body["strict_tools"] is True
    assert "strict" not in body["tools"][0]["function"]


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "web_search"}]},
        {"tools": [function("add")], "tool_choice": {"type": "function", "function": {"name": "b"}}},
    ],
)  # fmt: skip
def test_tools_that_nobody_has_are_refused(fields):
    with pytest.raises(InvalidRequest, match="tool"):
        encoded(**fields)


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("wish", "more", "native", "dropped"),
    [
        ({"type": "text"}, {}, None, False),
        ({"type": "json_object"}, {}, {"type": "json_object"}, False),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}},
            {},
            {"type": "json_object", "json_schema": SCHEMA},
            False,
        ),
        ({"type": "json_object"}, {"tools": [function("add")]}, None, True),
        ({"type": "grammar"}, {}, None, True),
    ],
)
def test_structured_outputs(wish, more, native, dropped):
    body, lost = encoded(response_format=wish, **more)

    assert body.get("response_format") == native
    assert ("response_format" in lost) == dropped


@pytest.mark.parametrize(
    ("wish", "max_tokens", "native"),
    [
        ({"effort": "high"}, 10_000, {"type": "enabled", "token_budget": 8000}),
        ({"effort": "low"}, 2000, {"type": "enabled", "token_budget": 1024}),
        ({"effort": "low"}, 500, {"type": "enabled", "token_budget": 499}),
        ({"effort": "high"}, None, {"type": "enabled"}),
        ({"max_tokens": 300}, None, {"type": "enabled", "token_budget": 300}),
        ({"max_tokens": 300}, 200, {"type": "enabled", "token_budget": 199}),
        ({"enabled": True}, None, {"type": "enabled"}),
        ({"enabled": False}, None, {"type": "disabled"}),
        ({"effort": "none"}, None, {"type": "disabled"}),
        ({"exclude": True}, None, None),
    ],
)
def test_the_wish_to_think(wish, max_tokens, native):
    limits = {} if max_tokens is None else {"max_tokens": max_tokens}

    body, dropped = encoded(THINKER, reasoning=wish, **limits)

    assert body.get("thinking") == native
    assert dropped == frozenset()


def test_a_model_that_cannot_think_is_not_asked_to():
    assert encoded(reasoning={"effort": "high"}) == (
        {"model": MODEL, "messages": [USER]}, {"reasoning"}
    )  # fmt: skip
    assert encoded(reasoning={"effort": "none"})[1] == frozenset()


def test_the_endpoints_own_limit_bounds_a_budget_where_the_client_set_none():
    quirks = Quirks(output_limit_tokens=4000)

    body, _ = encoded(THINKER, reasoning={"effort": "medium"}, quirks=quirks)

    assert body["thinking"] == {"type": "enabled", "token_budget": 2000}
    assert "max_tokens" not in body


# --- bodies of this dialect ------------------------------------------------------------


def head_of(body: dict):
    return COHERE.read_head(json.dumps(body).encode())


def recorded_requests():
    for record in recorded("cohere-v2-chat"):
        body = (record.get("request") or {}).get("body")
        if isinstance(body, dict) and "<MASSIVE_TEXT>" not in json.dumps(body):
            yield record, body


def meaning(body: dict) -> dict:
    """A body with one spelling of what can be written in several ways."""
    told = {**body, "messages": [dict(message) for message in body["messages"]]}
    for message in told["messages"]:
        content = message.get("content")
        if isinstance(content, list):
            content = [part for part in content if part.get("text") != ""]
            lone = len(content) == 1 and content[0]["type"] == "text"
            message["content"] = content[0]["text"] if lone else content
        if not message.get("content"):
            message.pop("content", None)
    if not told.get("stream"):
        told.pop("stream", None)
    return told


def test_every_recorded_request_survives_a_round_trip():
    checked = 0
    for record, body in recorded_requests():
        request = COHERE.decode_request(head_of(body))
        data, dropped = COHERE.encode_request(request, body["model"], frozenset(), Quirks())

        assert meaning(json.loads(data)) == meaning(body), record["id"]
        assert dropped == frozenset()
        checked += 1
    assert checked > 30


def test_every_recorded_request_survives_a_round_trip_through_chat():
    checked = 0
    for record, body in recorded_requests():
        if "documents" in body:
            continue  # they become files
        request = COHERE.decode_request(head_of(body))
        chat, _ = CHAT.encode_request(
            request, "m", frozenset(), Quirks(reasoning_field="reasoning")
        )
        again = CHAT.decode_request(CHAT.read_head(chat))
        data, _ = COHERE.encode_request(again, body["model"], frozenset(), Quirks())

        assert meaning(json.loads(data)) == meaning(body), record["id"]
        checked += 1
    assert checked > 30


def test_an_upstream_of_the_same_dialect_gets_the_clients_bytes():
    checked = 0
    for record, body in recorded_requests():
        data, dropped = COHERE.upstream_body(
            head_of({**body, "session_id": "s", "provider": {"only": ["cohere"]}}),
            "other-model", frozenset(), Quirks(),
        )  # fmt: skip

        assert json.loads(data) == {**body, "model": "other-model"}, record["id"]
        assert dropped == frozenset()
        checked += 1
    assert checked > 30


def test_what_an_endpoint_of_the_same_dialect_does_not_list_is_dropped():
    head = head_of({"model": "m", "messages": [USER], "k": 3, "p": 0.5, "max_tokens": 9, "x": 1})

    data, dropped = COHERE.upstream_body(head, "m", frozenset({"top_p"}), Quirks())

    assert json.loads(data).keys() == {"model", "messages", "p", "max_tokens", "x"}
    assert dropped == {"top_k"}


def test_the_head_says_what_routing_looks_at():
    image = {"type": "image_url", "image_url": {"url": "https://i.example"}}
    head = head_of(
        {
            "models": ["a", "b", "a"], "messages": [{"role": "user", "content": [image]}],
            "stream": True, "max_tokens": 7, "p": 0.5, "thinking": {"type": "enabled"},
            "stop_sequences": ["x"], "user": "u", "session_id": "s",
        }
    )  # fmt: skip

    assert (head.models, head.stream, head.max_output_tokens) == (("a", "b"), True, 7)
    assert head.parameters == {"max_tokens", "top_p", "reasoning", "stop"}
    assert head.media == (("image", len(json.dumps(image, separators=(",", ":")))),)
    assert (head.user, head.session_id) == ("u", "s")
    assert b"i.example" in head.prompt_bytes


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"model": None}, "model"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"tool_choice": "AUTO"}, "tool_choice"),
        ({"p": "high"}, "p"),
        ({"session_id": "s" * 300}, "session_id"),
    ],
)
def test_a_body_that_is_not_right_is_refused_with_the_path(change, path):
    with pytest.raises(InvalidRequest, match=path):
        head_of({"model": "m", "messages": [USER], **change})


def test_native_requests_say_all_they_can_to_another_dialect():
    request = COHERE.decode_request(
        head_of(
            {
                "model": "m",
                "messages": [
                    {"role": "user", "content": "Who?"},
                    {"role": "assistant", "tool_plan": "I look.", "tool_calls": [call("a_1")],
                     "content": [{"type": "thinking", "thinking": "Hm."}]},
                    {"role": "tool", "tool_call_id": "a_1", "content": [
                        {"type": "document", "document": {"id": "d", "data": {"x": "1"}}}]},
                ],
                "documents": ["plain", {"data": "bare", "id": "n"}],
                "tool_choice": "REQUIRED",
                "strict_tools": True,
                "tools": [function("add")],
                "thinking": {"type": "enabled", "token_budget": 5},
                "response_format": {"type": "json_object", "schema": SCHEMA},
                "logprobs": True,
            }
        )
    )  # fmt: skip

    user, assistant, tool = request.messages
    assert [part.data for part in user.parts[1:]] == [
        "data:text/plain;base64," + base64.b64encode(text).decode() for text in (b"plain", b"bare")
    ]
    assert [item.text for item in assistant.reasoning] == ["I look.", "Hm."]
    assert tool.parts[0].filename == "d"
    assert request.tool_choice is not None
    assert request.tool_choice.mode == "required"
    assert request.tools[0].strict is True
    assert request.reasoning is not None
    assert request.reasoning.max_tokens == 5
    assert request.response_format is not None
    assert request.response_format["json_schema"] == {"name": "answer", "schema": SCHEMA}
    assert request.extra == {"logprobs": True}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "document", "data", "image_url", "function", "id"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["content", "tool_calls", "tool_plan", "citations", "tool_call_id", "reasoning"]
        ),
        VALUES,
    ),
    st.dictionaries(
        st.sampled_from(["tools", "documents", "response_format", "thinking", "stop_sequences"]),
        VALUES,
    ),
    st.sampled_from(["user", "assistant", "tool", "system"]),
)
def test_odd_bodies_are_refused_and_never_crash(message, fields, role):
    body = {"model": "m", "messages": [{"role": role, **message}], **fields}

    with suppress(InvalidRequest):
        request = COHERE.decode_request(head_of(body))
        COHERE.encode_request(request, "m", frozenset(), Quirks())


def test_the_providers_last_edit_is_made():
    def edit(fields: dict[str, msgspec.Raw]) -> None:
        fields["priority"] = msgspec.Raw(b"3")

    body, _ = encoded(quirks=Quirks(patch_request=edit))

    assert body["priority"] == 3
