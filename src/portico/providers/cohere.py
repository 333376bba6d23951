"""Cohere: https://docs.cohere.com/v2/reference/chat

Its OpenAI-compatible sibling is reached with `base_url` ending in `/compatibility/v1` and
`dialect = "openai_chat"` in the settings.
"""

from portico.providers.base import REASONING_PARAMETERS, Provider

PROVIDER = Provider(
    slug="cohere",
    name="Cohere",
    base_url="https://api.cohere.com/v2",
    dialect="cohere_chat",
    key_env=("COHERE_API_KEY", "CO_API_KEY"),
    chat_path="/chat",
    side_paths={"rerank": "/rerank"},
    supported_parameters=REASONING_PARAMETERS
    | {
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "tools",
        "tool_choice",
        "response_format",
        "structured_outputs",
        "logprobs",
    },
    reasoning_field="thinking",
    takes_stream_options=False,
    privacy_policy_url="https://cohere.com/privacy",
    terms_of_service_url="https://cohere.com/terms-of-use",
    status_page_url="https://status.cohere.com",
    headquarters="CA",
)
