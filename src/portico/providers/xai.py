"""xAI's chat completions: https://docs.x.ai/docs/api-reference

Its `completion_tokens` leave the reasoning tokens out.
"""

from portico.providers.base import (
    LOGPROB_PARAMETERS,
    REASONING_PARAMETERS,
    STANDARD_PARAMETERS,
    Provider,
)

PROVIDER = Provider(
    slug="xai",
    name="xAI",
    base_url="https://api.x.ai/v1",
    key_env=("XAI_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS
    | {"web_search_options"},
    output_cap_field="max_completion_tokens",
    reasoning_field="reasoning_effort",
    reasoning_format="xai-responses-v1",
    replayed_reasoning="reasoning_content",
    reasoning_outside_completion=True,
    privacy_policy_url="https://x.ai/legal/privacy-policy",
    terms_of_service_url="https://x.ai/legal/terms-of-service-enterprise",
    status_page_url="https://status.x.ai",
    headquarters="US",
)
