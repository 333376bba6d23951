"""`POST /images`: text to images (contract/other-apis 5).

Images come as base64, never as URLs. Hosts bill tokens or images: tokens count at
the rates for them, images at the price per request.
"""

from typing import Annotated, Literal

import msgspec

from portico.dialects.answers import read_object
from portico.dialects.base import Envelope, Quirks, RequestHead, SideApi
from portico.dialects.checks import decode_fields, read_body
from portico.dialects.fields import object_of, raw
from portico.dialects.openai_chat.usage import encode_usage
from portico.dialects.side.common import SideBody, answered, head_of, own_fields, side_dialect
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, dumps, loads
from portico.vocabulary import ChatResponse, Cost, Usage

_URL_BY_DEFAULT = "gpt-image"
"""Models of this name give base64 and refuse to be told so; others have to be told."""


class _Body(SideBody, kw_only=True):
    prompt: str
    n: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None
    size: str | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    quality: Literal["auto", "low", "medium", "high", "standard", "hd"] | None = None
    background: Literal["auto", "transparent", "opaque"] | None = None
    output_format: Literal["png", "jpeg", "webp", "svg"] | None = None
    output_compression: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    seed: int | None = None
    input_references: list[JsonObject] | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body.

    Raises:
        InvalidRequest: it has no prompt, or a member has a wrong type or value.
    """
    fields, typed = read_body(body, _decode_body)
    if not typed.prompt:
        raise InvalidRequest("prompt: say what to draw")
    if typed.size and typed.resolution:
        raise InvalidRequest("resolution: send either size or resolution")
    wished = typed.n or 1
    return head_of(
        typed,
        fields,
        output="image",
        prompt=bytes(fields["prompt"]),
        media=tuple(("image", len(dumps(one))) for one in typed.input_references or ()),
        flat_charges=wished,
        billed=Usage(flat_charges=wished, estimated=True),
    )


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The client's own members, and the wish for base64."""
    fields = own_fields(head, model)
    fields.pop("response_format", None)
    if _URL_BY_DEFAULT not in model:
        fields["response_format"] = raw("b64_json")
    return dumps(fields), frozenset()


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read what was used.

    Raises:
        UpstreamError: it is not an answer with images in base64.
    """
    return read_object(body, quirks, _read)


def _read(body: JsonObject, quirks: Quirks) -> ChatResponse:
    images = body["data"]
    if not images or not all(isinstance(one["b64_json"], str) for one in images):
        raise TypeError("no images in base64")
    usage = object_of(body.get("usage"))
    return answered(
        Usage(
            input_tokens=_count(usage, "input_tokens", "prompt_tokens"),
            output_image_tokens=_count(usage, "output_tokens", "completion_tokens"),
            flat_charges=len(images),
        )
    )


def _count(usage: object, *names: str) -> int:
    found = (object_of(usage).get(name) for name in names)
    return next((one for one in found if isinstance(one, int) and one > 0), 0)


def rewrite_response(
    body: bytes,
    head: RequestHead,
    envelope: Envelope,
    usage: Usage | None,
    cost: Cost | None,
    extra: JsonObject,
) -> bytes:
    """The images in the host's own bytes, with time, kind and price."""
    fields = decode_fields(body)
    kind = loads(fields.get("output_format", b"null")) or loads(
        head.fields.get("output_format", b"null")
    )
    images: object = fields["data"]
    if isinstance(kind, str):
        media_type = "image/svg+xml" if kind == "svg" else f"image/{kind}"
        images = [{"media_type": media_type, **one} for one in loads(fields["data"])]
    told = encode_usage(usage or Usage(), cost, "current")
    return dumps({"created": envelope.created_s, "data": images, "usage": told, **extra})


DIALECT = side_dialect(
    "images",
    SideApi(name="images", api_type="image", id_prefix="gen-img-"),
    read_head=read_head,
    upstream_body=upstream_body,
    decode_response=decode_response,
    rewrite_response=rewrite_response,
)
