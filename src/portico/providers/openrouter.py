"""OpenRouter as an upstream: https://openrouter.ai/docs/api-reference/chat-completion"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider, SideForm

PROVIDER = Provider(
    slug="openrouter",
    name="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    key_env=("OPENROUTER_API_KEY",),
    supported_parameters=OPEN_SERVER_PARAMETERS
    | {"top_a", "prediction", "verbosity", "web_search_options"},
    reasoning_field="reasoning",
    side_paths={"images": "/images"},
    side_forms={
        "embeddings": SideForm(packs_floats=True, own_words=True),
        "images": SideForm(own_words=True),
        "speech": SideForm(own_words=True),
    },
    privacy_policy_url="https://openrouter.ai/privacy",
    terms_of_service_url="https://openrouter.ai/terms",
    status_page_url="https://status.openrouter.ai",
    headquarters="US",
)
