"""A running gateway in front of a server that speaks the binary stream and checks signatures."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.dialects.bedrock_converse.samples import frame
from tests.e2e.process import Gateway

pytestmark = pytest.mark.io

MODEL = "acme/orca-2"
NATIVE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PATH = "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0"
REGION = "eu-central-1"
# Different in every run, in the shapes of AWS.
ACCESS = "AKIA" + secrets.token_hex(8).upper()
SECRET = secrets.token_hex(20)
SESSION = secrets.token_hex(60)
BEARER = "bedrock-" + secrets.token_hex(24)
ENVIRON = {"ID": ACCESS, "SECRET": SECRET, "SESSION": SESSION, "BEARER": BEARER}
SIGNED = """{ access_key_id = "env:ID", secret_access_key = "env:SECRET",
  session_token = "env:SESSION", region = "eu-central-1" }"""
CONFIG = """
[providers.amazon-bedrock]
base_url = "{url}"
api_key = {key}

[[models]]
id = "acme/orca-2"
provider = "amazon-bedrock"
upstream_model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
max_completion_tokens = 7777
input_modalities = ["text", "image", "file"]
price = {{ prompt = "1", completion = "5", cache_read = "0.1", cache_write = "1.25" }}
"""
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def delta(index: int, **fields: object) -> bytes:
    return frame("contentBlockDelta", {"contentBlockIndex": index, "delta": fields})


USAGE = {
    "inputTokens": 11, "outputTokens": 7, "totalTokens": 45, "cacheReadInputTokens": 20,
    "cacheWriteInputTokens": 7,
}  # fmt: skip
END = [
    frame("messageStop", {"stopReason": "tool_use"}),
    frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}}),
]
STREAM = b"".join(
    [
        frame("messageStart", {"role": "assistant"}),
        delta(0, reasoningContent={"text": "Where is "}),
        delta(0, reasoningContent={"text": "it cold?"}),
        delta(0, reasoningContent={"signature": "c2lnbmVk"}),
        frame("contentBlockStop", {"contentBlockIndex": 0}),
        delta(1, text="Olá "),
        delta(1, text="👋"),
        frame("contentBlockStop", {"contentBlockIndex": 1}),
        frame(
            "contentBlockStart",
            {
                "contentBlockIndex": 2,
                "start": {"toolUse": {"toolUseId": "tooluse_1", "name": "weather"}},
            },
        ),
        delta(2, toolUse={"input": '{"city":'}),
        delta(2, toolUse={"input": '"Oslo"}'}),
        frame("contentBlockStop", {"contentBlockIndex": 2}),
        *END,
    ]
)


def signature_of(request: web.Request, body: bytes) -> str:
    """What the signature has to be, from the request as it came over the wire."""
    proof = request.headers["Authorization"]
    names = proof.split("SignedHeaders=")[1].split(",")[0].split(";")
    stamp = request.headers["X-Amz-Date"]
    path, _, query = request.raw_path.partition("?")
    assert query == ""
    twice = path.replace("%", "%25").replace(":", "%3A")
    lines = [f"{name}:{' '.join(request.headers[name].split())}\n" for name in names]
    canonical = "\n".join(
        [request.method, twice, "", "".join(lines), ";".join(names),
         hashlib.sha256(body).hexdigest()]
    )  # fmt: skip
    scope = f"{stamp[:8]}/{REGION}/bedrock/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = ("AWS4" + SECRET).encode()
    for step in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return key.hex()


class Bedrock:
    """Refuses what is not signed as it should be, as the provider does; else gives `answer`."""

    def __init__(self) -> None:
        self.answer: tuple[int, str, bytes, dict[str, str]] = (200, "", b"", {})
        self.seen: list[tuple[str, dict[str, str], dict]] = []
        self.port = 0

    def streams(self, body: bytes) -> None:
        self.answer = (200, "application/vnd.amazon.eventstream", body, {})

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((request.raw_path, headers, json.loads(body)))
        if not self._authorized(request, body):
            quoted = f"The Canonical String was: {dict(request.headers)}"
            error = {"x-amzn-errortype": "InvalidSignatureException:http://internal.amazon.com/"}
            return web.json_response({"message": quoted}, status=403, headers=error)
        status, kind, answer, more = self.answer
        response = web.StreamResponse(status=status, headers={"content-type": kind, **more})
        await response.prepare(request)
        for at in range(0, len(answer), 13):
            await response.write(answer[at : at + 13])
        await response.write_eof()
        return response

    def _authorized(self, request: web.Request, body: bytes) -> bool:
        proof = request.headers.get("Authorization", "")
        if proof == f"Bearer {BEARER}":
            return True
        if not proof.startswith(f"AWS4-HMAC-SHA256 Credential={ACCESS}/"):
            return False
        at = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        names = proof.split("SignedHeaders=")[1].split(",")[0].split(";")
        return (
            abs(at.timestamp() - time.time()) < 300
            and request.headers.get("X-Amz-Security-Token") == SESSION
            and {"host", "x-amz-date", "x-amz-security-token"} <= set(names)
            and proof.endswith("Signature=" + signature_of(request, body))
        )


@pytest.fixture
async def bedrock() -> AsyncIterator[Bedrock]:
    upstream = Bedrock()
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", upstream.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    upstream.port = int(runner.addresses[0][1])
    yield upstream
    await runner.cleanup()


Start = Callable[..., Gateway]


@pytest.fixture
def start(bedrock, tmp_path: Path):
    """Start a gateway whose credential is the given piece of TOML."""
    gateways: list[Gateway] = []

    def started(key: str = SIGNED, **environ: str) -> Gateway:
        folder = tmp_path / str(len(gateways))
        folder.mkdir()
        config = CONFIG.format(url=f"http://127.0.0.1:{bedrock.port}", key=key.replace("\n", ""))
        gateways.append(Gateway(folder, config, environ={**ENVIRON, **environ}))
        gateways[-1].start()
        return gateways[-1]

    yield started
    for gateway in gateways:
        gateway.stop()


async def ask(gateway: Gateway, *, headers: dict[str, str] | None = None, **fields):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], **fields}
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {gateway.key}"}) as session,
        session.post(gateway.url + "/chat/completions", json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.read()


def printed(gateway: Gateway) -> bytes:
    """Everything the gateway wrote anywhere."""
    paths = [path for path in gateway.folder.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in paths)


def leaked(text: bytes) -> list[str]:
    return [name for name, value in ENVIRON.items() if value[:12].encode() in text]


async def test_a_signed_binary_stream_comes_out_as_chat_chunks(bedrock, start):
    gateway = start()
    bedrock.streams(STREAM)

    status, out = await ask(gateway, stream=True, tools=[TOOL], max_tokens=100)

    chunks = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    calls = [call for d in deltas for call in d.get("tool_calls", ())]
    details = [item for d in deltas for item in d.get("reasoning_details", ())]
    path, headers, sent = bedrock.seen[0]
    assert (status, path) == (200, PATH + "/converse-stream")
    assert headers["content-type"] == "application/json"
    assert sent["inferenceConfig"] == {"maxTokens": 100}
    assert sent["toolConfig"]["tools"][0]["toolSpec"]["name"] == "weather"
    assert "".join(d.get("content") or "" for d in deltas) == "Olá 👋"
    assert "".join(item.get("text", "") for item in details) == "Where is it cold?"
    assert {item["format"] for item in details} == {"anthropic-claude-v1"}
    assert [item["signature"] for item in details if "signature" in item] == ["c2lnbmVk"]
    assert [(call["id"], call["function"]["name"]) for call in calls if call.get("id")] == [
        ("tooluse_1", "weather")
    ]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"city":"Oslo"}'
    last = chunks[-1]
    assert last["choices"][0]["finish_reason"] == "tool_calls"
    assert last["choices"][0]["native_finish_reason"] == "tool_use"
    assert last["usage"]["prompt_tokens"] == 11 + 20 + 7
    assert last["usage"]["prompt_tokens_details"]["cached_tokens"] == 20
    assert last["usage"]["cost"] == pytest.approx((11 + 2 + 8.75 + 35) / 1e6)
    assert out.endswith(b"data: [DONE]\n\n")
    assert leaked(out) == []


async def test_a_signed_whole_answer_comes_out_as_chat(bedrock, start):
    gateway = start()
    native = {
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
                    {"text": "Hello"},
                ],
            }
        },
        "stopReason": "end_turn",
        "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7},
        "metrics": {"latencyMs": 1},
    }
    bedrock.answer = (200, "application/json", json.dumps(native).encode(), {})
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}

    status, out = await ask(
        gateway,
        messages=[{"role": "user", "content": [{"type": "text", "text": "See"}, image]}],
        reasoning={"max_tokens": 2000},
        max_tokens=4000,
    )

    answer = json.loads(out)
    message = answer["choices"][0]["message"]
    path, _, sent = bedrock.seen[0]
    assert (status, path) == (200, PATH + "/converse")
    assert sent["messages"][0]["content"] == [
        {"text": "See"},
        {"image": {"format": "png", "source": {"bytes": "aGk="}}},
    ]
    assert sent["additionalModelRequestFields"] == {
        "thinking": {"type": "enabled", "budget_tokens": 2000}
    }
    assert answer["provider"] == "Amazon Bedrock"
    assert (message["content"], message["reasoning"]) == ("Hello", "Hm.")
    assert answer["usage"]["total_tokens"] == 7


async def test_an_api_key_and_a_callers_own_credentials_are_taken_too(bedrock, start):
    bedrock.streams(STREAM)
    by_key = start('"env:BEARER"')
    own = {"access_key_id": ACCESS, "secret_access_key": SECRET, "session_token": SESSION,
           "region": REGION}  # fmt: skip
    header = {"X-Provider-API-Keys": json.dumps({"amazon-bedrock": json.dumps(own)})}
    half = {"X-Provider-API-Keys": json.dumps({"amazon-bedrock": '{"access_key_id": "x"}'})}

    status, _ = await ask(by_key, stream=True)
    brought, _ = await ask(by_key, stream=True, headers=header)
    refused, out = await ask(by_key, headers=half)

    assert (status, brought) == (200, 200)
    proofs = [headers["authorization"] for _, headers, _ in bedrock.seen]
    assert proofs[0] == f"Bearer {BEARER}"
    assert proofs[1].startswith("AWS4-HMAC-SHA256 ")
    assert len(proofs) == 2
    assert refused == 502
    assert b"credential" in out


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_signature_shows_no_part_of_the_credential(bedrock, start, stream):
    wrong = SIGNED.replace('"env:SECRET"', '"env:OTHER"')
    gateway = start(wrong, OTHER=secrets.token_hex(20))

    status, out = await ask(gateway, stream=stream)

    assert status == 502
    error = json.loads(out)["error"]
    assert error["metadata"]["provider_code"] == "InvalidSignatureException"
    assert "Canonical String" in json.dumps(error)
    assert leaked(out) == []
    assert leaked(printed(gateway)) == []


async def test_an_exception_in_the_stream_is_told_as_an_error(bedrock, start):
    gateway = start()
    early = frame("throttlingException", {"message": "Too many tokens"}, "exception")
    late = frame("modelStreamErrorException", {"message": "It broke"}, "exception")

    bedrock.streams(frame("messageStart", {"role": "assistant"}) + early)
    status, before = await ask(gateway, stream=True)
    bedrock.streams(frame("messageStart", {"role": "assistant"}) + delta(0, text="Hel") + late)
    begun, after = await ask(gateway, stream=True)

    assert status == 429
    assert json.loads(before)["error"]["metadata"]["provider_code"] == "ThrottlingException"
    assert begun == 200
    assert b'"content":"Hel"' in after
    last = [json.loads(line[6:]) for line in after.splitlines() if line.startswith(b"data: {")][-1]
    assert last["error"]["code"] == 502
    assert last["error"]["metadata"]["provider_code"] == "ModelStreamErrorException"


async def test_a_stream_that_is_damaged_or_cut_ends_as_broken(bedrock, start):
    gateway = start()
    at = STREAM.index(b"\\ud83d")
    damaged = STREAM[:at] + b"X" + STREAM[at + 1 :]

    bedrock.streams(damaged)
    _, out = await ask(gateway, stream=True)
    bedrock.streams(STREAM[: -len(b"".join(END)) - 5])
    _, cut = await ask(gateway, stream=True)

    for text in (out, cut):
        assert b'"finish_reason":"error"' in text
        assert b"Ol\xc3\xa1" in text
