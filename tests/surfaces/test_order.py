"""Of two things wrong with a request, which one is told: the order of checks, on a running gateway.

Contract/errors-limits 9. A fault changes a request that is otherwise good; every pair of
them is tried on every route, and the earlier one of the table is what the client hears.
"""

import json
from collections.abc import Callable
from itertools import combinations

import httpx
import msgspec
import pytest

from tests.e2e import wire
from tests.surfaces.conftest import Site
from tests.surfaces.requests import ANSWERS, BODIES

pytestmark = pytest.mark.io

RERANK_USD = "0.002"
TOO_LARGE = 40_000_000


class Asked(msgspec.Struct, kw_only=True):
    """A request before it is written down. `told_bytes` is the length its head claims."""

    method: str = "POST"
    key: str | None = None
    fields: dict
    text: bytes | None = None
    told_bytes: int | None = None


class Keys(msgspec.Struct, kw_only=True):
    good: str
    spent: str
    disabled: str


class Fault(msgspec.Struct, kw_only=True):
    status: int
    says: str
    make: Callable[[Asked, Keys], None]


def wrong_method(asked: Asked, keys: Keys) -> None:
    asked.method = "PUT"


def no_key(asked: Asked, keys: Keys) -> None:
    asked.key = None


def disabled_key(asked: Asked, keys: Keys) -> None:
    asked.key = keys.disabled


def too_large(asked: Asked, keys: Keys) -> None:
    asked.told_bytes = TOO_LARGE


def no_json(asked: Asked, keys: Keys) -> None:
    asked.text = b'{"model":'


def wrong_type(asked: Asked, keys: Keys) -> None:
    asked.fields["provider"] = "any"


def no_money(asked: Asked, keys: Keys) -> None:
    asked.key = keys.spent


def unknown_model(asked: Asked, keys: Keys) -> None:
    asked.fields["model"] = "test/unheard-of"


def nobody_left(asked: Asked, keys: Keys) -> None:
    asked.fields["provider"] = {"only": ["nowhere"]}


FAULTS = {
    "the method": Fault(status=405, says="This path answers", make=wrong_method),
    "no key": Fault(status=401, says="Missing Authentication", make=no_key),
    "a disabled key": Fault(status=401, says="disabled", make=disabled_key),
    "the size": Fault(status=413, says="", make=too_large),
    "no JSON": Fault(status=400, says="not valid JSON", make=no_json),
    "a wrong type": Fault(status=400, says="provider", make=wrong_type),
    "no money": Fault(status=403, says="Key limit exceeded (total limit).", make=no_money),
    "an unknown model": Fault(status=400, says="test/unheard-of", make=unknown_model),
    "no endpoint": Fault(status=404, says="", make=nobody_left),
}
SURFACES = ("/chat/completions", "/messages", "/responses", "/embeddings")


@pytest.fixture(scope="module")
def keys(site: Site) -> Keys:
    gateway = site.gateway
    spent = gateway.create_key("bought once", limit_usd=RERANK_USD)
    disabled = gateway.create_key("out of order")
    gateway.run("keys", "disable", "out of order")
    return Keys(good=site.key, spent=spent, disabled=disabled)


@pytest.fixture
def ready(site: Site, keys: Keys) -> Site:
    """The site with the one key spent to its limit, and nobody asked since."""
    site.upstream.arrived.clear()
    site.upstream.play("rerank-test", ANSWERS["rerank-test"])
    bought = httpx.post(
        f"{site.root}/api/v1/rerank",
        json=BODIES["/rerank"],
        headers={"authorization": f"Bearer {keys.spent}"},
    )
    assert bought.status_code in {200, 403}
    site.upstream.arrived.clear()
    return site


def ask(site: Site, path: str, keys: Keys, *faults: Fault) -> wire.Answer:
    asked = Asked(key=keys.good, fields=dict(BODIES[path]))
    for fault in reversed(faults):  # an earlier one may undo what a later one said
        fault.make(asked, keys)
    body = json.dumps(asked.fields).encode() if asked.text is None else asked.text
    lines = [f"{asked.method} /api/v1{path} HTTP/1.1", "host: localhost", "connection: close"]
    lines.append(f"content-length: {asked.told_bytes or len(body)}")
    if asked.key is not None:
        lines.append(f"authorization: Bearer {asked.key}")
    return wire.exchange(site.gateway.port, "\r\n".join([*lines, "", ""]).encode() + body)


@pytest.mark.parametrize("path", SURFACES)
def test_the_earlier_of_two_faults_is_told(ready: Site, keys: Keys, path: str):
    wrong = {}
    for first, second in combinations(FAULTS, 2):
        fault = FAULTS[first]
        answer = ask(ready, path, keys, fault, FAULTS[second])
        if answer.status != fault.status or fault.says not in answer.json["error"]["message"]:
            wrong[first, second] = answer.status, answer.body

    assert wrong == {}
    assert ready.upstream.arrived == []


@pytest.mark.parametrize("path", SURFACES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_alone_is_told(ready: Site, keys: Keys, path: str, name: str):
    answer = ask(ready, path, keys, FAULTS[name])

    assert answer.status == FAULTS[name].status
    assert FAULTS[name].says in answer.json["error"]["message"]
    assert ready.upstream.arrived == []
