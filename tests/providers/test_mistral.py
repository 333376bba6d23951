import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import body_of, recorded

from portico.dialects.gathering import gathered
from portico.dialects.openai_chat import DIALECT as CHAT
from portico.jsonio import dumps, loads
from portico.providers.mistral import PROVIDER, nine_characters
from portico.sse import ServerSentEvent
from portico.wiring import provider_access

QUIRKS = provider_access(PROVIDER, None).quirks


def patched(messages):
    fields = {"messages": msgspec.Raw(dumps(messages))}
    PROVIDER.patch_request(fields)
    return loads(fields["messages"])


@given(st.text())
def test_an_id_becomes_nine_letters_and_digits_and_stays_so(call_id):
    made = nine_characters(call_id)

    assert len(made) == 9
    assert made.isascii()
    assert made.isalnum()
    assert nine_characters(made) == made


def test_different_ids_stay_different():
    made = {nine_characters(f"functions.add:{number}") for number in range(10_000)}

    assert len(made) == 10_000


def test_calls_and_their_results_keep_belonging_together():
    messages = [
        {"role": "user", "content": "2+3 and 4+5"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "functions.add:0", "type": "function", "function": {"name": "add"}},
                {"id": "call_0000000000000001", "type": "function", "function": {"name": "add"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_0000000000000001", "content": "9"},
        {"role": "tool", "tool_call_id": "functions.add:0", "content": "5"},
    ]

    sent = patched(messages)

    first, second = (call["id"] for call in sent[1]["tool_calls"])
    assert first != second
    assert [len(first), len(second)] == [9, 9]
    assert (sent[2]["tool_call_id"], sent[3]["tool_call_id"]) == (second, first)
    assert sent[1]["tool_calls"][0]["function"] == {"name": "add"}


def test_ids_that_fit_leave_the_bytes_as_they_are():
    written = (
        b'[ {"role":"assistant", "tool_calls":[{"id":"D681PevKs"}]},'
        b' {"role":"tool", "tool_call_id":"D681PevKs", "content":"x"} ]'
    )
    fields = {"messages": msgspec.Raw(written)}

    PROVIDER.patch_request(fields)

    assert bytes(fields["messages"]) == written


def test_cached_tokens_are_found_under_mistrals_name():
    chunk = {"usage": {"prompt_tokens": 9, "num_cached_tokens": 4}}

    PROVIDER.patch_chunk(chunk)

    assert chunk["usage"]["prompt_tokens_details"] == {"cached_tokens": 4}


def test_the_seed_has_mistrals_name_and_usage_is_not_asked_for():
    assert PROVIDER.renamed_parameters == {"seed": "random_seed"}
    assert not PROVIDER.takes_stream_options


USER = {"role": "user", "content": "Hi"}


def sent(messages, **fields):
    """What goes to Mistral for a chat request, and the names of what was dropped."""
    model = fields.pop("upstream", "mistral-small-latest")
    head = CHAT.read_head(dumps({"model": "mistralai/any", "messages": messages, **fields}))
    out, dropped = CHAT.upstream_body(head, model, frozenset(), QUIRKS)
    return loads(out), dropped


def test_its_own_fields_pass_as_they_are():
    document = {"type": "document_url", "document_url": "https://d.example/a.pdf"}
    prefill = {"role": "assistant", "content": "Sure:", "prefix": True}
    messages = [{"role": "user", "content": [document]}, prefill]

    body, _ = sent(messages, safe_prompt=True, prompt_mode="reasoning")

    assert body["messages"] == messages
    assert (body["safe_prompt"], body["prompt_mode"]) == (True, "reasoning")


def test_an_answer_that_is_to_be_continued_is_marked_as_a_prefix():
    body, _ = sent([USER, {"role": "assistant", "content": "Sure:"}])

    assert body["messages"][-1] == {"role": "assistant", "content": "Sure:", "prefix": True}


def test_a_developer_is_the_system_and_speakers_are_named_in_what_they_say():
    body, _ = sent(
        [
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "name": "Ada", "content": "Hi"},
            {"role": "user", "name": "Bob", "content": [{"type": "text", "text": "Ho"}]},
            {"role": "tool", "name": "add", "tool_call_id": "D681PevKs", "content": "5"},
        ]
    )

    assert body["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Ada: Hi"},
        {"role": "user", "content": [{"type": "text", "text": "Bob: "}, {"type": "text", "text": "Ho"}]},
        {"role": "tool", "name": "add", "tool_call_id": "D681PevKs", "content": "5"},
    ]  # fmt: skip


