"""Messages requests from clients: what is read of them, and what goes upstream."""

import json

import msgspec
import pytest
from tests.conftest import recorded
from tests.dialects.streaming import recorded_streams

from portico.dialects import (
    DIALECTS,
    Envelope,
    Quirks,
    StreamRelay,
    relay_between,
    request_between,
)
from portico.dialects.anthropic_messages.families import family_of
from portico.errors import InvalidRequest, StreamBroken, UpstreamRejected
from portico.vocabulary import (
    ChatResponse,
    Choice,
    Finish,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    StreamUsage,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)

CHAT, MESSAGES = DIALECTS["openai_chat"], DIALECTS["anthropic_messages"]
HI = [{"role": "user", "content": "Hi"}]
HI_BLOCK = {"type": "text", "text": "Hi"}
ENVELOPE = Envelope(generation_id="gen-1", created_s=1, model="acme/orca-2", provider="Acme")


def body(**fields) -> bytes:
    return json.dumps(
        {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": HI, **fields}
    ).encode()


def head(**fields):
    return MESSAGES.read_head(body(**fields))


def test_the_head_says_what_routing_needs():
    image = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    inside = {"type": "tool_result", "tool_use_id": "t", "content": [image]}

    read = head(
        messages=[{"role": "user", "content": [inside, {"type": "document", "source": {}}]}],
        stream=True,
        stop_sequences=["X"],
        thinking={"type": "disabled"},
        output_config={"effort": "low", "format": {"type": "json_schema"}},
        metadata={"user_id": "u"},
        provider={"only": ["anthropic"]},
        session_id="s",
    )

    assert read.models == ("anthropic/claude-sonnet-4.5",)
    assert (read.stream, read.max_output_tokens, read.user, read.session_id) == (True, 9, "u", "s")
    assert read.parameters == {"max_tokens", "stop", "reasoning", "response_format", "verbosity"}
    assert [modality for modality, _ in read.media] == ["image", "file"]
    assert read.preferences == {"only": ["anthropic"]}


def test_fallbacks_and_models_name_further_models():
    assert head(fallbacks=[{"model": "a/b"}]).models == ("anthropic/claude-sonnet-4.5", "a/b")
    assert head(model="a/b", models=["a/b", "c/d"]).models == ("a/b", "c/d")


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "The request body"),
        (b'{"a":' * 100_000, "nested more than"),
        (body(messages=[]), "messages: at least one"),
        (body(messages=[{"role": "tool", "content": ""}]), r"messages\.0\.role"),
        (body(messages=[{"role": "user"}]), r"messages\.0"),
        (body(max_tokens=0), "max_tokens: expected an integer from 1"),
        (body(max_tokens=2**63), "max_tokens: expected an integer from 1"),
        (body(model=None), "model: name a model"),
        (body(models=["a/b"], fallbacks=[{"model": "c/d"}]), "either models or fallbacks"),
        (body(fallbacks=[{"model": "a/b"}] * 4), "at most 3"),
        (body(fallbacks=[{"model": "a/b", "max_tokens": 5}]), r"fallbacks\.0: .*`max_tokens`"),
        (body(fallbacks=["a/b"]), r"fallbacks\.0: "),
        (body(fallbacks=[{}]), r"fallbacks\.0: .*`model`"),
        (body(session_id="x" * 257), "at most 256"),
    ],
)
def test_what_is_wrong_is_named(sent, complaint):
    with pytest.raises(InvalidRequest, match=complaint):
        MESSAGES.read_head(sent)


RESULT = {"type": "tool_result", "tool_use_id": "t", "content": []}


