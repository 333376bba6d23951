"""`POST /embeddings`: text to vectors (contract/other-apis 3)."""

from array import array
from base64 import b64encode
from sys import byteorder
from typing import Annotated, Any, Literal

import msgspec

from portico.dialects.answers import unreadable_answer
from portico.dialects.base import Envelope, Quirks, RequestHead, SideApi
from portico.dialects.checks import decode_fields, read_body
from portico.dialects.side.common import (
    SideBody,
    answered,
    costs,
    head_of,
    named,
    side_dialect,
    upstream_body,
)
from portico.errors import InvalidRequest
from portico.jsonio import JsonError, JsonObject, loads
from portico.vocabulary import ChatResponse, Cost, Usage

_PARTS = {"image_url": "image", "input_audio": "audio", "file": "file", "video_url": "video"}


class _Item(msgspec.Struct):
    content: list[JsonObject]


class _Body(SideBody, kw_only=True):
    input: str | list[str | int | list[int] | _Item]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


class _Row(msgspec.Struct):
    embedding: str | list[float]


class _Counts(msgspec.Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None


class _Answer(msgspec.Struct):
    data: Annotated[list[_Row], msgspec.Meta(min_length=1)]
    usage: _Counts | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body.

    Raises:
        InvalidRequest: it has no input, or a member has a wrong type.
    """
    fields, typed = read_body(body, _decode_body)
    listed = typed.input if isinstance(typed.input, list) else ()
    if not typed.input or any(one in ("", []) for one in listed):
        raise InvalidRequest("input: empty text cannot be embedded")
    if typed.dimensions is not None and typed.dimensions < 1:
        raise InvalidRequest(f"dimensions: expected at least 1, got {typed.dimensions}")
    prompt = bytes(fields["input"])
    return head_of(
        typed,
        fields,
        output="embeddings",
        prompt=prompt,
        max_output_tokens=0,
        media=_media(typed),
        prompt_tokens_bound=_token_count(typed),
        billed=Usage(input_tokens=len(prompt) // 4, estimated=True),
    )


def _media(body: _Body) -> tuple[tuple[str, int], ...]:
    if isinstance(body.input, str):
        return ()
    parts = [part for item in body.input if isinstance(item, _Item) for part in item.content]
    return tuple(
        (_PARTS[kind], len(msgspec.json.encode(part)))
        for part in parts
        if isinstance(kind := part.get("type"), str) and kind in _PARTS
    )


def _token_count(body: _Body) -> int | None:
    """How many tokens there are, where the client sent tokens and not text."""
    if isinstance(body.input, str):
        return None
    counts = [
        1 if isinstance(one, int) else len(one) if isinstance(one, list) else -1
        for one in body.input
    ]
    return None if min(counts) < 0 else sum(counts)


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read what was used.

    Raises:
        UpstreamError: it is not an answer with embeddings.
    """
    try:
        usage = _decode_answer(body).usage
    except JsonError as error:
        raise unreadable_answer() from error
    tokens = usage.prompt_tokens or usage.total_tokens if usage else None
    return answered(Usage(input_tokens=tokens) if tokens else None)


def rewrite_response(
    body: bytes,
    head: RequestHead,
    envelope: Envelope,
    usage: Usage | None,
    cost: Cost | None,
    extra: JsonObject,
) -> bytes:
    """The upstream's vectors in the encoding that was asked for, with the price."""
    fields = decode_fields(body)
    wish = head.fields.get("encoding_format")
    data: object = fields["data"]
    if wish is not None and bytes(wish) == b'"base64"':
        data = [_packed(row) for row in loads(fields["data"])]
    tokens = usage.prompt_tokens if usage else 0
    counts = {"prompt_tokens": tokens, "total_tokens": tokens}
    own = fields.get("usage")
    if own is not None and bytes(own) != b"null":
        counts = {**counts, **loads(own)}
    return named(
        [("object", "list"), ("data", data), ("model", ""), ("usage", {**counts, **costs(cost)})],
        envelope,
        extra,
    )


def _packed(row: Any) -> Any:
    """A vector as base64 of little-endian 32-bit floats; some hosts know only lists."""
    vector = row["embedding"]
    if isinstance(vector, str):
        return row
    floats = array("f", vector)
    if byteorder == "big":
        floats.byteswap()
    return {**row, "embedding": b64encode(floats.tobytes()).decode()}


DIALECT = side_dialect(
    "embeddings",
    SideApi(name="embeddings", api_type="embeddings", id_prefix="gen-emb-"),
    read_head=read_head,
    upstream_body=upstream_body,
    decode_response=decode_response,
    rewrite_response=rewrite_response,
)
