"""`POST /audio/transcriptions`: sound to text (contract/other-apis 7).

Some models are billed by the second, others by the token. A price that has a rate for
sound and nothing else is by the second.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from math import ceil
from typing import Any, Literal

import msgspec

from portico.dialects.answers import read_object
from portico.dialects.base import Envelope, Quirks, RequestHead, SideApi
from portico.dialects.checks import read_body
from portico.dialects.fields import object_of
from portico.dialects.side.common import (
    CHARS_PER_TOKEN,
    SideBody,
    answered,
    costs,
    count,
    head_of,
    options_of,
    own_fields,
    side_dialect,
)
from portico.dialects.side.forms import Part, form_type, write_form
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, dumps, loads
from portico.vocabulary import ChatResponse, Cost, Pricing, Usage

_BYTES_PER_UNIT = 500  # seconds or tokens: more than any usual format packs into so little
_BYTES_PER_SECOND = 16_000
_BYTES_PER_WORD_TOKEN = 1_000
_TOKENS_PER_SECOND = 10  # what OpenAI counts
_LONGEST_S = 10_000_000
_PATIENCE_S = 60.0
_FORM_FIELDS = ("language", "temperature", "response_format", "prompt")
_VERBOSE = ("task", "language", "duration", "segments", "words")


class _Audio(msgspec.Struct):
    data: str
    format: str


class _Body(SideBody, kw_only=True):
    input_audio: _Audio
    language: str | None = None
    temperature: float | None = None
    prompt: str | None = None
    response_format: Literal["json", "verbose_json"] | None = None
    timestamp_granularities: list[Literal["segment", "word"]] | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body.

    Raises:
        InvalidRequest: it has no sound, or a member has a wrong type.
    """
    fields, typed = read_body(body, _decode_body)
    data, kind = typed.input_audio.data, typed.input_audio.format
    if not data or data.startswith("data:"):
        raise InvalidRequest("input_audio.data: expected base64, without a data URI")
    if not (kind.isascii() and kind.isalnum()):
        raise InvalidRequest("input_audio.format: expected a format such as wav or mp3")
    size = len(data) * 3 // 4
    seconds = ceil(size / _BYTES_PER_SECOND)
    return head_of(
        typed,
        fields,
        output="transcription",
        prompt=b"",
        prompt_tokens_bound=size // _BYTES_PER_UNIT + 1,
        max_output_tokens=size // _BYTES_PER_WORD_TOKEN + 100,
        billed=Usage(
            audio_s=seconds, input_audio_tokens=seconds * _TOKENS_PER_SECOND, estimated=True
        ),
    )


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The request as the form that hosts take.

    Raises:
        InvalidRequest: the sound is not base64.
    """
    audio = loads(head.fields["input_audio"])
    try:
        sound = b64decode(audio["data"], validate=True)
    except (Base64Error, ValueError):
        raise InvalidRequest("input_audio.data: this is not base64") from None
    kind = audio["format"].lower()
    fields = {name: loads(value) for name, value in own_fields(head, model, quirks).items()}
    if quirks.counts_when_verbose:
        fields["response_format"] = "verbose_json"
    parts = [
        Part(name="file", data=sound, filename=f"audio.{kind}", media_type=f"audio/{kind}"),
        Part(name="model", data=model.encode()),
    ]
    options = options_of(head, quirks)
    for name in (*_FORM_FIELDS, *(name for name in options if name != "file")):
        value = fields.get(name)
        if value is not None:
            text = value if isinstance(value, str) else dumps(value).decode()
            parts.append(Part(name=name, data=text.encode()))
    for value in fields.get("timestamp_granularities") or ():
        parts.append(Part(name="timestamp_granularities[]", data=value.encode()))
    return write_form(parts), frozenset()


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read what was used.

    Raises:
        UpstreamError: it is not an answer with text.
    """
    return read_object(body, quirks, _read)


