"""Images and documents between the hub's parts and this dialect's blocks.

A hub part holds a URL or a data URL; a block holds a `source` of one of the
kinds base64, url, text and file.
"""

import base64
import binascii
from typing import Any

from portico.dialects.media import data_url, split_data_url
from portico.errors import UpstreamRejected
from portico.jsonio import JsonObject
from portico.vocabulary import File, Image

_SPELLINGS = {"image/jpg": "image/jpeg"}
_TEXTS = ("text/", "application/json", "application/xml", "application/yaml")


def image_block(image: Image) -> JsonObject:
    """The block for an image by URL or data URL."""
    return {"type": "image", "source": _source(image.url, default="image/png")}


def file_block(file: File) -> JsonObject | None:
    """The block for a document; None if the part names no content.

    PDF travels as it is, text of any kind as a text document, and an image in
    a file as an image.
    """
    if file.data is None:
        if file.file_id is None:
            return None
        return {"type": "document", "source": {"type": "file", "file_id": file.file_id}}
    source = _source(file.data, default="application/pdf")
    media = source.get("media_type", "")
    if media.startswith("image/"):
        return {"type": "image", "source": source}
    if source["type"] == "base64" and media.startswith(_TEXTS):
        source = _as_text(source)
    block: JsonObject = {"type": "document", "source": source}
    if file.filename:
        block["title"] = file.filename
    return block


def _source(url: str, *, default: str) -> JsonObject:
    """The source for a URL, a data URL, or bare base64 of the `default` type.

    Raises:
        UpstreamRejected: it stands where this API fetches nothing from.
    """
    if url.startswith(("http://", "https://")):
        return {"type": "url", "url": url}
    if "://" in url[:16]:
        scheme = url.partition(":")[0]
        raise UpstreamRejected(
            f"messages: this provider fetches nothing from {scheme}:// addresses"
        )
    if not url.startswith("data:"):
        return {"type": "base64", "media_type": default, "data": url}
    media, data = split_data_url(url)
    media = media.lower() or default
    return {"type": "base64", "media_type": _SPELLINGS.get(media, media), "data": data or ""}


def _as_text(source: JsonObject) -> JsonObject:
    try:
        text = base64.b64decode(source["data"], validate=True).decode()
    except (binascii.Error, ValueError):
        return source
    return {"type": "text", "media_type": "text/plain", "data": text}


def decode_image(block: JsonObject) -> Image | None:
    """The part for an image block; None if its source has no form in the hub."""
    url = _url_of(block.get("source"))
    return None if url is None else Image(url=url, cache_control=block.get("cache_control"))


def decode_document(block: JsonObject) -> File | None:
    """The part for a document block; None if its source has no form in the hub."""
    source: Any = block.get("source") or {}
    cache, title = block.get("cache_control"), block.get("title")
    if source.get("type") == "file":
        return File(filename=title, file_id=source["file_id"], cache_control=cache)
    url = _url_of(source)
    return None if url is None else File(filename=title, data=url, cache_control=cache)


def _url_of(source: Any) -> str | None:
    if not isinstance(source, dict):
        return None
    match source.get("type"):
        case "url":
            return str(source["url"])
        case "base64":
            return data_url(source["media_type"], source["data"])
        case "text":
            data = base64.b64encode(source["data"].encode()).decode()
            return data_url(source.get("media_type", "text/plain"), data)
    return None
