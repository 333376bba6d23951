"""Citations of Converse as annotations of the chat dialect, and back.

Those that name a web page become `url_citation`s over the text they belong to;
those that point into a document keep their own form under `citations`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from portico.dialects.fields import object_of, text_of
from portico.jsonio import JsonObject


def citation_fields(citations: Sequence[Any], *, start: int, end: int) -> JsonObject:
    """The message or delta fields for the citations of one text; may be empty.

    Args:
        citations: as the upstream sent them.
        start: where their text begins in the whole text, in characters.
        end: where it ends.
    """
    pages: list[JsonObject] = []
    others: list[JsonObject] = []
    for citation in citations:
        if not isinstance(citation, dict):
            continue
        url = _address(citation)
        if url is None:
            others.append(citation)
            continue
        fields = {
            "url": url,
            "title": text_of(citation.get("title")),
            "start_index": start,
            "end_index": end,
            "content": _quoted(citation),
        }
        known = {name: value for name, value in fields.items() if value is not None}
        pages.append({"type": "url_citation", "url_citation": known})
    return {name: found for name, found in (("annotations", pages), ("citations", others)) if found}


def cited_block(text: str, annotations: Sequence[Mapping[str, Any]], others: object) -> JsonObject:
    """The text as a block with what it cites; a plain text block where it cites nothing."""
    cited = [_page(object_of(a.get("url_citation"))) for a in annotations if "url_citation" in a]
    if isinstance(others, list):
        cited += [citation for citation in others if isinstance(citation, dict)]
    if not cited:
        return {"text": text}
    return {"citationsContent": {"content": [{"text": text}], "citations": cited}}


def _page(page: Mapping[str, Any]) -> JsonObject:
    citation: JsonObject = {"location": {"web": {"url": page.get("url")}}}
    if page.get("title"):
        citation["title"] = page["title"]
    if page.get("content"):
        citation["sourceContent"] = [{"text": page["content"]}]
    return citation


def _address(citation: Mapping[str, Any]) -> str | None:
    web = object_of(object_of(citation.get("location")).get("web"))
    for url in (web.get("url"), citation.get("source")):
        if isinstance(url, str) and url.startswith(("http://", "https://")):
            return url
    return None


def _quoted(citation: Mapping[str, Any]) -> str | None:
    parts = citation.get("sourceContent")
    texts = [object_of(p).get("text") for p in parts] if isinstance(parts, list) else []
    return "".join(text for text in texts if isinstance(text, str)) or None
