"""Deadlines that share a timer: who is called off is not called, the others in their order."""

import asyncio

from portico.alarms import Alarms


def rung(setting, *, wait_s=0.06):
    """Run `setting(alarms, heard)` and return what was heard in the end."""

    async def run():
        heard = []
        setting(Alarms(), heard.append)
        await asyncio.sleep(wait_s)
        return heard

    return asyncio.run(run())


def test_alarms_ring_in_the_order_that_they_are_due():
    def setting(alarms, heard):
        alarms.after(0.02, lambda: heard("later"))
        alarms.after(0.01, lambda: heard("first"))
        alarms.after(0.02, lambda: heard("last"))

    assert rung(setting) == ["first", "later", "last"]


def test_an_alarm_that_is_called_off_does_not_ring_and_does_not_hold_up_others():
    def setting(alarms, heard):
        early = alarms.after(0.01, lambda: heard("off"))
        alarms.after(0.01, lambda: heard("on"))
        early.cancel()
        early.cancel()

    assert rung(setting) == ["on"]


def test_an_alarm_set_while_another_rings_is_kept():
    def setting(alarms, heard):
        alarms.after(0.01, lambda: alarms.after(0.01, lambda: heard("second")))

    assert rung(setting) == ["second"]


def test_after_everything_was_called_off_a_new_alarm_rings():
    async def run():
        alarms, heard = Alarms(), []
        alarms.after(0.01, lambda: heard.append("off")).cancel()
        await asyncio.sleep(0.03)
        alarms.after(0.01, lambda: heard.append("on"))
        await asyncio.sleep(0.03)
        return heard

    assert asyncio.run(run()) == ["on"]


def test_alarms_that_are_due_together_all_ring():
    def setting(alarms, heard):
        for name in "abc":
            alarms.after(0.01, lambda name=name: heard(name))

    assert rung(setting) == ["a", "b", "c"]


def test_more_lengths_than_are_kept_ring_all_the_same():
    def setting(alarms, heard):
        for number in range(40):
            alarms.after(0.001 * number, lambda number=number: heard(number))

    assert sorted(rung(setting, wait_s=0.12)) == list(range(40))


def test_alarms_of_an_event_loop_that_ended_do_not_silence_those_of_the_next():
    alarms, heard = Alarms(), []

    async def leave():
        alarms.after(0.01, lambda: heard.append("gone"))

    async def stay():
        alarms.after(0.01, lambda: heard.append("here"))
        await asyncio.sleep(0.04)

    asyncio.run(leave())
    asyncio.run(stay())

    assert heard == ["here"]
