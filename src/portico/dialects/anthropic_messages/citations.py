"""Citations of the Messages API as annotations of the chat dialect.

Those that name a web page become `url_citation`s over the text they belong to;
those that point into a document keep their own form under `citations`.
"""

from collections.abc import Sequence
from typing import Any

from portico.jsonio import JsonObject


def split_citations(
    citations: Sequence[Any], *, start: int, end: int
) -> tuple[list[JsonObject], list[JsonObject]]:
    """Return annotations and the citations that no annotation can say.

    Args:
        citations: as the upstream sent them, all of one text block.
        start: where that block begins in the whole text, in characters.
        end: where it ends.
    """
    annotations: list[JsonObject] = []
    others: list[JsonObject] = []
    for citation in citations:
        if not isinstance(citation, dict):
            continue
        url = citation.get("url") or citation.get("source")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            others.append(citation)
            continue
        fields = {
            "url": url,
            "title": citation.get("title"),
            "start_index": start,
            "end_index": end,
            "content": citation.get("cited_text"),
        }
        known = {name: value for name, value in fields.items() if value is not None}
        annotations.append({"type": "url_citation", "url_citation": known})
    return annotations, others


def citation_fields(citations: Sequence[Any], *, start: int, end: int) -> JsonObject:
    """The message or delta fields for the citations of one text block; may be empty."""
    annotations, others = split_citations(citations, start=start, end=end)
    fields: JsonObject = {}
    if annotations:
        fields["annotations"] = annotations
    if others:
        fields["citations"] = others
    return fields
