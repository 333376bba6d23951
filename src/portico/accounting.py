"""What a request may cost before it is sent, and what it did cost when it has ended."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico import pricing
from portico.errors import KeyLimitExceeded
from portico.limits import left_picousd, limit_message, spent_picousd, utc_time
from portico.planning import Planned
from portico.ports import Store
from portico.vocabulary import (
    ApiKey,
    Cost,
    Endpoint,
    Generation,
    Hold,
    Pricing,
    Reservation,
    Usage,
    Waiver,
)

_RAISE = "Raise the limit, or wait for its reset if it has one."


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much a request can use.

    Attributes:
        prompt_tokens: an upper bound, see `portico.tokens`.
        max_output_tokens: what the client asked for, over all answers; None:
            the smaller of the endpoint's own cap and `default_output_tokens`.
        default_output_tokens: more than that unasked is an overrun.
        flat_charges: how often the price per request can be due.
        capped: the client has a word for how much may come out: `max_tokens`.
    """

    prompt_tokens: int
    max_output_tokens: int | None
    default_output_tokens: int
    flat_charges: int = 1
    capped: bool = True


def bounds_of(planned: Planned, default_output_tokens: int) -> Bounds:
    """The bounds of a planned request."""
    return Bounds(
        prompt_tokens=planned.needs.prompt_tokens,
        max_output_tokens=planned.head.max_output_tokens,
        default_output_tokens=default_output_tokens,
        flat_charges=planned.head.flat_charges,
        capped=planned.head.outputs is None,
    )


async def check_left(store: Store, key: ApiKey, now_ms: int) -> None:
    """Refuse a key that has spent its whole limit, whatever else is wrong with its request.

    For requests that come to no hold: whoever has no money is told of that, and not which
    names mean something here (contract/errors-limits 9). What is held for requests that are
    under way does not count, as it may come back.

    Raises:
        KeyLimitExceeded: nothing is left.
        StorageUnavailable: the ledger cannot be read.
    """
    if key.limit_picousd is None:
        return
    spending = await store.spending(key.hash, now_ms)
    left = left_picousd(
        limit_picousd=key.limit_picousd,
        spent_picousd=spent_picousd(spending, key.limit_reset),
        held_picousd=0,
    )
    if left > 0:
        return
    reason = limit_message(name=key.name, reset=key.limit_reset, left_picousd=left)
    error = KeyLimitExceeded(f"{reason} {_RAISE}")
    error.left_picousd = 0
    raise error


async def admit(
    store: Store,
    *,
    generation_id: str,
    key: ApiKey,
    endpoints: Sequence[Endpoint],
    bounds: Bounds,
    now_ms: int,
) -> Reservation:
    """Hold the most that a request can cost at the dearest of its planned endpoints.

    Args:
        store: where the money is.
        generation_id: the request's; settle with the same.
        key: whose limit counts, as read for this request.
        endpoints: the plan, at least one, each with a price; repeats do not matter.
        bounds: of the request.
        now_ms: the limit's window is the one this moment lies in.

    Raises:
        KeyLimitExceeded: it does not fit; the message says what would.
        StorageUnavailable: the ledger cannot be written.
    """
    amount, dearest, output_tokens = _dearest(endpoints, bounds)
    hold = Hold(
        generation_id=generation_id,
        key=key,
        amount_picousd=amount,
        created_ms=now_ms,
        model=endpoints[0].model,
    )
    try:
        return await store.reserve(hold)
    except KeyLimitExceeded as error:
        prompt_tokens = bounds.prompt_tokens
        asked = f"{output_tokens:,} output tokens"
        if bounds.max_output_tokens is not None and bounds.capped:
            asked = f"max_tokens {output_tokens:,}"
        advice = _RAISE
        if bounds.capped:
            advice = _advice(error.left_picousd or 0, dearest, prompt_tokens)
        reason = f"{error.message.removesuffix('.')} ({prompt_tokens:,} prompt tokens + {asked})."
        error.message = f"{reason} {advice}"
        error.args = (error.message,)
        raise


