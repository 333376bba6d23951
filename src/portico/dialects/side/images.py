"""`POST /images`: text to images (contract/other-apis 5).

Images come as base64, never as URLs. Hosts bill tokens or images: tokens count at
the rates for them, images at the price per request.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from portico.dialects.answers import read_object
from portico.dialects.base import Envelope, Events, Quirks, RawFields, RequestHead, SideApi
from portico.dialects.checks import read_body
from portico.dialects.fields import finished_body, object_of, raw
from portico.dialects.openai_chat.usage import encode_usage
from portico.dialects.side.common import (
    SideBody,
    Streaming,
    answered,
    count,
    head_of,
    own_fields,
    side_dialect,
)
from portico.dialects.side.forms import Part, form_type, write_form
from portico.dialects.side.image_stream import ImageDecoder, ImageEncoder, completed
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, dumps, loads
from portico.vocabulary import ChatResponse, Cost, Finish, Pricing, StreamUsage, Usage

_OPENAIS_OWN = "gpt-image"
"""Models of this name give base64 and refuse to be told so (others have to be told), know
three sizes in pixels and no other words for them, and are the ones that stream."""

_SIZES = {"square": "1024x1024", "wide": "1536x1024", "tall": "1024x1536"}
_TOKENS_OF_ONE = {"low": 408, "medium": 1_584, "high": 6_240}
"""What an image takes of output tokens by its quality, at the larger of the usual sizes:
https://platform.openai.com/docs/guides/image-generation#cost-and-latency"""

_EDITS = "image_edits"
_DATA_URL = re.compile(r"data:image/([a-z0-9]{1,10});base64,([A-Za-z0-9+/=]+)")
_PIXELS = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")
_Ratio = Literal[
    "1:1", "1:2", "1:4", "1:8", "2:1", "2:3", "3:2", "3:4", "4:1", "4:3", "4:5", "5:4", "8:1",
    "9:16", "16:9", "9:19.5", "19.5:9", "9:20", "20:9", "9:21", "21:9", "auto",
]  # fmt: skip
_Tier = Literal["512", "1K", "2K", "4K"]
_TIER_PIXELS = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}


class _Url(msgspec.Struct):
    url: str


class _Reference(msgspec.Struct):
    type: Literal["image_url"]
    image_url: _Url


class _Body(SideBody, kw_only=True):
    prompt: str
    n: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None
    size: str | None = None
    resolution: _Tier | None = None
    aspect_ratio: _Ratio | None = None
    quality: Literal["auto", "low", "medium", "high", "standard", "hd"] | None = None
    background: Literal["auto", "transparent", "opaque"] | None = None
    output_format: Literal["png", "jpeg", "webp", "svg"] | None = None
    output_compression: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    seed: int | None = None
    input_references: Annotated[list[_Reference], msgspec.Meta(max_length=16)] | None = None
    stream: bool | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body.

    Raises:
        InvalidRequest: it has no prompt, or a member has a wrong type or value.
    """
    fields, typed = read_body(body, _decode_body)
    if not typed.prompt:
        raise InvalidRequest("prompt: say what to draw")
    _check_size(typed)
    wished = typed.n or 1
    tokens = wished * _TOKENS_OF_ONE.get(typed.quality or "high", _TOKENS_OF_ONE["high"])
    prompt = bytes(fields["prompt"])
    head = head_of(
        typed,
        fields,
        output="image",
        prompt=prompt,
        media=tuple(("image", len(dumps(one))) for one in typed.input_references or ()),
        max_output_tokens=tokens,
        flat_charges=wished,
        billed=Usage(
            input_tokens=max(1, len(prompt) // 4),
            output_image_tokens=tokens,
            flat_charges=wished,
            estimated=True,
        ),
    )
    return msgspec.structs.replace(head, stream=bool(typed.stream))


def _check_size(body: _Body) -> None:
    """
    Raises:
        InvalidRequest: the members that say how large an image is contradict each other.
    """
    size = body.size
    if size is None or size == "auto" or size.upper() in _TIER_PIXELS:
        if size and body.resolution and size.upper() != body.resolution:
            raise InvalidRequest(f"resolution: {body.resolution} is not the size {size[:20]}")
        return
    pixels = _PIXELS.fullmatch(size)
    if pixels is None:
        raise InvalidRequest(f'size: expected a tier like "2K" or pixels like "1024x1024", '
                             f"got {size[:20]!r}")  # fmt: skip
    width, height = int(pixels[1]), int(pixels[2])
    if body.resolution and max(width, height) != _TIER_PIXELS[body.resolution]:
        raise InvalidRequest(f"resolution: {body.resolution} is not the size {size}")
    wide, _, high = (body.aspect_ratio or "auto").partition(":")
    if high and abs(width / height - float(wide) / float(high)) > 0.02:
        raise InvalidRequest(f"aspect_ratio: {body.aspect_ratio} is not that of the size {size}")


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The client's own members, and the wish for base64."""
    fields = own_fields(head, model, quirks)
    fields.pop("response_format", None)
    if head.stream:
        fields["stream"] = raw(True)
    if quirks.own_words:
        return finished_body(fields, quirks), frozenset()
    if _OPENAIS_OWN in model:
        _in_pixels(fields)
        if url_name(head, model, quirks) == _EDITS:
            return _edit_form(fields), frozenset()
    else:
        fields["response_format"] = raw("b64_json")
    return finished_body(fields, quirks), frozenset()


