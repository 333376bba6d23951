"""Which rows a listing of models has, and in what order: the query of `GET /models`.

Contract: catalog-account 1. A filter over something that is not known of a row leaves the
row out; an order by it puts the row last.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from urllib.parse import urlencode

import msgspec

from portico.errors import InvalidRequest
from portico.jsonio import JsonObject
from portico.routing.health import EndpointHealth
from portico.vocabulary import Endpoint, Model

PAGE = 500
MOST_ROWS = 1000

_INPUTS = frozenset({"text", "image", "audio", "video", "file"})
_OUTPUTS = frozenset(
    {"text", "image", "audio", "video", "embeddings", "rerank", "speech", "transcription", "all"}
)
_CATEGORIES = frozenset(
    {"programming", "roleplay", "marketing", "marketing/seo", "technology", "science",
     "translation", "legal", "finance", "health", "trivia", "academia"}
)  # fmt: skip
_SORTS = frozenset(
    {"most-popular", "newest", "top-weekly", "pricing-low-to-high", "pricing-high-to-low",
     "context-high-to-low", "throughput-high-to-low", "latency-low-to-high",
     "intelligence-high-to-low", "coding-high-to-low", "agentic-high-to-low",
     "design-arena-elo-high-to-low"}
)  # fmt: skip
_UNKNOWN_HERE = (
    "min_intelligence_index", "max_intelligence_index", "min_coding_index", "max_coding_index",
    "min_agentic_index", "max_agentic_index", "min_tool_success_rate", "max_tool_success_rate",
)  # fmt: skip
"""Figures of third parties, which no row has."""
_PRICES = (
    ("min_price", "prompt_picousd", 1),
    ("max_price", "prompt_picousd", -1),
    ("min_output_price", "completion_picousd", 1),
    ("max_output_price", "completion_picousd", -1),
)
_PICOUSD = 1_000_000  # a token, at 1 USD per million
_DAY_S = 86_400
_MOST_DIGITS = 12


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A model, its row, the row's JSON, and a few bytes that no other row has."""

    model: Model
    row: JsonObject
    encoded: bytes = b""
    seal: bytes = b""


Test = Callable[[Entry], bool]
Health = Callable[[Endpoint], EndpointHealth]
Query = Mapping[str, str]


def selected(
    entries: Iterable[Entry],
    query: Query,
    *,
    now_s: int,
    health: Health,
    provider_names: Mapping[str, str],
    default_output: str = "text",
) -> list[Entry]:
    """The entries that the query leaves, in the order that it asks for.

    Args:
        entries: the whole catalogue in its usual order.
        query: of the request; `offset` and `limit` are for `page_of`.
        now_s: the unix time that ages are counted to.
        health: what is measured of an endpoint.
        provider_names: display name by slug.
        default_output: the kind of models where the query names none.

    Raises:
        InvalidRequest: a value is not one of those that there are; the message names it.
    """
    tests = [
        *_by_modality(query, default_output),
        *_by_words(query, provider_names),
        *_by_numbers(query, now_s),
        *_by_policy(query),
    ]
    kept = [entry for entry in entries if all(test(entry) for test in tests)]
    wish = _one_of(query, "sort", _SORTS)
    key = _ORDERS.get(wish or "")
    if key is not None:
        kept.sort(key=partial(key, health))
    return kept


def page_of(entries: list[Entry], query: Query, path: str) -> tuple[list[Entry], str | None]:
    """The page that the query asks for, everything if it does not, and where the next one is.

    Raises:
        InvalidRequest: `offset` or `limit` is not a number that it can be.
    """
    offset = whole(query, "offset", 0)
    limit = whole(query, "limit", PAGE, least=1, most=MOST_ROWS)
    if "offset" not in query and "limit" not in query:
        return entries, None
    page = entries[offset : offset + limit]
    if offset + limit >= len(entries):
        return page, None
    following = {**query, "offset": str(offset + limit), "limit": str(limit)}
    return page, f"/api/v1{path}?{urlencode(following)}"


def whole(query: Query, name: str, default: int, *, least: int = 0, most: int = 10**9) -> int:
    """A whole number of the query.

    Raises:
        InvalidRequest: it is none, or out of range.
    """
    text = query.get(name)
    if text is None:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    if not is_number or not least <= int(text) <= most:
        raise InvalidRequest(f"{name}: expected a whole number from {least}, got {text[:20]!r}")
    return int(text)


def _by_modality(query: Query, default_output: str) -> Iterable[Test]:
    outputs = words(query, "output_modalities") or {default_output}
    inputs = words(query, "input_modalities")
    for name, said, known in (
        ("output_modalities", outputs, _OUTPUTS),
        ("input_modalities", inputs, _INPUTS),
    ):
        if unknown := said - known:
            raise InvalidRequest(f"{name}: unknown modality {', '.join(sorted(unknown))[:80]}")
    if "all" not in outputs:
        yield lambda e: not outputs.isdisjoint(e.row["architecture"]["output_modalities"])
    if inputs:
        yield lambda e: inputs <= set(e.row["architecture"]["input_modalities"])


