"""Sealed reasoning is tagged on its way out and bare on its way back (contract/chat 6)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.streaming import COST, envelope, pieces_of, relay_bytes

from portico.dialects import DIALECTS, Quirks, relay_between, request_between
from portico.dialects.openai_responses.reasoning import decode_item
from portico.dialects.seals import MARK, origin_in, readable_by, split, tag_members, tag_of, tagged
from portico.jsonio import dumps, loads
from portico.vocabulary import Reasoning, Usage

HOME = ("acme/orca-2", "azure/eastus")
OPENAI = "openai-responses-v1"
BLOB = "gAAAAABo-x_Y.z=="
SURFACES = ("openai_chat", "openai_responses", "anthropic_messages")
INCLUDE = {"include": b'["reasoning.encrypted_content"]'}
NATIVE = {
    "id": "resp_1",
    "status": "completed",
    "output": [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": BLOB,
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
        },
    ],
    "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
}

names = st.text(min_size=1, max_size=40)
blobs = st.text(min_size=1) | st.from_regex(r"\A[A-Za-z0-9+/=_.-]{1,80}\Z")


@given(blob=blobs, model=names, tag=names)
def test_a_tag_comes_off_as_it_was_put_on(blob, model, tag):
    item = Reasoning(data=blob, format=OPENAI, id="rs_1")

    told = tagged(item, (model, tag))

    assert told.data is not None
    assert split(told.data) == (blob, (model, tag))
    assert split(blob) == (blob, None)


@given(blob=blobs, model=names, tag=names)
def test_of_two_gateways_in_a_row_each_takes_off_its_own_tag(blob, model, tag):
    inner = blob + tag_of(("far/away", "there"))

    assert split(inner + tag_of((model, tag))) == (inner, (model, tag))


@pytest.mark.parametrize(
    "text",
    ["", ".", "x." + MARK.decode()[1:], "x" + tag_of(HOME)[:-4], "x" + tag_of(HOME) + ".y",
     "x" + MARK.decode() + "!!", "x" + MARK.decode() + "A"],
)  # fmt: skip
def test_what_only_looks_like_a_tag_is_part_of_the_blob(text):
    assert split(text) == (text, None)


@pytest.mark.parametrize("format", ["anthropic-claude-v1", "google-gemini-v1", "unknown", None])
def test_what_anybody_can_read_who_serves_the_model_is_not_tagged(format):
    item = Reasoning(data=BLOB, format=format)

    assert tagged(item, HOME) is item
    assert tagged(Reasoning(data=BLOB, format=OPENAI), None).data == BLOB


def _answer(surface: str, upstream: str = "openai_responses", body: Any = NATIVE) -> dict[str, Any]:
    """What a client of a surface is told of a whole answer."""
    told = envelope(origin=HOME, request=INCLUDE)
    read, write = DIALECTS[upstream], DIALECTS[surface]
    if read is write and write.rewrite_response is not None:
        head = write.read_head(dumps({"model": "m", "input": "Hi"}))
        return loads(write.rewrite_response(dumps(body), head, told, Usage(), COST, {}))
    response = read.decode_response(dumps(body), Quirks())
    return loads(write.encode_response(response, told, COST))


def _next_turn(surface: str, answer: dict[str, Any]) -> bytes:
    """The request that goes on from there, as the surface's clients make it."""
    asked, again = {"role": "user", "content": "Hi"}, {"role": "user", "content": "And?"}
    if surface == "openai_responses":
        return dumps({"model": "m", "input": [asked, *answer["output"], again]})
    if surface == "openai_chat":
        said = answer["choices"][0]["message"]
    else:
        said = {"role": "assistant", "content": answer["content"]}
    return dumps({"model": "m", "max_tokens": 9, "messages": [asked, said, again]})


def _sent(surface: str, upstream: str, body: bytes, tag: str) -> dict[str, Any]:
    head = readable_by(DIALECTS[surface].read_head(body), tag)
    dialects = DIALECTS[surface], DIALECTS[upstream]
    sent, _ = request_between(*dialects, head, "gpt-5", frozenset(), Quirks())
    return loads(sent)


@pytest.mark.parametrize("surface", SURFACES)
def test_the_next_turn_names_who_wrote_the_blob(surface):
    body = _next_turn(surface, _answer(surface))

    assert origin_in(DIALECTS[surface].read_head(body).prompt_bytes) == HOME


@pytest.mark.parametrize("surface", SURFACES)
def test_who_wrote_the_blob_gets_it_back_bare_and_nobody_else_gets_it(surface):
    body = _next_turn(surface, _answer(surface))

    home = _sent(surface, "openai_responses", body, HOME[1])
    thought = [item for item in home["input"] if item.get("type") == "reasoning"]
    assert [item["encrypted_content"] for item in thought] == [BLOB]
    assert MARK not in dumps(home)

    elsewhere = _sent(surface, "openai_responses", body, "openai")
    assert BLOB.encode() not in dumps(elsewhere)
    assert MARK not in dumps(elsewhere)
    assert not [item for item in elsewhere["input"] if item.get("type") == "reasoning"]
    said = [item for item in elsewhere["input"] if item.get("role") == "assistant"]
    assert [item["content"][0]["text"] for item in said] == ["Hi"]


