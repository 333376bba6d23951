"""Reading recorded exchanges: one record per line, gzip or plain, whatever the file is called."""

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

JsonObject = dict[str, Any]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded exchange with a provider.

    `request` is None for a fixture without one. `status` 0 means that no answer
    came. `body` is the answer's bytes as the provider sent them, unless `fidelity` is
    "reserialised": then the order of keys is the recorder's.
    """

    id: str
    provider: str
    api: str
    stream: bool = False
    features: tuple[str, ...] = ()
    model: str = ""
    fidelity: str = ""
    request: JsonObject | None = None
    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is not a record; `reason` is for a person."""

    place: str
    reason: str


def read_records(corpus: Path, *, api: str, provider: str | None) -> Iterator[Record | Unreadable]:
    """Yield the records of `api` (and of `provider`, if given) below `corpus`, file by file.

    Lines that cannot be read are yielded as `Unreadable`, never raised.
    """
    for row in all_records(corpus):
        if isinstance(row, Unreadable) or (row.api == api and provider in {None, row.provider}):
            yield row


def all_records(corpus: Path) -> Iterator[Record | Unreadable]:
    """Yield every record of every file; lines that cannot be read as `Unreadable`."""
    folder = corpus / "records" if (corpus / "records").is_dir() else corpus
    for path in sorted([*folder.glob("*.jsonl.gz"), *folder.glob("*.jsonl")]):
        try:
            data = path.read_bytes()
            lines = (gzip.decompress(data) if path.suffix == ".gz" else data).split(b"\n")
        except (OSError, EOFError, zlib.error) as error:
            yield Unreadable(place=path.name, reason=str(error))
            continue
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _row(line, f"{path.name}:{number}")


def _row(line: bytes, place: str) -> Record | Unreadable:
    try:
        return to_record(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        return Unreadable(place=place, reason=f"{type(error).__name__}: {error}")


def to_record(row: JsonObject) -> Record:
    """Turn one parsed line into a `Record`.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: the line has another shape.
    """
    response = row["response"]
    headers = {str(k).lower(): str(v) for k, v in (response.get("headers") or {}).items()}
    return Record(
        id=str(row["id"]),
        provider=str(row["provider"]),
        api=str(row["api"]),
        stream=bool(row.get("stream")),
        features=tuple(str(f) for f in row.get("features") or ()),
        model=str(row.get("model") or ""),
        fidelity=str(row.get("fidelity") or ""),
        request=_request_body(row.get("request")),
        status=int(response.get("status") or 0),
        headers=headers,
        body=_body_bytes(response.get("body"), response.get("body_encoding")),
    )


def _body_bytes(body: object, encoding: str | None) -> bytes:
    if body is None:
        return b""
    if not isinstance(body, str):
        return json.dumps(body, ensure_ascii=False).encode()
    if encoding == "base64":
        return base64.b64decode(body)
    return body.encode("utf-8", "surrogatepass")


def _request_body(request: JsonObject | None) -> JsonObject | None:
    """The request's JSON object, however the recorder kept it; None if it is not one."""
    if not request:
        return None
    body = request.get("body")
    if body is None and isinstance(request.get("body_text"), str):
        body = _parsed(request["body_text"].encode())
    if body is None and isinstance(request.get("body_base64"), str):
        body = _parsed(_gunzipped(base64.b64decode(request["body_base64"])))
    return body if isinstance(body, dict) else None


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _gunzipped(data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return data


def client_request(
    record: Record, model: str, translate: Callable[[JsonObject], JsonObject] = dict
) -> JsonObject:
    """What a client asks the gateway so that `record`'s answer is the upstream's.

    The recorded request, translated into the chat dialect, with another model; for
    fixtures a minimal one. Whether it streams is the record's decision, not the
    recorded request's.
    """
    body = translate(record.request or {})
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        body["messages"] = [{"role": "user", "content": "Replay the recording."}]
    body["model"] = model
    if record.stream:
        body["stream"] = True
    else:
        body.pop("stream", None)
        body.pop("stream_options", None)
    return body


def mark_reasoning(body: JsonObject, family: str | None) -> None:
    """Let the signed reasoning of a chat request be of `family`, as its provider's is; in place."""
    if family is None:
        return
    for message in body["messages"]:
        for detail in message.get("reasoning_details") or ():
            if "format" in detail:
                detail["format"] = family
