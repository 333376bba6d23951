"""The `provider` object of a request: parsed once, checked for types (contract/routing 2)."""

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Literal

import msgspec
from msgspec.structs import astuple

from portico.errors import InvalidRequest
from portico.jsonio import JsonObject
from portico.money import PICOUSD

SortBy = Literal["price", "throughput", "latency", "exacto"]
Number = int | float
Quantization = Literal[
    "int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32",
    "unknown",
]  # fmt: skip
_FAMILIES = {"fp4": ("fp4", "mxfp4", "nvfp4"), "fp8": ("fp8", "mxfp8")}
_PRICED = (
    ("prompt", "prompt_picousd", 1_000_000),  # per token: 1 USD per million tokens
    ("completion", "completion_picousd", 1_000_000),
    ("request", "request_picousd", PICOUSD),
    ("audio", "input_audio_picousd", PICOUSD),
)


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


class PriceLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One bound of `MaxPrice`: its `name` there, the field of `Pricing` that it bounds, the most
    in pico-dollars, and how many of these are one unit of the bound."""

    name: str
    field: str
    most_picousd: int
    unit_picousd: int


class ProviderPreferences(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Routing wishes. None is "not said"; unknown keys are accepted and ignored.

    What is derived is worked out at its first use and kept: clients say the same again and
    again. Names are told apart without regard to case and blanks.

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

    @cached_property
    def only_names(self) -> frozenset[str]:
        """The names in `only`."""
        return lower_names(self.only or ())

    @cached_property
    def ignored_names(self) -> frozenset[str]:
        """The names in `ignore`."""
        return lower_names(self.ignore or ())

    @cached_property
    def ordered_names(self) -> frozenset[str]:
        """The names in `order`."""
        return frozenset(self.places)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each name in `order`, the first of repeats."""
        entries = reversed([*enumerate(self.order or ())])
        return {entry.strip().lower(): place for place, entry in entries}

    @cached_property
    def accepted_quantizations(self) -> frozenset[str]:
        """Those of `quantizations`; some stand for a family."""
        wishes = self.quantizations or ()
        return frozenset([name for wish in wishes for name in _FAMILIES.get(wish, (wish,))])

    @cached_property
    def price_limits(self) -> tuple[PriceLimit, ...]:
        """The bounds of `max_price`. Prices per image are not in the catalogue, so none is above."""
        limits = []
        for name, field, unit_picousd in _PRICED if self.max_price is not None else ():
            bound = _usd_bound(getattr(self.max_price, name), name)
            if bound is None:
                continue
            # the fraction of a pico-dollar makes up for binary fractions like 2.3
            most = int(bound * unit_picousd + 1e-3)
            limits.append(
                PriceLimit(name=name, field=field, most_picousd=most, unit_picousd=unit_picousd)
            )
        return tuple(limits)

    @cached_property
    def least_throughput(self) -> tuple[float, ...] | None:
        """`preferred_min_throughput` at p50, p75, p90 and p99; None where nothing is bounded."""
        return _cutoffs(self.preferred_min_throughput, -math.inf)

    @cached_property
    def most_latency(self) -> tuple[float, ...] | None:
        """`preferred_max_latency` at p50, p75, p90 and p99; None where nothing is bounded."""
        return _cutoffs(self.preferred_max_latency, math.inf)


_LONGEST_NUMBER = 40
_LONGEST_SHOWN = 200
_LISTS = ("order", "only", "ignore", "quantizations")
_REMEMBERED, _LONGEST_REMEMBERED_BYTES = 256, 4096
_NO_CUTOFFS = Cutoffs()
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
            _usd_bound(getattr(price, name), name)
    return parsed


class ParsedPreferences:
    """What `provider` objects mean, by their exact bytes: the same ones come again and again.

    State: those seen last, a bounded number.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, ProviderPreferences] = {}

    def of(self, written: bytes, fields: JsonObject) -> ProviderPreferences:
        """Return the preferences in `fields`, which is what `written` says.

        Raises:
            InvalidRequest: as of `parse_preferences`.
        """
        known = self._known.get(written)
        if known is None:
            known = parse_preferences(fields)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            if len(written) <= _LONGEST_REMEMBERED_BYTES:
                self._known[written] = known
        return known


def lower_names(entries: Iterable[str]) -> frozenset[str]:
    """Return the names that entries of a list of providers stand for."""
    return frozenset(map(str.lower, map(str.strip, entries)))


def _usd_bound(value: str | Number | None, name: str) -> float | None:
    """A bound of `max_price` in USD, None for none.

    Raises:
        InvalidRequest: it is not a number, or more than any price can be.
    """
    if value is None:
        return None
    try:
        bound = float(value) if len(str(value)) <= _LONGEST_NUMBER else math.nan
    except (ValueError, OverflowError):
        bound = math.nan
    if not math.isfinite(bound * PICOUSD):
        what = "is not a number" if math.isnan(bound) else "is more than any price"
        raise InvalidRequest(f"provider.max_price.{name}: {str(value)[:40]!r} {what}")
    return bound


def _cutoffs(wish: Number | Cutoffs | None, unbounded: float) -> tuple[float, ...] | None:
    """A bare number is the bound of the median."""
    if wish is None or wish == _NO_CUTOFFS:
        return None
    bounds = wish if isinstance(wish, Cutoffs) else Cutoffs(p50=wish)
    return tuple(unbounded if bound is None else bound for bound in astuple(bounds))


def invalid(root: str, error: msgspec.ValidationError) -> InvalidRequest:
    """Return the refusal of what msgspec found wrong below `root`: `provider.sort: ...`.

    msgspec says "... - at `$.only[0]`"; people read `provider.only.0: ...`.
    """
    what, _, path = str(error).rpartition(" - at `$")
    if not what:  # the whole of `root` is wrong
        what, path = path, ""
    path = path.rstrip("`").replace("[...]", ".*").replace("[", ".").replace("]", "")
    return InvalidRequest(f"{root}{path[:_LONGEST_SHOWN]}: {what[:_LONGEST_SHOWN]}")
