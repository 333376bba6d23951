"""Chat requests as bodies of the Messages API, and the names of what was dropped."""

import base64
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import SHARED, recorded

from portico.dialects import DIALECTS, Quirks
from portico.dialects.anthropic_messages.schema import closed_schema
from portico.errors import InvalidRequest, UpstreamRejected

CHAT, MESSAGES = DIALECTS["openai_chat"], DIALECTS["anthropic_messages"]
PNG = "data:image/png;base64,iVBORw0KGgo="
HI = [{"role": "user", "content": "Hi"}]
ADD = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
EPHEMERAL = {"type": "ephemeral"}


def encoded(
    messages=HI, *, model="claude-sonnet-4-5", supported=frozenset(), quirks=None, **fields
):
    """The native body for a chat request and what was dropped, as a sorted list."""
    chat = {"model": "anthropic/x", "messages": messages, **fields}
    request = CHAT.decode_request(CHAT.read_head(json.dumps(chat).encode()))
    body, dropped = MESSAGES.encode_request(request, model, supported, quirks or Quirks())
    return json.loads(body), sorted(dropped)


def native(messages=HI, **fields):
    return encoded(messages, **fields)[0]


def call(call_id, name="add", arguments="{}"):
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def assistant(*calls, **fields):
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **fields}


def result(call_id, content="ok", **fields):
    return {"role": "tool", "tool_call_id": call_id, "content": content, **fields}


def blocks(turn):
    return [block["type"] for block in turn["content"]]


def test_a_plain_request_gets_only_the_output_cap_that_the_api_insists_on():
    body, dropped = encoded(model="claude-haiku-4-5-20251001")

    assert body == {
        "model": "claude-haiku-4-5-20251001",
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }
    assert dropped == []


@pytest.mark.parametrize(
    ("sent", "endpoint_limit", "cap"),
    [
        ({"max_tokens": 5}, 4096, 5),
        ({"max_tokens": 5, "max_completion_tokens": 6}, None, 6),
        ({}, 4096, 4096),
        ({}, None, 8192),
    ],
)
def test_the_clients_cap_wins_over_the_endpoints_over_the_models(sent, endpoint_limit, cap):
    body = native(
        model="claude-3-5-haiku-20241022",
        quirks=Quirks(output_limit_tokens=endpoint_limit),
        **sent,
    )

    assert body["max_tokens"] == cap


# --- turns --------------------------------------------------------------------------


def test_system_and_developer_messages_stand_before_the_conversation():
    body = native(
        [
            {"role": "system", "content": "Be brief."},
            *HI,
            {"role": "developer", "content": "Be kind."},
        ]
    )

    assert [block["text"] for block in body["system"]] == ["Be brief.", "Be kind."]
    assert [turn["role"] for turn in body["messages"]] == ["user"]


def test_models_that_take_system_messages_anywhere_get_them_where_they_stood():
    messages = [*HI, {"role": "assistant", "content": "Yes?"}, *HI]
    messages.append({"role": "system", "content": "Be brief."})

    body = native(messages, model="claude-opus-4-8")

    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user", "system"]


@pytest.mark.parametrize("before", [HI, [*HI, assistant(call("a"))]], ids=["user", "call"])
def test_a_system_message_never_parts_a_call_from_its_result(before):
    messages = [*before, {"role": "system", "content": "Be brief."}, result("a")]

    body = native(messages, model="claude-opus-4-8")

    assert body["system"] == "Be brief."
    assert "system" not in [turn["role"] for turn in body["messages"]]


def test_system_messages_alone_become_a_user_turn():
    body = native([{"role": "system", "content": "Say hi."}])

    assert "system" not in body
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Say hi."}]}]


def test_turns_of_the_same_role_are_merged_and_results_stand_first():
    body = native(
        [
            *HI,
            {"role": "user", "content": "again"},
            assistant(call("a"), call("b")),
            {"role": "user", "content": "meanwhile"},
            result("a"),
            result("b"),
        ]
    )

    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert blocks(body["messages"][0]) == ["text", "text"]
    assert blocks(body["messages"][1]) == ["tool_use", "tool_use"]
    assert blocks(body["messages"][2]) == ["tool_result", "tool_result", "text"]


