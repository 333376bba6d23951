"""Chat requests as Converse bodies: what each member becomes, and what has to be dropped."""

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.bedrock_converse.samples import CLAUDE, NOVA

from portico.dialects import DIALECTS
from portico.dialects.base import Quirks
from portico.dialects.bedrock_converse import DIALECT
from portico.dialects.bedrock_converse.names import (
    decode_tool_name,
    encode_tool_name,
    family_of,
    path,
)
from portico.errors import InvalidRequest, UpstreamRejected
from portico.jsonio import dumps, loads

OPUS = "global.anthropic.claude-opus-4-6-v1:0"
OLD = "anthropic.claude-3-sonnet-20240229-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
QWEN = "qwen.qwen3-32b-v1:0"
KIMI = "moonshot.kimi-k2-thinking"
LLAMA = "us.meta.llama4-maverick-17b-instruct-v1:0"
HI = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
MARK = {"type": "ephemeral"}


def sent(model: str = CLAUDE, messages: list | None = None, **fields) -> tuple[dict, set[str]]:
    """The body for `model`, and what was dropped."""
    chat = DIALECTS["openai_chat"]
    head = chat.read_head(dumps({"model": "m", "messages": messages or HI, **fields}))
    body, dropped = DIALECT.encode_request(chat.decode_request(head), model, frozenset(), Quirks())
    return loads(body), set(dropped)


def content(*parts: dict, model: str = CLAUDE) -> list[dict]:
    body, _ = sent(model, [{"role": "user", "content": list(parts)}])
    return body["messages"][0]["content"]


def url(value: str, kind: str = "image_url") -> dict:
    return {"type": kind, kind: {"url": value}}


def file(**fields: str) -> dict:
    return {"type": "file", "file": fields}


def test_a_plain_question_is_one_turn_and_nothing_else():
    assert sent() == ({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}, set())


def test_system_messages_stand_apart_and_turns_of_one_role_are_merged():
    body, _ = sent(
        messages=[
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "a"},
            {"role": "user", "content": "b", "name": "Ann"},
            {"role": "assistant", "content": "c"},
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "  "},
            {"role": "user", "content": "d"},
        ]
    )

    assert body["system"] == [{"text": "Be kind."}, {"text": "Be brief."}]
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "a"}, {"text": "Ann: b"}]},
        {"role": "assistant", "content": [{"text": "c"}]},
        {"role": "user", "content": [{"text": "d"}]},
    ]


def test_system_messages_alone_become_a_question():
    body, _ = sent(messages=[{"role": "system", "content": "Go."}])

    assert body == {"messages": [{"role": "user", "content": [{"text": "Go."}]}]}


def test_calls_and_results_keep_their_pairs_and_results_come_first():
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": n, "arguments": a}}
        for n, a in (("a", '{"x": 1.0}'), ("b", ""), ("c", "[1]"))
    ]
    body, _ = sent(
        messages=[
            *HI,
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "user", "content": "and"},
            {"role": "tool", "tool_call_id": "call_b", "content": "two"},
            {"role": "tool", "tool_call_id": "call_a", "content": "", "is_error": True},
        ],
        tools=[TOOL],
    )

    uses = [block["toolUse"] for block in body["messages"][1]["content"]]
    assert [(use["toolUseId"], use["name"], use["input"]) for use in uses] == [
        ("call_a", "a", {"x": 1.0}),
        ("call_b", "b", {}),
        ("call_c", "c", {"arguments": [1]}),
    ]
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "call_b", "content": [{"text": "two"}]}},
        {
            "toolResult": {
                "toolUseId": "call_a",
                "content": [{"text": "(no output)"}],
                "status": "error",
            }
        },
        {"text": "and"},
    ]