def user(*blocks):
    return {"messages": [{"role": "user", "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        (user({"text": "no type"}), "messages.0.content.0: .*`type`"),
        (user(HI_BLOCK, {"type": "text", "text": 5}), "messages.0.content.1.text: "),
        (user({"type": "image", "source": "x"}), "messages.0.content.0.source: "),
        (user({"type": "image", "source": {"type": "x"}}), "messages.0.content.0.source.type: "),
        (user({"type": "image", "source": {"type": "url"}}), "messages.0.content.0.source: .*`url`"),
        (user({"type": "search_result", "source": "s"}), "messages.0.content.0: "),
        (user({**RESULT, "tool_use_id": None}), "messages.0.content.0.tool_use_id: "),
        (user({**RESULT, "content": [{"type": "text"}]}), "messages.0.content.0.content.0: "),
        (user({**RESULT, "is_error": "no"}), "messages.0.content.0.is_error: "),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use"}]}]}, "content.0: .*`id`"),
        ({"messages": [{"role": "assistant", "content": [RESULT]}]}, "messages.0.content.0: "),
        ({"system": [{"type": "text", "text": None}]}, "system.0.text: "),
        ({"tools": [{"description": "no name"}]}, "tools.0: .*`name`"),
        ({"tools": [{"name": "f"}, {"name": "g", "input_schema": []}]}, "tools.1.input_schema: "),
        ({"tools": [{"type": ["x"], "name": "f"}]}, "tools.0.type: "),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice.type: "),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name: "),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens: "),
        ({"thinking": {"type": "enabled", "budget_tokens": "x"}}, "thinking.budget_tokens: "),
        ({"output_config": {"effort": "huge"}}, "output_config.effort: "),
        ({"output_config": {"format": "json"}}, "output_config.format: "),
    ],
)  # fmt: skip
def test_what_is_misshapen_is_named_by_its_path(fields, path):
    with pytest.raises(InvalidRequest, match=path):
        MESSAGES.decode_request(head(**fields))


# --- blocks that only this API has, to every other ----------------------------------

OTHERS = [dialect for dialect in DIALECTS.values() if dialect is not MESSAGES]
TO_EACH = pytest.mark.parametrize("dialect", OTHERS, ids=lambda dialect: dialect.name)


def sent_to(dialect, **fields):
    sent = head(tools=[{"name": "f", "input_schema": {"type": "object"}}], **fields)
    return request_between(MESSAGES, dialect, sent, "m", frozenset(), Quirks())[0].decode()


def with_result(*blocks):
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    return [
        *HI,
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{**RESULT, "content": list(blocks)}]},
    ]


FOUND = {
    "type": "search_result",
    "source": "https://example.org/orca",
    "title": "Orcas",
    "content": [{"type": "text", "text": "They are dolphins."}],
    "citations": {"enabled": True},
}
CITED = {"type": "text", "text": "Cited words.", "citations": [{"type": "page_location"}]}
COMPOSED = {
    "type": "document",
    "title": "Notes",
    "source": {"type": "content", "content": [{"type": "text", "text": "Note one."}]},
}
WRITTEN = {
    "type": "document",
    "context": "From the archive",
    "citations": {"enabled": True},
    "source": {"type": "text", "media_type": "text/plain", "data": "Hi"},
}


@TO_EACH
@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (user(FOUND)["messages"], ["https://example.org/orca", "Orcas", "They are dolphins."]),
        (with_result(FOUND), ["https://example.org/orca", "Orcas", "They are dolphins."]),
        (with_result({"type": "tool_reference", "tool_name": "get_tides"}), ["get_tides"]),
        ([*HI, {"role": "assistant", "content": [CITED]}, *HI], ["Cited words."]),
        (user(COMPOSED)["messages"], ["Notes", "Note one."]),
        (user(WRITTEN, HI_BLOCK)["messages"], ["From the archive"]),
        (
            [*HI, {"role": "assistant", "content": [{"type": "compaction", "content": "We met."}]}, *HI],
            ["We met."],
        ),
        (
            [*HI, {"role": "system", "content": [
                {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "get_tides"}}
            ]}],
            ["get_tides"],
        ),
    ],
)  # fmt: skip
def test_what_a_block_says_reaches_every_api(dialect, messages, words):
    sent = sent_to(dialect, messages=messages)

    assert [word for word in words if word not in sent] == []


@TO_EACH
@pytest.mark.parametrize(
    ("fields", "path"),
    [
        (user({"type": "container_upload", "file_id": "f"}), "messages.0.content.0: "),
        (user(HI_BLOCK, {"type": "of_tomorrow"}), "messages.0.content.1: .*of_tomorrow"),
        (
            user({"type": "image", "source": {"type": "file", "file_id": "f"}}),
            "messages.0.content.0.source: ",
        ),
        ({"mcp_servers": [{"type": "url", "url": "https://example.org"}]}, "mcp_servers: "),
    ],
)
def test_what_no_other_api_can_be_told_is_refused_by_its_path(dialect, fields, path):
    with pytest.raises(UpstreamRejected, match=path):
        sent_to(dialect, **fields)


