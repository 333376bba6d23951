"""Moonshot AI: https://platform.moonshot.ai/docs/api/chat

In streams its usage stands inside the last choice.
"""

from functools import partial

from portico.jsonio import JsonObject
from portico.providers.base import REASONING_PARAMETERS, STANDARD_PARAMETERS, Provider
from portico.providers.patches import temperature_at_most, top_level_cached_tokens


def _patch_chunk(chunk: JsonObject) -> None:
    for choice in chunk.get("choices") or ():
        usage = choice.pop("usage", None)
        if usage and not chunk.get("usage"):
            chunk["usage"] = usage
    top_level_cached_tokens(chunk)


PROVIDER = Provider(
    slug="moonshotai",
    name="Moonshot AI",
    base_url="https://api.moonshot.ai/v1",
    key_env=("MOONSHOT_API_KEY", "MOONSHOTAI_API_KEY"),
    supported_parameters=STANDARD_PARAMETERS - {"seed", "parallel_tool_calls"}
    | REASONING_PARAMETERS,
    reasoning_field="thinking",
    replayed_reasoning="reasoning_content",
    patch_chunk=_patch_chunk,
    patch_request=partial(temperature_at_most, 1),
    privacy_policy_url="https://platform.moonshot.ai/docs/agreement/userprivacy",
    terms_of_service_url="https://platform.moonshot.ai/docs/agreement/modeluse",
    headquarters="CN",
)
