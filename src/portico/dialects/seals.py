"""Sealed reasoning that finds its way back: a blob says which endpoint wrote it (contract/chat 6).

A tag is `.` and base64 of `{"portico":["<model>","<endpoint tag>"]}` behind the blob, in the
alphabet that no JSON writer escapes. Clients get tagged blobs; no provider is sent a tag, and
none but the one that wrote it is sent the blob.
"""

import base64
import re
from typing import Any

import msgspec

from portico.dialects.base import RawFields, RequestHead
from portico.dialects.fields import list_of, raw
from portico.jsonio import JsonError, JsonObject, dumps, loads
from portico.vocabulary import Origin, Reasoning

SEALED = frozenset({"openai-responses-v1", "azure-openai-responses-v1", "xai-responses-v1"})
"""Families whose blobs only the account that they were written for can open."""

MARK = b".eyJwb3J0aWNvIjpb"
"""How every tag begins: the base64 of `{"portico":[`."""

_SEAL = re.compile(
    rb'"(?:data|encrypted_content|signature)"\s*:\s*"(?P<value>[^"\\]*(?:\\.[^"\\]*)*)"'
)
_WRITTEN = re.compile(rb'("encrypted_content"\s*:\s*"(?!")[^"\\]*(?:\\.[^"\\]*)*)"')
_PLACES = ("messages", "input")


class _Tag(msgspec.Struct):
    portico: tuple[str, str]


_decode_tag = msgspec.json.Decoder(_Tag).decode


def tag_of(origin: Origin) -> str:
    """What stands behind a blob that `origin` wrote."""
    text = dumps({"portico": list(origin)})
    return "." + base64.urlsafe_b64encode(text).decode().rstrip("=")


def split(blob: str) -> tuple[str, Origin | None]:
    """A blob without its tag, and who wrote it; None where nobody says."""
    bare, dot, tag = blob.rpartition(".")
    if not dot or not blob.startswith(MARK.decode(), len(bare)):
        return blob, None
    try:
        origin = _decode_tag(base64.urlsafe_b64decode(tag + "=" * (-len(tag) % 4))).portico
    except (*JsonError, ValueError):
        return blob, None
    return bare, origin


def tagged(item: Reasoning, origin: Origin | None) -> Reasoning:
    """The item as clients get it. `origin` None, or a blob that others can read: as it is."""
    if not item.data or origin is None or item.format not in SEALED:
        return item
    return msgspec.structs.replace(item, data=item.data + tag_of(origin))


def tag_members(data: bytes, origin: Origin | None) -> bytes:
    """JSON with a tag behind every `encrypted_content`, and otherwise its own bytes."""
    if origin is None or b'"encrypted_content"' not in data:
        return data
    return _WRITTEN.sub(rb'\1%b"' % tag_of(origin).encode(), data)


def origin_in(prompt: bytes) -> Origin | None:
    """Who wrote the last tagged blob of a conversation; None without any."""
    if MARK not in prompt:
        return None
    found = None
    for seal in _SEAL.finditer(prompt):
        found = _origin_of(seal) or found
    return found


def readable_by(head: RequestHead, endpoint_tag: str) -> RequestHead:
    """The request as an endpoint can read it: its own blobs without tags, others' left out.

    What an endpoint wrote for one model, it can read for another. The bytes of a conversation
    that holds nothing of others stay as they are, save for the tags.
    """
    fields = dict(head.fields)
    for name in _PLACES:
        if name in fields and MARK in bytes(fields[name]):
            fields[name] = _readable(bytes(fields[name]), endpoint_tag)
    return msgspec.structs.replace(head, fields=RawFields(fields))


def _readable(conversation: bytes, endpoint_tag: str) -> msgspec.Raw:
    foreign = False

    def bare(seal: re.Match[bytes]) -> bytes:
        nonlocal foreign
        origin = _origin_of(seal)
        if origin is None:
            return seal[0]
        if origin[1] != endpoint_tag:
            foreign = True
            return seal[0]
        return seal[0].rpartition(b".")[0] + b'"'

    text = _SEAL.sub(bare, conversation)
    if not foreign:
        return msgspec.Raw(text)
    turns = map(_without_tagged, list_of(loads(text)))
    return raw([turn for turn in turns if turn is not None])


def _origin_of(seal: re.Match[bytes]) -> Origin | None:
    value = seal["value"]
    place = value.rfind(MARK)
    return split(value[place:].decode(errors="replace"))[1] if place >= 0 else None


def _without_tagged(turn: JsonObject) -> JsonObject | None:
    """A message or an item without the blobs that still have a tag; None if that is all it is."""
    if _is_tagged(turn.get("encrypted_content")):
        if turn.get("type") != "reasoning":
            return None
        turn = {name: value for name, value in turn.items() if name != "encrypted_content"}
    if isinstance(details := turn.get("reasoning_details"), list):
        kept = [one for one in details if not _has_tagged(one, "data")]
        turn = {**turn, "reasoning_details": kept}
    if isinstance(content := turn.get("content"), list):
        turn = {**turn, "content": [_unsigned(block) for block in content]}
    return turn


def _unsigned(block: Any) -> Any:
    """A block without a signature that holds a blob: what it shows stays."""
    return {**block, "signature": ""} if _has_tagged(block, "signature") else block


def _has_tagged(value: Any, name: str) -> bool:
    return isinstance(value, dict) and _is_tagged(value.get(name))


def _is_tagged(value: Any) -> bool:
    return isinstance(value, str) and split(value)[1] is not None
