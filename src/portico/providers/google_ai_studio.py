"""Gemini through Google's OpenAI-compatible API: https://ai.google.dev/gemini-api/docs/openai"""

from portico.providers.base import REASONING_PARAMETERS, STANDARD_PARAMETERS, Provider

PROVIDER = Provider(
    slug="google-ai-studio",
    name="Google AI Studio",
    base_url="https://generativelanguage.googleapis.com/v1beta/openai",
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    supported_parameters=STANDARD_PARAMETERS - {"parallel_tool_calls"} | REASONING_PARAMETERS,
    reasoning_field="reasoning_effort",
    privacy_policy_url="https://policies.google.com/privacy",
    terms_of_service_url="https://ai.google.dev/gemini-api/terms",
    headquarters="US",
)