def test_blank_texts_and_turns_are_left_out():
    body = native([*HI, {"role": "assistant", "content": " \n"}, {"role": "user", "content": "Yo"}])

    assert [block["text"] for block in body["messages"][0]["content"]] == ["Hi", "Yo"]
    assert len(body["messages"]) == 1


def test_names_of_speakers_stand_before_their_text():
    body = native([{"role": "user", "name": "ana", "content": "Hi"}])

    assert body["messages"][0]["content"][0]["text"] == "ana: Hi"


def test_a_trailing_assistant_message_stays_a_prefill():
    body = native([*HI, {"role": "assistant", "content": "He"}])

    assert body["messages"][-1] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "He"}],
    }


# --- tools --------------------------------------------------------------------------


def test_arguments_travel_byte_for_byte_as_an_object():
    arguments = '{"n": 1.0, "big": 12345678901234567890, "e": 1e2}'
    chat = {"model": "m", "messages": [*HI, assistant(call("a", arguments=arguments)), result("a")]}
    request = CHAT.decode_request(CHAT.read_head(json.dumps(chat).encode()))

    body, _ = MESSAGES.encode_request(request, "claude-sonnet-4-5", frozenset(), Quirks())

    assert b'"input":' + arguments.encode() in body


@pytest.mark.parametrize(
    ("arguments", "parsed"),
    [("", {}), ("null", {}), ("[1]", {"arguments": [1]}), ('{"a', {"arguments": '{"a'})],
)
def test_arguments_that_are_no_object_are_wrapped_in_one(arguments, parsed):
    body = native([*HI, assistant(call("a", arguments=arguments)), result("a")])

    assert body["messages"][1]["content"][0]["input"] == parsed


def test_foreign_call_ids_are_rewritten_the_same_way_for_call_and_result():
    foreign = ["functions.add:0", "functions.add:1", "toolu_01Ab-c", ""]

    body = native([*HI, assistant(*map(call, foreign)), *map(result, foreign)])
    again = native([*HI, assistant(*map(call, foreign)), *map(result, foreign)])
    calls = [block["id"] for block in body["messages"][1]["content"]]
    results = [block["tool_use_id"] for block in body["messages"][2]["content"]]

    assert calls == results
    assert len(set(calls)) == 4
    assert calls[2] == "toolu_01Ab-c"
    assert all(id_.replace("_", "").replace("-", "").isalnum() for id_ in calls)
    assert body == again


def test_an_id_that_comes_again_in_a_later_turn_gets_its_own():
    turns = [assistant(call("0")), result("0", "one"), assistant(call("0")), result("0", "two")]

    body = native([*HI, *turns])
    first, second = (body["messages"][n]["content"][0]["id"] for n in (1, 3))
    answers = [body["messages"][n]["content"][0]["tool_use_id"] for n in (2, 4)]

    assert first != second
    assert answers == [first, second]


def test_results_carry_images_and_whether_they_are_errors():
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": PNG}}]

    body = native([*HI, assistant(call("a")), result("a", parts, is_error=True)])
    block = body["messages"][2]["content"][0]

    assert [part["type"] for part in block["content"]] == ["text", "image"]
    assert block["is_error"] is True


def test_tools_are_written_in_the_apis_own_form():
    function = {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}
    tools = [
        {"type": "function", "function": {**function, "strict": True}, "cache_control": EPHEMERAL},
        {"type": "function", "function": {"name": "now"}},
        {"type": "code_execution_20260120", "name": "code_execution"},
        {"type": "openrouter:web_search", "parameters": {"max_uses": 2, "engine": "native"}},
    ]

    assert native(tools=tools)["tools"] == [
        {
            "name": "add",
            "description": "Adds.",
            "input_schema": {"type": "object"},
            "strict": True,
            "cache_control": EPHEMERAL,
        },
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        {"type": "code_execution_20260120", "name": "code_execution"},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
    ]
    assert "strict" not in native(tools=tools, model="claude-sonnet-4-0")["tools"][0]


