"""What is held before a request and what is charged after it."""

import asyncio

import msgspec
import pytest

from portico.accounting import Bounds, admit, check_left, close_generation
from portico.errors import KeyLimitExceeded
from portico.vocabulary import (
    ApiKey,
    Endpoint,
    Hold,
    PriceOverride,
    Pricing,
    Reservation,
    Spending,
    Usage,
)

KEY = ApiKey(hash="0" * 64, name="ci", label="sk-or-v1-000...000", created_ms=0)
PRICE = Pricing(prompt_picousd=10**6, completion_picousd=3 * 10**6)
CHEAP = Endpoint(
    model="acme/orca", provider="acme", tag="acme", upstream_model="orca", pricing=PRICE
)
DEAR = Endpoint(
    model="acme/orca",
    provider="zeta",
    tag="zeta/fp8",
    upstream_model="orca",
    pricing=Pricing(prompt_picousd=2 * 10**6, completion_picousd=4 * 10**6, request_picousd=5),
    max_completion_tokens=1_000,
)


class OneKeyStore:
    """Keeps the hold it was asked for; refuses what exceeds `left`."""

    def __init__(self, left: int | None = None) -> None:
        self.left = left
        self.hold: Hold | None = None

    async def reserve(self, hold: Hold) -> Reservation:
        self.hold = hold
        if self.left is not None and hold.amount_picousd > self.left:
            error = KeyLimitExceeded("Key limit exceeded (total limit). It needs $1.")
            error.left_picousd = self.left
            raise error
        return Reservation(
            generation_id=hold.generation_id,
            key_hash=hold.key.hash,
            amount_picousd=hold.amount_picousd,
        )


def admitted(store, *endpoints, max_output_tokens=None, default_output_tokens=4_096):
    return asyncio.run(
        admit(
            store,
            generation_id="gen-1",
            key=KEY,
            endpoints=endpoints,
            bounds=Bounds(
                prompt_tokens=100,
                max_output_tokens=max_output_tokens,
                default_output_tokens=default_output_tokens,
            ),
            now_ms=7,
        )
    )


@pytest.mark.parametrize(
    ("endpoints", "wished", "held"),
    [
        ([CHEAP], 10, 100 * 10**6 + 10 * 3 * 10**6),
        ([CHEAP, DEAR], 10, 5 + 100 * 2 * 10**6 + 10 * 4 * 10**6),
        ([DEAR, CHEAP], 10, 5 + 100 * 2 * 10**6 + 10 * 4 * 10**6),
        ([DEAR], 9_999, 5 + 100 * 2 * 10**6 + 1_000 * 4 * 10**6),
        ([DEAR], None, 5 + 100 * 2 * 10**6 + 1_000 * 4 * 10**6),
        ([CHEAP], None, 100 * 10**6 + 4_096 * 3 * 10**6),
        ([DEAR, CHEAP], None, 100 * 10**6 + 4_096 * 3 * 10**6),
    ],
    ids=[
        "prompt and the output asked for",
        "the dearest endpoint of the plan",
        "wherever it stands in the plan",
        "no more output than the endpoint gives",
        "its own cap where nothing was asked",
        "the default where it has no cap",
        "dearest after the caps",
    ],
)
def test_the_hold_is_the_most_it_can_cost(endpoints, wished, held):
    store = OneKeyStore()

    reservation = admitted(store, *endpoints, max_output_tokens=wished)

    assert reservation.amount_picousd == held
    assert store.hold is not None
    assert (store.hold.created_ms, store.hold.model) == (7, "acme/orca")


def test_a_refusal_says_how_many_tokens_would_fit():
    store = OneKeyStore(left=100 * 10**6 + 1_050 * 3 * 10**6)

    with pytest.raises(KeyLimitExceeded) as refusal:
        admitted(store, CHEAP, max_output_tokens=4_096)

    assert refusal.value.message == (
        "Key limit exceeded (total limit). It needs $1 (100 prompt tokens + max_tokens 4,096)."
        " Lower max_tokens to 1,050 or raise the limit."
    )
    assert str(refusal.value) == refusal.value.message


def test_a_refusal_without_max_tokens_says_how_many_were_assumed():
    with pytest.raises(KeyLimitExceeded, match=r"\(100 prompt tokens \+ 4,096 output tokens\)\."):
        admitted(OneKeyStore(left=0), CHEAP)


def test_a_refusal_that_no_max_tokens_helps_does_not_suggest_one():
    with pytest.raises(KeyLimitExceeded, match="Raise the limit, or wait for its reset"):
        admitted(OneKeyStore(left=100 * 10**6), CHEAP, max_output_tokens=10)


def test_the_tokens_that_are_said_to_fit_do_fit():
    left = 12_345_678_901

    with pytest.raises(KeyLimitExceeded) as refusal:
        admitted(OneKeyStore(left=left), CHEAP, max_output_tokens=100_000)
    fitting = int(
        refusal.value.message.split("Lower max_tokens to ")[1].split(" ")[0].replace(",", "")
    )

    admitted(OneKeyStore(left=left), CHEAP, max_output_tokens=fitting)
    with pytest.raises(KeyLimitExceeded):
        admitted(OneKeyStore(left=left), CHEAP, max_output_tokens=fitting + 1)


