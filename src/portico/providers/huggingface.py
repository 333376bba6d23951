"""Hugging Face's router: https://huggingface.co/docs/inference-providers

It passes on what the host it picked sends, oddities included. A model id may
end in `:host` to pick one.
"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider
from portico.providers.patches import top_level_cached_tokens

PROVIDER = Provider(
    slug="huggingface",
    name="Hugging Face",
    base_url="https://router.huggingface.co/v1",
    key_env=("HF_TOKEN", "HUGGINGFACE_API_KEY"),
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
    patch_chunk=top_level_cached_tokens,
    privacy_policy_url="https://huggingface.co/privacy",
    terms_of_service_url="https://huggingface.co/terms-of-service",
    status_page_url="https://status.huggingface.co",
    headquarters="US",
)