@TO_EACH
def test_a_summary_stands_for_what_was_said_before_it(dialect):
    summary = {"type": "compaction", "content": "They said hello."}
    sent = sent_to(
        dialect,
        system="Be brief.",
        messages=[
            {"role": "user", "content": "Forgotten question"},
            {"role": "assistant", "content": "Forgotten answer"},
            {"role": "user", "content": "Go on"},
            {"role": "assistant", "content": [summary, {"type": "text", "text": "Kept answer"}]},
            {"role": "user", "content": "Last question"},
        ],
    )

    assert "Forgotten" not in sent
    order = ["They said hello.", "Kept answer", "Last question"]
    assert sorted(order, key=sent.index) == order
    assert "Be brief." in sent


def test_an_empty_summary_stands_for_nothing():
    summary = {"type": "compaction", "content": None}
    turn = {"role": "assistant", "content": [summary, {"type": "text", "text": "Hello"}]}

    read = MESSAGES.decode_request(head(messages=[*HI, turn, *HI]))

    assert [message.role for message in read.messages] == ["user", "assistant", "user"]


def test_the_search_for_tools_is_left_out_where_all_are_told_at_once():
    search = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
    deferred = {"name": "f", "input_schema": {"type": "object"}, "defer_loading": True}

    read = MESSAGES.decode_request(head(tools=[search, deferred]))

    assert [tool.name for tool in read.tools] == ["f"]


# --- to an upstream of the same dialect ---------------------------------------------


def test_a_body_for_the_same_dialect_keeps_its_bytes():
    messages = b'[ {"role":"user", "content":"Hi", "unknown": 1.0} ]'
    sent = (
        b'{"model":"claude-sonnet-4-5","max_tokens":9,"new_member":{"a" :1},"messages":'
        + messages
        + b"}"
    )

    upstream, dropped = request_between(
        MESSAGES, MESSAGES, MESSAGES.read_head(sent), "claude-sonnet-4-5-20250929", frozenset(), Quirks()
    )  # fmt: skip

    assert messages in upstream
    assert b'"new_member":{"a" :1}' in upstream
    assert json.loads(upstream) == {**json.loads(sent), "model": "claude-sonnet-4-5-20250929"}
    assert dropped == frozenset()


def test_what_only_the_gateway_understands_stays_here():
    sent = head(
        provider={},
        models=["a/b"],
        session_id="s",
        trace={},
        route="fallback",
        user="u",
        plugins=[],
    )

    upstream = json.loads(MESSAGES.upstream_body(sent, "m", frozenset(), Quirks())[0])

    assert upstream == {"model": "m", "max_tokens": 9, "messages": HI, "metadata": {"user_id": "u"}}


def test_a_missing_cap_is_the_endpoints_or_the_models():
    sent = MESSAGES.read_head(json.dumps({"model": "m", "messages": HI}).encode())

    def cap(model, quirks):
        return json.loads(MESSAGES.upstream_body(sent, model, frozenset(), quirks)[0])["max_tokens"]

    assert cap("claude-opus-4-1", Quirks()) == 32_000
    assert cap("claude-opus-4-1", Quirks(output_limit_tokens=7)) == 7
    assert cap("claude-opus-4-7", Quirks()) == 32_000
    assert cap("m", Quirks(output_limit_tokens=128_000)) == 32_000


def test_parameters_that_the_endpoint_does_not_list_are_dropped_and_named():
    sent = head(temperature=0.5, stop_sequences=["X"])

    upstream, dropped = MESSAGES.upstream_body(sent, "m", frozenset({"stop"}), Quirks())

    assert dropped == {"temperature"}
    assert json.loads(upstream).keys() == {"model", "max_tokens", "messages", "stop_sequences"}


