"""Ids of generations: in the wire's form, in the order of their making, and nobody's guess."""

import re

from portico.gateway import GenerationIds

_MOMENTS_MS = [1790000000000, 1790000000000, 1790000000001, 1790000000999, 1790000001000]


def test_ids_have_the_form_that_clients_know():
    ids = GenerationIds()

    for now_ms in _MOMENTS_MS:
        assert re.fullmatch(rf"gen-{now_ms // 1000}-[A-Za-z0-9]{{20}}", ids.new(now_ms))
    assert ids.new(_MOMENTS_MS[0], "gen-emb-").startswith("gen-emb-1790000000-")


def test_ids_are_in_the_order_of_their_milliseconds_however_many_there_are_in_one():
    ids = GenerationIds()

    made = [ids.new(now_ms) for now_ms in _MOMENTS_MS for _ in range(300)]

    firsts = [min(made[n : n + 300]) for n in range(600, 1500, 300)]
    assert firsts == sorted(firsts)
    assert max(made[:600]) < min(made[600:900])


def test_ids_share_nothing_but_their_time():
    ids = GenerationIds()

    random_parts = [ids.new(_MOMENTS_MS[0])[-17:] for _ in range(2_000)]

    assert len(set(random_parts)) == 2_000
    for place in range(17):
        assert len({part[place] for part in random_parts}) == 62
