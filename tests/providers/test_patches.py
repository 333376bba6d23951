import msgspec
import pytest

from portico.jsonio import dumps, loads
from portico.providers import PROVIDERS
from portico.providers.patches import (
    cached_tokens_into_details,
    drop_foreign_message_fields,
    top_level_cached_tokens,
)


def test_cached_tokens_are_copied_to_where_openai_has_them():
    chunk = {"usage": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}}

    cached_tokens_into_details(chunk, field="prompt_cache_hit_tokens")

    assert chunk["usage"]["prompt_tokens_details"] == {"cached_tokens": 4}


def test_cached_tokens_that_stand_there_already_are_kept():
    chunk = {"usage": {"cached_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}}}

    top_level_cached_tokens(chunk)

    assert chunk["usage"]["prompt_tokens_details"] == {"cached_tokens": 5}


def test_details_that_are_null_are_filled():
    chunk = {"usage": {"cached_tokens": 4, "prompt_tokens_details": None}}

    top_level_cached_tokens(chunk)

    assert chunk["usage"]["prompt_tokens_details"] == {"cached_tokens": 4}


def test_fields_of_foreign_answers_are_dropped_from_messages():
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "a", "refusal": None, "reasoning_details": [{}]},
    ]
    fields = {"messages": msgspec.Raw(dumps(messages))}

    drop_foreign_message_fields(fields)

    assert loads(fields["messages"]) == [messages[0], {"role": "assistant", "content": "a"}]


def test_messages_without_such_fields_keep_their_bytes():
    written = b'[ {"role": "user",  "content": "hi"} ]'
    fields = {"messages": msgspec.Raw(written)}

    drop_foreign_message_fields(fields)

    assert bytes(fields["messages"]) == written


def test_a_request_without_messages_is_left_alone():
    fields: dict[str, msgspec.Raw] = {}

    drop_foreign_message_fields(fields)

    assert fields == {}


@pytest.mark.parametrize(
    ("slug", "sent", "told"),
    [
        ("moonshotai", b"1.7", b"1"),
        ("moonshotai", b"0.60", b"0.60"),
        ("moonshotai", b"null", b"null"),
        ("minimax", b"2", b"1"),
        ("z-ai", b"1.01", b"1"),
        ("mistral", b"2", b"1.5"),
        ("mistral", b"1.2", b"1.2"),
        ("cerebras", b"1.6", b"1.5"),
    ],
)
def test_a_temperature_is_cut_to_what_the_provider_takes(slug, sent, told):
    patch = PROVIDERS[slug].patch_request
    fields = {"temperature": msgspec.Raw(sent)}
    assert patch is not None

    patch(fields)

    assert bytes(fields["temperature"]) == told
