"""Novita AI: https://novita.ai/docs"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="novita",
    name="Novita",
    base_url="https://api.novita.ai/v3/openai",
    key_env=("NOVITA_API_KEY",),
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
    privacy_policy_url="https://novita.ai/legal/privacy-policy",
    terms_of_service_url="https://novita.ai/legal/terms-of-service",
    headquarters="US",
)
