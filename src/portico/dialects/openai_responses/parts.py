"""Content parts and annotations between the hub's words and this dialect's."""

from collections.abc import Sequence
from typing import Any

from portico.dialects.fields import text_of
from portico.jsonio import JsonObject
from portico.vocabulary import Audio, File, Image, JsonFields, Part, Text, Unknown, Video

_TEXTS = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
_OWN = frozenset({"input_image", "input_file", "computer_screenshot"})
_ANNOTATIONS = frozenset({"url_citation", "file_citation", "file_path", "container_file_citation"})
_MODALITIES: dict[type, str] = {Video: "video_url"}
_FILE_NAMES = {"application/pdf": "document.pdf", "text/plain": "document.txt"}


def decode_parts(content: Any) -> tuple[Part, ...]:
    """Read a content value: a string, or a list of parts."""
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(text=content),)
    return tuple(_decode_part(part) for part in content)


def _decode_part(part: JsonObject) -> Part:
    kind = part["type"]
    cache = part.get("cache_control")
    if kind in _TEXTS:
        return Text(text=part["text"], cache_control=cache)
    if kind == "input_image" and (url := _url(part.get("image_url"))):
        return Image(url=url, detail=part.get("detail"), cache_control=cache)
    if kind == "input_file":
        return File(
            filename=part.get("filename"),
            data=part.get("file_data") or part.get("file_url"),
            file_id=part.get("file_id"),
            cache_control=cache,
        )
    if kind == "input_audio":
        audio = part["input_audio"]
        return Audio(data=audio["data"], format=audio["format"])
    if kind == "input_video":
        return Video(url=_url(part["video_url"]) or "")
    return Unknown(type=str(kind), fields=part)


def _url(value: Any) -> str | None:
    """A URL, bare or inside an object as the chat dialect has it."""
    return value.get("url") if isinstance(value, dict) else value


def encode_parts(parts: Sequence[Part], dropped: set[str]) -> list[JsonObject]:
    """Write the parts of an input; what the API has no form for is named in `dropped`."""
    written = []
    for part in parts:
        body = _encode_part(part)
        if body is None:
            name = part.type if isinstance(part, Unknown) else _MODALITIES.get(type(part), "file")
            dropped.add(name)
        else:
            written.append(body)
    return written


def _encode_part(part: Part) -> JsonObject | None:
    match part:
        case Text():
            return {"type": "input_text", "text": part.text}
        case Image():
            detail = {"detail": part.detail} if part.detail else {}
            return {"type": "input_image", "image_url": part.url, **detail}
        case Audio():
            return {
                "type": "input_audio",
                "input_audio": {"data": part.data, "format": part.format},
            }
        case File():
            return _encode_file(part)
        case Unknown() if part.type in _OWN:
            return dict(part.fields)
    return None


def _encode_file(file: File) -> JsonObject | None:
    """By id, by URL, or as data with the name that the API insists on."""
    if file.data is None:
        return None if file.file_id is None else {"type": "input_file", "file_id": file.file_id}
    if file.data.startswith(("http://", "https://")):
        return {"type": "input_file", "file_url": file.data}
    media = file.data[5:].partition(";")[0] if file.data.startswith("data:") else ""
    name = file.filename or _FILE_NAMES.get(media, "document")
    return {"type": "input_file", "filename": name, "file_data": file.data}


def decode_annotation(annotation: Any, *, offset: int = 0) -> JsonObject | None:
    """A citation as the chat dialect has it; others keep their own form.

    Args:
        annotation: as the provider sent it.
        offset: characters of the whole text before the part it belongs to.
    """
    if not isinstance(annotation, dict):
        return None
    if annotation.get("type") != "url_citation":
        return annotation
    fields = {name: annotation.get(name) for name in ("url", "title", "content")}
    for name in ("start_index", "end_index"):
        if isinstance(place := annotation.get(name), int):
            fields[name] = place + offset
    known = {name: value for name, value in fields.items() if value is not None}
    return {"type": "url_citation", "url_citation": known}


def encode_annotation(annotation: Any) -> JsonObject | None:
    """A citation of the chat dialect in this one's flat form; None if it has none."""
    if not isinstance(annotation, dict) or text_of(annotation.get("type")) not in _ANNOTATIONS:
        return None
    citation = annotation.get("url_citation")
    if not isinstance(citation, dict):
        return annotation
    flat = {"type": "url_citation", "url": "", "title": "", "start_index": 0, "end_index": 0}
    return {**flat, **{name: value for name, value in citation.items() if value is not None}}


def encode_logprobs(logprobs: JsonFields | None) -> list[Any]:
    """Log probabilities of the chat dialect as this one's list."""
    content = (logprobs or {}).get("content")
    return content if isinstance(content, list) else []
