"""One gateway for all surfaces, in front of an upstream that plays each dialect."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.conformance.schema import Schemas, load_schemas
from tests.conftest import SHARED
from tests.e2e.process import Gateway
from tests.surfaces.natives import NATIVES
from tests.surfaces.upstream import Upstream

SECRET = "of-the-upstream"
CONFIG = """
[stream]
stream_commit_after_s = 0.3
keepalive_s = 0.2
nonstream_keepalive_after_s = 30

[routing]
ignore = ["nowhere"]

[deadlines]
first_byte_s = 5

[providers.anthropic]
base_url = "{url}/anthropic/v1"
api_key = "env:UPSTREAM_SECRET"

[providers.second]
name = "Second"
base_url = "{url}/second/v1"
dialect = "anthropic_messages"

[providers.chat]
name = "Chat"
base_url = "{url}/chat/v1"
dialect = "openai_chat"

[providers.nowhere]
base_url = "{url}/nowhere/v1"

[providers.answers]
name = "Azure"
base_url = "{url}/answers/v1"
dialect = "openai_responses"

[providers.openai]
base_url = "{url}/openai/v1"
api_key = "env:UPSTREAM_SECRET"

[providers.cohere]
base_url = "{url}/cohere/v2"
api_key = "env:UPSTREAM_SECRET"

[providers.converse]
name = "Amazon Bedrock"
base_url = "{url}/converse"
dialect = "bedrock_converse"

[providers.google-ai-studio]
base_url = "{url}/gemini/v1beta"
api_key = "env:UPSTREAM_SECRET"

[providers.groq]
base_url = "{url}/groq/v1"
api_key = "env:UPSTREAM_SECRET"

[providers.voyage]
base_url = "{url}/voyage/v1"
api_key = "env:UPSTREAM_SECRET"

[providers.perplexity]
base_url = "{url}/perplexity"
api_key = "env:UPSTREAM_SECRET"

[providers.mistral]
base_url = "{url}/mistral/v1"
api_key = "env:UPSTREAM_SECRET"
"""
MODEL = """
[[models]]
id = "{id}"
provider = "{provider}"
upstream_model = "{upstream}"
input_modalities = ["text", "image", "file"]
output_modalities = ["{output}"]
price = {{ {price} }}
"""
SMALL = """
[[models]]
id = "test/small"
provider = "chat"
upstream_model = "gpt-small"
context_tokens = 500
price = { prompt = "1", completion = "5" }
"""
TOKENS = 'prompt = "1", completion = "5", cache_read = "0.1", cache_write = "1.25"'
SECONDS = 'prompt = "0", completion = "0", input_audio = "100"'
FLAT = 'prompt = "0", completion = "0", request = "0.002"'
MODELS = (
    ("anthropic/claude-haiku-4.5", "anthropic", "claude-haiku-4-5", "text", TOKENS),
    ("test/second", "second", "claude-second", "text", TOKENS),
    ("test/chat", "chat", "gpt-test", "text", TOKENS),
    ("test/gemini", "google-ai-studio", "gemini-test", "text", TOKENS),
    ("test/responses", "answers", "responses-test", "text", TOKENS),
    ("test/limited", "anthropic", "claude-limited", "text", TOKENS),
    ("test/two", "anthropic", "claude-limited", "text", TOKENS),
    ("test/two", "second", "claude-second", "text", TOKENS),
    ("test/forbidden", "nowhere", "x", "text", TOKENS),
    ("test/embed", "chat", "embed-test", "embeddings", TOKENS),
    ("test/embed-second", "chat", "embed-second", "embeddings", TOKENS),
    ("test/voice", "chat", "voice-test", "speech", 'prompt = "15", completion = "0"'),
    (
        "test/voice-tokens",
        "openai",
        "gpt-4o-mini-tts",
        "speech",
        'prompt = "0.6", completion = "12"',
    ),
    ("test/voice-uncounted", "chat", "voice-plain", "speech", 'prompt = "0.6", completion = "12"'),
    ("test/ears-groq", "groq", "whisper-groq", "transcription", SECONDS),
    ("test/cohere-embed", "cohere", "embed-cohere", "embeddings", TOKENS),
    ("test/gemini-embed", "google-ai-studio", "embed-gemini", "embeddings", TOKENS),
    ("test/voyage-embed", "voyage", "embed-voyage", "embeddings", TOKENS),
    ("test/perplexity-embed", "perplexity", "embed-pplx", "embeddings", TOKENS),
    ("test/mistral-embed", "mistral", "embed-mistral", "embeddings", TOKENS),
    ("test/openai-embed", "openai", "embed-openai", "embeddings", TOKENS),
    ("test/voyage-rerank", "voyage", "rerank-voyage", "rerank", TOKENS),
    ("test/ears", "chat", "ears-test", "transcription", SECONDS),
    ("test/ears-tokens", "chat", "ears-tokens", "transcription", TOKENS),
    ("test/brush", "chat", "gpt-image-test", "image", TOKENS),
    (
        "test/brush-flat",
        "chat",
        "flux-test",
        "image",
        'prompt = "0", completion = "0", request = "0.04"',
    ),
    ("test/rerank", "chat", "rerank-test", "rerank", FLAT),
    ("test/rerank-tokens", "chat", "rerank-tokens", "rerank", TOKENS),
    ("test/nowhere", "anthropic", "embed-nowhere", "embeddings", TOKENS),
)


GRID = tuple(
    (f"grid/{native.upstream}", native.provider, native.upstream, "text", TOKENS)
    for native in NATIVES.values()
)


class Site(msgspec.Struct, kw_only=True):
    """A gateway and what stands behind it. `root` is its URL without a path."""

    gateway: Gateway
    upstream: Upstream

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.gateway.port}"

    @property
    def key(self) -> str:
        return self.gateway.key

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """Send JSON with the key, read everything."""
        return httpx.post(
            self.root + path,
            json=body,
            headers={"x-api-key": self.key, **{k.replace("_", "-"): v for k, v in headers.items()}},
            timeout=30,
        )

    def generation(self, answer: httpx.Response) -> dict:
        """The ledger's row of an answer, which must be there once the end was seen."""
        found = httpx.get(
            self.root + "/api/v1/generation",
            params={"id": answer.headers["x-generation-id"]},
            headers={"authorization": f"Bearer {self.key}"},
        )
        assert found.status_code == 200, found.text
        return found.json()["data"]


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Everything that the tests of surfaces need, started once."""
    with Upstream() as upstream:
        config = CONFIG.format(url=upstream.url) + "".join(
            MODEL.format(id=id, provider=provider, upstream=name, output=output, price=price)
            for id, provider, name, output, price in (*MODELS, *GRID)
        )
        config += SMALL
        gateway = Gateway(
            tmp_path_factory.mktemp("surfaces"), config, environ={"UPSTREAM_SECRET": SECRET}
        )
        try:
            gateway.start()
            yield Site(gateway=gateway, upstream=upstream)
        finally:
            gateway.stop()


@pytest.fixture(scope="package")
def api() -> Schemas:
    """The published description of the API."""
    return load_schemas(openapi())


@pytest.fixture(scope="package")
def described(api: Schemas) -> Callable[[str, object], list[str]]:
    """Says what is wrong with a body, by the published description of a path's answer."""
    return api.answer


def openapi() -> Path:
    """Where the published description is; skips the test where it is not."""
    found = SHARED / "openrouter" / "openapi.yaml"
    if not found.exists():
        pytest.skip(f"the API description is not at {found}")
    return found
