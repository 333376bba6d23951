"""`POST /audio/speech`: text to sound (contract/other-apis 6).

Hosts do not say what they counted: characters are charged, at the rate for prompts.
"""

from typing import Annotated, Literal

import msgspec

from portico.dialects.base import Envelope, Quirks, RequestHead, SideApi
from portico.dialects.checks import read_body
from portico.dialects.fields import raw
from portico.dialects.side.common import SideBody, answered, head_of, own_fields, side_dialect
from portico.errors import InvalidRequest, UpstreamUnavailable
from portico.jsonio import JsonObject, dumps
from portico.vocabulary import ChatResponse, Cost, Usage

_DEFAULT = "pcm"
_MEDIA_TYPES = {
    "pcm": b"audio/pcm",
    "mp3": b"audio/mpeg",
    "wav": b"audio/wav",
    "opus": b"audio/opus",
    "flac": b"audio/flac",
    "aac": b"audio/aac",
}


class _Body(SideBody, kw_only=True):
    input: str
    voice: str | JsonObject | None = None
    response_format: Literal["pcm", "mp3", "wav", "opus", "flac", "aac"] | None = None
    speed: Annotated[float, msgspec.Meta(gt=0)] | None = None
    stream_format: Literal["audio"] | None = None


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
    return head_of(
        typed,
        fields,
        output="speech",
        prompt=bytes(fields["input"]),
        max_output_tokens=0,
        prompt_tokens_bound=characters,
        billed=Usage(input_tokens=characters),
        media_type=_MEDIA_TYPES[typed.response_format or _DEFAULT],
    )


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The client's own members; the format is named, as hosts have another default."""
    fields = own_fields(head, model)
    wish = fields.get("response_format")
    if wish is None or bytes(wish) == b"null":
        fields["response_format"] = raw(_DEFAULT)
    return dumps(fields), frozenset()


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Look whether it is sound.

    Raises:
        UpstreamUnavailable: it is empty, or JSON.
    """
    if not body or body.lstrip()[:1] == b"{":
        raise UpstreamUnavailable("the upstream's answer is not sound")
    return answered(None)


def rewrite_response(
    body: bytes,
    head: RequestHead,
    envelope: Envelope,
    usage: Usage | None,
    cost: Cost | None,
    extra: JsonObject,
) -> bytes:
    """The sound as it came; what it cost stands in the generation."""
    return body


DIALECT = side_dialect(
    "speech",
    SideApi(name="speech", api_type="tts", id_prefix="gen-tts-"),
    read_head=read_head,
    upstream_body=upstream_body,
    decode_response=decode_response,
    rewrite_response=rewrite_response,
)