def test_thinking_that_no_model_of_the_family_signed_is_taken_out():
    signed = {"type": "thinking", "thinking": "a", "signature": "c2ln"}
    foreign = {"type": "thinking", "thinking": "b", "signature": "portico:e30="}
    unsigned = {"type": "thinking", "thinking": "c", "signature": ""}
    turn = {"role": "assistant", "content": [foreign, signed, unsigned]}

    sent = head(messages=[*HI, turn, {"role": "assistant", "content": [foreign]}, *HI])
    upstream = json.loads(MESSAGES.upstream_body(sent, "m", frozenset(), Quirks())[0])

    assert upstream["messages"] == [*HI, {"role": "assistant", "content": [signed]}, *HI]


@pytest.mark.parametrize(
    ("signature", "thinking", "kept"),
    [
        ("portico:e30=", {"type": "enabled", "budget_tokens": 2000}, False),
        ("", {"type": "enabled", "budget_tokens": 2000}, False),
        ("c2ln", {"type": "enabled", "budget_tokens": 2000}, True),
        ("portico:e30=", {"type": "adaptive"}, True),
    ],
)
def test_a_tool_loop_that_another_model_began_goes_on_without_a_budget(signature, thinking, kept):
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    thought = {"type": "thinking", "thinking": "hm", "signature": signature}
    turn = {"role": "assistant", "content": [thought, call]}
    edits = {"edits": [{"type": "clear_thinking_20251015"}]}

    sent = head(
        messages=[*HI, turn, {"role": "user", "content": [RESULT]}],
        thinking=thinking,
        context_management=edits,
    )
    raw, dropped = MESSAGES.upstream_body(sent, "m", frozenset(), Quirks())

    upstream = json.loads(raw)
    assert upstream.get("thinking") == (thinking if kept else None)
    assert ("context_management" in upstream) is kept
    assert ("reasoning" in dropped) is not kept


# --- through the hub ----------------------------------------------------------------


def test_every_recorded_request_comes_back_with_the_same_meaning():
    checked = 0
    for record in recorded("anthropic-messages"):
        request = (record.get("request") or {}).get("body")
        if not isinstance(request, dict) or record["response"]["status"] != 200:
            continue
        model = request.get("model") or "claude-3-5-haiku-20241022"  # in the path, on other clouds
        sent = json.dumps({**request, "model": model}).encode()
        try:
            once = MESSAGES.decode_request(MESSAGES.read_head(sent))
        except UpstreamRejected:  # a file that only this provider keeps
            continue
        written, dropped = MESSAGES.encode_request(once, model, frozenset(), Quirks())
        twice = MESSAGES.decode_request(MESSAGES.read_head(written))
        cap = twice.max_tokens if once.max_tokens is None else once.max_tokens
        assert not dropped - {"reasoning"}, record["id"]
        if "reasoning" in dropped:  # the recording is of a model we do not know to think
            continue
        assert twice == msgspec.structs.replace(once, max_tokens=cap), record["id"]
        checked += 1
    assert checked > 250


def test_a_conversation_reaches_a_chat_upstream_with_its_meaning():
    sent = head(
        model="acme/orca-2",
        system=[{"type": "text", "text": "Be brief."}],
        messages=[
            *HI,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                    {"type": "text", "text": "Adding."},
                    {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "2"}]},
                    {"type": "text", "text": "Thanks"},
                ],
            },
        ],
        tools=[{"name": "add", "input_schema": {"type": "object"}}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        stop_sequences=["X"],
        thinking={"type": "enabled", "budget_tokens": 2000},
    )  # fmt: skip

    upstream = json.loads(request_between(MESSAGES, CHAT, sent, "orca-2", frozenset(), Quirks())[0])

    assert [m["role"] for m in upstream["messages"]] == [
        "system", "user", "assistant", "tool", "user",
    ]  # fmt: skip
    assert upstream["messages"][2]["tool_calls"][0]["function"] == {
        "name": "add", "arguments": '{"a":1}',
    }  # fmt: skip
    assert upstream["messages"][3]["tool_call_id"] == "t1"
    assert upstream["tools"][0]["function"]["name"] == "add"
    assert (upstream["tool_choice"], upstream["parallel_tool_calls"]) == ("required", False)
    assert (upstream["stop"], upstream["max_tokens"]) == (["X"], 9)


