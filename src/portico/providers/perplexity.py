"""Perplexity: https://docs.perplexity.ai/api-reference/chat-completions-post

Each stream chunk repeats the whole message so far beside the delta.
"""

from portico.jsonio import JsonObject
from portico.providers.base import STANDARD_PARAMETERS, TOOL_PARAMETERS, Provider


def _patch_chunk(chunk: JsonObject) -> None:
    for choice in chunk.get("choices") or ():
        if "delta" in choice and "message" in choice:
            unwanted = "message" if chunk.get("object") != "chat.completion" else "delta"
            del choice[unwanted]


PROVIDER = Provider(
    slug="perplexity",
    name="Perplexity",
    base_url="https://api.perplexity.ai",
    key_env=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
    supported_parameters=STANDARD_PARAMETERS - TOOL_PARAMETERS - {"seed", "stop"}
    | {"top_k", "reasoning", "reasoning_effort", "include_reasoning", "web_search_options"},
    reasoning_field="reasoning_effort",
    takes_stream_options=False,
    patch_chunk=_patch_chunk,
    privacy_policy_url="https://www.perplexity.ai/hub/legal/perplexity-api-privacy-policy",
    terms_of_service_url="https://www.perplexity.ai/hub/legal/perplexity-api-terms-of-service",
    status_page_url="https://status.perplexity.com",
    headquarters="US",
)
