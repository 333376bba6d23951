"""`POST /embeddings`: text to vectors (contract/other-apis 3)."""

from array import array
from base64 import b64decode, b64encode
from collections.abc import Sequence
from sys import byteorder
from typing import Annotated, Any, Literal

import msgspec

from portico.dialects.answers import unreadable_answer
from portico.dialects.base import Envelope, Quirks, RawFields, RequestHead, SideApi
from portico.dialects.checks import decode_fields, read_body
from portico.dialects.fields import finished_body, object_of, raw
from portico.dialects.side.common import (
    SideBody,
    answered,
    charged_as_priced,
    costs,
    count,
    head_of,
    named,
    own_fields,
    side_dialect,
)
from portico.errors import InvalidRequest
from portico.jsonio import JsonError, JsonObject, dumps
from portico.vocabulary import ChatResponse, Cost, Usage

_PARTS = {"image_url": "image", "input_audio": "audio", "file": "file", "input_video": "video",
          "video_url": "video"}  # fmt: skip
_DOUBLE_BYTES = 8


class _Item(msgspec.Struct):
    content: list[JsonObject]


class _Body(SideBody, kw_only=True):
    input: str | list[str | int | list[int] | _Item]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None
    input_type: str | None = None


_Said = msgspec.Meta(min_length=1)


class _Row(msgspec.Struct):
    embedding: Annotated[str, _Said] | Annotated[list[float], _Said]
    index: int | None = None
    object: str | None = None


class _Answer(msgspec.Struct):
    data: Annotated[list[_Row], msgspec.Meta(min_length=1)]
    usage: Any = None


