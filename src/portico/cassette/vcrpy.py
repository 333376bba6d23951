"""vcrpy's cassette format, version 1, as YAML and as JSON: https://vcrpy.readthedocs.io

Interactions of a request and a response. Text bodies are UTF-8, others are
bytes, for which JSON has no place. Read are also the keys of older versions
(`content` and `status_code`, `base64_string`) and `parsed_body`, which some
projects write in the place of a JSON body.
"""

from typing import Any

import msgspec

from portico.cassette.extension import KEY, extended, extension_of
from portico.cassette.fields import (
    RecordedHeaders,
    body_from,
    cassette_of,
    converted,
    failure,
    from_base64,
    headers_by_name,
    headers_from,
    reason_of,
    text_or_bytes,
)
from portico.cassette.model import (
    Cassette,
    CassetteError,
    Interaction,
    RecordedRequest,
    RecordedResponse,
)
from portico.cassette.yamlio import dump_yaml
from portico.jsonio import JsonObject, dumps

VERSION = 1


class _Request(msgspec.Struct, kw_only=True):
    method: str
    uri: str
    headers: RecordedHeaders = None
    body: object = None
    parsed_body: object = None


class _Status(msgspec.Struct, kw_only=True):
    code: int
    message: str | None = None


class _Response(msgspec.Struct, kw_only=True):
    status: _Status | None = None
    status_code: int | None = None
    headers: RecordedHeaders = None
    body: object = None
    content: object = None
    parsed_body: object = None
    x_portico: object = None


class _Interaction(msgspec.Struct, kw_only=True):
    request: _Request
    response: _Response


class _File(msgspec.Struct, kw_only=True):
    interactions: list[_Interaction]
    version: int = VERSION


def read(document: object, *, name: str = "") -> Cassette:
    """Make a cassette of the decoded file.

    Raises:
        CassetteError: it is not vcrpy version 1, or a field is missing or of
            the wrong kind; the message says which.
    """
    file = converted(document, _File, name, "a vcrpy cassette")
    if file.version != VERSION:
        raise failure(name, f"vcrpy version {file.version}; version {VERSION} can be read")
    return cassette_of(file.interactions, _interaction, name)


def write(cassette: Cassette) -> bytes:
    """Write the YAML file that vcrpy loads and replays."""
    return dump_yaml(_document(cassette))


def write_json(cassette: Cassette) -> bytes:
    """Write the JSON file that vcrpy loads and replays with its `json` serializer.

    Raises:
        CassetteError: a body is no text.
    """
    for number, one in enumerate(cassette.interactions):
        for where, body in (("request", one.request.body), ("response", one.response.body)):
            if isinstance(text_or_bytes(body), bytes):
                raise CassetteError(
                    f"interaction {number}: the body of the {where} is no text, for which "
                    "vcrpy's JSON has no place; write it as vcrpy's YAML"
                )
    return msgspec.json.format(dumps(_document(cassette)), indent=2) + b"\n"


def _document(cassette: Cassette) -> JsonObject:
    return {
        "interactions": [_written(one) for one in cassette.interactions],
        "version": VERSION,
    }


def _interaction(recorded: _Interaction) -> Interaction:
    asked, answered = recorded.request, recorded.response
    status = answered.status.code if answered.status else answered.status_code
    if status is None:
        raise ValueError("response.status is missing")
    interaction = Interaction(
        request=RecordedRequest(
            method=asked.method,
            url=asked.uri,
            headers=headers_from(asked.headers),
            body=body_from(asked.body, "request.body")
            if asked.parsed_body is None
            else dumps(asked.parsed_body),
        ),
        response=RecordedResponse(
            status=status,
            reason=(answered.status.message or "") if answered.status else "",
            headers=headers_from(answered.headers),
            body=_response_body(answered),
        ),
    )
    return extended(interaction, answered.x_portico)


def _response_body(answered: _Response) -> bytes:
    if answered.parsed_body is not None:
        return dumps(answered.parsed_body)
    body: Any = answered.content if answered.body is None else answered.body
    if not isinstance(body, dict):
        return body_from(body, "response.body")
    if isinstance(encoded := body.get("base64_string"), str):
        return from_base64(encoded, "response.body.base64_string")
    return body_from(body.get("string"), "response.body.string")


def _written(one: Interaction) -> JsonObject:
    request, response = one.request, one.response
    answered: JsonObject = {
        "body": {"string": text_or_bytes(response.body)},
        "headers": headers_by_name(response.headers),
        "status": {"code": response.status, "message": reason_of(response)},
    }
    if extension := extension_of(one, with_duration=True):
        answered[KEY] = extension
    return {
        "request": {
            "body": text_or_bytes(request.body) if request.body else None,
            "headers": headers_by_name(request.headers),
            "method": request.method,
            "uri": request.url,
        },
        "response": answered,
    }
