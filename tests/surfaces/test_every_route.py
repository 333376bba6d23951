"""No route reaches a provider without a key, a hold and a settlement: all of them, one by one."""

import ast
import inspect
from pathlib import Path

import httpx
import pytest

import portico
from portico.server.app import PREFIXES, ROOT_ROUTES, ROUTES
from portico.server.request import Route
from tests.surfaces.conftest import Site
from tests.surfaces.requests import ANSWERS, BODIES
from tests.surfaces.upstream import Played

pytestmark = pytest.mark.io

SOURCE = Path(portico.__file__).parent
OTHERS = {"/messages/count_tokens", "/route/explain"}
"""Routes with a body that ask nobody for an answer."""


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def calls(path: Path, called: str) -> bool:
    """Whether a file calls something of this name."""
    return any(
        isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == called
        for node in ast.walk(ast.parse(path.read_text()))
    )


REACHING = [route for route in ROUTES if calls(Path(inspect.getfile(route.handler)), "answer")]
REACHING = [route for route in REACHING if route.path not in OTHERS]


def path_of(route: Route, prefix: str = PREFIXES[-1]) -> str:
    path = route.path
    for part, value in {
        "{author}": "test",
        "{slug}": "chat",
        "{slug...}": "test/chat",
        "{id}": "x",
        "{hash}": "0" * 64,
    }.items():
        path = path.replace(part, value)
    assert "{" not in path, f"say what {path} shall be called with"
    return prefix + path


def send(site: Site, route: Route, prefix: str = PREFIXES[-1], **headers: str) -> httpx.Response:
    return httpx.request(
        route.method,
        site.root + path_of(route, prefix),
        json=BODIES.get(route.path, {}) if route.method != "GET" else None,
        headers=headers,
        timeout=30,
    )


@pytest.fixture
def playing(site: Site) -> Site:
    """Every provider answers well, and nothing has arrived yet."""
    for model, answer in ANSWERS.items():
        site.upstream.play(model, answer)
    return site


def test_what_reaches_a_provider_goes_through_one_door():
    """One file outside the transports opens, one starts an answering, one asks for surfaces.

    Another one opens for what is free: a count of tokens, made of nothing that costs.
    """
    files = sorted(SOURCE.rglob("*.py"))
    outside = [f for f in files if "transport" not in f.relative_to(SOURCE).parts]
    opening = [f for f in outside if "transport.open(" in f.read_text()]
    answering = [f for f in files if calls(f, "Answering")]
    asking = [f for f in files if "gateway.chat(" in f.read_text()]

    assert [f.name for f in opening] == ["answering.py", "counting.py"]
    free = [f for f in files if "store.free(" in f.read_text()]
    assert [f.name for f in free] == ["counting.py"]
    assert [f.relative_to(SOURCE).as_posix() for f in answering] == ["gateway.py"]
    assert [f.relative_to(SOURCE).as_posix() for f in asking] == ["server/surfaces/answering.py"]


def test_every_route_with_a_body_is_known_here():
    """A new route has to be added to the table, or to those that ask nobody."""
    sending = {route.path for route in ROUTES if route.method != "GET"}

    assert sending == set(BODIES) | OTHERS
    assert {route.path for route in REACHING} == set(BODIES)
    assert all(route.access == "key" for route in REACHING)


@pytest.mark.parametrize("route", [*ROUTES, *ROOT_ROUTES], ids=name)
def test_without_a_key_nobody_is_asked(playing: Site, route: Route):
    before = playing.gateway.counts()
    prefix = "" if route in ROOT_ROUTES else PREFIXES[-1]

    for headers in ({}, {"authorization": "Bearer sk-or-v1-" + "0" * 64}, {"x-api-key": "x"}):
        answer = send(playing, route, prefix, **headers)
        assert answer.status_code == (401 if route.access == "key" else 200)

    assert playing.upstream.arrived == []
    assert playing.gateway.counts() == before


@pytest.mark.parametrize("route", [r for r in ROUTES if r not in REACHING], ids=name)
def test_other_routes_ask_nobody_whatever_they_answer(playing: Site, route: Route):
    before = playing.gateway.counts()

    send(playing, route, authorization=f"Bearer {playing.key}")

    assert playing.upstream.arrived == []
    assert playing.gateway.counts() == before


@pytest.mark.parametrize("route", REACHING, ids=name)
def test_a_key_without_money_reaches_nobody(playing: Site, route: Route):
    poor = playing.gateway.create_key(f"poor {route.path}", limit_usd="0.000000001")

    answer = send(playing, route, authorization=f"Bearer {poor}")

    assert answer.status_code == 403, answer.text
    assert playing.upstream.arrived == []


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("route", REACHING, ids=name)
def test_a_good_request_is_held_and_settled_once(playing: Site, route: Route, prefix: str):
    holds, charges, generations = playing.gateway.counts()

    answer = send(playing, route, prefix, authorization=f"Bearer {playing.key}")

    assert answer.status_code == 200, answer.text
    assert len(playing.upstream.arrived) == 1
    assert playing.gateway.counts() == (holds + 1, charges + 1, generations + 1)
    assert playing.generation(answer)["total_cost"] > 0


@pytest.mark.parametrize("route", REACHING, ids=name)
def test_a_failed_request_is_settled_too(playing: Site, route: Route):
    refused = Played(parts=(b'{"error":{"message":"no"}}',), status=400)
    for model in ANSWERS:
        playing.upstream.play(model, refused)
    holds, _, generations = playing.gateway.counts()

    answer = send(playing, route, authorization=f"Bearer {playing.key}")

    assert answer.status_code == 400
    counted = playing.gateway.counts()
    assert (counted[0], counted[2]) == (holds + 1, generations + 1)
    assert playing.generation(answer)["total_cost"] == 0
    assert playing.gateway.verify()["ok"]
