"""Chat requests as Responses bodies, and the names of what was dropped."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portico.dialects import DIALECTS, Quirks
from portico.dialects.openai_responses.families import family_of, known_effort
from portico.errors import InvalidRequest, UpstreamRejected

CHAT, RESPONSES = DIALECTS["openai_chat"], DIALECTS["openai_responses"]
PNG = "data:image/png;base64,iVBORw0KGgo="
HI = [{"role": "user", "content": "Hi"}]
ADD = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


def encoded(messages=HI, *, model="gpt-4o", supported=frozenset(), quirks=None, **fields):
    """The native body for a chat request and what was dropped, as a sorted list."""
    chat = {"model": "openai/x", "messages": messages, **fields}
    request = CHAT.decode_request(CHAT.read_head(json.dumps(chat).encode()))
    body, dropped = RESPONSES.encode_request(request, model, supported, quirks or Quirks())
    return json.loads(body), sorted(dropped)


def native(messages=HI, **fields):
    return encoded(messages, **fields)[0]


def call(call_id, name="add", arguments="{}"):
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def assistant(*calls, **fields):
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **fields}


def result(call_id, content="ok"):
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def test_a_plain_request_gets_nothing_but_that_it_is_not_stored():
    body, dropped = encoded()

    assert body == {"model": "gpt-4o", "input": HI, "store": False}
    assert dropped == []


@pytest.mark.parametrize("model", ["gpt-5", "o3-pro", "gpt-5.1-codex", "codex-mini-latest", "grok-4-0709"])  # fmt: skip
def test_thoughts_are_asked_for_sealed_where_the_model_seals_them(model):
    assert native(model=model)["include"] == ["reasoning.encrypted_content"]


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-5-chat", "grok-4-fast-non-reasoning", "openai.gpt-oss-20b", "deepseek-v4"])  # fmt: skip
def test_other_models_are_asked_for_none(model):
    assert "include" not in native(model=model)


# --- turns --------------------------------------------------------------------------


def test_every_speaker_keeps_the_place_and_the_role():
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "name": "ana", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "assistant", "content": "", "refusal": "No."},
        *HI,
    ]

    assert native(messages)["input"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": "ana: Hi"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "user", "content": "Hi"},
    ]


def test_calls_and_results_are_items_that_share_an_id():
    arguments = '{"n": 1.0, "big": 12345678901234567890}'
    turn = assistant(call("c1", arguments=arguments), call("functions.add:0"), content="Adding.")
    image = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": PNG}}]

    items = native([*HI, turn, result("c1"), result("functions.add:0", image)])["input"]

    assert items[1]["content"] == [{"type": "output_text", "text": "Adding."}]
    assert items[2] == {
        "type": "function_call", "call_id": "c1", "name": "add", "arguments": arguments,
    }  # fmt: skip
    assert items[4] == {"type": "function_call_output", "call_id": "c1", "output": "ok"}
    assert items[3]["call_id"] == items[5]["call_id"]
    assert [part["type"] for part in items[5]["output"]] == ["input_text", "input_image"]


def test_an_id_that_is_too_long_is_cut_the_same_way_for_call_and_result():
    items = native([*HI, assistant(call("x" * 65)), result("x" * 65)])["input"]

    assert items[1]["call_id"] == items[2]["call_id"]
    assert len(items[1]["call_id"]) <= 64


# --- reasoning ----------------------------------------------------------------------


def detail(kind, format="openai-responses-v1", **fields):
    return {"type": f"reasoning.{kind}", "format": format, **fields}


def test_thoughts_come_back_as_the_items_they_were():
    details = [
        detail("summary", summary="**A", index=0),
        detail("summary", summary="dd**", index=0),
        detail("summary", summary="Then.", index=1),
        detail("encrypted", data="gAAA+/=", id="rs_1", index=0),
        detail("encrypted", data="gBBB==", id="rs_2", index=0),
    ]

    items = native([*HI, assistant(call("c"), reasoning_details=details), result("c")])["input"]

    assert items[1:3] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [
                {"type": "summary_text", "text": "**Add**"},
                {"type": "summary_text", "text": "Then."},
            ],
            "encrypted_content": "gAAA+/=",
        },
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gBBB=="},
    ]


@pytest.mark.parametrize(
    ("details", "format", "kept"),
    [
        ([detail("encrypted", "xai-responses-v1", data="x", id="rs_1")], None, 0),
        ([detail("encrypted", "xai-responses-v1", data="x", id="rs_1")], "xai-responses-v1", 1),
        ([detail("encrypted", data="x", id="rs_1")], "xai-responses-v1", 0),
        ([detail("text", "anthropic-claude-v1", text="Hm.", signature="c2ln")], None, 0),
        ([detail("encrypted", "google-gemini-v1", data="x", id="tool_1")], None, 0),
        ([detail("summary", summary="never sealed")], None, 0),
        ([detail("text", "unknown", text="open")], None, 0),
    ],
)
def test_seals_of_other_families_are_never_sent(details, format, kept):
    turn = {"role": "assistant", "content": "Hi", "reasoning_details": details}

    items = native([*HI, turn, *HI], quirks=Quirks(reasoning_format=format))["input"]

    assert [item.get("type") for item in items].count("reasoning") == kept
    assert "c2ln" not in json.dumps(items)


@pytest.mark.parametrize(
    ("model", "wish", "said"),
    [
        ("gpt-5", {"effort": "high"}, {"effort": "high", "summary": "auto"}),
        ("gpt-5", {"effort": "xhigh"}, {"effort": "high", "summary": "auto"}),
        ("gpt-5.2", {"effort": "max"}, {"effort": "xhigh", "summary": "auto"}),
        ("gpt-5.1", {"effort": "none"}, {"effort": "none"}),
        ("gpt-5.1", {"enabled": False}, {"effort": "none"}),
        ("gpt-5-pro", {"effort": "low"}, {"effort": "high", "summary": "auto"}),
        ("o3-pro", {"effort": "minimal"}, {"effort": "low", "summary": "auto"}),
        ("o1-pro", {"effort": "low"}, {"effort": "low"}),
        ("o3", {"enabled": True}, {"effort": "medium", "summary": "auto"}),
        ("o3", {"effort": "low", "exclude": True}, {"effort": "low"}),
        ("o3", {"effort": "low", "summary": "detailed"}, {"effort": "low", "summary": "detailed"}),
        ("o3", {"summary": "concise"}, {"summary": "concise"}),
        ("o3", {"max_tokens": 800}, {"effort": "high", "summary": "auto"}),
        ("o3", {"exclude": True}, None),
        ("acme", {"effort": "low"}, {"effort": "low"}),
        ("grok-4-0709", {"effort": "low"}, None),
        ("grok-4-1-fast", {"effort": "low"}, None),
        ("grok-4.3", {"effort": "xhigh"}, {"effort": "high"}),
        ("grok-4.20", {"enabled": False}, {"effort": "none"}),
    ],
)
def test_the_wish_to_think_in_the_models_own_levels(model, wish, said):
    body = native(model=model, reasoning=wish, max_tokens=1000)

    assert body.get("reasoning") == said


def test_a_model_that_cannot_but_think_refuses_not_to():
    with pytest.raises(UpstreamRejected, match="low, medium, high") as refused:
        encoded(model="o3-pro", reasoning={"effort": "none"})

    assert refused.value.status == 400


def test_a_wish_to_think_that_the_endpoint_does_not_know_is_dropped_and_named():
    body, dropped = encoded(reasoning={"effort": "low"}, supported=frozenset({"tools"}))

    assert "reasoning" not in body
    assert dropped == ["reasoning"]


def test_levels_that_a_model_does_not_know_become_the_nearest():
    assert known_effort("minimal", family_of("o3")) == "low"
    assert known_effort("medium", family_of("gpt-5-pro")) == "high"
    assert known_effort("strange", family_of("gpt-5")) == "medium"
    assert known_effort("none", family_of("gpt-5")) is None


# --- tools --------------------------------------------------------------------------


def test_tools_are_flat_and_not_strict_unless_it_was_said():
    function = {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}
    tools = [
        {"type": "function", "function": {**function, "strict": True}},
        {"type": "function", "function": {"name": "now"}},
        {"type": "openrouter:web_search", "parameters": {"search_context_size": "low", "max_results": 3, "allowed_domains": ["x.org"]}},
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        {"type": "custom", "custom": {"name": "patch", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}},
    ]  # fmt: skip

    assert native(tools=tools)["tools"] == [
        {"type": "function", **function, "strict": True},
        {
            "type": "function",
            "name": "now",
            "parameters": {"type": "object", "properties": {}},
            "strict": False,
        },
        {
            "type": "web_search",
            "search_context_size": "low",
            "filters": {"allowed_domains": ["x.org"]},
        },
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        {
            "type": "custom",
            "name": "patch",
            "format": {"type": "grammar", "syntax": "lark", "definition": "x"},
        },
    ]


def test_a_tool_that_nobody_runs_is_refused_by_name():
    with pytest.raises(UpstreamRejected, match="openrouter:bash"):
        encoded(tools=[{"type": "openrouter:bash"}])


@pytest.mark.parametrize(
    ("sent", "choice"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        (ADD, {"type": "function", "name": "add"}),
    ],
)
def test_tool_choices(sent, choice):
    body = native(tools=[ADD], tool_choice=sent, parallel_tool_calls=False)

    assert (body["tool_choice"], body["parallel_tool_calls"]) == (choice, False)
    assert not native(tool_choice=sent).keys() & {"tool_choice", "tools"}


def test_the_wish_to_search_is_a_tool():
    place = {"type": "approximate", "approximate": {"city": "Oslo", "country": "NO"}}
    options = {"search_context_size": "high", "user_location": place}

    body, dropped = encoded(web_search_options=options)

    assert body["tools"] == [
        {
            "type": "web_search",
            "search_context_size": "high",
            "user_location": {"type": "approximate", "city": "Oslo", "country": "NO"},
        }
    ]
    assert dropped == []


# --- media --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "item"),
    [
        (
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            {"type": "input_image", "image_url": PNG, "detail": "low"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            {"type": "input_image", "image_url": "https://example.org/a.png"},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE"}},
            {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBE"},
        ),
        (
            {"type": "file", "file": {"file_data": "https://example.org/a.pdf"}},
            {"type": "input_file", "file_url": "https://example.org/a.pdf"},
        ),
        (
            {"type": "file", "file": {"file_id": "file_1"}},
            {"type": "input_file", "file_id": "file_1"},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        ),
    ],
)  # fmt: skip
def test_images_files_and_audio(part, item):
    body, dropped = encoded([{"role": "user", "content": [{"type": "text", "text": "See:"}, part]}])

    assert body["input"][0]["content"] == [{"type": "input_text", "text": "See:"}, item]
    assert dropped == []


def test_video_and_unknown_parts_are_left_out_and_named():
    parts = [
        {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
        {"type": "hologram", "depth": 3},
        {"type": "text", "text": "Hi"},
    ]

    body, dropped = encoded([{"role": "user", "content": parts}])

    assert body["input"] == HI
    assert dropped == ["hologram", "video_url"]


# --- sampling and output ------------------------------------------------------------


def test_what_the_api_does_not_have_is_dropped_and_named():
    sent = {
        "seed": 1, "top_k": 3, "min_p": 0.1, "top_a": 0.1, "frequency_penalty": 1, "stop": ["X"],
        "presence_penalty": 1, "repetition_penalty": 1.1, "logit_bias": {"1": 2},
    }  # fmt: skip

    body, dropped = encoded(**sent, temperature=0.5, top_p=0.9)

    assert body.keys() == {"model", "input", "store", "temperature", "top_p"}
    assert dropped == sorted(sent)


@pytest.mark.parametrize(
    ("model", "wish", "kept"),
    [
        ("gpt-4.1", None, ["temperature", "top_p"]),
        ("gpt-5", None, []),
        ("o3", None, []),
        ("gpt-5.1", {"effort": "none"}, ["temperature", "top_p"]),
        ("grok-4", None, ["temperature", "top_p"]),
    ],
)
def test_models_that_think_refuse_samplers(model, wish, kept):
    sent = {"temperature": 0.5, "top_p": 0.9, **({"reasoning": wish} if wish else {})}

    body, dropped = encoded(model=model, **sent)

    assert sorted(body.keys() & {"temperature", "top_p"}) == kept
    assert sorted([*kept, *dropped]) == ["temperature", "top_p"]


@pytest.mark.parametrize(("cap", "sent"), [(5, 16), (16, 16), (500, 500)])
def test_a_cap_is_never_below_what_the_api_takes(cap, sent):
    assert native(max_tokens=cap)["max_output_tokens"] == sent


def test_forms_of_the_answer():
    schema = {"name": "p", "strict": True, "schema": {"type": "object"}, "description": "A p."}

    assert native(response_format={"type": "json_schema", "json_schema": schema})["text"] == {
        "format": {"type": "json_schema", **schema}
    }
    assert native(response_format={"type": "json_object"}, verbosity="low")["text"] == {
        "format": {"type": "json_object"},
        "verbosity": "low",
    }
    assert encoded(response_format={"type": "grammar"})[1] == ["response_format"]


def test_what_the_endpoint_does_not_list_is_dropped_and_named():
    schema = {"type": "json_schema", "json_schema": {"name": "p", "schema": {}}}
    sent = {"temperature": 0.5, "tools": [ADD], "response_format": schema, "verbosity": "low"}

    body, dropped = encoded(supported=frozenset({"max_tokens"}), **sent)

    assert body.keys() == {"model", "input", "store"}
    assert dropped == sorted(sent)


def test_log_probabilities_are_asked_for_in_their_own_way():
    body, dropped = encoded(logprobs=True, top_logprobs=3)

    assert (body["include"], body["top_logprobs"]) == (["message.output_text.logprobs"], 3)
    assert dropped == []


def test_members_that_mean_the_same_are_carried_and_others_stay():
    body = native(
        user="u-1", service_tier="flex", prompt_cache_key="k", stream=True, safe_prompt=True
    )

    assert body == {
        "model": "gpt-4o",
        "input": HI,
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "user": "u-1",
        "store": False,
        "stream": True,
    }


def test_the_provider_has_the_last_word():
    quirks = Quirks(patch_request=lambda fields: fields.pop("store"))

    assert "store" not in native(quirks=quirks)


messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
        optional={
            "content": st.none()
            | st.text(max_size=4)
            | st.lists(
                st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=4)}),
                max_size=2,
            ),
            "tool_calls": st.lists(
                st.fixed_dictionaries(
                    {"function": st.dictionaries(st.sampled_from(["name", "arguments"]), st.text(max_size=3))},
                    optional={"id": st.text(max_size=4)},
                ),
                max_size=2,
            ),
            "tool_call_id": st.text(max_size=4),
            "reasoning_details": st.lists(
                st.dictionaries(
                    st.sampled_from(["type", "summary", "data", "format", "id"]), st.text(max_size=3)
                ),
                max_size=2,
            ),
        },
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


@given(messages)
def test_any_conversation_is_written_or_refused(sent):
    try:
        body = native(sent)
    except (InvalidRequest, UpstreamRejected):
        return

    results = [item["call_id"] for item in body["input"] if item.get("type", "").endswith("output")]
    assert all(results)
