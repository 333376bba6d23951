"""Citations of an answer: `groundingMetadata` and `citationMetadata` as annotations.

https://ai.google.dev/gemini-api/docs/google-search
"""

from collections.abc import Iterator
from typing import Any

from portico.jsonio import JsonObject

_KINDS = ("web", "retrievedContext", "maps")


def annotations(grounding: JsonObject, citation: JsonObject, text: str) -> list[JsonObject]:
    """The `url_citation`s of an answer whose whole text is `text`.

    Offsets come as UTF-8 bytes and leave as characters. Sources that no passage
    refers to stand at 0. Sources without a URL are left out.
    """
    found: dict[tuple[str, int, int], JsonObject] = {}
    data = text.encode()
    for source, start, end, quote in (*_grounded(grounding), *_cited(citation)):
        url = source.get("uri")
        if not isinstance(url, str) or not url:
            continue
        place = (url, _characters(data, start), _characters(data, end))
        title = source.get("title")
        cited: JsonObject = {"url": url, "title": title if isinstance(title, str) else url}
        cited |= {"start_index": place[1], "end_index": place[2]}
        if isinstance(quote, str):
            cited["content"] = quote
        found.setdefault(place, {"type": "url_citation", "url_citation": cited})
    return list(found.values())


def _grounded(grounding: JsonObject) -> Iterator[tuple[JsonObject, int, int, object]]:
    sources = [_source(chunk) for chunk in _objects(grounding.get("groundingChunks"))]
    used: set[int] = set()
    for support in _objects(grounding.get("groundingSupports")):
        segment = support.get("segment")
        segment = segment if isinstance(segment, dict) else {}
        for number in support.get("groundingChunkIndices") or ():
            if isinstance(number, int) and 0 <= number < len(sources):
                used.add(number)
                start, end = _offset(segment, "startIndex"), _offset(segment, "endIndex")
                yield sources[number], start, end, segment.get("text")
    for number, source in enumerate(sources):
        if number not in used:
            yield source, 0, 0, None


def _cited(citation: JsonObject) -> Iterator[tuple[JsonObject, int, int, object]]:
    rows = citation.get("citations") or citation.get("citationSources")
    for row in _objects(rows):
        yield row, _offset(row, "startIndex"), _offset(row, "endIndex"), None


def _source(chunk: JsonObject) -> JsonObject:
    found = (chunk.get(kind) for kind in _KINDS)
    return next((source for source in found if isinstance(source, dict)), {})


def _objects(value: Any) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _offset(body: JsonObject, name: str) -> int:
    value = body.get(name)
    return value if isinstance(value, int) and value >= 0 else 0


def _characters(data: bytes, offset: int) -> int:
    return len(data[:offset].decode(errors="ignore"))