@pytest.mark.parametrize(
    ("model", "native", "taken"),
    [
        (CLAUDE, "toolu_01", "toolu_01"),
        (CLAUDE, "functions.add:0", None),
        (CLAUDE, "x" * 70, None),
        (KIMI, "functions.add:0", "functions.add:0"),
        (KIMI, "a b", None),
    ],
)
def test_ids_of_calls_are_made_acceptable_together_with_their_results(model, native, taken):
    call = {"id": native, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body, _ = sent(
        model,
        [
            *HI,
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": native, "content": "x"},
        ],
    )

    made = body["messages"][1]["content"][0]["toolUse"]["toolUseId"]
    assert body["messages"][2]["content"][0]["toolResult"]["toolUseId"] == made
    assert made == taken if taken else made != native
    assert len(made) <= 64


@given(st.text(min_size=1, max_size=12))
def test_a_tools_name_is_made_acceptable_and_found_again(name):
    try:
        encoded = encode_tool_name(name)
    except UpstreamRejected:
        assert len(name) * 9 > 64
        return

    assert decode_tool_name(encoded) == name
    assert encoded.replace("-", "").replace("_", "").isalnum() or set(encoded) <= {"-", "_"}
    assert encoded.isascii()


@pytest.mark.parametrize("name", ["a_x2E_b", "_x5F_", "x2E_", "files_x", "get-weather", "ns.tool"])
def test_names_that_look_escaped_come_back_too(name):
    assert decode_tool_name(encode_tool_name(name)) == name


def test_a_name_that_is_too_long_is_refused_by_name():
    tool = {"type": "function", "function": {"name": "f" * 65}}

    with pytest.raises(UpstreamRejected, match="ffff"):
        sent(tools=[tool])


def test_tools_are_specifications():
    tool = {
        "type": "function",
        "function": {
            "name": "ns.add",
            "description": "Adds",
            "parameters": {"type": "object", "properties": {"a": {"type": "number"}}},
            "strict": True,
        },
    }
    expected = {
        "name": "ns_x2E_add",
        "description": "Adds",
        "inputSchema": {"json": tool["function"]["parameters"]},
    }

    strict, _ = sent(tools=[tool])
    loose, _ = sent(NOVA, tools=[tool])

    assert strict["toolConfig"] == {"tools": [{"toolSpec": {**expected, "strict": True}}]}
    assert loose["toolConfig"] == {"tools": [{"toolSpec": expected}]}


@pytest.mark.parametrize(
    ("choice", "native"),
    [
        ("auto", None),
        ("required", {"any": {}}),
        ({"type": "function", "function": {"name": "f"}}, {"tool": {"name": "f"}}),
    ],
)
def test_the_choice_of_a_tool(choice, native):
    body, dropped = sent(tools=[TOOL], tool_choice=choice)

    assert body["toolConfig"].get("toolChoice") == native
    assert dropped == set()


def test_no_tools_at_all_means_none_are_offered_unless_the_history_has_some():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        *HI,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ]

    plain, _ = sent(tools=[TOOL], tool_choice="none")
    bound, dropped = sent(messages=history, tools=[TOOL], tool_choice="none")
    declared, _ = sent(messages=history)

    assert "toolConfig" not in plain
    assert len(bound["toolConfig"]["tools"]) == 1
    assert dropped == {"tool_choice"}
    assert declared["toolConfig"] == {
        "tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]
    }


def test_a_search_of_the_web_is_novas_own_tool_and_nobody_elses():
    search = {"type": "web_search"}

    body, _ = sent(NOVA, tools=[search])

    assert body["toolConfig"] == {"tools": [{"systemTool": {"name": "nova_grounding"}}]}
    with pytest.raises(UpstreamRejected, match="web_search"):
        sent(tools=[search])


