"""Cohere: https://docs.cohere.com/v2/reference/chat

Its OpenAI-compatible sibling is reached with `base_url` ending in `/compatibility/v1` and
`dialect = "openai_chat"` in the settings.
"""

from typing import Any

import msgspec

from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, dumps, loads
from portico.providers.base import REASONING_PARAMETERS, Provider, SideForm

_FLOATS = msgspec.Raw(b'["float"]')
_AS_DOCUMENT = msgspec.Raw(b'"search_document"')
_PURPOSES = {"query": "search_query", "document": "search_document"}


def _patch_embeddings(fields: dict[str, msgspec.Raw]) -> None:
    """Vectors: https://docs.cohere.com/v2/reference/embed

    It asks what they are for: documents, where the client does not say.
    """
    for name in ("encoding_format", "user"):
        fields.pop(name, None)
    if (length := fields.pop("dimensions", None)) is not None:
        fields["output_dimension"] = length
    sent: Any = loads(fields.pop("input", b"null"))
    inputs = [sent] if isinstance(sent, str) else sent
    if all(isinstance(one, str) for one in inputs):
        fields["texts"] = msgspec.Raw(dumps(inputs))
    elif any(isinstance(one, int | list) for one in inputs):
        raise InvalidRequest("input: Cohere embeds texts and images, not tokens")
    else:
        fields["inputs"] = msgspec.Raw(dumps([_item(one) for one in inputs]))
    purpose = loads(fields.get("input_type", _AS_DOCUMENT))
    fields["input_type"] = msgspec.Raw(dumps(_PURPOSES.get(str(purpose), purpose)))
    fields["embedding_types"] = _FLOATS


def _item(one: Any) -> Any:
    return {"content": [{"type": "text", "text": one}]} if isinstance(one, str) else one


def _vectors(answer: JsonObject) -> JsonObject:
    """The answer as OpenAI's clients read it."""
    rows = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(answer["embeddings"]["float"])
    ]
    billed = (answer.get("meta") or {}).get("billed_units") or {}
    counts = [billed.get(name) for name in ("input_tokens", "image_tokens")]
    tokens = sum(count for count in counts if isinstance(count, int | float))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": rows, "usage": usage}


PROVIDER = Provider(
    slug="cohere",
    name="Cohere",
    base_url="https://api.cohere.com/v2",
    dialect="cohere_chat",
    key_env=("COHERE_API_KEY", "CO_API_KEY"),
    chat_path="/chat",
    side_paths={
        "embeddings": "/embed",
        "rerank": "/rerank",
        "transcriptions": "/audio/transcriptions",
    },
    side_forms={"embeddings": SideForm(request=_patch_embeddings, answer=_vectors, most_inputs=96)},
    supported_parameters=REASONING_PARAMETERS
    | {
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "tools",
        "tool_choice",
        "response_format",
        "structured_outputs",
        "logprobs",
    },
    reasoning_field="thinking",
    takes_stream_options=False,
    privacy_policy_url="https://cohere.com/privacy",
    terms_of_service_url="https://cohere.com/terms-of-use",
    status_page_url="https://status.cohere.com",
    headquarters="CA",
)
