"""How a running gateway proves to providers who pays: each scheme against a server that checks."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.dialects.answering import Asking
from tests.e2e.process import Gateway
from tests.providers.rsa_vectors import numbers, pem, pkcs8

pytestmark = pytest.mark.io

MODEL = "acme/orca-2"
RESOURCE_KEY = "key-of-the-resource-7c1"
CLIENT_PROOF = "proof-of-the-application-9d2"
DECLARED = """
[[models]]
id = "acme/orca-2"
provider = "{provider}"
upstream_model = "{upstream}"
max_completion_tokens = 500
price = {{ prompt = "1", completion = "5" }}
"""
CHAT_ANSWER = {
    "id": "c",
    "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
GEMINI_ANSWER = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4},
}  # fmt: skip
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
    "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 1},
}  # fmt: skip
MESSAGE_STREAM = b"".join(
    b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event).encode())
    for event in (
        {"type": "message_start", "message": {**MESSAGE, "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )
)  # fmt: skip


class Vendor:
    """A provider and its token server in one: `seen` is path, headers, body of API calls."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[tuple[str, dict[str, str], dict]] = []
        self.forms: list[dict[str, str]] = []
        self.refused: set[str] = set()
        self.token_status = 200

    def token(self, number: int) -> str:
        return f"token-number-{number:04}"

    async def tokens(self, request: web.Request) -> web.Response:
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        await asyncio.sleep(0)
        if self.token_status != 200:
            said = {"error": "invalid_client", "error_description": f"not {CLIENT_PROOF}"}
            return web.json_response(said, status=self.token_status)
        answer = {"access_token": self.token(len(self.forms)), "expires_in": 3599}
        return web.json_response(answer)

    async def api(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((request.raw_path, headers, body))
        bearer = headers.get("authorization", "")
        if bearer.removeprefix("Bearer ") in self.refused:
            return web.json_response({"error": {"message": f"not {bearer}"}}, status=401)
        path = request.path
        if ":rawPredict" in path:
            return web.json_response(MESSAGE)
        if ":streamRawPredict" in path:
            return web.Response(body=MESSAGE_STREAM, headers={"content-type": "text/event-stream"})
        return web.json_response(GEMINI_ANSWER if ":generateContent" in path else CHAT_ANSWER)


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    served = Vendor()
    app = web.Application()
    app.router.add_post("/{tenant}/oauth2/v2.0/token", served.tokens)
    app.router.add_post("/token", served.tokens)
    app.router.add_post("/{path:.*}", served.api)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield served
    await runner.cleanup()


@pytest.fixture
def gateway(tmp_path: Path):
    """Start a gateway with a provider section; what was started is stopped."""
    started: list[Gateway] = []

    def start(provider: str, section: str, upstream: str, **environ: str) -> Asking:
        config = f"[providers.{provider}]\n{section}\n"
        config += DECLARED.format(provider=provider, upstream=upstream)
        one = Gateway(tmp_path, config, environ=environ)
        one.start()
        started.append(one)
        return Asking(one, MODEL)

    yield start
    for one in started:
        one.stop()
        shown = one.out.read_text() + one.err.read_text()
        assert RESOURCE_KEY not in shown
        assert CLIENT_PROOF not in shown
        assert "token-number" not in shown


def application(url: str) -> str:
    return (
        f'api_key = {{ tenant_id = "env:TENANT", client_id = "env:CLIENT",'
        f' client_secret = "env:PROOF", authority = "{url}" }}'
    )


APPLICATION = {"TENANT": "contoso", "CLIENT": "app", "PROOF": CLIENT_PROOF}


def account(folder: Path, vendor: Vendor) -> str:
    file = folder / "account.json"
    parts = {
        "type": "service_account",
        "client_email": "robot@example.test",
        "private_key_id": "k1",
        "private_key": pem(pkcs8(numbers())),
        "token_uri": vendor.url + "/token",
        "project_id": "mine",
    }
    file.write_text(json.dumps(parts))
    return f'api_key = "file:{file}"'


async def test_azure_by_key_and_version_of_the_api_or_without(vendor, gateway, tmp_path):
    section = f'base_url = "{vendor.url}/openai/deployments"\napi_key = "env:KEY"\n'
    dated = gateway(
        "azure", section + 'account = { api_version = "2024-10-21" }', "my deployment",
        KEY=RESOURCE_KEY,
    )  # fmt: skip

    status, _ = await dated()

    path, headers, _ = vendor.seen[0]
    assert status == 200
    assert path == "/openai/deployments/my%20deployment/chat/completions?api-version=2024-10-21"
    assert headers["api-key"] == RESOURCE_KEY
    assert "authorization" not in headers


async def test_azure_by_the_v1_path(vendor, gateway):
    section = f'base_url = "{vendor.url}/openai/v1"\napi_key = "env:KEY"'
    ask = gateway("azure", section, "gpt-9", KEY=RESOURCE_KEY)

    status, _ = await ask()

    path, headers, body = vendor.seen[0]
    assert (status, path, body["model"]) == (200, "/openai/v1/chat/completions", "gpt-9")
    assert headers["api-key"] == RESOURCE_KEY


async def test_azure_by_an_application_of_entra(vendor, gateway):
    section = f'base_url = "{vendor.url}/openai/v1"\n' + application(vendor.url)
    ask = gateway("azure", section, "gpt-9", **APPLICATION)

    answers = await asyncio.gather(*(ask() for _ in range(8)))

    assert [status for status, _ in answers] == [200] * 8
    assert len(vendor.forms) == 1
    assert vendor.forms[0]["client_secret"] == CLIENT_PROOF
    for _, headers, _ in vendor.seen:
        assert headers["authorization"] == f"Bearer {vendor.token(1)}"
        assert "api-key" not in headers


async def test_a_token_in_a_file_is_shown_as_it_is(vendor, gateway, tmp_path):
    file = tmp_path / "entra"
    file.write_text("token-number-from-a-file\n")
    section = f'base_url = "{vendor.url}/openai/v1"\napi_key = {{ access_token = "file:{file}" }}'
    ask = gateway("azure", section, "gpt-9")

    status, _ = await ask()

    assert status == 200
    assert vendor.seen[0][1]["authorization"] == "Bearer token-number-from-a-file"
    assert vendor.forms == []


async def test_a_refused_token_is_not_shown_and_not_used_again(vendor, gateway):
    section = f'base_url = "{vendor.url}/openai/v1"\n' + application(vendor.url)
    ask = gateway("azure", section, "gpt-9", **APPLICATION)
    vendor.refused.add(vendor.token(1))

    status, out = await ask()
    again, _ = await ask()

    assert b"token-number" not in out
    assert {status, again} <= {200, 502}
    assert again == 200
    assert vendor.seen[-1][1]["authorization"] == f"Bearer {vendor.token(2)}"


async def test_a_refused_application_is_the_gateways_trouble_and_is_not_shown(vendor, gateway):
    section = f'base_url = "{vendor.url}/openai/v1"\n' + application(vendor.url)
    ask = gateway("azure", section, "gpt-9", **APPLICATION)
    vendor.token_status = 401

    status, out = await ask()

    assert status == 502
    assert CLIENT_PROOF.encode() not in out
    assert vendor.seen == []


async def test_gemini_on_vertex_by_a_service_account(vendor, gateway, tmp_path):
    base = f"{vendor.url}/v1/projects/mine/locations/global/publishers/google"
    section = f'base_url = "{base}"\n' + account(tmp_path, vendor)
    ask = gateway("google-vertex", section, "gemini-2.5-flash")

    first, out = await ask()
    second, _ = await ask()

    assert (first, second) == (200, 200)
    assert json.loads(out)["choices"][0]["message"]["content"] == "Hi"
    assert len(vendor.forms) == 1
    assert vendor.forms[0]["assertion"].count(".") == 2
    path, headers, _ = vendor.seen[0]
    assert path.endswith("/publishers/google/models/gemini-2.5-flash:generateContent")
    assert headers["authorization"] == f"Bearer {vendor.token(1)}"
    assert "x-goog-api-key" not in headers


async def test_gemini_on_vertex_by_an_api_key(vendor, gateway):
    section = f'base_url = "{vendor.url}/v1/publishers/google"\napi_key = "env:KEY"'
    ask = gateway("google-vertex", section, "gemini-2.5-flash", KEY=RESOURCE_KEY)

    status, _ = await ask()

    assert status == 200
    assert vendor.seen[0][1]["x-goog-api-key"] == RESOURCE_KEY


async def test_claude_on_vertex_has_the_model_in_the_path_and_the_version_in_the_body(
    vendor, gateway, tmp_path
):
    base = f"{vendor.url}/v1/projects/mine/locations/global/publishers/anthropic"
    section = f'base_url = "{base}"\n' + account(tmp_path, vendor)
    ask = gateway("google-vertex-anthropic", section, "claude-sonnet-4-5@20250929")

    whole, answer = await ask()
    streamed, stream = await ask(stream=True)

    assert (whole, streamed) == (200, 200)
    assert json.loads(answer)["choices"][0]["message"]["content"] == "Hi"
    assert b'"content":"Hi"' in stream
    (path, headers, body), (stream_path, _, stream_body) = vendor.seen
    model = "/publishers/anthropic/models/claude-sonnet-4-5@20250929"
    assert path.endswith(model + ":rawPredict")
    assert stream_path.endswith(model + ":streamRawPredict")
    assert "model" not in body
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert body["max_tokens"] == 500
    assert stream_body["stream"] is True
    assert headers["authorization"] == f"Bearer {vendor.token(1)}"
    assert "anthropic-version" not in headers


async def test_a_credential_that_cannot_be_used_stops_the_start(gateway, vendor, tmp_path):
    file = tmp_path / "account.json"
    file.write_text('{"type": "service_account", "client_email": "robot@example.test"}')
    config = f'[providers.google-vertex]\nbase_url = "{vendor.url}"\napi_key = "file:{file}"\n'
    one = Gateway(tmp_path, config)

    with pytest.raises(Exception, match="private_key"):
        one.start()


async def test_a_caller_cannot_send_the_gateway_to_a_token_server_of_theirs(
    vendor, gateway, tmp_path
):
    section = f'base_url = "{vendor.url}/openai/v1"\napi_key = "env:KEY"'
    ask = gateway("azure", section, "gpt-9", KEY=RESOURCE_KEY)
    brought = {
        "authority": vendor.url, "tenant_id": "t", "client_id": "c", "client_secret": "s" * 20
    }  # fmt: skip

    status, out = await ask(
        headers={"X-Provider-API-Keys": json.dumps({"azure": json.dumps(brought)})}
    )

    assert vendor.forms == []
    assert vendor.seen == []
    assert status in {401, 502}
    assert b"only the operator may" in out


async def test_a_recording_has_the_exchange_without_token_and_token_server(
    vendor, gateway, tmp_path
):
    section = f'base_url = "{vendor.url}/openai/v1"\n{application(vendor.url)}\n'
    section += f'[recordings]\ndir = "{tmp_path / "tapes"}"'
    ask = gateway("azure", section, "gpt-9", **APPLICATION)

    status, _ = await ask(headers={"X-Portico-Record": "auth"})
    ask.stop()  # and write what is still to be written

    written = (tmp_path / "tapes" / "auth.yaml").read_text()
    assert status == 200
    assert len(vendor.forms) == 1
    assert "gpt-9" in written
    assert "oauth2" not in written
    assert CLIENT_PROOF not in written
    assert vendor.token(1) not in written