def test_a_tool_that_nobody_runs_is_refused_by_name():
    with pytest.raises(UpstreamRejected, match="openrouter:bash"):
        encoded(tools=[{"type": "openrouter:bash"}])


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": ADD}, {"type": "tool", "name": "add"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": True}, None),
        ({}, None),
    ],
)
def test_tool_choices(fields, choice):
    assert native(tools=[ADD], **fields).get("tool_choice") == choice


def test_a_tool_choice_without_tools_is_not_sent():
    assert "tool_choice" not in native(tool_choice="none")


# --- media --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
            },
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,/9j/"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/"}},
        ),
        (
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
            },
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
                "title": "a.pdf",
            },
        ),
        (
            {"type": "file", "file": {"file_data": "https://example.org/a.pdf"}},
            {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/csv,a%2Cb"}},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "a,b"},
            },
        ),
        (
            {"type": "file", "file": {"file_data": PNG, "filename": "a.png"}},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
            },
        ),
        (
            {"type": "file", "file": {"file_id": "file_01"}},
            {"type": "document", "source": {"type": "file", "file_id": "file_01"}},
        ),
    ],
)  # fmt: skip
def test_images_and_documents(part, block):
    body = native([{"role": "user", "content": [{"type": "text", "text": "See:"}, part]}])

    assert body["messages"][0]["content"][1] == block


def test_audio_and_video_are_left_out_and_named():
    parts = [
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
        {"type": "hologram", "depth": 3},
        {"type": "text", "text": "Hi"},
    ]

    body, dropped = encoded([{"role": "user", "content": parts}])

    assert blocks(body["messages"][0]) == ["text"]
    assert dropped == ["hologram", "input_audio", "video_url"]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "s3://bucket/cat.png"}},
        {"type": "file", "file": {"file_data": "gs://bucket/a.pdf"}},
    ],
)
def test_an_address_that_only_another_provider_reads_is_refused_and_not_taken_for_base64(part):
    with pytest.raises(UpstreamRejected, match="fetches nothing from"):
        encoded([{"role": "user", "content": [part]}])


# --- prompt caching -----------------------------------------------------------------


def test_markers_on_parts_messages_and_calls_are_forwarded():
    cached = {"type": "ephemeral", "ttl": "1h"}
    body = native(
        [
            {"role": "system", "content": "Long.", "cache_control": cached},
            {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": EPHEMERAL}]},
            assistant({**call("a"), "cache_control": EPHEMERAL}),
            result("a", cache_control=EPHEMERAL),
        ]
    )  # fmt: skip

    assert body["system"][0]["cache_control"] == cached
    assert [turn["content"][-1]["cache_control"] for turn in body["messages"]] == [EPHEMERAL] * 3


@pytest.mark.parametrize(("automatic", "kept"), [(False, [2, 3, 4, 5]), (True, [3, 4, 5])])
def test_only_the_last_four_breakpoints_are_kept(automatic, kept):
    parts = [{"type": "text", "text": str(n), "cache_control": EPHEMERAL} for n in range(6)]
    fields = {"cache_control": EPHEMERAL} if automatic else {}

    body = native([{"role": "user", "content": parts}], **fields)
    content = body["messages"][0]["content"]

    assert [n for n, block in enumerate(content) if "cache_control" in block] == kept
    assert ("cache_control" in body) is automatic


# --- sampling and output ------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "sent", "kept", "dropped"),
    [
        ("claude-3-5-haiku-latest", {"temperature": 1.7, "top_p": 0.5}, {"temperature": 1, "top_p": 0.5}, []),
        ("claude-sonnet-4-5", {"temperature": 0.2, "top_p": 0.5, "top_k": 3}, {"temperature": 0.2, "top_k": 3}, ["top_p"]),
        ("claude-sonnet-4-5", {"top_p": 0.5}, {"top_p": 0.5}, []),
        ("claude-opus-4-7", {"temperature": 0.2, "top_k": 3}, {}, ["temperature", "top_k"]),
    ],
)  # fmt: skip
def test_samplers_are_cut_or_dropped_as_the_model_takes_them(model, sent, kept, dropped):
    body, names = encoded(model=model, **sent)

    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == kept
    assert names == dropped


