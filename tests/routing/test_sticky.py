"""Which conversation a request belongs to, and for how long that is remembered."""

import pytest

from portico.jsonio import dumps
from portico.routing.needs import Remembered
from portico.routing.sticky import (
    IDLE_MS,
    Conversation,
    StickyMemory,
    conversation_of,
    sticky_key,
    worth_remembering,
)

HERE, THERE = (Remembered(model="acme/orca-2", tag=tag) for tag in ("groq", "together"))


def implicit(*messages, system=b""):
    return conversation_of(system=system, messages=dumps(list(messages)))


def said(role, text):
    return {"role": role, "content": text}


@pytest.mark.parametrize(
    ("named", "id_"),
    [
        (("body", "header", "cache"), "=body"),
        ((None, "header", "cache"), "=header"),
        ((None, None, "cache"), "=cache"),
        (("", "header", None), "=header"),
    ],
)
def test_the_first_name_that_is_present_decides(named, id_):
    assert conversation_of(named=named, messages=b"[]") == Conversation(id=id_, explicit=True)


def test_a_long_name_is_remembered_by_its_digest():
    long = conversation_of(named=("x" * 1_000_000,))

    assert len(long.id) < 64
    assert long != conversation_of(named=("x" * 1_000_001,))


def test_later_turns_belong_to_the_conversation_that_their_beginning_opened():
    first = implicit(said("system", "be kind"), said("user", "hi"))
    later = implicit(
        said("system", "be kind"), said("user", "hi"), said("assistant", "ho"), said("user", "x")
    )

    assert first == later
    assert first.explicit is False


@pytest.mark.parametrize(
    "other",
    [
        implicit(said("system", "be rude"), said("user", "hi")),
        implicit(said("developer", "be kind"), said("user", "hi")),
        implicit(said("system", "be kind"), said("user", "ho")),
        implicit(said("user", "hi")),
        implicit(said("system", "be kind"), said("user", "hi"), system=b'"x"'),
    ],
)
def test_another_beginning_is_another_conversation(other):
    assert other != implicit(said("system", "be kind"), said("user", "hi"))


def test_without_messages_nothing_tells_one_conversation_from_another():
    assert conversation_of() is None
    assert conversation_of(messages=b'{"not": "a list"}') is None


def test_the_key_has_account_model_and_conversation():
    talk = Conversation(id="=1", explicit=True)

    keys = {
        sticky_key("me", "acme/orca-2", talk),
        sticky_key("me", "ACME/orca-2", talk),
        sticky_key("you", "acme/orca-2", talk),
        sticky_key("me", "zeta/koi", talk),
    }

    assert len(keys) == 3


@pytest.mark.parametrize(
    ("explicit", "cached_tokens", "worth"),
    [(False, 0, False), (False, 1, True), (True, 0, True), (True, 9, True)],
)
def test_a_success_counts_if_it_read_from_the_cache_or_the_client_named_the_conversation(
    explicit, cached_tokens, worth
):
    talk = Conversation(id="x", explicit=explicit)

    assert worth_remembering(talk, cached_tokens=cached_tokens) is worth


def test_a_conversation_is_forgotten_ten_minutes_after_its_last_success():
    memory = StickyMemory()
    memory.remember("talk", HERE, now_ms=0)
    memory.refresh("talk", HERE, now_ms=500_000)

    assert IDLE_MS == 600_000
    assert memory.recall("talk", 1_099_999) == HERE
    assert memory.recall("talk", 1_100_000) is None
    assert len(memory) == 0


def test_a_success_elsewhere_that_is_not_worth_remembering_changes_nothing():
    memory = StickyMemory()
    memory.remember("talk", HERE, now_ms=0)

    memory.refresh("talk", THERE, now_ms=500_000)

    assert memory.recall("talk", 599_999) == HERE
    assert memory.recall("talk", 600_000) is None


def test_a_new_place_replaces_the_old_one():
    memory = StickyMemory()
    memory.remember("talk", HERE, now_ms=0)

    memory.remember("talk", THERE, now_ms=1)

    assert memory.recall("talk", 2) == THERE


def test_the_memory_is_bounded_and_forgets_the_quietest():
    memory = StickyMemory(most=2)
    memory.remember("a", HERE, now_ms=0)
    memory.remember("b", HERE, now_ms=1)
    memory.remember("a", HERE, now_ms=2)

    memory.remember("c", HERE, now_ms=3)

    assert [memory.recall(key, 4) for key in "abc"] == [HERE, None, HERE]
