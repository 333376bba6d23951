"""Gemini through Google's own API: https://ai.google.dev/api/generate-content

Its OpenAI-compatible sibling is reached with `base_url` ending in `/v1beta/openai` and
`dialect = "openai_chat"` in the settings.
"""

from typing import Any

import msgspec

from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, dumps, loads
from portico.providers.base import (
    LOGPROB_PARAMETERS,
    REASONING_PARAMETERS,
    STANDARD_PARAMETERS,
    Provider,
    SideForm,
)

_PURPOSES = {
    "query": "RETRIEVAL_QUERY",
    "search_query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "search_document": "RETRIEVAL_DOCUMENT",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}


def _patch_embeddings(fields: dict[str, msgspec.Raw]) -> None:
    """Vectors: https://ai.google.dev/api/embeddings#method:-models.batchembedcontents"""
    sent: Any = loads(fields["input"])
    wish: JsonObject = {"model": f"models/{loads(fields['model'])}"}
    if "dimensions" in fields:
        wish["outputDimensionality"] = loads(fields["dimensions"])
    if (purpose := loads(fields.get("input_type", b"null"))) is not None:
        wish["taskType"] = _PURPOSES.get(str(purpose), purpose)
    requests = [
        {**wish, "content": {"parts": [{"text": _text(one)}]}}
        for one in ([sent] if isinstance(sent, str) else sent)
    ]
    fields.clear()
    fields["requests"] = msgspec.Raw(dumps(requests))


def _text(one: Any) -> str:
    if not isinstance(one, str):
        raise InvalidRequest("input: Google AI Studio embeds texts only")
    return one


def _vectors(answer: JsonObject) -> JsonObject:
    """The answer as OpenAI's clients read it."""
    rows = [
        {"object": "embedding", "index": index, "embedding": one["values"]}
        for index, one in enumerate(answer["embeddings"])
    ]
    tokens = (answer.get("usageMetadata") or {}).get("promptTokenCount")
    usage = None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": rows, "usage": usage}


PROVIDER = Provider(
    slug="google-ai-studio",
    name="Google AI Studio",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    dialect="gemini",
    auth="x-goog-api-key",
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    supported_parameters=STANDARD_PARAMETERS - {"parallel_tool_calls"}
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS
    | {"top_k", "web_search_options"},
    reasoning_field="reasoning_effort",
    side_paths={"embeddings": "/models/{model}:batchEmbedContents"},
    side_forms={
        "embeddings": SideForm(request=_patch_embeddings, answer=_vectors, most_inputs=100)
    },
    privacy_policy_url="https://policies.google.com/privacy",
    terms_of_service_url="https://ai.google.dev/gemini-api/terms",
    headquarters="US",
)
