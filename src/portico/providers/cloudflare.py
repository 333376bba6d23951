"""Cloudflare Workers AI, `https://api.cloudflare.com/client/v4/accounts/<account>/ai/v1`."""

from portico.providers.base import STANDARD_PARAMETERS, Provider

PROVIDER = Provider(
    slug="cloudflare",
    name="Cloudflare",
    base_url="",  # per account
    key_env=("CLOUDFLARE_API_TOKEN",),
    supported_parameters=STANDARD_PARAMETERS | {"top_k", "repetition_penalty"},
    privacy_policy_url="https://www.cloudflare.com/privacypolicy/",
    terms_of_service_url="https://www.cloudflare.com/terms/",
    status_page_url="https://www.cloudflarestatus.com",
    headquarters="US",
)
