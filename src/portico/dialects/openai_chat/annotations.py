"""Citations as strict clients take them: a title or content that is not known is absent."""

from portico.jsonio import JsonObject


def without_nulls(fields: JsonObject) -> JsonObject:
    """Return `fields` with null members of `url_citation`s left out (contract/clients 1, rule 12)."""
    annotations = fields.get("annotations")
    if not isinstance(annotations, list):
        return fields
    return {**fields, "annotations": [clean_annotation(item) for item in annotations]}


def clean_annotation(item: JsonObject) -> JsonObject:
    """Return one annotation without null members in its citation."""
    citation = item.get("url_citation") if isinstance(item, dict) else None
    if not isinstance(citation, dict) or None not in citation.values():
        return item
    return {**item, "url_citation": {k: v for k, v in citation.items() if v is not None}}
