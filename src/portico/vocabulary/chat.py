"""The hub request, message parts and response: what every dialect decodes to and encodes from.

Records only: no behaviour, no I/O. `extra` holds fields the hub has no word
for, in the spelling of the dialect they came from; a dialect writes them out
again only when it is that same dialect.
"""

from typing import Literal

import msgspec

from portico.vocabulary.accounts import Usage

JsonFields = dict[str, object]
Origin = tuple[str, str]
"""Who wrote something that only they can read: model slug and endpoint tag."""
Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "error"]


class Text(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """Text. `cache_control` is the caller's prompt-cache marker, as sent."""

    text: str
    cache_control: JsonFields | None = None
    extra: JsonFields | None = None


class Image(msgspec.Struct, frozen=True, kw_only=True, tag="image"):
    """An image by `url`: an http(s) URL or a data URL."""

    url: str
    detail: str | None = None
    cache_control: JsonFields | None = None


class Audio(msgspec.Struct, frozen=True, kw_only=True, tag="audio"):
    """Audio as base64 `data` in `format` ("wav", "mp3", ...)."""

    data: str
    format: str


class Video(msgspec.Struct, frozen=True, kw_only=True, tag="video"):
    """A video by URL or data URL."""

    url: str


class File(msgspec.Struct, frozen=True, kw_only=True, tag="file"):
    """A document: `data` is a data URL or an https URL, `file_id` names an uploaded one."""

    filename: str | None = None
    data: str | None = None
    file_id: str | None = None
    cache_control: JsonFields | None = None


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, tag="tool_call"):
    """A call the model made. `arguments` is JSON text, never empty ("{}" for none)."""

    id: str
    name: str
    arguments: str
    extra: JsonFields | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True, tag="reasoning"):
    """One item of `reasoning_details`: visible text, a summary, or an opaque blob.

    Exactly one of `text`, `summary` and `data` carries content, save for a
    signature that arrives alone. `signature` and `data` are byte-exact.
    `format` names the family that can read them back.
    """

    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None
    format: str | None = None
    id: str | None = None
    index: int | None = None


class Unknown(msgspec.Struct, frozen=True, kw_only=True, tag="unknown", tag_field="part"):
    """A content part the hub has no word for, as it was sent."""

    type: str
    fields: JsonFields


Part = Text | Image | Audio | Video | File | Unknown


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn. For role "tool", `tool_call_id` says which call it answers."""

    role: Role
    parts: tuple[Part, ...] = ()
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    reasoning: tuple[Reasoning, ...] = ()
    refusal: str | None = None
    cache_control: JsonFields | None = None
    extra: JsonFields | None = None


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function the model may call; `parameters` is JSON Schema, `type` other than
    "function" is a tool the provider or the gateway runs, with its fields in `extra`."""

    name: str
    type: str = "function"
    description: str | None = None
    parameters: JsonFields | None = None
    strict: bool | None = None
    cache_control: JsonFields | None = None
    extra: JsonFields | None = None


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """`mode` "named" means the tool in `name` must be called."""

    mode: Literal["none", "auto", "required", "named"]
    name: str | None = None


class ReasoningWish(msgspec.Struct, frozen=True, kw_only=True):
    """How much to think and whether to show it; None is "not said"."""

    effort: str | None = None
    max_tokens: int | None = None
    exclude: bool = False
    enabled: bool | None = None
    summary: str | None = None


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation to continue. None everywhere means "the client did not send it".

    `dialect` is the one that the fields in `extra` are spelled in; None is openai_chat.
    """

    model: str | None
    messages: tuple[Message, ...]
    stream: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    top_a: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: JsonFields | None = None
    reasoning: ReasoningWish | None = None
    verbosity: str | None = None
    user: str | None = None
    extra: JsonFields | None = None
    dialect: str | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `content` None: the model only called tools. `extra` belongs to the
    message, `choice_extra` to the choice around it."""

    index: int = 0
    content: str | None = None
    refusal: str | None = None
    reasoning: tuple[Reasoning, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    annotations: tuple[JsonFields, ...] = ()
    images: tuple[JsonFields, ...] = ()
    audio: JsonFields | None = None
    logprobs: JsonFields | None = None
    finish_reason: FinishReason = "stop"
    native_finish_reason: str | None = None
    extra: JsonFields | None = None
    choice_extra: JsonFields | None = None


class ChatResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. `usage` None: the upstream did not count."""

    choices: tuple[Choice, ...]
    upstream_id: str | None = None
    upstream_model: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    usage: Usage | None = None
    extra: JsonFields | None = None
