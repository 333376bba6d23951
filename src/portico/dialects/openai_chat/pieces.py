"""Pieces of answers whose types differ between hosts, as strict clients take them.

What has no readable form is left out: one odd member is no reason to lose an answer.
"""

from collections.abc import Callable, Mapping
from typing import Any

from portico.dialects.fields import object_of, text_of
from portico.jsonio import JsonObject

_DIGITS = 4  # of an index; more is a mistake


def index_of(value: object, default: int) -> int:
    """The number of a choice or of a call: some hosts write digits, or nothing.

    >>> index_of("1", 0), index_of(None, 2), index_of(-1, 0)
    (1, 2, 0)
    """
    if isinstance(value, str) and value.isdecimal() and len(value) <= _DIGITS:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value if value < 10**_DIGITS else default
    return default


def native_reason(value: object) -> str | None:
    """Why an answer ended, in the host's word; None while it says nothing of it.

    >>> native_reason("stop"), native_reason(1), native_reason("null"), native_reason({})
    ('stop', '1', None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return None
    text = str(value)
    return None if text.lower() in {"null", "none"} else text


def logprobs_of(value: object) -> JsonObject | None:
    """Log probabilities by token; the older parallel lists become those."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("tokens"), list) and "content" not in value:
        return {"content": _by_token(value), "refusal": None}
    lists = {name: _rows(value.get(name)) for name in ("content", "refusal") if name in value}
    if not any(lists.values()):
        return None
    return {**value, "content": None, **lists}


def _rows(value: object) -> list[JsonObject] | None:
    """The objects of a list; None for anything else."""
    if not isinstance(value, list):
        return None
    return [row for row in value if isinstance(row, dict)]


def _by_token(lists: Mapping[str, Any]) -> list[JsonObject]:
    numbers = lists.get("token_logprobs")
    pairs = zip(lists["tokens"], numbers if isinstance(numbers, list) else (), strict=False)
    return [
        {
            "token": token,
            "logprob": number,
            "bytes": list(token.encode("utf-8", "replace")),
            "top_logprobs": [],
        }
        for token, number in pairs
        if isinstance(token, str) and isinstance(number, int | float)
    ]


def images_of(value: object) -> list[JsonObject]:
    """Generated images, each with a URL."""
    images = _rows(value) or ()
    return [image for image in images if text_of(object_of(image.get("image_url")).get("url"))]


def annotations_of(value: object) -> list[JsonObject]:
    """Citations and files, without null members in a citation (contract/clients 1, rule 12)."""
    return [_clean(item) for item in _rows(value) or ()]


def _clean(item: JsonObject) -> JsonObject:
    citation = item.get("url_citation")
    if not isinstance(citation, dict) or None not in citation.values():
        return item
    return {**item, "url_citation": {k: v for k, v in citation.items() if v is not None}}


def _object(value: object) -> JsonObject | None:
    return value if isinstance(value, dict) else None


_READERS: Mapping[str, Callable[[object], object]] = {
    "annotations": annotations_of,
    "images": images_of,
    "audio": _object,
}


def readable(fields: Mapping[str, Any]) -> JsonObject:
    """Members of a delta, with attachments in their readable form or left out."""
    shown: JsonObject = {}
    for name, value in fields.items():
        read = _READERS.get(name)
        known = value if read is None else read(value)
        if known or read is None:
            shown[name] = known
    return shown
