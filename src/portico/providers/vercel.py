"""Vercel AI Gateway: https://vercel.com/docs/ai-gateway/openai-compat"""

from portico.providers.base import REASONING_PARAMETERS, STANDARD_PARAMETERS, Provider

PROVIDER = Provider(
    slug="vercel",
    name="Vercel AI Gateway",
    base_url="https://ai-gateway.vercel.sh/v1",
    key_env=("AI_GATEWAY_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS | REASONING_PARAMETERS,
    reasoning_field="reasoning",
    privacy_policy_url="https://vercel.com/legal/privacy-policy",
    terms_of_service_url="https://vercel.com/legal/terms",
    status_page_url="https://www.vercel-status.com",
    headquarters="US",
)