def test_files_are_documents():
    url = "data:application/pdf;base64,aa=="
    parts = [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": url}},
        {"type": "file", "file": {"file_id": "f1"}},
        {"type": "image_url", "image_url": "https://i.example/a.png"},
    ]

    body, _ = sent([{"role": "user", "content": parts}])

    assert body["messages"][0]["content"] == [
        {"type": "document_url", "document_url": url, "document_name": "a.pdf"},
        {"type": "file", "file_id": "f1"},
        parts[2],
    ]


@pytest.mark.parametrize(
    ("wish", "effort"), [("none", "none"), ("minimal", "none"), ("low", "high"), ("max", "high")]
)
def test_there_are_two_efforts(wish, effort):
    assert sent([USER], reasoning={"effort": wish})[0]["reasoning_effort"] == effort


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}


@pytest.mark.parametrize(
    ("earlier", "fields", "content"),
    [
        ({"reasoning": "Hm."}, {"reasoning_effort": "high"}, [THOUGHT, {"type": "text", "text": "4"}]),
        ({"reasoning": "Hm."}, {"upstream": "magistral-small"}, [THOUGHT, {"type": "text", "text": "4"}]),
        ({"reasoning": "Hm."}, {}, [{"type": "text", "text": "4"}]),
        (
            {"reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "format": "unknown"}]},
            {"reasoning_effort": "high"},
            [THOUGHT, {"type": "text", "text": "4"}],
        ),
        (
            {"reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": "S",
                                    "format": "anthropic-claude-v1"}]},
            {"reasoning_effort": "high"},
            "4",
        ),
    ],
)  # fmt: skip
def test_earlier_thoughts_go_back_to_models_that_think(earlier, fields, content):
    body, _ = sent([USER, {"role": "assistant", "content": "4", **earlier}, USER], **fields)

    assert body["messages"][1] == {"role": "assistant", "content": content}


def test_every_recorded_request_reaches_mistral_as_it_was():
    checked = 0
    for record in recorded("openai-chat"):
        body = (record.get("request") or {}).get("body")
        if record["provider"] != "mistral" or not isinstance(body, dict):
            continue
        out, _ = CHAT.upstream_body(CHAT.read_head(dumps(body)), body["model"], frozenset(), QUIRKS)

        assert loads(out)["messages"] == body["messages"], record["id"]
        assert loads(out) == body, record["id"]
        checked += 1
    assert checked > 100


def test_audio_that_is_counted_beside_the_prompt_is_part_of_it():
    for record in recorded("openai-chat"):
        if record["provider"] == "mistral" and b"prompt_audio_seconds" in body_of(record):
            usage = CHAT.decode_response(body_of(record), QUIRKS).usage
            counts = loads(body_of(record))["usage"]
            assert usage.prompt_tokens + usage.completion_tokens == counts["total_tokens"]
            assert usage.input_audio_tokens == counts["prompt_tokens_details"]["audio_tokens"]
            return
    pytest.fail("no recording with audio")


@pytest.mark.parametrize("streamed", [False, True])
def test_thoughts_and_references_inside_a_content_list_come_out_apart(streamed):
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}], "closed": True},
        {"type": "text", "text": "Four"},
        {"type": "reference", "reference_ids": [1, 2]},
    ]
    if streamed:
        chunk = {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": "stop"}]}
        decoder = CHAT.stream_decoder(QUIRKS, "seed")
        events = [
            *decoder.feed(ServerSentEvent(name="message", data=dumps(chunk))),
            *decoder.close(),
        ]
        choice = gathered(events).choices[0]
    else:
        body = {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}
        choice = CHAT.decode_response(dumps(body), QUIRKS).choices[0]

    assert choice.content == "Four"
    assert [item.text for item in choice.reasoning] == ["Hm."]
    assert choice.extra == {"content_parts": [content[2]]}


@pytest.mark.parametrize("calls", [5, "x", {}, [5, None, ["id"]], [{"id": 5}]])
def test_calls_of_another_shape_are_left_to_the_provider_to_refuse(calls):
    messages = [{"role": "assistant", "content": None, "tool_calls": calls}]
    fields = {"messages": msgspec.Raw(dumps(messages))}

    PROVIDER.patch_request(fields)

    assert loads(fields["messages"])[0]["tool_calls"] == calls
