"""What a client's body says, and what an upstream of the same dialect gets."""

import json

import pytest
from tests.conftest import recorded

from portico.dialects import Quirks
from portico.dialects.openai_chat.request import read_head, upstream_body
from portico.errors import InvalidRequest

USER = [{"role": "user", "content": "Hi"}]


def body(**fields) -> bytes:
    return json.dumps({"model": "acme/orca-2", "messages": USER, **fields}).encode()


def sent(fields: dict, *, supported=frozenset(), quirks=None) -> dict:
    """What the upstream receives for these fields beside model and messages."""
    head = read_head(body(**fields))
    raw, _ = upstream_body(head, "orca-2-instruct", frozenset(supported), quirks or Quirks())
    received = json.loads(raw)
    assert received.pop("model") == "orca-2-instruct"
    return received


@pytest.mark.parametrize(
    ("payload", "where"),
    [
        (b"{broken", "not valid JSON"),
        (b"", "not valid JSON"),
        (b'{"a":1} x', "not valid JSON"),
        (b"[1,2]", "request body"),
        (b'"text"', "request body"),
        (b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}', "not valid JSON"),
        (b"[" * 100_000, "nested more than"),
        (b'{"model":"m","messages":[],"x":' + b"[" * 100_000, "nested more than"),
        (body(max_tokens=1e30), "^max_tokens: "),
        (
            b'{"model":"m","messages":[{"role":"user","content":"x","reasoning":1e999}]}',
            "valid JSON|range",
        ),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"y":"\xff"}', "not UTF-8"),
        (body(messages=None), "^messages: at least one"),
        (body(messages=[]), "^messages: at least one"),
        (body(messages="Hi"), "^messages: Expected `array"),
        (body(messages=[{"role": "robot", "content": "x"}]), r"^messages\.0\.role: "),
        (body(messages=[{"role": "user", "content": 5}]), r"^messages\.0\.content: "),
        (body(messages=[{"content": "x"}]), r"^messages\.0: .*role"),
        (body(model=None), "^model: name a model"),
        (body(model=7), "^model: "),
        (body(max_tokens=0), "^max_tokens: "),
        (body(max_tokens=1.5), "^max_tokens: "),
        (body(max_tokens="many"), "^max_tokens: "),
        (body(temperature="hot"), "^temperature: "),
        (body(stream="yes"), "^stream: "),
        (body(tools={"a": 1}), "^tools: "),
        (body(models="a"), "^models: "),
        (body(models=["m"] * 11), "^models: at most 10"),
        (body(provider=["groq"]), "^provider: "),
        (body(session_id="x" * 257), "^session_id: "),
        (body(reasoning={"effort": "enormous"}), r"^reasoning\.effort: "),
        (body(preset="mine"), "^preset: "),
        (body(metadata="x"), "^metadata: "),
        (body(metadata={str(n): "x" for n in range(17)}), "^metadata: at most 16 pairs, got 17"),
        (body(metadata={"n" * 65: "x"}), "^metadata: a name has at most 64"),
        (body(metadata={"n": "x" * 513}), r"^metadata\.n: at most 512"),
        (body(reasoning={"effort": "low"}, reasoning_effort="high"), "^reasoning_effort: differs"),
    ],
)
def test_bad_input_is_refused_with_the_path_of_what_is_wrong(payload, where):
    with pytest.raises(InvalidRequest, match=where):
        read_head(payload)


def test_the_head_says_what_routing_needs():
    head = read_head(
        body(
            models=["zeta/koi-1", "acme/orca-2"],
            stream=True,
            max_tokens=10,
            max_completion_tokens=20,
            temperature=0,
            top_p=None,
            tools=[],
            provider={"only": ["groq"]},
            reasoning={"exclude": True},
            user="u1",
            session_id="s1",
            invented_tomorrow={"a": 1},
        )
    )

    assert head.models == ("acme/orca-2", "zeta/koi-1")
    assert head.stream
    assert head.max_output_tokens == 20
    assert head.parameters == {
        "max_tokens", "max_completion_tokens", "temperature", "tools", "reasoning",
    }  # fmt: skip
    assert head.preferences == {"only": ["groq"]}
    assert head.exclude_reasoning
    assert (head.user, head.session_id) == ("u1", "s1")


