"""Images, documents, audio and video: URLs on the hub's side, `inlineData` and `fileData` here."""

from urllib.parse import urlsplit

from portico.dialects.media import data_url, media_type_of, split_data_url
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject
from portico.vocabulary import Audio, File, Image, Video

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
    url = data_url(mime, data) if data is not None else (uri or "")
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
    guess = media_type_of(part.filename or "") or "application/pdf"
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
        mime = media_type_of(urlsplit(url).path) or usual
        return {"fileData": {"fileUri": url, "mimeType": mime}}
    mime, data = split_data_url(url)
    if data is None:
        raise InvalidRequest("messages: a data URL has no data")
    return {"inlineData": {"mimeType": mime or usual, "data": data}}
