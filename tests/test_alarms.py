"""Deadlines that share a timer: who is called off is not called, the others in their order."""

import asyncio
from functools import partial

from portico.alarms import Alarms

_LONGER_S = 0.03
"""Long enough for what should not ring to be heard if it did."""


def rung(setting, *, count, alarms=None):
    """Run `setting(alarms, hear)` until so many were heard, and return what was in the end."""

    async def run():
        heard, enough = [], asyncio.Event()

        def hear(what):
            heard.append(what)
            if len(heard) == count:
                enough.set()

        setting(alarms or Alarms(), hear)
        async with asyncio.timeout(10):
            await enough.wait()
        await asyncio.sleep(_LONGER_S)
        return heard

    return asyncio.run(run())


def test_alarms_ring_in_the_order_that_they_are_due():
    def setting(alarms, hear):
        alarms.after(0.02, partial(hear, "later"))
        alarms.after(0.01, partial(hear, "first"))
        alarms.after(0.02, partial(hear, "last"))

    assert rung(setting, count=3) == ["first", "later", "last"]


def test_an_alarm_that_is_called_off_does_not_ring_and_does_not_hold_up_others():
    def setting(alarms, hear):
        early = alarms.after(0.01, partial(hear, "off"))
        alarms.after(0.01, partial(hear, "on"))
        early.cancel()
        early.cancel()

    assert rung(setting, count=1) == ["on"]


def test_an_alarm_set_while_another_rings_is_kept():
    def setting(alarms, hear):
        alarms.after(0.01, lambda: alarms.after(0.01, partial(hear, "second")))

    assert rung(setting, count=1) == ["second"]


def test_after_everything_was_called_off_a_new_alarm_rings():
    def setting(alarms, hear):
        alarms.after(0.01, partial(hear, "off")).cancel()
        again = partial(alarms.after, 0.01, partial(hear, "on"))
        asyncio.get_running_loop().call_later(0.03, again)

    assert rung(setting, count=1) == ["on"]


def test_alarms_that_are_due_together_all_ring():
    def setting(alarms, hear):
        for name in "abc":
            alarms.after(0.01, partial(hear, name))

    assert rung(setting, count=3) == ["a", "b", "c"]


def test_more_lengths_than_are_kept_ring_all_the_same():
    def setting(alarms, hear):
        for number in range(40):
            alarms.after(0.001 * number, partial(hear, number))

    assert sorted(rung(setting, count=40)) == list(range(40))


def test_alarms_of_an_event_loop_that_ended_do_not_silence_those_of_the_next():
    alarms, heard = Alarms(), []

    async def leave():
        alarms.after(0.01, partial(heard.append, "gone"))

    asyncio.run(leave())
    heard += rung(
        lambda kept, hear: kept.after(0.01, partial(hear, "here")), count=1, alarms=alarms
    )

    assert heard == ["here"]
