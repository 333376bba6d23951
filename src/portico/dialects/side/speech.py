"""`POST /audio/speech`: text to sound (contract/other-apis 6).

Most models are billed by the character, at the rate for prompts, and hosts need not count
them. A price with a rate for what comes out is by the token: OpenAI says how many only
inside a stream, which is read here and passed on as the sound that it holds.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Annotated, Literal

import msgspec

from portico.dialects.answers import answer_json
from portico.dialects.base import Envelope, Quirks, RequestHead, SideApi
from portico.dialects.checks import read_body
from portico.dialects.failures import classify
from portico.dialects.fields import finished_body, object_of, raw
from portico.dialects.side.common import (
    CHARS_PER_TOKEN,
    SideBody,
    answered,
    count,
    head_of,
    own_fields,
    side_dialect,
)
from portico.errors import InvalidRequest, StreamBroken, UpstreamUnavailable
from portico.jsonio import JsonError, JsonObject, loads
from portico.sse import SSEParser
from portico.vocabulary import ChatResponse, Cost, Pricing, Usage

_DEFAULT = "pcm"
_MEDIA_TYPES = {
    "pcm": b"audio/pcm",
    "mp3": b"audio/mpeg",
    "wav": b"audio/wav",
    "opus": b"audio/opus",
    "flac": b"audio/flac",
    "aac": b"audio/aac",
}
_COUNTS_IN_STREAM = "gpt-4o-mini-tts"
"""Models of this name say what they used, but only in a stream of events."""

_TOKENS_PER_CHAR = (3, 2)
"""What speech takes of output tokens: 15 characters and 21 tokens a second, rounded up."""
_MOST_TOKENS_PER_CHAR = 4


class _Sound(msgspec.Struct):
    data: str
    format: str


class _Reference(msgspec.Struct):
    type: Literal["input_audio", "text"]
    input_audio: _Sound | None = None
    text: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None


class _Body(SideBody, kw_only=True):
    input: str
    voice: str | JsonObject | None = None
    response_format: Literal["pcm", "mp3", "wav", "opus", "flac", "aac"] | None = None
    speed: Annotated[float, msgspec.Meta(gt=0)] | None = None
    stream_format: Literal["audio"] | None = None
    instructions: str | None = None
    input_references: list[_Reference] | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body.

    Raises:
        InvalidRequest: it has no input, or a member has a wrong type.
    """
    fields, typed = read_body(body, _decode_body)
    if not typed.input:
        raise InvalidRequest("input: there is nothing to say")
    characters = len(typed.input)
    said, per = _TOKENS_PER_CHAR
    return head_of(
        typed,
        fields,
        output="speech",
        prompt=bytes(fields["input"]),
        prompt_tokens_bound=characters + len(typed.instructions or ""),
        max_output_tokens=characters * _MOST_TOKENS_PER_CHAR + 1,
        billed=Usage(input_tokens=characters, output_audio_tokens=-(-characters * said // per)),
        media_type=_MEDIA_TYPES[typed.response_format or _DEFAULT],
    )


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The client's own members; the format is named, as hosts have another default."""
    fields = own_fields(head, model, quirks)
    fields.setdefault("response_format", raw(_DEFAULT))
    if _COUNTS_IN_STREAM in model and not quirks.own_words:
        fields["stream_format"] = raw("sse")
    return finished_body(fields, quirks), frozenset()


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Look whether it is sound.

    Raises:
        UpstreamError: it is empty, or none, or tells of a failure.
    """
    return answered(_read(body)[1])


def _read(body: bytes) -> tuple[bytes, Usage | None]:
    """The sound, and what it took where the host says it."""
    if not body:
        raise _no_sound()
    if body.startswith((b"data: {", b"event: speech.", b"event: error")):
        return _streamed(body)
    if body.lstrip()[:1] == b"{" and (told := _object(body)) is not None:
        return _sound(told, "audio_data"), None
    return body, None


def _object(body: bytes) -> JsonObject | None:
    """The JSON object that a body is; sound may begin like one."""
    try:
        told = loads(body)
    except JsonError:
        return None
    return told if isinstance(told, dict) else None


def _streamed(body: bytes) -> tuple[bytes, Usage | None]:
    parser = SSEParser(limit=len(body) + 1)
    parts: list[bytes] = []
    for event in (*parser.feed(body), *parser.close()):
        if event.data == b"[DONE]":
            break
        told = object_of(answer_json(event.data))
        kind = told.get("type")
        if kind == "error" or told.get("error"):
            raise classify(None, {}, told)
        if kind == "speech.audio.delta":
            parts.append(_sound(told, "audio"))
        elif kind == "speech.audio.done" and parts:
            return b"".join(parts), _counted(told.get("usage"))
    raise StreamBroken("the upstream's sound ended before it was finished")


def _counted(said: object) -> Usage | None:
    sent, spoken = count(said, "input_tokens"), count(said, "output_tokens")
    if not sent or not spoken:
        return None
    return Usage(input_tokens=sent, output_audio_tokens=spoken)


def _sound(told: object, name: str) -> bytes:
    data = object_of(told).get(name)
    try:
        sound = b64decode(data, validate=True) if isinstance(data, str) else b""
    except (Base64Error, ValueError):
        sound = b""
    if not sound:
        raise _no_sound()
    return sound


def _no_sound() -> UpstreamUnavailable:
    return UpstreamUnavailable("the upstream's answer is not sound")


def charged(counted: Usage | None, written_chars: int, billed: Usage, price: Pricing) -> Usage:
    """Characters, which nobody has to count; by the token, where the price has a rate for what
    comes out: as counted, else as many as so much speech takes, marked as an estimate."""
    if not price.completion_picousd and not price.output_audio_picousd:
        return Usage(input_tokens=billed.input_tokens)
    if counted is not None:
        return counted
    return msgspec.structs.replace(
        billed, input_tokens=-(-billed.input_tokens // CHARS_PER_TOKEN), estimated=True
    )


def rewrite_response(
    body: bytes,
    head: RequestHead,
    envelope: Envelope,
    usage: Usage | None,
    cost: Cost | None,
    extra: JsonObject,
) -> bytes:
    """The sound alone; what it cost stands in the generation."""
    return _read(body)[0]


DIALECT = side_dialect(
    "speech",
    SideApi(name="speech", api_type="tts", id_prefix="gen-tts-", charged=charged),
    read_head=read_head,
    upstream_body=upstream_body,
    decode_response=decode_response,
    rewrite_response=rewrite_response,
)
