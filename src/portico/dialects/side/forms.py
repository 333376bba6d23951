"""`multipart/form-data` (RFC 7578), read and written; the API's own form of a request is JSON."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec

from portico.errors import InvalidRequest, PayloadTooLarge
from portico.jsonio import dumps

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb'[; ]name="([^"]*)"', re.IGNORECASE)
_FILENAME = re.compile(rb'[; ]filename="([^"]*)"', re.IGNORECASE)
_TYPE = re.compile(rb"^content-type:\s*([^\s;]+)", re.IGNORECASE | re.MULTILINE)
_MARK = b"--portico-"
_ESCAPED = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}
"""As browsers write what would end a name: clients choose the names of further fields."""
_MAX_PARTS = 100
_MAX_FILE_BYTES = 25 * 1024 * 1024


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One field. `filename` and `media_type` are None where it is not a file."""

    name: str
    data: bytes
    filename: str | None = None
    media_type: str | None = None


def is_form(content_type: str | None) -> bool:
    """Whether a body of this type is a form."""
    return (content_type or "").lower().startswith("multipart/form-data")


def read_form(body: bytes, content_type: str) -> list[Part]:
    """The fields of a form, in order.

    Raises:
        InvalidRequest: it is not shaped as its type says, or has too many fields.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise InvalidRequest("The form has no boundary in its Content-Type.")
    mark = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    pieces = (b"\r\n" + body).split(b"\r\n" + mark, _MAX_PARTS + 2)
    if len(pieces) > _MAX_PARTS + 2:
        raise InvalidRequest(f"The form has more than {_MAX_PARTS} fields.")
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise InvalidRequest("The form does not end with its boundary.")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, separator, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    name = _NAME.search(head)
    if not separator or name is None:
        raise InvalidRequest("A field of the form has no name.")
    filename, media_type = _FILENAME.search(head), _TYPE.search(head)
    return Part(
        name=name[1].decode("utf-8", "replace"),
        data=data,
        filename=filename[1].decode("utf-8", "replace") if filename else None,
        media_type=media_type[1].decode("latin-1").lower() if media_type else None,
    )


def write_form(parts: Sequence[Part]) -> bytes:
    """A form with these fields. Its boundary depends on them, so that none can contain it."""
    digest = sha256()
    for part in parts:
        digest.update(part.name.encode())
        digest.update(part.data)
    mark = _MARK + digest.hexdigest()[:48].encode()  # 70 characters at most
    lines: list[bytes] = []
    for part in parts:
        filename = f'; filename="{part.filename}"' if part.filename else ""
        name = part.name.translate(_ESCAPED)
        lines += [mark, f'Content-Disposition: form-data; name="{name}"{filename}'.encode()]
        if part.media_type:
            lines.append(f"Content-Type: {part.media_type}".encode())
        lines += [b"", part.data]
    return b"\r\n".join([*lines, mark + b"--", b""])


def form_type(body: bytes) -> str | None:
    """The Content-Type of a form that `write_form` made; None if it did not make `body`."""
    if not body.startswith(_MARK):
        return None
    return "multipart/form-data; boundary=" + body[2 : body.index(b"\r\n")].decode()


def transcription_json(body: bytes, content_type: str) -> bytes:
    """A transcription's form as the JSON body that says the same.

    Raises:
        InvalidRequest: it is no form, or has no file.
        PayloadTooLarge: its file is larger than 25 MB.
    """
    fields: dict[str, object] = {}
    for part in read_form(body, content_type):
        name = part.name.removesuffix("[]")
        if name == "file" and part.filename is not None:
            if len(part.data) > _MAX_FILE_BYTES:
                raise PayloadTooLarge(
                    "file: more than 25 MB; larger sound can be sent as JSON, in input_audio"
                )
            audio = b64encode(part.data).decode()
            fields["input_audio"] = {"data": audio, "format": _format(part)}
        elif name == "timestamp_granularities":
            known = fields.setdefault(name, [])
            assert isinstance(known, list)
            known.append(_text(part))
        elif name != "input_audio":
            fields[name] = _number(part) if name == "temperature" else _text(part)
    if "input_audio" not in fields:
        raise InvalidRequest("file: the form has no file to transcribe")
    return dumps(fields)


_FORMATS: Mapping[str, str] = {
    "mpeg": "mp3", "mpga": "mp3", "x-wav": "wav", "wave": "wav", "x-m4a": "m4a", "mp4": "mp4",
}  # fmt: skip


def _format(part: Part) -> str:
    """By the file's name, else by the part's type."""
    _, dot, ending = (part.filename or "").rpartition(".")
    said = ending if dot else (part.media_type or "").rpartition("/")[2]
    said = re.sub(r"[^a-z0-9-]", "", said.lower())[:10]
    return _FORMATS.get(said, said) or "mp3"


def _text(part: Part) -> str:
    return part.data.decode("utf-8", "replace")


def _number(part: Part) -> float:
    try:
        return float(part.data)
    except ValueError:
        raise InvalidRequest(f"{part.name}: expected a number") from None
