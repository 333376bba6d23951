"""Z.AI: https://docs.z.ai/api-reference/llm/chat-completion"""

from functools import partial

from portico.providers.base import REASONING_PARAMETERS, STANDARD_PARAMETERS, Provider
from portico.providers.patches import temperature_at_most

PROVIDER = Provider(
    slug="z-ai",
    name="Z.AI",
    base_url="https://api.z.ai/api/paas/v4",
    key_env=("ZAI_API_KEY", "Z_AI_API_KEY"),
    supported_parameters=STANDARD_PARAMETERS
    - {"seed", "frequency_penalty", "presence_penalty", "structured_outputs", "parallel_tool_calls"}
    | REASONING_PARAMETERS,
    reasoning_field="thinking",
    replayed_reasoning="reasoning_content",
    patch_request=partial(temperature_at_most, 1),
    privacy_policy_url="https://docs.z.ai/legal-agreement/privacy-policy",
    terms_of_service_url="https://docs.z.ai/legal-agreement/terms-of-use",
    headquarters="SG",
)
