"""Plugins: what is understood, what each provider is asked for, and what is refused by name."""

import json

import pytest

from portico.dialects import DIALECTS, Quirks, request_between
from portico.dialects.openai_completions import DIALECT as COMPLETIONS
from portico.dialects.plugins import mended, wants_mending
from portico.errors import InvalidRequest, UpstreamRejected
from portico.vocabulary import ChatResponse, Choice

CHAT = DIALECTS["openai_chat"]
FILE = {
    "type": "file",
    "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
}
QUESTION = [{"role": "user", "content": "Hi"}]
WITH_FILE = [{"role": "user", "content": [FILE]}]
WISHES = ({"plugins": [{"id": "web"}]}, {"tools": [{"type": "openrouter:web_search"}]})
MODELS = {
    "openai_chat": "orca-2",
    "anthropic_messages": "claude-sonnet-4",
    "gemini": "gemini-2.5-flash",
    "cohere_chat": "command-a-03-2025",
    "bedrock_converse": "anthropic.claude-sonnet-4",
    "openai_responses": "gpt-5",
}


SURFACES = {
    "openai_chat": {"messages": QUESTION},
    "anthropic_messages": {"messages": QUESTION, "max_tokens": 9},
    "openai_responses": {"input": "Hi"},
}


def read(surface, **fields):
    body = {"model": "m", **SURFACES[surface], **fields}
    return DIALECTS[surface].read_head(json.dumps(body).encode())


def asked_of(surface, dialect, *, supported=frozenset(), quirks=None, **fields):
    """The body for an upstream of `dialect`, from a request on `surface`."""
    raw, _ = request_between(
        DIALECTS[surface],
        DIALECTS[dialect],
        read(surface, **fields),
        MODELS[dialect],
        supported,
        quirks or Quirks(),
    )
    return json.loads(raw)


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
@pytest.mark.parametrize("surface", SURFACES)
def test_what_is_understood_here_or_switched_off_leaves_the_request_as_it_was(
    surface, dialect, plugin
):
    asked = asked_of(surface, dialect, plugins=[plugin], transforms=["middle-out"])

    assert asked == asked_of(surface, dialect)


@pytest.mark.parametrize("dialect", MODELS)
@pytest.mark.parametrize("name", ["moderation", "fusion", "web-fetch", "pareto-router", "new"])
@pytest.mark.parametrize("surface", SURFACES)
def test_a_plugin_that_nobody_has_is_refused_by_its_place_and_name(surface, dialect, name):
    plugins = [{"id": "web", "enabled": False}, {"id": name}]

    with pytest.raises(UpstreamRejected, match=rf"^plugins\.1: .*'{name}'"):
        asked_of(surface, dialect, plugins=plugins)


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
@pytest.mark.parametrize("surface", SURFACES)
def test_a_search_goes_to_the_provider_that_searches_by_itself(surface, dialect, tool):
    by_plugin = asked_of(surface, dialect, plugins=[{"id": "web"}])
    by_tool = asked_of(surface, dialect, tools=[{"type": "openrouter:web_search"}])

    assert tool in json.dumps(by_plugin["tools"])
    assert by_tool == by_plugin


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("wish", WISHES)
def test_a_chat_model_that_searches_is_asked_for_it(surface, wish):
    asked = asked_of(
        surface, "openai_chat", supported=frozenset({"tools", "web_search_options"}), **wish
    )

    assert asked["web_search_options"] == {}
    assert "tools" not in asked


@pytest.mark.parametrize("dialect", ["openai_chat", "cohere_chat", "bedrock_converse"])
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("wish", WISHES)
def test_a_search_that_nobody_does_is_refused(surface, dialect, wish):
    with pytest.raises((UpstreamRejected, InvalidRequest), match="search"):
        asked_of(surface, dialect, **wish)


@pytest.mark.parametrize("surface", ["anthropic_messages", "openai_responses"])
def test_a_gateway_behind_this_one_searches_for_clients_of_every_api(surface):
    quirks = Quirks(reasoning_field="reasoning")
    tool = {"type": "openrouter:web_search", "parameters": {"max_results": 3}}

    assert asked_of(surface, "openai_chat", quirks=quirks, tools=[tool])["tools"] == [tool]


def test_a_search_among_functions_leaves_them_as_they_are():
    function = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    tools = [{"type": "openrouter:web_search"}, function]
    options = frozenset({"tools", "tool_choice", "web_search_options"})

    asked = asked_of(
        "openai_chat", "openai_chat", supported=options, tools=tools, tool_choice="auto"
    )

    assert (asked["tools"], asked["tool_choice"]) == ([function], "auto")


def test_a_gateway_behind_this_one_gets_plugins_and_server_tools_as_they_are():
    fields = {"tools": [{"type": "openrouter:datetime"}], "transforms": ["middle-out"]}

    body = sent(
        "openai_chat", {"id": "fusion"}, quirks=Quirks(reasoning_field="reasoning"), **fields
    )

    assert body["plugins"] == [{"id": "fusion"}]
    assert {name: body[name] for name in fields} == fields


@pytest.mark.parametrize("dialect", MODELS)
@pytest.mark.parametrize("surface", SURFACES)
def test_a_tool_that_no_gateway_runs_is_refused_by_its_type(surface, dialect):
    with pytest.raises((UpstreamRejected, InvalidRequest), match="openrouter:datetime"):
        asked_of(surface, dialect, tools=[{"type": "openrouter:datetime"}])


@pytest.mark.parametrize("surface", SURFACES)
def test_a_preset_is_refused(surface):
    with pytest.raises(InvalidRequest, match=r"^preset: "):
        read(surface, preset="mine")


def test_tools_of_a_completion_are_refused():
    body = {"model": "m", "prompt": "Hi", "tools": [{"type": "openrouter:web_search"}]}

    with pytest.raises(InvalidRequest, match=r"^tools: "):
        COMPLETIONS.read_head(json.dumps(body).encode())


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
@pytest.mark.parametrize("surface", SURFACES)
def test_plugins_of_another_shape_are_refused_with_the_path(surface, plugins, where):
    with pytest.raises(InvalidRequest, match=where):
        read(surface, plugins=plugins)


FORMAT = {"type": "json_schema", "name": "a", "schema": {"type": "object"}}
JSON_WISHES = {
    "openai_chat": {"response_format": {"type": "json_object"}},
    "anthropic_messages": {"output_config": {"format": FORMAT}},
    "openai_responses": {"text": {"format": FORMAT}},
}


@pytest.mark.parametrize("surface", SURFACES)
def test_json_is_mended_for_who_asks_for_json_and_for_that(surface):
    def wants(plugins, **asked):
        return wants_mending(read(surface, plugins=plugins, **asked))

    healing, asked = [{"id": "response-healing"}], JSON_WISHES[surface]
    assert wants(healing, **asked)
    assert not wants(healing)
    assert not wants([], **asked)
    assert not wants([{"id": "response-healing", "enabled": False}], **asked)


def test_what_is_mended_are_the_texts():
    choices = (Choice(content="```json\n{'a': 1,}\n```"), Choice(index=1), Choice(content="no"))

    told = mended(ChatResponse(choices=choices)).choices

    assert [choice.content for choice in told] == ['{"a": 1}', None, "no"]
