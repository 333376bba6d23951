"""The `provider` object of a request: parsed once, checked for types (contract/routing 2)."""

import math
from typing import Literal

import msgspec

from portico.errors import InvalidRequest
from portico.jsonio import JsonObject

SortBy = Literal["price", "throughput", "latency", "exacto"]
Number = int | float
Quantization = Literal[
    "int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32",
    "unknown",
]  # fmt: skip
PERCENTILES = ("p50", "p75", "p90", "p99")


class SortRule(msgspec.Struct, frozen=True, kw_only=True):
    """`partition` "model": each model's endpoints are sorted apart; "none": all together."""

    by: SortBy | None = None
    partition: Literal["model", "none"] | None = None


class MaxPrice(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds in USD: per million tokens for `prompt` and `completion`, else per unit."""

    prompt: str | Number | None = None
    completion: str | Number | None = None
    request: str | Number | None = None
    image: str | Number | None = None
    audio: str | Number | None = None


class Cutoffs(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds for percentiles of a measurement; None is no bound."""

    p50: Number | None = None
    p75: Number | None = None
    p90: Number | None = None
    p99: Number | None = None


class ProviderPreferences(msgspec.Struct, frozen=True, kw_only=True):
    """Routing wishes. None is "not said"; unknown keys are accepted and ignored.

    `preferred_min_throughput` is in tokens per second, `preferred_max_latency`
    in seconds to the first token; a bare number bounds the median. `options` is
    for images, audio and video and does not route.
    """

    order: tuple[str, ...] | None = None
    only: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    allow_fallbacks: bool | None = None
    require_parameters: bool | None = None
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    enforce_distillable_text: bool | None = None
    quantizations: tuple[Quantization, ...] | None = None
    max_price: MaxPrice | None = None
    sort: SortBy | SortRule | None = None
    preferred_min_throughput: Number | Cutoffs | None = None
    preferred_max_latency: Number | Cutoffs | None = None
    options: JsonObject | None = None

    @property
    def sort_by(self) -> SortBy | None:
        """What to sort by, in either of the two forms of `sort`."""
        return self.sort.by if isinstance(self.sort, SortRule) else self.sort

    @property
    def partition(self) -> Literal["model", "none"]:
        """Whether models are kept apart when endpoints are ordered."""
        rule = self.sort
        return (rule.partition or "model") if isinstance(rule, SortRule) else "model"


_LONGEST_NUMBER = 40
_LONGEST_SHOWN = 200
_LISTS = ("order", "only", "ignore", "quantizations")
NO_WISHES = ProviderPreferences()


def parse_preferences(fields: JsonObject | None) -> ProviderPreferences:
    """Check and convert. An empty list is the same as none: some clients always send their lists.

    Raises:
        InvalidRequest: a field has a wrong type; the message names it.
    """
    if not fields:
        return NO_WISHES
    try:
        parsed = msgspec.convert(fields, ProviderPreferences)
    except msgspec.ValidationError as error:
        raise invalid("provider", error) from None
    empty = [name for name in _LISTS if getattr(parsed, name) == ()]
    if empty:
        parsed = msgspec.structs.replace(parsed, **dict.fromkeys(empty))
    price = parsed.max_price
    if price is not None:
        for name in MaxPrice.__struct_fields__:
            usd_bound(getattr(price, name), f"provider.max_price.{name}")
    return parsed


def usd_bound(value: str | Number | None, path: str) -> float | None:
    """Return a bound of `max_price` in USD, None for none.

    Raises:
        InvalidRequest: it is not a finite number; the message begins with `path`.
    """
    if value is None:
        return None
    try:
        bound = float(value) if len(str(value)) <= _LONGEST_NUMBER else math.nan
    except (ValueError, OverflowError):
        bound = math.nan
    if not math.isfinite(bound):
        raise InvalidRequest(f"{path}: {str(value)[:40]!r} is not a number")
    return bound


def cutoffs(wish: Number | Cutoffs | None) -> tuple[tuple[str, float], ...]:
    """Return the bounds of a preference as (percentile, bound); a bare number is the median's."""
    if wish is None:
        return ()
    if not isinstance(wish, Cutoffs):
        return (("p50", float(wish)),)
    bounds = ((name, getattr(wish, name)) for name in PERCENTILES)
    return tuple((name, float(bound)) for name, bound in bounds if bound is not None)


def invalid(root: str, error: msgspec.ValidationError) -> InvalidRequest:
    """Return the refusal of what msgspec found wrong below `root`: `provider.sort: ...`.

    msgspec says "... - at `$.only[0]`"; people read `provider.only.0: ...`.
    """
    what, _, path = str(error).rpartition(" - at `$")
    if not what:  # the whole of `root` is wrong
        what, path = path, ""
    path = path.rstrip("`").replace("[...]", ".*").replace("[", ".").replace("]", "")
    return InvalidRequest(f"{root}{path[:_LONGEST_SHOWN]}: {what[:_LONGEST_SHOWN]}")