def _by_words(query: Query, provider_names: Mapping[str, str]) -> Iterable[Test]:
    if parameters := words(query, "supported_parameters"):
        yield lambda e: parameters <= set(e.row["supported_parameters"])
    if wanted := query.get("q", "").strip().lower():
        yield lambda e: wanted in e.row["id"].lower() or wanted in e.row["name"].lower()
    if family := query.get("arch", "").strip().lower():
        yield lambda e: e.model.tokenizer.lower() == family
    if authors := words(query, "model_authors", lower=True):
        yield lambda e: e.model.slug.partition("/")[0].lower() in authors
    if hosts := words(query, "providers", lower=True):
        yield lambda e: any(
            not hosts.isdisjoint({p.provider, provider_names.get(p.provider, "").lower()})
            for p in e.model.endpoints
        )


def _by_numbers(query: Query, now_s: int) -> Iterable[Test]:
    if window := whole(query, "context", 0):
        yield lambda e: (e.row["context_length"] or 0) >= window
    for name, rate, sign in _PRICES:
        if (bound := _decimal(query, name)) is not None:
            yield partial(_is_priced, rate, sign, bound * _PICOUSD)
    if "min_age_days" in query:
        latest_s = now_s - whole(query, "min_age_days", 0) * _DAY_S
        yield lambda e: 0 < e.model.created_s <= latest_s
    if "max_age_days" in query:
        earliest_s = now_s - whole(query, "max_age_days", 0) * _DAY_S
        yield lambda e: e.model.created_s > 0 and e.model.created_s >= earliest_s
    if [name for name in _UNKNOWN_HERE if _decimal(query, name) is not None]:
        yield lambda e: False


def _is_priced(rate: str, sign: int, bound: Decimal, entry: Entry) -> bool:
    price = entry.model.endpoints[0].pricing
    return price is not None and getattr(price, rate) * sign >= bound * sign


def _by_policy(query: Query) -> Iterable[Test]:
    if _one_of(query, "category", _CATEGORIES):
        yield lambda e: False  # nobody has sorted these models
    if _one_of(query, "zdr", {"true"}):
        yield lambda e: any(p.zdr is True for p in e.model.endpoints)
    if (wish := _one_of(query, "distillable", {"true", "false"})) is not None:
        yield lambda e: (e.model.distillable is True) == (wish == "true")
    if region := _one_of(query, "region", {"eu", "us"}):
        yield lambda e: any(p.region == region for p in e.model.endpoints)


def words(query: Query, name: str, *, lower: bool = False) -> set[str]:
    """The words of a list with commas."""
    text = query.get(name, "")
    return {word.strip() for word in (text.lower() if lower else text).split(",") if word.strip()}


def _one_of(query: Query, name: str, known: Iterable[str]) -> str | None:
    value = query.get(name)
    if value and value not in known:
        raise InvalidRequest(f"{name}: {value[:40]!r} is none of {', '.join(sorted(known))}")
    return value or None


def _decimal(query: Query, name: str) -> Decimal | None:
    text = query.get(name)
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number < 0 or abs(number.adjusted()) > 18:
        raise InvalidRequest(f"{name}: expected a number from 0, got {text[:20]!r}")
    return number


def _cheapest(health: Health, entry: Entry) -> Any:
    price = entry.model.endpoints[0].pricing
    if price is None:
        return True, 0
    return False, price.prompt_picousd + price.completion_picousd


def _dearest(health: Health, entry: Entry) -> Any:
    unknown, price = _cheapest(health, entry)
    return unknown, -price


def _newest(health: Health, entry: Entry) -> Any:
    return -entry.model.created_s


def _longest(health: Health, entry: Entry) -> Any:
    return -(entry.row["context_length"] or 0)


def _fastest(health: Health, entry: Entry) -> Any:
    measured = [health(endpoint).throughput_tps for endpoint in entry.model.endpoints]
    return -max((one.p50 for one in measured if one is not None), default=0.0)


def _quickest(health: Health, entry: Entry) -> Any:
    measured = [health(endpoint).latency_s for endpoint in entry.model.endpoints]
    return min((one.p50 for one in measured if one is not None), default=float("inf"))


_ORDERS: Mapping[str, Callable[[Health, Entry], Any]] = {
    "newest": _newest,
    "pricing-low-to-high": _cheapest,
    "pricing-high-to-low": _dearest,
    "context-high-to-low": _longest,
    "throughput-high-to-low": _fastest,
    "latency-low-to-high": _quickest,
}
"""The usual order stays for the others: who is popular, or good at what, is not known here."""
