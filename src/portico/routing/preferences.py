"""The `provider` object of a request: parsed once, checked for types (contract/routing 2)."""

from decimal import Decimal, InvalidOperation
from typing import Literal

import msgspec

from portico.errors import InvalidRequest
from portico.jsonio import JsonObject
from portico.vocabulary import Endpoint

SortBy = Literal["price", "throughput", "latency", "exacto"]


class SortRule(msgspec.Struct, frozen=True, kw_only=True):
    """`partition` "model": each model's endpoints are sorted apart; "none": all together."""

    by: SortBy | None = None
    partition: Literal["model", "none"] = "model"


class MaxPrice(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds in USD: per million tokens for `prompt` and `completion`, else per unit."""

    prompt: str | int | float | None = None
    completion: str | int | float | None = None
    request: str | int | float | None = None


class ProviderPreferences(msgspec.Struct, frozen=True, kw_only=True):
    """Routing wishes. None is "not said"; unknown keys are accepted and ignored."""

    order: tuple[str, ...] | None = None
    only: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    allow_fallbacks: bool | None = None
    require_parameters: bool | None = None
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    quantizations: tuple[str, ...] | None = None
    max_price: MaxPrice | None = None
    sort: SortBy | SortRule | None = None


def parse_preferences(fields: JsonObject | None) -> ProviderPreferences:
    """Check and convert.

    Raises:
        InvalidRequest: a field has a wrong type; the message names it.
    """
    if not fields:
        return ProviderPreferences()
    try:
        parsed = msgspec.convert(fields, ProviderPreferences)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        raise InvalidRequest(f"provider{path.rstrip('`')}: {what}") from None
    price = parsed.max_price or MaxPrice()
    for name in ("prompt", "completion", "request"):
        price_bound(getattr(price, name), name)
    return parsed


def price_bound(value: str | int | float | None, name: str) -> Decimal | None:
    """A bound of `max_price` as an exact number.

    Raises:
        InvalidRequest: it is not a number.
    """
    if value is None:
        return None
    try:
        bound = Decimal(str(value))
    except InvalidOperation:
        bound = Decimal("NaN")
    if not bound.is_finite():
        raise InvalidRequest(f"provider.max_price.{name}: {value!r} is not a number")
    return bound


def names_endpoint(entry: str, endpoint: Endpoint, provider_name: str) -> bool:
    """Whether an entry of `order`, `only` or `ignore` means this endpoint.

    Case does not matter. A provider's slug or display name means all its
    endpoints, a slug with a suffix exactly that tag (contract/routing 1).
    """
    wanted = entry.strip().lower()
    return wanted in {endpoint.provider.lower(), endpoint.tag.lower(), provider_name.lower()}
