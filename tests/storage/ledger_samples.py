"""Keys, holds and generations for tests of the ledger: 1 token costs $0.000001."""

from itertools import count

from portico.accounting import close_generation
from portico.keys import issue
from portico.money import PICOUSD
from portico.vocabulary import (
    ApiKey,
    AttemptRecord,
    Generation,
    Hold,
    LimitReset,
    Pricing,
    Reservation,
    Usage,
)

NOW_MS = 1_790_000_000_000  # Monday 2026-09-21, 14:13:20 UTC
PRICE = Pricing(prompt_picousd=10**6, completion_picousd=10**6)
USD_PER_TOKEN = 10**6 / PICOUSD

_numbers = count(1)


def a_key(
    name: str = "ci",
    *,
    limit_usd: float | None = None,
    reset: LimitReset | None = None,
    disabled: bool = False,
) -> ApiKey:
    number = next(_numbers)
    key, _ = issue(
        name=name,
        entropy=number.to_bytes(28),
        created_ms=NOW_MS,
        limit_picousd=None if limit_usd is None else round(limit_usd * PICOUSD),
        limit_reset=reset,
    )
    return ApiKey(**{**{f: getattr(key, f) for f in key.__struct_fields__}, "disabled": disabled})


def a_hold(
    key: ApiKey, usd: float, *, generation_id: str | None = None, now_ms: int = NOW_MS
) -> Hold:
    return Hold(
        generation_id=generation_id or f"gen-{next(_numbers)}",
        key=key,
        amount_picousd=round(usd * PICOUSD),
        created_ms=now_ms,
        model="acme/orca",
    )


def settled(
    reservation: Reservation, usd: float, *, now_ms: int = NOW_MS, **facts: object
) -> Generation:
    """A finished generation that cost `usd` (at least one token)."""
    tokens = round(usd / USD_PER_TOKEN)
    generation, _ = close_generation(
        {
            "id": reservation.generation_id,
            "key_hash": reservation.key_hash,
            "created_ms": now_ms,
            "model": "acme/orca",
            "pricing": PRICE,
            "finish_reason": "stop",
            **facts,
        },
        usage=Usage(input_tokens=tokens - 1, output_tokens=1),
        reservation=reservation,
    )
    return generation


def an_attempt(number: int = 0, *, error_type: str | None = None) -> AttemptRecord:
    return AttemptRecord(
        number=number,
        endpoint_tag="acme/fp8",
        provider="acme",
        provider_name="Acme",
        model="acme/orca",
        started_ms=NOW_MS,
        latency_ms=120,
        status=503 if error_type else 200,
        error_type=error_type,
        upstream_id=None if error_type else "chatcmpl-1",
    )
