"""Citations of Cohere as annotations of the chat dialect, and back.

A citation names a span of the answer and the documents or tool results that
support it (https://docs.cohere.com/docs/rag-citations). A source that has a URL
becomes a `url_citation`; the others keep their own form under `citations`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from portico.dialects.fields import object_of
from portico.jsonio import JsonObject


def citation_fields(citations: Iterable[Any], starts: Mapping[int, int]) -> JsonObject:
    """The message or delta fields for citations; may be empty.

    Args:
        citations: as the upstream sent them.
        starts: where each content block begins in the whole text, in characters.
            The spans of a citation that names a block count from there.
    """
    annotations: list[JsonObject] = []
    others: list[JsonObject] = []
    for citation in citations:
        if not isinstance(citation, dict):
            continue
        pages = [page for source in citation.get("sources") or () if (page := _page(source))]
        if not pages:
            others.append(citation)
        offset = starts.get(citation.get("content_index") or 0, 0)
        annotations.extend(_annotation(page, citation, offset) for page in pages)
    fields: JsonObject = {}
    if annotations:
        fields["annotations"] = annotations
    if others:
        fields["citations"] = others
    return fields


def own_citations(fields: Mapping[str, object]) -> list[JsonObject]:
    """The citations among a message's or delta's fields, in this dialect's form."""
    annotations, others = fields.get("annotations"), fields.get("citations")
    found = [
        _from_page(page)
        for item in (annotations if isinstance(annotations, list) else ())
        if (page := object_of(object_of(item).get("url_citation")))
    ]
    native = others if isinstance(others, list) else ()
    return found + [item for item in native if isinstance(item, dict) and "sources" in item]


def _page(source: Any) -> Mapping[str, Any] | None:
    """The document of a source, if it is a page of the web."""
    document = object_of(object_of(source).get("document"))
    url = document.get("url")
    known = isinstance(url, str) and url.startswith(("http://", "https://"))
    return document if known else None


def _annotation(page: Mapping[str, Any], citation: JsonObject, offset: int) -> JsonObject:
    fields = {
        "url": page["url"],
        "title": page.get("title"),
        "start_index": offset + int(citation.get("start") or 0),
        "end_index": offset + int(citation.get("end") or 0),
        "content": page.get("text") or page.get("snippet"),
    }
    known = {name: value for name, value in fields.items() if value is not None}
    return {"type": "url_citation", "url_citation": known}


def _from_page(page: Mapping[str, Any]) -> JsonObject:
    names = {"url": "url", "title": "title", "content": "text"}
    document = {own: page[name] for name, own in names.items() if page.get(name) is not None}
    return {
        "start": page.get("start_index") or 0,
        "end": page.get("end_index") or 0,
        "text": "",
        "sources": [{"type": "document", "id": str(page.get("url") or ""), "document": document}],
        "type": "TEXT_CONTENT",
    }
