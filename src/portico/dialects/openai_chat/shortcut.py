"""The fast way: recognise a chunk that only adds text, and an answer that is only text.

What has one field more than the plainest ones is not recognised and takes the
general way, so nothing can be lost here; tests compare both ways over every
recorded stream and answer.
"""

from typing import Annotated, Any

import msgspec

from portico.dialects.finish import finish_reason
from portico.dialects.openai_chat.usage import decode_usage
from portico.jsonio import JsonError, JsonObject
from portico.vocabulary import ChatResponse, Choice

_Nothing = Annotated[list[Any], msgspec.Meta(max_length=0)] | None


class _Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: str
    role: str | None = None
    refusal: None = None
    reasoning: None = None
    reasoning_content: None = None
    tool_calls: None = None


class _Choice(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    delta: _Delta
    index: int = 0
    finish_reason: None = None
    native_finish_reason: None = None
    logprobs: None = None


class _Chunk(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    choices: tuple[_Choice]
    id: Any = None
    object: Any = None
    created: Any = None
    model: Any = None
    provider: Any = None
    system_fingerprint: Any = None
    service_tier: Any = None
    obfuscation: Any = None
    usage: None = None


_decode = msgspec.json.Decoder(_Chunk).decode


def added_text(data: bytes) -> str | None:
    """The text that a chunk adds to the only answer; None if it does more, or nothing."""
    try:
        choice = _decode(data).choices[0]
    except JsonError:
        return None
    return choice.delta.content or None if choice.index == 0 else None


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: str
    role: Any = None
    refusal: None = None
    reasoning: None = None
    reasoning_content: None = None
    tool_calls: _Nothing = None
    annotations: _Nothing = None
    audio: None = None
    function_call: None = None


class _Answered(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    message: _Message
    index: Annotated[int, msgspec.Meta(ge=0)] = 0
    finish_reason: str | None = None
    native_finish_reason: None = None
    logprobs: None = None


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    choices: tuple[_Answered]
    usage: JsonObject
    id: str | None = None
    object: Any = None
    created: Any = None
    model: str | None = None
    provider: Any = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    x_groq: Any = None  # its counts matter only where `usage` is missing
    error: None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


def text_answer(body: bytes, *, reasoning_outside_completion: bool) -> ChatResponse | None:
    """A whole answer that is one text with its counts; None if it is anything more or less."""
    try:
        answer = _decode_answer(body)
    except JsonError:
        return None
    if not answer.usage:
        return None
    (choice,) = answer.choices
    if not choice.message.content and choice.finish_reason is None:
        return None
    return ChatResponse(
        choices=(
            Choice(
                index=choice.index,
                content=choice.message.content,
                finish_reason=finish_reason(choice.finish_reason, has_tool_calls=False),
                native_finish_reason=choice.finish_reason,
            ),
        ),
        upstream_id=answer.id,
        upstream_model=answer.model,
        system_fingerprint=answer.system_fingerprint,
        service_tier=answer.service_tier,
        usage=decode_usage(answer.usage, reasoning_outside_completion=reasoning_outside_completion),
    )
