"""Fireworks AI: https://docs.fireworks.ai/api-reference/post-chatcompletions"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="fireworks",
    name="Fireworks",
    base_url="https://api.fireworks.ai/inference/v1",
    key_env=("FIREWORKS_API_KEY",),
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
    privacy_policy_url="https://fireworks.ai/privacy-policy",
    terms_of_service_url="https://fireworks.ai/terms-of-service",
    status_page_url="https://status.fireworks.ai",
    headquarters="US",
)