def test_media_are_counted_by_kind_and_size():
    parts = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:x"}},
        {"type": "hologram", "hologram": 1},
    ]

    head = read_head(body(messages=[{"role": "user", "content": parts}]))

    assert [modality for modality, _ in head.media] == ["image", "file"]
    assert head.media[0][1] == len('{"url": "data:image/png;base64,AAAA"}')


@pytest.mark.parametrize(
    ("fields", "received"),
    [
        ({"temperature": 0.5, "seed": 3}, {"temperature": 0.5, "seed": 3}),
        ({"safe_prompt": True}, {"safe_prompt": True}),
        ({"provider": {"only": ["x"]}, "models": ["m"], "route": "fallback", "plugins": []}, {}),
        ({"usage": {"include": True}, "transforms": [], "trace": {}, "session_id": "s"}, {}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 6, "max_tokens": 5}, {"max_tokens": 6}),
        ({"max_tokens": None}, {}),
        ({"stream_options": {"include_usage": False}}, {}),
        ({"reasoning": {"effort": "high"}}, {}),
        ({"include_reasoning": True}, {}),
        ({"structured_outputs": True, "debug": {}, "metadata": {"a": "b"}, "speed": "fast"}, {}),
        ({"service_tier": "fast"}, {"service_tier": "priority"}),
        ({"service_tier": "flex"}, {"service_tier": "flex"}),
    ],
)
def test_own_fields_stay_here_and_unknown_ones_travel(fields, received):
    assert sent(fields) == {"messages": USER, **received}


def test_streams_always_ask_for_usage():
    received = sent({"stream": True, "stream_options": {"include_usage": False}})

    assert received["stream"] is True
    assert received["stream_options"] == {"include_usage": True}
    assert "stream_options" not in sent({"stream": True}, quirks=Quirks(takes_stream_options=False))


