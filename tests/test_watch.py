"""How long an attempt may wait is decided before anything is sent."""

from types import SimpleNamespace

import pytest

from portico.dialects.side import EMBEDDINGS, IMAGES, TRANSCRIPTIONS
from portico.ports import Deadlines
from portico.vocabulary import Endpoint
from portico.watch import Waiting

DEADLINES = Deadlines(first_byte_s=60, total_s=600, first_token_within_s=120)
ENDPOINT = Endpoint(model="a/b", provider="a", tag="a", upstream_model="b")


def planned(*, stream):
    return SimpleNamespace(
        head=SimpleNamespace(stream=stream),
        conditions=SimpleNamespace(health=SimpleNamespace(known={})),
        route=SimpleNamespace(candidates=[SimpleNamespace(endpoint=ENDPOINT)]),
    )


@pytest.mark.parametrize(
    ("side", "stream", "waited_s", "within_s"),
    [
        (None, False, 100, None),  # no less than for the whole answer
        (None, True, 130, 0),
        (IMAGES.side, True, 0, None),  # what is shown on the way is not waited for
        (EMBEDDINGS.side, False, 0, None),
        (TRANSCRIPTIONS.side, False, 0, 60),
    ],
)
def test_how_long_the_first_token_may_take(side, stream, waited_s, within_s):
    waiting = Waiting(DEADLINES, side, planned(stream=stream), started_s=1000)

    assert waiting.first_s(ENDPOINT, 1000 + waited_s) == within_s