PICTURE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
}
SHOWN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def to_chat(**fields):
    sent = head(**fields)
    return json.loads(request_between(MESSAGES, CHAT, sent, "m", frozenset(), Quirks())[0])


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([], [{"role": "user", "content": [SHOWN]}]),
        (
            [{"role": "user", "content": "Well?"}],
            [{"role": "user", "content": [SHOWN, {"type": "text", "text": "Well?"}]}],
        ),
        (
            [{"role": "assistant", "content": "Well."}],
            [{"role": "user", "content": [SHOWN]}, {"role": "assistant", "content": "Well."}],
        ),
    ],
)
def test_what_a_tool_has_shown_stands_in_the_users_turn_behind_its_results(after, expected):
    calls = [{"type": "tool_use", "id": i, "name": "f", "input": {}} for i in "ab"]
    results = [
        {**RESULT, "tool_use_id": "a", "content": [PICTURE]},
        {**RESULT, "tool_use_id": "b", "content": "Nothing to see."},
    ]
    turns = [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]

    sent = to_chat(messages=[*HI, *turns, *after])["messages"]

    assert [m["role"] for m in sent[:4]] == ["user", "assistant", "tool", "tool"]
    assert all(isinstance(m["content"], str) and m["content"] for m in sent[2:4])
    assert sent[4:] == expected


def test_a_document_of_text_is_told_as_text_and_needs_no_model_that_reads_files():
    written = {
        "type": "document",
        "title": "Notes",
        "source": {"type": "text", "media_type": "text/plain", "data": "Olá"},
    }
    fields = user(written, COMPOSED, HI_BLOCK)

    assert to_chat(**fields)["messages"][0]["content"] == [
        {"type": "text", "text": text} for text in ("Notes", "Olá", "Notes", "Note one.", "Hi")
    ]
    assert head(**fields).media == ()


@pytest.mark.parametrize(
    ("budget_tokens", "max_tokens", "effort"),
    [
        (1024, 32_000, "low"),
        (10_000, 32_000, "low"),
        (16_000, 32_000, "medium"),
        (31_999, 32_000, "high"),
        (1024, None, "low"),
    ],
)
def test_a_budget_to_think_is_the_nearest_effort(budget_tokens, max_tokens, effort):
    thinking = {"type": "enabled", "budget_tokens": budget_tokens}
    quirks = Quirks(reasoning_field="reasoning_effort")

    sent = head(thinking=thinking, max_tokens=max_tokens)
    raw, _ = request_between(MESSAGES, CHAT, sent, "m", frozenset(), quirks)

    assert json.loads(raw)["reasoning_effort"] == effort


def test_a_result_that_failed_says_so_where_the_api_can():
    failed = {**RESULT, "content": "No.", "is_error": True}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    messages = [
        *HI, {"role": "assistant", "content": [call]}, {"role": "user", "content": [failed]},
    ]  # fmt: skip

    assert '"error":"No."' in sent_to(DIALECTS["gemini"], messages=messages)
    assert '"status":"error"' in sent_to(DIALECTS["bedrock_converse"], messages=messages)


def test_a_long_description_of_the_user_becomes_a_short_name_that_stays_the_same():
    described = '{"device_id":"' + "0" * 64 + '","session_id":"1"}'

    first, second = (to_chat(metadata={"user_id": described})["user"] for _ in range(2))

    assert len(first) == 64
    assert first == second
    assert to_chat(metadata={"user_id": described + "2"})["user"] != first
    assert to_chat(metadata={"user_id": "user_1"})["user"] == "user_1"


def test_what_only_this_api_understands_does_not_reach_a_chat_upstream():
    cited = {"type": "text", "text": "Hi", "citations": [{"type": "page_location"}]}
    searched = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    turn = {"role": "assistant", "content": [searched, cited]}
    failed = {"type": "tool_result", "tool_use_id": "t", "content": "No.", "is_error": True}

    sent = head(
        messages=[*HI, turn, {"role": "user", "content": [failed]}],
        container="c_1",
        context_management={"edits": []},
        service_tier="standard_only",
    )
    upstream = json.loads(request_between(MESSAGES, CHAT, sent, "m", frozenset(), Quirks())[0])

    assert upstream == {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            *HI,
            {"role": "assistant", "content": "Hi"},
            {"role": "tool", "content": "No.", "tool_call_id": "t"},
        ],
    }