def test_media_become_blocks():
    pdf = "data:application/pdf;base64,JVBERg=="

    blocks = content(
        {"type": "text", "text": "See"},
        url("data:image/jpg;base64,aGk="),
        url("s3://bucket/cat.webp"),
        file(filename="My report_v2.pdf", file_data=pdf),
        file(filename="My report_v2.pdf", file_data=pdf),
        file(filename="notes.md", file_data="data:text/markdown,Hi"),
        file(filename="a.json", file_data="data:application/json;base64,e30="),
        file(file_data="data:image/png;base64,aGk="),
        url("data:video/quicktime;base64,aGk=", "video_url"),
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
    )

    assert blocks == [
        {"text": "See"},
        {"image": {"format": "jpeg", "source": {"bytes": "aGk="}}},
        {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://bucket/cat.webp"}}}},
        {"document": {"format": "pdf", "name": "My report-v2", "source": {"bytes": "JVBERg=="}}},
        {"document": {"format": "pdf", "name": "My report-v2 2", "source": {"bytes": "JVBERg=="}}},
        {"document": {"format": "md", "name": "notes", "source": {"bytes": "SGk="}}},
        {"document": {"format": "txt", "name": "a", "source": {"bytes": "e30="}}},
        {"image": {"format": "png", "source": {"bytes": "aGk="}}},
        {"video": {"format": "mov", "source": {"bytes": "aGk="}}},
        {"audio": {"format": "wav", "source": {"bytes": "aGk="}}},
    ]


def test_blank_texts_are_no_blocks_but_part_what_they_parted():
    texts = [{"type": "text", "text": text} for text in (" ", "a", " ", "b", "\n", "")]

    assert content(*texts) == [{"text": "a "}, {"text": "b\n"}]


def test_a_document_never_stands_without_a_text():
    blocks = content(file(filename="q3.csv", file_data="data:text/csv;base64,YQ=="))

    assert [next(iter(block)) for block in blocks] == ["text", "document"]
    assert blocks[0] == {"text": "q3"}


def test_a_document_beside_the_text_of_another_message_needs_no_other():
    document = file(filename="q3.csv", file_data="data:text/csv;base64,YQ==")
    messages = [
        {"role": "user", "content": "Read this."},
        {"role": "user", "content": [document]},
    ]

    body, _ = sent(messages=messages)

    assert [next(iter(block)) for block in body["messages"][0]["content"]] == ["text", "document"]


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (url("https://example.com/cat.png"), "data URL"),
        (url("data:image/tiff;base64,aGk="), "image/tiff"),
        (file(file_data="https://example.com/a.pdf"), "data URL"),
        (file(file_data="data:application/zip;base64,aGk="), "application/zip"),
        (file(file_id="file_011C"), "no files that an id could name"),
    ],
)
def test_what_bedrock_cannot_read_is_refused_so_that_another_provider_may(part, why):
    with pytest.raises(UpstreamRejected, match=why):
        content(part)


def test_cache_markers_stand_behind_what_they_mark():
    body, _ = sent(
        messages=[
            {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": MARK}]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a", "cache_control": {**MARK, "ttl": "1h"}},
                    {"type": "text", "text": "b"},
                ],
            },
        ],
        tools=[{**TOOL, "cache_control": {**MARK, "ttl": "5m"}}],
    )

    point = {"cachePoint": {"type": "default"}}
    assert body["system"] == [{"text": "s"}, point]
    assert body["messages"][0]["content"] == [
        {"text": "a"},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"text": "b"},
    ]
    assert body["toolConfig"]["tools"][1] == point


def test_only_the_last_four_cache_points_are_kept():
    parts = [{"type": "text", "text": str(n), "cache_control": MARK} for n in range(5)]
    body, _ = sent(
        messages=[{"role": "user", "content": parts}], tools=[{**TOOL, "cache_control": MARK}]
    )

    flat = [next(iter(block)) for block in body["messages"][0]["content"]]
    assert flat == ["text", *["text", "cachePoint"] * 4]
    assert len(body["toolConfig"]["tools"]) == 1


@pytest.mark.parametrize(
    ("model", "points"),
    [
        (CLAUDE, 2),
        (NOVA, 1),
        (OLD, 0),
        (LLAMA, 0),
        ("us.anthropic.claude-3-5-haiku-20241022-v1:0", 2),
    ],
)
def test_cache_points_stand_only_where_the_model_takes_them(model, points):
    marked = [{"type": "text", "text": "a", "cache_control": MARK}]
    body, _ = sent(
        model, [{"role": "user", "content": marked}], tools=[{**TOOL, "cache_control": MARK}]
    )

    assert json.dumps(body).count("cachePoint") == points


