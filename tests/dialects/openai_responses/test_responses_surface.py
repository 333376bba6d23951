"""Responses requests from clients: what is read of them, and what goes upstream."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import recorded

from portico.dialects import DIALECTS, Quirks, request_between
from portico.errors import InvalidRequest, UpstreamRejected
from portico.vocabulary import Message, Reasoning, Text, ToolCall, ToolChoice

CHAT, RESPONSES = DIALECTS["openai_chat"], DIALECTS["openai_responses"]
ADD = {"type": "function", "name": "add", "parameters": {"type": "object"}}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Edits."}


def body(**fields) -> bytes:
    return json.dumps({"model": "acme/orca-2", "input": "Hi", **fields}).encode()


def head(**fields):
    return RESPONSES.read_head(body(**fields))


def decoded(**fields):
    return RESPONSES.decode_request(head(**fields))


def upstream(supported=frozenset(), quirks=None, **fields) -> dict:
    return json.loads(
        RESPONSES.upstream_body(head(**fields), "m", supported, quirks or Quirks())[0]
    )


def chat_upstream(**fields) -> dict:
    sent = request_between(RESPONSES, CHAT, head(**fields), "m", frozenset(), Quirks())[0]
    return json.loads(sent)


def test_the_head_says_what_routing_needs():
    image = {"type": "input_image", "image_url": "https://example.org/a.png"}
    output = {"type": "function_call_output", "call_id": "c", "output": [image]}

    read = head(
        models=["a/b"],
        input=[{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}, output],
        stream=True,
        max_output_tokens=9,
        temperature=0.5,
        tools=[ADD],
        text={"format": {"type": "json_object"}, "verbosity": "low"},
        reasoning={"effort": "low", "exclude": True},
        provider={"only": ["openai"]},
        user="u",
        session_id="s",
    )

    assert read.models == ("acme/orca-2", "a/b")
    assert (read.stream, read.max_output_tokens, read.user, read.session_id) == (True, 9, "u", "s")
    assert read.parameters == {
        "max_tokens", "temperature", "tools", "response_format", "verbosity", "reasoning",
    }  # fmt: skip
    assert [modality for modality, _ in read.media] == ["file", "image"]
    assert read.preferences == {"only": ["openai"]}
    assert read.exclude_reasoning


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "The request body"),
        (b'{"a":' * 100_000, "nested more than"),
        (body(input=None), "input"),
        (body(input=""), "input: a text or at least one item"),
        (body(input=[]), "input: a text or at least one item"),
        (body(input=["Hi"]), "input.0"),
        (body(input=[{}]), "input.0: an item needs a type or a role"),
        (body(model=None), "model: name a model"),
        (body(max_output_tokens=0), "max_output_tokens"),
        (body(temperature="hot"), "temperature"),
        (body(store=True), "store: responses are not stored"),
        (body(previous_response_id="resp_1"), "previous_response_id: responses are not stored"),
        (body(conversation={"id": "conv_1"}), "conversation: responses are not stored"),
        (body(background=True), "background: responses are not stored"),
        (body(input=[{"type": "item_reference", "id": "rs_1"}]), "input.0: responses are not"),
        (body(session_id="s" * 257), "session_id"),
        (body(models=["a/b"] * 11), "models: at most 10"),
    ],
)
def test_what_is_wrong_is_named(sent, complaint):
    with pytest.raises(InvalidRequest, match=complaint):
        RESPONSES.read_head(sent)


@pytest.mark.parametrize("fields", [{"store": False}, {"store": None}, {"background": False}, {"previous_response_id": None}])  # fmt: skip
def test_what_asks_for_nothing_stored_is_taken(fields):
    assert head(**fields).models == ("acme/orca-2",)


TEXT, CALL = (
    {"type": "input_text", "text": "x"},
    {"type": "function_call", "call_id": "c", "name": "f"},
)
CUSTOM_CALL = {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": ""}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "x"}
SHELL_CALL = {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}
# What is wrong with the second of two items, and the place that the message begins with.
ODD_ITEMS = [
    ({"role": "owl", "content": "Hi"}, ".role:"),
    ({"role": 5, "content": "Hi"}, ": an item needs"),
    ({"role": "user"}, ": .*`content`"),
    ({"role": "user", "content": None}, ".content:"),
    ({"role": "user", "content": {}}, ".content:"),
    ({"role": "user", "content": ["Hi"]}, ".content.0:"),
    ({"role": "user", "content": [TEXT, {"text": "no type"}]}, ".content.1: .*`type`"),
    ({"role": "user", "content": [TEXT, {"type": 5}]}, ".content.1.type:"),
    ({"role": "user", "content": [TEXT, {"type": "input_text"}]}, ".content.1: .*`text`"),
    ({"role": "user", "content": [{"type": "input_text", "text": 5}]}, ".content.0.text:"),
    ({"role": "user", "content": [{"type": "input_image", "image_url": 5}]}, ".content.0.image_url:"),
    ({"role": "user", "content": [{"type": "input_file", "file_data": {}}]}, ".content.0.file_data:"),
    ({"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x"}}]}, ".content.0.input_audio: .*`format`"),
    ({"role": "user", "content": [{"type": "input_video"}]}, ".content.0: .*`video_url`"),
    ({"role": "assistant", "content": 5}, ".content:"),
    ({"role": "assistant", "content": [{"type": "output_text"}]}, ".content.0: .*`text`"),
    ({"role": "assistant", "content": [{"type": "refusal"}]}, ".content.0: .*`refusal`"),
    ({**CALL, "call_id": None}, ".call_id:"),
    ({**CALL, "name": 5}, ".name:"),
    ({**CALL, "arguments": 5}, ".arguments:"),
    ({**CALL, "namespace": []}, ".namespace:"),
    ({"type": "function_call", "name": "add"}, ": .*`call_id`"),
    ({**CUSTOM_CALL, "input": {}}, ".input:"),
    ({**OUTPUT, "call_id": 5}, ".call_id:"),
    ({**OUTPUT, "output": [{"type": "input_text"}]}, ".output.0: .*`text`"),
    ({"type": "function_call_output", "output": "x"}, ": .*`call_id`"),
    ({"type": "function_call_output", "call_id": "x"}, ": .*`output`"),
    ({"type": "reasoning", "summary": "x"}, ".summary:"),
    ({"type": "reasoning", "content": [5]}, ".content.0:"),
    ({"type": "reasoning", "encrypted_content": {}}, ".encrypted_content:"),
    ({**SHELL_CALL, "action": []}, ".action:"),
    ({"type": "shell_call", "action": {}}, ": .*`call_id`"),
    ({"type": "apply_patch_call", "call_id": "c"}, ": .*`operation`"),
    ({"type": "shell_call_output", "output": []}, ": .*`call_id`"),
    ({"type": "additional_tools"}, ": .*`tools`"),
    ({"type": "additional_tools", "tools": [{}]}, ".tools.0: .*`name`"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "complaint"), ODD_ITEMS)
def test_an_item_that_cannot_be_read_is_the_clients_mistake_and_its_place_is_named(item, complaint):
    with pytest.raises(InvalidRequest, match=rf"^input\.1{complaint}"):
        decoded(input=[{"role": "user", "content": "Hi"}, item])


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"tools": ["x"]}, "tools.0:"),
        ({"tools": [ADD, {"type": "function"}]}, "tools.1: .*`name`"),
        ({"tools": [{**ADD, "name": 5}]}, "tools.0.name:"),
        ({"tools": [{**ADD, "parameters": "{}"}]}, "tools.0.parameters:"),
        ({"tools": [{"type": 5}]}, "tools.0.type:"),
        ({"tools": [{"type": "custom"}]}, "tools.0: .*`name`"),
        ({"tools": [{**PATCH, "format": "lark"}]}, "tools.0.format:"),
        ({"tools": [{"type": "namespace", "name": "n"}]}, "tools.0: .*`tools`"),
        ({"tools": [{"type": "namespace", "name": "n", "tools": [{}]}]}, "tools.0.tools.0: .*`name`"),
        ({"tool_choice": {"mode": "auto"}}, "tool_choice: .*`type`"),
        ({"tool_choice": {"type": "allowed_tools", "tools": "x"}}, "tool_choice.tools:"),
        ({"tools": [ADD], "tool_choice": {"type": "allowed_tools", "tools": [{"name": "x"}]}}, "tool_choice: "),
        ({"text": {"format": "json"}}, "text.format:"),
        ({"text": {"format": {"type": 5}}}, "text.format.type:"),
        ({"text": {"verbosity": 5}}, "text.verbosity:"),
        ({"reasoning": {"effort": 5}}, "reasoning.effort:"),
        ({"reasoning": {"effort": "ultra"}}, "reasoning.effort: expected one of none"),
        ({"service_tier": []}, "service_tier:"),
        ({"metadata": "x"}, "metadata:"),
        ({"instructions": ["x"]}, "instructions:"),
    ],
)  # fmt: skip
def test_a_member_of_another_type_is_named_likewise(fields, complaint):
    with pytest.raises(InvalidRequest, match=f"^{complaint}"):
        decoded(**fields)


@pytest.mark.parametrize(
    "item",
    [
        {"role": "assistant", "content": None},
        {"role": "assistant"},
        {"type": "message", "role": "assistant", "content": [], "phase": None},
        {**CALL, "id": None, "status": None, "arguments": None},
        {**CALL, "arguments": {"a": 1}},
        {**OUTPUT, "output": None},
        {**OUTPUT, "output": {"a": 1}},
        {**CUSTOM_CALL, "input": None},
        {"type": "reasoning", "id": None, "summary": None, "content": None, "encrypted_content": None},
        {"type": "hologram", "content": 5},
    ],
)  # fmt: skip
def test_nulls_and_unknown_items_are_taken(item):
    decoded(input=[{"role": "user", "content": "Hi"}, item])


# --- to an upstream of the same dialect ---------------------------------------------


def test_a_body_for_the_same_dialect_keeps_its_bytes():
    items = b'[{"role":"user",  "content":"\\u00e9 1.0"}]'
    sent = b'{"model":"a/b","input":' + items + b',"hologram":{"z":1,"a":2.50},"tools":[]}'

    out, dropped = RESPONSES.upstream_body(
        RESPONSES.read_head(sent), "orca-2", frozenset(), Quirks()
    )

    assert b'"input":' + items in out
    assert b'"hologram":{"z":1,"a":2.50}' in out
    assert json.loads(out)["model"] == "orca-2"
    assert dropped == frozenset()


def test_what_only_the_gateway_understands_stays_here():
    sent = upstream(
        provider={"only": ["x"]}, models=["a/b"], route="fallback", plugins=[], session_id="s",
        trace={}, usage={"include": True}, previous_response_id=None, background=False,
        reasoning={"effort": "low", "exclude": True, "context": "all_turns"}, user="u",
    )  # fmt: skip

    assert sent == {
        "model": "m",
        "input": "Hi",
        "user": "u",
        "reasoning": {"effort": "low", "context": "all_turns"},
        "store": False,
    }


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"enabled": True}, {"effort": "medium"}),
        ({"enabled": False}, {"effort": "none"}),
        ({"max_tokens": 100}, {"effort": "medium"}),
        ({"summary": "auto"}, {"summary": "auto"}),
    ],
)
def test_a_wish_to_think_in_the_gateways_words_is_put_into_the_apis(wish, said):
    assert upstream(reasoning=wish)["reasoning"] == said


def test_thoughts_of_other_families_and_those_not_to_be_found_are_taken_out():
    own = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    items = [
        {**own, "format": "openai-responses-v1", "signature": None},
        {**own, "format": ["not a text"]},
        {**own, "format": "xai-responses-v1"},
        {**own, "format": "anthropic-claude-v1", "signature": "c2ln"},
        {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "x"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "Hi", "cache_control": {}}]},
    ]

    assert upstream(input=items)["input"] == [
        own,
        own,
        {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
    ]
    grok = upstream(input=items, quirks=Quirks(reasoning_format="xai-responses-v1"))["input"]
    assert [item for item in grok if item.get("type") == "reasoning"] == [own, own]


def test_another_gateway_of_this_kind_gets_what_it_understands():
    sent = upstream(
        plugins=[{"id": "web"}], reasoning={"exclude": True}, provider={"only": ["x"]},
        quirks=Quirks(reasoning_field="reasoning"),
    )  # fmt: skip

    assert (sent["plugins"], sent["reasoning"]) == ([{"id": "web"}], {"exclude": True})
    assert "provider" not in sent


def test_parameters_that_the_endpoint_does_not_list_are_dropped_and_named():
    sent = head(
        temperature=0.5, tools=[ADD], text={"format": {"type": "json_object"}, "verbosity": "low"}
    )

    out, dropped = RESPONSES.upstream_body(sent, "m", frozenset({"verbosity"}), Quirks())

    assert json.loads(out) == {
        "model": "m",
        "input": "Hi",
        "text": {"verbosity": "low"},
        "store": False,
    }
    assert dropped == {"temperature", "tools", "response_format"}


# --- through the hub ----------------------------------------------------------------


def same_meaning(request) -> list[Message]:
    """The messages without what says nothing: empty texts, and ids, which may be rewritten."""
    ids: dict[str, str] = {}

    def known(call_id: str) -> str:
        return ids.setdefault(call_id, f"id{len(ids)}")

    return [
        Message(
            role=message.role,
            parts=tuple(p for p in message.parts if not isinstance(p, Text) or p.text),
            name=message.name,
            tool_calls=tuple(
                ToolCall(id=known(c.id), name=c.name, arguments=c.arguments, extra=c.extra)
                for c in message.tool_calls
            ),
            tool_call_id=None if message.tool_call_id is None else known(message.tool_call_id),
            reasoning=message.reasoning,
            refusal=message.refusal,
            extra=message.extra,
        )
        for message in request.messages
    ]


@pytest.mark.parametrize("api", ["openai-responses", "openrouter-responses"])
def test_every_recorded_request_comes_back_with_the_same_meaning(api):
    checked = 0
    for record in recorded(api):
        request = (record.get("request") or {}).get("body")
        if not isinstance(request, dict):
            continue
        sent = {k: v for k, v in request.items() if k not in {"store", "previous_response_id"}}
        once = RESPONSES.decode_request(RESPONSES.read_head(json.dumps(sent).encode()))
        written, dropped = RESPONSES.encode_request(once, sent["model"], frozenset(), Quirks())
        twice = RESPONSES.decode_request(RESPONSES.read_head(written))
        assert not dropped, record["id"]
        assert same_meaning(twice) == same_meaning(once), record["id"]
        for name in once.__struct_fields__:
            if name != "messages":
                assert getattr(twice, name) == getattr(once, name), (record["id"], name)
        checked += 1
    assert checked > (300 if api == "openai-responses" else 10)


def test_every_recorded_request_reaches_every_other_dialect_or_is_refused():
    reached = 0
    for record in recorded("openai-responses"):
        request = (record.get("request") or {}).get("body")
        if not isinstance(request, dict):
            continue
        sent = {k: v for k, v in request.items() if k not in {"store", "previous_response_id"}}
        read = RESPONSES.decode_request(RESPONSES.read_head(json.dumps(sent).encode()))
        for dialect in DIALECTS.values():
            try:
                json.loads(dialect.encode_request(read, "m", frozenset(), Quirks())[0])
            except (UpstreamRejected, InvalidRequest):
                continue
            reached += 1
    assert reached > 1000


def test_a_conversation_reaches_a_chat_upstream_with_its_meaning():
    call = {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a":1}'}
    sent = chat_upstream(
        instructions="Be brief.",
        input=[
            {"role": "user", "content": "Hi"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "phase": "commentary",
                "content": [{"type": "output_text", "text": "Adding.", "annotations": []}],
            },
            {**call, "id": "fc_1"},
            {**call, "call_id": "c2"},
            {"type": "function_call_output", "call_id": "c1", "output": "2"},
            {
                "type": "function_call_output",
                "call_id": "c2",
                "output": [{"type": "input_text", "text": "3"}],
            },
        ],
        tools=[{**ADD, "description": "Adds.", "strict": True}],
        tool_choice={"type": "function", "name": "add"},
        parallel_tool_calls=False,
        max_output_tokens=9,
        text={"format": {"type": "json_schema", "name": "p", "schema": {}, "strict": True}},
        prompt_cache_key="k",
        metadata={"a": "b"},
    )

    assert [m["role"] for m in sent["messages"]] == ["system", "user", "assistant", "tool", "tool"]
    assert sent["messages"][2] == {
        "role": "assistant",
        "content": "Adding.",
        "tool_calls": [
            {
                "id": call_id,
                "type": "function",
                "function": {"name": "add", "arguments": '{"a":1}'},
            }
            for call_id in ("c1", "c2")
        ],
    }
    assert [m["content"] for m in sent["messages"][3:]] == ["2", "3"]
    assert sent["tools"][0]["function"] == {
        "name": "add", "description": "Adds.", "parameters": {"type": "object"}, "strict": True,
    }  # fmt: skip
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "add"}}
    assert (sent["parallel_tool_calls"], sent["max_tokens"]) == (False, 9)
    assert sent["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "p", "schema": {}, "strict": True},
    }
    assert not sent.keys() & {"prompt_cache_key", "metadata", "input", "text"}


def test_what_chat_upstreams_know_by_the_same_or_another_name_reaches_them():
    include = ["message.output_text.logprobs", "reasoning.encrypted_content"]

    sent = chat_upstream(service_tier="flex", include=include, top_logprobs=2)

    assert (sent["service_tier"], sent["logprobs"], sent["top_logprobs"]) == ("flex", True, 2)
    assert not chat_upstream(service_tier="auto", top_logprobs=2).keys() & {
        "service_tier", "logprobs", "top_logprobs",
    }  # fmt: skip


def test_parts_of_every_kind_are_read():
    parts = [
        {"type": "input_text", "text": "See:"},
        {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JV"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "input_video", "video_url": "https://example.org/a.mp4"},
    ]

    sent = chat_upstream(input=[{"role": "user", "content": parts}])["messages"][0]["content"]

    assert [part["type"] for part in sent] == [
        "text", "image_url", "file", "input_audio", "video_url",
    ]  # fmt: skip


def test_a_custom_tool_is_a_function_of_one_string_for_others():
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: X"}
    call = {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "+é"}
    output = {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done."}

    sent = chat_upstream(
        input=[{"role": "user", "content": "Hi"}, call, output],
        tools=[{**PATCH, "format": grammar}],
        tool_choice={"type": "custom", "name": "apply_patch"},
    )

    function = sent["tools"][0]["function"]
    assert sent["tools"][0].keys() == {"type", "function"}
    assert function["parameters"]["required"] == ["input"]
    assert function["description"].startswith("Edits.")
    assert "start: X" in function["description"]
    assert sent["messages"][1]["tool_calls"][0]["function"] == {
        "name": "apply_patch", "arguments": '{"input":"+é"}',
    }  # fmt: skip
    assert sent["messages"][2]["tool_call_id"] == "c1"


def test_a_custom_tool_comes_back_as_it_was():
    call = {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "+é"}
    output = {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done."}
    request = decoded(input=[call, output], tools=[PATCH], tool_choice={"type": "custom", "name": "apply_patch"})  # fmt: skip

    sent = json.loads(RESPONSES.encode_request(request, "m", frozenset(), Quirks())[0])

    assert sent["input"] == [call, output]
    assert sent["tools"] == [PATCH]
    assert sent["tool_choice"] == {"type": "custom", "name": "apply_patch"}


def test_tools_of_a_namespace_are_functions_with_its_name_for_others():
    space = {"type": "namespace", "name": "docs", "description": "D.", "tools": [{"type": "function", "name": "find", "parameters": {}}, {"type": "function", "name": "read"}]}  # fmt: skip
    call = {"type": "function_call", "call_id": "c1", "name": "find", "arguments": "{}", "namespace": "docs"}  # fmt: skip
    fields = {"input": [call], "tools": [space, ADD]}

    sent = chat_upstream(**fields)
    again = json.loads(RESPONSES.encode_request(decoded(**fields), "m", frozenset(), Quirks())[0])

    names = [tool["function"]["name"] for tool in sent["tools"]]
    assert names == ["docs__find", "docs__read", "add"]
    assert sent["messages"][0]["tool_calls"][0]["function"]["name"] == "docs__find"
    assert (again["tools"], again["input"]) == ([space, ADD], [call])


def test_a_custom_tool_in_a_namespace_is_wrapped_as_well():
    space = {"type": "namespace", "name": "files", "description": "F.", "tools": [PATCH, {"type": "tool_search"}]}  # fmt: skip
    call = {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "+x", "namespace": "files"}  # fmt: skip
    fields = {"input": [call, {**OUTPUT, "call_id": "c1"}], "tools": [space]}

    sent = chat_upstream(**fields)
    again = json.loads(RESPONSES.encode_request(decoded(**fields), "m", frozenset(), Quirks())[0])

    (tool,) = sent["tools"]
    assert tool["function"]["name"] == "files__apply_patch"
    assert tool["function"]["parameters"]["required"] == ["input"]
    assert sent["messages"][0]["tool_calls"][0]["function"] == {
        "name": "files__apply_patch", "arguments": '{"input":"+x"}',
    }  # fmt: skip
    assert (again["tools"], again["input"][0]) == ([space], call)


LOCAL_CALL = {
    "type": "local_shell_call", "id": "lsh_1", "call_id": "c1", "status": "completed",
    "action": {"type": "exec", "command": ["ls", "-a"], "env": {}, "timeout_ms": None, "working_directory": "/x"},
}  # fmt: skip
UPDATE = {"type": "update_file", "path": "a.py", "diff": "@@\n-a\n+b\n"}
RAN = [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
# A tool, a call of it and its output; then the arguments and the text that others are told.
CLIENT_TOOLS = {
    "local_shell": (
        LOCAL_CALL,
        {"type": "local_shell_call_output", "id": "lsh_1", "output": "a.py"},
        {"command": ["ls", "-a"], "working_directory": "/x"},
        "a.py",
    ),
    "shell": (
        {"type": "shell_call", "call_id": "c1", "action": {"commands": ["ls"], "timeout_ms": 9}},
        {"type": "shell_call_output", "call_id": "c1", "output": RAN},
        {"commands": ["ls"], "timeout_ms": 9},
        json.dumps(RAN, separators=(",", ":")),
    ),
    "apply_patch": (
        {"type": "apply_patch_call", "call_id": "c1", "status": "completed", "operation": UPDATE},
        {"type": "apply_patch_call_output", "call_id": "c1", "status": "failed", "output": "No."},
        UPDATE,
        '{"status":"failed","output":"No."}',
    ),
}


SEARCH = {
    "type": "tool_search", "execution": "client", "description": "Finds tools.",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}, "limit": {"type": "number"}}},
}  # fmt: skip
FOUND = [
    {**ADD, "name": "mul"},
    ADD,
    {"type": "namespace", "name": "docs", "description": "", "tools": [{**ADD, "name": "find"}]},
]


def test_a_search_for_tools_is_a_function_and_what_it_finds_is_offered():
    """Codex has one; what came of it stands in the conversation."""
    call = {"type": "tool_search_call", "call_id": "c1", "execution": "client", "status": "completed", "arguments": {"query": "x"}}  # fmt: skip
    output = {"type": "tool_search_output", "call_id": "c1", "execution": "client", "status": "completed", "tools": FOUND}  # fmt: skip
    fields = {"input": [call, output], "tools": [ADD, SEARCH]}

    sent = chat_upstream(**fields)
    again = json.loads(RESPONSES.encode_request(decoded(**fields), "m", frozenset(), Quirks())[0])

    functions = [tool["function"] for tool in sent["tools"]]
    assert [f["name"] for f in functions] == ["add", "tool_search", "mul", "docs__find"]
    assert functions[1]["description"] == "Finds tools."
    assert functions[1]["parameters"] == SEARCH["parameters"]
    assert sent["messages"][0]["tool_calls"][0]["function"] == {
        "name": "tool_search", "arguments": '{"query":"x"}',
    }  # fmt: skip
    assert sent["messages"][1]["content"] == '{"found":["mul","add","docs__find"]}'
    assert (again["input"], again["tools"]) == ([call, output], [ADD, SEARCH])


def test_a_search_for_tools_by_the_provider_is_left_out_elsewhere():
    """There, all the tools that it could find are offered."""
    call = {"type": "tool_search_call", "call_id": None, "execution": "server", "arguments": {}}
    output = {"type": "tool_search_output", "call_id": None, "execution": "server", "tools": [ADD]}
    fields = {
        "input": [{"role": "user", "content": "Hi"}, call, output],
        "tools": [{**ADD, "defer_loading": True}, {"type": "tool_search"}],
    }

    sent = chat_upstream(**fields)

    assert [tool["function"]["name"] for tool in sent["tools"]] == ["add"]
    assert sent["messages"] == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("kind", CLIENT_TOOLS)
def test_shells_and_patches_are_functions_for_others(kind):
    call, output, arguments, text = CLIENT_TOOLS[kind]
    fields = {"input": [call, output], "tools": [{"type": kind}], "tool_choice": {"type": kind}}

    sent = chat_upstream(**fields)
    again = json.loads(RESPONSES.encode_request(decoded(**fields), "m", frozenset(), Quirks())[0])

    (tool,) = sent["tools"]
    assert (tool["type"], tool["function"]["name"]) == ("function", kind)
    assert arguments.keys() <= tool["function"]["parameters"]["properties"].keys()
    assert sent["tool_choice"] == {"type": "function", "function": {"name": kind}}
    (called,) = sent["messages"][0]["tool_calls"]
    assert (called["id"], called["function"]["name"]) == ("c1", kind)
    assert json.loads(called["function"]["arguments"]) == arguments
    assert sent["messages"][1] == {"role": "tool", "content": text, "tool_call_id": "c1"}
    assert again["input"] == [call, output]
    assert (again["tools"], again["tool_choice"]) == ([{"type": kind}], {"type": kind})


def test_a_shell_in_a_container_of_the_provider_is_no_function():
    with pytest.raises(UpstreamRejected, match="shell"):
        chat_upstream(tools=[{"type": "shell", "environment": {"type": "container_auto"}}])


def test_tools_that_an_item_brings_are_offered_to_others():
    brought = {"type": "additional_tools", "role": "developer", "tools": [{**ADD, "name": "mul"}, PATCH]}  # fmt: skip
    fields = {"input": [{"role": "user", "content": "Hi"}, brought], "tools": [ADD]}

    sent = chat_upstream(**fields)
    again = json.loads(RESPONSES.encode_request(decoded(**fields), "m", frozenset(), Quirks())[0])

    assert [tool["function"]["name"] for tool in sent["tools"]] == ["add", "mul", "apply_patch"]
    assert sent["messages"] == [{"role": "user", "content": "Hi"}]
    assert (again["tools"], again["input"]) == ([ADD], fields["input"])


def test_only_allowed_tools_are_offered_to_others():
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "add"}]}  # fmt: skip

    request = decoded(tools=[ADD, {**ADD, "name": "mul"}], tool_choice=allowed)

    assert [tool.name for tool in request.tools] == ["add"]
    assert request.tool_choice == ToolChoice(mode="required")


def test_a_search_is_left_out_for_who_cannot_and_other_hosted_tools_are_refused():
    sent = chat_upstream(tools=[{"type": "web_search"}], tool_choice="auto")

    assert not sent.keys() & {"tools", "tool_choice"}
    with pytest.raises(UpstreamRejected, match="code_interpreter"):
        chat_upstream(tools=[{"type": "code_interpreter", "container": {"type": "auto"}}])


@pytest.mark.parametrize(
    ("dialect", "model", "searches"),
    [
        ("openai_chat", "m", False),
        ("cohere_chat", "command-a", False),
        ("bedrock_converse", "anthropic.claude-haiku-4-5-v1:0", False),
        ("bedrock_converse", "amazon.nova-pro-v1:0", True),
        ("gemini", "gemini-2.5-pro", False),
        ("gemini", "gemini-3-pro-preview", True),
        ("anthropic_messages", "claude-haiku-4-5", True),
    ],
)
def test_a_search_beside_functions_does_not_keep_a_model_from_answering(dialect, model, searches):
    """Codex offers one in every request."""
    asked = head(tools=[ADD, {"type": "web_search"}])

    body, dropped = request_between(
        RESPONSES, DIALECTS[dialect], asked, model, frozenset(), Quirks()
    )

    assert b'"add"' in body
    assert (dropped & {"web_search"} == set()) is searches


def test_what_tools_of_the_provider_did_stays_with_the_provider():
    searched = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}}

    sent = chat_upstream(input=[{"role": "user", "content": "Hi"}, searched])

    assert sent["messages"] == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    "item",
    [
        {"summary": [], "encrypted_content": "gAAA", "id": "rs_1", "format": "xai-responses-v1"},
        {"summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}], "signature": "c2ln", "format": "anthropic-claude-v1"},
        {"summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "x"},
    ],
)  # fmt: skip
def test_thoughts_of_clients_are_read_with_their_family(item):
    reasoning = decoded(input=[{"type": "reasoning", **item}]).messages[0].reasoning

    assert {one.format for one in reasoning} == {item.get("format", "openai-responses-v1")}
    if "signature" in item:
        assert reasoning == (Reasoning(text="Hm.", signature="c2ln", format="anthropic-claude-v1"),)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
items = st.dictionaries(
    st.sampled_from(
        ["type", "role", "content", "call_id", "name", "arguments", "output", "summary",
         "encrypted_content", "input"]
    ),
    json_values
    | st.sampled_from(["message", "reasoning", "function_call", "function_call_output", "user"]),
    max_size=5,
)  # fmt: skip


@given(
    st.fixed_dictionaries(
        {"input": json_values | st.lists(items, max_size=3)},
        optional=dict.fromkeys(
            ("tools", "tool_choice", "reasoning", "text", "include", "instructions"), json_values
        ),
    )
)
def test_any_body_is_answered_or_refused(fields):
    try:
        read = head(**fields)
        RESPONSES.upstream_body(read, "m", frozenset({"tools"}), Quirks())
        request = RESPONSES.decode_request(read)
        for dialect in DIALECTS.values():
            json.loads(dialect.encode_request(request, "gpt-5", frozenset(), Quirks())[0])
    except (InvalidRequest, UpstreamRejected):
        return