def _dearest(endpoints: Sequence[Endpoint], bounds: Bounds) -> tuple[int, Endpoint, int]:
    """The most that one of `endpoints` can cost, the first that can, and the output assumed."""
    prompt_tokens, wished = bounds.prompt_tokens, bounds.max_output_tokens
    if wished is None:
        wished = bounds.default_output_tokens
    most, dearest, assumed = -1, endpoints[0], wished
    for endpoint in endpoints:
        cap = endpoint.max_completion_tokens
        output_tokens = wished if cap is None or wished < cap else cap
        price = endpoint.pricing or _price(endpoint)
        amount = pricing.upper_bound(
            prompt_tokens, output_tokens, price, flat_charges=bounds.flat_charges
        )
        if amount > most:
            most, dearest, assumed = amount, endpoint, output_tokens
    return most, dearest, assumed


def _price(endpoint: Endpoint) -> Pricing:
    if endpoint.pricing is None:  # routing refuses these: an unknown price is never free
        raise ValueError(f"{endpoint.tag} has no price")
    return endpoint.pricing


def _advice(left_picousd: int, endpoint: Endpoint, prompt_tokens: int) -> str:
    """What would fit."""
    prompt_only = pricing.upper_bound(prompt_tokens, 0, _price(endpoint))
    per_token = pricing.upper_bound(prompt_tokens, 1, _price(endpoint)) - prompt_only
    affordable = (left_picousd - prompt_only) // per_token if per_token else 0
    if affordable < 1:
        return _RAISE
    return f"Lower max_tokens to {affordable:,} or raise the limit."


def close_generation(
    facts: Mapping[str, Any],
    *,
    usage: Usage | None,
    reservation: Reservation,
    is_byok: bool = False,
) -> tuple[Generation, Cost | None]:
    """Make the row of a generation, with what it cost: the last step before it is settled.

    The key is charged what the upstream bills, except for nothing: no output
    and no finish reason, or an answer that ended in an error (chat contract,
    section 5.3). What the upstream bills is recorded all the same. A client
    that leaves early is charged for what came until then.

    Args:
        facts: fields of `Generation` as far as they are known, `pricing` being the price
            that was planned with; `created_ms` decides on prices by time of day.
        usage: what the upstream counted, or an estimate of it; None: nothing came.
        reservation: what was held; a charge beyond it is an overrun.
        is_byok: the caller's own key paid the provider.

    Returns:
        The row to settle, and the upstream's cost by side; None if it is unknown.
    """
    cost = _upstream_cost(usage, facts.get("pricing"), facts["created_ms"])
    held = reservation.amount_picousd
    billed = None if cost is None else cost.total_picousd
    waiver: Waiver | None = "byok" if is_byok else _waiver(facts, usage)
    charged = 0 if billed is None or waiver is not None else billed
    closed = Generation(
        **facts,
        usage=usage,
        cost_picousd=charged,
        upstream_cost_picousd=billed,
        overrun_picousd=charged - held if charged > held else 0,
        waiver=waiver,
    )
    if cost is not None and is_byok:
        cost = msgspec.structs.replace(cost, is_byok=True)
    return closed, cost


def _upstream_cost(usage: Usage | None, price: Pricing | None, created_ms: int) -> Cost | None:
    if usage is None or price is None:
        return None
    if not price.overrides:
        return pricing.cost(usage, price)
    return pricing.cost(usage, price, at_utc=utc_time(created_ms))


def _waiver(facts: Mapping[str, Any], usage: Usage | None) -> Waiver | None:
    finish_reason = facts.get("finish_reason")
    if facts.get("error_type") is not None or finish_reason == "error":
        return "upstream_error"
    if not finish_reason and (usage is None or usage.completion_tokens <= 0):
        return "zero_completion"
    return None
