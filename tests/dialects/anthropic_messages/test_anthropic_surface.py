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
from portico.errors import InvalidRequest, StreamBroken
from portico.vocabulary import (
    ChatResponse,
    Choice,
    Finish,
    Reasoning,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)

CHAT, MESSAGES = DIALECTS["openai_chat"], DIALECTS["anthropic_messages"]
HI = [{"role": "user", "content": "Hi"}]
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
        (body(max_tokens=0), "max_tokens: expected at least 1"),
        (body(model=None), "model: name a model"),
        (body(models=["a/b"], fallbacks=[{"model": "c/d"}]), "either models or fallbacks"),
        (body(fallbacks=[{"model": "a/b"}] * 4), "at most 3"),
        (body(session_id="x" * 257), "at most 256"),
    ],
)
def test_what_is_wrong_is_named(sent, complaint):
    with pytest.raises(InvalidRequest, match=complaint):
        MESSAGES.read_head(sent)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": [{"text": "no type"}]}]},
        {"messages": [{"role": "assistant", "content": [{"type": "tool_use"}]}]},
        {"tools": [{"description": "no name"}]},
        {"tool_choice": {"type": "maybe"}},
    ],
)
def test_blocks_and_tools_that_cannot_be_read_are_the_clients_mistake(fields):
    with pytest.raises(InvalidRequest, match="cannot be read") as caught:
        MESSAGES.decode_request(head(**fields))

    assert "Error" not in caught.value.message
    assert "object" not in caught.value.message


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


# --- through the hub ----------------------------------------------------------------


def test_every_recorded_request_comes_back_with_the_same_meaning():
    checked = 0
    for record in recorded("anthropic-messages"):
        request = (record.get("request") or {}).get("body")
        if not isinstance(request, dict) or record["response"]["status"] != 200:
            continue
        model = request.get("model") or "claude-3-5-haiku-20241022"  # in the path, on other clouds
        sent = json.dumps({**request, "model": model}).encode()
        once = MESSAGES.decode_request(MESSAGES.read_head(sent))
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
            {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
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


def test_a_call_that_grows_after_other_content_breaks_the_stream():
    encoder = MESSAGES.stream_encoder(ENVELOPE)
    encoder.feed(ToolCallStart(index=0, id="a", name="f"))
    encoder.feed(TextDelta(text="Hm"))

    with pytest.raises(StreamBroken):
        encoder.feed(ToolCallDelta(index=0, arguments="{}"))


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
