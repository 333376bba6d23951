"""The hub stream events: what every stream decoder yields and every stream encoder takes.

Order within one stream: `Start`, then deltas, then `Finish`; `StreamUsage` may
come at any time and more than once, each replacing the one before. `choice` is
the answer's index (0 unless several were asked for); `index` numbers the tool
calls of one answer, contiguous from 0.
"""

import msgspec

from portico.vocabulary.accounts import Usage
from portico.vocabulary.chat import FinishReason, JsonFields, Reasoning


class StreamEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all stream events."""


class Start(StreamEvent, frozen=True, kw_only=True, gc=False):
    """The upstream began to answer. Fields are None where it did not say."""

    upstream_id: str | None = None
    model: str | None = None
    system_fingerprint: str | None = None


class TextDelta(StreamEvent, frozen=True, kw_only=True):
    """More text; `logprobs` as the upstream sent them."""

    text: str
    choice: int = 0
    logprobs: JsonFields | None = None


class RefusalDelta(StreamEvent, frozen=True, kw_only=True, gc=False):
    """More of a refusal."""

    text: str
    choice: int = 0


class ReasoningDelta(StreamEvent, frozen=True, kw_only=True, gc=False):
    """More reasoning: text, summary, signature or an opaque blob (see `Reasoning`)."""

    item: Reasoning
    choice: int = 0


class ToolCallStart(StreamEvent, frozen=True, kw_only=True, gc=False):
    """A tool call opens; its arguments follow as `ToolCallDelta`s."""

    index: int
    id: str
    name: str
    choice: int = 0


class ToolCallDelta(StreamEvent, frozen=True, kw_only=True, gc=False):
    """A fragment of the JSON text of a call's arguments."""

    index: int
    arguments: str
    choice: int = 0


class ExtraDelta(StreamEvent, frozen=True, kw_only=True):
    """Delta fields without an event of their own (`annotations`, `images`, `audio` and
    unknown ones), in the spelling of the openai_chat dialect."""

    fields: JsonFields
    choice: int = 0


class StreamUsage(StreamEvent, frozen=True, kw_only=True, gc=False):
    """What the upstream counted so far; `service_tier` is the tier it says it served."""

    usage: Usage
    service_tier: str | None = None


class Finish(StreamEvent, frozen=True, kw_only=True, gc=False):
    """An answer ended. `native_reason` is the upstream's own word, None if it had none."""

    reason: FinishReason
    native_reason: str | None = None
    choice: int = 0