@pytest.mark.parametrize(
    "item",
    [
        Reasoning(data="eA==", format="openai-responses-v1", id="rs_1"),
        Reasoning(text="hm", signature="c2ln", format="google-gemini-v1"),
        Reasoning(text="hm", signature="c2ln", format="anthropic-claude-v1"),
        Reasoning(data="b3Bh", format="anthropic-claude-v1"),
        Reasoning(text="hm"),
    ],
)
def test_reasoning_of_every_family_comes_back_from_a_client_byte_for_byte(item):
    answer = ChatResponse(choices=(Choice(content="Hi", reasoning=(item,)),))

    written = json.loads(MESSAGES.encode_response(answer, ENVELOPE, None))
    turn = {"role": "assistant", "content": written["content"]}
    read = MESSAGES.decode_request(head(messages=[*HI, turn, *HI]))

    assert read.messages[1].reasoning == (item,)


def test_a_damaged_foreign_signature_is_left_out():
    block = {"type": "thinking", "thinking": "hm", "signature": "portico:%%%"}
    turn = {"role": "assistant", "content": [block, {"type": "text", "text": "Hi"}]}

    assert MESSAGES.decode_request(head(messages=[*HI, turn])).messages[1].reasoning == ()


def test_an_answer_is_written_as_a_message():
    answer = ChatResponse(
        choices=(
            Choice(
                content="Hi",
                tool_calls=(ToolCall(id="functions.f:0", name="f", arguments='{"a": 1}'),),
                finish_reason="tool_calls",
                native_finish_reason="stop",
            ),
        ),
        usage=Usage(input_tokens=3, cache_read_tokens=2, output_tokens=4),
    )

    written = json.loads(MESSAGES.encode_response(answer, ENVELOPE, None))

    assert (written["id"], written["type"], written["model"]) == ("gen-1", "message", "acme/orca-2")
    assert written["stop_reason"] == "tool_use"
    assert [block["type"] for block in written["content"]] == ["text", "tool_use"]
    assert written["content"][1]["input"] == {"a": 1}
    assert written["content"][1]["id"].startswith("functions_f_0")
    assert (written["usage"]["input_tokens"], written["usage"]["cache_read_input_tokens"]) == (3, 2)


@pytest.mark.parametrize(
    ("arguments", "input_"),
    [
        ('{"a":1}', {"a": 1}),
        ("", {}),
        ("[1]", {"arguments": [1]}),
        ('{"a":', {"arguments": '{"a":'}),
    ],
)
def test_the_input_of_a_call_is_an_object_whatever_the_model_wrote(arguments, input_):
    calls = (ToolCall(id="a", name="f", arguments=arguments),)
    answer = ChatResponse(choices=(Choice(tool_calls=calls, finish_reason="tool_calls"),))

    written = json.loads(MESSAGES.encode_response(answer, ENVELOPE, None))

    assert written["content"][0]["input"] == input_


def test_a_refusal_says_why_in_both_modes():
    refused = Choice(content=None, refusal="I would rather not.", finish_reason="content_filter")
    whole = json.loads(MESSAGES.encode_response(ChatResponse(choices=(refused,)), ENVELOPE, None))
    events = written_events(
        RefusalDelta(text="I would "),
        RefusalDelta(text="rather not."),
        Finish(reason="content_filter"),
    )
    end = next(e["delta"] for e in events if e["type"] == "message_delta")

    assert whole["content"][0]["text"] == "I would rather not."
    assert end["stop_reason"] == whole["stop_reason"] == "refusal"
    assert end["stop_details"] == whole["stop_details"] == {
        "type": "refusal", "category": None, "explanation": "I would rather not.",
    }  # fmt: skip