def url_name(head: RequestHead, model: str, quirks: Quirks) -> str:
    """OpenAI has another path for images made from images."""
    edits = head.media and _OPENAIS_OWN in model and not quirks.own_words
    return _EDITS if edits else "images"


def _edit_form(fields: RawFields) -> bytes:
    """The request as the form that OpenAI takes images in.

    Raises:
        InvalidRequest: one is not given as a data URL.
    """
    parts = []
    for place, reference in enumerate(loads(fields.pop("input_references"))):
        found = _DATA_URL.fullmatch(reference["image_url"]["url"])
        if found is None:
            raise InvalidRequest(
                f"input_references.{place}: this provider takes images as base64 data URLs only"
            )
        try:
            data = b64decode(found[2], validate=True)
        except ValueError:
            raise InvalidRequest(f"input_references.{place}: this is not base64") from None
        name = f"image{place}.{found[1]}"
        parts.append(Part(name="image[]", data=data, filename=name, media_type=f"image/{found[1]}"))
    for name, value in fields.items():
        said = loads(value)
        text = said if isinstance(said, str) else dumps(said).decode()
        parts.append(Part(name=name, data=text.encode()))
    return write_form(parts)


def _in_pixels(fields: RawFields) -> None:
    """Say the wish for a shape in the only words that these models have; other hints about
    it, and the seed, which they refuse, are left out as by any host without a knob."""
    size, ratio = (loads(fields.get(name, b"null")) for name in ("size", "aspect_ratio"))
    for name in ("aspect_ratio", "resolution", "seed"):
        fields.pop(name, None)
    if isinstance(size, str) and _PIXELS.fullmatch(size):
        return
    fields.pop("size", None)
    wide, _, high = (ratio or "auto").partition(":")
    if high:
        shape = float(wide) / float(high)
        kind = "square" if 0.8 < shape < 1.25 else "wide" if shape > 1 else "tall"
        fields["size"] = raw(_SIZES[kind])


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
    response = answered(counted(body.get("usage"), len(images)))
    return msgspec.structs.replace(response, extra={"data": shown(body, {})})


def counted(said: object, images: int) -> Usage:
    """The usage object of a host, in its words or in those of chat."""
    usage = object_of(said)
    parts = object_of(usage.get("input_tokens_details") or usage.get("prompt_tokens_details"))
    made = object_of(usage.get("output_tokens_details") or usage.get("completion_tokens_details"))
    sent = count(usage, "input_tokens", "prompt_tokens") or 0
    drawn = count(usage, "output_tokens", "completion_tokens") or 0
    pictures = min(sent, count(parts, "image_tokens") or 0)
    cached = min(sent - pictures, count(parts, "cached_tokens") or 0)
    text = min(drawn, count(made, "text_tokens") or 0)
    return Usage(
        input_tokens=sent - pictures - cached,
        cache_read_tokens=cached,
        input_image_tokens=pictures,
        output_tokens=text,
        output_image_tokens=drawn - text,
        flat_charges=images,
    )


def charged(counted: Usage | None, written_chars: int, billed: Usage, price: Pricing) -> Usage:
    """Images and tokens as counted. Where the price is by the token and the host has not
    counted, as many as such an image takes: marked as an estimate, but never nothing."""
    if counted is None:
        return billed
    missing: dict[str, int] = {}
    if (price.completion_picousd or price.output_image_picousd) and not counted.completion_tokens:
        of_one = billed.output_image_tokens // max(1, billed.flat_charges)
        missing["output_image_tokens"] = of_one * counted.flat_charges
        if price.prompt_picousd and not counted.prompt_tokens:
            missing["input_tokens"] = billed.input_tokens
    return msgspec.structs.replace(counted, **missing, estimated=True) if missing else counted


def shown(body: Mapping[str, Any], request: RawFields) -> list[JsonObject]:
    """The images of an answer as clients get them."""
    wish = loads(request.get("output_format", b"null"))
    return [completed(one, body.get("output_format") or wish) for one in body["data"]]


def rewrite_response(
    body: bytes,
    head: RequestHead,
    envelope: Envelope,
    usage: Usage | None,
    cost: Cost | None,
    extra: JsonObject,
) -> bytes:
    """The images with time, kind and price."""
    images = shown(loads(body), head.fields)
    told = encode_usage(usage or Usage(), cost, "current")
    return dumps({"created": envelope.created_s, "data": images, "usage": told, **extra})


def response_events(response: ChatResponse) -> Events:
    """What a stream would have said of an answer that came whole, beside its images."""
    assert response.usage is not None, "images are counted in any case"
    return (StreamUsage(usage=response.usage), Finish(reason="stop"))


def streams(upstream_model: str) -> bool:
    """Whether a model shows its images while they are drawn."""
    return _OPENAIS_OWN in upstream_model


DIALECT = side_dialect(
    "images",
    SideApi(
        name="images",
        api_type="image",
        id_prefix="gen-img-",
        charged=charged,
        streams=streams,
        content_type=form_type,
        url_name=url_name,
    ),
    read_head=read_head,
    upstream_body=upstream_body,
    decode_response=decode_response,
    rewrite_response=rewrite_response,
    stream=Streaming(
        events=response_events,
        decoder=lambda quirks, id_seed: ImageDecoder(counted),
        encoder=ImageEncoder,
    ),
)