def test_what_the_api_does_not_have_is_dropped_and_named():
    sent = {
        "seed": 1, "min_p": 0.1, "top_a": 0.1, "frequency_penalty": 1, "presence_penalty": 1,
        "repetition_penalty": 1.1, "logprobs": True, "logit_bias": {"1": 2},
    }  # fmt: skip

    body, dropped = encoded(**sent, safe_prompt=True, structured_outputs=True)

    assert body.keys() == {"model", "max_tokens", "messages"}
    assert dropped == sorted(sent)


def test_what_the_endpoint_does_not_list_is_dropped_and_named():
    schema = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}
    sent = {"temperature": 0.5, "stop": "X", "tools": [ADD], "response_format": schema}

    body, dropped = encoded(supported=frozenset({"max_tokens", "temperature"}), **sent)

    assert body.keys() == {"model", "max_tokens", "messages", "temperature"}
    assert dropped == ["response_format", "stop", "tools"]


def test_stop_sequences_that_are_blank_are_refused_by_the_api_and_dropped():
    body, dropped = encoded(stop=["END", "\n"])

    assert body["stop_sequences"] == ["END"]
    assert dropped == ["stop"]


def test_a_json_schema_becomes_the_native_format_where_the_model_has_it():
    schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}}
    wish = {"type": "json_schema", "json_schema": {"name": "p", "strict": True, "schema": schema}}

    body, dropped = encoded(response_format=wish)
    old, missing = encoded(response_format=wish, model="claude-sonnet-4-0")

    assert body["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"age": {"type": "integer", "description": "{minimum: 0}"}},
                "additionalProperties": False,
            },
        }
    }
    assert dropped == []
    assert "output_config" not in old
    assert missing == ["response_format"]


def test_schemas_are_closed_everywhere_and_those_that_fit_come_back_equal():
    inner = {"type": "object", "properties": {}}
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": inner, "minItems": 3}},
        "anyOf": [inner],
        "$defs": {"x": {"type": ["object", "null"], "description": "An x."}},
    }

    closed = closed_schema(schema)

    assert closed["properties"]["a"]["items"]["additionalProperties"] is False
    assert closed["properties"]["a"]["description"] == "{minItems: 3}"
    assert closed["anyOf"][0]["additionalProperties"] is False
    assert closed["$defs"]["x"]["additionalProperties"] is False
    assert closed_schema(closed) == closed


def test_json_without_a_schema_is_dropped_and_named():
    assert encoded(response_format={"type": "json_object"})[1] == ["response_format"]
    assert encoded(response_format={"type": "text"})[1] == []


@pytest.mark.parametrize(
    ("model", "config", "dropped"),
    [
        ("claude-opus-4-6", {"effort": "max"}, []),
        ("claude-opus-4-7", {"effort": "xhigh"}, []),
        ("claude-sonnet-4-5", None, ["verbosity"]),
    ],
)
def test_verbosity_is_the_effort(model, config, dropped):
    body, names = encoded(model=model, verbosity="xhigh")

    assert body.get("output_config") == config
    assert names == dropped


def test_user_tier_and_native_members_are_carried():
    body = native(
        user="u-1", service_tier="default", container="c_1", metadata={"a": "b"}, stream=True
    )

    assert body["metadata"] == {"user_id": "u-1"}
    assert (body["service_tier"], body["container"], body["stream"]) == (
        "standard_only",
        "c_1",
        True,
    )