@pytest.mark.parametrize("upstream", [name for name in DIALECTS if name != "openai_responses"])
@pytest.mark.parametrize("surface", SURFACES)
def test_no_dialect_is_sent_a_tag_or_anothers_blob(surface, upstream):
    body = _next_turn(surface, _answer(surface))

    sent = dumps(_sent(surface, upstream, body, "other"))

    assert MARK not in sent
    assert BLOB.encode() not in sent


@pytest.mark.parametrize("surface", SURFACES)
def test_without_the_tags_a_conversation_keeps_its_bytes(surface):
    """Spaces, the order of members and escapes are the client's own."""
    place = "input" if surface == "openai_responses" else "messages"
    spaced = json.dumps(loads(_next_turn(surface, _answer(surface))), indent=1)
    head = DIALECTS[surface].read_head(spaced.replace("/", "\\/").encode())

    bare = bytes(readable_by(head, HOME[1]).fields[place])

    assert bare == bytes(head.fields[place]).replace(tag_of(HOME).encode(), b"")


def test_the_last_blob_of_several_decides():
    other = ("acme/orca-2", "openai")
    details = [
        [{"type": "reasoning.encrypted", "data": BLOB + tag_of(origin), "format": OPENAI}]
        for origin in (other, HOME)
    ]
    turns = [{"role": "assistant", "content": "x", "reasoning_details": one} for one in details]
    body = dumps({"model": "m", "messages": turns})

    assert origin_in(body) == HOME
    head = readable_by(DIALECTS["openai_chat"].read_head(body), "openai")
    assert [turn["reasoning_details"] for turn in loads(head.fields["messages"])] == [
        [{"type": "reasoning.encrypted", "data": BLOB, "format": OPENAI}],
        [],
    ]


@pytest.mark.parametrize(
    "said",
    [f"x{tag_of(HOME)}", f'"data":"x{tag_of(HOME)}"', tag_of(HOME), {"odd": [1, None]}, None],
)
def test_what_people_write_about_tags_is_left_alone(said):
    body = dumps({"model": "m", "messages": [{"role": "user", "content": said}]})

    assert origin_in(body) is None


def test_a_prompt_that_another_wrote_shorter_is_left_out_elsewhere():
    """A compaction is a blob alone: without it there is no item."""
    item = {"type": "compaction", "encrypted_content": BLOB + tag_of(HOME)}
    body = dumps({"model": "m", "input": [item, {"role": "user", "content": "Hi"}]})
    head = DIALECTS["openai_responses"].read_head(body)

    def sent(tag: str) -> list[dict[str, Any]]:
        return loads(readable_by(head, tag).fields["input"])

    assert sent(HOME[1])[0] == {"type": "compaction", "encrypted_content": BLOB}
    assert [one.get("type") for one in sent("openai")] == [None]


def _stream() -> bytes:
    thought, message = NATIVE["output"]
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**NATIVE, "output": [], "usage": None}},
        {"type": "response.output_item.added", "output_index": 0, "item": thought},
        {"type": "response.output_item.done", "output_index": 0, "item": thought},
        {"type": "response.output_item.added", "output_index": 1, "item": message},
        {"type": "response.output_item.done", "output_index": 1, "item": message},
        {"type": "response.completed", "response": NATIVE},
    ]
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (e["type"].encode(), dumps({**e, "sequence_number": n}))
        for n, e in enumerate(events)
    )


@pytest.mark.parametrize("surface", SURFACES)
def test_a_stream_tells_the_same_tagged_blobs_however_it_is_cut(surface):
    def told(size: int) -> bytes:
        made = envelope(origin=HOME, request=INCLUDE)
        dialects = DIALECTS["openai_responses"], DIALECTS[surface]
        return relay_bytes(relay_between(*dialects, Quirks(), made), pieces_of(_stream(), size))

    whole = told(len(_stream()))

    assert tag_of(HOME).encode() in whole
    if surface != "anthropic_messages":  # where the blob is inside what carries it
        assert whole.count(BLOB.encode()) == whole.count((BLOB + tag_of(HOME)).encode())
    assert all(told(size) == whole for size in (1, 2, 3, 7, 64))