@pytest.mark.parametrize(
    ("field", "fields", "received"),
    [
        ("reasoning_effort", {"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ("reasoning_effort", {"reasoning": {"enabled": True}}, {"reasoning_effort": "medium"}),
        ("reasoning_effort", {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ("reasoning_effort", {"reasoning": {"exclude": True}}, {}),
        ("reasoning_effort", {"reasoning": {"effort": "max"}}, {"reasoning_effort": "high"}),
        ("reasoning_effort", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}),
        ("reasoning_effort", {"reasoning": {"effort": "none"}}, {"reasoning_effort": "none"}),
        (
            "reasoning_effort",
            {"reasoning": {"max_tokens": 2000}, "max_tokens": 10_000},
            {"reasoning_effort": "low", "max_tokens": 10_000},
        ),
        (
            "reasoning_effort",
            {"reasoning": {"max_tokens": 5500}, "max_completion_tokens": 10_000},
            {"reasoning_effort": "medium", "max_tokens": 10_000},
        ),
        (
            "reasoning_effort",
            {"reasoning": {"max_tokens": 9000}, "max_tokens": 10_000},
            {"reasoning_effort": "high", "max_tokens": 10_000},
        ),
        (
            "enable_thinking",
            {"reasoning": {"effort": "high"}, "max_tokens": 10_000},
            {"enable_thinking": True, "thinking_budget": 8000, "max_tokens": 10_000},
        ),
        (
            "enable_thinking",
            {"reasoning_effort": "minimal", "max_tokens": 4000},
            {"enable_thinking": True, "thinking_budget": 1024, "max_tokens": 4000},
        ),
        (
            "enable_thinking",
            {"reasoning": {"max_tokens": 9000}, "max_tokens": 5000},
            {"enable_thinking": True, "thinking_budget": 4999, "max_tokens": 5000},
        ),
        ("enable_thinking", {"reasoning": {"effort": "high"}}, {"enable_thinking": True}),
        ("thinking", {"reasoning": {"effort": "none"}}, {"thinking": {"type": "disabled"}}),
        ("thinking", {"reasoning": {"max_tokens": 99}}, {"thinking": {"type": "enabled"}}),
        ("enable_thinking", {"reasoning": {"enabled": False}}, {"enable_thinking": False}),
        (
            "enable_thinking",
            {"reasoning": {"enabled": False, "max_tokens": 2000}},
            {"enable_thinking": False},
        ),
        ("reasoning", {"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
    ],
)
def test_the_wish_to_think_is_spelt_as_the_provider_takes_it(field, fields, received):
    assert sent(fields, quirks=Quirks(reasoning_field=field)) == {"messages": USER, **received}


@pytest.mark.parametrize("model", ["gpt-5.2", "openai/gpt-5", "o3", "gemini-3-flash"])
def test_models_with_more_levels_keep_the_one_that_was_wished_for(model):
    head = read_head(body(reasoning={"effort": "minimal"}))

    raw, _ = upstream_body(head, model, frozenset(), Quirks(reasoning_field="reasoning_effort"))

    assert json.loads(raw)["reasoning_effort"] == "minimal"


def test_without_a_cap_of_the_client_the_endpoints_own_decides_on_the_budget():
    quirks = Quirks(reasoning_field="enable_thinking", output_limit_tokens=400_000)

    received = sent({"reasoning": {"effort": "medium"}}, quirks=quirks)

    assert received["thinking_budget"] == 128_000


def test_parameters_the_endpoint_does_not_take_are_dropped_and_named():
    head = read_head(body(top_k=5, temperature=1, max_tokens=9))

    raw, dropped = upstream_body(head, "m", frozenset({"temperature"}), Quirks())

    assert dropped == {"top_k"}
    assert json.loads(raw) == {"model": "m", "messages": USER, "temperature": 1, "max_tokens": 9}


def test_messages_keep_their_exact_bytes():
    spaced = b'{"model":"m", "messages" : [ {"role":"user",  "content":"\\u00e1 1.0e2"} ] }'

    raw, _ = upstream_body(read_head(spaced), "x", frozenset(), Quirks())

    assert b'[ {"role":"user",  "content":"\\u00e1 1.0e2"} ]' in raw


def test_marks_for_this_gateway_are_taken_out_of_messages_and_tools():
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": {"type": "e"}}]},
        {"role": "user", "content": "q", "cache_control": {"type": "ephemeral"}},
        {"role": "assistant", "content": "a", "reasoning": "r", "reasoning_details": [{"x": 1}]},
    ]  # fmt: skip

    received = sent({"messages": messages})["messages"]

    assert received == [
        {"role": "system", "content": [{"type": "text", "text": "s"}]},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
    ]


def test_a_prompt_without_messages_becomes_one_user_message():
    head = read_head(b'{"model":"m","prompt":"Once upon"}')

    raw, _ = upstream_body(head, "m", frozenset(), Quirks())

    assert json.loads(raw)["messages"] == [{"role": "user", "content": "Once upon"}]


def test_every_recorded_request_is_understood_and_keeps_its_conversation():
    checked = 0
    for record in recorded("openrouter-chat"):
        request = (record.get("request") or {}).get("body")
        if not isinstance(request, dict) or record["response"]["status"] != 200:
            continue
        if not request.get("model") and not request.get("models"):
            continue  # a preset or an account's default model decides there
        if "preset" in request or '"openrouter:' in json.dumps(request):
            continue  # refused here
        head = read_head(json.dumps(request).encode())
        received = json.loads(upstream_body(head, "up", frozenset(), Quirks())[0])
        assert head.stream == bool(request.get("stream")), record["id"]
        assert len(received["messages"]) == len(request["messages"]), record["id"]
        checked += 1
    assert checked > 500


OPEN = [{"type": "reasoning.text", "text": "Hm", "format": "unknown", "index": 0}]
SIGNED = [
    {"type": "reasoning.text", "text": "Hm", "signature": "S", "format": "anthropic-claude-v1"}
]


@pytest.mark.parametrize(
    ("earlier", "thought"),
    [
        ({"reasoning_details": OPEN, "reasoning": "Hm"}, "Hm"),
        ({"reasoning_content": "Hm"}, "Hm"),
        ({"reasoning": "Hm"}, "Hm"),
        ({"reasoning_details": SIGNED, "reasoning": "Hm"}, None),
        ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "B"}]}, None),
    ],
)
def test_thoughts_of_open_models_go_back_where_a_provider_takes_them(earlier, thought):
    said = {"role": "assistant", "content": "4", **earlier}
    head = read_head(body(messages=[{"role": "user", "content": "?"}, said]))

    quirks = Quirks(replayed_reasoning="reasoning_content")
    back, _ = upstream_body(head, "m", frozenset(), quirks)
    stripped, _ = upstream_body(head, "m", frozenset(), Quirks())

    plain = {"role": "assistant", "content": "4"}
    assert json.loads(back)["messages"][1] == plain | (
        {"reasoning_content": thought} if thought else {}
    )
    assert json.loads(stripped)["messages"][1] == plain