# --- thinking -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "wish", "cap", "thinking", "effort"),
    [
        ("claude-sonnet-4-5", {"effort": "medium"}, 10_000, {"type": "enabled", "budget_tokens": 5000}, None),
        ("claude-sonnet-4-5", {"effort": "max"}, 10_000, {"type": "enabled", "budget_tokens": 9500}, None),
        ("claude-sonnet-4-5", {"effort": "minimal"}, 4000, {"type": "enabled", "budget_tokens": 1024}, None),
        ("claude-sonnet-4-5", {"enabled": True}, 10_000, {"type": "enabled", "budget_tokens": 5000}, None),
        ("claude-sonnet-4-5", {"effort": "high"}, None, {"type": "enabled", "budget_tokens": 51_200}, None),
        ("claude-sonnet-4-5", {"max_tokens": 100}, 4000, {"type": "enabled", "budget_tokens": 1024}, None),
        ("claude-sonnet-4-5", {"max_tokens": 9000}, 4000, {"type": "enabled", "budget_tokens": 3999}, None),
        ("claude-sonnet-4-5", {"effort": "none"}, None, None, None),
        ("claude-sonnet-4-5", {"exclude": True}, None, None, None),
        ("claude-opus-4-6", {"effort": "xhigh"}, None, {"type": "adaptive"}, "max"),
        ("claude-opus-4-6", {"max_tokens": 2000}, 4000, {"type": "enabled", "budget_tokens": 2000}, None),
        ("claude-opus-4-7", {"effort": "minimal"}, None, {"type": "adaptive", "display": "summarized"}, "low"),
        ("claude-opus-4-7", {"effort": "xhigh"}, None, {"type": "adaptive", "display": "summarized"}, "xhigh"),
        ("claude-opus-4-7", {"max_tokens": 2000}, 4000, {"type": "adaptive", "display": "summarized"}, "medium"),
        ("claude-opus-4-7", {"effort": "low", "exclude": True}, None, {"type": "adaptive", "display": "omitted"}, "low"),
        ("claude-opus-4-7", {"enabled": False}, None, {"type": "disabled"}, None),
    ],
)  # fmt: skip
def test_the_wish_to_think_in_the_models_own_terms(model, wish, cap, thinking, effort):
    body, dropped = encoded(model=model, reasoning=wish, **({"max_tokens": cap} if cap else {}))

    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort
    assert dropped == []


@pytest.mark.parametrize("cap", [1025, 2000, 4096, 64_000, 500_000])
@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high", "xhigh", "max"])
def test_the_cap_is_always_strictly_above_the_budget(effort, cap):
    body = native(reasoning={"effort": effort}, max_tokens=cap)

    assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"] == cap


def test_a_cap_without_room_for_thinking_is_refused_with_the_numbers():
    with pytest.raises(UpstreamRejected, match=r"max_tokens: 1024 .* 1024 tokens") as refused:
        encoded(reasoning={"effort": "low"}, max_tokens=1024)

    assert refused.value.status == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "claude-3-5-haiku-20241022"},
        {"tools": [ADD], "tool_choice": "required"},
        {"supported": frozenset({"max_tokens", "temperature"})},
        {"messages": [*HI, assistant(call("a")), result("a")]},
    ],
    ids=["model", "forced-tool", "endpoint", "unsigned-tool-loop"],
)
def test_thinking_that_would_be_refused_is_dropped_and_named(fields):
    body, dropped = encoded(reasoning={"effort": "high"}, **fields)

    assert "thinking" not in body
    assert "reasoning" in dropped


def test_adaptive_thinking_goes_with_a_forced_tool():
    body = native(
        model="claude-opus-4-6", reasoning={"effort": "high"}, tools=[ADD], tool_choice="required"
    )

    assert body["thinking"] == {"type": "adaptive"}