def test_an_endpoint_without_a_price_is_never_free():
    unpriced = Endpoint(model="a/b", provider="p", tag="p", upstream_model="b")

    with pytest.raises(ValueError, match="no price"):
        admitted(OneKeyStore(), unpriced)


def closed(usage, *, held=10**9, price=PRICE, created_ms=0, **facts):
    known = {
        "id": "gen-1", "key_hash": KEY.hash, "created_ms": created_ms, "model": "acme/orca",
        "pricing": price, **facts,
    }  # fmt: skip
    reservation = Reservation(generation_id="gen-1", key_hash=KEY.hash, amount_picousd=held)
    return close_generation(known, usage=usage, reservation=reservation)


USED = Usage(input_tokens=20, output_tokens=4)
NOTHING = Usage(input_tokens=20)


@pytest.mark.parametrize(
    ("usage", "facts", "charged", "upstream", "waiver"),
    [
        (USED, {"finish_reason": "stop"}, 32 * 10**6, 32 * 10**6, None),
        (USED, {"finish_reason": None}, 32 * 10**6, 32 * 10**6, None),
        (USED, {"cancelled": True}, 32 * 10**6, 32 * 10**6, None),
        (NOTHING, {"finish_reason": "stop"}, 20 * 10**6, 20 * 10**6, None),
        (NOTHING, {"finish_reason": None}, 0, 20 * 10**6, "zero_completion"),
        (NOTHING, {"finish_reason": ""}, 0, 20 * 10**6, "zero_completion"),
        (USED, {"finish_reason": "error"}, 0, 32 * 10**6, "upstream_error"),
        (USED, {"error_type": "provider_unavailable"}, 0, 32 * 10**6, "upstream_error"),
        (None, {"error_type": "timeout"}, 0, None, "upstream_error"),
        (None, {"cancelled": True}, 0, None, "zero_completion"),
        (None, {"finish_reason": "stop"}, 0, None, None),
    ],
    ids=[
        "an answer",
        "an answer that did not say why it ended",
        "an answer the client did not wait for",
        "an empty answer that ended well",
        "nothing, without a reason",
        "nothing, with a blank reason",
        "an answer that ended in an error",
        "a stream that broke",
        "no answer at all",
        "a client that left before the answer",
        "an answer nobody counted",
    ],
)
def test_the_charge(usage, facts, charged, upstream, waiver):
    generation, cost = closed(usage, **facts)

    assert generation.cost_picousd == charged
    assert generation.upstream_cost_picousd == upstream
    assert generation.waiver == waiver
    assert generation.usage == usage
    assert (None if cost is None else cost.total_picousd) == upstream


def test_a_charge_beyond_the_hold_is_an_overrun():
    generation, _ = closed(USED, held=30 * 10**6, finish_reason="stop")

    assert (generation.cost_picousd, generation.overrun_picousd) == (32 * 10**6, 2 * 10**6)


def test_without_a_pinned_price_nothing_is_charged():
    generation, cost = closed(USED, price=None, finish_reason="stop")

    assert (generation.cost_picousd, generation.upstream_cost_picousd, cost) == (0, None, None)


@pytest.mark.parametrize(
    ("created_ms", "cost"),
    [(1_790_000_000_000, 14), (1_790_040_000_000, 24)],
    ids=["14:13", "1:20"],
)
def test_the_price_is_that_of_the_time_the_request_came(created_ms, cost):
    night = PriceOverride(utc_start="0000", utc_end="0600", prompt_picousd=2)
    price = Pricing(prompt_picousd=1, completion_picousd=1, overrides=(night,))

    generation, _ = closed(
        Usage(input_tokens=10, output_tokens=4),
        price=price, created_ms=created_ms, finish_reason="stop",
    )  # fmt: skip

    assert generation.cost_picousd == cost


class SpentStore:
    """Knows what was spent, and is asked only where that matters."""

    def __init__(self, spent: Spending | None) -> None:
        self.spent = spent

    async def spending(self, key_hash: str, now_ms: int) -> Spending:
        assert self.spent is not None, "nobody needs to know"
        return self.spent


SPENT = Spending(
    total_picousd=100, daily_picousd=10, weekly_picousd=20, monthly_picousd=30, held_picousd=7
)


@pytest.mark.parametrize(
    ("limit", "reset", "refused"),
    [
        (101, None, False),
        (100, None, True),
        (99, None, True),
        (11, "daily", False),
        (10, "daily", True),
        (20, "weekly", True),
        (30, "monthly", True),
        (31, "monthly", False),
    ],
)
def test_a_key_that_has_spent_its_limit_is_refused_whatever_it_asks_for(limit, reset, refused):
    key = msgspec.structs.replace(KEY, limit_picousd=limit, limit_reset=reset)
    asking = check_left(SpentStore(SPENT), key, 7)

    if not refused:
        asyncio.run(asking)
        return
    words = (
        rf'^Key limit exceeded \({reset or "total"} limit\)\. Key "ci" has \$0\.0000 left\. Raise'
    )
    with pytest.raises(KeyLimitExceeded, match=words):
        asyncio.run(asking)


def test_a_key_without_a_limit_is_not_looked_up():
    asyncio.run(check_left(SpentStore(None), KEY, 7))
