"""Plugins: what is understood, what each provider is asked for, and what is refused by name."""

import json

import pytest
from tests.dialects.streaming import COST, envelope

from portico.dialects import DIALECTS, Quirks, request_between
from portico.errors import InvalidRequest, UpstreamRejected

CHAT = DIALECTS["openai_chat"]
FILE = {
    "type": "file",
    "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
}
QUESTION = [{"role": "user", "content": "Hi"}]
WITH_FILE = [{"role": "user", "content": [FILE]}]
MODELS = {
    "openai_chat": "orca-2",
    "anthropic_messages": "claude-sonnet-4",
    "gemini": "gemini-2.5-flash",
    "cohere_chat": "command-a-03-2025",
    "bedrock_converse": "anthropic.claude-sonnet-4",
    "openai_responses": "gpt-5",
}


def sent(dialect, *plugins, supported=frozenset(), quirks=None, messages=QUESTION, **fields):
    body = {"model": "m", "messages": messages, "plugins": list(plugins), **fields}
    head = CHAT.read_head(json.dumps(body).encode())
    raw, _ = request_between(
        CHAT, DIALECTS[dialect], head, MODELS[dialect], supported, quirks or Quirks()
    )
    return json.loads(raw)


@pytest.mark.parametrize("dialect", MODELS)
@pytest.mark.parametrize(
    "plugin",
    [
        {"id": "auto-router"},
        {"id": "context-compression"},
        {"id": "response-healing"},
        {"id": "file-parser", "pdf": {"engine": "mistral-ocr"}},
        {"id": "web", "enabled": False},
        {"id": "moderation", "enabled": False},
    ],
)
def test_what_is_understood_here_or_switched_off_leaves_the_request_as_it_was(dialect, plugin):
    assert sent(dialect, plugin) == sent(dialect)


@pytest.mark.parametrize("dialect", MODELS)
@pytest.mark.parametrize("name", ["moderation", "fusion", "web-fetch", "pareto-router", "new"])
def test_a_plugin_that_nobody_has_is_refused_by_its_place_and_name(dialect, name):
    with pytest.raises(UpstreamRejected, match=rf"^plugins\.1: .*'{name}'"):
        sent(dialect, {"id": "web", "enabled": False}, {"id": name})


@pytest.mark.parametrize("engine", ["native", "mistral-ocr", "pdf-text"])
def test_a_file_goes_to_the_model_whichever_parser_is_named(engine):
    plugin = {"id": "file-parser", "pdf": {"engine": engine}}

    body = sent("anthropic_messages", plugin, messages=WITH_FILE)

    assert body["messages"][0]["content"][0]["type"] == "document"


@pytest.mark.parametrize(
    ("dialect", "tool"),
    [
        ("anthropic_messages", "web_search_20250305"),
        ("gemini", "googleSearch"),
        ("openai_responses", "web_search"),
    ],
)
def test_a_search_goes_to_the_provider_that_searches_by_itself(dialect, tool):
    assert tool in json.dumps(sent(dialect, {"id": "web"})["tools"])


def test_a_chat_model_that_searches_is_asked_for_it():
    options = frozenset({"web_search_options"})

    assert sent("openai_chat", {"id": "web"}, supported=options)["web_search_options"] == {}


@pytest.mark.parametrize("dialect", ["openai_chat", "cohere_chat", "bedrock_converse"])
def test_a_search_that_nobody_does_is_refused(dialect):
    with pytest.raises((UpstreamRejected, InvalidRequest), match="search"):
        sent(dialect, {"id": "web"})


def test_a_gateway_behind_this_one_gets_plugins_and_server_tools_as_they_are():
    fields = {"tools": [{"type": "openrouter:datetime"}], "transforms": ["middle-out"]}

    body = sent(
        "openai_chat", {"id": "fusion"}, quirks=Quirks(reasoning_field="reasoning"), **fields
    )

    assert body["plugins"] == [{"id": "fusion"}]
    assert {name: body[name] for name in fields} == fields


@pytest.mark.parametrize("dialect", MODELS)
def test_a_tool_that_no_gateway_runs_is_refused_by_its_type(dialect):
    with pytest.raises((UpstreamRejected, InvalidRequest), match="openrouter:datetime"):
        sent(dialect, tools=[{"type": "openrouter:datetime"}])


@pytest.mark.parametrize(
    ("plugins", "where"),
    [
        ("web", r"^plugins: "),
        (["web"], r"^plugins\.0: "),
        ([{"enabled": True}], r"^plugins\.0: .*id"),
        ([{"id": 5}], r"^plugins\.0\.id: "),
        ([{"id": "web", "enabled": "no"}], r"^plugins\.0\.enabled: "),
    ],
)
def test_plugins_of_another_shape_are_refused_with_the_path(plugins, where):
    body = {"model": "m", "messages": QUESTION, "plugins": plugins}

    with pytest.raises(InvalidRequest, match=where):
        CHAT.read_head(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("plugins", "asked", "content"),
    [
        ([{"id": "response-healing"}], {"response_format": {"type": "json_object"}}, '{"a": 1}'),
        ([{"id": "response-healing"}], {}, "```json\n{'a': 1,}\n```"),
        ([], {"response_format": {"type": "json_object"}}, "```json\n{'a': 1,}\n```"),
    ],
)
def test_json_is_mended_for_who_asks_for_json_and_for_that(plugins, asked, content):
    body = {"model": "m", "messages": QUESTION, "plugins": plugins, **asked}
    head = CHAT.read_head(json.dumps(body).encode())
    message = {"role": "assistant", "content": "```json\n{'a': 1,}\n```"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    answer = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
    response = CHAT.decode_response(json.dumps(answer).encode(), Quirks())

    told = json.loads(CHAT.encode_response(response, envelope(request=head.fields), COST))

    assert told["choices"][0]["message"]["content"] == content
