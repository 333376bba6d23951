"""Together AI: https://docs.together.ai/reference/chat-completions"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider
from portico.providers.patches import top_level_cached_tokens

PROVIDER = Provider(
    slug="together",
    name="Together",
    base_url="https://api.together.xyz/v1",
    key_env=("TOGETHER_API_KEY",),
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
    patch_chunk=top_level_cached_tokens,
    privacy_policy_url="https://www.together.ai/privacy",
    terms_of_service_url="https://www.together.ai/terms-of-service",
    status_page_url="https://status.together.ai",
    headquarters="US",
)
