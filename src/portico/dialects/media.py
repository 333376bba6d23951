"""Media in requests: data URLs and what their bytes are.

The hub's parts hold a URL or a data URL; APIs take the type and base64 apart.
"""

import base64
from urllib.parse import unquote_to_bytes

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


def split_data_url(url: str) -> tuple[str, str | None]:
    """The media type of a data URL, empty if it names none, and its data in base64.

    Data is None where the URL has no comma before it.

    >>> split_data_url("data:image/png;base64,aGk="), split_data_url("data:,hi")
    (('image/png', 'aGk='), ('', 'aGk='))
    """
    head, comma, data = url.removeprefix("data:").partition(",")
    media_type, *options = head.split(";")
    if not comma:
        return media_type, None
    if "base64" not in options:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return media_type, data


def data_url(media_type: str, data: str) -> str:
    """The data URL for `data`, which is base64."""
    return f"data:{media_type};base64,{data}"


def media_type_of(name: str) -> str | None:
    """The media type that a file name or path ends in; None if nobody knows.

    >>> media_type_of("cat.JPG"), media_type_of("cat")
    ('image/jpeg', None)
    """
    return _TYPES.get(name.rpartition(".")[2].lower()) if "." in name else None
