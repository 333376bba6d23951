"""Images, documents, video and audio: URLs on the hub's side, bytes or S3 objects here.

Bedrock fetches nothing from the web: a medium comes as base64 or from `s3://`.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

from portico.dialects.media import data_url, media_type_of, split_data_url
from portico.errors import UpstreamRejected
from portico.jsonio import JsonObject
from portico.vocabulary import Audio, File, Image, Video

Medium = Image | Video | Audio | File

_FORMATS: Mapping[str, Mapping[str, str]] = {
    "image": {
        "image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp",
    },
    "video": {
        "video/mp4": "mp4", "video/quicktime": "mov", "video/x-matroska": "mkv",
        "video/webm": "webm", "video/x-flv": "flv", "video/mpeg": "mpeg", "video/mpg": "mpg",
        "video/x-ms-wmv": "wmv", "video/3gpp": "three_gp",
    },
    "document": {
        "application/pdf": "pdf", "text/csv": "csv", "application/msword": "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "text/html": "html", "text/plain": "txt", "text/markdown": "md",
    },
}  # fmt: skip
_SPELLINGS = {
    "image/jpg": "image/jpeg",
    "video/mov": "video/quicktime",
    "video/wmv": "video/x-ms-wmv",
}
_TYPES = {
    kind: {name: media_type for media_type, name in formats.items()}
    for kind, formats in _FORMATS.items()
}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9 ()\[\]-]+")
_SPACES = re.compile(r"\s+")
_NAME_CHARS = 200


class Names:
    """Names of documents as Bedrock takes them, none of them twice. One instance per request."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def give(self, filename: str | None) -> str:
        """The name for a document that was called `filename`."""
        stem, dot, ending = (filename or "").rpartition(".")
        bare = stem if dot and ending.lower() in _ENDINGS else filename or ""
        wished = _SPACES.sub(" ", _NOT_IN_NAMES.sub("-", bare)).strip(" -")[:_NAME_CHARS]
        name, number = wished or "document", 2
        while name in self._taken:
            name, number = f"{wished or 'document'} {number}", number + 1
        self._taken.add(name)
        return name


_ENDINGS = frozenset({*_TYPES["document"], "jpg", "png", "markdown", "htm", "json", "xml"})


def media_block(part: Medium, names: Names) -> JsonObject | None:
    """The content block for a medium; None where the part names none.

    Raises:
        UpstreamRejected: it is to be fetched from the web, or its type is not taken.
    """
    if isinstance(part, Audio):
        return {"audio": {"format": part.format, "source": {"bytes": part.data}}}
    if isinstance(part, File):
        return _file_block(part, names)
    kind = "image" if isinstance(part, Image) else "video"
    usual = "image/png" if kind == "image" else "video/mp4"
    media_type, source = _source(part.url, usual)
    return {kind: {"format": _format(kind, media_type), "source": source}}


def _file_block(file: File, names: Names) -> JsonObject | None:
    where = file.data or file.file_id
    if where is None:
        return None
    if file.data is None and not where.startswith("s3://"):
        raise UpstreamRejected("messages: this provider keeps no files that an id could name")
    usual = media_type_of(file.filename or "") or "application/pdf"
    media_type, source = _source(where, usual)
    for kind in ("image", "video"):
        if media_type.startswith(kind):
            return {kind: {"format": _format(kind, media_type), "source": source}}
    name = names.give(file.filename)
    return {"document": {"format": _format("document", media_type), "name": name, "source": source}}


def _source(url: str, usual: str) -> tuple[str, JsonObject]:
    """The media type and the source; without a scheme the text is base64 of the usual type."""
    if url.startswith("s3://"):
        return media_type_of(url) or usual, {"s3Location": {"uri": url}}
    if not url.startswith("data:"):
        if "://" in url[:16]:
            raise UpstreamRejected(
                "messages: this provider fetches no media; send a data URL in place of an address"
            )
        return usual, {"bytes": url}
    media_type, data = split_data_url(url)
    media_type = media_type.lower()
    return _SPELLINGS.get(media_type, media_type) or usual, {"bytes": data or ""}


def _format(kind: str, media_type: str) -> str:
    known = _FORMATS[kind].get(_SPELLINGS.get(media_type, media_type))
    if (
        known is None
        and kind == "document"
        and media_type.startswith(("text/", "application/json"))
    ):
        known = "txt"
    if known is None:
        raise UpstreamRejected(f"messages: this provider takes no {kind} of type {media_type[:40]}")
    return known


def decode_medium(kind: str, body: Mapping[str, Any]) -> Medium | None:
    """The hub's part for the block `{kind: body}`; None where the hub cannot say all of it."""
    url = _url_of(kind, body.get("format"), body["source"])
    if url is None or body.keys() - {"format", "source", "name"}:
        return None
    match kind:
        case "image":
            return Image(url=url)
        case "video":
            return Video(url=url)
        case "audio":
            data = body["source"].get("bytes")
            return Audio(data=data, format=body["format"]) if data is not None else None
    return File(filename=body.get("name"), data=url)


def _url_of(kind: str, name: object, source: Mapping[str, Any]) -> str | None:
    if kind == "audio":
        return ""
    media_type = _TYPES[kind].get(str(name or "txt"))
    if media_type is None:
        return None
    match source:
        case {"bytes": str(data)}:
            return data_url(media_type, data)
        case {"text": str(text)}:
            return data_url(media_type, base64.b64encode(text.encode()).decode())
        case {"s3Location": {"uri": str(uri), **rest}} if not rest:
            # its ending has to tell the type, or the type would be lost
            return uri if media_type_of(uri) == media_type else None
    return None
