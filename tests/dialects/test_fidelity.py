"""What no translation may lose or invent: one law each, over every dialect that has it.

The dialects' own tests say how each does it; here stands that all of them do.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import body_of, recorded
from tests.dialects.streaming import envelope, relay_bytes

from portico.dialects import DIALECTS, Dialect, Quirks, relay_between, request_between
from portico.errors import GatewayError
from portico.vocabulary import Usage

CHAT = DIALECTS["openai_chat"]
NATIVE = [dialect for dialect in DIALECTS.values() if dialect is not CHAT]
EVERYTHING: frozenset[str] = frozenset()  # nothing known of the endpoint: all is taken
EACH = pytest.mark.parametrize("dialect", NATIVE, ids=lambda dialect: dialect.name)

# A model of each dialect that thinks and calls tools, and where its API is in the corpus.
MODELS = {
    "openai_chat": "open-model",
    "anthropic_messages": "claude-sonnet-4-5",
    "gemini": "gemini-3-pro",
    "openai_responses": "gpt-5",
    "bedrock_converse": "anthropic.claude-sonnet-4-5-v1:0",
    "cohere_chat": "command-a-reasoning",
}
APIS = {
    "openai_chat": "openai-chat",
    "anthropic_messages": "anthropic-messages",
    "gemini": "gemini-generate",
    "openai_responses": "openai-responses",
    "bedrock_converse": "bedrock-converse",
    "cohere_chat": "cohere-v2-chat",
}
# Which family of reasoning a provider of each dialect can read back.
FAMILIES = {
    "anthropic_messages": {"anthropic-claude-v1"},
    "bedrock_converse": {"anthropic-claude-v1"},
    "gemini": {"google-gemini-v1"},
    "openai_responses": {"openai-responses-v1"},
    "cohere_chat": set(),
}
FORMATS = (
    "anthropic-claude-v1", "openai-responses-v1", "azure-openai-responses-v1",
    "xai-responses-v1", "google-gemini-v1", "unknown", "of-tomorrow-v9",
)  # fmt: skip
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


def sent_to(dialect: Dialect, **fields: Any) -> dict[str, Any]:
    """The body that an upstream of `dialect` gets for a chat request."""
    body = {"model": "acme/orca-2", "messages": [{"role": "user", "content": "Hi"}], **fields}
    head = CHAT.read_head(json.dumps(body).encode())
    quirks = Quirks(model=MODELS[dialect.name])
    raw, _ = request_between(CHAT, dialect, head, MODELS[dialect.name], EVERYTHING, quirks)
    sent: dict[str, Any] = json.loads(raw)
    return sent


def strings_in(value: object) -> Iterator[str]:
    """Every text anywhere in a body, the names of members included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from strings_in(item)