def written_events(*events):
    encoder = MESSAGES.stream_encoder(ENVELOPE)
    out = b"".join(map(encoder.feed, events)) + encoder.trailer(None, None, {})
    return [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: ")]


def test_interleaved_calls_become_blocks_one_after_the_other():
    events = written_events(
        TextDelta(text="Both."),
        ToolCallStart(index=0, id="a", name="f"),
        ToolCallStart(index=1, id="b", name="g"),
        ToolCallDelta(index=1, arguments='{"b":'),
        ToolCallDelta(index=0, arguments='{"a":1}'),
        ToolCallDelta(index=1, arguments="2}"),
        Finish(reason="tool_calls"),
    )

    opened = [(e["index"], e["content_block"]["type"]) for e in events if "content_block" in e]
    arguments: dict[int, str] = {}
    for e in events:
        if e["type"] == "content_block_delta" and "partial_json" in e["delta"]:
            arguments[e["index"]] = arguments.get(e["index"], "") + e["delta"]["partial_json"]
    assert opened == [(0, "text"), (1, "tool_use"), (2, "tool_use")]
    assert arguments == {1: '{"a":1}', 2: '{"b":2}'}
    running = [
        e["type"] for e in events if e["type"] in {"content_block_start", "content_block_stop"}
    ]
    assert running == ["content_block_start", "content_block_stop"] * 3


OTHER_CONTENT = [
    (TextDelta(text="Hm"), "text", {"type": "text_delta", "text": "Hm"}),
    (
        ReasoningDelta(item=Reasoning(text="Hm")),
        "thinking",
        {"type": "thinking_delta", "thinking": "Hm"},
    ),
]


@pytest.mark.parametrize(("other", "kind", "delta"), OTHER_CONTENT)
def test_other_content_waits_until_the_calls_begun_before_it_are_whole(other, kind, delta):
    encoder = MESSAGES.stream_encoder(ENVELOPE)
    held = [
        encoder.feed(ToolCallStart(index=0, id="a", name="f")),
        encoder.feed(ToolCallDelta(index=0, arguments='{"a":')),
        encoder.feed(other),
        encoder.feed(ToolCallStart(index=1, id="b", name="g")),
        encoder.feed(ToolCallDelta(index=1, arguments='{"b":2}')),
    ]
    rest = encoder.feed(ToolCallDelta(index=0, arguments="1}"))

    assert held[2:] == [b"", b"", b""]
    rest += encoder.trailer(None, None, {})
    events = [json.loads(line[6:]) for line in rest.splitlines() if line.startswith(b"data: ")]
    assert [e["delta"]["partial_json"] for e in events if "partial_json" in str(e)] == [
        "1}",
        '{"b":2}',
    ]
    opened = [(e["index"], e["content_block"]["type"]) for e in events if "content_block" in e]
    assert opened == [(1, "tool_use"), (2, kind)]
    assert delta in [e["delta"] for e in events if e.get("index") == 2 and "delta" in e]


def test_other_content_comes_at_once_when_it_can():
    encoder = MESSAGES.stream_encoder(ENVELOPE)
    encoder.feed(ToolCallStart(index=0, id="a", name="f"))
    encoder.feed(ToolCallDelta(index=0, arguments='{"a":'))
    encoder.feed(TextDelta(text="He"))
    encoder.text("llo")

    whole = encoder.feed(ToolCallDelta(index=0, arguments="1}"))

    assert whole.count(b"text_delta") == 2
    assert b"text_delta" in encoder.text("!")


def test_what_waits_for_a_call_that_never_becomes_whole_comes_at_the_end():
    events = written_events(
        ToolCallStart(index=0, id="a", name="f"),
        TextDelta(text="Hm"),
        Finish(reason="tool_calls"),
    )

    opened = [(e["index"], e["content_block"]["type"]) for e in events if "content_block" in e]
    assert opened == [(0, "tool_use"), (1, "text")]


def test_a_call_that_grows_after_it_was_whole_breaks_the_stream():
    encoder = MESSAGES.stream_encoder(ENVELOPE)
    encoder.feed(ToolCallStart(index=0, id="a", name="f"))
    encoder.feed(ToolCallDelta(index=0, arguments="{}"))
    encoder.feed(TextDelta(text="Hm"))

    with pytest.raises(StreamBroken):
        encoder.feed(ToolCallDelta(index=0, arguments="{}"))


@pytest.mark.parametrize("counted", [(), (StreamUsage(usage=Usage(output_tokens=1)),)])
def test_a_stream_begins_with_an_estimate_where_the_upstream_has_not_counted(counted):
    envelope = msgspec.structs.replace(ENVELOPE, prompt_tokens=812)
    encoder = MESSAGES.stream_encoder(envelope)

    out = b"".join(map(encoder.feed, (*counted, TextDelta(text="Hi"))))

    first = json.loads(out.split(b"\n")[1][6:])
    assert first["message"]["usage"]["input_tokens"] == 812


@pytest.mark.parametrize(
    ("usage", "input_tokens"),
    [
        (None, 812),
        ({}, 812),
        ({"input_tokens": 0, "output_tokens": 0}, 812),
        ({"input_tokens": None}, 812),
        ({"input_tokens": 5}, 5),
        ({"input_tokens": 0, "cache_read_input_tokens": 7}, 0),
    ],
)
def test_so_does_one_whose_own_bytes_do_not_say(usage, input_tokens):
    envelope = msgspec.structs.replace(ENVELOPE, prompt_tokens=812)
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "usage": usage}
    event = f"data: {json.dumps({'type': 'message_start', 'message': message})}\n\n".encode()

    out = relay_between(MESSAGES, MESSAGES, Quirks(), envelope).feed(event)

    told = json.loads(out.split(b"\n")[1][6:])["message"]["usage"]
    assert told["input_tokens"] == input_tokens
    assert told["service_tier"] == "standard"
    assert {"output_tokens", "server_tool_use", "cache_creation", "inference_geo"} <= told.keys()


