"""Gemini through Google's own API: https://ai.google.dev/api/generate-content

Its OpenAI-compatible sibling is reached with `base_url` ending in `/v1beta/openai` and
`dialect = "openai_chat"` in the settings.
"""

from portico.providers.base import (
    LOGPROB_PARAMETERS,
    REASONING_PARAMETERS,
    STANDARD_PARAMETERS,
    Provider,
)

PROVIDER = Provider(
    slug="google-ai-studio",
    name="Google AI Studio",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    dialect="gemini",
    auth="x-goog-api-key",
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    supported_parameters=STANDARD_PARAMETERS - {"parallel_tool_calls"}
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS
    | {"top_k", "web_search_options"},
    reasoning_field="reasoning_effort",
    privacy_policy_url="https://policies.google.com/privacy",
    terms_of_service_url="https://ai.google.dev/gemini-api/terms",
    headquarters="US",
)