def _read(body: JsonObject, quirks: Quirks) -> ChatResponse:
    text = body["text"]
    if not isinstance(text, str):
        raise TypeError("no text")
    usage = object_of(body.get("usage"))
    written = count(usage, "output_tokens", "completion_tokens")
    heard = _heard(usage, written or 0)
    seconds = _seconds(body)
    if heard is None and seconds is None:
        return answered(None, text)
    details = object_of(usage.get("input_token_details") or usage.get("prompt_tokens_details"))
    sound = count(details, "audio_tokens")
    tokens = heard or 0
    sound = tokens if sound is None else min(tokens, sound)  # sound is what was sent
    return answered(
        Usage(
            input_tokens=tokens - sound,
            input_audio_tokens=sound,
            output_tokens=written or 0,
            audio_s=ceil(seconds or 0),
        ),
        text,
    )


def _heard(usage: object, written: int) -> int | None:
    """Tokens that went in. Mistral counts those of the sound beside its prompt."""
    sent, total = count(usage, "input_tokens", "prompt_tokens"), count(usage, "total_tokens")
    if total is None or total < written:
        return sent
    return max(sent or 0, total - written)


def _seconds(body: JsonObject) -> int | float | None:
    usage = object_of(body.get("usage"))
    for said in (usage.get("seconds"), usage.get("prompt_audio_seconds"), body.get("duration")):
        if isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said <= _LONGEST_S:
            return said
    return None


def charged(counted: Usage | None, written_chars: int, billed: Usage, price: Pricing) -> Usage:
    """Seconds or tokens, as the price says. What the host did not count in that unit is
    estimated from the size of the sound and from the text, and marked as such."""
    by_token = price.prompt_picousd or price.completion_picousd
    if price.input_audio_picousd and not by_token:
        if counted is not None and counted.audio_s:
            return Usage(audio_s=counted.audio_s)
        return Usage(audio_s=billed.audio_s, estimated=True)
    usage = Usage() if counted is None else msgspec.structs.replace(counted, audio_s=0)
    missing: dict[str, int] = {}
    if not usage.prompt_tokens:
        seconds = counted.audio_s if counted is not None else 0
        missing["input_audio_tokens"] = (
            seconds * _TOKENS_PER_SECOND if seconds else billed.input_audio_tokens
        )
    if not usage.output_tokens and written_chars:
        missing["output_tokens"] = -(-written_chars // CHARS_PER_TOKEN)
    return msgspec.structs.replace(usage, **missing, estimated=True) if missing else usage


def rewrite_response(
    body: bytes,
    head: RequestHead,
    envelope: Envelope,
    usage: Usage | None,
    cost: Cost | None,
    extra: JsonObject,
) -> bytes:
    """The text, and with `verbose_json` what else the host says of it, with the price."""
    parsed: JsonObject = loads(body)
    own = object_of(parsed.get("usage"))
    counts: JsonObject = {}
    if (seconds := _seconds(parsed)) is not None:
        counts["seconds"] = seconds
    written = count(own, "output_tokens", "completion_tokens")
    if (heard := _heard(own, written or 0)) is not None:
        counts["input_tokens"] = heard
        counts["output_tokens"] = written or 0
        counts["total_tokens"] = heard + (written or 0)
    told: JsonObject = {"text": parsed["text"]}
    wish = head.fields.get("response_format")
    if wish is not None and bytes(wish) == b'"verbose_json"':
        told = {**{name: parsed[name] for name in _VERBOSE if _is_said(parsed, name)}, **told}
        for place, segment in enumerate(told.get("segments", ())):
            segment.setdefault("id", place)
        for word in told.get("words", ()):  # xAI calls it so
            word.setdefault("word", word.pop("text", ""))
    return dumps({**told, "usage": {**counts, **costs(cost, detailed=False)}, **extra})


def _is_said(body: JsonObject, name: str) -> bool:
    """Whether a detail is there in a form that clients can read."""
    value: Any = body.get(name)
    if name == "duration":
        return isinstance(value, int | float)
    if name in ("segments", "words"):
        return isinstance(value, list) and all(isinstance(one, dict) for one in value)
    return isinstance(value, str)


DIALECT = side_dialect(
    "transcriptions",
    SideApi(
        name="transcriptions",
        api_type="stt",
        id_prefix="gen-stt-",
        charged=charged,
        content_type=form_type,
        within_s=_PATIENCE_S,
    ),
    read_head=read_head,
    upstream_body=upstream_body,
    decode_response=decode_response,
    rewrite_response=rewrite_response,
)
