"""Images, documents, audio and video: URLs on the hub's side, `inlineData` and `fileData` here."""

import base64
from urllib.parse import unquote_to_bytes, urlsplit

from portico.errors import InvalidRequest
from portico.jsonio import JsonObject
from portico.vocabulary import Audio, File, Image, Video

_TYPES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp",
    "gif": "image/gif", "heic": "image/heic", "heif": "image/heif", "pdf": "application/pdf",
    "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "html": "text/html",
    "xml": "text/xml", "json": "application/json", "mp3": "audio/mpeg", "wav": "audio/wav",
    "aac": "audio/aac", "ogg": "audio/ogg", "flac": "audio/flac", "aiff": "audio/aiff",
    "m4a": "audio/mp4", "mp4": "video/mp4", "mov": "video/mov", "mpeg": "video/mpeg",
    "mpg": "video/mpg", "avi": "video/avi", "webm": "video/webm", "wmv": "video/wmv",
    "flv": "video/x-flv", "3gp": "video/3gpp",
}  # fmt: skip
_AUDIO_TYPES = {"mp3": "audio/mp3", "pcm16": "audio/L16", "m4a": "audio/mp4"}
_AUDIO_FORMATS = {
    "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/L16": "pcm16", "audio/x-wav": "wav",
    "audio/mp4": "m4a",
}  # fmt: skip


def encode_media(part: Image | Audio | Video | File) -> JsonObject:
    """The part that carries a medium.

    Raises:
        InvalidRequest: a data URL cannot be read, or a file has neither data nor id.
    """
    if isinstance(part, Audio):
        mime = _AUDIO_TYPES.get(part.format, f"audio/{part.format}")
        return {"inlineData": {"mimeType": mime, "data": part.data}}
    if isinstance(part, File):
        return _encode_file(part)
    return _by_url(part.url, "image/jpeg" if isinstance(part, Image) else "video/mp4")


def decode_media(mime: str, *, data: str | None, uri: str | None) -> Image | Audio | Video | File:
    """The hub's part for a medium of type `mime`, inline (`data`, base64) or by `uri`."""
    url = f"data:{mime};base64,{data}" if data is not None else (uri or "")
    kind = mime.partition("/")[0]
    if kind == "image":
        return Image(url=url)
    if kind == "video":
        return Video(url=url)
    if kind == "audio" and data is not None:
        return Audio(data=data, format=audio_format(mime))
    if data is None and "://" not in url:  # the name of an uploaded file
        return File(file_id=url)
    return File(data=url)


def audio_format(mime: str) -> str:
    """
    >>> audio_format("audio/mpeg"), audio_format("audio/L16;codec=pcm;rate=24000")
    ('mp3', 'pcm16')
    """
    mime = mime.partition(";")[0]
    return _AUDIO_FORMATS.get(mime, mime.partition("/")[2])


def _encode_file(part: File) -> JsonObject:
    guess = _type_of(part.filename or "") or "application/pdf"
    if part.data is None:
        if part.file_id is None:
            raise InvalidRequest("messages: a file needs file_data or file_id")
        return {"fileData": {"fileUri": part.file_id}}
    if part.data.startswith("data:") or "://" in part.data[:16]:
        return _by_url(part.data, guess)
    return {"inlineData": {"mimeType": guess, "data": part.data}}


def _by_url(url: str, usual: str) -> JsonObject:
    """A data URL as bytes, any other by reference: Gemini fetches it itself."""
    if not url.startswith("data:"):
        mime = _type_of(urlsplit(url).path) or usual
        return {"fileData": {"fileUri": url, "mimeType": mime}}
    head, comma, data = url[5:].partition(",")
    if not comma:
        raise InvalidRequest("messages: a data URL has no data")
    mime, *options = head.split(";")
    if "base64" not in options:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return {"inlineData": {"mimeType": mime or usual, "data": data}}


def _type_of(name: str) -> str | None:
    return _TYPES.get(name.rpartition(".")[2].lower()) if "." in name else None
