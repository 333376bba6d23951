"""Recorded answers with something odd in them: an answer in the types of the contract, or a failure."""

import json
import re
from random import Random

import pytest
from tests.conftest import body_of, recorded
from tests.dialects.streaming import COST, envelope, recorded_streams, relay_bytes

from portico.dialects import DIALECTS, Quirks, relay_between
from portico.errors import UpstreamError
from portico.jsonio import JsonError, loads

APIS = {
    "openai-chat": "openai_chat",
    "anthropic-messages": "anthropic_messages",
    "gemini-generate": "gemini",
    "openai-responses": "openai_responses",
    "cohere-v2-chat": "cohere_chat",
    "bedrock-converse": "bedrock_converse",
}
CHAT = DIALECTS["openai_chat"]
OTHERS = [DIALECTS["openai_responses"], DIALECTS["anthropic_messages"]]
ODD = (None, "", "7", "no", 0, -1, 1.5, True, 10**20, [], {}, [None], ["x"], [{}], {"a": 1})
PER_RECORD = 3
LONGEST_BYTES = 60_000
COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def places(value, path=()):
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def made_odd(value, rng):
    """A copy with one place replaced, wrapped or taken out; and what was done."""
    path = rng.choice(list(places(value)))
    copy = json.loads(json.dumps(value))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    match rng.randrange(4):
        case 0:
            del parent[path[-1]]
        case 1:
            parent[path[-1]] = [parent[path[-1]]]
        case _:
            parent[path[-1]] = rng.choice(ODD)
    return copy, path


def assert_chunk(chunk, where):
    whole = chunk["object"] == "chat.completion"  # null is for whole answers only
    nothing = None if whole else ""
    assert isinstance(chunk.get("system_fingerprint", nothing), str | type(nothing)), where
    if "usage" in chunk:
        assert all(type(chunk["usage"][name]) is int for name in COUNTS), where
    for choice in chunk["choices"]:
        delta = choice.get("delta") or choice["message"]
        assert type(choice["index"]) is int, where
        assert isinstance(choice["native_finish_reason"], str | None), where
        for name in ("content", "refusal", "reasoning"):
            assert isinstance(delta.get(name), str | None), where
        for call in delta.get("tool_calls", ()):
            function = call["function"]
            assert isinstance(function["arguments"], str), where
            if "id" in call:
                assert isinstance(call["id"], str), where
                assert isinstance(function["name"], str), where


@pytest.mark.parametrize("api", APIS)
def test_an_odd_answer_is_an_answer_or_a_failure(api):
    rng = Random(api)
    dialect, answered = DIALECTS[APIS[api]], 0
    for record in recorded(api):
        body = body_of(record)
        if record["stream"] or record["response"]["status"] != 200 or len(body) > LONGEST_BYTES:
            continue
        try:
            whole = loads(body)
        except JsonError:
            continue
        for _ in range(PER_RECORD):
            odd, path = made_odd(whole, rng) if isinstance(whole, dict) else (whole, ())
            try:
                response = dialect.decode_response(json.dumps(odd).encode(), Quirks())
            except UpstreamError:
                continue
            where = (record["id"], path)
            assert_chunk(json.loads(CHAT.encode_response(response, envelope(), COST)), where)
            encoder = CHAT.stream_encoder(envelope())
            assert b"".join(map(encoder.feed, dialect.response_events(response))), where
            for surface in OTHERS:
                told = loads(surface.encode_response(response, envelope(), COST))
                assert told["id"] == envelope().generation_id, where
            answered += 1
    assert answered > 50


@pytest.mark.parametrize("api", [api for api in APIS if api != "bedrock-converse"])
def test_an_odd_event_in_a_stream_is_passed_over_or_a_failure(api):
    rng = Random(api)
    dialect, answered = DIALECTS[APIS[api]], 0
    for record, stream in recorded_streams(api):
        events = [e for e in re.split(rb"(?:\r\n|\n|\r){2,}", stream) if e.strip()]
        told = [n for n, event in enumerate(events) if b"data: {" in event]
        if not told or len(stream) > LONGEST_BYTES:
            continue
        for _ in range(PER_RECORD):
            number = rng.choice(told)
            head, _, data = events[number].partition(b"data: ")
            try:
                odd, path = made_odd(json.loads(data), rng)
            except ValueError:
                continue
            changed = [*events[:number], head + b"data: " + json.dumps(odd).encode()]
            changed += events[number + 1 :]
            relay = relay_between(dialect, CHAT, Quirks(), envelope())

            out = relay_bytes(relay, [b"\n\n".join(changed) + b"\n\n"])

            for line in out.split(b"\n\n"):
                if line.startswith(b"data: {"):
                    assert_chunk(json.loads(line[6:]), (record["id"], number, path))
            assert out.endswith(b"data: [DONE]\n\n")
            for surface in OTHERS:
                relay = relay_between(dialect, surface, Quirks(), envelope())
                assert relay_bytes(relay, [b"\n\n".join(changed) + b"\n\n"]), (record["id"], path)
            answered += relay.error is None
    assert answered > 10