@pytest.mark.parametrize(
    ("model", "reasoning", "fields"),
    [
        (CLAUDE, {"max_tokens": 2000}, {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
        (CLAUDE, {"effort": "low"}, {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
        (CLAUDE, {"effort": "none"}, None),
        (
            OPUS,
            {"effort": "high"},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
        (GPT, {"effort": "high"}, {"reasoning_effort": "high"}),
        (GPT, {"effort": "minimal"}, {"reasoning_effort": "low"}),
        (GPT, {"max_tokens": 5000}, {"reasoning_effort": "medium"}),
        (GPT, {"enabled": True}, {"reasoning_effort": "medium"}),
        (GPT, {"enabled": False}, None),
        (QWEN, {"effort": "high"}, {"reasoning_config": "high"}),
        (
            NOVA,
            {"effort": "low"},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
        ),
        (NOVA, {"effort": "none"}, {"reasoningConfig": {"type": "disabled"}}),
        # with an output cap, which the highest effort does not allow
        (
            NOVA,
            {"effort": "high"},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
        ),
    ],
)
def test_the_wish_to_think_in_each_vendors_words(model, reasoning, fields):
    body, dropped = sent(model, reasoning=reasoning, max_tokens=10_000)

    assert body.get("additionalModelRequestFields") == fields
    assert body["inferenceConfig"]["maxTokens"] == 10_000
    assert dropped == set()


@pytest.mark.parametrize("model", [OLD, LLAMA, "us.amazon.nova-pro-v1:0", "deepseek.r1-v1:0"])
def test_a_wish_that_the_model_does_not_know_is_dropped(model):
    body, dropped = sent(model, reasoning={"effort": "high"})

    assert "additionalModelRequestFields" not in body
    assert dropped == {"reasoning"}


def test_novas_highest_effort_stands_alone():
    body, dropped = sent(NOVA, reasoning={"effort": "high"}, temperature=0.5, top_k=5)

    assert body["additionalModelRequestFields"] == {
        "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}
    }
    assert "inferenceConfig" not in body
    assert dropped == {"temperature", "top_k"}


DETAILS = [
    {"type": "reasoning.text", "text": "Hm", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.text", "text": "m.", "signature": "c2ln", "format": "anthropic-claude-v1"},
    {"type": "reasoning.encrypted", "data": "Eu8E+/=", "format": "anthropic-claude-v1"},
]


def replayed(model: str, *details: dict) -> list[dict]:
    said = {"role": "assistant", "content": "c", "reasoning_details": list(details)}
    body, _ = sent(model, [*HI, said, *HI])
    return body["messages"][1]["content"]


def test_claudes_own_reasoning_goes_back_byte_for_byte():
    blob = base64.b64encode(b"Eu8E+/=").decode()

    assert replayed(CLAUDE, *DETAILS) == [
        {"reasoningContent": {"reasoningText": {"text": "Hmm.", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": blob}},
        {"text": "c"},
    ]


@pytest.mark.parametrize(
    ("model", "details"),
    [
        (CLAUDE, [{**DETAILS[1], "format": "google-gemini-v1"}]),
        (CLAUDE, [{"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1"}]),
        (CLAUDE, [{"type": "reasoning.text", "text": "unsigned", "format": "anthropic-claude-v1"}]),
        (LLAMA, DETAILS),
        (NOVA, DETAILS),
    ],
)
def test_foreign_or_unsigned_reasoning_is_not_sent(model, details):
    assert replayed(model, *details) == [{"text": "c"}]


@pytest.mark.parametrize(
    ("model", "sampled", "config", "fields", "dropped"),
    [
        (CLAUDE, {"temperature": 1.5}, {"temperature": 1}, None, set()),
        (CLAUDE, {"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5}, None, {"top_p"}),
        (CLAUDE, {"top_k": 7}, None, {"top_k": 7}, set()),
        (NOVA, {"top_k": 7}, None, {"inferenceConfig": {"topK": 7}}, set()),
        (LLAMA, {"top_k": 7, "top_p": 0.5}, {"topP": 0.5}, None, {"top_k"}),
        (LLAMA, {"seed": 1, "min_p": 0.1}, None, None, {"seed", "min_p"}),
        (CLAUDE, {"stop": ["END", " "]}, {"stopSequences": ["END"]}, None, {"stop"}),
        (CLAUDE, {"stop": "END"}, {"stopSequences": ["END"]}, None, set()),
        (CLAUDE, {"parallel_tool_calls": False}, None, None, {"parallel_tool_calls"}),
        (CLAUDE, {"logit_bias": {"1": 1}}, None, None, {"logit_bias"}),
    ],
)
def test_samplers_and_what_is_dropped(model, sampled, config, fields, dropped):
    body, said = sent(model, **sampled)

    assert body.get("inferenceConfig") == config
    assert body.get("additionalModelRequestFields") == fields
    assert said == dropped


def test_parameters_that_the_endpoint_does_not_list_are_dropped():
    chat = DIALECTS["openai_chat"]
    wishes = {
        "temperature": 0.5, "stop": "x", "tools": [TOOL], "reasoning": {"effort": "low"},
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
    }  # fmt: skip
    head = chat.read_head(dumps({"model": "m", "messages": HI, "max_tokens": 9000, **wishes}))

    body, dropped = DIALECT.encode_request(
        chat.decode_request(head), CLAUDE, frozenset({"max_tokens"}), Quirks()
    )

    assert loads(body) == {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": {"maxTokens": 9000},
    }
    assert dropped == {"temperature", "stop", "tools", "reasoning", "response_format"}


def test_a_schema_is_native_where_the_model_has_it():
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
    wish = {"type": "json_schema", "json_schema": {"name": "my answer", "schema": schema}}

    native, _ = sent(response_format=wish)
    open_model, _ = sent(QWEN, response_format=wish)
    missing, dropped = sent(NOVA, response_format=wish)
    loose, also = sent(response_format={"type": "json_object"})

    said = native["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert said["name"] == "my_answer"
    assert json.loads(said["schema"])["additionalProperties"] is False
    plain = open_model["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(plain["schema"]) == schema
    assert "outputConfig" not in missing
    assert "outputConfig" not in loose
    assert dropped == also == {"response_format"}


def test_members_of_this_api_alone_are_passed_on():
    guardrail = {"guardrailIdentifier": "g", "guardrailVersion": "1", "trace": "enabled"}

    body, dropped = sent(
        guardrailConfig=guardrail,
        additionalModelRequestFields={"anthropic_beta": ["x"]},
        service_tier="flex",
        reasoning={"max_tokens": 2000},
    )

    assert body["guardrailConfig"] == guardrail
    assert body["additionalModelRequestFields"] == {
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "anthropic_beta": ["x"],
    }
    assert body["serviceTier"] == {"type": "flex"}
    assert dropped == set()


@pytest.mark.parametrize(
    ("model", "vendor", "caches"),
    [
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0",
         "anthropic", "everywhere"),
        ("anthropic.claude-v2:1", "anthropic", "nowhere"),
        ("anthropic.claude-instant-v1", "anthropic", "nowhere"),
        ("eu.amazon.nova-micro-v1:0", "amazon", "messages"),
        ("mistral.mistral-large-2407-v1:0", "mistral", "nowhere"),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", None, "nowhere"),
    ],
)  # fmt: skip
def test_models_are_told_apart_by_their_ids(model, vendor, caches):
    family = family_of(model)

    assert (family.vendor, family.caches) == (vendor, caches)


def test_old_claude_does_not_think():
    assert family_of("anthropic.claude-v2:1").claude.thinking == "none"


def test_an_arn_is_one_segment_of_the_path():
    assert (
        path("arn:aws:b:r:1:p/x.y-v1:0", False)
        == "/model/arn%3Aaws%3Ab%3Ar%3A1%3Ap%2Fx.y-v1%3A0/converse"
    )


# A client of this dialect


def head_of(**fields):
    return DIALECT.read_head(
        dumps(
            {"model": CLAUDE, "messages": [{"role": "user", "content": [{"text": "Hi"}]}], **fields}
        )
    )


def test_what_routing_sees_of_a_body():
    head = head_of(
        stream=True,
        messages=[
            {"role": "user", "content": [
                {"document": {"format": "pdf", "name": "d", "source": {"bytes": "aGk="}}},
                {"toolResult": {"toolUseId": "t", "content": [
                    {"image": {"format": "png", "source": {"bytes": "aGk="}}}]}},
            ]},
        ],
        inferenceConfig={"maxTokens": 7, "temperature": 1, "stopSequences": ["x"]},
        toolConfig={"tools": [{"toolSpec": {"name": "f"}}], "toolChoice": {"any": {}}},
        additionalModelRequestFields={"thinking": {"type": "enabled", "budget_tokens": 1}},
    )  # fmt: skip

    assert (head.models, head.stream, head.max_output_tokens) == ((CLAUDE,), True, 7)
    assert head.parameters == {
        "max_tokens", "temperature", "stop", "tools", "tool_choice", "reasoning",
    }  # fmt: skip
    assert [modality for modality, _ in head.media] == ["file", "image"]


def test_a_body_of_this_dialect_reaches_another_one_whole():
    head = head_of(
        system=[{"text": "Be kind."}, {"cachePoint": {"type": "default"}}],
        messages=[
            {"role": "user", "content": [{"text": "a"}, {"guardContent": {"text": {"text": "g"}}}]},
            {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}},
                {"reasoningContent": {"redactedContent": base64.b64encode(b"Eu8E").decode()}},
                {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}},
            ]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "t", "content": [{"json": {"b": 2}}], "status": "error"}},
            ]},
        ],
        additionalModelRequestFields={"top_k": 3},
    )  # fmt: skip

    request = DIALECT.decode_request(head)
    written, dropped = DIALECTS["anthropic_messages"].encode_request(
        request, "claude-haiku-4-5", frozenset(), Quirks()
    )
    body = loads(written)

    assert body["system"] == [
        {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}
    ]
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "Eu8E"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ]
    result = {"type": "tool_result", "tool_use_id": "t", "content": '{"b":2}', "is_error": True}
    assert body["messages"][2]["content"] == [result]
    assert body["top_k"] == 3
    assert dropped == {"bedrock_converse"}


@pytest.mark.parametrize(
    "change",
    [
        {"messages": []},
        {"messages": [{"role": "system", "content": []}]},
        {"messages": [{"role": "user", "content": "text"}]},
        {"model": ""},
        {"inferenceConfig": {"maxTokens": 0}},
        {"inferenceConfig": {"temperature": "hot"}},
        {"toolConfig": {}},
        {"additionalModelRequestFields": {"thinking": 7}},
    ],
)
def test_a_body_that_is_not_one_is_refused(change):
    with pytest.raises(InvalidRequest):
        head_of(**change)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["text", "image", "document", "toolUse", "toolResult", "cachePoint",
                         "reasoningContent", "source", "bytes", "format", "name", "content",
                         "toolUseId", "input", "json", "toolSpec", "s3Location", "uri"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(ODD, ODD, ODD)
def test_odd_bodies_are_refused_and_never_crash(block, tool, wish):
    body = {
        "model": CLAUDE,
        "messages": [{"role": role, "content": [block]} for role in ("user", "assistant")],
        "toolConfig": {"tools": [tool]},
        "outputConfig": {"textFormat": wish},
    }
    with suppress(InvalidRequest, UpstreamRejected):
        request = DIALECT.decode_request(DIALECT.read_head(dumps(body)))
        for dialect in DIALECTS.values():
            if dialect.side is None:
                with suppress(InvalidRequest, UpstreamRejected):
                    dialect.encode_request(request, "m", frozenset(), Quirks())