class _Rows(msgspec.Struct):
    data: list[RawFields]
    usage: Any = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_rows = msgspec.json.Decoder(_Rows).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body.

    Raises:
        InvalidRequest: it has no input, or a member has a wrong type.
    """
    fields, typed = read_body(body, _decode_body)
    _check_input(typed.input)
    prompt = bytes(fields["input"])
    tokens = _token_count(typed)
    return head_of(
        typed,
        fields,
        output="embeddings",
        prompt=prompt,
        max_output_tokens=0,
        media=_media(typed),
        prompt_tokens_bound=tokens,
        billed=Usage(input_tokens=tokens or max(1, len(prompt) // 4), estimated=True),
    )


def _check_input(sent: str | list[str | int | list[int] | _Item]) -> None:
    """
    Raises:
        InvalidRequest: there is nothing to embed at some place, or a token that cannot be one.
    """
    if not sent:
        raise InvalidRequest("input: empty text cannot be embedded")
    for place, one in enumerate(sent if isinstance(sent, list) else ()):
        if one in ("", []) or (isinstance(one, _Item) and not one.content):
            raise InvalidRequest(f"input.{place}: empty text cannot be embedded")
        tokens = one if isinstance(one, list) else [one] if isinstance(one, int) else ()
        if tokens and min(tokens) < 0:
            raise InvalidRequest(f"input.{place}: a token is a number from 0 on")


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


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The client's own members, but for base64: some hosts mean other numbers by it (64-bit
    floats, bytes), so lists are asked for, and packed here."""
    fields = own_fields(head, model, quirks)
    if "encoding_format" in fields and not quirks.packs_floats:
        fields["encoding_format"] = raw("float")
    return finished_body(fields, quirks), frozenset()


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read what was used.

    Raises:
        UpstreamError: it is not an answer with embeddings.
    """
    try:
        answer = _decode_answer(body)
        for row in answer.data:
            if isinstance(row.embedding, str):
                b64decode(row.embedding, validate=True)
    except (*JsonError, ValueError) as error:
        raise unreadable_answer() from error
    tokens = count(answer.usage, "prompt_tokens") or count(answer.usage, "total_tokens")
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
    answer = _decode_answer(body)
    rows = answer.data
    wish = head.fields.get("encoding_format")
    packs = wish is not None and bytes(wish) == b'"base64"'
    data: object = decode_fields(body)["data"]
    if packs or any(_is_odd(row) for row in rows):
        dimensions = _number(head.fields.get("dimensions"))
        data = [_row(row, place, dimensions, packs=packs) for place, row in enumerate(rows)]
    tokens = usage.prompt_tokens if usage else 0
    counts: JsonObject = {"prompt_tokens": tokens, "total_tokens": tokens}
    own = object_of(answer.usage)
    further = {name: v for name, v in own.items() if name not in counts and v is not None}
    return named(
        [
            ("object", "list"),
            ("data", data),
            ("model", ""),
            ("usage", {**further, **counts, **costs(cost)}),
        ],
        envelope,
        extra,
    )


def split(head: RequestHead, most: int) -> tuple[RequestHead, ...]:
    """The request as several, each with as many inputs as an upstream takes."""
    sent = bytes(head.fields["input"])
    inputs = _decode_list(sent) if sent.startswith(b"[") else []
    if len(inputs) <= most or bytes(inputs[0])[:1] not in b'"[{':  # tokens of a single text
        return (head,)
    return tuple(
        msgspec.structs.replace(
            head, fields={**head.fields, "input": raw(inputs[start : start + most])}
        )
        for start in range(0, len(inputs), most)
    )


def merge(bodies: Sequence[bytes], most: int) -> bytes:
    """One answer of those to a request that was split: every vector has the place of its
    input. What one of them did not count, nobody has counted.

    Raises:
        UpstreamError: one is not an answer with embeddings.
    """
    rows: list[RawFields] = []
    total: int | None = 0
    for number, body in enumerate(bodies):
        try:
            answer = _decode_rows(body)
            for place, row in enumerate(answer.data):
                index = _number(row.get("index"))
                row["index"] = raw(number * most + (place if index is None else index))
        except JsonError as error:
            raise unreadable_answer() from error
        rows += answer.data
        tokens = count(answer.usage, "prompt_tokens") or count(answer.usage, "total_tokens")
        total = total + tokens if total is not None and tokens else None
    usage = None if total is None else {"prompt_tokens": total, "total_tokens": total}
    return dumps({"object": "list", "data": rows, "usage": usage})


def _is_odd(row: _Row) -> bool:
    """Whether it cannot pass as it is to a client that wants lists of numbers."""
    return isinstance(row.embedding, str) or row.index is None or row.object is None


def _row(row: _Row, place: int, dimensions: int | None, *, packs: bool) -> JsonObject:
    vector: object = row.embedding
    if isinstance(vector, list):
        vector = _packed(array("d", vector)) if packs else vector
    elif isinstance(vector, str):
        numbers = _unpacked(vector, dimensions)
        if not packs:
            vector = numbers.tolist()
        elif numbers.typecode != "f":
            vector = _packed(numbers)
    return {
        "object": row.object or "embedding",
        "embedding": vector,
        "index": place if row.index is None else row.index,
    }


def _packed(numbers: "array[float]") -> str:
    """As base64 of little-endian 32-bit floats, which is what clients unpack."""
    floats = array("f", numbers)
    if byteorder == "big":
        floats.byteswap()
    return b64encode(floats.tobytes()).decode()


def _unpacked(text: str, dimensions: int | None) -> "array[float]":
    """The numbers of a host that packs them unasked.

    32-bit floats, unless the length that was asked for tells that they are wider.
    """
    data = b64decode(text)
    wide = dimensions is not None and len(data) == dimensions * _DOUBLE_BYTES
    numbers = array("d" if wide else "f")
    numbers.frombytes(data[: len(data) // numbers.itemsize * numbers.itemsize])
    if byteorder == "big":
        numbers.byteswap()
    return numbers


def _number(value: msgspec.Raw | None) -> int | None:
    number = None if value is None else msgspec.json.decode(value)
    return number if isinstance(number, int) else None


DIALECT = side_dialect(
    "embeddings",
    SideApi(
        name="embeddings",
        api_type="embeddings",
        id_prefix="gen-emb-",
        charged=charged_as_priced,
        split=split,
        merge=merge,
    ),
    read_head=read_head,
    upstream_body=upstream_body,
    decode_response=decode_response,
    rewrite_response=rewrite_response,
)