def test_a_stream_of_the_same_dialect_keeps_every_other_byte():
    dialect = DIALECTS["openai_responses"]

    def told(origin: tuple[str, str] | None) -> bytes:
        relay = relay_between(dialect, dialect, Quirks(), envelope(origin=origin, request=INCLUDE))
        return relay_bytes(relay, [_stream()])

    assert told(HOME).replace(tag_of(HOME).encode(), b"") == told(None)


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["encrypted_content", "x"]), inner)))  # fmt: skip
def test_tagging_members_leaves_the_rest_of_any_json_alone(value):
    data = dumps(value)

    assert tag_members(data, None) == data
    assert tag_members(data, HOME).replace(tag_of(HOME).encode(), b"") == data
    loads(tag_members(data, HOME))


# Claude's and Gemini's thoughts on /responses


CLAUDE = {
    "type": "message",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "cmVk"},
        {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}},
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
GEMINI = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "Hm.", "thought": True},
                    {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
                ]
            },
            "finishReason": "STOP",
        }
    ]
}


def _as_codex(item: dict[str, Any]) -> dict[str, Any]:
    """What is left of an item in clients that know OpenAI's members only."""
    if item["type"] != "reasoning":
        return item
    kept = ("type", "id", "summary", "encrypted_content")
    return {**{name: item[name] for name in kept if name in item}, "content": None}


@pytest.mark.parametrize("kept", [dict, _as_codex], ids=["all members", "the sealed one"])
def test_signed_thoughts_survive_clients_that_keep_only_what_is_sealed(kept):
    answer = _answer("openai_responses", "anthropic_messages", CLAUDE)
    items = [kept(item) for item in answer["output"]]
    body = _next_turn("openai_responses", {"output": items})

    sent = _sent("openai_responses", "anthropic_messages", body, "anthropic")

    said = next(turn for turn in sent["messages"] if turn["role"] == "assistant")
    assert said["content"][:2] == CLAUDE["content"][:2]


def test_a_stream_carries_a_signed_thought_in_what_is_sealed_however_it_is_cut():
    block = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = [
        {"type": "thinking_delta", "thinking": "H"},
        {"type": "thinking_delta", "thinking": "m."},
        {"type": "signature_delta", "signature": "c2ln"},
    ]
    usage = {"input_tokens": 1, "output_tokens": 1}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "msg_1", "content": [], "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    ]
    stream = b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), dumps(e)) for e in events)

    def told(size: int) -> bytes:
        made = envelope(origin=HOME, request=INCLUDE)
        dialects = DIALECTS["anthropic_messages"], DIALECTS["openai_responses"]
        return relay_bytes(relay_between(*dialects, Quirks(), made), pieces_of(stream, size))

    whole = told(len(stream))
    lines = [loads(line[6:]) for line in whole.splitlines() if line.startswith(b"data: {")]
    done = next(e["item"] for e in lines if e["type"] == "response.output_item.done")

    assert [Reasoning(text="Hm.", signature="c2ln", format="anthropic-claude-v1")] == decode_item(
        _as_codex(done), OPENAI
    )
    assert lines[-1]["response"]["output"] == [done]
    assert all(told(size) == whole for size in (1, 2, 7))


@pytest.mark.parametrize("kept", [dict, _as_codex], ids=["all members", "the sealed one"])
def test_geminis_signature_of_a_call_survives_them_too(kept):
    answer = _answer("openai_responses", "gemini", GEMINI)
    items = [kept(item) for item in answer["output"]]
    body = _next_turn("openai_responses", {"output": items})

    sent = _sent("openai_responses", "gemini", body, "google-ai-studio")

    parts = [part for turn in sent["contents"] for part in turn["parts"]]
    calls = [part for part in parts if "functionCall" in part]
    assert [part.get("thoughtSignature") for part in calls] == ["c2ln"]


@pytest.mark.parametrize("native", [("anthropic_messages", CLAUDE), ("gemini", GEMINI)])
def test_openai_is_not_sent_what_carries_others_thoughts(native):
    answer = _answer("openai_responses", *native)
    items = [_as_codex(item) for item in answer["output"]]
    body = _next_turn("openai_responses", {"output": items})

    sent = _sent("openai_responses", "openai_responses", body, "openai")

    assert [item.get("type") for item in sent["input"]].count("reasoning") == 0


def test_a_carrier_that_was_damaged_on_its_way_is_left_out():
    item = {"type": "reasoning", "summary": [], "encrypted_content": "portico:e30"}
    body = _next_turn("openai_responses", {"output": [item]})

    for upstream in ("anthropic_messages", "openai_responses", "openai_chat"):
        assert b"portico:" not in dumps(_sent("openai_responses", upstream, body, "x"))


def test_nothing_sealed_is_told_to_who_did_not_ask_for_it():
    response = DIALECTS["anthropic_messages"].decode_response(dumps(CLAUDE), Quirks())
    told = DIALECTS["openai_responses"].encode_response(response, envelope(), COST)

    assert not any("encrypted_content" in item for item in loads(told)["output"])