def test_every_recorded_chat_stream_reads_the_same_by_the_shortcut_and_through_the_hub():
    checked = 0
    for record, stream in recorded_streams("openai-chat"):
        decoder = CHAT.stream_decoder(Quirks(), "gen-1")
        general = StreamRelay(decoder, MESSAGES.stream_encoder(ENVELOPE))
        quick = relay_between(CHAT, MESSAGES, Quirks(), ENVELOPE)
        assert quick.feed(stream) + quick.end() == general.feed(stream) + general.end(), record[
            "id"
        ]
        checked += 1
    assert checked > 100


def test_an_answer_without_content_still_begins_and_ends():
    events = written_events(Finish(reason="length"))

    assert [e["type"] for e in events] == ["message_start", "ping", "message_delta", "message_stop"]
    assert events[2]["delta"]["stop_reason"] == "max_tokens"


def test_a_new_thought_after_a_signature_opens_a_new_block():
    signed = Reasoning(text="a", signature="s1", format="anthropic-claude-v1")
    more = Reasoning(text="b", format="anthropic-claude-v1")

    events = written_events(
        ReasoningDelta(item=signed), ReasoningDelta(item=more), Finish(reason="stop")
    )
    deltas = [(e["index"], e["delta"]) for e in events if e["type"] == "content_block_delta"]

    assert deltas == [
        (0, {"type": "thinking_delta", "thinking": "a"}),
        (0, {"type": "signature_delta", "signature": "s1"}),
        (1, {"type": "thinking_delta", "thinking": "b"}),
        (1, {"type": "signature_delta", "signature": ""}),
    ]


# --- families -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "thinking", "output_tokens"),
    [
        ("claude-2.1", "none", 4096),
        ("claude-instant-1.2", "none", 4096),
        ("claude-3-opus-20240229", "none", 4096),
        ("claude-3-5-haiku-latest", "none", 8192),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", "budget", 64_000),
        ("claude-sonnet-4-20250514", "budget", 64_000),
        ("claude-opus-4-0", "budget", 32_000),
        ("claude-opus-4-1@20250805", "budget", 32_000),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "budget", 64_000),
        ("claude-sonnet-4-6", "either", 64_000),
        ("claude-opus-4.6", "either", 128_000),
        ("claude-opus-4-7", "adaptive", 128_000),
        ("claude-fable-5", "adaptive", 128_000),
        ("claude-sonnet-5-20260630", "adaptive", 128_000),
        ("orca-2", "budget", 8192),
    ],
)
def test_families_are_told_from_names(model, thinking, output_tokens):
    family = family_of(model)

    assert (family.thinking, family.output_tokens) == (thinking, output_tokens)