def test_samplers_that_thinking_refuses_are_dropped_and_named():
    sent = {"temperature": 0.2, "top_k": 5, "reasoning": {"effort": "low"}}

    body, dropped = encoded(model="claude-sonnet-4-0", **sent)
    kept = native(model="claude-sonnet-4-0", **{**sent, "temperature": 1, "top_p": 0.97})

    assert not body.keys() & {"temperature", "top_k"}
    assert dropped == ["temperature", "top_k"]
    assert (kept["temperature"], kept["top_p"]) == (1, 0.97)


def detail(kind="text", **fields):
    return {"type": f"reasoning.{kind}", "format": "anthropic-claude-v1", "index": 0, **fields}


def test_signed_thinking_is_rebuilt_byte_for_byte_from_its_pieces():
    signature = "Es8D+/CkY==\u00e9 "
    details = [
        detail(text="Two and "),
        detail(text="three."),
        detail(signature=signature),
        detail("encrypted", data="b3BhcXVl+/="),
        detail(signature="only"),
    ]

    body = native([*HI, assistant(call("a"), reasoning_details=details), result("a")])

    assert body["messages"][1]["content"][:3] == [
        {"type": "thinking", "thinking": "Two and three.", "signature": signature},
        {"type": "redacted_thinking", "data": "b3BhcXVl+/="},
        {"type": "thinking", "thinking": "", "signature": "only"},
    ]


@pytest.mark.parametrize(
    "details",
    [
        [detail(text="hm", signature="c2ln") | {"format": "google-gemini-v1"}],
        [detail("encrypted", data="eA==", id="rs_1") | {"format": "openai-responses-v1"}],
        [detail("summary", summary="Short.") | {"format": "xai-responses-v1"}],
        [detail(text="hm") | {"format": "unknown"}],
        [{"type": "reasoning.text", "text": "hm", "signature": "c2ln"}],
        [detail(text="never signed")],
    ],
)
def test_reasoning_of_another_family_or_without_a_signature_is_not_replayed(details):
    turn = {"role": "assistant", "content": "Five.", "reasoning_details": details}

    body = native([*HI, turn, *HI])

    assert blocks(body["messages"][1]) == ["text"]


def test_thinking_stays_on_in_a_tool_loop_that_was_signed():
    turn = assistant(call("a"), reasoning_details=[detail(text="hm", signature="c2ln")])

    body = native([*HI, turn, result("a")], reasoning={"effort": "low"})

    assert body["thinking"]["type"] == "enabled"


def test_what_the_providers_own_tools_did_is_replayed_between_thinking_and_text():
    parts = [
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []},
        {"type": "somebody_elses"},
    ]
    turn = {
        "role": "assistant",
        "content": "Found.",
        "content_parts": parts,
        "reasoning_details": [detail(text="hm", signature="c2ln")],
    }

    body = native([*HI, turn, *HI])

    assert blocks(body["messages"][1]) == [
        "thinking", "server_tool_use", "web_search_tool_result", "text",
    ]  # fmt: skip


def test_what_only_this_api_reads_back_is_not_sent_to_a_chat_provider():
    turn = {"role": "assistant", "content": "Hi", "content_parts": [{}], "citations": [{}]}
    sent = json.dumps({"model": "m", "messages": [*HI, turn]}).encode()

    upstream, _ = CHAT.upstream_body(CHAT.read_head(sent), "m", frozenset(), Quirks())

    assert json.loads(upstream)["messages"][1] == {"role": "assistant", "content": "Hi"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
parts = st.dictionaries(
    st.sampled_from(["type", "text", "image_url", "file", "url", "file_data", "cache_control"]),
    st.sampled_from(["text", "image_url", "file", "data:,", "data:text/plain;base64,\xff"])
    | json_values,
)
turns = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
    optional={
        "content": st.text(max_size=5) | st.lists(parts, max_size=3),
        "tool_calls": json_values,
        "tool_call_id": json_values,
        "reasoning_details": json_values,
        "cache_control": json_values,
        "content_parts": json_values,
        "name": json_values,
    },
)


