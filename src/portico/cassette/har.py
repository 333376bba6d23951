"""HTTP Archive 1.2, as browsers and proxies export it: http://www.softwareishard.com/blog/har-12-spec/

Keys of one's own begin with an underscore there: `_x_portico` in `response`,
and `_encoding` beside a request's text that is base64.
"""

import base64
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from portico.cassette.extension import KEY, extended, extension_of, milliseconds, timestamp
from portico.cassette.fields import cassette_of, converted, from_base64, reason_of, text_or_bytes
from portico.cassette.model import (
    Cassette,
    Headers,
    Interaction,
    RecordedRequest,
    RecordedResponse,
    header,
)
from portico.jsonio import JsonObject, dumps

VERSION = "1.2"
_OWN = f"_{KEY}"


class _Pair(msgspec.Struct, kw_only=True):
    name: str
    value: str = ""


class _PostData(msgspec.Struct, kw_only=True, rename={"own_encoding": "_encoding"}):
    text: str | None = None
    params: list[_Pair] | None = None
    own_encoding: str | None = None


class _Request(msgspec.Struct, kw_only=True, rename="camel"):
    method: str
    url: str
    headers: list[_Pair] = []
    post_data: _PostData | None = None


class _Content(msgspec.Struct, kw_only=True):
    text: str | None = None
    encoding: str | None = None


class _Response(msgspec.Struct, kw_only=True, rename={"status_text": "statusText", "own": _OWN}):
    status: int
    status_text: str = ""
    headers: list[_Pair] = []
    content: _Content = msgspec.field(default_factory=_Content)
    own: object = None


class _Entry(msgspec.Struct, kw_only=True, rename={"started": "startedDateTime"}):
    request: _Request
    response: _Response
    started: str | None = None
    time: float | None = None


class _Log(msgspec.Struct, kw_only=True):
    entries: list[_Entry]


class _File(msgspec.Struct, kw_only=True):
    log: _Log


def read(document: object, *, name: str = "") -> Cassette:
    """Make a cassette of the decoded file.

    Raises:
        CassetteError: a field is missing or of the wrong kind; the message says which.
    """
    file = converted(document, _File, name, "an HTTP archive")
    return cassette_of(file.log.entries, _interaction, name, word="entry")


def write(cassette: Cassette) -> bytes:
    """Write an archive. A time that is not known is that of the epoch, a duration is -1."""
    log = {
        "version": VERSION,
        "creator": {"name": "portico", "version": "1"},
        "entries": [_written(one) for one in cassette.interactions],
    }
    return msgspec.json.format(dumps({"log": log}), indent=2) + b"\n"


def _interaction(recorded: _Entry) -> Interaction:
    asked, answered = recorded.request, recorded.response
    known = recorded.time is not None and 0 <= recorded.time < 1e12
    started_ms = milliseconds(recorded.started) if recorded.started else None
    interaction = Interaction(
        request=RecordedRequest(
            method=asked.method,
            url=asked.url,
            headers=_headers(asked.headers),
            body=_posted(asked.post_data),
        ),
        response=RecordedResponse(
            status=answered.status,
            reason=answered.status_text,
            headers=_headers(answered.headers),
            body=_text(answered.content.text, answered.content.encoding, "response.content"),
            duration_s=recorded.time / 1000 if known and recorded.time is not None else None,
        ),
        recorded_ms=started_ms or None,
    )
    return extended(interaction, answered.own)


def _headers(recorded: list[_Pair]) -> Headers:
    return tuple((pair.name, pair.value) for pair in recorded)


def _posted(data: _PostData | None) -> bytes:
    if data is None:
        return b""
    if data.text is None and data.params:
        return urlencode([(pair.name, pair.value) for pair in data.params]).encode()
    return _text(data.text, data.own_encoding, "request.postData")


def _text(text: str | None, encoding: str | None, where: str) -> bytes:
    if encoding == "base64":
        return from_base64(text or "", where)
    return (text or "").encode()


def _written(one: Interaction) -> JsonObject:
    request, response = one.request, one.response
    duration_s = response.duration_s
    time_ms = -1.0 if duration_s is None else duration_s * 1000
    first_ms = response.frames[0].at_s * 1000 if response.frames else time_ms
    asked: JsonObject = {
        "method": request.method,
        "url": request.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(request.headers),
        "queryString": _pairs(tuple(parse_qsl(urlsplit(request.url).query))),
        "headersSize": -1,
        "bodySize": len(request.body),
    }
    if request.body:
        text, encoding = _as_text(request.body)
        asked["postData"] = {
            "mimeType": header(request.headers, "content-type"),
            "text": text,
            **({"_encoding": encoding} if encoding else {}),
        }
    return {
        "startedDateTime": timestamp(one.recorded_ms or 0),
        "time": time_ms,
        "request": asked,
        "response": _written_response(one),
        "cache": {},
        "timings": {
            "send": 0,
            "wait": max(first_ms, 0.0),
            "receive": max(time_ms - first_ms, 0.0),
        },
    }


def _written_response(one: Interaction) -> JsonObject:
    response = one.response
    text, encoding = _as_text(response.body)
    content: JsonObject = {
        "size": len(response.body),
        "mimeType": header(response.headers, "content-type"),
        "text": text,
    }
    if encoding:
        content["encoding"] = encoding
    written: JsonObject = {
        "status": response.status,
        "statusText": reason_of(response),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(response.headers),
        "content": content,
        "redirectURL": header(response.headers, "location"),
        "headersSize": -1,
        "bodySize": len(response.body),
    }
    if extension := extension_of(one, with_duration=False):
        written[_OWN] = extension
    return written


def _pairs(headers: Headers) -> list[Any]:
    return [{"name": name, "value": value} for name, value in headers]


def _as_text(body: bytes) -> tuple[str, str | None]:
    """A body as text and the encoding to name beside it."""
    text = text_or_bytes(body)
    if isinstance(text, bytes):
        return base64.b64encode(text).decode(), "base64"
    return text, None
