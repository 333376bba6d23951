"""DeepSeek: https://api-docs.deepseek.com"""

from portico.jsonio import JsonObject
from portico.providers.base import (
    LOGPROB_PARAMETERS,
    REASONING_PARAMETERS,
    STANDARD_PARAMETERS,
    Provider,
)
from portico.providers.patches import cached_tokens_into_details


def _patch_chunk(chunk: JsonObject) -> None:
    cached_tokens_into_details(chunk, field="prompt_cache_hit_tokens")


PROVIDER = Provider(
    slug="deepseek",
    name="DeepSeek",
    base_url="https://api.deepseek.com",
    key_env=("DEEPSEEK_API_KEY",),
    # JSON mode only: a json_schema is refused.
    supported_parameters=STANDARD_PARAMETERS - {"structured_outputs", "parallel_tool_calls"}
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS,
    reasoning_field="thinking",
    replayed_reasoning="reasoning_content",
    patch_chunk=_patch_chunk,
    privacy_policy_url="https://cdn.deepseek.com/policies/en-US/deepseek-privacy-policy.html",
    status_page_url="https://status.deepseek.com",
    headquarters="CN",
)
