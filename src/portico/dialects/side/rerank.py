"""`POST /rerank`: documents in the order of their relevance (contract/other-apis 4).

Cohere bills search units, Jina and Voyage tokens. What is charged is what has a
price: `request` per search unit, `prompt` per token.
"""

from typing import Any

import msgspec

from portico.dialects.answers import read_object
from portico.dialects.base import Envelope, Quirks, RequestHead, SideApi
from portico.dialects.checks import prompt_bytes, read_body
from portico.dialects.fields import finished_body, object_of, raw
from portico.dialects.side.common import (
    SideBody,
    answered,
    charged_as_priced,
    costs,
    count,
    head_of,
    named,
    own_fields,
    side_dialect,
)
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, loads
from portico.vocabulary import ChatResponse, Cost, Usage

_DOCUMENTS_PER_UNIT = 100
_IMAGE_TOKENS = 5_000


class _Document(msgspec.Struct):
    text: str | None = None
    image: str | None = None


class _Body(SideBody, kw_only=True):
    query: str
    documents: list[str | _Document]
    top_n: int | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body.

    Raises:
        InvalidRequest: there is nothing to rank, or a member has a wrong type.
    """
    fields, typed = read_body(body, _decode_body)
    if not typed.query:
        raise InvalidRequest("query: an empty query ranks nothing")
    if not typed.documents:
        raise InvalidRequest("documents: at least one document is required")
    if typed.top_n is not None and typed.top_n < 1:
        raise InvalidRequest(f"top_n: expected at least 1, got {typed.top_n}")
    units = -(-len(typed.documents) // _DOCUMENTS_PER_UNIT)
    prompt = prompt_bytes(fields, ("query", "documents"))
    # every document is read together with the query
    read_bytes = len(prompt) + len(typed.query.encode()) * (len(typed.documents) - 1)
    images = [d.image for d in typed.documents if isinstance(d, _Document) and d.image]
    return head_of(
        typed,
        fields,
        output="rerank",
        prompt=prompt,
        max_output_tokens=0,
        media=tuple(("image", len(image)) for image in images),
        prompt_tokens_bound=read_bytes // 2 + _IMAGE_TOKENS * len(images),
        flat_charges=units,
        billed=Usage(input_tokens=max(1, read_bytes // 4), flat_charges=units, estimated=True),
    )


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The client's own members; documents that are only text as text, which all hosts take."""
    fields = own_fields(head, model, quirks)
    documents = loads(head.fields["documents"])
    if any(isinstance(one, dict) for one in documents):
        plain = [
            one["text"] if isinstance(one, dict) and one.keys() == {"text"} else one
            for one in documents
        ]
        fields["documents"] = raw(plain)
    return finished_body(fields, quirks), frozenset()


def decode_response(body: bytes, quirks: Quirks) -> ChatResponse:
    """Read what was used.

    Raises:
        UpstreamError: it is not an answer with results.
    """
    return read_object(body, quirks, _read)


def _read(body: JsonObject, quirks: Quirks) -> ChatResponse:
    for row in _rows(body):
        _score(row)
    units, tokens = _units(body), _tokens(body)
    if units is None and tokens is None:
        return answered(None)
    return answered(Usage(input_tokens=tokens or 0, flat_charges=units or 0))


def _rows(body: JsonObject) -> list[Any]:
    """Voyage calls them `data`."""
    rows = body.get("results") if "results" in body else body["data"]
    if not isinstance(rows, list):
        raise TypeError("no list of results")
    return rows


def _score(row: Any) -> tuple[int, float]:
    score = row["relevance_score"] if "relevance_score" in row else row["score"]
    return int(row["index"]), float(score)


def _units(body: JsonObject) -> int | None:
    billed = object_of(object_of(body.get("meta")).get("billed_units"))
    return count(billed, "search_units") or count(body.get("usage"), "search_units") or None


def _tokens(body: JsonObject) -> int | None:
    return count(body.get("usage"), "total_tokens", "prompt_tokens") or None


def rewrite_response(
    body: bytes,
    head: RequestHead,
    envelope: Envelope,
    usage: Usage | None,
    cost: Cost | None,
    extra: JsonObject,
) -> bytes:
    """The results in OpenRouter's form: best first, each with its document, no more than wished."""
    parsed = loads(body)
    documents = loads(head.fields["documents"])
    ranked = sorted((_score(row) for row in _rows(parsed)), key=lambda one: -one[1])
    results = [
        {"index": index, "relevance_score": score, "document": _document(documents[index])}
        for index, score in ranked
        if 0 <= index < len(documents)
    ][: loads(head.fields.get("top_n", b"null"))]
    counts: JsonObject = {}
    if (units := _units(parsed)) is not None:
        counts["search_units"] = units
    if (tokens := _tokens(parsed)) is not None:
        counts["total_tokens"] = tokens
    counts |= costs(cost, detailed=False)
    return named([("results", results), ("usage", counts)], envelope, extra)


def _document(sent: str | JsonObject) -> JsonObject:
    return {"text": sent} if isinstance(sent, str) else sent


DIALECT = side_dialect(
    "rerank",
    SideApi(name="rerank", api_type="rerank", id_prefix="gen-rerank-", charged=charged_as_priced),
    read_head=read_head,
    upstream_body=upstream_body,
    decode_response=decode_response,
    rewrite_response=rewrite_response,
)
