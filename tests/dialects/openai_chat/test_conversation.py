"""A chat body to the hub and back."""

import json

import msgspec
import pytest
from tests.conftest import recorded

from portico.dialects import Quirks
from portico.dialects.openai_chat.conversation import decode_request, encode_request
from portico.dialects.openai_chat.request import read_head, upstream_body
from portico.errors import InvalidRequest
from portico.vocabulary import File, Image, Reasoning, Text, ToolChoice, Unknown

OWN = Quirks(reasoning_field="reasoning")  # understands every field of this gateway


def decoded(**fields):
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return decode_request(read_head(json.dumps(body).encode()))


def test_parts_become_what_they_are():
    parts = [
        {"type": "text", "text": "see", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:x"}},
        {"type": "hologram", "hologram": {"depth": 3}},
        "plain",
    ]

    message = decoded(messages=[{"role": "user", "content": parts}]).messages[0]

    assert message.parts == (
        Text(text="see", cache_control={"type": "ephemeral"}),
        Image(url="https://example.org/a.png", detail="low"),
        File(filename="a.pdf", data="data:x"),
        Unknown(type="hologram", fields={"type": "hologram", "hologram": {"depth": 3}}),
        Text(text="plain"),
    )


def test_an_assistant_turn_keeps_calls_and_reasoning():
    turn = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": ""}}],
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "f", "index": 0}
        ],
    }  # fmt: skip

    message = decoded(messages=[turn]).messages[0]

    assert message.parts == ()
    assert (message.tool_calls[0].name, message.tool_calls[0].arguments) == ("add", "{}")
    assert message.reasoning == (Reasoning(text="hm", signature="c2ln", format="f", index=0),)


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ("any", ToolChoice(mode="required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(mode="named", name="f")),
    ],
)
def test_tool_choices(value, choice):
    assert decoded(tool_choice=value).tool_choice == choice


def test_allowed_tools_leave_only_those():
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", "g", "h")]
    allowed = {"mode": "required", "tools": [tools[2], tools[0]]}

    request = decoded(tools=tools, tool_choice={"type": "allowed_tools", "allowed_tools": allowed})

    assert [tool.name for tool in request.tools] == ["f", "h"]
    assert request.tool_choice == ToolChoice(mode="required")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": []}}}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"tools": [{"type": "function"}]}, r"tools\.0"),
        ({"tools": 5}, r"tools"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
         r"messages\.0\.content\.0"),
        ({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [4]}]},
         r"messages\.1\.tool_calls\.0"),
        ({"messages": [{"role": "assistant", "tool_calls": 4}]}, r"messages\.0"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": ["c"]}]}]},
         r"messages\.0\.tool_calls\.0\.id"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": {"a": 1}}}]}]},
         r"messages\.0\.tool_calls\.0\.name"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": {"c": 1}}]},
         r"messages\.0\.tool_call_id"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_the_clients_mistake_and_says_where(fields, path):
    with pytest.raises(InvalidRequest, match=rf"^{path}: ") as caught:
        decoded(**fields)

    assert "Error" not in caught.value.message
    assert "object" not in caught.value.message


@pytest.mark.parametrize("api", ["openrouter-chat", "openai-chat"])
def test_every_recorded_request_comes_back_with_the_same_meaning(api):
    checked = 0
    for record in recorded(api):
        request = (record.get("request") or {}).get("body")
        if not isinstance(request, dict) or record["response"]["status"] != 200:
            continue
        if not request.get("messages") or not (request.get("model") or request.get("models")):
            continue
        if "preset" in request:  # refused here
            continue
        once = decode_request(read_head(json.dumps(request).encode()))
        body, _ = encode_request(once, once.model or "m", frozenset(), OWN)
        twice = decode_request(read_head(body))
        assert twice == msgspec.structs.replace(once, model=once.model or "m"), record["id"]
        checked += 1
    assert checked > 500


def test_through_the_hub_an_upstream_gets_the_same_as_without_it():
    checked = 0
    for record in recorded("openai-chat"):
        request = (record.get("request") or {}).get("body")
        if not isinstance(request, dict) or record["response"]["status"] != 200:
            continue
        if not request.get("messages") or not request.get("model"):
            continue
        head = read_head(json.dumps(request).encode())
        patched = json.loads(upstream_body(head, "m", frozenset(), Quirks())[0])
        rebuilt = json.loads(encode_request(decode_request(head), "m", frozenset(), Quirks())[0])
        empty = (None, [], False)
        assert rebuilt.keys() >= {k for k, v in patched.items() if v not in empty}, record["id"]
        assert patched.keys() >= rebuilt.keys(), record["id"]
        assert [m["role"] for m in rebuilt["messages"]] == [
            "tool" if m["role"] == "function" else m["role"] for m in patched["messages"]
        ], record["id"]  # fmt: skip
        checked += 1
    assert checked > 300
