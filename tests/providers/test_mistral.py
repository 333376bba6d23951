import msgspec
from hypothesis import given
from hypothesis import strategies as st

from portico.jsonio import dumps, loads
from portico.providers.mistral import PROVIDER, nine_characters


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
