"""OpenAI chat, the client's own dialect: its requests are compared as they are."""

from tests.conformance.accumulate import JsonObject, Native, read_native
from tests.conformance.apis.base import Api
from tests.conformance.expect import expected_usage


def _read_answer(body: bytes, status: int, stream: bool) -> Native:
    return read_native(body, status=status, stream=stream)


def _client_request(body: JsonObject) -> JsonObject:
    return dict(body)


API = Api(
    name="openai-chat",
    dialect="openai_chat",
    read_answer=_read_answer,
    usage=expected_usage,
    client_request=_client_request,
    understand=None,
    slugs={
        "bedrock-mantle": "bedrock-mantle",
        "google": "google-ai-studio",
        "moonshot": "moonshotai",
        "vercel-gateway": "vercel",
        "zai": "z-ai",
    },
)