@given(
    st.lists(turns, min_size=1, max_size=5),
    st.dictionaries(
        st.sampled_from(
            ["tools", "response_format", "output_config", "service_tier", "cache_control"]
        ),
        json_values,
    ),
)
def test_a_request_is_written_or_refused_but_never_crashes(messages, fields):
    try:
        body = native(messages, **fields)
    except (InvalidRequest, UpstreamRejected) as refused:
        body = {"error": refused.message}

    assert body.keys() >= {"model", "max_tokens", "messages"} or body["error"]


# --- recordings ---------------------------------------------------------------------


def test_every_recorded_chat_request_has_a_native_form_with_the_same_texts_and_calls():
    checked = 0
    for record in recorded("openrouter-chat"):
        request = (record.get("request") or {}).get("body")
        if not isinstance(request, dict) or "claude" not in str(request.get("model")):
            continue
        if not request.get("messages") or record["response"]["status"] != 200:
            continue
        if any(
            str(tool.get("type")).startswith("openrouter:") for tool in request.get("tools") or ()
        ):
            continue
        body, _ = encoded(**{**request, "model": "claude-sonnet-4-5"})
        roles = [turn["role"] for turn in body["messages"]]
        assert all(a != b for a, b in pairwise(roles)), record["id"]
        wanted = [
            c["function"]["name"] for m in request["messages"] for c in m.get("tool_calls") or ()
        ]
        sent = [b for turn in body["messages"] for b in turn["content"]]
        assert [b["name"] for b in sent if b["type"] == "tool_use"] == wanted, record["id"]
        ids = {b["id"] for b in sent if b["type"] == "tool_use"}
        assert {b["tool_use_id"] for b in sent if b["type"] == "tool_result"} <= ids, record["id"]
        checked += 1
    assert checked > 100


def meaning(body):
    """Turns of a native request without ids, signatures and what differs between runs."""
    turns = []
    for turn in body["messages"]:
        content = turn["content"]
        found = [{"type": "text", "text": content}] if isinstance(content, str) else content
        turns.append((turn["role"], [kind_and_text(block) for block in found]))
    return turns


def kind_and_text(block):
    if block["type"] == "tool_use":
        return ("tool_use", block["name"])
    return (block["type"],)


def test_pairs_mean_the_same_as_the_recorded_native_request():
    native_requests = {r["id"]: r.get("request") for r in recorded("anthropic-messages")}
    chat_requests = {r["id"]: r.get("request") for r in recorded("openrouter-chat")}
    pairs = json.loads((SHARED / "corpus" / "pairs.json").read_text())
    checked = alike = 0
    for pair in pairs:
        theirs = (native_requests.get(pair["native"]) or {}).get("body")
        mine = (chat_requests.get(pair["openrouter"]) or {}).get("body")
        if pair["grade"] == "C" or not isinstance(theirs, dict) or not isinstance(mine, dict):
            continue
        body, _ = encoded(**{**mine, "model": theirs.get("model") or "claude-haiku-4-5"})
        tools = [tool["name"] for tool in theirs.get("tools") or ()]
        assert [tool["name"] for tool in body.get("tools") or ()] == tools, pair["openrouter"]
        assert bool(body.get("system")) == bool(theirs.get("system")), pair["openrouter"]
        wanted = [tool["input_schema"].get("properties") for tool in theirs.get("tools") or ()]
        sent = [tool["input_schema"].get("properties") for tool in body.get("tools") or ()]
        assert sent == wanted, pair["openrouter"]
        if [len(mine) for _, mine in meaning(body)] == [len(t) for _, t in meaning(theirs)]:
            assert meaning(body) == meaning(theirs), pair["openrouter"]
            alike += 1
        checked += 1
    assert checked > 50
    assert alike > 50


def test_text_that_is_not_base64_in_a_text_file_stays_as_it_is():
    data = "data:text/plain;base64," + base64.b64encode(b"\xff\xfe").decode()

    body = native([{"role": "user", "content": [{"type": "file", "file": {"file_data": data}}]}])

    assert body["messages"][0]["content"][0]["source"]["type"] == "base64"