def turns_with(details: list[dict[str, Any]], call_id: str = "call_1") -> list[dict[str, Any]]:
    """A conversation in which the model thought, called a tool and got its result."""
    function = {"name": "add", "arguments": '{"a":1}'}
    return [
        {"role": "user", "content": "Add."},
        {
            "role": "assistant",
            "content": "Gladly.",
            "reasoning_details": details,
            "tool_calls": [{"id": call_id, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call_id, "content": "3"},
    ]


def blob_of(family: str, data: str, call_id: str = "call_1") -> dict[str, Any]:
    """A reasoning detail that a family signed, in the form it has for clients."""
    if family == "anthropic-claude-v1":
        return {"type": "reasoning.text", "text": "hm", "signature": data, "format": family}
    item = {"type": "reasoning.encrypted", "data": data, "format": family}
    return item | {"id": call_id if family == "google-gemini-v1" else "rs_1"}


# Unknown fields.

OWN_BODIES = {
    "openai_chat": {"messages": [{"role": "user", "content": "Hi", "tomorrow": 1}]},
    "anthropic_messages": {
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", "tomorrow": 1}]}],
    },
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hi", "tomorrow": 1}]}]},
    "openai_responses": {"input": [{"role": "user", "content": "Hi", "tomorrow": 1}]},
    "bedrock_converse": {
        "messages": [{"role": "user", "content": [{"text": "Hi", "tomorrow": 1}]}]
    },
    "cohere_chat": {"messages": [{"role": "user", "content": "Hi", "tomorrow": 1}]},
}


@pytest.mark.parametrize("name", DIALECTS)
def test_unknown_fields_survive_between_equal_dialects(name: str) -> None:
    dialect = DIALECTS[name]
    body = {"model": "m", **OWN_BODIES[name], "tomorrow": {"deep": [1, {"x": None}]}}

    head = dialect.read_head(json.dumps(body).encode())
    raw, _ = request_between(dialect, dialect, head, "m2", EVERYTHING, Quirks())

    sent = json.loads(raw)
    assert sent["tomorrow"] == {"deep": [1, {"x": None}]}
    for member, value in OWN_BODIES[name].items():
        assert sent[member] == value


# Odd spellings that any re-encoding would lose: spaces, escapes, order, floats, repeated names.
MESSAGES = (
    rb'[ {"role":"user" , "content":[{"text":"\u00e1 \ud83d\ude00 \/","type":"text","n":1.0e0}] } ]'
)


@pytest.mark.parametrize("name", ["openai_chat", "anthropic_messages"])
def test_a_conversation_is_never_serialised_again_between_equal_dialects(name: str) -> None:
    dialect = DIALECTS[name]
    body = b'{"max_tokens":9, "model":"m", "messages":' + MESSAGES + b', "metadata" : {} }'

    head = dialect.read_head(body)
    raw, _ = request_between(dialect, dialect, head, "m2", EVERYTHING, Quirks())

    assert MESSAGES in raw


# Signatures.

SIGNATURES = st.text(
    alphabet='ABCabc019+/=_-.~ \u00e1\U0001f600\\"', min_size=1, max_size=40
).filter(str.strip)


@EACH
@given(data=SIGNATURES)
def test_a_familys_own_signature_goes_back_byte_for_byte(dialect: Dialect, data: str) -> None:
    for family in FAMILIES[dialect.name]:
        sent = sent_to(dialect, messages=turns_with([blob_of(family, data)]), tools=[TOOL])

        assert data in set(strings_in(sent))


@EACH
@pytest.mark.parametrize("family", FORMATS)
def test_a_foreign_signature_is_never_sent(dialect: Dialect, family: str) -> None:
    if family in FAMILIES[dialect.name]:
        return
    for details in (
        [blob_of(family, "c2VjcmV0")],
        [{"type": "reasoning.text", "text": "hm", "signature": "c2VjcmV0", "format": family}],
        [{"type": "reasoning.encrypted", "data": "c2VjcmV0", "format": family}],
        [{"type": "reasoning.encrypted", "data": "c2VjcmV0"}],
    ):
        sent = sent_to(dialect, messages=turns_with(details), tools=[TOOL])

        assert not any("c2VjcmV0" in text for text in strings_in(sent))


# Ids of tool calls.

PATTERNS = {
    "anthropic_messages": re.compile(r"[a-zA-Z0-9_-]+"),
    "bedrock_converse": re.compile(r"[a-zA-Z0-9_-]{1,64}"),
    "openai_responses": re.compile(r".+", re.DOTALL),
    "gemini": re.compile(r".+", re.DOTALL),
    "cohere_chat": re.compile(r".+", re.DOTALL),
}
HOSTILE = [
    "functions.add:0",
    "0",
    "call_1",
    "toolu_bdrk_01",
    "á é/\\",
    "x" * 300,
    "a",
    "functions.add:1",
]


_WRAPPERS = ("toolUse", "functionCall", "toolResult", "functionResponse")
_MADE = {"toolUse", "functionCall", "tool_use", "function_call", "function"}
_ANSWERED = {"toolResult", "functionResponse", "tool_result", "function_call_output", "tool"}
_ID_NAMES = ("toolUseId", "call_id", "tool_use_id", "tool_call_id", "id")


def call_ids(value: object) -> Iterator[tuple[str, str]]:
    """Every call ("made") and result ("answered") in a body, with its id."""
    if isinstance(value, list):
        for item in value:
            yield from call_ids(item)
    if not isinstance(value, dict):
        return
    for inner in value.values():
        yield from call_ids(inner) if isinstance(inner, list) else ()
    wrapped = [(name, value[name]) for name in _WRAPPERS if isinstance(value.get(name), dict)]
    for name, inner in wrapped or [(value.get("type") or value.get("role"), value)]:
        identities = (inner.get(key) for key in _ID_NAMES if key in inner)
        identity = next(identities, None)
        if name in _MADE and identity is not None:
            yield "made", str(identity)
        elif name in _ANSWERED:
            yield "answered", str(identity)


@EACH
@given(
    ids=st.lists(
        st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=9),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
def test_ids_of_calls_fit_the_target_and_results_find_their_call(
    dialect: Dialect, ids: list[str]
) -> None:
    function = {"name": "add", "arguments": "{}"}
    calls = [{"id": i, "type": "function", "function": function} for i in ids]
    results = [{"role": "tool", "tool_call_id": i, "content": i} for i in reversed(ids)]
    opening = {"role": "user", "content": "Add."}
    messages = [opening, {"role": "assistant", "content": None, "tool_calls": calls}, *results]

    found = list(call_ids(sent_to(dialect, messages=messages, tools=[TOOL])))

    made = [identity for kind, identity in found if kind == "made"]
    answered = [identity for kind, identity in found if kind == "answered"]
    assert len(set(made)) == len(made) == len(ids)
    assert sorted(made) == sorted(answered)
    assert all(PATTERNS[dialect.name].fullmatch(identity) for identity in made)


# Tool calls in streams.


def chat_chunks(dialect: Dialect, stream: bytes, model: str) -> list[dict[str, Any]]:
    """What a chat client receives for an upstream's whole stream."""
    relay = relay_between(dialect, CHAT, Quirks(model=model), envelope())
    lines = relay_bytes(relay, [stream]).split(b"\n")
    return [json.loads(line[6:]) for line in lines if line.startswith(b"data: {")]


def fragments_of(chunks: list[dict[str, Any]]) -> dict[tuple[int, int], list[str]]:
    """The pieces of arguments of each call, in the order in which the calls appear."""
    found: dict[tuple[int, int], list[str]] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls") or ():
                place = (choice["index"], call["index"])
                found.setdefault(place, []).append(call["function"]["arguments"])
    return found


def streams_of(dialect: Dialect) -> Iterator[tuple[str, bytes, str]]:
    """Every recorded stream of a dialect's API: id, bytes, model."""
    for record in recorded(APIS[dialect.name]):
        plain = record["response"].get("body_encoding") != "base64"
        if record["stream"] and plain and record["response"]["status"] == 200:
            yield record["id"], body_of(record), record.get("model") or ""


@pytest.mark.parametrize("name", DIALECTS)
def test_tool_calls_of_every_recorded_stream_are_numbered_from_0_without_gaps(name: str) -> None:
    for identity, stream, model in streams_of(DIALECTS[name]):
        places = list(fragments_of(chat_chunks(DIALECTS[name], stream, model)))
        for choice in {place[0] for place in places}:
            numbers = [number for index, number in places if index == choice]
            assert numbers == list(range(len(numbers))), identity


@pytest.mark.parametrize("name", DIALECTS)
def test_no_recorded_call_is_whole_json_before_its_end(name: str) -> None:
    for identity, stream, model in streams_of(DIALECTS[name]):
        for pieces in fragments_of(chat_chunks(DIALECTS[name], stream, model)).values():
            assert whole_early(pieces) is None, identity


def whole_early(pieces: list[str]) -> str | None:
    """The first text that a reader would take for the whole though more follows."""
    total, so_far = "".join(pieces), ""
    for piece in pieces:
        so_far += piece
        if so_far.rstrip()[-1:] in {"}", "]", '"'} and total[len(so_far) :].strip():
            try:
                json.loads(so_far)
            except ValueError:
                continue
            return so_far
    return None


def opened_with(*pieces: str, then: str = "") -> bytes:
    """A chat stream with one call whose arguments come in `pieces`, and perhaps a text."""
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "add", "arguments": ""}}
    deltas: list[dict[str, Any]] = [{"tool_calls": [call]}]
    for piece in pieces:
        deltas.append({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    deltas += [{"content": then}] if then else []
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in (*chunks, end)]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


@pytest.mark.parametrize(
    ("pieces", "arguments"),
    [
        (("{}", '{"a"', ":1}"), '{"a":1}'),
        (
            (
                "{",
                "}",
            ),
            "{}",
        ),
        (("{}", ""), "{}"),
        (("{} ", "\n"), "{}"),
        (('{"a":', "1}"), '{"a":1}'),
        ((), "{}"),
    ],
)
def test_an_empty_object_in_front_of_the_arguments_is_not_taken_for_them(
    pieces: tuple[str, ...], arguments: str
) -> None:
    for then in ("", "Done."):
        (found,) = fragments_of(chat_chunks(CHAT, opened_with(*pieces, then=then), "m")).values()

        assert "".join(found) == arguments
        assert whole_early(found) is None


# Usage.


def usages(dialect: Dialect) -> Iterator[tuple[str, Usage]]:
    """The usage of every recorded answer of a dialect's API, whole or streamed."""
    for record in recorded(APIS[dialect.name]):
        response, body = record["response"], body_of(record)
        if response["status"] != 200 or response.get("body_encoding") == "base64":
            continue
        quirks = Quirks(model=record.get("model") or "")
        if record["stream"]:
            relay = relay_between(dialect, CHAT, quirks, envelope())
            relay_bytes(relay, [body])
            usage = relay.usage
        else:
            try:
                usage = dialect.decode_response(body, quirks).usage
            except GatewayError:
                continue
        if usage is not None:
            yield record["id"], usage


@pytest.mark.parametrize("name", DIALECTS)
def test_the_usage_of_every_recorded_answer_is_disjoint_buckets(name: str) -> None:
    checked = 0
    for identity, usage in usages(DIALECTS[name]):
        counts = [getattr(usage, field) for field in usage.__struct_fields__]
        assert all(count >= 0 for count in counts if not isinstance(count, bool)), identity
        assert usage.reasoning_tokens <= usage.completion_tokens, identity
        cached = usage.cache_read_tokens + usage.cache_write_tokens + usage.cache_write_1h_tokens
        assert cached <= usage.prompt_tokens, identity
        checked += 1
    assert checked > 10


# What was not said.


@EACH
def test_nothing_is_sent_that_nobody_said(dialect: Dialect) -> None:
    plain = sent_to(dialect)
    thinking = sent_to(dialect, reasoning={"effort": "low"}, max_tokens=9000)

    said = set(strings_in(plain))
    assert not said & {"temperature", "top_p", "topP", "p", "seed", "stop", "tools", "tool_choice"}
    if dialect.name != "anthropic_messages":  # that API insists on a cap
        assert not said & {"max_tokens", "maxTokens", "maxOutputTokens", "max_output_tokens"}
    assert not set(strings_in(thinking)) & {"temperature", "topP", "p", "seed"}
