"""Whole answers as events and back: neither way loses anything."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import body_of, recorded

from portico.dialects import DIALECTS, Quirks
from portico.dialects.gathering import gathered, response_events
from portico.errors import UpstreamError
from portico.vocabulary import ChatResponse, Choice, Reasoning, ToolCall, Usage

some_text = st.text(min_size=1, max_size=8)
objects = st.dictionaries(some_text, st.integers(), max_size=2)
lists = st.lists(objects, max_size=2).map(tuple)
reasoning = st.builds(
    Reasoning,
    text=some_text,
    signature=some_text,  # what is signed is whole: nothing is joined to it
    format=st.sampled_from(["anthropic-claude-v1", "google-gemini-v1"]),
)
calls = st.builds(ToolCall, id=some_text, name=some_text, arguments=some_text)
extras = st.dictionaries(
    st.sampled_from(["content_parts", "citations", "channel"]),
    st.lists(objects, min_size=1, max_size=2) | some_text,
    min_size=1,
)
choices = st.builds(
    Choice,
    content=some_text,
    refusal=st.none() | some_text,
    reasoning=st.lists(reasoning, max_size=2).map(tuple),
    tool_calls=st.lists(calls, max_size=2).map(tuple),
    annotations=lists,
    images=lists,
    audio=st.none() | st.just({"data": "aGk=", "format": "wav"}),
    logprobs=st.none() | st.just({"content": []}),
    finish_reason=st.sampled_from(["stop", "length", "tool_calls", "content_filter", "error"]),
    native_finish_reason=st.none() | some_text,
    extra=st.none() | extras,
)


def numbered(found: list[Choice]) -> tuple[Choice, ...]:
    return tuple(msgspec.structs.replace(choice, index=n) for n, choice in enumerate(found))


responses = st.builds(
    ChatResponse,
    choices=st.lists(choices, min_size=1, max_size=2).map(numbered),
    upstream_id=st.none() | some_text,
    upstream_model=st.none() | some_text,
    system_fingerprint=st.none() | some_text,
    service_tier=st.just("flex"),
    usage=st.builds(Usage, input_tokens=st.integers(0, 9), output_tokens=st.integers(0, 9)),
)


@given(responses)
def test_the_events_of_an_answer_amount_to_the_answer(response):
    assert gathered(response_events(response)) == response


@pytest.mark.parametrize(
    ("name", "api"),
    [
        ("openai_chat", "openai-chat"),
        ("anthropic_messages", "anthropic-messages"),
        ("gemini", "gemini-generate"),
        ("cohere_chat", "cohere-v2-chat"),
    ],
)
def test_the_events_of_every_recorded_answer_amount_to_the_answer(name, api):
    dialect, checked = DIALECTS[name], 0
    for record in recorded(api):
        body = body_of(record)
        if record["response"]["status"] != 200 or not body.lstrip().startswith((b"{", b"[")):
            continue
        try:
            response = dialect.decode_response(body, Quirks())
        except UpstreamError:
            continue

        again = gathered(dialect.response_events(response))

        assert comparable(again) == comparable(response), record["id"]
        checked += 1
    assert checked > 30


def comparable(response: ChatResponse) -> ChatResponse:
    """Without what belongs to no event: members beside the choices, and empty values."""
    return msgspec.structs.replace(
        response,
        extra=None,
        service_tier=response.service_tier if response.usage else None,
        choices=tuple(
            msgspec.structs.replace(
                choice,
                content=choice.content or "",
                extra=choice.extra or None,
                choice_extra=None,
                logprobs=choice.logprobs or None,
                tool_calls=tuple(
                    msgspec.structs.replace(call, extra=None) for call in choice.tool_calls
                ),
            )
            for choice in response.choices
        ),
    )
