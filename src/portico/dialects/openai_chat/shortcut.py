"""The fast way through a stream: recognise a chunk that only adds text.

Any chunk that has one field more than the plainest ones is not recognised and
takes the general way, so nothing can be lost here; a test compares both ways
over every recorded stream.
"""

from typing import Any

import msgspec

from portico.jsonio import JsonError


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
