"""Reasoning over two providers in a row: what one thought comes out in `reasoning_details`,
the client sends it back as it came, and each provider gets its own and only its own
(contract/chat 6)."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Any

import msgspec
import pytest
from tests.dialects.streaming import envelope

from portico.dialects import DIALECTS, Quirks, request_between
from portico.vocabulary import Finish

CHAT = DIALECTS["openai_chat"]


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A provider: its dialect and quirks, how it answers, and where its blob has to go back.

    `answer` makes the body of an answer that thought, called `add` and signed with a blob;
    None as the blob for a host whose reasoning is not signed. `format` is what its details
    are marked with.
    """

    name: str
    dialect: str
    model: str
    format: str
    answer: Callable[[str], dict[str, Any]]
    signs: bool = True
    quirks: Quirks = Quirks()


def _messages(blob: str) -> dict[str, Any]:
    return {
        "type": "message",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": blob},
            {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def _converse(blob: str) -> dict[str, Any]:
    thought = {"reasoningText": {"text": "Hm.", "signature": blob}}
    call = {"toolUseId": "tooluse_1", "name": "add", "input": {"a": 1}}
    content = [{"reasoningContent": thought}, {"toolUse": call}]
    message = {"role": "assistant", "content": content}
    return {"output": {"message": message}, "stopReason": "tool_use", "usage": {"inputTokens": 1}}


def _gemini(blob: str) -> dict[str, Any]:
    call = {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": blob}
    parts = [{"text": "Hm.", "thought": True}, call]
    return {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}


def _responses(blob: str) -> dict[str, Any]:
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": blob,
    }
    call = {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"a":1}'}
    return {"status": "completed", "output": [thought, call]}


def _chat(blob: str) -> dict[str, Any]:
    function = {"name": "add", "arguments": '{"a":1}'}
    call = {"id": "functions.add:0", "type": "function", "function": function}
    message = {
        "role": "assistant",
        "content": None,
        "reasoning_content": "Hm.",
        "tool_calls": [call],
    }
    return {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}


HOSTS = [
    Host(
        name="anthropic",
        dialect="anthropic_messages",
        model="claude-sonnet-4-5",
        format="anthropic-claude-v1",
        answer=_messages,
    ),
    Host(
        name="bedrock",
        dialect="bedrock_converse",
        model="anthropic.claude-sonnet-4-5-v1:0",
        format="anthropic-claude-v1",
        answer=_converse,
        quirks=Quirks(model="anthropic.claude-sonnet-4-5-v1:0"),
    ),
    Host(
        name="gemini",
        dialect="gemini",
        model="gemini-3-pro",
        format="google-gemini-v1",
        answer=_gemini,
    ),
    Host(
        name="openai",
        dialect="openai_responses",
        model="gpt-5",
        format="openai-responses-v1",
        answer=_responses,
    ),
    Host(
        name="azure",
        dialect="openai_responses",
        model="gpt-5",
        format="azure-openai-responses-v1",
        answer=_responses,
        quirks=Quirks(reasoning_format="azure-openai-responses-v1"),
    ),
    Host(
        name="xai",
        dialect="openai_responses",
        model="grok-4",
        format="xai-responses-v1",
        answer=_responses,
        quirks=Quirks(reasoning_format="xai-responses-v1"),
    ),
    Host(
        name="open model",
        dialect="openai_chat",
        model="kimi-k2",
        format="unknown",
        answer=_chat,
        signs=False,
    ),
]
PAIRS = pytest.mark.parametrize(
    ("first", "second"), list(permutations(HOSTS, 2)), ids=lambda host: host.name
)


def blob_of(host: Host, turn: int) -> str:
    """A blob that no other host and no other turn has."""
    return f"{host.name.replace(' ', '')}+{turn}/Zm9v=="


def said_whole(host: Host, blob: str) -> dict[str, Any]:
    """The message that a chat client gets for a whole answer."""
    dialect = DIALECTS[host.dialect]
    response = dialect.decode_response(json.dumps(host.answer(blob)).encode(), host.quirks)
    body = json.loads(CHAT.encode_response(response, envelope(), None))
    message: dict[str, Any] = body["choices"][0]["message"]
    return message


def said_streamed(host: Host, blob: str) -> dict[str, Any]:
    """The message that a chat client puts together from a stream, its details as they came."""
    dialect = DIALECTS[host.dialect]
    response = dialect.decode_response(json.dumps(host.answer(blob)).encode(), host.quirks)
    encoder = CHAT.stream_encoder(envelope())
    out = b"".join(encoder.feed(event) for event in dialect.response_events(response))
    message: dict[str, Any] = {"role": "assistant", "content": None, "reasoning_details": []}
    for delta in _deltas(out):
        message["reasoning_details"] += delta.get("reasoning_details") or []
        for call in delta.get("tool_calls") or ():
            _grow(message, call)
    return message


def _deltas(out: bytes) -> Iterator[dict[str, Any]]:
    for line in out.split(b"\n"):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                yield choice["delta"]


def _grow(message: dict[str, Any], piece: dict[str, Any]) -> None:
    calls = message.setdefault("tool_calls", [])
    if piece["index"] == len(calls):
        calls.append({name: piece[name] for name in ("id", "type", "function")})
    else:
        calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]


def turns(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A conversation: a question, then each answer of the model with the result of its call."""
    found: list[dict[str, Any]] = [{"role": "user", "content": "Add."}]
    for message in messages:
        call = message["tool_calls"][0]
        found += [message, {"role": "tool", "tool_call_id": call["id"], "content": "3"}]
    return found


def sent_to(host: Host, messages: list[dict[str, Any]]) -> str:
    """The text of the body that a host gets for a chat client's conversation."""
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    body = {"model": "m", "messages": messages, "tools": [tool], "reasoning": {"effort": "low"}}
    head = CHAT.read_head(json.dumps(body).encode())
    dialect = DIALECTS[host.dialect]
    raw, _ = request_between(CHAT, dialect, head, host.model, frozenset(), host.quirks)
    return json.dumps(json.loads(raw), ensure_ascii=False)


def test_finish_is_told_for_every_host() -> None:
    """Guards the samples: each is a whole answer with a call."""
    for host in HOSTS:
        dialect = DIALECTS[host.dialect]
        body = json.dumps(host.answer("x")).encode()
        events = dialect.response_events(dialect.decode_response(body, host.quirks))
        assert [e.reason for e in events if isinstance(e, Finish)] == ["tool_calls"], host.name


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
@pytest.mark.parametrize("said", [said_whole, said_streamed])
def test_what_was_thought_comes_out_marked_with_its_family(
    host: Host, said: Callable[[Host, str], dict[str, Any]]
) -> None:
    blob = blob_of(host, 1)

    details = said(host, blob)["reasoning_details"]

    blobs = [d.get("signature") or d.get("data") for d in details]
    assert [b for b in blobs if b] == ([blob] if host.signs else [])
    assert "".join(d.get("text") or d.get("summary") or "" for d in details) == "Hm."
    assert host.format in {d["format"] for d in details}


@PAIRS
@pytest.mark.parametrize("said", [said_whole, said_streamed])
def test_two_hosts_in_turn_each_get_back_what_is_theirs(
    first: Host, second: Host, said: Callable[[Host, str], dict[str, Any]]
) -> None:
    messages = [said(first, blob_of(first, 1)), said(second, blob_of(second, 2))]

    for reader in (first, second):
        sent = sent_to(reader, turns(messages))
        for writer, blob in ((first, blob_of(first, 1)), (second, blob_of(second, 2))):
            own = (
                writer.signs and writer.format == reader.format and reader.dialect != "openai_chat"
            )
            assert (blob in sent) == own, (reader.name, writer.name)
        assert sent.count('"add"') >= 3  # the tool and both calls


@PAIRS
def test_a_host_gets_its_own_back_after_another_one_has_answered(first: Host, second: Host) -> None:
    """A, then B, then A twice: both of A's signatures, in their order."""
    answers = [(first, 1), (second, 2), (first, 3)]
    messages = [said_whole(host, blob_of(host, turn)) for host, turn in answers]

    sent = sent_to(first, turns(messages))

    if first.signs:
        assert 0 < sent.index(blob_of(first, 1)) < sent.index(blob_of(first, 3))
