"""`POST /route/explain` on a gateway that serves the demo."""

import pytest

from portico.jsonio import dumps, loads
from portico.keys import ENTROPY_BYTES, issue
from portico.server.app import App
from portico.settings import load_settings
from portico.wiring import assemble

pytestmark = pytest.mark.io

BODY = {
    "model": "moonshotai/kimi-k2-0905",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Say hi"}],
}


@pytest.fixture
async def site(tmp_path):
    """The demo, its application, and a key."""
    settings = load_settings(environ={"PORTICO_DATA_DIR": str(tmp_path)})
    assembly = await assemble(settings, {}, force_demo=True)
    key, secret = issue(name="test", entropy=bytes(ENTROPY_BYTES), created_ms=0)
    await assembly.store.create_key(key)
    yield App(assembly.site), assembly, secret
    await assembly.aclose()


async def post(app, secret, body, *headers):
    """The status and the decoded body of one request."""
    sent = []
    asked = iter([{"type": "http.request", "body": dumps(body), "more_body": False}])

    async def receive():
        return next(asked)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/route/explain",
        "query_string": b"",
        "headers": [
            *headers,
            *([(b"authorization", b"Bearer " + secret.encode())] if secret else []),
        ],
    }
    await app(scope, receive, send)
    return sent[0]["status"], loads(b"".join(m.get("body", b"") for m in sent[1:]))


async def test_a_route_is_explained_and_nothing_is_spent(site):
    app, assembly, secret = site

    status, body = await post(app, secret, BODY)

    key_hash = (await assembly.store.keys())[0].hash
    spending = await assembly.store.spending(key_hash, 0)
    first = body["data"]["candidates"][0]
    assert status == 200
    assert (first["provider"], first["tag"], first["health"]) == ("Groq", "groq", "ok")
    assert body["data"]["estimate"]["output_tokens"] == 100
    assert (spending.total_picousd, spending.held_picousd) == (0, 0)


async def test_a_request_that_would_be_refused_is_explained_too(site):
    app, _, secret = site

    status, body = await post(app, secret, {**BODY, "provider": {"only": ["nobody"]}})

    assert status == 200
    assert body["data"]["candidates"] == []
    assert body["data"]["excluded"][0]["code"] == "allowed_providers"
    assert body["data"]["refusal"]["code"] == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**BODY, "model": "acme/none"}, 400),
        ({**BODY, "provider": {"only": "groq"}}, 400),
        ({**BODY, "model": "moonshotai/kimi-k2-0905:online"}, 400),
    ],
)
async def test_a_body_that_means_nothing_is_refused(site, body, status):
    app, _, secret = site

    answered, told = await post(app, secret, body)

    assert answered == status
    assert told["error"]["code"] == status


async def test_a_key_that_the_request_brings_is_planned_with_and_never_shown(site):
    app, _, secret = site
    brought = (b"x-provider-api-keys", b'{"groq": "mine-and-nobodys"}')

    _, body = await post(app, secret, BODY, brought)

    first = body["data"]["candidates"][0]
    assert (first["credential"], first["is_byok"]) == ("request", True)
    assert "mine-and-nobodys" not in str(body)


async def test_a_key_is_asked_for(site):
    app, _, _ = site

    status, _ = await post(app, None, BODY)

    assert status == 401


async def test_the_demos_auto_router_is_the_simulator(site):
    app, _, secret = site

    _, body = await post(app, secret, {**BODY, "model": "openrouter/auto"})

    assert body["data"]["models"] == ["portico/simulator"]
    assert body["data"]["strategy"] == "auto"
