"""Perplexity: https://docs.perplexity.ai/api-reference/chat-completions-post

Each stream chunk repeats the whole message so far beside the delta, and the sources of
the answer, which stand beside it instead of in it.
"""

from array import array
from base64 import b64decode

import msgspec

from portico.jsonio import JsonObject
from portico.providers.base import STANDARD_PARAMETERS, TOOL_PARAMETERS, Provider, SideForm


def _patch_chunk(chunk: JsonObject) -> None:
    for choice in chunk.get("choices") or ():
        if "delta" in choice and "message" in choice:
            unwanted = "message" if chunk.get("object") != "chat.completion" else "delta"
            del choice[unwanted]
        if choice.get("finish_reason") is not None:
            _annotate(choice.get("message") or choice.setdefault("delta", {}), chunk)


def _annotate(message: JsonObject, chunk: JsonObject) -> None:
    """Say the sources as the annotations that every client reads (contract/chat 5.4).

    They name no place in the text. They stay where they were, too.
    """
    found = chunk.get("search_results") or chunk.get("citations")
    if "annotations" in message or not isinstance(found, list):
        return
    sources = [source if isinstance(source, dict) else {"url": source} for source in found]
    annotations = [_annotation(source) for source in sources if isinstance(source.get("url"), str)]
    if annotations:
        message["annotations"] = annotations


def _annotation(source: JsonObject) -> JsonObject:
    title = source.get("title")
    cited = {"url": source["url"], "title": title if isinstance(title, str) else source["url"]}
    return {"type": "url_citation", "url_citation": {**cited, "start_index": 0, "end_index": 0}}


def _patch_embeddings(fields: dict[str, msgspec.Raw]) -> None:
    """Vectors: numbers come as bytes, and there is no choice between lists and base64."""
    for name in ("encoding_format", "user", "input_type"):
        fields.pop(name, None)


def _numbers(answer: JsonObject) -> JsonObject:
    """The bytes of each vector as the numbers from -128 to 127 that they are."""
    rows = [
        {**row, "embedding": array("b", b64decode(row["embedding"], validate=True)).tolist()}
        for row in answer["data"]
    ]
    return {**answer, "data": rows}


PROVIDER = Provider(
    slug="perplexity",
    name="Perplexity",
    base_url="https://api.perplexity.ai",
    key_env=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
    supported_parameters=STANDARD_PARAMETERS - TOOL_PARAMETERS - {"seed", "stop"}
    | {"top_k", "reasoning", "reasoning_effort", "include_reasoning", "web_search_options"},
    reasoning_field="reasoning_effort",
    takes_stream_options=False,
    side_paths={
        "embeddings": "/v1/embeddings",
        "rerank": "",
        "images": "",
        "speech": "",
        "transcriptions": "",
    },
    side_forms={
        "embeddings": SideForm(request=_patch_embeddings, answer=_numbers, most_inputs=512)
    },
    patch_chunk=_patch_chunk,
    privacy_policy_url="https://www.perplexity.ai/hub/legal/perplexity-api-privacy-policy",
    terms_of_service_url="https://www.perplexity.ai/hub/legal/perplexity-api-terms-of-service",
    status_page_url="https://status.perplexity.com",
    headquarters="US",
)
