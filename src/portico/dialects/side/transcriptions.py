"""`POST /audio/transcriptions`: sound to text (contract/other-apis 7).

Some models are billed by the second, others by the token: seconds count at the
rate for audio, of which a price names the one that applies.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from math import ceil
from typing import Literal

import msgspec

from portico.dialects.answers import read_object
from portico.dialects.base import Envelope, Quirks, RequestHead, SideApi
from portico.dialects.checks import read_body
from portico.dialects.fields import object_of
from portico.dialects.side.common import SideBody, answered, costs, head_of, side_dialect
from portico.dialects.side.forms import Part, form_type, write_form
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, dumps, loads
from portico.vocabulary import ChatResponse, Cost, Usage

_BYTES_PER_UNIT = 500  # seconds or tokens: more than any usual format packs into so little
_BYTES_PER_SECOND = 16_000
_FORM_FIELDS = ("language", "temperature", "response_format", "prompt")


class _Audio(msgspec.Struct):
    data: str
    format: str


class _Body(SideBody, kw_only=True):
    input_audio: _Audio
    language: str | None = None
    temperature: float | None = None
    response_format: Literal["json", "verbose_json"] | None = None
    timestamp_granularities: list[Literal["segment", "word"]] | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body.

    Raises:
        InvalidRequest: it has no sound, or a member has a wrong type.
    """
    fields, typed = read_body(body, _decode_body)
    data = typed.input_audio.data
    if not data or data.startswith("data:"):
        raise InvalidRequest("input_audio.data: expected base64, without a data URI")
    if not typed.input_audio.format.isalnum():
        raise InvalidRequest("input_audio.format: expected a format such as wav or mp3")
    size = len(data) * 3 // 4
    return head_of(
        typed,
        fields,
        output="transcription",
        prompt=b"",
        prompt_tokens_bound=size // _BYTES_PER_UNIT + 1,
        billed=Usage(input_audio_tokens=ceil(size / _BYTES_PER_SECOND), estimated=True),
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
    parts = [
        Part(name="file", data=sound, filename=f"audio.{kind}", media_type=f"audio/{kind}"),
        Part(name="model", data=model.encode()),
    ]
    for name in _FORM_FIELDS:
        value = loads(head.fields.get(name, b"null"))
        if value is not None:
            parts.append(Part(name=name, data=str(value).encode()))
    for value in loads(head.fields.get("timestamp_granularities", b"null")) or ():
        parts.append(Part(name="timestamp_granularities[]", data=value.encode()))
    return write_form(parts), frozenset()


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read what was used.

    Raises:
        UpstreamError: it is not an answer with text.
    """
    return read_object(body, quirks, _read)


def _read(body: JsonObject, quirks: Quirks) -> ChatResponse:
    if not isinstance(body["text"], str):
        raise TypeError("no text")
    usage = object_of(body.get("usage"))
    tokens = _count(usage, "input_tokens")
    if tokens:
        sound = min(tokens, _count(object_of(usage.get("input_token_details")), "audio_tokens"))
        return answered(
            Usage(
                input_tokens=tokens - sound,
                input_audio_tokens=sound,
                output_tokens=_count(usage, "output_tokens"),
            )
        )
    seconds = _seconds(body)
    return answered(None if seconds is None else Usage(input_audio_tokens=ceil(seconds)))


def _seconds(body: JsonObject) -> float | None:
    said = object_of(body.get("usage")).get("seconds", body.get("duration"))
    return float(said) if isinstance(said, int | float) and said >= 0 else None


def _count(body: object, name: str) -> int:
    value = object_of(body).get(name)
    return value if isinstance(value, int) and value > 0 else 0


def rewrite_response(
    body: bytes,
    head: RequestHead,
    envelope: Envelope,
    usage: Usage | None,
    cost: Cost | None,
    extra: JsonObject,
) -> bytes:
    """The text, and what else the host says of it, with the price."""
    parsed: JsonObject = loads(body)
    own = object_of(parsed.get("usage"))
    names = ("seconds", "input_tokens", "output_tokens", "total_tokens")
    counts = {name: own[name] for name in names if name in own}
    if not counts and (seconds := _seconds(parsed)) is not None:
        counts["seconds"] = seconds
    return dumps({**parsed, "usage": {**counts, **costs(cost, detailed=False)}, **extra})


DIALECT = side_dialect(
    "transcriptions",
    SideApi(name="transcriptions", api_type="stt", id_prefix="gen-stt-", content_type=form_type),
    read_head=read_head,
    upstream_body=upstream_body,
    decode_response=decode_response,
    rewrite_response=rewrite_response,
)
